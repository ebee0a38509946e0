"""The first line of a recording: what was planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.recording.values import Count, Instant, Level, PlannedSecond, Scalar

FORMAT = 4
STARTS_PER_S = "starts/s"
"""Level unit of the open model, in which the level is a rate of starts and not a number of users."""


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
class PlannedClass:
    """A class of users, and what it was to do."""

    user_class: str
    users: Count = 0
    """In the pool, those of the herds among them; 0: by its weight."""
    level: tuple[tuple[Instant, Level], ...] = ()
    """Its own part of the planned load; empty: it shares in all of it, by its weight."""


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
    parameters: Mapping[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict)


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
    branch: str = ""
    """Of the version that was tested, as the working tree or the build server says; empty where nobody does."""
    commit: str = ""
    """Its revision, in full."""
    tags: tuple[str, ...] = ()
    """What somebody calls the run by, to find it among others."""
    format: int = FORMAT
    stop_when: tuple[str, ...] = ()
    """The rules by which the run was to be stopped early, as they were given."""

    classes: tuple[PlannedClass, ...] = ()
    """Of users; empty in recordings that do not tell."""
    even_arrivals: bool = False
    """Starts of the open model were due at even distances. Random ones, and those of recordings that do not tell, may
    fall short of the plan by chance."""

    @property
    def planned_end_s(self) -> int:
        """End of the last phase; 0 where none is planned."""
        return max((phase.end_s for phase in self.phases), default=0)

    def phase(self, name: str) -> Phase | None:
        return next((phase for phase in self.phases if phase.name == name), None)
