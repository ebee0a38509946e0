"""The usual level of a service by the time of day, and the level ahead.

Both are seasonal and naive on purpose: in back-tests on real series they beat models with many more parameters, and
anybody can work them out again.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
DAY_S, HOUR_S = 86_400, 3_600
LEVEL = "level"
"""The unit of a series of which only the level is known."""
BEFORE_DAYS = 7
LAST_WEEKS, LEAST_WEEKS = 4, 2
LEAST_DAYS = 3
"""So many days at least make a usual level by the time of day."""
LEAST_KNOWN = 0.5
"""Of the hours of a day, for one to be a day that is known."""
SMOOTHED_S = 3_600
EDGE = 1.25
"""More than so many times the mean of the hour around it is an edge in the day, and no noise."""
EDGE_S = 900
"""For most of so long around, or it is noise. What comes every day for less than half of it is a spike each time."""
SHORT_S = 6 * HOUR_S
"""Where there are fewer days, the usual level is the median of the time around."""
FLOOR = 0.1
"""The usual level is never taken for less than this part of its median: at night a single request would be a spike."""


@dataclass(frozen=True)
class Observed:
    """A level over time in windows of one length, which divides a day."""

    start_s: int
    """Of the first window, since 1970 in UTC; a multiple of ``window_s``."""
    window_s: int
    values: Values
    """The mean level of each window, NaN where nothing is known."""
    unit: str
    """``requests/s``, or :data:`LEVEL`."""
    events: float = float("nan")
    """Requests in all; NaN where only a level is known."""

    @property
    def times_s(self) -> Values:
        """The start of each window after the first one."""
        return np.asarray(np.arange(len(self.values)) * float(self.window_s), dtype=np.float64)

    @property
    def days(self) -> float:
        return len(self.values) * self.window_s / DAY_S

    @property
    def known_days(self) -> float:
        return float(np.isfinite(self.values).sum()) * self.window_s / DAY_S


def usual_level(observed: Observed) -> Values:
    """For each window the level that was to be expected there: the median of the same time of day on the seven days
    before, at least three of which have to be known, times what such a weekday usually is to the week before it; in the
    first days by the days that follow. Smoothed over an hour.
    """
    days, skipped = _by_days(observed)
    if len(days) > LEAST_DAYS:
        by_day = np.full(days.shape, np.nan)
        for day in range(len(days)):
            before = days[max(0, day - BEFORE_DAYS) : day]
            if len(before) < LEAST_DAYS:
                others = np.delete(days, day, axis=0)[:BEFORE_DAYS]
                before = others if len(others) >= LEAST_DAYS else before
            by_day[day] = _median(before)
        by_day *= _weekday_factors(days, by_day)[:, np.newaxis]
        usual = _smoothed_beside_edges(by_day.ravel(), observed.window_s)
        usual = usual[skipped : skipped + len(observed.values)]
    else:
        usual = _running_median(observed.values, max(3, SHORT_S // observed.window_s))
    middle = float(_median(usual[usual > 0])) if (usual > 0).any() else 0.0
    usual = np.where(np.isfinite(usual), usual, middle)
    return np.maximum(usual, FLOOR * middle)


def _weekday_factors(days: Values, by_day: Values) -> Values:
    """For each day what the same weekday was to the week before it, in the middle of the last four weeks, two at least;
    in the first weeks of those that follow. 1 where that is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = _median(np.where(by_day > 0, days / by_day, np.nan), axis=1)
    factors = np.ones(len(days))
    for day in range(len(days)):
        same = np.arange(day % 7, len(days), 7)
        before = ratios[same[(same < day) & (same >= day - 7 * LAST_WEEKS)]]
        known = before[np.isfinite(before)]
        if len(known) < LEAST_WEEKS:
            others = ratios[same[same != day]]
            known = others[np.isfinite(others)][:LAST_WEEKS]
        if len(known) >= LEAST_WEEKS and np.median(known) > 0:
            factors[day] = np.median(known)
    return factors


@dataclass(frozen=True)
class Pattern:
    """The mean level by the hour of the day, and by the day of the week from Monday on, in UTC; NaN where unknown."""

    hours: Values
    weekdays: Values


def pattern(observed: Observed) -> Pattern:
    """Of at least two days, and of at least two weeks for the week; else all of it is NaN."""
    at_s = observed.start_s + observed.times_s
    hour = (at_s % DAY_S // HOUR_S).astype(int)
    weekday = ((at_s // DAY_S + 3) % 7).astype(int)  # 1970 began on a Thursday
    return Pattern(
        _means(observed.values, hour, 24, observed.known_days >= 2 and observed.window_s <= HOUR_S),
        _means(observed.values, weekday, 7, observed.known_days >= 14),
    )


@dataclass(frozen=True)
class Ahead:
    """The level of the day that follows, hour by hour (or window by window, where these are longer)."""

    start_s: int
    step_s: int
    values: Values
    lag_days: int
    """It is that of so many days before: 7 where two weeks and more are known, else 1."""
    error_ratio: float
    """What such a forecast was wrong by on the days that are known: mean absolute error ÷ mean level."""
    tested_days: int


def ahead(observed: Observed) -> Ahead | None:
    """Seasonal-naive, of a level whose spikes are left out. None where fewer than three days are known: then nothing
    can be tested.
    """
    step_s = max(HOUR_S, observed.window_s)
    days, _ = _by_days(observed)
    hourly = _nanmean(days.reshape(len(days), DAY_S // step_s, step_s // observed.window_s), axis=2)
    whole = np.isfinite(hourly).mean(axis=1) >= LEAST_KNOWN
    if whole.sum() < LEAST_DAYS:
        return None
    lag = 7 if len(hourly) >= 15 else 1
    errors, levels, tested = 0.0, 0.0, 0
    for day in range(lag, len(hourly)):
        both = np.isfinite(hourly[day]) & np.isfinite(hourly[day - lag])
        if whole[day] and whole[day - lag]:
            errors += float(np.abs(hourly[day] - hourly[day - lag])[both].sum())
            levels += float(hourly[day][both].sum())
            tested += 1
    last = int(np.flatnonzero(whole)[-1])
    source = last + 1 - lag
    if not tested or levels <= 0 or not whole[source]:
        return None
    first_day = observed.start_s // DAY_S
    # An hour that was all spike is taken as it usually is.
    values = np.where(np.isfinite(hourly[source]), hourly[source], _median(hourly))
    return Ahead((first_day + last + 1) * DAY_S, step_s, values, lag, errors / levels, tested)


def _by_days(observed: Observed) -> tuple[Values, int]:
    """The windows as a row a day, from midnight in UTC, and how many of the first row are before the first window."""
    per_day = DAY_S // observed.window_s
    skipped = observed.start_s % DAY_S // observed.window_s
    rows = -(-(skipped + len(observed.values)) // per_day)
    whole = np.full(rows * per_day, np.nan)
    whole[skipped : skipped + len(observed.values)] = observed.values
    return whole.reshape(rows, per_day), skipped


def _median(values: Values, axis: int = 0) -> Values:
    """Of those that are no NaN, and NaN where there are none. As ``np.nanmedian``, which takes several times as long
    for so few values.
    """
    ordered = np.sort(values, axis=axis)  # NaN comes last: where none is known, at every place
    known = np.sum(~np.isnan(values), axis=axis, keepdims=True)
    middles = np.take_along_axis(ordered, np.concatenate([(known - 1) // 2, known // 2], axis=axis), axis)
    return np.asarray(np.mean(middles, axis=axis))


def _nanmean(values: Values, axis: int) -> Values:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=axis))


def _means(values: Values, places: NDArray[np.int_], count: int, is_enough: bool) -> Values:
    known = np.isfinite(values)
    if not is_enough:
        return np.full(count, np.nan)
    sums = np.bincount(places[known], values[known], count)
    numbers = np.bincount(places[known], minlength=count)
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)


def _smoothed(values: Values, width: int) -> Values:
    """Mean of the ``width`` values around each that are known."""
    known = np.isfinite(values)
    kernel = width | 1
    sums = np.cumsum(np.concatenate([[0.0], np.where(known, values, 0.0)]))
    numbers = np.cumsum(np.concatenate([[0.0], known.astype(float)]))
    place = np.arange(len(values))
    low, high = np.maximum(place - kernel // 2, 0), np.minimum(place + kernel // 2 + 1, len(values))
    count = numbers[high] - numbers[low]
    return np.where(count > 0, (sums[high] - sums[low]) / np.maximum(count, 1), np.nan)


def _smoothed_beside_edges(values: Values, window_s: int) -> Values:
    """As :func:`_smoothed`, over an hour; but where a day has an edge, as when a shop opens at nine, or a rush of some
    minutes, the mean around it is far below what is usual just there, every day, and the median of a short while is
    not.
    """
    smoothed = _smoothed(values, max(1, SMOOTHED_S // window_s))
    half = max(1, EDGE_S // window_s // 2)
    for place in np.flatnonzero(values > EDGE * smoothed):
        middle = float(_median(values[max(0, place - half) : place + half + 1]))
        if middle > EDGE * smoothed[place]:
            smoothed[place] = middle
    return smoothed


def _running_median(values: Values, width: int) -> Values:
    """Of the ``width`` windows around each, at the ends of those that there are; worked out in a hundred steps."""
    step = max(1, width // 100)
    places = np.arange(0, len(values), step)
    medians = [_median(values[max(0, place - width // 2) : place + width // 2 + 1]) for place in places]
    return np.asarray(np.interp(np.arange(len(values)), places, np.array(medians, dtype=np.float64)))
