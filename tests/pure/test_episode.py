"""What a spike did, second by second: ten requests in each, all alike, so that every figure can be counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.histogram import bucket_index
from harness.analysis.quality import Windows
from harness.criteria.recovery import _episode
from harness.criteria.recovery._baseline_band import Band, Share
from harness.criteria.recovery._episode import _by_failures, measure
from harness.criteria.recovery._levels import Posterior
from harness.criteria.recovery._recovery import Settings, State
from harness.recording import End, Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import OK
from tests.pure.test_baseline_band import learned, windows
from tests.recordings import healthy

RUN = healthy()
GOOD_S, SLOW_S = 0.05, 2.0
END_S = 91
"""The baseline until 30 s, the spike for one second, and a recovery of a minute."""


def usual_s(t: int) -> float:
    """Two of a thousand more in each other second, since where nothing varies whatever is more is proven."""
    return GOOD_S * (1 + 0.002 * (t % 2))


def second(t: int, latency_s: float = GOOD_S, failed: int = 0, count: int = 10) -> list[Slice]:
    made = [Slice(t, "w", "GET /", OK, count - failed, 0, {bucket_index(round(latency_s * 1e6)): count - failed})]
    return [*made, *([Slice(t, "w", "GET /", "http 503", failed, 0, {5: failed})] if failed else [])]


def run(
    latency_s: Callable[[int], float] = lambda t: usual_s(t),
    failed: Mapping[int, int] | None = None,
    count: Mapping[int, int] | None = None,
    end: End | None = End(END_S + 1, "completed", True, 910, 0),  # noqa: B008  a frozen value
) -> Recording:
    phases = (Phase("baseline", 0, 30), Phase("spike", 30, 31), Phase("recovery", 31, END_S))
    slices = [
        piece
        for t in range(END_S)
        for piece in second(t, latency_s(t), (failed or {}).get(t, 0), (count or {}).get(t, 10))
    ]
    return replace(
        RUN,
        header=replace(RUN.header, phases=phases, gates=()),
        slices=tuple(piece for piece in slices if piece.count),
        marks=(),
        probes=(),
        end=end,
    )


def slow_from(begin: int, end: int, latency_s: float = SLOW_S) -> Callable[[int], float]:
    return lambda t: latency_s if begin <= t < end else usual_s(t)


def test_a_target_that_was_slow_for_ten_seconds() -> None:
    """From the spike at 30 s to 41 s, ten seconds after its end."""
    found = measure(run(slow_from(30, 41)))
    assert (found.state, found.reason, found.doubt) == (State.RECOVERED, "", "")
    assert (found.recovery_s, found.observed_s, found.degraded_s) == (10, 60, 11)
    # Told to the window, and widened by one on either side.
    assert found.interval_s == (9, 11)
    assert (found.degraded_at_s, found.detect_s, found.depth_ratio, found.area_lost_requests) == (30, 1, 1, 110)
    assert found.since == (0, 500) and found.canary_per_s == 10
    assert (found.relapses_s, found.passed_over, found.bursts_s, found.is_shifted) == ((), False, None, True)
    assert found.slower_ratio is None and found.lasting is None
    # Nothing failed, so by failures alone it was back at once.
    assert found.failed_interval_s == (0, math.inf)
    assert found.slo is not None and found.slo.overall_s == pytest.approx(GOOD_S + 0.1, rel=0.001)


def test_a_target_that_was_never_degraded() -> None:
    found = measure(run())
    assert (found.state, found.recovery_s, found.interval_s) == (State.NOT_DEGRADED, 0, (0, 0))
    assert (found.degraded_at_s, found.detect_s, found.degraded_s) == (None, None, 0)
    assert (found.depth_ratio, found.area_lost_requests, found.since) == (0, 0, (0, 600))


def test_a_target_that_hangs_while_nobody_asks_is_degraded() -> None:
    """The ten of second 40 wait for 8 s, and ask nothing until then: it is bad from 40 to 48 s."""
    found = measure(run(lambda t: 8.0 if t == 40 else usual_s(t), count=dict.fromkeys(range(41, 48), 0)))
    assert (found.state, found.recovery_s, found.degraded_s) == (State.RECOVERED, 17, 8)
    assert (found.area_lost_requests, found.degraded_at_s) == (10, 40), "they are lost once, in the second of their own"


@pytest.mark.parametrize("silent", [[89], [81, 83, 85, 87, 89], range(81, 90)])
def test_some_requests_at_the_end_tell_whether_it_has_recovered(silent: Iterable[int]) -> None:
    """In one of the last ten seconds at least."""
    found = measure(run(slow_from(30, 41), count=dict.fromkeys(silent, 0)))
    assert (found.state, found.recovery_s) == (State.RECOVERED, 10), found.reason
    none = measure(run(slow_from(30, 41), count=dict.fromkeys(range(81, END_S), 0)))
    assert none.state is State.UNKNOWN and none.reason.startswith("too few requests after the spike")


def test_failures_count_from_where_they_were() -> None:
    """Half of the requests of the spike and of the five seconds after it."""
    found = measure(run(failed=dict.fromkeys(range(30, 36), 5)))
    assert found.state is State.RECOVERED and found.recovery_s == 5
    assert (found.depth_ratio, found.area_lost_requests, found.degraded_at_s) == (0.5, 30, 30)
    assert found.failed_interval_s is not None and 2 <= found.failed_interval_s[0] <= 5
    assert found.failed_interval_s[1] == math.inf


def test_windows_of_some_seconds() -> None:
    found = measure(run(slow_from(30, 41)), Settings(window_s=5, hold_s=10, baseline_windows=6))
    # One begins with the end of the spike, from which the time counts; the first has the spike and four seconds before.
    assert (found.recovery_s, found.degraded_s, found.detect_s) == (10, 15, 1)
    assert found.interval_s == (5, 15) and found.canary_per_s == 10
    assert (found.area_lost_requests, found.depth_ratio, found.degraded_at_s) == (110, 1, 30)


@pytest.mark.parametrize("window_s", [1, 2, 3, 5])
def test_windows_that_are_longer_than_the_spike_begin_with_its_end(window_s: int) -> None:
    """Of one that had the spike and what came after it nobody would know when it was over."""
    settings = Settings(window_s=window_s, baseline_windows=6)
    unharmed = measure(run(), settings)
    assert (unharmed.state, unharmed.recovery_s, unharmed.interval_s) == (State.NOT_DEGRADED, 0, (0, 0))
    fails_at_first = measure(run(failed=dict.fromkeys(range(31, 33), 10)), settings)
    assert fails_at_first.interval_s is not None
    assert fails_at_first.interval_s[0] <= 2 <= fails_at_first.interval_s[1] and fails_at_first.recovery_s != 0
    fails_to_the_end = measure(run(failed=dict.fromkeys(range(90, 91), 10)), settings)
    assert fails_to_the_end.state is not State.NOT_DEGRADED, "none of the last seconds is left out"


def test_a_target_that_does_not_come_back_is_censored_at_what_was_seen() -> None:
    found = measure(run(slow_from(30, END_S)))
    assert (found.state, found.recovery_s, found.interval_s) == (State.NOT_RECOVERED, None, (60, math.inf))
    assert (found.degraded_s, found.area_lost_requests, found.since) == (61, 610, None)
    # A recovery has to hold for ten windows.
    late = measure(run(slow_from(30, 81)))
    assert (late.state, late.recovery_s, late.interval_s) == (State.RECOVERED, 50, (49, 51))
    too_late = measure(run(slow_from(30, 82)))
    assert (too_late.state, too_late.recovery_s, too_late.interval_s) == (State.NOT_RECOVERED, None, (50, math.inf))


def test_how_long_it_was_watched() -> None:
    """To the end of the recovery; of a run that was killed to the last thing that could have had its answer."""
    stopped = measure(run(end=End(70.5, "stopped", False, 1, 0)))
    assert stopped.observed_s == 39
    killed = measure(replace(run(end=None), slices=tuple(piece for piece in run().slices if piece.t < 60)))
    assert killed.observed_s == 28, "60 s less an SLO of 0.15 s"
    for until_s, told in ((41, True), (40, False)):
        short = measure(run(end=End(until_s, "stopped", False, 1, 0)))
        assert (short.state is State.NOT_DEGRADED) is told
    assert short.reason == "watched for 9 s after the spike, but a recovery must hold for 10 s"
    assert (short.observed_s, short.interval_s) == (9, (0, math.inf))


@pytest.mark.parametrize(("seconds", "told"), [(range(81, 91), True), (range(82, 91), False), (range(31, 81), False)])
def test_windows_with_requests_have_to_be_enough_and_at_the_end(seconds: range, told: bool) -> None:
    silent = {t: 0 for t in range(31, END_S) if t not in seconds}
    found = measure(run(count=silent))
    assert (found.state is not State.UNKNOWN) is told
    if not told:
        assert "a canary stream in the background would settle it" in found.reason
        assert (found.observed_s, found.interval_s) == (60, (0, math.inf))


def silent(begin: int, end: int) -> dict[int, int]:
    return dict.fromkeys(range(begin, end), 0)


@pytest.mark.parametrize(
    ("unasked", "high_s", "unasked_s"),
    [
        ({}, 0, 0),
        (silent(31, 71), 41, 40),
        (silent(31, 71) | {50: 10}, 41, 39),
        (silent(31, 36), 6, 5),
        (silent(60, 65), 0, 0),
    ],
    ids=["always", "forty seconds", "but once", "five seconds", "later"],
)
def test_while_nobody_asks_it_may_not_be_back_yet(unasked: dict[int, int], high_s: float, unasked_s: float) -> None:
    found = measure(run(count=unasked))
    assert (found.state, found.recovery_s) == (State.NOT_DEGRADED, 0)
    assert (found.interval_s, found.unasked_s) == ((0, high_s), unasked_s)


def test_nor_when_it_was_not_well_before() -> None:
    found = measure(run(failed=dict.fromkeys(range(30, 36), 10), count=silent(36, 66)))
    assert found.interval_s is not None and found.interval_s[1] == 36 and found.recovery_s is not None
    assert found.recovery_s + found.unasked_s == 35


@pytest.mark.parametrize(
    ("counts", "settings", "reason"),
    [
        ({}, Settings(), ""),
        ({}, Settings(baseline_windows=31), "baseline too short: 31 windows of 1 s needed, with 3 requests each, 30"),
        (dict.fromkeys(range(30), 3), Settings(), ""),
        (
            {**dict.fromkeys(range(30), 3), 0: 2},
            Settings(),
            "2.97 requests/s in the baseline are too few: a canary stream of 4/s, or windows of 2 s (window_s) with "
            "60 s of baseline, would settle it",
        ),
        (
            dict.fromkeys(range(30), 1),
            Settings(baseline_windows=10),
            "1 requests/s in the baseline are too few: a canary stream of 4/s, or windows of 3 s (window_s), would",
        ),
        (
            {**dict.fromkeys(range(30), 3), 0: 2},
            Settings(baseline_windows=29),
            "windows of 2 s (window_s) with 58 s of baseline, would",
        ),
        (
            dict.fromkeys(range(30), 1),
            Settings(window_s=2, baseline_windows=5),
            "1 requests/s in the baseline are too few: a canary stream of 3/s, or windows of 4 s (window_s), would",
        ),
    ],
)
def test_what_a_baseline_needs(counts: dict[int, int], settings: Settings, reason: str) -> None:
    found = measure(run(count=counts), settings)
    assert (found.reason == "") is (reason == "") and reason in found.reason
    assert (found.state is State.UNKNOWN) is bool(reason)


@pytest.mark.parametrize(("bad", "is_healthy"), [(30, True), (31, False)])
def test_a_tenth_of_the_baseline_may_miss_a_given_slo(bad: int, is_healthy: bool) -> None:
    slow = {t: min(10, max(0, bad - 10 * t)) for t in range(30)}
    slices = [
        Slice(
            t,
            "w",
            "GET /",
            OK,
            10,
            0,
            {bucket_index(50_000): 10 - slow.get(t, 0), bucket_index(300_000): slow.get(t, 0)},
        )
        for t in range(END_S)
    ]
    kept = tuple(replace(p, latency={at: n for at, n in p.latency.items() if n}) for p in slices)
    found = measure(replace(run(), slices=kept), Settings(slo_s=0.2))
    assert ("the baseline itself is not healthy: 10% of its requests" in found.reason) is not is_healthy


def test_single_windows_are_told_and_a_relapse_is_no_recovery_yet() -> None:
    alone = measure(run(failed={60: 10}))
    assert (alone.state, alone.relapses_s, alone.passed_over, alone.degraded_s) == (State.NOT_DEGRADED, (29,), True, 1)
    assert (alone.area_lost_requests, alone.since) == (10, (10, 600)) and alone.degraded_at_s is None
    again = measure(run(failed=dict.fromkeys([*range(30, 36), *range(70, 73)], 10)))
    assert (again.state, again.relapses_s, again.passed_over) == (State.NOT_RECOVERED, (39,), False)
    lasting = measure(run(failed=dict.fromkeys([*range(30, 36), *range(44, 47)], 10)))
    assert (lasting.state, lasting.recovery_s, lasting.relapses_s) == (State.RECOVERED, 16, (13,))
    # Area is lost until it is back, or to the end of what was watched.
    for later, of_recovered, of_other in ((None, 90, 90), (80, 90, 91)):
        more = {} if later is None else {later: 1}
        back = measure(run(failed=dict.fromkeys([*range(30, 36), *range(44, 47)], 10) | more))
        away = measure(run(failed=dict.fromkeys([*range(30, 36), *range(70, 73)], 10) | more))
        assert (back.area_lost_requests, away.area_lost_requests) == (of_recovered, of_other)
    last = measure(run(failed={90: 10}))
    assert (last.state, last.interval_s, last.passed_over) == (State.NOT_RECOVERED, (0, math.inf), False)


@pytest.mark.parametrize(
    ("times", "slo_s", "misses"),
    [(1.6, 0.0, True), (1.45, 0.0, False), (1.6, 0.5, False)],  # a given SLO is what is good
)
def test_what_stays_slower_is_told_with_what_its_p95_is_longer(times: float, slo_s: float, misses: bool) -> None:
    """Six of a hundred take 80 ms, the others 50; a floor of 40 ms makes an SLO of 120, which 1.6 × 80 ms would miss.
    Fewer than one in ten do, and the median is within what it may be.
    """

    def fifty(t: int) -> Slice:
        factor = (times if t >= 31 else 1.0) * (1 + 0.002 * (t % 2))
        latency = {bucket_index(round(factor * 50_000)): 47, bucket_index(round(factor * 80_000)): 3}
        return Slice(t, "w", "GET /", OK, 50, 0, latency)

    found = measure(replace(run(), slices=tuple(map(fifty, range(END_S)))), Settings(floor_s=0.04, slo_s=slo_s))
    assert (found.state, found.recovery_s) == (State.NOT_DEGRADED, 0)
    assert found.lasting is not None and found.lasting.ratio == pytest.approx(times, rel=0.01)
    assert found.lasting.slower_s == pytest.approx((times - 1) * 0.08, rel=0.02)
    assert found.slower_ratio == (pytest.approx(times, rel=0.01) if misses else None)


def test_a_gradual_return_is_as_slow_as_its_latter_half() -> None:
    """Four fifths longer for half of the recovery, and then as before."""
    found = measure(run(slow_from(31, 61, 1.8 * GOOD_S)))
    assert found.state is State.NOT_DEGRADED and found.lasting is None and found.slower_ratio is None


def test_other_requests_are_left_out() -> None:
    two = run(slow_from(30, 41))
    other = tuple(replace(piece, name="GET /other") for piece in run().slices)
    found = measure(replace(two, slices=(*two.slices, *other)), Settings(requests="GET /other"))
    assert found.state is State.NOT_DEGRADED
    assert measure(replace(two, slices=(*two.slices, *other)), Settings(requests="GET /")).recovery_s == 10


def test_a_target_is_away_for_as_long_as_all_users_wait_for_it() -> None:
    """Ten users who wait for their answers: from 42 to 69 s nobody asks anything, and one bad second is all that is
    sent. Ten requests are lost, and no more.
    """
    found = measure(run(lambda t: 28.0 if t == 41 else usual_s(t), count=dict.fromkeys(range(42, 69), 0)))
    assert (found.state, found.recovery_s, found.interval_s) == (State.RECOVERED, 38, (36, 39))
    assert (found.area_lost_requests, found.relapses_s) == (10, (10,))
    assert found.canary_per_s == pytest.approx(330 / 60)


@pytest.mark.parametrize(
    ("chances", "correlation", "interval"),
    [
        ((0.0, 0.01, 0.03, 1.0, 1.0), 0.0, (2.0, math.inf)),
        ((0.03, 0.03, 0.03, 1.0, 1.0), 0.0, (0.0, math.inf)),
        ((0.0, 0.0, 0.0, 0.0, 0.0), 0.0, (9.0, math.inf)),
        ((0.0, 0.01, 0.03, 1.0, 1.0), 0.9, (0.0, math.inf)),
    ],
)
def test_by_failures_alone_it_is_not_back_before_they_may_have_ended(
    chances: tuple[float, ...], correlation: float, interval: tuple[float, float]
) -> None:
    """From the first window on in which 2.5 % are possible, less a window; where the baseline shows what is normal."""
    failed = Share(lambda seen: seen.failed, 0.0, 0.1, 30, 600, 1.5, correlation, 0)
    known = Posterior(np.array(chances), np.zeros(len(chances)))
    assert _by_failures(known, failed, 0, 9.0, lambda at: 1.0 + (at or 0), 1) == interval


STEADY = learned([1] * 30)
UNTOLD = replace(STEADY.bad, correlation=0.5)


@pytest.mark.parametrize(
    ("normal", "doubt"),
    [
        (STEADY, ""),
        # Of 30 windows (1 - r) ÷ (1 + r): with 0.5 ten, and with a third just the fifteen that are needed.
        (replace(STEADY, bad=replace(STEADY.bad, correlation=1 / 3)), ""),
        (
            replace(STEADY, bad=UNTOLD),
            "the 30 windows of the baseline are worth only 10 independent ones, because neighbours are alike "
            "(r = 0.50), and 15 are needed",
        ),
        (replace(STEADY, slow=replace(UNTOLD, windows=20)), "the 20 windows of the baseline are worth only 7 indep"),
        (replace(STEADY, failed=UNTOLD), ""),
    ],
    ids=["steady", "just enough", "bad", "slow", "failed"],
)
def test_windows_that_are_alike_show_less_of_what_is_normal(normal: Band, doubt: str) -> None:
    found = _episode._doubt(normal)
    assert found.startswith(doubt) and bool(found) is bool(doubt)


@pytest.mark.parametrize(("bad_after", "is_shifted"), [([3, 4] * 15, False), ([5, 6] * 15, True)])
def test_shares_are_compared_where_windows_vary_and_not_numbers(bad_after: list[int], is_shifted: bool) -> None:
    """3 to 4 of ten before; after it of ten, too, or of a hundred: as many are then a tenth of it."""
    normal, before = replace(STEADY, bad=replace(STEADY.bad, inflation=2.0)), windows([3, 4] * 15, 10)
    assert _episode._is_shifted(normal, before, windows(bad_after, 10)) is is_shifted
    assert not _episode._is_shifted(normal, before, windows(bad_after, 100))
    assert _episode._is_shifted(normal, windows([30, 40] * 15, 100), windows([5, 6] * 15, 10))
    assert _episode._is_shifted(STEADY, before, windows([0] * 30, 10)), "where windows differ by chance alone"


@pytest.mark.parametrize(("until_s", "count"), [(41, 10), (END_S, 60)])
def test_what_is_held_against_the_baseline_is_what_came_before_it_was_back(
    until_s: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the end of the spike, at 31 s, until it is back, or to the end."""
    asked: list[Windows] = []
    monkeypatch.setattr(_episode, "_is_shifted", lambda *given: bool(asked.append(given[2])))
    measure(run(slow_from(30, until_s)))
    assert [each.start_s.tolist() for each in asked] == [list(range(31, 31 + count))]
