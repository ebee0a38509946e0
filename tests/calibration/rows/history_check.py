"""`springback check --against history`, margin 10 %, over 40 runs of one plan with eight figures each and normal noise
of 5 % from run to run: after the last run, and after each of the last five.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from harness.findings import Outcome
from harness.history.regression import judged
from harness.history.stored_run import HistoryRun
from tests import stored_runs
from tests.calibration.figures import Figure, Share
from tests.calibration.rows.change_points import RUNS, Values, noise

TITLE = "The check against the history"
SHORT = 2
FIGURES, LOOKS = 8, 5


def figures(seeds: range, each: Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]) -> Iterator[Figure]:
    n = len(seeds)
    unchanged = list(each(looked_at, seeds))
    yield Share("all of one level", "FAIL", sum(last for last, _ in unchanged), n, (0, 0.05))
    yield Share("all of one level", "FAIL after any of five runs", sum(ever for _, ever in unchanged), n)
    passed = sum(each(passes_though_worse, seeds))
    yield Share("one +15 % in the last four runs", "PASS", passed, n, (0, 0.05))
    yield Share("one +30 % in the last eight runs", "FAIL", sum(each(fails_when_worse, seeds)), n, (0.9, 1))


def looked_at(seed: int) -> tuple[bool, bool]:
    """Whether the check fails after the last run, and after any of the last five."""
    runs = _of_many(seed, np.zeros(RUNS))
    fails = [_outcome(runs[: len(runs) - back]) is Outcome.FAIL for back in range(LOOKS)]
    return fails[0], any(fails)


def passes_though_worse(seed: int) -> bool:
    return _outcome(_of_many(seed, 0.15 * (np.arange(RUNS) >= RUNS - 4))) is Outcome.PASS


def fails_when_worse(seed: int) -> bool:
    return _outcome(_of_many(seed, 0.3 * (np.arange(RUNS) >= RUNS - 8))) is Outcome.FAIL


def _of_many(seed: int, of_first: Values) -> list[HistoryRun]:
    """Runs with eight figures, of which the first is as much higher."""
    columns = [1 + noise(100 * seed + place) + (of_first if place == 0 else 0) for place in range(FIGURES)]
    runs = stored_runs.history([1.0] * RUNS)
    return [
        replace(
            run,
            findings=tuple(
                replace(stored_runs.finding(float(column[at])), criterion=f"figure_{place}")
                for place, column in enumerate(columns)
            ),
        )
        for at, run in enumerate(runs)
    ]


def _outcome(runs: list[HistoryRun]) -> Outcome:
    return max((each.outcome for each in judged(runs, 0.1)), key=lambda outcome: outcome.rank)
