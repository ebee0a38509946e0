"""What all pacers share: the seat of a parked user, and the start it is given."""

from __future__ import annotations

from typing import Protocol

from gevent.event import Event


class Wire(Protocol):
    """A connection with a request prepared for it, so that a gate can send without waking the user."""

    def transmit(self) -> bool:
        """Writes the prepared request, or begins to connect, without blocking. False when the connection is gone."""
        ...

    def follow_up(self) -> None:
        """Called when the whole herd has been let go: a connection that was begun may be there by now."""
        ...

    def usable(self) -> bool:
        """Whether the other side still holds the connection open."""
        ...


class Start:
    """One iteration of a user: when it should have begun, and at which gate, if any."""

    __slots__ = ("answered", "gate", "intended_s", "name", "sent_s", "t")

    def __init__(self, t: float, intended_s: float, gate: Gatekeeper | None = None) -> None:
        self.t = t
        """Seconds after the origin, exactly as planned: decides the slice, which a rounded clock must not."""
        self.intended_s = intended_s
        """The same instant on this node's monotonic clock."""
        self.gate = gate
        self.sent_s: float | None = None
        """Set when a gate has already sent the request."""
        self.answered = False
        """Whether a request of this iteration has ended."""
        self.name = ""
        """Name of the first request, as far as it is known before it ends."""


class Gatekeeper(Protocol):
    """The gate that released a start; told when a user who sends for itself has sent."""

    def user_sent(self, sent_s: float) -> None: ...


class Seat:
    """A parked user's place in a pacer. The pacer fills in ``start`` and wakes the user."""

    __slots__ = ("start", "wire", "woken")

    def __init__(self, wire: Wire | None = None) -> None:
        self.woken = Event()
        self.wire = wire
        self.start: Start | None = None
        """None after waking means: come back with a fresh connection."""

    def release(self, start: Start) -> None:
        self.start = start
        self.woken.set()


class Pacer(Protocol):
    """Decides when a parked user may start."""

    def take(self, seat: Seat) -> None:
        """Takes in a parked user. May release it at once."""
        ...

    def leave(self, seat: Seat) -> None:
        """The user was stopped while it was parked."""
        ...

    @property
    def armed(self) -> bool:
        """Whether somebody is still to be started, so that a parked user should keep its connection."""
        ...

    def run(self) -> None:
        """Body of the pacer's greenlet: returns when nobody is due any more."""
        ...
