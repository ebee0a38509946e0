"""A pool that had been given back, and is taken again: what the last seconds of a recovery may just have missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.intervals import chance_of_more
from harness.criteria.pool._levels import Instant

RETURN = 4
"""Samples on end of a pool that is as before, so that it counts as given back."""
CHANCE = 0.01
"""With which so many samples would be of a pool that is taken, if it were so no more often than before."""


@dataclass(frozen=True)
class Relapse:
    """Samples since the pool had been given back, those of them in which it was taken, and the longest such stretch."""

    samples: int
    taken: int
    taken_before: int
    samples_before: int
    worst_s: tuple[float, float]

    @property
    def words(self) -> str:
        return (
            f"it had been given back, and was taken again in {self.taken} of {self.samples} samples, for longest from "
            f"{self.worst_s[0]:.0f} to {self.worst_s[1]:.0f} s, against {self.taken_before} of {self.samples_before} "
            "before"
        )


def relapse(before: Sequence[Instant], recovery: Sequence[Instant], usual: float, limit: float) -> Relapse | None:
    """Taken is a pool of which more than ``usual`` + ``limit`` is in use, or for which somebody waits. None where it is
    so no more often than before, after it had been given back first.
    """
    taken = [_is_taken(instant, usual + limit) for instant in recovery]
    back = next((at for at in range(len(taken) - RETURN + 1) if not any(taken[at : at + RETURN])), None)
    if back is None:
        return None
    since, were = taken[back:], [_is_taken(instant, usual + limit) for instant in before]
    if chance_of_more(sum(since), len(since), sum(were), len(were)) > CHANCE:
        return None
    return Relapse(len(since), sum(since), sum(were), len(were), _longest(recovery[back:], since))


def _is_taken(instant: Instant, most: float) -> bool:
    return instant.use_ratio > most or bool(instant.waiting)


def _longest(instants: Sequence[Instant], taken: Sequence[bool]) -> tuple[float, float]:
    """From its first sample to its last."""
    worst, begun = (0, -1), 0
    for at, each in enumerate(taken):
        begun = begun if each else at + 1
        worst = max(worst, (begun, at), key=lambda stretch: stretch[1] - stretch[0])
    return instants[worst[0]].t, instants[worst[1]].t
