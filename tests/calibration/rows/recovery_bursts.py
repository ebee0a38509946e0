"""Three in ten of the requests fail in the first half second of every period, for ever: one or two in a window, one in
a hundred in all. It is never back, so every PASS is a false one. Beside it, as many failures that come at random: they
are within the band, and do not come by turns.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.findings import Outcome
from tests.calibration.figures import Figure, Share
from tests.calibration.recoveries import Case, Each, runs_of
from tests.calibration.simulation import Disturbance, Load, every

TITLE = "Small outages that come again for ever"
SHORT = 3
LASTING_S, SHARE = 0.5, 0.3
FEW = "no more than a few failures in all, which come together by chance, too"
SHORT_OF = {(10, 15, 60), (10, 20, 60), (10, 20, 120), (20, 20, 60)}
"""Canaries a second, period and seconds watched, where not even all failures together show it."""


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    not_passed = {Outcome.FAIL, Outcome.INCONCLUSIVE}
    for rate in (10, 20, 50):
        for watched_s in (60, 120):
            load = Load(rate, recovery_s=watched_s)
            for period_s in (8, 15, 20):
                again = every(period_s, LASTING_S, 33.2, load.end_s)
                failing = Disturbance(failing=[(begin_s, end_s, SHARE) for begin_s, end_s in again])
                name = f"every {period_s} s, {rate} canaries/s, watched for {watched_s} s"
                found = runs_of(Case(name, load=load, disturbance=failing), seeds, each)
                told = sum(one.outcome in not_passed for one in found)
                short = FEW if (rate, period_s, watched_s) in SHORT_OF else ""
                yield Share(name, "not passed", told, len(found), (0.9, 1.0), short)
        steady = Disturbance(failing=[(-60, load.end_s, 0.01)])
        name = f"1 % at random, also in the baseline, {rate} canaries/s, watched for {watched_s} s"
        found = runs_of(Case(name, load=load, disturbance=steady), seeds, each)
        yield Share(name, "false FAIL", sum(one.outcome is Outcome.FAIL for one in found), len(found), (0.0, 0.02))
        yield Share(name, "PASS", sum(one.outcome is Outcome.PASS for one in found), len(found), (0.9, 1.0))
