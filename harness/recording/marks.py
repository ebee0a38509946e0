"""Marks of a recording: what happened at an instant, one class for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from harness.recording.values import Busy, Count, Instant, Microseconds, Seconds, Sparse


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


JOINED, LATE, LOST, FINISHED, STOPPING = "joined", "late", "lost", "finished", "stopping"
CUT_OFF = "cut off"


@dataclass(frozen=True)
class NodeMark:
    """A load process ``joined``, was ``lost``, ``finished`` (sent its last report), or joined ``late``; or its users
    were still ``stopping`` when nobody waited for them any more; or the ``on_stop`` of some was ``cut off``.
    """

    t: Instant
    node: str
    event: str
    detail: str = ""
    mark: str = "node"


INJECTED, UNDONE, FAILED = "injected", "undone", "failed"
WITHOUT_EFFECT = "without effect: "
"""Begins the detail of what is undone and had nothing to disturb."""


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
class BlockedMark:
    """Connections that one node did not make in the second ``t``, because nobody has consented to load their host."""

    t: Instant
    node: str
    address: str
    """Host and port."""
    count: Count
    mark: str = "blocked"


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


@dataclass(frozen=True)
class AttemptsMark:
    """A *delta* as a slice is: attempts of requests that users try again when they fail, sent by one node in the second
    ``t`` under one name. The request is counted once, in a slice, from its intended start to its last answer.
    """

    t: Instant
    node: str
    name: str
    attempts: Mapping[str, Sparse]
    """Outcome → how long each took, from its own send."""
    mark: str = "attempts"


@dataclass(frozen=True)
class TraceMark:
    """A request that carried a sampled ``traceparent``: one of the slowest of its second and its node."""

    t: Instant
    """When it should have begun."""
    node: str
    name: str
    trace_id: str
    """32 hexadecimal digits."""
    outcome: str
    latency_us: Microseconds
    """From ``t`` to the end of the answer."""
    mark: str = "trace"


@dataclass(frozen=True)
class UsersMark:
    """The most users of each class that one node has had at the same time until ``t``, where Locust itself paces them
    and a run has several classes; told whenever it is more than before.
    """

    t: Instant
    node: str
    users: Mapping[str, Count]
    mark: str = "users"


Mark: TypeAlias = (
    GateMark
    | HealthMark
    | NodeMark
    | FaultMark
    | AlertMark
    | ExceptionMark
    | BlockedMark
    | StartsMark
    | AttemptsMark
    | TraceMark
    | UsersMark
)
