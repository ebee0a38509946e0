"""All requests, or half of them, fail in the first seconds of every period, for ever; or the service freezes for as
long. It is never back: what returns for a while and leaves again has not recovered.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import Outcome
from tests.calibration.figures import Figure, Share
from tests.calibration.recoveries import Case, Each, outcomes, runs_of
from tests.calibration.simulation import Disturbance, Load, every

TITLE = "Outages that come again for ever"
SHORT = 4
WATCHED_S = 120
OUTAGES = ((10, 1, 1.0), (10, 1, 0.5), (15, 1, 1.0), (20, 2, 1.0), (30, 3, 1.0), (5, 0.5, 1.0))


def cases() -> Iterator[Case]:
    load = Load(recovery_s=WATCHED_S)
    for period_s, lasting_s, share in (
        (10, 1, 1.0),
        (10, 1, 0.5),
        (15, 1, 1.0),
        (20, 2, 1.0),
        (30, 3, 1.0),
        (5, 0.5, 1.0),
    ):
        again = every(period_s, lasting_s, 33, load.end_s)
        failing = Disturbance(failing=[(begin_s, end_s, share) for begin_s, end_s in again])
        name = f"{lasting_s:g} s in every {period_s} s"
        yield Case(f"{share:.0%} fail for {name}", load=load, disturbance=failing)
        if share == 1.0:
            yield Case(f"frozen for {name}", load=load, disturbance=Disturbance(frozen=again))


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in cases():
        found = runs_of(case, seeds, each)
        yield from outcomes(case, found, ("false PASS", {Outcome.PASS}, (0.0, 0.02)), ("FAIL", {Outcome.FAIL}, None))
        never = sum(one.state == "not recovered" for one in found)
        yield Share(case.name, "said not to have recovered", never, len(found), (0.9, 1.0))
