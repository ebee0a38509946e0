"""A pool that had been given back, and is taken again: what the last seconds of a recovery may just have missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.analysis.intervals import chance_of_more
from harness.criteria.pool._levels import Instant

RETURN = 4
"""Samples on end of a pool that is as before, so that it counts as given back."""
CHANCE = 0.01
"""With which so many samples would be of a pool that is taken, if it were so no more often than before."""
STRETCH, LONGER = 3, 2
"""So many samples on end of a pool that is taken are no chance, where they are more than twice as many as ever before;
and more than twice as long as it ever stayed given back, or taken, it has to stay given back, to be so for good.
"""


@dataclass(frozen=True)
class Relapse:
    """Samples since the pool had been given back, those of them in which it was taken, and the longest such stretch."""

    samples: int
    taken: int
    taken_before: int
    samples_before: int
    worst_s: tuple[float, float]
    longest_taken: int
    """Samples from one in which it was taken to the last before it counts as given back."""
    longest_return: int
    """Samples on end in which it was given back, between two in which it was taken."""
    last_return: int
    """The same at the end."""

    @property
    def return_needed(self) -> int:
        """Samples for which a target that has recovered stays given back: more than twice as many as in any stretch
        before, of either kind.
        """
        return LONGER * max(self.longest_return, self.longest_taken) + 1

    @property
    def is_over(self) -> bool:
        return self.last_return >= self.return_needed

    @property
    def words(self) -> str:
        return (
            f"it had been given back, and was taken again in {self.taken} of {self.samples} samples, for longest from "
            f"{self.worst_s[0]:.0f} to {self.worst_s[1]:.0f} s, against {self.taken_before} of {self.samples_before} "
            "before"
        )


def relapse(before: Sequence[Instant], recovery: Sequence[Instant], usual: float, limit: float) -> Relapse | None:
    """Taken is a pool of which more than ``usual`` + ``limit`` is in use, or for which somebody waits. None where it is
    so no more often than before, and for no longer on end, after it had been given back first.
    """
    taken = [_is_taken(instant, usual + limit) for instant in recovery]
    back = next((at for at in range(len(taken) - RETURN + 1) if not any(taken[at : at + RETURN])), None)
    if back is None:
        return None
    since, were = taken[back:], [_is_taken(instant, usual + limit) for instant in before]
    stretches, stretches_before = _stretches(since, True), _stretches(were, True)
    longest, longest_before = (
        max((end - begin for begin, end in of), default=0) for of in (stretches, stretches_before)
    )
    is_chance = chance_of_more(sum(since), len(since), sum(were), len(were)) > CHANCE
    if is_chance and longest < max(STRETCH, LONGER * longest_before + 1):
        return None
    begin, end = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    alone = [at for at, until in stretches if until - at == 1]
    chance = alone if len(alone) == 1 and longest > 1 else []  # a single sample ends no return
    given_back = [at in chance or not each for at, each in enumerate(since)]
    returns = [until - at for at, until in _stretches(given_back, True)]
    held = max(until - at for at, until in _held(given_back))
    last = returns.pop() if given_back[-1] else 0
    worst_s = recovery[back + begin].t, recovery[back + end - 1].t
    counts = len(since), sum(since), sum(were), len(were)
    return Relapse(*counts, worst_s, held, max(returns, default=0), last)


def _is_taken(instant: Instant, most: float) -> bool:
    return instant.use_ratio > most or bool(instant.waiting)


def _held(given_back: Sequence[bool]) -> list[tuple[int, int]]:
    """Stretches of a pool that is taken, over returns of too few samples to count."""
    is_held = [not each for each in given_back]
    for at, until in _stretches(given_back, True):
        if until - at < RETURN and until < len(given_back):
            is_held[at:until] = [True] * (until - at)
    return _stretches(is_held, True)


def _stretches(taken: Sequence[bool], wanted: bool) -> list[tuple[int, int]]:
    """From the first of so many samples on end to the one after the last."""
    places = range(len(taken))
    runs = [list(run) for is_taken, run in groupby(places, key=lambda at: taken[at]) if is_taken is wanted]
    return [(run[0], run[-1] + 1) for run in runs]
