"""The requests of one phase as they come in: in all, and by name."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.analysis.histogram import quantile_us, quantiles_us
from harness.analysis.phases import OF_CLASS, is_good_instant, is_of_connection, split_pattern
from harness.analysis.tallies import RunningTally
from harness.recording import Slice
from harness.recording.header import Phase
from harness.recording.values import OTHER_NAMES

MOST_NAMES = 500
"""Names that are kept apart in a phase. Each node keeps that many, but they need not be the same."""


MOST_QUANTILES = 20
"""That are remembered."""


@dataclass(frozen=True)
class PhaseFigures:
    """Requests of a phase that were answered or given up so far, by their intended start."""

    phase: str
    start_s: int
    end_s: int
    requests: int
    failed: int
    p95_ms: float | None
    """From the intended start to the end of the answer; of those that succeeded."""


@dataclass(frozen=True)
class NameFigures:
    """The same of one request name."""

    name: str
    requests: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cause: str
    """The most frequent outcome that was not ok; empty where all were."""


class PhaseTally:
    """``only_class``: the class of all users, empty where a run has several classes."""

    def __init__(self, phase: Phase, only_class: str = "") -> None:
        self.phase = phase
        self._only_class = only_class
        self._figures: dict[str, NameFigures] = {}
        """Of each name as they were worked out last."""
        self._quantiles_us: dict[tuple[float, int, int], float | None] = {}
        self.total = RunningTally()
        self.by_name: dict[str, RunningTally] = {}
        """Of each name, and of each class of users, as ``@Buyer``, where a run has several."""
        self._by_class: dict[str, dict[str, RunningTally]] = {}
        """Of each class of several, by name."""

    def add(self, piece: Slice) -> None:
        """``piece`` lies in the phase."""
        if not is_good_instant(piece):
            self.total.add(piece)
            if piece.user_class:
                self.by_name.setdefault(f"{OF_CLASS}{piece.user_class}", RunningTally()).add(piece)
        name = piece.name
        if name not in self.by_name:
            if len(self.by_name) >= MOST_NAMES:
                name = OTHER_NAMES
            self.by_name.setdefault(name, RunningTally())
        self.by_name[name].add(piece)
        if piece.user_class:
            self._by_class.setdefault(piece.user_class, {}).setdefault(name, RunningTally()).add(piece)

    def of_pattern(self, pattern: str) -> RunningTally:
        """Of the requests that ``pattern`` means, as :func:`harness.analysis.phases.is_of`; the total itself where it
        means all of them.
        """
        user_class, name = split_pattern(pattern)
        by_name = self.by_name if user_class in ("", self._only_class) else self._by_class.get(user_class, {})
        if not name and by_name is self.by_name:
            return self.total
        merged, literal = RunningTally(), name.replace("[", "[[]") or "*"
        meant = [each for each in by_name if not each.startswith(OF_CLASS) and fnmatchcase(each, literal)]
        are_connections = bool(name) and all(map(is_of_connection, meant))
        for each in meant:
            tally = by_name[each]
            if is_of_connection(each) and not are_connections:
                merged.merge_failures(tally)
            else:
                merged.merge(tally)
        return merged

    def quantile_us(self, q: float, slower: int = 0) -> float | None:
        """As :func:`harness.analysis.histogram.quantile_us`; worked out once as long as nothing comes."""
        key = (q, slower, self.total.intended)
        if key not in self._quantiles_us:
            if len(self._quantiles_us) > MOST_QUANTILES:
                self._quantiles_us.clear()
            self._quantiles_us[key] = quantile_us(self.total.latency, q, slower)
        return self._quantiles_us[key]

    def figures(self) -> PhaseFigures:
        p95_us = self.quantile_us(0.95)
        return PhaseFigures(
            phase=self.phase.name,
            start_s=self.phase.start_s,
            end_s=self.phase.end_s,
            requests=self.total.intended,
            failed=self.total.failed,
            p95_ms=None if p95_us is None else round(p95_us / 1000, 1),
        )

    def figures_of(self, name: str) -> NameFigures:
        """Of a name to which nothing came it is the same object as the last time."""
        known, tally = self._figures.get(name), self.by_name[name]
        if known is None or known.requests != tally.intended:
            p50, p95, p99 = (us and round(us / 1000, 2) for us in quantiles_us(tally.latency, (0.5, 0.95, 0.99)))
            cause = max(tally.causes, key=lambda each: tally.causes[each], default="")
            known = self._figures[name] = NameFigures(name, tally.intended, tally.failed, p50, p95, p99, cause)
        return known
