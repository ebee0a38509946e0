"""A share of the requests fails from the spike on for a while, at random; the truth is the end of that. The limit is
just below the truth, so that every PASS is a false one. Windows are of 1 s, and the interval is never narrower than one
to either side: where requests are many, it holds the truth always.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import Outcome
from tests.calibration.figures import Figure
from tests.calibration.recoveries import Case, Each, interval, outcomes, runs_of
from tests.calibration.simulation import Disturbance, Load

TITLE = "A share of the requests fails for a while"
SHORT = 3


def cases() -> Iterator[Case]:
    for rate in (5, 10, 50, 200):
        for share in (0.2, 0.3, 0.5, 1.0):
            for lasting_s in (5.0, 10.4, 33.0):
                if rate == 200 and lasting_s == 10.4:
                    continue
                disturbance = Disturbance(failing=((30, 31 + lasting_s, share),))
                name = f"{share:.0%} fail for {lasting_s:g} s, {rate} canaries/s"
                yield Case(name, load=Load(rate), disturbance=disturbance, truth_s=lasting_s, limit_s=None)


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in cases():
        found = runs_of(case, seeds, each)
        yield from outcomes(case, found, ("false PASS", {Outcome.PASS}, (0.0, 0.05)))
        yield from interval(case, found)
