"""Weeks of simulated traffic with flash crowds of known kinds: what is learned from the first part predicts the largest
spike of the second, as M, the level ÷ the usual level of that time of day. The 90 % predictive interval is to hold
85 to 95 of 100 outcomes. Outcomes are measured in the same way as spikes are found, on the whole series; with no spike
the outcome is 1. Sizes are exponential, log-normal, around a typical size, heavy-tailed (Pareto, exponent 3), bounded
(of which slightly more are held than is wanted), or mostly small with one in ten of another kind; spikes come
independently, with echoes, or in restless weeks.

Fewer than 28 days or 25 peaks tell nothing, and it has to be said. Last, how wrong the level of the day that follows
was without its spikes, as a part of the mean level, where the noise is 5 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from harness.learn import level, spikes
from harness.learn.learned import expect
from harness.learn.level import DAY_S, Observed
from tests.calibration.__main__ import Each
from tests.calibration.figures import Figure, Mean, Share
from tests.calibration.traffic import (
    PER_DAY,
    Traffic,
    bounded,
    exponential,
    few_large,
    heavy,
    log_normal,
    none,
    typical,
)

TITLE = "How big a spike to expect"
SHORT = 8
GOAL = (0.85, 0.95)
PLAIN = Traffic(1.0, exponential)
CASES = {
    "exponential, 1 a day, 28 days known, 7 ahead": (PLAIN, 28, 7),
    "exponential, 1 a day, 84 days known, 21 ahead": (PLAIN, 84, 21),
    "exponential, 3 a week, 84 days known, 21 ahead": (Traffic(3 / 7, exponential), 84, 21),
    "log-normal, 1 a day, 84 days known, 21 ahead": (Traffic(1.0, log_normal), 84, 21),
    "most of one size, 1 a day, 84 days known, 21 ahead": (Traffic(1.0, typical), 84, 21),
    "heavy-tailed, 1 a day, 84 days known, 7 ahead": (Traffic(1.0, heavy), 84, 7),
    "heavy-tailed, 3 a week, 84 days known, 21 ahead": (Traffic(3 / 7, heavy), 84, 21),
    "bounded, 1 a day, 84 days known, 21 ahead": (Traffic(1.0, bounded), 84, 21),
    "few of another kind, 1 a day, 84 days known, 21 ahead": (Traffic(1.0, few_large), 84, 21),
    "weekends half, growing 3 % a week, 84 days known, 21 ahead": (
        Traffic(1.0, exponential, weekend=0.5, growth_per_week=0.03), 84, 21
    ),
    "with echoes, 84 days known, 21 ahead": (Traffic(0.5, exponential, echoes=1.0), 84, 21),
    "in restless weeks, 84 days known, 21 ahead": (Traffic(0.8, exponential, restless=0.5), 84, 21),
}  # fmt: skip
SILENT = {
    "exponential, 1 a day, 21 days known": (PLAIN, 21),
    "exponential, 1 a week, 84 days known": (Traffic(1 / 7, exponential), 84),
    "no spike, noise of 15 %, 84 days known": (Traffic(0.0, none, noise=0.15), 84),
}


def known(observed: Observed, days: int) -> Observed:
    return Observed(0, observed.window_s, observed.values[: days * PER_DAY], observed.unit)


def outcome(case: str, seed: int) -> tuple[bool, bool, bool]:
    """Whether anything is told, whether the interval holds, and whether the outcome is above it."""
    traffic, days, ahead = CASES[case]
    whole = traffic.observed(days + ahead, seed)
    past = known(whole, days)
    told = expect(past, level.usual_level(past)).within(ahead)
    if told is None:
        return False, False, False
    later = [spike.m for spike in spikes.find(whole, level.usual_level(whole)).spikes if spike.peak_s >= days * DAY_S]
    largest = max(later, default=1.0)
    return True, told.low_m <= largest <= told.high_m, largest > told.high_m


def is_silent(case: str, seed: int) -> bool:
    traffic, days = SILENT[case]
    past = traffic.observed(days, seed)
    return bool(expect(past, level.usual_level(past)).inconclusive)


def forecast_error(seed: int) -> tuple[float, float]:
    """What the forecast said of itself, and what it was wrong by on the day that followed."""
    whole = PLAIN.observed(29, seed)
    calm = spikes.without(whole, spikes.find(whole, level.usual_level(whole)))
    past = known(whole, 28)
    told = level.ahead(spikes.without(past, spikes.find(past, level.usual_level(past))))
    assert told is not None
    seen = np.ma.masked_invalid(calm.values[28 * PER_DAY :].reshape(24, -1)).mean(axis=1)
    return told.error_ratio, float(np.ma.masked_invalid(np.abs(seen - told.values)).sum() / seen.sum())


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in CASES:
        found = [one for one in each(partial(outcome, case), seeds) if one[0]]
        if not found:
            continue
        held, above = sum(one[1] for one in found), sum(one[2] for one in found)
        yield Share(case, "the 90 % interval holds the outcome", held, len(found), GOAL)
        yield Share(case, "the outcome is above it", above, len(found))
    for case in SILENT:
        silent = sum(each(partial(is_silent, case), seeds))
        yield Share(case, "says INCONCLUSIVE", silent, len(seeds), (1, 1))
    errors = np.array(list(each(forecast_error, seeds)))
    case = "exponential, 1 a day, 28 days known, 1 ahead"
    yield Mean(case, "error of the level that was told", 100 * float(errors[:, 0].mean()), "% of the mean level")
    yield Mean(case, "error that came", 100 * float(errors[:, 1].mean()), "% of the mean level")
