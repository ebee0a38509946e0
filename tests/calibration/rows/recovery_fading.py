"""A share of the requests fails from the spike on for 5 s, and less and less of them until none does. The truth is the
instant from which on no more fail than in the baseline, where none does, + 0.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import Outcome
from tests.calibration.figures import Figure
from tests.calibration.recoveries import Case, Each, interval, outcomes, runs_of
from tests.calibration.simulation import Disturbance, Load

TITLE = "A share of the requests fails, and less and less of them"
SHORT = 3
HELD_S = 5


def cases() -> Iterator[Case]:
    for rate in (10, 50, 200):
        for share in (0.3, 0.5, 1.0):
            for fading_s in (3, 10, 20):
                truth_s = HELD_S + fading_s * (share - 0.1) / share
                fading = Disturbance(fading=((30, share), (31 + HELD_S, share), (31 + HELD_S + fading_s, 0)))
                name = f"{share:.0%} fail, fading within {fading_s} s, {rate} canaries/s"
                yield Case(name, load=Load(rate), disturbance=fading, truth_s=truth_s, limit_s=None)


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in cases():
        found = runs_of(case, seeds, each)
        yield from outcomes(case, found, ("false PASS", {Outcome.PASS}, (0.0, 0.05)))
        yield from interval(case, found)
