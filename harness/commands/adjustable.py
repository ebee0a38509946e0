"""What a search may change about a scenario from one run to the next, and by what it is judged.

It is found where Locust reads the scenario, in a process of its own, and travels from there as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from harness import criteria as criteria_folder
from harness.findings import BASELINE
from harness.parameters import flag
from harness.recording.header import CriterionSpec

if TYPE_CHECKING:
    from shapes._phased import PhasedShape
    from shapes._profile import Profile


@dataclass(frozen=True)
class Option:
    """A numeric option of the shape."""

    name: str
    value: float
    own: float
    """What the scenario's file says, before anybody gives another value."""
    is_whole: bool

    @property
    def flag(self) -> str:
        return flag(self.name)


@dataclass(frozen=True)
class Judged:
    """A criterion of the scenario."""

    name: str
    kind: str
    needs_baseline: bool
    """Whether it compares with the baseline."""
    baseline_s: int
    """How many seconds of baseline it needs to judge anything; 0: as many as there are."""
    parameters: Mapping[str, Any]
    """All that are numbers or text, with their defaults."""

    def number(self, name: str) -> float | None:
        value = self.parameters.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class Adjustable:
    size_option: str
    """The option of the shape that says how large the spike is; empty where none does."""
    unit: str
    """Of the level: ``starts/s`` in the open model, ``users`` in the closed one."""
    plateau_s: float
    """For how long the highest level is held without a break; 0 where it is an instant."""
    options: Sequence[Option]
    criteria: Sequence[Judged]

    @staticmethod
    def read(said: Mapping[str, Any]) -> Adjustable:
        """From what ``asdict`` has made."""
        return Adjustable(
            said["size_option"],
            said["unit"],
            said["plateau_s"],
            tuple(Option(**each) for each in said["options"]),
            tuple(Judged(**each) for each in said["criteria"]),
        )

    def option(self, name: str) -> Option | None:
        return next((each for each in self.options if each.name == name), None)


def of(shape: PhasedShape, criteria: Iterable[CriterionSpec]) -> Adjustable:
    """Of a shape with the options of the run that is planned, and the run's criteria."""
    heeded = [(name, getattr(shape, name), shape.parameters[name]) for name in shape.options_of(shape.parked)]
    options = tuple(
        Option(name, value, declared.usable(getattr(type(shape), name)), declared.kind is int)
        for name, value, declared in heeded
        if declared.kind in (int, float)
    )
    judged = [spec for spec in criteria if not criteria_folder.is_guard(spec.criterion)]
    profile = shape.profile()
    return Adjustable(
        shape.size_option if any(option.name == shape.size_option for option in options) else "",
        profile.level_unit(shape.parked),
        plateau_s(profile, shape.parked),
        options,
        tuple(_judged(spec) for spec in criteria_folder.with_defaults(judged)),
    )


def plateau_s(profile: Profile, parked: bool) -> float:
    """For how long the highest level of a profile lasts; 0 where there are herds, or it is reached for an instant."""
    level = profile.level(parked)
    if profile.herds:
        return 0.0
    return max((t1 - t0 for (t0, y0), (t1, y1) in pairwise(level.points) if y0 == y1 == level.peak), default=0.0)


def _judged(spec: CriterionSpec) -> Judged:
    told = {name: value for name, value in spec.parameters.items() if isinstance(value, str | int | float)}
    needs_baseline = BASELINE in criteria_folder.rests_on(spec.criterion)
    wanted = criteria_folder.load(spec).baseline_wanted
    baseline_s = wanted.windows * wanted.window_s if wanted is not None and wanted.phase == BASELINE else 0
    return Judged(criteria_folder.name_of(spec), spec.criterion, needs_baseline, baseline_s, told)
