"""What a scenario file says about itself when it calls :func:`harness.attach`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from harness.faults import PlannedFault
from harness.probes import Probe, ProbeData
from harness.recording import CriterionSpec

GUARDS = tuple(
    CriterionSpec(name)
    for name in ("spike_delivered", "release_skew", "generator_health", "target_healthy", "faults_injected")
)
"""Criteria about the evidence; a scenario gets them without asking."""

STANDARD = tuple(CriterionSpec(name) for name in ("error_ratio", "latency_quantile", "recovery_time", "memory_growth"))
"""Criteria about the target, with the defaults of their files, for a scenario that names none."""


ProbesOf: TypeAlias = Callable[[Any], Iterable[Probe | ProbeData]]
"""From the options of a run (attributes, as in ``parsed_options``) to what is sampled."""
FaultsOf: TypeAlias = Callable[[Any], Iterable[PlannedFault]]
"""From the options of a run to what is disturbed, and when."""


ChecksOf: TypeAlias = Callable[[Any], Iterable[str]]
"""From the options of a run to what makes it impossible, in words that name the remedy."""


@dataclass(frozen=True)
class Scenario:
    """A scenario: its name, how it is judged, what is sampled, and the options of its users."""

    name: str
    criteria: tuple[CriterionSpec, ...] = STANDARD
    probes: tuple[Probe, ...] | ProbesOf = ()
    faults: tuple[PlannedFault, ...] | FaultsOf = ()
    health_path: str = ""
    """Asked before and after the load; empty: only that the port answers."""
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Option of the users → (default, help), e.g. ``{"username": ("user{number}", "name to log in with")}``."""
    reference: Mapping[str, str] = field(default_factory=dict)
    """What the reference target has to be like when it is started for this scenario: options of ``python -m target
    up`` without their dashes (``{"autoscale": "max=3"}``) and settings of its service (``TARGET_…``)."""
    checks: ChecksOf | None = None
    """Asked in the master just before load is made, when the target is up: whether the password of a database is right,
    whether an option is a number. What it says refuses the run."""
