"""The gate: releases a herd of parked users at one instant (a rendezvous).

The gate sends and the users read. While parked, each user hands over its connected socket with the request prepared on
it; at the instant the gate writes them all in one tight loop, then wakes the users. Waking users that send for
themselves takes two to four times as long, because each wake-up runs the user's whole path to its send. Where
connections are to be opened at the instant, the gate begins them all and then sends on those that are open. Thousands
of users take so long that the event loop gets a turn now and then, for everything that is timed in it. Users without
such a connection (stock HttpUser and the like) are woken in the same loop and do send for themselves.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import gevent

from harness.load.clock import Clock
from harness.load.pacing import Slot, Start
from harness.load.real_time import RealTime
from harness.load.sends_at_once import Send, SendsAtOnce
from harness.load.turns import turn_is_long
from harness.recording.marks import GateMark, gate_stream
from shapes._profile import Herd

CHECK_INTERVAL_S = 0.5
"""How often connections that the other side has closed are looked for; their users connect again."""
LAST_CHECK_S = 0.25
"""No reconnection is started later than this before the instant."""
LAST_RENEWAL_S = 1.0
"""No user whose token runs out leaves the gate later than this before the instant."""
TIMER_SLACK_S = 0.003
"""A timer of the event loop can fire a millisecond or two late, so the last stretch is slept outside of it."""


class Gate:
    """Holds one node's part of the herds. Re-armable: users released at one herd may come back for the next."""

    def __init__(
        self,
        herds: Iterable[Herd],
        users: Mapping[str, int],
        origin_s: float,
        clock: Clock,
        report: Callable[[GateMark], None],
        note_due: Callable[[Herd, Mapping[str, int]], None] = lambda *_: None,
    ) -> None:
        """``users`` of each class wait for its herds. ``note_due`` hears of each herd, and of whom it is, when it is
        due.
        """
        self._herds = deque(sorted(herds, key=lambda herd: herd.t))
        self._users = users
        self._origin_s = origin_s
        self._clock = clock
        self._report = report
        self._note_due = note_due
        self._slots: dict[Slot, None] = {}
        self._latest: Release | None = None

    def park(self, slot: Slot) -> None:
        self._slots[slot] = None

    def remove(self, slot: Slot) -> None:
        self._slots.pop(slot, None)

    def has_starts_left(self, kind: str) -> bool:
        """Whether a herd is still to come, so that it is worth keeping connections open."""
        return any(_is_of(herd, kind) for herd in self._herds)

    @property
    def is_about_to_release(self) -> bool:
        """Whether the next herd is so near that who leaves now might miss it."""
        if not self._herds:
            return False
        return self._clock.to_local(self._origin_s + self._herds[0].t) - time.monotonic() <= LAST_RENEWAL_S

    def run(self) -> None:
        while self._herds:
            herd = self._herds[0]
            self._wait_for(self._origin_s + herd.t)
            held = {kind: users for kind, users in self._users.items() if _is_of(herd, kind)}
            release = Release(herd, sum(held.values()), self._clock.to_local(self._origin_s + herd.t))
            stream = gate_stream(herd.name)
            # All that can be done before the instant is: whatever is done for each of thousands while they are sent
            # keeps the last of them waiting. So would a collection of garbage, for tens of milliseconds.
            sends = [Send(Start(herd.t, release.instant_s, release, stream)) for _ in range(release.planned)]
            gc.collect()
            gevent.sleep(max(0.0, release.instant_s - time.monotonic() - TIMER_SLACK_S))
            self.report_release()
            self._latest = release
            slots = [slot for slot in self._slots if slot.kind in held]
            self._release_users(release, list(zip(slots, sends, strict=False)))
            self._note_due(herd, held)
            if release.complete:
                self.report_release()

    def report_release(self) -> None:
        """Reports the latest release, with the sends known so far. Users who send for themselves need time for it."""
        if self._latest is not None:
            self._report(self._latest.mark(self._clock))
            self._latest = None

    def _wait_for(self, instant_master_s: float) -> None:
        """Sleeps until a moment before the instant, sending users with dead connections back for fresh ones."""
        while True:
            left_s = self._clock.to_local(instant_master_s) - time.monotonic()
            if left_s <= LAST_CHECK_S:
                break
            gevent.sleep(min(CHECK_INTERVAL_S, left_s - LAST_CHECK_S))
            if left_s > LAST_CHECK_S:
                for slot in [slot for slot in self._slots if slot.connection and not slot.connection.is_alive()]:
                    self.remove(slot)
                    slot.woken.set()

    def _release_users(self, release: Release, users: Sequence[tuple[Slot, Send]]) -> None:
        """Whoever stops the run in a turn of the event loop: a release that has begun comes to its end, so that all who
        have sent are woken, and counted.
        """
        with _without_collections(), RealTime() as real_time:
            try:
                self._send(release, users, real_time)
                for slot, _ in self._still_parked(users):
                    if turn_is_long():
                        real_time.wait_a_turn()
                    if slot.connection is not None:
                        slot.connection.continue_request()
            finally:
                self._herds.popleft()  # not sooner: until here who is in the gate stays in it
                for slot, _ in self._still_parked(users):
                    self.remove(slot)
                    slot.woken.set()

    def _send(self, release: Release, users: Sequence[tuple[Slot, Send]], real_time: RealTime) -> None:
        sends = []
        for slot, send in users:
            if slot.connection is not None:
                send.begin = slot.connection.begin
                sends.append(send)
        try:
            SendsAtOnce(sends, release.instant_s, real_time).make()
        finally:
            for slot, send in self._still_parked(users):
                slot.start = send.start
                if slot.connection is not None and slot.connection.note_begun(send.outcome):
                    send.start.sent_s = send.sent_s
                    release.user_sent(send.sent_s)

    def _still_parked(self, users: Sequence[tuple[Slot, Send]]) -> Sequence[tuple[Slot, Send]]:
        """Some may have been stopped in a turn of the loop."""
        return [each for each in users if each[0] in self._slots]


@contextmanager
def _without_collections() -> Iterator[None]:
    """Of garbage, which take tens of milliseconds."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _is_of(herd: Herd, kind: str) -> bool:
    return not herd.classes or kind in herd.classes


class Release:
    """One opening of the gate: when each of its users sent."""

    def __init__(self, herd: Herd, planned: int, instant_s: float) -> None:
        self.herd = herd
        self.planned = planned
        self.instant_s = instant_s
        self._sent_us: list[int] = []

    def user_sent(self, sent_s: float) -> None:
        self._sent_us.append(round((sent_s - self.instant_s) * 1e6))

    @property
    def complete(self) -> bool:
        return len(self._sent_us) >= self.planned

    def mark(self, clock: Clock) -> GateMark:
        return GateMark(
            t=self.herd.t,
            node="",
            gate=self.herd.name,
            planned=self.planned,
            sent_us=tuple(self._sent_us),
            clock_uncertainty_s=clock.uncertainty_s(),
        )
