"""Leak test: what a rise has to be, and the statistics against scipy. How often it is wrong, the calibration tells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, norm, theilslopes

from harness.analysis.lazy import FloatArray
from harness.criteria.recovery._leak import DAY_S, Growth, LeakTest, Stretch, assess, compared, persistence
from harness.criteria.recovery._trend import hamed_rao, thinned, trend
from tests.calibration.memory import MB, STEADY, autoregressive


def over(seconds: int) -> FloatArray:
    return np.arange(seconds, dtype=np.float64)


def test_the_plain_test_would_have_been_fooled() -> None:
    """The reason for all the conditions: plain Mann–Kendall takes every other wandering series for a trend, and the
    correction of Hamed and Rao only some fewer.
    """
    t, random = over(300), np.random.default_rng(5)
    series = [STEADY["AR(1), 0.9"](random, t) for _ in range(60)]
    found = [trend(t, one) for one in series]
    wider = [trend(t, one, correction=persistence) for one in series]
    assert sum(one is not None and one.p_plain < 0.05 for one in found) > 0.4 * 60
    assert sum(one is not None and one.p < 0.05 for one in found) > 0.15 * 60
    assert sum(one is not None and one.p < 0.05 for one in wider) <= 0.1 * 60


@pytest.mark.parametrize(
    ("size_bytes", "needed_bytes"),
    [(100 * MB, 5 * MB), (390 * MB, 19.5 * MB), (410 * MB, 20 * MB), (4000 * MB, 20 * MB)],
)
def test_a_rise_matters_from_five_percent_or_twenty_megabytes_on(size_bytes: float, needed_bytes: float) -> None:
    """So a process of 4 GB is not blind to what would fill the machine."""
    t = over(60)

    def found(rise_bytes: float) -> LeakTest:
        # The slope counts after the warm-up, over 44 s.
        return assess(t, size_bytes + rise_bytes * (t - 15) / 44)

    assert found(0.97 * needed_bytes).growth is Growth.NONE
    assert found(1.03 * needed_bytes).growth is Growth.RISING
    assert found(0).needed_bytes == pytest.approx(needed_bytes, rel=0.01)


def test_a_slow_rise_matters_where_a_day_of_it_is_more_than_the_process_may_have() -> None:
    t = over(120)
    a_day_bytes = 1e9
    memory = 100 * MB + a_day_bytes / DAY_S * t
    assert assess(t, memory).growth is Growth.NONE
    assert assess(t, memory, 1.05 * a_day_bytes).growth is Growth.NONE
    found = assess(t, memory, 0.95 * a_day_bytes)
    assert found.growth is Growth.RISING
    assert "at least 1.0 GB a day, and it may have 0.9 GB" in found.reason


def test_how_long_it_would_take_to_tell() -> None:
    """As long as the memory takes to double, and at least four times as long as it was watched."""
    t = over(61)
    assert assess(t, 100 * MB + MB * t).settled_by_s == pytest.approx(240, abs=1)
    assert assess(t, 100 * MB + 0.2 * MB * t).settled_by_s == pytest.approx(500, rel=0.05)


def test_of_what_nobody_knows_a_day_would_tell() -> None:
    assert LeakTest(Growth.UNKNOWN, "too short").settled_by_s == DAY_S
    assert assess(over(61), 100 * MB - MB * over(61)).settled_by_s == DAY_S


def test_what_was_found_is_told_in_megabytes_and_seconds() -> None:
    t = over(61)
    rising = assess(t, 100 * MB + MB * t)
    assert rising.reason == "steady growth, 45.0 MB in 45 s (p < 0.001)"
    assert (rising.rise_bytes, rising.duration_s, rising.segments_growing) == (pytest.approx(45 * MB), 45, 3)
    assert rising.rise_interval_bytes == (pytest.approx(45 * MB), pytest.approx(45 * MB))
    assert rising.level_bytes == pytest.approx(116.5 * MB) and rising.needed_bytes == pytest.approx(5.825 * MB)
    still = assess(t, 100 * MB + 0.02 * MB * t)
    assert still.reason == "at most 0.9 MB in 45 s, 5.0 MB would matter"
    wandering = assess(t, 100 * MB + 30 * MB * np.sin(t / 4))
    assert wandering.growth is Growth.UNCLEAR and "possible and" in wandering.reason
    assert wandering.reason.endswith("MB that would matter") and wandering.reason.partition(" MB")[0] != "0.0"


@pytest.mark.parametrize(
    ("rates", "segments", "is_rising"),
    [
        ((1, 0.35, 1), 2, True),
        ((0.35, 1, 1), 2, True),
        ((1, 1, 0.3), 2, False),  # not in the last
        ((1, 0.6, 1), 3, True),
        ((0.05, 0.05, 1), 1, False),
    ],
)
def test_growth_in_two_of_three_segments_the_last_among_them_is_steady(
    rates: tuple[float, float, float], segments: int, is_rising: bool
) -> None:
    """80 s, of which 60 count: three segments of 20 s. A segment grows that has half of the slope of all of them; each
    other sample is lower, so that neighbours are not alike.
    """
    memory = 100 * MB + MB * np.cumsum(np.repeat([1, *rates], 20)) + 8 * MB * (over(80) % 2)
    found = assess(over(80), memory)
    assert (found.segments_growing, found.growth is Growth.RISING) == (segments, is_rising)


def test_persistence_is_that_of_a_first_order_autoregression_freed_of_its_bias() -> None:
    """By threes up and down: 20 of 29 neighbours alike, r = 11 ÷ 30, freed (11 + 2) ÷ (30 − 4) = ½, and so 3."""
    series = 1e6 * np.tile([1.0, 1.0, 1.0, -1.0, -1.0, -1.0], 5)
    assert hamed_rao(series) < 3 and persistence(series) == pytest.approx(3)
    assert persistence(np.tile([1e6, -1e6], 15)) == hamed_rao(np.tile([1e6, -1e6], 15)) == 1
    lasting = 1e6 * np.repeat([1.0, -1.0], 15)
    assert persistence(lasting) == pytest.approx((1 + 29 / 30) / (1 - 29 / 30))
    # Less than a byte from sample to sample is rounding.
    assert persistence(0.9e-6 * series) == 1 and persistence(1.1e-6 * series) == pytest.approx(3)


@pytest.mark.parametrize(("requests_per_s", "is_idle"), [(0.49, True), (0.51, False)])
def test_a_twentieth_of_the_load_is_idle(requests_per_s: float, is_idle: bool) -> None:
    t = over(60)
    recovery = Stretch("recovery", t, 100 * MB + MB * t, 10.0)
    other = Stretch("quiet", t, 100 * MB + MB * t, requests_per_s)
    found = compared(assess(t, recovery.memory_bytes), recovery, [other])
    assert ("without load" in found.reason) is is_idle


@pytest.mark.parametrize(("in_recovery", "in_others"), [(0.0, 10.0), (0.0, 0.0), (10.0, 0.0)])
def test_a_load_that_is_none_or_was_not_steady_has_no_bytes_per_request(in_recovery: float, in_others: float) -> None:
    t = over(60)
    recovery = Stretch("recovery", t, 100 * MB + MB * t, in_recovery)
    other = Stretch("baseline", t - 60, 100 * MB + MB * t, in_others)
    found = compared(assess(t, recovery.memory_bytes), recovery, [other])
    assert found.growth is (Growth.SUSPECTED if in_recovery else Growth.RISING)


@pytest.mark.parametrize(("back", "growth"), [(0.81, Growth.STOPPED), (0.79, Growth.RISING)])
def test_four_fifths_of_the_rise_have_to_be_given_back(back: float, growth: Growth) -> None:
    """44 MB after the warm-up. Only a stretch after the recovery, and one that is long enough, shows that."""
    t = over(60)
    first = 100 * MB + MB * t
    found = assess(t, first)
    assert found.rise_bytes == pytest.approx(44 * MB)
    end = float(np.median(first[-5:])) - back * 44 * MB

    def after(begin_s: float, samples: int = 60) -> Growth:
        idle = Stretch("idle", over(samples) + begin_s, np.full(samples, end), 0.0)
        return compared(found, Stretch("recovery", t, first, 10.0), [idle]).growth

    assert after(60) is growth
    assert after(-60) is after(60, 9) is Growth.RISING and after(60, 10) is growth


def test_a_slope_that_is_hardly_known_is_held_against_no_other() -> None:
    """At another load memory wanders: by how much it grows per request is not known to a third."""
    t = over(60)
    recovery = Stretch("recovery", t, 100 * MB + MB * t, 10.0)
    wandering = Stretch("more", t, 100 * MB + 2 * MB * t + 60 * MB * np.sin(t / 6), 20.0)
    steady = Stretch("most", t, 100 * MB + 3 * MB * t, 30.0)
    found = assess(t, recovery.memory_bytes)
    assert compared(found, recovery, [wandering]).growth is Growth.RISING
    assert compared(found, recovery, [wandering, steady]).growth is Growth.SUSPECTED, "but the next one may be"
    assert compared(found, recovery, [steady]).growth is Growth.SUSPECTED


def several(
    per_request: tuple[float, float], idle_bytes: float = 0.0, rates: tuple[float, float] = (10, 30)
) -> LeakTest:
    """60 s at each of two loads, then 60 s without, over which ``idle_bytes`` are gained."""
    t = over(60)
    first = 100 * MB + per_request[0] * rates[0] * t
    second = first[-1] + per_request[1] * rates[1] * t
    recovery = Stretch("recovery", t, first, rates[0])
    others = [Stretch("more", t + 60, second, rates[1])]
    if np.isfinite(idle_bytes):
        others.append(Stretch("idle", t + 120, first[-1] + idle_bytes * np.minimum(1, t / 30), 0.0))
    return compared(assess(t, first), recovery, others)


NO_IDLE = float("nan")


def test_as_many_bytes_per_request_at_two_loads_is_suspected_and_kept_without_load_proven() -> None:
    assert several((50e3, 50e3), NO_IDLE).growth is Growth.SUSPECTED
    assert "50 kB per request in the recovery and 50 kB in the more" in several((50e3, 50e3), NO_IDLE).reason
    assert several((50e3, 50e3)).growth is Growth.PROVEN
    assert several((50e3, 40e3), NO_IDLE).growth is Growth.SUSPECTED
    assert several((50e3, 36e3), NO_IDLE).growth is Growth.RISING
    assert several((50e3, 70e3), NO_IDLE).growth is Growth.RISING


def test_two_loads_that_hardly_differ_tell_nothing() -> None:
    assert several((50e3, 50e3), NO_IDLE, rates=(10, 14)).growth is Growth.RISING
    assert several((50e3, 50e3), NO_IDLE, rates=(10, 16)).growth is Growth.SUSPECTED


def test_what_is_given_back_without_load_is_no_leak() -> None:
    """The rise after the warm-up is 22 MB; 80 % of it has to come back."""
    assert several((50e3, 20e3), -19 * MB).growth is Growth.STOPPED
    assert several((50e3, 20e3), -15 * MB).growth is Growth.RISING


def test_what_grows_without_load_is_suspected() -> None:
    t = over(60)
    recovery, idle = (Stretch(name, t, 100 * MB + MB * t, rate) for name, rate in (("recovery", 10.0), ("idle", 0.0)))
    found = compared(assess(t, recovery.memory_bytes), recovery, [idle])
    assert found.growth is Growth.SUSPECTED and found.reason.endswith("in the idle, without load")


def test_too_few_samples_are_no_answer() -> None:
    t = np.arange(30, dtype=np.float64)
    found = assess(t, t * MB)
    assert found.growth is Growth.UNKNOWN and found.suspected is None
    assert found.reason.startswith("30 samples after the warm-up needed")


def test_memory_that_does_not_move_is_no_leak() -> None:
    t = np.arange(100, dtype=np.float64)
    assert assess(t, np.full(100, 5 * MB)).suspected is False


def test_growth_that_has_stopped_by_the_middle_is_no_leak() -> None:
    t = np.arange(300, dtype=np.float64)
    found = assess(t, 100 * MB + 40 * MB * np.minimum(1, t / 180))
    assert found.growth is Growth.STOPPED
    assert found.reason.endswith("but at most 0.0 MB in the last 112 s of it")


def test_growth_that_has_stopped_only_lately_may_come_in_steps() -> None:
    t = np.arange(300, dtype=np.float64)
    assert assess(t, 100 * MB + 40 * MB * np.minimum(1, t / 225)).growth is Growth.UNCLEAR


@pytest.mark.parametrize(
    ("steps_at", "growth"),
    [
        ((0.54,), Growth.UNCLEAR),
        ((0.1, 0.55), Growth.UNCLEAR),
        ((0.35,), Growth.STOPPED),
        ((0.28, 0.31), Growth.STOPPED),
    ],
)
@pytest.mark.parametrize("seconds", [60, 120, 600])
def test_a_rise_in_steps_has_stopped_when_none_came_for_much_longer_than_before(
    steps_at: tuple[float, ...], growth: Growth, seconds: int
) -> None:
    """60 MB at once: without another for no more than twice as long as there was none before, it may come again."""
    t, random = over(seconds), np.random.default_rng(3)
    memory = 500 * MB + sum(60 * MB * (t >= at * seconds) for at in steps_at) + MB * random.standard_normal(seconds)
    found = assess(t, memory)
    assert found.growth is growth or (found.growth is Growth.NONE and growth is Growth.STOPPED)
    assert ("do not show that it has stopped" in found.reason) is (growth is Growth.UNCLEAR)


def test_a_cache_that_has_filled_is_no_leak() -> None:
    """Exponentially: it is slow at the end, but never paused."""
    t, random = over(120), np.random.default_rng(3)
    found = assess(t, 500 * MB + 100 * MB * (1 - np.exp(-t / 20)) + MB * random.standard_normal(120))
    assert found.growth in (Growth.STOPPED, Growth.NONE)


def test_the_plain_statistics_are_those_of_scipy() -> None:
    random = np.random.default_rng(3)
    x = np.arange(80, dtype=np.float64)
    y = random.standard_normal(80) + 0.01 * x
    found = trend(x, y)
    assert found is not None
    tau = kendalltau(x, y, method="asymptotic")
    assert found.tau == pytest.approx(tau.statistic)
    assert found.p_plain == pytest.approx(tau.pvalue, rel=0.02), "scipy has no continuity correction"
    sen = theilslopes(y, x, 0.95)
    assert found.slope == pytest.approx(sen.slope)
    if found.correction == 1:
        assert found.slope_interval == pytest.approx((sen.low_slope, sen.high_slope), rel=0.05)


def test_the_correction_grows_with_autocorrelation_and_is_never_below_one() -> None:
    random = np.random.default_rng(4)
    means = [np.mean([hamed_rao(autoregressive(random, 200, phi)) for _ in range(20)]) for phi in (-0.5, 0, 0.5, 0.9)]
    assert means[0] == pytest.approx(1, abs=0.2)
    assert 1 <= means[1] < means[2] < means[3]


def test_the_correction_is_that_of_hamed_and_rao() -> None:
    """Equation 9 of their paper, lag by lag; a rank autocorrelation within chance, 1.96 ÷ √n, counts as none."""
    n, series = 40, np.repeat([1.0, 2.0, 1.0, 2.0], 10)
    total, counted = 0.0, 0
    for lag in range(1, n - 2):
        alike = sum(1 if a == b else -1 for a, b in zip(series, series[lag:], strict=False)) / n
        if abs(alike) >= 1.959964 / n**0.5:
            total += (n - lag) * (n - lag - 1) * (n - lag - 2) * alike
            counted += 1
    assert hamed_rao(series) == pytest.approx(max(1.0, 1 + 2 / (n * (n - 1) * (n - 2)) * total))
    assert 5 < counted < n - 3 and total > 0, "or nothing would be tested"


def test_equal_values_make_the_variance_smaller() -> None:
    """(12 · 11 · 29 − 4 · 3 · 2 · 11) ÷ 18 = 198 where values come by threes, as in any textbook."""
    x, y = over(12), np.repeat([1.0, 2.0, 3.0, 4.0], 3)
    found = trend(x, y)
    assert found is not None
    s = 6 * 9  # of 66 pairs those of different values
    assert found.tau == pytest.approx(s / 66)
    assert found.p_plain == pytest.approx(2 * norm.sf((s - 1) / 198**0.5))
    assert trend(x, np.full(12, 5.0)).p_plain == 1  # type: ignore[union-attr]


def test_ten_samples_are_the_fewest_and_the_bounds_are_slopes_that_are_there() -> None:
    x = over(10)
    assert trend(x[:9], x[:9]) is None
    found = trend(x, x**2)
    assert found is not None and found.samples == 10 and found.tau == 1
    slopes = sorted(a + b for a in range(10) for b in range(a + 1, 10))
    assert found.slope == np.median(slopes) and set(found.slope_interval) <= set(slopes)
    # With so much in doubt that every slope is possible.
    wide = trend(x, x**2, correction=lambda _: 100.0)
    assert wide is not None and wide.slope_interval == (slopes[0], slopes[-1])


def test_long_series_are_thinned_without_losing_their_slope() -> None:
    x = np.arange(5000, dtype=np.float64)
    assert len(thinned(x, x)[0]) <= 600
    found = trend(x, 3 * x)
    assert found is not None
    assert found.slope == pytest.approx(3)


def test_of_what_is_not_known_there_is_no_figure() -> None:
    unknown = LeakTest(Growth.UNKNOWN, "too short")
    assert (unknown.rise_bytes, unknown.rise_interval_bytes, unknown.needed_bytes) == (None, (0, 0), 0)
    assert (unknown.segments_growing, unknown.duration_s, unknown.level_bytes) == (0, 0, 0)
