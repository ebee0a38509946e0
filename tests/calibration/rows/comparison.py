"""`springback compare` with a margin of 10 %. Groups: six figures a run, log-normal with 5 % from run to run. Two runs:
three minutes with 20 requests/s and log-normal latencies; whole seconds are slower or quicker by a tenth, each like the
one before it (an AR(1) process, coefficient 0.3). Where the seconds of a run seem to hang together so much that they
say nothing of others, the comparison is INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from harness.comparison import groups
from harness.comparison.runs import Judged, compared
from harness.findings import Outcome, Verdict
from harness.recording import End, Recording
from harness.recording.header import CriterionSpec, Phase
from harness.verdict import judge
from tests import recordings, stored_runs
from tests.calibration.figures import Figure, Share

TITLE = "Comparison of runs"
SHORT = 4
FIGURES, NOISE = 6, 0.05
LASTING_S, PER_S, PERSISTENCE = 180, 20, 0.3
SPECS = (CriterionSpec("latency_quantile", {"phase": "recovery"}),)


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    n = len(seeds)
    for size in (4, 6):
        found = list(each(partial(of_groups, size, 0.0), seeds))
        yield Share(f"{size} against {size}, one version", "FAIL", found.count(Outcome.FAIL), n, (0, 0.05))
    found = list(each(partial(of_groups, 6, 0.15), seeds))
    yield Share("6 against 6, one figure +15 %", "PASS", found.count(Outcome.PASS), n, (0, 0.05))
    found = list(each(partial(of_groups, 6, 0.3), seeds))
    yield Share("6 against 6, one figure +30 %", "FAIL", found.count(Outcome.FAIL), n, (0.9, 1))
    for worse, what, goal in ((0.1, "FAIL", (0.0, 0.05)), (0.1, "PASS", (0.0, 0.05)), (0.4, "FAIL", None)):
        outcomes = [outcome for outcome, _ in each(partial(of_two, worse), seeds)]
        yield Share(f"two runs, +{worse * 100:g} %", what, outcomes.count(Outcome[what]), n, goal)
    covered = sum(covers for _, covers in each(partial(of_two, 0.2), seeds))
    yield Share("two runs, +20 %", "interval covers the shift of p95", covered, n, (0.93, 1))


def of_groups(size: int, worse: float, seed: int) -> Outcome:
    random = np.random.default_rng(seed)

    def verdict(factor: float) -> Verdict:
        values = np.exp(NOISE * random.standard_normal(FIGURES)) * [factor, *[1.0] * (FIGURES - 1)]
        return Verdict(
            Outcome.PASS,
            "",
            tuple(
                replace(stored_runs.finding(value), criterion=f"figure_{place}")
                for place, value in enumerate(values.tolist())
            ),
        )

    first, second = [verdict(1.0) for _ in range(size)], [verdict(1 + worse) for _ in range(size)]
    return max((each.outcome for each in groups.compared(first, second, 0.1)), key=lambda outcome: outcome.rank)


def of_two(worse: float, seed: int) -> tuple[Outcome, bool]:
    """What is said of the second run, whose latencies are so much longer, and whether the interval covers that."""
    (found,) = compared([run_of(2 * seed, 1.0)], [run_of(2 * seed + 1, 1 + worse)], 0.1).findings
    low, high = found.interval or (-np.inf, np.inf)
    truth = TRUE_P95_S * worse
    return found.outcome, bool(low <= truth <= high)


def run_of(seed: int, factor: float) -> Judged:
    random = np.random.default_rng(seed)
    intended = np.sort(random.uniform(0, LASTING_S, random.poisson(PER_S * LASTING_S)))
    latency = 0.05 * factor * np.exp(0.5 * random.standard_normal(len(intended)) + _slow(random)[intended.astype(int)])
    header = replace(
        recordings.healthy().header, phases=(Phase("recovery", 0, LASTING_S),), gates=(), criteria=SPECS, nodes=1
    )
    kinds = [("w", "GET /", "ok")]
    slices = recordings.sliced(intended, np.zeros(len(intended), dtype=np.int64), latency, kinds)
    run = Recording(header, slices, (), (), End(LASTING_S + 1, "completed", True, len(intended), 0))
    return run, judge(run)


def _slow(random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How much slower each second is, as a logarithm."""
    shocks = random.standard_normal(LASTING_S + 50)
    course = np.zeros(len(shocks))
    for t in range(1, len(shocks)):
        course[t] = PERSISTENCE * course[t - 1] + np.sqrt(1 - PERSISTENCE**2) * shocks[t]
    return np.asarray(0.1 * course[50:])


TRUE_P95_S = 0.05 * float(np.exp(1.6448536 * np.sqrt(0.5**2 + 0.1**2)))
"""Of the first run in the long run: both logarithms are normal."""
