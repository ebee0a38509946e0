"""Nothing happens to a queue near saturation, and 30 s of it do not show what is normal. What the sentence advises is
followed, once and a second time: so many seconds of baseline, and a floor_s as far as the latency goes by itself. Each
run has seeds of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Outcome
from tests.calibration.figures import Figure, Share
from tests.calibration.recoveries import Each
from tests.calibration.simulation import Load, Service, simulate

TITLE = "Advice that is followed"
SHORT = 3
FOLLOWED = 2
APART = 1_000_003
"""Between the seeds of one run and of the next."""


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for utilisation in (0.7, 0.8, 0.9):
        for rate in (10, 50):
            name = f"M/M/1 at {utilisation}, {rate} requests/s"
            found = list(each(partial(followed, utilisation, rate), seeds))
            for times in range(FOLLOWED + 1):
                passed = sum(Outcome.PASS in outcomes[: times + 1] for outcomes in found)
                yield Share(name, f"PASS, advice followed {times} times", passed, len(found))
            failed = sum(Outcome.FAIL in outcomes for outcomes in found)
            yield Share(name, "false FAIL in any of them", failed, len(found), (0.0, 0.02 * (FOLLOWED + 1)))


def followed(utilisation: float, rate: int, seed: int) -> list[Outcome]:
    """Of the run, and of those with what each says would settle it, until one is settled."""
    service = Service(utilisation / rate, "exponential", servers=1)
    outcomes: list[Outcome] = []
    baseline_s, floor_s = 30, 0.1
    for number in range(FOLLOWED + 1):
        run = simulate(seed + number * APART, service, Load(rate, baseline_s=baseline_s)).recording
        found = RecoveryTime(floor_s=floor_s).judge(run)
        outcomes.append(found.outcome)
        if found.outcome is not Outcome.INCONCLUSIVE:
            break
        if longer := re.search(r"(\d+) s of baseline", found.reason):
            baseline_s = int(longer[1])
        if floor := re.search(r"floor_s = ([\d.]+),", found.reason):
            floor_s = float(floor[1])
    return outcomes
