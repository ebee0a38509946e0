"""From the spike on every request takes twice or three times as long, for ever, at 10 canaries/s. Nothing is wanted of
a service so quick that its p95 gets longer by less than what a load generator can tell (5 ms): it passes, and the
sentence says by how much it stays slower.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import Outcome
from tests.calibration.figures import Figure
from tests.calibration.recoveries import Case, Each, outcomes, runs_of
from tests.calibration.simulation import Disturbance, Service

TITLE = "A plateau for ever"
SHORT = 8
SERVICES = {
    "lognormal, 0.02 s, σ 0.4": Service(0.02),
    "lognormal, 0.1 s, σ 0.4": Service(0.1),
    "lognormal, 0.1 s, σ 0.8": Service(0.1, shape=0.8),
    "exponential, 0.1 s": Service(0.1, "exponential"),
    "bimodal, 0.1 s": Service(0.1, "bimodal"),
    "lognormal, 0.3 s, σ 0.8": Service(0.3, shape=0.8),
    "exponential, 0.3 s": Service(0.3, "exponential"),
    "lognormal, 2 s, σ 0.4": Service(2.0),
    "correlated (r 0.5, σ 0.3), 0.2 s": Service(0.2, correlation=0.5, deviation=0.3),
}
WITHIN_RESOLUTION = {"lognormal, 0.001 s, σ 0.4": Service(0.001)}


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    flagged = {Outcome.FAIL, Outcome.INCONCLUSIVE}
    for name, service in (SERVICES | WITHIN_RESOLUTION).items():
        for factor, goal in ((2, (0.9, 1.0)), (3, (0.99, 1.0))):
            case = Case(f"{name}, × {factor}", service, disturbance=Disturbance(slower=((31, factor),)))
            wanted = None if name in WITHIN_RESOLUTION else goal
            found = runs_of(case, seeds, each)
            yield from outcomes(case, found, ("flagged", flagged, wanted), ("FAIL", {Outcome.FAIL}, None))
