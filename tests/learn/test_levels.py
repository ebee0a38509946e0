"""Levels worked out by hand: the usual one, patterns, the day ahead, and how often peaks come."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from harness.learn import expected as tail
from harness.learn import learned as module
from harness.learn import level, spikes
from harness.learn.expected import expected
from harness.learn.fitting import Fit, fitted
from harness.learn.learned import Source, learn
from harness.learn.learned_file import as_json
from harness.learn.level import DAY_S, Observed, Values

MONDAY_S = 1_780_272_000  # 2026-06-01, UTC
HALF_DAY_S = 43_200


def observed(values: Values, window_s: int = 3600, start_s: int = MONDAY_S) -> Observed:
    return Observed(start_s, window_s, values, "requests/s")


def by_days(values: list[float], per_day: int = 2) -> Values:
    return np.repeat(np.array(values, dtype=np.float64), per_day)


def test_the_usual_level_is_the_median_of_seven_days_before_and_in_the_first_three_of_those_that_follow() -> None:
    """Each day is twice the one before it, so that every median tells of which days it is."""
    usual = level.usual_level(observed(by_days([2.0**day for day in range(10)]), HALF_DAY_S))
    assert usual.reshape(10, 2).tolist() == [[each] * 2 for each in (16, 16, 16, 2, 3, 4, 6, 8, 16, 32)]


def test_of_a_log_that_begins_in_the_day_the_usual_level_is_that_of_its_windows() -> None:
    """From noon on; a window that is unknown has the median of all usual ones, and none has less than a tenth of it."""
    values = np.array([4.0, *([2.0, 4.0] * 5)])
    values[3] = math.nan
    usual = level.usual_level(observed(values, HALF_DAY_S, MONDAY_S + HALF_DAY_S))
    assert usual.tolist() == [4.0, *([2.0, 4.0] * 5)]
    quiet = np.tile([0.0, 50.0, 50.0, 50.0], 8)
    assert level.usual_level(observed(quiet, DAY_S // 4)).reshape(8, 4).tolist() == [[5.0, 50.0, 50.0, 50.0]] * 8


@pytest.mark.parametrize(("long", "is_usual"), [(3, False), (4, True)])
def test_of_three_days_the_usual_level_is_the_median_of_six_hours_around(long: int, is_usual: bool) -> None:
    """Of seven windows of an hour four are most."""
    values = np.ones(72)
    values[30 : 30 + long] = 9.0
    usual = level.usual_level(observed(values))
    assert (float(usual.max()) == 9.0) is is_usual
    assert usual[30 + long // 2] == (9.0 if is_usual else 1.0)


def test_the_pattern_is_the_mean_by_hour_and_by_weekday() -> None:
    hours = np.tile(np.arange(24.0), 14)
    hours[24:48] += 24  # the first Tuesday; the second is as the others
    hours[5] = hours[14 * 24 - 1] = math.nan  # five o'clock on the first Monday, and the last hour of the second Sunday
    short = level.pattern(observed(np.concatenate([hours, [0.0, 1.0]])))  # 14 days and two hours are known
    wanted = np.arange(24) + 24 / 14
    wanted[[0, 1]] = (24 / 15, 1 + 24 / 15)
    wanted[5], wanted[23] = 5 + 24 / 13, 23 + 24 / 13
    assert short.hours.tolist() == pytest.approx(wanted.tolist())
    monday = (2 * sum(range(24)) - 5 + 1) / 49
    sunday = (2 * sum(range(24)) - 23) / 47
    assert short.weekdays.tolist() == pytest.approx([monday, 23.5, *[11.5] * 4, sunday])
    fewer = level.pattern(observed(hours))
    assert np.isnan(fewer.weekdays).all() and np.isfinite(fewer.hours).all(), "13.9 days are no two weeks"
    assert np.isnan(level.pattern(observed(hours[:48])).hours).all(), "of two days an hour is unknown"
    assert np.isfinite(level.pattern(observed(np.ones(48))).hours).all()
    assert np.isnan(level.pattern(observed(np.ones(24 * 20), 7200)).hours).all(), "windows of two hours tell of none"
    later = level.pattern(observed(np.arange(48.0), 3600, MONDAY_S + 6 * 3600))
    assert later.hours[6] == 12.0 and later.hours[5] == 35.0, "of 0 and 24, and of 23 and 47"


def test_the_day_ahead_is_that_of_a_week_ago_from_fifteen_days_on() -> None:
    days = [10.0 + day for day in range(15)]
    short, long = (level.ahead(observed(by_days(days[:count], 24))) for count in (14, 15))
    assert short is not None and long is not None
    assert (short.lag_days, short.tested_days, short.start_s) == (1, 13, MONDAY_S + 14 * DAY_S)
    assert short.values.tolist() == [23.0] * 24 and short.step_s == 3600
    assert short.error_ratio == pytest.approx(13 / sum(days[1:14]))
    assert (long.lag_days, long.tested_days, long.start_s) == (7, 8, MONDAY_S + 15 * DAY_S)
    assert long.values.tolist() == [18.0] * 24, "the ninth day is a week before the sixteenth"
    assert long.error_ratio == pytest.approx(7 * 8 / sum(days[7:15]))


def test_the_day_ahead_is_told_of_days_that_are_known() -> None:
    """Half of the hours make a day; an hour that was all spike is taken as it usually is."""
    values = by_days([10.0, 20.0, 30.0, 40.0], 24)
    values[3 * 24 : 3 * 24 + 12] = math.nan
    told = level.ahead(observed(values))
    assert told is not None and told.tested_days == 3
    assert told.values.tolist() == [20.0] * 12 + [40.0] * 12, "the middle of 10, 20 and 30"
    assert told.error_ratio == pytest.approx((2 * 24 * 10 + 12 * 10) / (24 * 20 + 24 * 30 + 12 * 40))
    values[3 * 24 + 12] = math.nan
    fewer = level.ahead(observed(values))
    assert fewer is not None and fewer.tested_days == 2 and fewer.start_s == MONDAY_S + 3 * DAY_S
    values[2 * 24 : 2 * 24 + 13] = math.nan
    assert level.ahead(observed(values)) is None, "two days are no test"
    assert level.ahead(observed(np.zeros(24 * 5))) is None, "nothing is no part of nothing"
    wide = level.ahead(observed(by_days([10.0, 20.0, 30.0]), HALF_DAY_S))
    assert wide is not None and (wide.step_s, wide.values.tolist()) == (HALF_DAY_S, [30.0, 30.0])
    halves = level.ahead(observed(np.tile([1.0, 3.0], 24 * 3), 1800))
    assert halves is not None and halves.values.tolist() == [2.0] * 24, "of two half hours"


def test_beside_an_edge_the_middle_is_usual_and_elsewhere_the_mean() -> None:
    """Of quarters of an hour the mean is over five, and the middle one of three."""
    values = np.array([0.0] * 6 + [8.0] * 6)
    found = level._smoothed_beside_edges(values, 900).tolist()
    assert found == pytest.approx([0, 0, 0, 0, 1.6, 3.2, 8, 6.4, 8, 8, 8, 8])  # 8 is just 1.25 times 6.4
    one = np.array([0.0] * 6 + [8.0] + [0.0] * 6)
    assert level._smoothed_beside_edges(one, 900).tolist() == pytest.approx([0] * 4 + [1.6] * 5 + [0] * 4)
    slight = np.array([8.0] * 6 + [10.0] * 6)
    wanted = [8] * 4 + [8.4, 8.8, 9.2, 9.6] + [10] * 4
    assert level._smoothed_beside_edges(slight, 900).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(("minutes", "is_usual"), [(8, True), (7, False)])
def test_what_lasts_for_most_of_a_quarter_of_an_hour_is_an_edge(minutes: int, is_usual: bool) -> None:
    values = np.zeros(200)
    values[100 : 100 + minutes] = 9.0
    found = level._smoothed_beside_edges(values, 60)
    assert float(found[104]) == pytest.approx(9.0 if is_usual else 9.0 * minutes / 61)


def test_what_is_known_counts_in_days() -> None:
    values = np.ones(48)
    values[:12] = math.nan
    found = observed(values)
    assert (found.days, found.known_days) == (2.0, 1.5)
    assert found.times_s[[0, 1, 47]].tolist() == [0, 3600, 47 * 3600]


def test_days_without_a_peak_have_no_dispersion() -> None:
    assert tail._dispersion([15.0]) == 1.0, "none in two whole weeks"
    assert tail._dispersion([0.0, 7.0, 8.0, 14.0]) == 1.0
    assert tail._dispersion([0.0, 1.0, 2.0, 3.0, 14.0]) == pytest.approx(4.0), "four and none: mean 2, variance 8"


def _model(dispersion: float) -> tail._Model:
    return tail._Model(np.linspace(0.1, 3.0, 30), 90.0, dispersion, np.random.default_rng(1))


@pytest.mark.parametrize("dispersion", [1.0, 1.01, 1.5, 4.0])
def test_peaks_come_by_poisson_or_in_clusters_with_so_many_times_the_variance(dispersion: float) -> None:
    """P(none of N is beyond) is E[(1 − b)^N]: exp(−μb) of a Poisson number, else (1 + (d − 1)b)^(−μ/(d − 1))."""
    model, mean, beyond = _model(dispersion), 6.0, 0.3
    counts = np.concatenate([model._counts(mean) for _ in range(20)])
    assert counts.mean() == pytest.approx(mean, rel=0.03)
    assert counts.var() == pytest.approx(mean * dispersion, rel=0.08)
    none = float(model._none_beyond(np.array([beyond]), np.array([mean]))[0])
    extra = dispersion - 1
    wanted = math.exp(-mean * beyond) if dispersion <= 1.01 else (1 + extra * beyond) ** (-mean / extra)
    assert none == pytest.approx(wanted)
    assert float(np.mean((1 - beyond) ** counts)) == pytest.approx(wanted, rel=0.08)
    assert float(model._beyond_of(np.array([none]), mean)[0]) == pytest.approx(beyond)


def test_the_largest_of_peaks_in_clusters_is_told_by_their_formula() -> None:
    """Two exponential ones a day, with four times the variance: none of ten days is beyond x with the probability
    (1 + 3·exp(−x))^(−20/3).
    """
    excesses = np.array([-math.log(1 - (place + 0.5) / 1000) for place in range(1000)])
    told = tail._Model(excesses, 500.0, 4.0, np.random.default_rng(1)).horizon(10, 1.5)
    low, middle, high = (1.5 - math.log((p ** (-3 / 20) - 1) / 3) for p in (0.05, 0.5, 0.95))
    assert told.low_m == pytest.approx(low, abs=0.1) and told.middle_m == pytest.approx(middle, abs=0.12)
    assert told.high_m > high, "how long the tail is, is known no better than a thousand of them tell"


def test_a_history_without_a_peak_is_taken_for_one_with_one() -> None:
    """Where peaks come thirty at a time, one in thirty histories has none, and nobody would have asked of it."""
    model = _model(30.0)
    recounted = model.recounted * 90
    assert recounted.min() == 1 and 0.02 < (recounted == 1).mean() < 0.1
    assert 0 in model._counts(30.0)


def test_peaks_in_clusters_make_the_largest_of_few_days_less_sure() -> None:
    peaks = (1.6 + np.random.default_rng(3).exponential(1.0, 90)).tolist()
    even = [float(day) for day in range(90)]
    clustered = [float(7 * (day // 30) * 4 + day % 3) for day in range(90)]  # 30 in each of three weeks
    steady, wild = (expected(peaks, 1.5, 90, at_days).horizons for at_days in (even, clustered))
    assert [each.days for each in steady] == [1, 2, 3, 5, 7, 10, 14, 21, 30]
    assert wild[4].low_m < steady[4].low_m and wild[0].high_m > 1
    wider = expected(peaks, 1.5, 90, even, noise=math.log(2)).horizons
    assert wider[4].high_m == pytest.approx(2 * steady[4].high_m) and wider[4].middle_m == steady[4].middle_m


def test_what_lacks_is_said_with_what_is_needed() -> None:
    both = expected([2.0, 3.0], 1.5, 27.5).inconclusive
    assert both == "27.5 days are known, and 28 are needed; 2 peaks were found, and 25 are needed"
    assert expected([3.0] * 30, 1.5, 90).inconclusive == "all spikes are of one size: no tail can be fitted to them"
    assert expected([3.0 + n / 100 for n in range(30)], 1.5, 90).inconclusive == "", "they need not differ by much"
    assert (expected([2.0, 3.0], 1.5, 27.5).peaks, expected([2.0], 1.5, 9.0).known_days) == (2, 9.0)


@pytest.mark.parametrize(
    ("days", "peaks", "lacking"),
    [
        (28.0, 25, ""),
        (27.9, 25, "27.9 days are known, and 28 are needed"),
        (28.0, 24, "24 peaks were found, and 25 are needed"),
        (28.0, 1, "1 peak was found, and 25 are needed"),
        (1.0, 25, "1 days are known, and 28 are needed"),
        (0.9, 25, "less than one day is known, and 28 are needed"),
        (0.5, 24, "less than one day is known, and 28 are needed; 24 peaks were found, and 25 are needed"),
    ],
)
def test_what_has_to_be_known_for_the_largest_spike_ahead(days: float, peaks: int, lacking: str) -> None:
    told = expected([2.0 + n / 10 for n in range(peaks)], 1.5, days)
    assert (told.inconclusive, told.threshold) == (lacking, 1.5)
    assert [each.days for each in told.horizons] == ([] if lacking else [1, 2, 3, 5, 7]), "a third of the time known"


def test_the_next_longer_horizon_is_that_of_some_days() -> None:
    horizons = tuple(tail.Horizon(days, 1.0, 2.0, 3.0) for days in (1, 3, 7))
    told = tail.Expected(1.5, 30, 21.0, horizons)
    found = [told.within(days) for days in (0, 1, 2, 3, 4, 7, 8)]
    assert [each and each.days for each in found] == [1, 1, 3, 3, 7, 7, None]


@pytest.mark.parametrize("height", [3.0, 9.0])
def test_a_trapezoid_is_fitted_with_its_edges(height: float) -> None:
    wanted = Fit("flash crowd", height, 300.0, 600.0, 450.0, 120.0, 1.0)
    times_s = (np.arange(40, dtype=np.float64) + 0.5) * 60
    m = wanted.at(times_s)
    found = fitted(times_s, m, 60.0, height, 450.0, 1350.0)
    assert found.m == pytest.approx(height, rel=0.01) and found.start_s == pytest.approx(120, abs=10)
    assert found.ramp_up_s == pytest.approx(300, abs=15) and found.ramp_down_s == pytest.approx(450, abs=15)
    assert found.plateau_s == pytest.approx(600, abs=15) and found.explained_ratio == pytest.approx(1, abs=1e-3)
    left = float(np.sum((m - found.at(times_s)) ** 2) / np.sum((m - m.mean()) ** 2))
    assert found.explained_ratio == pytest.approx(1 - left)


def test_a_hill_is_fitted_with_its_middle_and_three_deviations() -> None:
    times_s = (np.arange(60, dtype=np.float64) + 0.5) * 60
    m = 1 + 4 * np.exp(-(((times_s - 1500) / 300) ** 2) / 2)
    found = fitted(times_s, m, 60.0, 5.0, 1500.0, 1800.0)
    assert (found.family, found.plateau_s) == ("hill", 0.0)
    assert found.m == pytest.approx(5, rel=0.01) and found.start_s == pytest.approx(600, abs=10)
    assert found.ramp_up_s == found.ramp_down_s == pytest.approx(900, abs=10)
    assert found.explained_ratio == pytest.approx(1, abs=1e-3)


def spiky(count: int) -> Observed:
    """That many spikes, each a little larger than the one before and at another time of the day."""
    values = np.ones(1440 * 6)
    for number in range(count):
        values[number * 437 + 100 : number * 437 + 130] = 3.0 + number / 10
    return observed(values, 60)


def test_the_largest_spikes_are_fitted_and_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.MOST_FITTED == 12
    monkeypatch.setattr(module, "MOST_FITTED", 2)
    learned = learn(Source(spiky(14), None, ("a note",)))
    assert len(learned.found.spikes) == 14
    assert [round(spike.m, 1) for spike, _ in learned.fits] == [4.3, 4.2]
    told = json.loads(as_json(learned))
    assert told["spikes"]["count"] == 14 and told["spikes"]["largest_m"] == 4.3
    listed = told["spikes"]["largest"]
    assert [each["m"] for each in listed] == [round(4.3 - number / 10, 1) for number in range(14)]
    assert ["family" in each for each in listed] == [True] * 2 + [False] * 12
    assert listed[0]["from_utc"] == "2026-06-05T00:21:00+00:00" and listed[0]["duration_s"] == 1800
    assert (told["from_utc"], told["to_utc"]) == ("2026-06-01T00:00:00+00:00", "2026-06-07T00:00:00+00:00")
    assert (told["usual_level"], told["notes"], told["expected"]["confidence"]) == (1.0, ["a note"], 0.9)
    assert told["by_weekday_from_monday"] == [None] * 7 and told["ahead"]["as_days_before"] == 1


def test_a_spike_is_fitted_with_a_quarter_of_it_around() -> None:
    data = spiky(8)
    usual = level.usual_level(data)
    spike = spikes.find(data, usual).spikes[-1]
    found = spikes.fit(data, usual, spike)
    assert found.family == "step" and found.m == pytest.approx(3.7, rel=0.01)
    assert found.plateau_s + found.ramp_up_s / 2 + found.ramp_down_s / 2 == pytest.approx(1800, abs=30)
    assert np.isnan(spikes.without(data, spikes.find(data, usual)).values).sum() == 8 * 30
    assert spikes.find(data, np.zeros(len(data.values))).spikes == (), "where nothing is usual nothing is a spike"


def test_of_four_days_each_has_the_median_of_the_three_others_or_of_those_before() -> None:
    usual = level.usual_level(observed(by_days([8.0, 1.0, 2.0, 4.0]), HALF_DAY_S))
    assert usual.reshape(4, 2).tolist() == [[each] * 2 for each in (2, 4, 4, 2)]


def test_a_weekday_that_is_a_half_of_its_usual_level_has_the_factor_of_a_half() -> None:
    """Levels of 4 and days of 2: 2 ÷ 4, and not 2 × 4."""
    usual = np.full((22, 4), 4.0)
    days = usual.copy()
    days[5::7] = 2.0
    assert level._weekday_factors(days, usual)[[12, 19]].tolist() == [0.5, 0.5]


def test_a_weekday_on_which_nobody_comes_has_no_factor() -> None:
    """Nothing is no share of the week before it."""
    usual = np.ones((22, 4))
    days = usual.copy()
    days[6::7] = 0.0
    assert level._weekday_factors(days, usual).tolist() == [1.0] * 22


def test_the_mean_of_one_is_itself_and_of_none_is_unknown() -> None:
    found = level._means(np.array([4.0, 6.0, math.nan, 8.0]), np.array([0, 2, 1, 2]), 4, True)
    assert found[[0, 2]].tolist() == [4, 7] and np.isnan(found[[1, 3]]).all()
    assert np.isnan(level._means(np.array([4.0]), np.array([0]), 1, False)).all()


def test_a_weekday_is_what_it_was_in_the_four_weeks_before() -> None:
    """As usual for five weeks and twice as much from then on: the ninth week's is the middle of 1, 2, 2 and 2."""
    by_week = np.repeat([1.0] * 5 + [2.0] * 5, 7)
    usual = np.ones((70, 24))
    factors = level._weekday_factors(usual * by_week[:, None], usual)[::7]
    # Of weeks before it the first two have none or one, so theirs is that of the four that follow.
    assert factors.tolist() == [1, 1, 1, 1, 1, 1, 1, 1.5, 2, 2]


def test_peaks_above_three_deviations_of_the_noise_are_counted_and_spikes_are_above_four() -> None:
    """log M is ±0.135, whose robust deviation is 0.2: a peak is above e^0.6 = 1.82, and a spike above e^0.8 = 2.23."""
    values = 100 * np.exp(0.2 / 1.4826 * np.where(np.arange(1000) % 2, 1.0, -1.0))
    values[[100, 300, 500, 700]] = 180, 185, 220, 230
    seen, usual = Observed(0, 600, values, "requests/s"), np.full(1000, 100.0)
    assert [each.peak for each in spikes.find(seen, usual).spikes] == [230]
    assert module.expect(seen, usual).peaks == 3
