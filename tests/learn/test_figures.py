"""Figures of what is learned, worked out by hand: tails, curves, usual levels, zones, windows and gaps."""

from __future__ import annotations

import math
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.errors import ConfigurationError
from harness.learn import expected as tail
from harness.learn import level, source, spikes
from harness.learn.expected import HORIZONS_DAYS, Horizon, expected
from harness.learn.fitting import FLASH_CROWD, HILL, RAMP, STEP, Fit, _family
from harness.learn.json_lines import requests
from harness.learn.level import DAY_S, Observed, Values
from harness.learn.log_file import offset_of
from harness.learn.log_lines import Moment, common_moment, iso_moment
from harness.learn.paths import Mix
from harness.learn.peak_sizes import Pareto, _distance, fit, sizes_of

MONDAY_S = 1_780_272_000  # 2026-06-01, UTC


def array(*values: float) -> Values:
    return np.array(values, dtype=np.float64)


def observed(values: Values, window_s: int = 60) -> Observed:
    return Observed(MONDAY_S, window_s, values, "requests/s")


def test_a_tail_with_an_end_has_nothing_beyond_it() -> None:
    short = Pareto(array(1.0), array(-0.5))  # P(excess > x) = (1 − x/2)²
    assert short.beyond(array(1.0)) == pytest.approx(0.25)
    assert short.beyond(array(2.0, 3.0)).tolist() == [0, 0]
    assert short.quantile(array(0.75)) == pytest.approx(1.0)
    flat = Pareto(array(2.0), array(0.0))  # exponential
    assert flat.beyond(array(2.0)) == pytest.approx(1 / math.e, rel=1e-5)
    assert flat.quantile(array(1 - 1 / math.e)) == pytest.approx(2.0, rel=1e-5)


@pytest.mark.parametrize(
    ("excesses", "scale", "shape"),
    # a1 = Σ xⱼ(1 − (j − 0.35)/3)/3 is 0.6778, 0.9111 and 3.5889; ξ = 2 − a0/(a0 − 2·a1), no less than −1.
    [((1.0, 2.0, 3.0), 4.0, -1.0), ((1.0, 2.0, 9.0), 3.346939, 0.163265), ((9.0, 1.0, 2.0), 3.346939, 0.163265)],
)
def test_a_tail_is_fitted_by_its_weighted_moments(excesses: tuple[float, ...], scale: float, shape: float) -> None:
    found = fit(array(*excesses))
    assert found.shape == pytest.approx(shape, abs=1e-5)
    assert found.scale == pytest.approx(scale, abs=1e-5)


def test_a_tail_is_far_from_what_lies_beyond_its_end() -> None:
    """A²; of one excess at its middle −1 − (ln ½ + ln ½), and of one that it cannot have, as large as can be told."""
    uniform = Pareto(array(1.0), array(-1.0))
    assert _distance(uniform, array(0.5)) == pytest.approx(2 * math.log(2) - 1)
    assert _distance(uniform, array(2.0)) == pytest.approx(9 * math.log(10) - 1)


@pytest.mark.parametrize(("largest", "scale"), [(1e6, 1.0), (0.0, 0.0)])
def test_a_tail_has_a_mean(largest: float, scale: float) -> None:
    """One of a thousand: a0 is 1,000 and a1 0.35, so ξ would be 0.9993. Of all that are the same, nothing is beyond."""
    found = fit(array(*[0.0] * 999, largest))
    assert (found.shape, found.scale) == (pytest.approx(0.999), pytest.approx(scale))


def test_the_largest_of_more_days_is_no_smaller_and_noise_makes_it_wider_at_both_ends() -> None:
    short, long = Horizon(1, 2.0, 3.0, 5.0), Horizon(2, 1.5, 3.5, 4.0)
    assert long.at_least(short) == Horizon(2, 2.0, 3.5, 5.0)
    assert short.wider(math.log(2)) == Horizon(1, 1.0, 3.0, 10.0)
    assert Horizon(1, 4.0, 5.0, 6.0).wider(math.log(2)) == Horizon(1, 2.0, 5.0, 12.0)
    assert Horizon(1, 1.0, 1.0, 6.0).wider(math.log(2)).low_m == 1.0


def test_five_percent_are_below_what_is_told_and_five_above() -> None:
    """Two exponential peaks a day: the largest of n is below x with probability exp(−n·exp(−x))."""
    count = 1000
    peaks = [1.5 - math.log(1 - (place + 0.5) / count) for place in range(count)]
    told = expected(peaks, 1.5, count / 2)
    ten = told.within(10)
    assert ten is not None and ten.days == 10
    wanted = [1.5 + math.log(20 / -math.log(p)) for p in (0.05, 0.5, 0.95)]
    assert (ten.low_m, ten.middle_m) == (pytest.approx(wanted[0], abs=0.06), pytest.approx(wanted[1], abs=0.1))
    assert ten.high_m == pytest.approx(wanted[2], abs=0.25)
    assert [each.days for each in told.horizons] == [each for each in HORIZONS_DAYS if each <= count / 6]
    year = expected(peaks[::10], 1.5, 1095)
    assert [each.days for each in year.horizons][-4:] == [120, 180, 270, 365]


def test_peaks_that_come_in_some_weeks_are_dispersed() -> None:
    """Five in the first week, one in the second, none in the third: mean 2, variance 7. The last week is not whole."""
    days = [0.0, 1.0, 2.0, 3.0, 6.9, 7.0, 21.0]
    assert tail._dispersion(days) == pytest.approx(3.5)
    assert tail._dispersion([0.0, 7.0, 14.0]) == 1.0
    assert tail._dispersion([0.0, 1.0, 8.0]) == 1.0, "one whole week has no variance"
    assert tail._dispersion([]) == 1.0


def test_a_curve_at_each_time() -> None:
    step = Fit(STEP, 3.0, 0.0, 10.0, 0.0, 5.0, 1.0)
    assert step.at(array(4.0, 5.0, 15.0, 16.0)).tolist() == [1, 3, 3, 1]
    crowd = Fit(FLASH_CROWD, 5.0, 10.0, 20.0, 40.0, 0.0, 1.0)
    assert crowd.at(array(5.0, 10.0, 30.0, 40.0, 50.0, 70.0)).tolist() == pytest.approx([3, 5, 5, 4, 3, 1])
    assert crowd.duration_s == 70
    hill = Fit(HILL, 5.0, 30.0, 0.0, 30.0, 0.0, 1.0)  # a standard deviation of 10 s around 30 s
    height = 4 * math.exp(-0.5)
    assert hill.at(array(30.0, 20.0, 40.0)).tolist() == pytest.approx([5, 1 + height, 1 + height])


@pytest.mark.parametrize(
    ("up_s", "plateau_s", "down_s", "family"),
    [
        (90, 60, 90, STEP),
        (91, 60, 90, FLASH_CROWD),
        (90, 59, 90, FLASH_CROWD),
        (301, 300, 100, RAMP),
        (300, 200, 100, FLASH_CROWD),
        (301, 301, 100, FLASH_CROWD),
    ],
)
def test_what_a_trapezoid_is_called(up_s: float, plateau_s: float, down_s: float, family: str) -> None:
    assert _family(up_s, plateau_s, down_s, 60) == family


def test_the_usual_level_is_a_tenth_of_its_median_at_least() -> None:
    day = np.where(np.arange(24) < 10, 10.0, 0.0)
    usual = level.usual_level(observed(np.tile(day, 10), 3600))
    assert usual.min() == pytest.approx(1.0) and usual.max() == pytest.approx(10.0)


def test_a_weekday_is_usually_what_it_was_in_two_weeks_and_not_in_one() -> None:
    usual = np.ones((22, 4))
    days = usual.copy()
    days[5::7] = 0.5  # Saturdays
    days[0] = 3.0
    factors = level._weekday_factors(days, usual)
    assert factors[[5, 12, 19]].tolist() == [0.5, 0.5, 0.5]
    assert factors[[1, 2, 3, 4, 6, 8, 9, 10, 11, 13]].tolist() == [1.0] * 10
    assert factors[[7, 14, 21]].tolist() == [1.0, 2.0, 1.0], "the middle of 3, 1, 1; of 3, 1; and of 3, 1, 1"
    assert level._weekday_factors(days[:8], usual[:8]).tolist() == [1.0] * 8, "of one week nothing is known"


def test_a_running_median_is_of_what_is_around() -> None:
    found = level._running_median(array(9, 1, 2, 8, 4, 5), 3)
    assert found.tolist() == [5, 2, 2, 4, 5, 4.5]
    assert level._smoothed(array(1, 2, math.nan, 6), 3).tolist() == [1.5, 1.5, 4, 6]


def test_the_zone_of_a_log_is_taken_off() -> None:
    assert offset_of("+02:30") == 9000 and offset_of("-0230") == -9000 and offset_of("") is None
    assert offset_of("+14:00") == 50_400 and offset_of("+00:59") == 3540
    for wrong in ("+15:00", "+02:60", "2:00", "02:00"):
        with pytest.raises(ConfigurationError, match="hours and minutes with a sign"):
            offset_of(wrong)
    assert common_moment(b"10/Oct/2000:13:55:36 -0700") == Moment(971_211_336, "-0700")
    assert common_moment(b"10/Oct/2000:13:55:36 +0130") == Moment(971_186_136 - 5400, "+0130")
    assert common_moment(b"10/Oct/2000:23:59:60") == Moment(971_222_400, None)
    for wrong_time in (b"24:00:00", b"23:60:00", b"23:59:61", b"23:59:59 +1401"):
        assert common_moment(b"10/Oct/2000:" + wrong_time) is None
    assert iso_moment(b"2000-10-10T20:55:36") == Moment(971_211_336, None)
    assert iso_moment(b"2000-10-10T13:55:36-07:00") == Moment(971_211_336, "-0700")


def test_a_status_is_read_where_there_is_one() -> None:
    line = b'{"time": "2000-10-10T20:55:36Z", "method": "GET", "uri": "/a?b=1", "status": %s}'
    for status, text in ((b"503", b"503"), (b'"404"', b"404"), (b"null", b"")):
        for wrapped in (b"", b'{"no": "request"}\n'):
            (found,) = requests(wrapped + line % status)
            assert (found.method, found.target, found.query, found.status) == (b"GET", b"/a", b"?", text)


def test_requests_of_too_many_kinds_are_counted_together() -> None:
    class Few(Mix):
        MOST_KINDS = 1

    mix = Few()
    assert (mix.of_others, mix.without_path) == (0, 0)
    mix.add(Counter({(b"GET", b"/a"): 5, (b"GET", b"/b"): 2, (b"GET", b"/c"): 1, (b"GET", b"*"): 4}))
    mix.add(Counter({(b"GET", b"*"): 2, (b"GET", b"/d"): 7, (b"GET", b"/a"): 1}))
    (kind,) = mix.kinds()
    assert (kind.name, kind.count, mix.of_others, mix.without_path) == ("GET /a", 6, 10, 6)


def test_windows_divide_a_day() -> None:
    whole = [each for each in range(1, DAY_S + 1) if DAY_S % each == 0]
    short = [each for each in whole if each <= 60 or (each <= 3600 and each % 60 == 0)]
    assert list(source.WINDOWS_S) == [*short, 7200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400]
    assert set(source.OF_LOGS_S) <= set(source.WINDOWS_S)


def of_logs(per_s: float, length_s: int, gap: slice = slice(0)) -> Any:
    def counts(window_s: int) -> tuple[int, Values]:
        values = np.full(length_s // window_s, per_s * window_s)
        values[gap.start // window_s if gap.start else 0 : gap.stop // window_s] = 0
        return MONDAY_S, values

    return SimpleNamespace(total=round(per_s * length_s), span=(MONDAY_S, MONDAY_S + length_s), counts=counts)


@pytest.mark.parametrize(
    ("per_s", "window_s"), [(30, 1), (3, 10), (0.1, 300), (0.09, 600), (0.05, 600), (0.01, 3600), (0.005, 3600)]
)
def test_a_window_of_a_log_has_thirty_requests(per_s: float, window_s: int) -> None:
    assert source._observed(of_logs(per_s, 100_000), None)[0].window_s == window_s


def test_a_log_of_an_hour_has_ten_windows_at_least() -> None:
    assert source._observed(of_logs(0.05, 3600), None)[0].window_s == 300


def test_gaps_are_told_and_are_no_level() -> None:
    found, notes = source._observed(of_logs(1.0, 36_000, slice(7200, 18_000)), 60)
    assert np.isnan(found.values).sum() == 180 and found.values[0] == 1
    assert notes == ["1 gap without any request, the longest of 3.0 h: nothing is learned from them"]
    values = np.ones(100)
    values[5:15] = values[40:60] = values[70:79] = 0
    assert source._gaps(values, 1.0, 60) == [(5, 15), (40, 60)], "nine minutes are none"
    assert source._gaps(values, 0.05, 60) == [(40, 60)], "50 requests take 1,000 s"


def test_a_spike_is_above_four_deviations_of_the_noise() -> None:
    usual = np.ones(1000)
    noisy = np.exp(np.where(np.arange(1000) % 2, 0.2, -0.2))
    found = spikes.find(observed(noisy), usual)
    assert found.noise == pytest.approx(1.4826 * 0.2)
    assert found.threshold == pytest.approx(math.exp(4 * 1.4826 * 0.2))
    assert spikes.find(observed(usual), usual).threshold == 1.5


def test_a_spike_lasts_from_foot_to_foot() -> None:
    values = np.ones(200)
    values[100:103] = (3.0, 5.0, 5.0)
    values[103] = values[99] = 1.45  # more than a tenth of the height, and less than the threshold
    found = spikes.find(observed(values), np.ones(200))
    (spike,) = found.spikes
    assert (spike.start_s, spike.peak_s, spike.end_s) == (99 * 60, 101 * 60, 104 * 60)
    assert (spike.peak, spike.usual, spike.m, spike.is_whole) == (5, 1, 5, True)
    assert (spike.time_to_peak_s, spike.duration_s, spike.steepness_per_s) == (120, 300, pytest.approx(4 / 120))
    assert found.largest == spike


@pytest.mark.parametrize(("at", "start", "end"), [(slice(3), 0, 3), (slice(197, 200), 197, 200)])
def test_a_spike_in_which_the_data_begin_or_end_is_not_whole(at: slice, start: int, end: int) -> None:
    values = np.ones(200)
    values[at] = 5
    (spike,) = spikes.find(observed(values), np.ones(200)).spikes
    assert (spike.start_s, spike.end_s, spike.is_whole) == (start * 60, end * 60, False)


def test_exceedances_an_hour_apart_are_one_spike() -> None:
    values = np.ones(400)
    values[[100, 160, 221]] = 5
    assert [spike.start_s / 60 for spike in spikes.find(observed(values), np.ones(400)).spikes] == [100, 221]
    assert len(spikes.find(observed(values, 3600), np.ones(400)).spikes) == 3
    hours = np.ones(400)
    hours[[100, 102, 200, 203]] = 5
    apart = [spike.start_s / 3600 for spike in spikes.find(observed(hours, 3600), np.ones(400)).spikes]
    assert apart == [100, 200, 203], "of windows of an hour the one between belongs to it"


@pytest.mark.parametrize(("beside", "belongs"), [(1.41, True), (1.4, False), (1.39, False)])
def test_the_foot_of_a_spike_is_where_a_tenth_of_its_height_is_left(beside: float, belongs: bool) -> None:
    """5 is 4 more than usual."""
    values = np.ones(200)
    values[99:102] = (beside, 5.0, beside)
    (spike,) = spikes.find(observed(values), np.ones(200)).spikes
    assert (spike.start_s / 60, spike.end_s / 60) == ((99, 102) if belongs else (100, 101))


@pytest.mark.parametrize(("at", "used"), [(0, (0, 12 + 3 + 1)), (2, (0, 14 + 3 + 1)), (188, (188 - 3, 200))])
def test_a_spike_at_an_end_is_fitted_to_what_there_is(
    at: int, used: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.ones(200)
    values[at : at + 12] = 5
    (spike,) = spikes.find(observed(values), np.ones(200)).spikes
    given: list[Values] = []
    monkeypatch.setattr(spikes, "fitted", lambda times_s, m, *_: given.extend((times_s, m)))
    spikes.fit(observed(values), np.ones(200), spike)
    assert (given[0] / 60).tolist() == [n + 0.5 - at for n in range(*used)]
    assert given[1].tolist() == values[slice(*used)].tolist()


def test_a_spike_is_fitted_to_as_many_windows_before_and_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of its twelve, and one more after it, in which it has ended."""
    values = np.ones(200)
    values[100:112] = 5
    (spike,) = spikes.find(observed(values), np.ones(200)).spikes
    used: list[Values] = []
    monkeypatch.setattr(spikes, "fitted", lambda times_s, *_: used.append(times_s))
    spikes.fit(observed(values), np.ones(200), spike)
    assert (spike.start_s, spike.end_s) == (100 * 60, 112 * 60)
    assert (used[0] / 60).tolist() == [n + 0.5 for n in range(-3, 12 + 3 + 1)]


def test_sizes_around_a_typical_one_are_no_tail() -> None:
    """Most excesses are about 1, and few next to 0: a tail that began there would end with the largest of them."""
    hump = np.exp(0.4 * stats.norm.ppf((np.arange(80) + 0.5) / 80))
    found = sizes_of(hump - hump[0], np.random.default_rng(3))
    assert found.share < 1
    # With those below it all but the two at which it begins, the least of all and the largest of the lower ones.
    assert len(found.lower) == 80 - round(found.share * 80) - 1 and found.start == (hump - hump[0])[len(found.lower)]
    assert found.tail.shape > fit(hump - hump[0]).shape
    # P(larger than the largest that was seen) is 1 in 160; by a tail of them all there is none.
    largest = np.array(hump[-1] - hump[0])
    assert float(fit(hump - hump[0]).beyond(largest)) == 0 and 0.001 < float(found.beyond(largest)) < 0.01


def test_a_tail_is_kept_whole_and_sizes_are_the_inverse_of_their_probabilities() -> None:
    random = np.random.default_rng(7)
    even = np.quantile(random.exponential(size=100_000), (np.arange(60) + 0.5) / 60)
    whole = sizes_of(even - even[0], random)
    assert whole.share == 1 and not len(whole.lower)
    for sizes in (whole, sizes_of(np.sort(np.exp(0.4 * random.standard_normal(80))), random)):
        p = np.linspace(0.02, 0.98, 40)
        assert 1 - sizes.beyond(sizes.quantile(p)) == pytest.approx(p, abs=0.02)
