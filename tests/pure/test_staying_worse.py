"""Names that stay worse behind all the others, and baselines that go up and down by themselves: by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from harness.analysis.histogram import bucket_index
from harness.analysis.quality import ServiceLevel
from harness.criteria.recovery._left_behind import left_behind
from harness.criteria.recovery._slower_names import slower_names
from harness.criteria.recovery._wandering import Wandering, wandering_of
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import ITERATION, OK
from tests.pure.test_baseline_band import learned
from tests.recordings import healthy

SLO = ServiceLevel(1.0, {})
BASELINE_S, SINCE_S = (0, 30), (40, 60)


def of(name: str, before: tuple[int, int], since: tuple[int, int]) -> tuple[Slice, ...]:
    """(bad, requests) in the baseline and since, each all in one second."""
    pieces = []
    for t, (bad, requests) in ((29, before), (40, since)):
        pieces += [Slice(t, "w", name, "http 500", bad, 0, {9: bad})] if bad else []
        pieces += [Slice(t, "w", name, OK, requests - bad, 0, {9: requests - bad})] if requests > bad else []
    return tuple(pieces)


def run(*pieces: tuple[Slice, ...]) -> Recording:
    return replace(healthy(), slices=tuple(piece for each in pieces for piece in each))


def low(bad: int, requests: int, sure: float) -> float:
    return float(binomtest(bad, requests).proportion_ci(sure, "exact").low)


@pytest.mark.parametrize(
    ("before", "since", "names", "is_worse"),
    [
        # Of one name, both shares with 99 %: 10.1 % at least, or 9.3 %, where none was bad before and a tenth may be.
        ((0, 1000), (19, 100), 1, True),
        ((0, 1000), (18, 100), 1, False),
        # Of two with 99.5 %: 20 are 10.2 % at least, and 19 are 9.5 %.
        ((0, 1000), (20, 100), 2, True),
        ((0, 1000), (19, 100), 2, False),
        # 50 of 100 before may have been 63.1 %. 680 are 64.1 % at least, and 640 are 60 %: a tenth above one half.
        ((50, 100), (680, 1000), 1, True),
        ((50, 100), (640, 1000), 1, False),
        ((0, 0), (100, 100), 1, False),  # the baseline did not have it
        ((0, 1000), (0, 0), 1, False),
    ],
)
def test_a_name_is_left_behind_where_it_is_proven_to_be_worse_by_a_tenth(
    before: tuple[int, int], since: tuple[int, int], names: int, is_worse: bool
) -> None:
    others = [of(f"GET /{number}", (0, 1000), (0, 1000)) for number in range(names - 1)]
    found = left_behind(run(of("POST /orders", before, since), *others), SLO, 0, BASELINE_S, SINCE_S)
    assert (found is not None) is is_worse
    if found is not None:
        assert (found.name, found.bad, found.requests) == ("POST /orders", *since)
        assert (found.bad_before, found.requests_before) == before
    if before == (0, 1000) and since[1]:
        assert (low(*since, 1 - 0.01 / names) > 0.1) is is_worse


def latencies(name: str, before_us: int, since_us: int, outcome: str = OK) -> tuple[Slice, ...]:
    """30 requests in the baseline and 45 since, those since with this outcome."""
    return (
        Slice(29, "w", name, OK, 30, 0, {bucket_index(before_us): 30}),
        Slice(40, "w", name, outcome, 45, 0, {bucket_index(since_us): 45}),
    )


def test_a_name_that_is_slow_by_nature_is_held_against_itself() -> None:
    """At 1.5 s it misses the SLO of all together before and after, and yet it may fail, or take three times as long."""
    others = of("GET /a", (0, 1000), (0, 1000))
    for pieces, bad_before in (
        (latencies("GET /b", 1_500_000, 1_500_000, "http 500"), 0),
        (latencies("GET /b", 1_500_000, 4_500_000), 0),
    ):
        found = left_behind(run(pieces, others), SLO, 0.1, BASELINE_S, SINCE_S)
        assert found is not None
        assert (found.name, found.bad, found.requests, found.bad_before) == ("GET /b", 45, 45, bad_before)
    well = run(latencies("GET /b", 1_500_000, 1_500_000), others)
    assert left_behind(well, SLO, 0.1, BASELINE_S, SINCE_S) is None
    # With an SLO that was given all are bad before, and what failed is seen by itself.
    failing = run(latencies("GET /b", 1_500_000, 1_500_000, "http 500"), others)
    assert left_behind(failing, SLO, 0, BASELINE_S, SINCE_S) is not None
    assert left_behind(run(latencies("GET /b", 1_500_000, 4_500_000), others), SLO, 0, BASELINE_S, SINCE_S) is None


def test_of_several_the_one_that_is_worse_by_most_is_told_and_iterations_are_none() -> None:
    worse, worst = of("GET /a", (0, 1000), (50, 100)), of("GET /b", (0, 1000), (90, 100))
    for pieces in ((worse, worst), (worst, worse)):
        found = left_behind(run(*pieces, of(ITERATION, (0, 1000), (1000, 1000))), SLO, 0, BASELINE_S, SINCE_S)
        assert found is not None and found.name == "GET /b"


def test_what_is_outside_of_both_times_counts_for_neither() -> None:
    outside = tuple(Slice(t, "w", "GET /a", "http 500", 500, 0, {9: 500}) for t in (-1, 30, 39, 60))
    assert left_behind(run(of("GET /a", (0, 1000), (0, 100)), outside), SLO, 0, BASELINE_S, SINCE_S) is None


@pytest.mark.parametrize(
    ("correlation", "window_s", "baseline_s"),
    [
        (0.5, 1, 120),  # 15 independent windows are 45 of these
        (0.8, 1, 140),  # 135
        (0.8, 2, 270),
        (0.95, 1, 590),  # 585
    ],
)
def test_a_baseline_that_wanders_takes_fifteen_independent_windows_and_two_minutes(
    correlation: float, window_s: int, baseline_s: int
) -> None:
    steady = learned([0] * 30)
    assert wandering_of(steady, window_s, 0.3) is None
    for share in ("bad", "slow"):
        alike = replace(steady, **{share: replace(getattr(steady, share), correlation=correlation)})
        assert wandering_of(alike, window_s, 0.3) == Wandering(baseline_s, 0.3)
    drifting = replace(steady, drift=replace(steady.drift, correlation=correlation, reaches=True, windows=30))
    assert wandering_of(drifting, window_s, 0.3) == (None if drifting.drift.is_told else Wandering(baseline_s, 0.3))
    harmless = replace(steady, drift=replace(steady.drift, correlation=correlation, reaches=False))
    assert wandering_of(harmless, window_s, 0.3) is None


def by_second(name: str, from_s: int, us: tuple[int, ...], of_each: int) -> tuple[Slice, ...]:
    """One second after the other, of these latencies."""
    return tuple(
        Slice(from_s + at, "w", name, OK, of_each, 0, {bucket_index(each): of_each}) for at, each in enumerate(us)
    )


@pytest.mark.parametrize(
    ("since_us", "names", "is_slower"),
    [
        ((40_000, 44_000) * 5, 2, True),
        # Nine of the latter half are too few, and so are nine before.
        (((40_000, 44_000) * 5)[:9], 2, False),
        ((40_000, 44_000) * 5, 1, False),  # the only name is all requests
        ((20_000, 22_000) * 5, 2, False),
        # By 1.12 times, where neighbours differ by 1.1: proven at 0.25 and 0.17 %, and not at 0.1 %.
        ((22_400, 24_640) * 5, 2, True),
        ((22_400, 24_640) * 5, 3, True),
        ((22_400, 24_640) * 5, 5, False),
    ],
)
def test_a_name_stays_slower_where_that_is_proven_of_ten_answers(
    since_us: tuple[int, ...], names: int, is_slower: bool
) -> None:
    before = by_second("GET /a", 0, (20_000, 22_000) * 5, 1)
    others = [by_second(f"GET /{number}", 0, (20_000, 22_000) * 25, 9) for number in range(names - 1)]
    made = run(before, by_second("GET /a", 40, since_us, 1), *others)
    found = slower_names(made, 1, Phase("baseline", *BASELINE_S), Phase("end", *SINCE_S))
    assert set(found) == ({"GET /a"} if is_slower else set())
    if is_slower:
        times = since_us[0] / 20_000
        assert found["GET /a"].ratio == pytest.approx(times, rel=1e-3)
        assert found["GET /a"].slower_s == pytest.approx((times - 1) * 0.022, rel=1e-2)
    if len(since_us) == 9:
        turned = run(by_second("GET /a", 0, since_us[:9], 1), by_second("GET /a", 40, (90_000, 99_000) * 5, 1), *others)
        assert not slower_names(turned, 1, Phase("baseline", *BASELINE_S), Phase("end", *SINCE_S))
