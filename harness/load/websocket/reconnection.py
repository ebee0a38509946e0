"""Reconnection: how a user comes back, and when it counts as back.

A handshake alone says nothing of the service behind it: a user is back when its connection has stayed, or has answered.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.recording.values import ATTEMPT, NOT_TRIED, OK, UNFINISHED

if TYPE_CHECKING:
    from harness.load.websocket.users import WebSocketUser

KICKED = "kicked"
NONE, FIXED, EXPONENTIAL = "none", "fixed", "exponential"
POLICIES = (NONE, FIXED, EXPONENTIAL)
FULL, EQUAL = "full", "equal"
JITTERS = (NONE, EQUAL, FULL)


@dataclass
class Unproven:
    """A connection that was opened in the place of one that was lost, and may be ended again."""

    lost_s: float
    sent_s: float
    opened_s: float
    asked_s: float = math.inf
    """When the first message was sent on it."""


class Reconnection:
    """Of one user, whose attributes ``reconnect``, ``jitter``, ``first_pause_s``, ``longest_pause_s`` and ``stable_s``
    it goes by, and in whose name it counts. All instants are ``time.monotonic()`` seconds.
    """

    def __init__(self, user: WebSocketUser) -> None:
        self.lost_s = 0.0
        """When the connection was lost, for which there is none again."""
        self.pause_s = user.first_pause_s
        """The longest before the next attempt."""
        self.unproven: Unproven | None = None
        """While nobody knows whether the present connection will stay."""
        self._user = user

    def next_pause_s(self) -> float:
        """Before an attempt; with an exponential back-off each twice the one before, until the user is back."""
        pause_s = self.pause_s
        if self._user.reconnect == EXPONENTIAL:
            self.pause_s = min(2 * pause_s, self._user.longest_pause_s)
        least = {NONE: 1.0, EQUAL: 0.5, FULL: 0.0}[self._user.jitter]
        return random.uniform(least * pause_s, pause_s)

    def not_tried(self) -> None:
        """The connection is lost, and the user is none that comes back."""
        self._user.observe(ATTEMPT, self._name, self.lost_s, self.lost_s, NOT_TRIED)

    def attempt_failed(self, sent_s: float, error: Exception) -> None:
        self._user._fire(ATTEMPT, self._name, sent_s, time.monotonic(), sent_s, error, 0)

    def opened(self, sent_s: float, opened_s: float) -> None:
        self.unproven = Unproven(self.lost_s, sent_s, opened_s)

    def asked(self) -> None:
        """A message was sent, just now."""
        if self.unproven is not None:
            self.unproven.asked_s = min(self.unproven.asked_s, time.monotonic())

    def heard(self, arrived_s: float) -> None:
        """A message came then; where it may answer one of ours, the user is back."""
        if self.unproven is not None and arrived_s > self.unproven.asked_s:
            self.back()

    def proven_s(self) -> float | None:
        """When the connection will have stayed; None where there is nothing to be proven."""
        return None if self.unproven is None else self.unproven.opened_s + self._user.stable_s

    def back(self) -> None:
        """The connection stays. The user was back when it was opened; only then is the next pause a first one."""
        back, self.unproven = self.unproven, None
        if back is not None:
            self.pause_s = self._user.first_pause_s
            self._user.observe("WS", self._name, back.sent_s, back.opened_s, intended_s=back.lost_s)

    def settle(self, now_s: float) -> None:
        """Whether the user is back, as far as anybody can know by now; at the end of the run that is all there is."""
        unproven, proven_s = self.unproven, self.proven_s()
        if proven_s is not None and now_s >= proven_s:
            self.back()
        elif unproven is not None and self._user.ending:
            self.unproven = None
            self.never_back(unproven.lost_s)

    def never_back(self, lost_s: float) -> None:
        self._user.missing(f"WS {self._name}", UNFINISHED, lost_s)

    def ended(self, ended_s: float, outcome: str) -> bool:
        """The connection has ended. Returns whether the user was kicked, before it had been back."""
        self.settle(ended_s)
        unproven = self.unproven
        if unproven is None or outcome == OK:
            self.back()
            self.lost_s = ended_s
            return False
        self.unproven, self.lost_s = None, unproven.lost_s
        self._user.observe(ATTEMPT, self._name, unproven.sent_s, ended_s, KICKED)
        return True

    @property
    def _name(self) -> str:
        return f"{self._user.name} reconnect"
