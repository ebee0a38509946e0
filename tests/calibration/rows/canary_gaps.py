"""A service that fails wholly for some seconds after the spike, and is well before and afterwards; its canary stream,
10 requests a second, is silent for a stretch, around the recovery or at another time. What happens in it nobody sees,
so an interval has to hold whatever may have been, and what is away at the end is no PASS. Limits are 30 s, and just
below the truth: then every PASS is a false one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Outcome
from harness.recording import Recording
from tests.calibration.figures import Figure, Share
from tests.calibration.recoveries import Each
from tests.calibration.simulation import Disturbance, Load, Service, simulate

TITLE = "A canary stream with gaps"
SHORT = 5
LIMIT_S = 30.0
LOAD = Load(10.0)
ENDS_S = float(LOAD.recovery_s)


@dataclass(frozen=True)
class Case:
    """Seconds after the end of the spike."""

    down: tuple[tuple[float, float], ...]
    silent: tuple[int, int]
    kept: bool = True
    """Whether the limit of 30 s is kept, and the canaries show it."""

    @property
    def truth_s(self) -> float:
        return max((until_s for _, until_s in self.down), default=0.0)

    def __str__(self) -> str:
        down = " and ".join(f"{begin:g} to {until:g} s" for begin, until in self.down)
        return f"down {down or 'never'}, silent {self.silent[0]} to {self.silent[1]} s"


CASES = (
    Case((), (5, 15)),
    Case(((0, 12.4),), (14, 24)),
    Case(((0, 12.4),), (8, 16)),
    Case(((0, 3.4),), (0, 20)),
    Case(((0, 12.4),), (10, 40), kept=False),
    Case(((0, 8.4), (46, ENDS_S)), (45, 60), kept=False),
    Case(((0, 8.4), (46, ENDS_S)), (45, 55), kept=False),
)


def recorded(case: Case, seed: int) -> Recording:
    failing = [(LOAD.spike_end_s + begin, LOAD.spike_end_s + until, 1.0) for begin, until in case.down]
    run = simulate(seed, Service(), LOAD, Disturbance(failing=failing)).recording
    gap = range(LOAD.spike_end_s + case.silent[0], LOAD.spike_end_s + case.silent[1])
    return dataclasses.replace(run, slices=tuple(piece for piece in run.slices if piece.t not in gap))


def one(case: Case, seed: int) -> tuple[Outcome, bool, Outcome]:
    """At the limit; whether the interval covers the truth; at a limit just below it."""
    run = recorded(case, seed)
    found = RecoveryTime(limit_s=LIMIT_S).judge(run)
    covers = found.interval is None or found.interval[0] <= case.truth_s <= found.interval[1]
    return found.outcome, covers, RecoveryTime(limit_s=max(0.0, case.truth_s - 1e-6)).judge(run).outcome


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in CASES:
        found = list(each(partial(one, case), seeds))
        yield Share(
            str(case), "interval covers the truth", sum(covers for _, covers, _ in found), len(seeds), (0.93, 1)
        )
        if case.truth_s:
            passed = sum(below is Outcome.PASS for _, _, below in found)
            yield Share(str(case), "false PASS", passed, len(seeds), (0, 0.05))
        outcomes = [outcome for outcome, _, _ in found]
        if case.kept:
            yield Share(str(case), "PASS", outcomes.count(Outcome.PASS), len(seeds), (0.9, 1))
            yield Share(str(case), "false FAIL", outcomes.count(Outcome.FAIL), len(seeds), (0, 0.02))
        else:
            yield Share(str(case), "PASS of what nobody saw", outcomes.count(Outcome.PASS), len(seeds), (0, 0.05))
