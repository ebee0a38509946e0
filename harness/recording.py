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
    again; adding them, in any order, gives the total. Requests with which users got ready (``warm_up``) are kept apart:
    they belong to no phase, whenever they were made.
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
    joined or was lost, users' code raised exceptions.
``end``
    Last line: why the run ended, and totals to check the slices against.

All times are seconds after the **origin**, the instant at which the first phase begins, on the master's
monotonic clock; the warm-up before it has negative times. Latencies are histograms of microseconds with the
buckets of :mod:`harness.analysis.histogram`. Secrets never enter a recording: URLs are without user info and
query, and neither headers nor bodies are kept.

From format 3 on each line ends with a seal (its number, whose run it belongs to, a checksum), which is no part of what
it says: see :mod:`harness.recording_seal`. The types below are also what :mod:`harness.recording_line` holds a line to:
one with another type, or a figure out of its range, is damage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from msgspec import Meta

FORMAT = 4
DAY_S = 86_400
LONGEST_RUN_S = 7 * DAY_S

Instant: TypeAlias = Annotated[float, Meta(ge=-LONGEST_RUN_S, le=2 * LONGEST_RUN_S)]
"""Seconds after the origin. How far off the plan it may be is seen when the plan is known."""
Second: TypeAlias = Annotated[int, Meta(ge=-LONGEST_RUN_S, le=2 * LONGEST_RUN_S)]
PlannedSecond: TypeAlias = Annotated[int, Meta(ge=0, le=LONGEST_RUN_S)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=10**9)]
"""Of what one load process counts in one second, or reports at once. So sums stay exact as floats, below 2**53."""
Size: TypeAlias = Annotated[int, Meta(gt=-(2**53), lt=2**53)]
Total: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
Level: TypeAlias = Annotated[float, Meta(ge=0, le=10**7)]
"""Users, or starts per second."""
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=LONGEST_RUN_S)]
Microseconds: TypeAlias = Annotated[int, Meta(ge=-LONGEST_RUN_S * 10**6, le=LONGEST_RUN_S * 10**6)]
Busy: TypeAlias = Annotated[float, Meta(ge=-1e9, le=1e12)]
"""Seconds of many users together."""
HIGHEST_BUCKET = 23_220
Bucket: TypeAlias = Annotated[int, Meta(ge=0, le=HIGHEST_BUCKET)]
"""Index in a histogram; the last one is that of an hour."""

OK = "ok"
UNFINISHED = "unfinished"
"""Outcome of a request that had begun and had no answer when the run ended. It has no latency."""
UNSERVED = "unserved"
"""Outcome of an arrival that was due and never found a free user. It has no latency."""
UNSENT = "no request"
"""Outcome of an iteration that began and ended without a request. It has no latency."""
CENSORED = "no answer when the run was cut off"
"""Not an outcome of a recording but of its judging, see :func:`harness.analysis.phases.settled`: ok or failed, nobody
knows. Its latency is the time that it had waited, so the true one is longer.
"""

INTERRUPTED = "interrupted"
"""Outcome of an iteration whose user was stopped on our side before there was an answer. It has no latency; it says
nothing about the target, and is load that was not made.
"""
USER_EXCEPTION = "user exception"
"""Outcome of an iteration in which users' code raised, though no request of it had failed. It has no latency."""
SHED = "shed"
"""Outcome of a request that the service turned away with a status declared for that, and with a ``Retry-After``."""
SHED_WITHOUT_DELAY = "shed without Retry-After"
"""The same, without a valid ``Retry-After``."""
ITERATION = "(iteration)"
"""Name of an iteration that has no request to be counted by: it had none, or was cut off before its first was known."""

OTHER_NAMES = "(other names)"
"""Name under which requests are counted when there are too many names to keep apart."""

Scalar: TypeAlias = float | int | str | bool | None
Sparse: TypeAlias = Mapping[Bucket, Count]
"""Histogram: bucket index → count."""


@dataclass(frozen=True)
class Phase:
    """A named stretch of the run, ``start_s`` ≤ t < ``end_s``; both are whole seconds, so that no slice
    straddles.
    """

    name: str
    start_s: PlannedSecond
    end_s: PlannedSecond

    @property
    def duration_s(self) -> int:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class PlannedGate:
    """A herd of ``users`` to be released together at ``t``."""

    gate: str
    t: Instant
    users: Count


@dataclass(frozen=True)
class FaultPlan:
    """Fault ``number`` (from 1) is to be injected at ``start_s`` and undone at ``end_s``."""

    number: Count
    fault: str
    """Name of its file in ``harness/faults``."""
    start_s: Instant
    end_s: Instant
    description: str
    """Name and parameters, without secrets."""


@dataclass(frozen=True)
class CriterionSpec:
    """A criterion as data: the name of its file in ``harness/criteria`` and its parameters."""

    criterion: str
    parameters: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Header:
    scenario: str
    started_utc: str
    """ISO 8601 with seconds and ``Z``; for people and file names, never for arithmetic."""
    shape: str
    parameters: Mapping[str, Scalar]
    """The shape's options as they were in this run."""
    phases: tuple[Phase, ...]
    level: tuple[tuple[Instant, Level], ...]
    """The planned load as a polyline of (t, level)."""
    level_unit: str
    """``users`` (closed model) or ``starts/s`` (open model)."""
    gates: tuple[PlannedGate, ...]
    criteria: tuple[CriterionSpec, ...]
    target: str
    """Address of the target, stripped of user info and query."""
    nodes: Count
    """Load processes that should take part."""
    environment: Mapping[str, str]
    """Versions, machine and settings: runs are compared only where these agree."""
    notes: tuple[str, ...] = ()
    alerts: Mapping[str, Scalar] = field(default_factory=dict)
    """Limits of the alerts, see :mod:`harness.analysis.alerts`."""
    faults: tuple[FaultPlan, ...] = ()
    reference_target: bool = False
    """The target was the built-in one, started for this run because nobody had named a host."""
    format: int = FORMAT

    def phase(self, name: str) -> Phase | None:
        return next((phase for phase in self.phases if phase.name == name), None)


@dataclass(frozen=True)
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
    """Of HTTP, of the last answer where redirects were followed; 0: there was none, or it is not known."""
    warm_up: bool = False
    """Made by users that got ready to be started, in ``on_start`` or ``prepare``, before the run or in its course."""


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


READ, WRITE, INVALIDATE = "read", "write", "invalidate"


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
    """``read``, ``write``, or ``invalidate``: the cache was told to forget the item."""
    version: int | None
    """Written, or returned by a read; None when the read found nothing or had no good answer, and of an
    invalidation."""
    invoke_s: Instant
    """On one clock for all operations of a node; between nodes it is uncertain by ``clock_uncertainty_s`` of both."""
    return_s: Instant | None
    """None: there was no good answer. Such a write may have taken effect at any time after ``invoke_s``, or never."""
    via: str = ""
    """The way it took, as the scenario calls it: ``service``, ``replica``, ``valkey`` …"""
    source: str = ""
    """Who answered, where the answer says so: ``cache``, ``primary`` …"""
    cache: str = ""
    """What the cache did, where the answer says so: ``hit``, ``miss``, ``bypass`` …"""


@dataclass(frozen=True)
class Operations:
    """Operations of one node that ended since its last report."""

    node: str
    clock_uncertainty_s: Seconds
    """Bound of the error of their instants against those of other nodes; 0 on the master's clock."""
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class GateMark:
    """What one node did at one gate."""

    t: Instant
    """Planned release instant."""
    node: str
    gate: str
    planned: Count
    """Users of this node that should have been released."""
    sent_us: tuple[Microseconds, ...]
    """For each request sent: microseconds after the release instant, on the master's clock."""
    clock_uncertainty_s: Seconds
    """Half of the shortest round trip with which the node's clock offset was measured; 0 on the master's
    clock.
    """
    mark: str = "gate"


PARKED = "parked"


@dataclass(frozen=True)
class HealthMark:
    """A health check of the target, ``when`` = ``before`` or ``after`` the load, or ``parked``: beside users that hold
    connections.
    """

    t: Instant
    when: str
    check: str
    """What was asked, e.g. ``GET /readyz``."""
    ok: bool
    detail: str
    mark: str = "health"


ARRIVALS = "arrivals"
"""The stream of an open model, alone or beside the gates."""


def gate_stream(gate: str) -> str:
    """The stream of a gate of that name."""
    return f"gate {gate}"


JOINED, LATE, LOST, FINISHED = "joined", "late", "lost", "finished"


@dataclass(frozen=True)
class NodeMark:
    """A load process ``joined``, was ``lost``, ``finished`` (sent its last report), or joined ``late``."""

    t: Instant
    node: str
    event: str
    detail: str = ""
    mark: str = "node"


INJECTED, UNDONE, FAILED = "injected", "undone", "failed"


@dataclass(frozen=True)
class FaultMark:
    """A fault of ours: ``injected``, ``undone``, or ``failed`` (it could not be injected or undone)."""

    t: Instant
    fault: str
    """Name of its file in ``harness/faults``."""
    event: str
    detail: str = ""
    number: Count = 0
    """Which one of the planned faults; 0 where none was planned."""
    mark: str = "fault"


RAISED, CLEARED = "raised", "cleared"


@dataclass(frozen=True)
class AlertMark:
    """An alert was ``raised`` or ``cleared`` while the run went. Alerts inform; criteria judge."""

    t: Instant
    alert: str
    event: str
    detail: str = ""
    mark: str = "alert"


@dataclass(frozen=True)
class ExceptionMark:
    """Exceptions of one kind that users' code raised on one node in the second ``t``."""

    t: Instant
    node: str
    exception: str
    """Its class."""
    message: str
    """Of the first of this kind, shortened, without what is secret in addresses."""
    place: str
    """The innermost line of the users' code: ``shop.py, line 12, in buy``."""
    where: str
    """In what it was raised: ``task``, ``prepare``, ``check``, ``on_start``, ``on_stop`` …"""
    count: Count
    mark: str = "exception"

    def __str__(self) -> str:
        """In words: ``KeyError: 'token' in task (shop.py, line 12, in buy)``."""
        message = f": {self.message}" if self.message else ""
        return f"{self.exception}{message} in {self.where}" + (f" ({self.place})" if self.place else "")


@dataclass(frozen=True)
class StartsMark:
    """A *delta* as a slice is: what one node did with the starts that were due in the second ``t`` in one stream, by
    class of user. Each part belongs to the second in which the start was due, whenever it is reported.
    """

    t: Instant
    node: str
    starts: Mapping[str, Count]
    """Iterations that began."""
    mark: str = "starts"
    stream: str = ""
    """``arrivals``, or ``gate NAME``; empty where users set the pace, and in recordings that do not tell."""
    due: Mapping[str, Count] = field(default_factory=dict)
    """Starts that were due. Those that did not begin found no free user, or one that was stopped."""
    waits: Mapping[str, Sparse] = field(default_factory=dict)
    """Of the iterations that began: microseconds for which they had waited for a free user. None that had not to."""
    busy: Mapping[str, tuple[Count, Busy]] = field(default_factory=dict)
    """How many users became free again, and the seconds for which they had not been, in all: from their start until
    they were ready for the next."""


Mark: TypeAlias = GateMark | HealthMark | NodeMark | FaultMark | AlertMark | ExceptionMark | StartsMark


@dataclass(frozen=True)
class End:
    t: Instant
    reason: str
    """``completed``, or what cut the run short."""
    completed: bool
    requests: Total
    """Requests that ended, of all nodes, as counted apart from the slices."""
    unfinished: Total


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
    """Slices of requests with which users got ready. They are not among ``slices``: nothing is judged by them."""
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
    def starts(self) -> tuple[StartsMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, StartsMark))

    @property
    def health(self) -> tuple[HealthMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, HealthMark))

    @property
    def node_events(self) -> tuple[NodeMark, ...]:
        return tuple(mark for mark in self.marks if isinstance(mark, NodeMark))
