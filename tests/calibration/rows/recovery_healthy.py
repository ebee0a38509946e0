"""Nothing happens to the service. Independent ones pass; queues near saturation and correlated ones wander by
themselves, so that thirty windows of baseline are mostly worth fewer than fifteen independent ones: nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import Outcome
from tests.calibration.figures import Figure
from tests.calibration.recoveries import Case, Each, outcomes, runs_of
from tests.calibration.simulation import Load, Service

TITLE = "Healthy services"
SHORT = 6


def independent() -> Iterator[Case]:
    for name, service in {
        "lognormal, 0.02 s, σ 1.2": Service(0.02, shape=1.2),
        "lognormal, 0.3 s, σ 0.8": Service(0.3, shape=0.8),
        "lognormal, 1 s, σ 0.3": Service(1.0, shape=0.3),
        "exponential, 0.1 s": Service(0.1, "exponential"),
        "bimodal, 0.1 s": Service(0.1, "bimodal"),
    }.items():
        yield Case(name, service)
    yield Case("lognormal, 0.3 s, σ 0.8, 5 canaries/s", Service(0.3, shape=0.8), Load(5))


def wandering() -> Iterator[Case]:
    yield Case("M/M/1 at 0.7, 100 requests/s", _queue(0.7, 100), Load(100))
    for utilisation in (0.7, 0.8, 0.9):
        for rate in (10, 50):
            yield Case(f"M/M/1 at {utilisation}, {rate} requests/s", _queue(utilisation, rate), Load(rate))
        long = Load(20, baseline_s=120, recovery_s=90)
        yield Case(f"M/M/1 at {utilisation}, 20 requests/s, 120 s of baseline", _queue(utilisation, 20), long)
    for correlation in (0.5, 0.8, 0.9):
        for deviation in (0.2, 0.5):
            service = Service(0.2, correlation=correlation, deviation=deviation)
            yield Case(f"correlated, 0.2 s, r {correlation}, σ {deviation}", service)


def _queue(utilisation: float, rate: float) -> Service:
    return Service(utilisation / rate, "exponential", servers=1)


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    never = ("false FAIL", {Outcome.FAIL}, (0.0, 0.02))
    for case in independent():
        yield from outcomes(case, runs_of(case, seeds, each), never, ("PASS", {Outcome.PASS}, (0.9, 1.0)))
    for case in wandering():
        yield from outcomes(case, runs_of(case, seeds, each), never, ("PASS", {Outcome.PASS}, None))
