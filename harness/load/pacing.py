"""What all pacers share: the slot of a parked user, and the start it is given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from gevent.event import Event


class NotReadyError(Exception):
    """What the service has answered does not let a user get ready. The failed request stands in the warm-up; the user
    tries again, and nothing is wrong with its code.
    """


class GateConnection(Protocol):
    """A connection with a request prepared for it, warm (open) or cold, so that a gate can send without waking the
    user.
    """

    @property
    def begin(self) -> Callable[[], int]:
        """Writes the prepared request, or begins to connect, without blocking: a system call with nothing of Python
        around it, so that two threads that make such calls do not wait for each other. Raises OSError.
        """
        ...

    def note_begun(self, outcome: int | None) -> bool:
        """``outcome`` of ``begin``, None where it raised. False where nothing has begun: its user does it by itself."""
        ...

    def continue_request(self) -> None:
        """Called when the whole herd has been released: a connection that was begun may be there by now."""
        ...

    def is_alive(self) -> bool:
        """Whether the other side still holds the connection open."""
        ...


class ReleaseListener(Protocol):
    """The release of a herd; it is notified when a user that sends for itself has sent."""

    def user_sent(self, sent_s: float) -> None: ...


class Start:
    """One iteration of a user: when it should have begun, and with which herd, if any."""

    __slots__ = (
        "answered",
        "began_s",
        "failed",
        "intended_s",
        "name",
        "raised",
        "release",
        "sent_s",
        "stream",
        "t",
        "waited_s",
    )

    def __init__(self, t: float, intended_s: float, release: ReleaseListener | None = None, stream: str = "") -> None:
        self.t = t
        """Seconds after the origin, exactly as planned: decides the slice, which a rounded clock must not."""
        self.intended_s = intended_s
        """The same instant on this node's monotonic clock."""
        self.release = release
        self.stream = stream
        """As in :class:`harness.recording.marks.StartsMark`."""
        self.waited_s = 0.0
        """For a free user of ours: no time of the target's."""
        self.sent_s: float | None = None
        """Set when a gate has already sent the request."""
        self.began_s = -math.inf
        """When its user took it."""
        self.answered = False
        """Whether a request of this iteration has ended."""
        self.failed = False
        """Whether one has failed."""
        self.raised = False
        """Whether the user's own code has raised."""
        self.name = ""
        """Name of the first request, as far as it is known before it ends."""


class Slot:
    """A parked user's place in a pacer. The pacer fills in ``start`` and wakes the user."""

    __slots__ = ("connection", "kind", "start", "until_s", "woken")

    def __init__(self, connection: GateConnection | None = None) -> None:
        self.woken = Event()
        self.connection = connection
        self.kind = ""
        """Name of the user's class."""
        self.start: Start | None = None
        """None after waking means: come back with a fresh connection."""
        self.until_s = math.inf
        """On this node's monotonic clock: whoever has not been started by then has to get ready afresh."""

    def release(self, start: Start) -> None:
        self.start = start
        self.woken.set()


class Pacer(Protocol):
    """Decides when a parked user may start."""

    def park(self, slot: Slot) -> None:
        """Takes in a parked user. May release it at once."""
        ...

    def remove(self, slot: Slot) -> None:
        """The user was stopped while it was parked."""
        ...

    def has_starts_left(self, kind: str) -> bool:
        """Whether somebody of the class is still to be started, so that a parked user should keep its connection."""
        ...

    def run(self) -> None:
        """Body of the pacer's greenlet: returns when nobody is due any more."""
        ...
