"""Where the guard of the baseline draws its lines: how sure a trend or a stall has to be, and by how much."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from harness.analysis import phases
from harness.criteria.guards import baseline_healthy
from harness.criteria.recovery._trend import Trend
from harness.findings import BASELINE
from harness.recording.header import Phase
from tests.pure.test_baseline_healthy import run

ROSE, FELL = "the median latency rose by 80 ms", "the median latency fell by 80 ms"


@pytest.mark.parametrize(
    ("p", "slope_ms_per_s", "interval_ms_per_s", "told"),
    [
        (0.0099, 2, (1.3, 3.0), ROSE),
        (0.01, 2, (1.3, 3.0), ""),
        (0.0099, 2, (1.2, 3.0), ""),
        (0.0099, -2, (-3.0, -1.3), FELL),
        (0.0099, -2, (-3.0, -1.2), ""),
        (0.0099, 2, (-1.3, 3.0), ""),
        (0.0099, 2, (0.0, 3.0), ""),
    ],
    ids=["rises", "unsure", "by less, maybe", "falls", "falls by less, maybe", "or falls", "or stays"],
)
def test_it_trends_where_the_lesser_end_of_the_slope_takes_it_a_twentieth_of_a_second_in_forty(
    p: float,
    slope_ms_per_s: float,
    interval_ms_per_s: tuple[float, float],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """50 ms in 40 s are 1.25 ms a second; half of the usual 20 ms is less."""
    low, high = (each / 1000 for each in interval_ms_per_s)
    found = Trend(40, 0.5, p, p, 1.0, slope_ms_per_s / 1000, (low, high))
    monkeypatch.setattr(baseline_healthy, "trend", lambda *_: found)
    windows = phases.by_second(run(lambda _: 20, noise=0), Phase(BASELINE, 0, 40))
    said = list(baseline_healthy._unsteady(windows))
    assert said == ([f"{told} in the course of it"] if told else [])


def at_least(hits: int, n: int, p: float) -> float:
    """P(Bin(n, p) ≥ hits)"""
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(hits, n + 1))


@pytest.mark.parametrize(
    ("stalls", "slow_ones", "is_stalling"), [(2, 8, True), (2, 9, False), (3, 13, True), (3, 14, False)]
)
def test_stalls_are_more_than_slow_requests_spread_by_chance_make_once_in_a_thousand(
    stalls: int, slow_ones: int, is_stalling: bool
) -> None:
    """Of four requests in each of sixty seconds three are slow in so many, and one in so many others."""
    slow = np.zeros(60, dtype=np.int64)
    slow[10 : 10 + 5 * stalls : 5] = 3
    slow[30 : 30 + slow_ones] = 1
    by_chance = at_least(stalls, 60, at_least(3, 4, int(slow.sum()) / 240))
    assert (by_chance <= 0.001) is is_stalling and 0.0007 < by_chance < 0.0015
    found = baseline_healthy._stalls(slow, np.full(60, 4), 1, 1 / 2)
    assert found == (list(range(10, 10 + 5 * stalls, 5)) if is_stalling else [])


@pytest.mark.parametrize("slow_ones", [0, 1])
def test_windows_that_overlap_are_counted_once(slow_ones: int) -> None:
    """Each of three seconds of four slow requests is in two windows of two seconds, and sixty of these tell as much as
    thirty: more than a third of eight is three.
    """
    slow = np.zeros(61, dtype=np.int64)
    slow[10:25:5] = 4
    slow[40 : 40 + slow_ones] = 1
    by_chance = at_least(3, 30, at_least(3, 8, 2 * int(slow.sum()) / 480))
    assert by_chance == pytest.approx(0.00133 if slow_ones else 0.00070, abs=0.00001)
    assert baseline_healthy._stalls(slow, np.full(61, 4), 2, 1 / 3) == ([] if slow_ones else [9, 14, 19])


def test_seconds_without_requests_stall_in_none() -> None:
    """Ten seconds of three requests each: two of them with three slow ones are two of ten, and not of forty."""
    intended = np.zeros(40, dtype=np.int64)
    intended[::4] = 3
    slow = np.zeros(40, dtype=np.int64)
    slow[[4, 24]] = 3
    assert at_least(2, 10, at_least(2, 3, 6 / 30)) > 0.1, "by chance"
    assert baseline_healthy._stalls(slow, intended, 1, 1 / 2) == []
