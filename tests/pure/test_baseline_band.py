"""What a baseline says is normal, on windows few enough to be worked out by hand; bounds held against scipy's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, binomtest, t

from harness.analysis.quality import Windows
from harness.criteria.recovery import _baseline_band
from harness.criteria.recovery._baseline_band import Band, Drift, Share, band, larger
from harness.criteria.recovery._episode import _is_shifted
from harness.criteria.recovery._wandering import Wandering, wandering_of

FloatArray = NDArray[np.float64]
NO_LATENCY = np.empty(0)


def windows(
    bad: Sequence[float], n: int | Sequence[int] = 10, slow: Sequence[float] = (), failed: Sequence[float] = ()
) -> Windows:
    """A window a second; ``n`` requests in each of them, or in all alike."""
    intended = np.broadcast_to(np.array(n), len(bad)).astype(np.int64)
    columns = [np.array(each if len(each) else np.zeros(len(bad)), dtype=np.int64) for each in (bad, slow, failed)]
    return Windows(1, np.arange(len(bad)), intended, intended - columns[0], columns[1], columns[2], 0 * intended)


def learned(
    bad: Sequence[float], n: int | Sequence[int] = 10, slow: Sequence[float] = (), failed: Sequence[float] = ()
) -> Band:
    return band(windows(bad, n, slow, failed), NO_LATENCY, 2.0)


def in_runs(length: int, high: float = 4, windows: int = 30) -> list[float]:
    """By turns so many for ``length`` windows, and none."""
    return [high * (k // length % 2 == 0) for k in range(windows)]


def test_normal_is_the_baselines_share_and_a_tenth_and_half_of_slow_ones() -> None:
    found = learned([1] * 28 + [2, 0], slow=[3] * 30, failed=[0] * 29 + [3])
    assert (found.bad.ratio, found.slow.ratio, found.failed.ratio) == (0.1, 0.3, 0.01)
    assert (found.bad.threshold, found.slow.threshold, found.failed.threshold) == (0.2, 0.5, 0.11)
    assert (found.bad.windows, found.bad.requests, found.bad.outside_before) == (30, 300, 0)
    assert learned([10] * 30).bad.threshold == 0.99
    # A window without requests is none.
    holes = learned([1] * 30, [10] * 28 + [0] + [5])
    assert (holes.bad.windows, holes.bad.requests) == (29, 285)


def test_windows_that_differ_by_no_more_than_chance_are_worth_all_their_requests() -> None:
    """χ² of 30 windows may be 42.6: Σ (hits − 2)² ÷ 1.6 is 42.5 for 68 and 43.75 for 70."""
    apart = [4, 0] * 7 + [3, 1] * 6
    for more, varies in (([2, 2, 2, 2], False), ([4, 0, 2, 2], True)):
        hits = [*apart, *more]
        assert sum(hits) == 60
        square = sum((each - 2) ** 2 for each in hits) / 1.6
        found = learned(hits).bad
        assert found.varies is varies is (square > 42.557)
        assert found.inflation == (pytest.approx(square / 29) if varies else 1)
    even = learned([2] * 30).bad
    assert (even.inflation, even.correlation, even.varies, even.is_told) == (1, 0, False, True)


def test_too_few_hits_show_nothing_of_how_windows_differ() -> None:
    assert not learned([1] + [0] * 29, [1] + [1000] * 29).bad.varies, "one"
    assert learned([2] + [0] * 29, [2] + [1000] * 29).bad.varies, "two"
    assert not learned([4, 0]).bad.varies and learned([10, 0, 0]).bad.varies, "two windows"


@pytest.mark.parametrize(
    ("length", "correlation"),
    [
        (1, 1 / 30),  # each other one: none, and what a short series hides, (1 + 4 · 0) ÷ 30
        (3, 11 / 30 + (1 + 44 / 30) / 30),  # 20 neighbours alike and 9 not
        (15, 0.95),
    ],
)
def test_neighbours_that_are_alike_make_fewer_windows(length: int, correlation: float) -> None:
    """Four bad ones of ten and none by turns: Σ (hits − 2)² ÷ 1.6 = 75."""
    found = learned(in_runs(length)).bad
    assert found.inflation == pytest.approx(75 / 29) and found.correlation == pytest.approx(correlation)
    assert found.effective_windows == pytest.approx(30 * (1 - correlation) / (1 + correlation))
    assert found.is_told is (length == 1)


@pytest.mark.parametrize(("r", "is_told"), [(0.333, True), (0.334, False), (0.0, True)])
def test_fifteen_independent_windows_show_what_is_normal(r: float, is_told: bool) -> None:
    """30 · (1 − ⅓) ÷ (1 + ⅓) = 15; where they are not alike any number will do."""
    share = replace(learned([2] * 30).bad, correlation=r)
    assert share.is_told is is_told
    assert Drift(30, r, True).is_told is (is_told or r == 0) and Drift(30, r, False).is_told
    assert Drift(30, 0.5, True).effective_windows == pytest.approx(10)
    assert not replace(share, windows=10, correlation=0.01).is_told


@pytest.mark.parametrize("n", [3, 10, 50])
def test_a_window_is_outside_where_the_threshold_makes_it_so_in_one_of_two_hundred(n: int) -> None:
    share = learned([1] * 30).bad
    assert share.threshold == 0.2
    for hits in range(n + 1):
        by_chance = binom.sf(hits - 1, n, 0.2)
        (is_outside,) = share.outside(windows([hits], n))
        assert is_outside == (by_chance < 0.005), hits


def test_where_windows_vary_a_request_is_worth_less() -> None:
    """7 of 10 are outside at a threshold of 0.2, and 6 are not; so are 14 and 12 of 20 that are worth half."""
    share = replace(learned([1] * 30).bad, inflation=2.0)
    assert share.outside(windows([14, 12], 20)).tolist() == [True, False]
    assert learned([9, *[1] * 29]).bad.outside_before == 1


def test_two_requests_are_no_window() -> None:
    share = replace(learned([1] * 30).bad, threshold=0.01)
    assert share.outside(windows([2, 3, 0], [2, 3, 3])).tolist() == [False, True, False]


def test_either_share_makes_a_window_stand_out() -> None:
    normal = learned([0] * 30)
    assert normal.outside(windows([10, 0, 0], slow=[0, 10, 0])).tolist() == [True, True, False]


@pytest.mark.parametrize(("intended", "fewest"), [(40, 13), (1000, 178)])
def test_many_windows_together_are_worse_from_a_proven_twentieth_on(intended: int, fewest: int) -> None:
    """A tenth before: the lower bound, at 99 %, has to lie above 0.15."""
    normal = learned([1] * 30)
    assert normal.is_worse(fewest, intended) and not normal.is_worse(fewest - 1, intended)
    bounds = [binomtest(bad, intended).proportion_ci(0.98, "exact").low for bad in (fewest - 1, fewest)]
    assert bounds[0] < 0.15 < bounds[1]
    assert not normal.is_worse(0, intended) and normal.is_worse(intended, intended)


@pytest.mark.parametrize("intended", [10, 200])
def test_what_may_lie_beyond_the_threshold_is_told_with_its_bound(intended: int) -> None:
    normal = learned([1] * 30)
    for bad in range(0, intended + 1, 1 + intended // 40):
        bound = binomtest(bad, intended).proportion_ci(0.9, "exact").high
        found = normal.may_be_beyond(bad, intended)
        assert found is None if bound <= 0.2 else found == pytest.approx(bound)


def test_a_latency_that_wanders_as_far_as_is_allowed_has_to_be_seen_for_long_enough() -> None:
    """Standard deviation 0.2: three of them are 0.6, as log 1.822."""
    wandering = np.tile([0.2, 0.2, -0.2, -0.2, 0.2, -0.2], 5) + 10
    for allowed, reaches in ((1.82, True), (1.83, False)):
        drift = band(windows([1] * 30), wandering, allowed).drift
        assert (drift.windows, drift.reaches) == (30, reaches)
    pairs = sum(np.sign(a - 10) * np.sign(b - 10) for a, b in pairwise(wandering))
    assert drift.correlation == pytest.approx(max(0.0, pairs / 30))
    lasting = band(windows([1] * 30), np.repeat([10.2, 9.8], 15), 1.5).drift
    assert lasting.correlation == pytest.approx(27 / 30) and not lasting.is_told
    assert band(windows([1] * 30), np.full(30, 7.0), 1.01).drift == Drift(30, 0.0, False)
    assert band(windows([1] * 30), np.array([1.0, 2.0]), 1.01).drift == Drift(2, 0.0, False)


def margin(deviation: float, effective: float) -> float:
    """By which the mean has to be larger, at 0.1 %, of two stretches alike."""
    return float(t.ppf(0.999, effective - 1)) * math.sqrt(2 * deviation**2 / effective)


@pytest.mark.parametrize(
    ("length", "effective"),
    [
        (1, 30 * (1 - 1 / 30) / (1 + 1 / 30)),
        (3, 30 * (1 - 0.448889) / (1 + 0.448889)),
        (15, 2.0),
    ],
)
def test_a_larger_mean_is_proven_by_as_many_windows_as_are_independent(length: int, effective: float) -> None:
    before = np.array(in_runs(length, 1.0))
    needed = margin(float(before.std(ddof=1)), effective)
    assert larger(before, before + 1.001 * needed) and not larger(before, before + 0.999 * needed)
    assert not larger(before, before - 2 * needed)


def test_queues_remember_for_longer_than_an_autoregression() -> None:
    """Neighbours hardly alike, and for long: the integrated time 1 + 2 Σ ρ counts, to the first lag without any."""
    random = np.random.default_rng(8)
    slow = np.repeat([1.0, -1.0, 1.0], 60) + 2.2 * random.standard_normal(180)
    residual = slow - slow.mean()
    rho = [float(residual[:-lag] @ residual[lag:] / (residual @ residual)) for lag in range(1, 60)]
    until = next(k for k, each in enumerate(rho) if each <= 0)
    effective = 180 / (1 + 2 * sum(rho[:until]))
    raw = rho[0]
    by_ar = raw + (1 + 4 * raw) / 180
    assert until > 3 and effective < 180 * (1 - by_ar) / (1 + by_ar), "or nothing would be tested"
    needed = margin(float(slow.std(ddof=1)), effective)
    assert larger(slow, slow + 1.001 * needed) and not larger(slow, slow + 0.999 * needed)


def test_two_windows_prove_nothing() -> None:
    assert not larger(np.zeros(2), np.full(30, 9.0)) and larger(np.zeros(3), np.full(30, 9.0))
    assert not larger(np.zeros(30), np.full(2, 9.0))
    assert not larger(np.zeros(3), np.zeros(3)), "as large is not larger"


@pytest.mark.parametrize(("bad", "slow", "is_shifted"), [(0, 0, False), (4, 0, True), (0, 4, True), (4, 4, True)])
def test_either_share_that_is_larger_after_the_spike_is_a_shift(bad: int, slow: int, is_shifted: bool) -> None:
    """Both were 4 of 10 in each other window before, and varied by that."""
    usual = np.array(in_runs(1))
    normal = learned(list(usual), slow=list(usual))
    assert normal.bad.varies and normal.slow.varies
    after = windows(list(usual + bad), slow=list(usual + slow))
    assert _is_shifted(normal, windows(list(usual), slow=list(usual)), after) is is_shifted
    steady = windows([1] * 30)
    assert _is_shifted(learned([1] * 30), steady, steady), "where nothing varies, whatever is more is proven"


COUNTED = np.ones(40, dtype=np.bool_)


def recurs(share: Share, hits: Sequence[float], n: int = 10) -> bool:
    return share.bursts(windows(hits, n), np.ones(len(hits), dtype=np.bool_)) is not None


def test_bad_requests_that_come_by_turns_recur() -> None:
    """In each tenth second five of ten fail, and one of a hundred in the baseline: 5 % on the whole."""
    share = learned([0, 0, 0, 0, 0, 0, 0, 0, 0, 1] * 3).bad
    by_turns = [5.0 * (k % 10 == 0) for k in range(40)]
    assert recurs(share, by_turns)
    # One window is an event and nothing that recurs; nor do as many that are spread evenly.
    assert not recurs(share, [5.0 * (k == 10) for k in range(40)])
    assert not recurs(share, [float(k % 2) for k in range(40)])
    assert not recurs(share, [0.0] * 40) and not recurs(share, [10.0] * 40)
    # What is not counted, and fewer windows than five, show nothing.
    uncounted = COUNTED & (np.array(by_turns) == 0)
    assert share.bursts(windows(by_turns), uncounted) is None
    assert not recurs(share, [9, 0, 9, 0]) and recurs(share, [9, 0, 9, 0, 0])


def test_what_recurs_is_held_against_the_bad_requests_of_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of 300."""
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(_baseline_band, "is_by_turns", lambda _hits, _n, *before: bool(seen.append(before)))
    recurs(learned([0, 0, 0, 0, 0, 0, 0, 0, 0, 1] * 3).bad, [0.0] * 40)
    assert seen == [(3, 300)]


def test_what_recurs_is_seen_in_failures_too_where_slow_windows_are_passed_over() -> None:
    normal = learned([0] * 30)
    hits = [5.0 * (k % 10 == 0) for k in range(40)]
    passed = np.array(hits) > 0
    assert normal.bursts(windows(hits), ~COUNTED) is not None and normal.bursts(windows(hits), passed) is None
    assert normal.bursts(windows(hits, failed=hits), passed) is not None
    assert normal.bursts(windows([0] * 40), ~COUNTED) is None


@pytest.mark.parametrize(
    ("hits", "ratio", "inflation", "is_more"),
    [
        # Without the worst window 60 of 1,950, which is 3.1 %: χ² is 743 with 38 degrees of freedom, and 64 is chance.
        ({0: 20, 10: 20, 20: 20, 30: 20}, 0.01, 2.0, True),
        ({0: 20, 10: 20, 20: 20, 30: 20}, 0.01, 12.0, False),  # windows of the baseline differed by as much: 743 ÷ 12
        ({0: 20, 10: 20, 20: 20, 30: 20}, 0.04, 2.0, False),  # as many were bad before
        (dict.fromkeys(range(40), 2), 0.01, 2.0, False),  # more than before, and alike in all windows
        ({0: 20}, 0.01, 2.0, False),  # one window alone does not come by turns
        ({0: 1}, 0.0001, 2.0, False),
        ({}, 0.01, 2.0, False),
    ],
)
def test_windows_have_to_differ_by_more_than_those_of_the_baseline_did(
    hits: dict[int, int], ratio: float, inflation: float, is_more: bool
) -> None:
    """40 windows of 50 requests, after 2,000 in a baseline whose windows differed by themselves."""
    share = Share(lambda seen: seen.bad, ratio, ratio + 0.1, 40, 2000, inflation, 0.0, 0)
    counts = np.array([hits.get(n, 0) for n in range(40)], dtype=np.int64)
    assert share._differs_by_more(counts, np.full(40, 50, dtype=np.int64)) is is_more
    assert share._differs_by_more(counts[:4], np.full(4, 50, dtype=np.int64)) is False


@pytest.mark.parametrize(
    ("window_s", "alike", "drift", "told"),
    [
        (1, (0.0, 0.0), (0.9, True), None),
        (1, (0.5, 0.0), (0.9, True), 120),  # 45 s, and no less than two minutes
        (3, (0.5, 0.0), (0.0, True), 140),  # 135 s, in tens
        (3, (0.0, 0.5), (0.0, True), 140),
        (3, (0.0, 0.0), (0.5, False), 140),
        (4, (0.5, 0.0), (0.0, False), 180),
    ],
)
def test_a_baseline_that_wanders_has_to_be_as_long_as_fifteen_independent_windows(
    window_s: int, alike: tuple[float, float], drift: tuple[float, bool], told: int | None
) -> None:
    """(1 + r) ÷ (1 − r) windows tell as much as one that is independent: three with r = 0.5."""
    bad, slow = (SimpleNamespace(correlation=each) for each in alike)
    known: Any = SimpleNamespace(bad=bad, slow=slow, drift=SimpleNamespace(correlation=drift[0], is_told=drift[1]))
    found = wandering_of(known, window_s, 0.2)
    assert found == (None if told is None else Wandering(told, 0.2))
