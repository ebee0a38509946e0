"""The recording: the one artefact of a run, and everything that a verdict may be based on.

A recording is a file of JSON lines, appended and flushed as the run goes, so that a run that was killed at
any moment can be judged up to its last seconds. Each line is one of eight kinds, told apart by the key
``kind``:

``header``
    First line: what was planned. Scenario, shape, phases, level curve, gates, criteria as data, target,
    environment.
``slices``
    Many slices. Each is a *delta*: requests of one name and one outcome whose **intended start** lies in one second,
    of all load processes together; those of a second with a gate, of one load process. The same key may occur again and
    again; adding them, in any order, gives the total. All requests of an iteration that a gate has released are of the
    gate's second. Requests with which users got ready (``warm_up``) or came to their end (``wind_down``) are kept
    apart: they belong to no phase, whenever they were made.
``slice``
    One slice, of one load process. Up to format 3 a run wrote these.
``probe``
    One sample of one probe: a set of named figures of the target, or of a load process (probe ``generator``).
``operations``
    Single reads and writes of versioned items, as their clients saw them: for what cannot be judged from sums.
``unanswered``
    What has changed, since the last report of one node, in what it has begun and has no answer to: what survivors alone
    would hide when the run is cut off.
``mark``
    Something that happened at an instant: a gate released, a fault injected, a health check answered, a node
    joined or was lost, users' code raised exceptions, a traced request was slow; or counts beside the slices (starts
    and attempts of a second, users of each class).
``end``
    Last line: why the run ended, and totals to check the slices against.

All times are seconds after the **origin**, the instant at which the first phase begins, on the master's
monotonic clock; the warm-up before it has negative times. Latencies are histograms of microseconds with the
buckets of :mod:`harness.analysis.histogram`. Secrets never enter a recording: URLs are without user info and
query, and neither headers nor bodies are kept.

From format 3 on each line ends with a seal (its number, whose run it belongs to, a checksum), which is no part of what
it says: see :mod:`harness.recording.seal`. The types below are also what :mod:`harness.recording.line` holds a line to:
one with another type, or a figure out of its range, is damage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeAlias

from harness.recording.header import CriterionSpec as CriterionSpec  # scenarios have it from here
from harness.recording.header import Header, Phase
from harness.recording.marks import (
    AlertMark,
    AttemptsMark,
    BlockedMark,
    ExceptionMark,
    FaultMark,
    GateMark,
    HealthMark,
    Mark,
    NodeMark,
    StartsMark,
    UsersMark,
)
from harness.recording.values import Count, Instant, Second, Seconds, Size, Sizes, Sparse, Total


@dataclass(frozen=True, slots=True)  # of an hour there may be hundreds of thousands in memory
class Slice:
    """Requests of one name and outcome whose intended start lies in [t, t+1)."""

    t: Second
    node: str
    """Whose they are; empty: of several load processes."""
    name: str
    """Method and name as Locust shows them, e.g. ``POST /auth/login``."""
    outcome: str
    """``ok``, ``shed``, or a short cause: ``http 503``, ``timeout``, ``connection refused``, ``unfinished``,
    ``unserved`` …
    """
    count: Count
    bytes: Size
    """Length of the answers' bodies."""
    latency: Sparse
    """From the intended start to the end of the answer."""
    service: Sparse | None = None
    """From the actual send to the end of the answer; None where it equals ``latency``."""
    starts: Count | None = None
    """How many of them were the first of an iteration that a pacer started; None: each of them."""
    status: int = 0
    """Of HTTP; where redirects were followed, of the first answer if the last is good, else of the last. 0: there was
    none, or it is not known.
    """
    warm_up: bool = False
    """Made by users that got ready to be started, in ``on_start`` or ``prepare``, before the run or in its course."""
    wind_down: bool = False
    """Made by users when the load was over and they came to their end, in ``on_stop``."""
    user_class: str = ""
    """Whose users' they are, where a run has several classes; empty: it has one, or nobody can say."""
    sizes: Sizes | None = None
    """How long the bodies of good answers were whose content nobody has checked, in the buckets of
    :mod:`harness.analysis.answer_sizes`; None: not told, as in recordings that did not keep it yet."""
    media_type: str = ""
    """Of good answers whose content nobody has checked, e.g. ``application/json``; empty: they name none, or it is not
    told, as in recordings that did not keep it yet.
    """


fields_of_slice: Callable[[Slice], tuple[Any, ...]] = attrgetter(*Slice.__slots__)
"""Its values in their order."""


@dataclass(frozen=True)
class Slices:
    """Slices that were written together."""

    slices: tuple[Slice, ...]


@dataclass(frozen=True)
class Unanswered:
    """What has changed, since the last report of one node, in what it had begun, or what was due there, without an
    answer: told anew each time, a backlog of minutes would fill the file. What is left when the recording ends is read
    as slices. (Up to format 3 each told all of it: the newest one of a node held.)
    """

    node: str
    requests: tuple[tuple[Second, str, str, Count, Count], ...]
    """(t, name, outcome, count, starts) as in a slice, with the count and starts that hold now, 0 for none any more.
    The outcome is ``unfinished`` or ``unserved``."""


@dataclass(frozen=True)
class ProbeSample:
    """Figures of one probe at one instant. A probe that could not read says so in ``error`` and has no
    values.
    """

    t: Instant
    probe: str
    source: str
    """What was sampled: a process (``api1``), a URL, or, for the probe ``generator``, a node."""
    values: Mapping[str, float]
    error: str | None = None

    @property
    def was_left_out(self) -> bool:
        """Whether nothing was sampled, as when the sample before had not ended: then the source is the probe's own
        name, and no further one of what it samples.
        """
        return self.error is not None and self.source == self.probe


READ, WRITE, INVALIDATE, TAKE, STEP = "read", "write", "invalidate", "take", "step"
ADMITTED, REFUSED, BYPASS = "admitted", "refused", "bypass"
"""``Operation.cache`` of a ``take``."""
UNCOUNTED = "uncounted"
"""The same of a look for a row of a ledger."""


@dataclass(frozen=True)
class Operation:
    """One read, write or invalidation of a versioned item.

    Every write of a key carries a version that no other write of this key has. Versions are names: what was written
    last is the item, whatever its number, so a version is *older* than another when its write had returned before
    the other one's was invoked, and writes that overlap have no order. A key has no version before its first write.
    """

    key: str
    session: str
    """Who did it: operations of one session follow each other."""
    kind: str
    """``read``, ``write``, or ``invalidate``: the cache was told to forget the item; or ``take``: a request under the
    rate limit of its ``key``; or ``step``: the ``key`` is what was done once, such as a backup."""
    version: int | None
    """Written, or returned by a read; None when the read found nothing or had no good answer, and of an
    invalidation. Of a ``take``: how many more the answer says that the key may take. Of a
    ``step``: bytes."""
    invoke_s: Instant
    """On one clock for all operations of a node; between nodes it is uncertain by ``clock_uncertainty_s`` of both."""
    return_s: Instant | None
    """None: there was no good answer. Such a write may have taken effect at any time after ``invoke_s``, or never."""
    via: str = ""
    """The way it took, as the scenario calls it: ``service``, ``replica``, ``valkey`` …"""
    source: str = ""
    """Who answered, where the answer says so: ``cache``, ``primary`` …"""
    cache: str = ""
    """What the cache did, where the answer says so: ``hit``, ``miss``, ``bypass`` … Of a ``take``: ``admitted``,
    ``refused``, or ``bypass``, admitted without a look at the limit; empty: neither, such as an error. Of a look for a
    row of a ledger: ``uncounted``, it is there, and the answer does not say how often."""


@dataclass(frozen=True)
class Operations:
    """Operations of one node that ended since its last report."""

    node: str
    clock_uncertainty_s: Seconds
    """Bound of the error of their instants against those of other nodes; 0 on the master's clock."""
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class End:
    t: Instant
    reason: str
    """``completed``, or what cut the run short."""
    completed: bool
    requests: Total
    """Requests that ended, of all nodes, as counted apart from the slices."""
    unfinished: Total
    stopped_early: bool = False
    """By a rule of the run or a safety limit, which is the reason."""


Line: TypeAlias = Header | Slice | Slices | Unanswered | ProbeSample | Operations | Mark | End


@dataclass(frozen=True)
class Recording:
    """A recording in memory."""

    header: Header
    slices: tuple[Slice, ...] = ()
    probes: tuple[ProbeSample, ...] = ()
    marks: tuple[Mark, ...] = ()
    end: End | None = None
    operations: tuple[Operations, ...] = ()
    damage: tuple[str, ...] = ()
    """What could not be read, in words, e.g. a torn last line. Empty for a whole file."""
    warm_up: tuple[Slice, ...] = ()
    """Slices of requests with which users got ready. They are not among ``slices``: only their guard judges them."""
    wind_down: tuple[Slice, ...] = ()
    """Those of requests with which users came to their end, in the same way."""
    nodes: tuple[str, ...] = ()
    """Load processes whose slices were added up when they were read, so that these do not name them any more."""
    worked_out: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What several criteria and reports need, see :func:`harness.analysis.once.once`. A changed copy has none of it."""

    def phase(self, name: str) -> Phase | None:
        return self.header.phase(name)

    @property
    def gates(self) -> tuple[GateMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, GateMark))

    @property
    def faults(self) -> tuple[FaultMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, FaultMark))

    @property
    def alerts(self) -> tuple[AlertMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, AlertMark))

    @property
    def exceptions(self) -> tuple[ExceptionMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, ExceptionMark))

    @property
    def blocked(self) -> tuple[BlockedMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, BlockedMark))

    @property
    def starts(self) -> tuple[StartsMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, StartsMark))

    @property
    def attempts(self) -> tuple[AttemptsMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, AttemptsMark))

    @property
    def users(self) -> tuple[UsersMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, UsersMark))

    @property
    def health(self) -> tuple[HealthMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, HealthMark))

    @property
    def node_events(self) -> tuple[NodeMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, NodeMark))
