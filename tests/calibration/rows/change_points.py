"""Histories of 40 runs of one plan, one figure a run, with normal noise of 5 % from run to run: of one level; 10 %
higher from some run on; and 25 % higher from run 15 to run 25, when it was mended. Apache Otava 0.8, which is no
dependency, was given 400 histories of one level and as many that change at run 30 (seeds 1,000 to 1,399, p 0.001): it
found a change in 2.5 % of those of one level, and 92.5 % of the changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.change_points import change_points
from tests.calibration.figures import Figure, Share

TITLE = "Changes over a history"
SHORT = 10
RUNS, NOISE, CLOSE = 40, 0.05, 2
PLACES, HELD = (20, 30, 34, 36), (20, 30)
"""Where the level changes, and of these where so many are wanted: few runs after a change show less of it."""

Values = NDArray[np.float64]


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    n = len(seeds)
    steady = sum(each(one_level, seeds))
    yield Share("one level, 5 % noise, 40 runs", "a change is found", steady, n, (0, 0.02))
    for place in PLACES:
        shifted = sum(each(partial(ten_percent, place), seeds))
        goal = (0.9, 1.0) if place in HELD else None
        yield Share(f"+10 % from run {place} on", "found within 2 runs", shifted, n, goal)
    mended = sum(each(mended_again, seeds))
    yield Share("+25 % from run 15 to 25", "both ends found within 2 runs", mended, n, (0.9, 1))


def noise(seed: int) -> Values:
    return np.asarray(NOISE * np.random.default_rng(seed).standard_normal(RUNS))


def one_level(seed: int) -> bool:
    return bool(change_points((1 + noise(seed)).tolist()))


def ten_percent(place: int, seed: int) -> bool:
    return _is_near(change_points((1 + noise(seed) + 0.1 * (np.arange(RUNS) >= place)).tolist()), place)


def mended_again(seed: int) -> bool:
    places = np.arange(RUNS)
    found = change_points((1 + noise(seed) + 0.25 * ((places >= 15) & (places < 25))).tolist())
    return _is_near(found, 15) and _is_near(found, 25)


def _is_near(found: Iterable[int], place: int) -> bool:
    return any(abs(each - place) <= CLOSE for each in found)
