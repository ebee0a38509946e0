"""A pool of 20 connections, sampled each second, of which a load holds 5 with some scatter, neighbouring samples alike
(0.3). A spike takes nearly all for five seconds; then it is given back, and taken again for some seconds, or for nearly
all of the recovery: once, or in every period for ever. The last ten seconds, which are compared, are quiet. No relapse
may pass that nobody has seen the pool to be over; a pool that is well, or that gives back slowly, has to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from harness import criteria
from harness.findings import Outcome
from harness.recording import CriterionSpec, ProbeSample
from harness.recording.header import Phase
from tests import recordings
from tests.calibration.__main__ import Each
from tests.calibration.figures import Figure, Share

TITLE = "A pool that is taken again"
SHORT = 5
SIZE, USUAL, TAKEN = 20, 5.0, 18.0
SPREAD, ALIKE = 1.0, 0.3
BASELINE_S, SPIKE_S = 30, 31
Course = Callable[[int], float]
"""Connections held in each second after the beginning of the spike."""


def again(from_s: int, until_s: int) -> Course:
    return lambda t: TAKEN if t < 5 or from_s <= t < until_s else USUAL


def by_turns(period_s: int, for_s: int) -> Course:
    return lambda t: TAKEN if t % period_s < for_s else USUAL


def slowly(within_s: float) -> Course:
    return lambda t: USUAL + (TAKEN - USUAL) * float(np.exp(-t / within_s))


WELL: dict[str, tuple[Course, int]] = {
    "given back after 5 s": (again(0, 0), 60),
    "given back slowly, within some 15 s": (slowly(15), 60),
    "taken again for 5 s after 5 s, then quiet": (again(10, 15), 60),
}
ILL: dict[str, tuple[Course, int]] = {
    "taken again for 8 s, 10 s before the end": (again(43, 51), 61),
    "taken again for 3 s, 15 s before the end": (again(43, 46), 61),
    "given back for 6 s, taken again for 40 s, 14 s before the end": (again(11, 51), 65),
    "5 s in every 20 s, for ever": (by_turns(20, 5), 60),
    "3 s in every 15 s, for ever": (by_turns(15, 3), 60),
}
"""Course, and seconds from the beginning of the spike to the end of the run."""


def one(course: Course, lasts_s: int, seed: int) -> Outcome:
    random = np.random.default_rng(seed)
    end_s, noise = BASELINE_S + lasts_s, 0.0
    probes = []
    for second in range(end_s):
        noise = ALIKE * noise + SPREAD * float(np.sqrt(1 - ALIKE**2)) * float(random.standard_normal())
        held = USUAL if second < BASELINE_S else course(second - BASELINE_S)
        in_use = float(np.clip(round(held + noise), 0, SIZE))
        probes.append(ProbeSample(second + 0.5, "pool", "api", {"in_use": in_use, "size": float(SIZE)}))
    run = recordings.healthy()
    phases = (
        Phase("baseline", 0, BASELINE_S),
        Phase("spike", BASELINE_S, SPIKE_S),
        Phase("recovery", SPIKE_S, end_s),
    )
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, phases=phases), probes=tuple(probes))
    return criteria.load(CriterionSpec("pool_stable")).judge(run).outcome


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for name in WELL | ILL:
        outcomes = list(each(partial(_named, name), seeds))
        passed, failed = (sum(found is outcome for found in outcomes) for outcome in (Outcome.PASS, Outcome.FAIL))
        if name in ILL:
            yield Share(name, "false PASS", passed, len(seeds), (0, 0.05))
        else:
            yield Share(name, "PASS", passed, len(seeds), (0.9, 1))
            yield Share(name, "false FAIL", failed, len(seeds), (0, 0.02))


def _named(name: str, seed: int) -> Outcome:
    """By name, as a course cannot go to another process."""
    return one(*(WELL | ILL)[name], seed)
