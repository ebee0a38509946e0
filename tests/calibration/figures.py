"""What a calibration measures: shares of simulated runs, and means, each with the goal that it is held against."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis.intervals import clopper_pearson


@dataclass(frozen=True)
class Share:
    """In ``count`` of ``of`` simulated runs it was so."""

    case: str
    """The simulated service: ``"30 % failing for 33 s, 10 canaries/s"``."""
    what: str
    """What was counted: ``"false PASS"``, ``"interval covers the truth"``."""
    count: int
    of: int
    goal: tuple[float, float] | None = None
    """The share that is wanted lies in this closed interval; none is wanted where there is no goal."""
    known_short: str = ""
    """Why the goal is not reached, where that is known; the goal stays what is wanted."""

    @property
    def figure(self) -> str:
        low, high = clopper_pearson(self.count, self.of)
        return f"{self.count / self.of:.3f} ({low:.3f} to {high:.3f}, {self.of} runs)"

    @property
    def wanted(self) -> str:
        return "" if self.goal is None else f"{self.goal[0]:g} to {self.goal[1]:g}"

    @property
    def reached(self) -> bool:
        return self.goal is None or self.goal[0] <= self.count / self.of <= self.goal[1]


@dataclass(frozen=True)
class Mean:
    """The mean of a figure over simulated runs, as a bias in seconds is."""

    case: str
    what: str
    value: float
    unit: str
    goal: tuple[float, float] | None = None

    @property
    def figure(self) -> str:
        return f"{self.value:+.3g} {self.unit}"

    @property
    def wanted(self) -> str:
        return "" if self.goal is None else f"{self.goal[0]:g} to {self.goal[1]:g} {self.unit}"

    @property
    def reached(self) -> bool:
        return self.goal is None or self.goal[0] <= self.value <= self.goal[1]


Figure = Share | Mean
