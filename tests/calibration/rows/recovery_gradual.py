"""Every request takes five times as long at the end of the spike, and less and less until it is as before. The truth is
the instant from which on both of the stated thresholds are met: no more than the baseline's share + 0.1 miss the SLO
(p95 + 0.1 s), and the median is longer by no more than 0.1 s or a quarter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.analysis.distributions import normal_above, normal_quantile
from tests.calibration.figures import Figure
from tests.calibration.recoveries import Case, Each, interval, runs_of
from tests.calibration.simulation import Disturbance, Load, Service

TITLE = "A gradual return"
SHORT = 10
FACTOR, SHAPE = 5.0, 0.4


def harmless_factor(mean_s: float) -> float:
    """Of a lognormal service: how much slower it may be."""
    median_s = mean_s * math.exp(-(SHAPE**2) / 2)
    slo_s = median_s * math.exp(SHAPE * normal_quantile(0.95)) + 0.1
    bad = normal_above(math.log(slo_s / median_s) / SHAPE) + 0.1
    by_share = slo_s / (median_s * math.exp(SHAPE * normal_quantile(1 - bad)))
    return min(by_share, 1 + max(0.1 / median_s, 0.25))


def cases() -> Iterator[Case]:
    for mean_s in (0.1, 0.3):
        for lasting_s in (10, 30):
            for rate in (10, 50):
                truth_s = lasting_s * (FACTOR - harmless_factor(mean_s)) / (FACTOR - 1)
                slower = Disturbance(slower=((31, FACTOR), (31 + lasting_s, 1)))
                name = f"{mean_s:g} s, back within {lasting_s} s, {rate} canaries/s"
                yield Case(name, Service(mean_s, shape=SHAPE), Load(rate), slower, truth_s)


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in cases():
        yield from interval(case, runs_of(case, seeds, each))
