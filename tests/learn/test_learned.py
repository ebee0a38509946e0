"""Spikes of known size, length and form are found, described and fitted, and where nothing can be known it is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.learn import level, spikes
from harness.learn.expected import LEAST_PEAKS, expected
from harness.learn.fitting import FLASH_CROWD, HILL, RAMP, STEP
from harness.learn.learned import Source, learn
from harness.learn.learned_file import as_json
from harness.learn.level import DAY_S, Observed, Values
from harness.learn.peak_sizes import fit

MONDAY_S = 1_780_272_000  # 2026-06-01, UTC


def observed(values: Values, window_s: int = 60, start_s: int = MONDAY_S) -> Observed:
    return Observed(start_s, window_s, values, "requests/s")


def days(count: int, window_s: int = 60, noise: float = 0.02, seed: int = 1) -> Values:
    """Busiest at noon, 10 requests/s on average."""
    t = np.arange(count * DAY_S // window_s) * window_s / DAY_S
    wave = 1 - 0.6 * np.cos(2 * np.pi * t)
    return np.asarray(10 * wave * np.exp(noise * np.random.default_rng(seed).standard_normal(len(t))))


def with_spike(values: Values, at: int, curve: list[float]) -> Values:
    """The level times each value of the curve."""
    values = values.copy()
    values[at : at + len(curve)] *= curve
    return values


def ramps(up: int, plateau: int, down: int, m: float) -> list[float]:
    rising = [1 + (m - 1) * (k + 0.5) / up for k in range(up)]
    falling = [m - (m - 1) * (k + 0.5) / down for k in range(down)]
    return [*rising, *[m] * plateau, *falling]


HILL_CURVE = [1 + 5 * float(np.exp(-(((k - 30) / 10) ** 2) / 2)) for k in range(61)]


@pytest.mark.parametrize(
    ("curve", "family", "lengths_min"),
    [
        (ramps(5, 20, 10, 6.0), FLASH_CROWD, (5, 20, 10)),
        ([6.0] * 30, STEP, (0.5, 30, 0.5)),
        (ramps(30, 2, 2, 6.0), RAMP, (30, 2, 2)),
        (HILL_CURVE, HILL, (30, 0, 30)),
    ],
)
def test_a_spike_is_found_with_its_features(
    curve: list[float], family: str, lengths_min: tuple[float, float, float]
) -> None:
    data = observed(with_spike(days(10), 8 * 1440 + 700, curve))
    usual = level.usual_level(data)
    (spike,) = spikes.find(data, usual).spikes
    assert spike.m == pytest.approx(6, rel=0.1) and spike.is_whole
    assert spike.start_s / 60 == pytest.approx(8 * 1440 + 700, abs=12)
    fitted = spikes.fit(data, usual, spike)
    assert fitted.family == family and fitted.explained_ratio > 0.95 and fitted.m == pytest.approx(6, rel=0.1)
    found = (fitted.ramp_up_s / 60, fitted.plateau_s / 60, fitted.ramp_down_s / 60)
    assert found == pytest.approx(lengths_min, abs=3)


def test_the_usual_level_is_that_of_the_time_of_day_whatever_the_spikes() -> None:
    values = days(10)
    for day in range(2, 10):
        values = with_spike(values, day * 1440 + 137 * day, ramps(5, 30, 5, 9.0))
    data = observed(values)
    clean = days(10, noise=0.0)
    assert np.abs(level.usual_level(data) / clean - 1).max() < 0.1
    assert len(spikes.find(data, level.usual_level(data)).spikes) == 8


@pytest.mark.parametrize("window_s", [60, 300])
def test_the_edge_of_a_day_is_no_spike(window_s: int) -> None:
    """A shop that opens at nine, closed to the minute: an hour's mean around the edge is half of what is usual then."""
    per_day = DAY_S // window_s
    day = np.where(np.arange(per_day) * window_s < 9 * 3600, 0.0, 10.0)
    noise = np.exp(0.02 * np.random.default_rng(1).standard_normal(10 * per_day))
    data = observed(np.tile(day, 10) * noise, window_s)
    assert spikes.find(data, level.usual_level(data)).spikes == ()


@pytest.mark.parametrize("minutes", [10, 20, 45])
def test_a_rush_that_comes_every_day_is_no_spike_however_short_and_one_that_comes_once_is(minutes: int) -> None:
    day = np.where(np.abs(np.arange(1440) - 720) < minutes / 2, 30.0, 10.0)
    calm = np.tile(np.full(1440, 10.0), 10) * np.exp(0.02 * np.random.default_rng(1).standard_normal(14400))
    rush = np.tile(day, 10) / 10
    assert spikes.find(observed(calm * rush, 60), level.usual_level(observed(calm * rush, 60))).spikes == ()
    rush[: 9 * 1440] = 1.0
    assert len(spikes.find(observed(calm * rush, 60), level.usual_level(observed(calm * rush, 60))).spikes) == 1


def test_the_daily_peak_is_no_spike_and_noise_is_none() -> None:
    """Also noise so large that half as much again comes by itself."""
    for noise in (0.0, 0.02, 0.3):
        data = observed(days(14, noise=noise))
        assert spikes.find(data, level.usual_level(data)).spikes == ()


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(500),
        np.full(500, 7.0),
        np.full(500, np.nan),
        np.concatenate([np.full(100, np.nan), [1.0], np.full(100, np.nan)]),
        np.array([5.0]),
        np.concatenate([np.zeros(5000), [100.0], np.zeros(5000)]),
        with_spike(days(1), 0, [9.0] * 30),
    ],
    ids=["zeros", "constant", "unknown", "one known", "one window", "zeros and one", "begins in a spike"],
)
def test_whatever_the_series_something_is_told(values: Values) -> None:
    learned = learn(Source(observed(values), None, ()))
    told = json.loads(as_json(learned))
    assert told["expected"]["inconclusive"] and told["learned"] == 1
    assert all(spike["m"] >= told["spikes"]["threshold_m"] for spike in told["spikes"]["largest"])


def test_a_gap_is_neither_level_nor_spike() -> None:
    values = days(10)
    values[5 * 1440 : 6 * 1440 + 400] = np.nan
    learned = learn(Source(observed(values), None, ()))
    assert learned.found.spikes == () and learned.observed.known_days == pytest.approx(10 - 1840 / 1440)


def test_patterns_are_told_where_there_are_days_and_weeks() -> None:
    short, long = level.pattern(observed(days(1))), level.pattern(observed(days(15)))
    assert np.isnan(short.hours).all() and np.isnan(short.weekdays).all()
    assert int(np.argmax(long.hours)) in (11, 12) and int(np.argmin(long.hours)) in (0, 23)
    values = days(21, noise=0.0).reshape(21, -1)
    values[5::7] *= 0.5  # Saturdays
    assert int(np.argmin(level.pattern(observed(values.ravel())).weekdays)) == 5


def test_the_level_ahead_is_that_of_a_week_ago_with_the_error_it_had() -> None:
    values = days(21, noise=0.0).reshape(21, -1)
    values[5::7] *= 0.5
    told = level.ahead(observed(values.ravel()))
    assert told is not None and told.lag_days == 7 and told.error_ratio == pytest.approx(0, abs=1e-9)
    assert told.start_s == MONDAY_S + 21 * DAY_S
    by_day = level.ahead(observed(values[:8].ravel()))
    assert by_day is not None and by_day.lag_days == 1 and by_day.tested_days == 7
    halves = 5.0 / 10 + 1.0  # a Saturday that is half as busy is wrong by half a day on it and on the day after
    assert by_day.error_ratio == pytest.approx((halves - 0.5) / 6.5, rel=0.01)
    assert level.ahead(observed(days(2))) is None


def test_a_pareto_distribution_is_found_again() -> None:
    """Hosking & Wallis: nearly without bias where the shape is between −0.5 and 0.5."""
    random = np.random.default_rng(5)
    for shape in (-0.4, 0.0, 0.3):
        uniform = random.uniform(size=(200, 500))
        excesses = -np.log(uniform) if shape == 0 else (uniform**-shape - 1) / shape
        found = fit(2.0 * excesses)
        assert float(np.mean(found.shape)) == pytest.approx(shape, abs=0.03)
        assert float(np.mean(found.scale)) == pytest.approx(2.0, rel=0.03)


def test_with_fewer_weeks_or_spikes_than_needed_nothing_is_told() -> None:
    peaks = [2.0 + 0.1 * n for n in range(LEAST_PEAKS)]
    for count, known_days, words in ((LEAST_PEAKS, 27, "27 days"), (LEAST_PEAKS - 1, 90, f"{LEAST_PEAKS - 1} peaks")):
        told = expected(peaks[:count], 1.5, known_days)
        assert words in told.inconclusive and told.horizons == ()
    told = expected(peaks, 1.5, 28)
    assert not told.inconclusive and told.horizons[-1].days == 7
    assert expected([3.0] * 40, 1.5, 90).inconclusive


def test_a_longer_time_has_a_larger_spike_and_a_seed_the_same_one() -> None:
    random = np.random.default_rng(2)
    peaks = (1.6 + random.exponential(1.5, 90)).tolist()
    told = expected(peaks, 1.5, 90)
    assert [each.high_m for each in told.horizons] == sorted(each.high_m for each in told.horizons)
    assert all(1 <= each.low_m <= each.middle_m <= each.high_m for each in told.horizons)
    assert told == expected(peaks, 1.5, 90)
    assert told.within(6) == told.horizons[4] and told.within(31) is None


def test_the_windows_around_a_spike_are_no_part_of_the_level() -> None:
    data = observed(with_spike(days(10), 8 * 1440 + 700, [6.0] * 30))
    calm = spikes.without(data, spikes.find(data, level.usual_level(data)))
    assert 29 <= np.isnan(calm.values).sum() <= 33
