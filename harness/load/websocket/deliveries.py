"""Messages counted by number: what came, what is lost, what came twice.

For a feed in which whatever is sent is answered, and what is published gets a number and reaches every connection of
a channel; a channel's numbers have no gaps. Publishers and readers of a channel are users of one load process, so the
time from publishing to delivery is read off one clock, and the number that a channel has reached is known for certain.
"""

from __future__ import annotations

from collections.abc import Hashable
from weakref import WeakKeyDictionary

from harness.load.node import Node
from harness.load.present_node import node_of
from harness.load.users.measured import Measured
from harness.recording.values import OK

KIND = "message"
LOST, DOUBLED, LATE, REFUSED, MISDELIVERED = "lost", "doubled", "late", "refused", "misdelivered"
"""Outcomes. ``late``: it came, after one with a higher number. ``refused``: the target said that it would not.
``misdelivered``: it was published to another channel.
"""
BROADCAST = "broadcast"
LARGEST_GAP = 10_000
"""Numbers that a connection keeps as missing: a service whose numbers are instants has a gap before each of them."""

_channels: WeakKeyDictionary[Node, dict[str, Channel]] = WeakKeyDictionary()


class SequenceNumbers:
    """The numbers that one connection got, beginning after ``last``."""

    __slots__ = ("_gaps", "first", "last")

    def __init__(self, last: int) -> None:
        self.first = last + 1
        self.last = last
        self._gaps: set[int] | None = None
        """Those below ``last`` that have not come; None for none, which is the usual case."""

    def take(self, number: int) -> str:
        """``ok``, ``late`` or ``doubled``."""
        if number > self.last:
            if number > self.last + 1:
                self._gaps = self._gaps or set()
                room = LARGEST_GAP - len(self._gaps)
                self._gaps.update(range(max(self.last + 1, number - room), number))
            self.last = number
            return OK
        if self._gaps and number in self._gaps:
            self._gaps.discard(number)
            return LATE
        return DOUBLED

    def gaps(self) -> list[int]:
        return sorted(self._gaps or ())


class Channel:
    """What the users of this load process know of a channel: which number was published when."""

    def __init__(self) -> None:
        self.sent_s: dict[int, float] = {}
        self.answered: set[int] = set()
        """Those that the target has told a publisher."""


def channel_of(user: Measured, name: str) -> Channel:
    """The one channel of that name in this run and process."""
    return _channels.setdefault(node_of(user.environment), {}).setdefault(name, Channel())


class Deliveries:
    """The account of one connection. ``settle`` closes it.

    Recorded under ``message <kind>`` for each answer, and ``message broadcast`` for each delivery of what was
    published: latency from sending to arrival, in the second in which it was sent. All instants are
    ``time.monotonic()`` seconds. Where nothing is published, no ``channel`` is needed.
    """

    __slots__ = ("_channel", "_numbers", "_unanswered", "_user")

    def __init__(self, user: Measured, channel: Channel | None = None) -> None:
        self._user = user
        self._channel = channel or Channel()
        self._numbers: SequenceNumbers | None = None
        self._unanswered: dict[Hashable, tuple[str, float]] = {}

    @property
    def awaits_any(self) -> bool:
        """Whether an answer is due."""
        return bool(self._unanswered)

    def start_after(self, number: int) -> None:
        """The feed said which number is the last that this connection does not get."""
        self._numbers = SequenceNumbers(number)

    def sent(self, kind: str, mine: Hashable, sent_s: float) -> None:
        """Message ``mine`` of this user, by a number or name of its own, is on its way, and its answer is due."""
        self._unanswered[mine] = kind, sent_s

    def answered(self, kind: str, mine: Hashable, now_s: float, outcome: str = OK) -> float:
        """The answer to message ``mine``. When that was sent."""
        _, sent_s = self._unanswered.pop(mine, ("", None))
        if sent_s is None:
            self._user.observe(KIND, kind, now_s, now_s, DOUBLED)
            return now_s
        self._user.observe(KIND, kind, sent_s, now_s, outcome)
        return sent_s

    def published(self, number: int, mine: int, now_s: float) -> None:
        """The channel has reached ``number`` with message ``mine``, so it is due to everybody who is connected.

        A number that another message has, or that came before this connection by what the feed said of it, is none: by
        it nobody would ever miss the message, so it counts as lost, once.
        """
        is_awaited = mine in self._unanswered
        sent_s = self.answered("published", mine, now_s)
        if is_awaited and self._numbers is not None:
            if number in self._channel.answered or number < self._numbers.first:
                return self._user.missing(f"{KIND} {BROADCAST}", LOST, sent_s)
            self._channel.answered.add(number)
        self._channel.sent_s.setdefault(number, sent_s)
        return None

    def refused(self, mine: int | None, now_s: float) -> None:
        """The target says that it cannot publish message ``mine``, or says so of no message in particular."""
        if mine is None:
            self._user.observe(KIND, "error", now_s, now_s, REFUSED)
        else:
            self.answered("published", mine, now_s, REFUSED)

    def misdelivered(self, now_s: float) -> None:
        """A message of another channel has come. Its number is none of this channel's."""
        self._user.observe(KIND, BROADCAST, now_s, now_s, MISDELIVERED)

    def delivered(self, number: int, sent_s: float, now_s: float) -> None:
        """Number ``number`` of the channel, published at ``sent_s``, has come."""
        self._channel.sent_s[number] = sent_s
        outcome = self._numbers.take(number) if self._numbers is not None else OK
        self._user.observe(KIND, BROADCAST, sent_s, now_s, outcome)

    def settle(self, sent_before_s: float) -> None:
        """Counts as lost what was sent before that instant and has not come. What was sent later may have been on its
        way when the connection ended, and is neither due nor lost; a gap is a loss whenever it was.
        """
        for kind, sent_s in self._unanswered.values():
            if sent_s < sent_before_s:
                self._user.missing(f"{KIND} {kind}", LOST, sent_s)
        self._unanswered.clear()
        if self._numbers is None:
            return
        known = self._channel.sent_s
        gaps = self._numbers.gaps()
        tail = [number for number, sent_s in known.items() if number > self._numbers.last and sent_s < sent_before_s]
        for number in (*gaps, *tail):
            self._user.missing(f"{KIND} {BROADCAST}", LOST, known.get(number, sent_before_s))
        self._numbers = None
