"""Is it a leak? Memory that goes on growing under steady load, told from noise, warm-up, caches and collectors.

A rise is *proven* when all of these hold, because each alone is fooled by something that does not grow:

* a trend upwards (Mann–Kendall, p < 0.01) after the warm-up has been cut off;
* a rise that matters: lower bound of the Theil–Sen slope × duration > the smaller of 5 % of the memory and 20 MB, or
  lower bound of the slope × 24 h > all the memory that the process may have;
* growth in at least two of three segments, the last among them.

Both the test and the bounds are widened for autocorrelation, by the larger of the factor of Hamed and Rao and that of
a first-order autoregression, (1 + r) ÷ (1 − r) with r freed of its bias (Kendall 1954).

A rise under *one* load is no leak yet: a collector whose period is longer than the run, and a cache that has not
filled, rise just so. What tells them apart is another load (:func:`compared`): memory that is given back when the
target is idle is no leak; as many bytes per request at two loads, or growth without any load, is suspected to be one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from harness.analysis.lazy import FloatArray, np
from harness.criteria.recovery._trend import MINIMUM_SAMPLES, Trend, hamed_rao, trend

P_LIMIT = 0.01
RISE_SHARE = 0.05
RISE_BYTES = 20e6
DAY_S = 86_400.0
WARM_UP_SHARE = 0.25
SEGMENTS = 3
LASTING = 2
"""So many times as long as ever before a rise has to pause, so that it has stopped."""
SMOOTHED = 5
"""So many samples have their median taken where a single one says too little."""
STEADY_SHARE = 0.5
"""A segment grows when its own slope is at least this share of the overall one."""
LONGER = 4
"""So many times the duration shows whether growth of one time constant goes on."""
IDLE_SHARE = 0.05
"""Requests per second, of those in the recovery, below which the target is idle."""
ANOTHER_LOAD = 1.5
"""Two loads are different when one is at least so many times the other."""
SAME_RATIO = 1.33
"""Two slopes per request are the same when neither is more than so many times the other."""
GIVEN_BACK_SHARE = 0.8
"""Share of the rise that an idle target has to give back, so that it is no leak."""


class Growth(Enum):
    """What memory did under steady load."""

    UNKNOWN = "not known"
    """Too few samples."""
    NONE = "no"
    STOPPED = "no, it has stopped"
    UNCLEAR = "not to be told from noise"
    RISING = "rising, for whatever reason"
    SUSPECTED = "yes"
    PROVEN = "yes, and it is not given back"

    @property
    def goes_on(self) -> bool:
        return self in (Growth.RISING, Growth.SUSPECTED, Growth.PROVEN)


@dataclass(frozen=True)
class LeakTest:
    """Whether memory grows, and why (not)."""

    growth: Growth
    reason: str
    trend: Trend | None = None
    rise_interval_bytes: tuple[float, float] = (0.0, 0.0)
    rise_bytes: float | None = None
    """Slope × duration, after the warm-up."""
    needed_bytes: float = 0
    """The least rise that matters."""
    segments_growing: int = 0
    duration_s: float = 0
    level_bytes: float = 0
    """Where it began, after the warm-up."""

    @property
    def suspected(self) -> bool | None:
        """None when there are too few samples to say."""
        return None if self.growth is Growth.UNKNOWN else self.growth in (Growth.SUSPECTED, Growth.PROVEN)

    @property
    def settled_by_s(self) -> float:
        """A recovery of this length would tell: at least four times as long, and long enough for the memory to double,
        as a collector lets it by default, but no more than a day.
        """
        slope = self.trend.slope if self.trend else 0.0
        double_s = self.level_bytes / slope if slope > 0 else math.inf
        whole_s = self.duration_s / (1 - WARM_UP_SHARE)
        return max(LONGER * whole_s, min(double_s, DAY_S))


@dataclass(frozen=True, eq=False)
class Stretch:
    """A phase of steady load: its name, instants in seconds, memory in bytes, and requests per second; 0 also where the
    load of a recovery was not steady.
    """

    name: str
    t: FloatArray
    memory_bytes: FloatArray
    requests_per_s: float


def assess(t: FloatArray, memory_bytes: FloatArray, memory_limit_bytes: float = math.inf) -> LeakTest:
    """Tests memory under one steady load; ``t`` in seconds, increasing, both of shape (n,). The process may not have
    more than ``memory_limit_bytes``.
    """
    t, memory_bytes = _warm(t, memory_bytes)
    overall = trend(t, memory_bytes, correction=persistence)
    # Each of the segments needs as many samples as any trend.
    if overall is None or len(t) < SEGMENTS * MINIMUM_SAMPLES:
        needed = SEGMENTS * MINIMUM_SAMPLES
        return LeakTest(Growth.UNKNOWN, f"{needed} samples after the warm-up needed to tell a leak, {len(t)} seen")
    duration_s = float(t[-1] - t[0])
    low, high = (bound * duration_s for bound in overall.slope_interval)
    level = float(np.median(memory_bytes[: max(1, len(t) // 10)]))
    matters_bytes = min(RISE_SHARE * level, RISE_BYTES)
    needed_bytes = min(matters_bytes, memory_limit_bytes * duration_s / DAY_S)
    thirds = _thirds(t, memory_bytes)
    growing = [overall.slope > 0 and one is not None and one.slope >= STEADY_SHARE * overall.slope for one in thirds]
    in_most = sum(growing) >= SEGMENTS - 1
    has_trend = overall.slope > 0 and overall.p < P_LIMIT
    rise = f"{overall.slope * duration_s / 1e6:.1f} MB in {duration_s:.0f} s"
    if has_trend and low > needed_bytes and in_most and growing[-1]:
        growth = Growth.RISING
        p = f"p {f'= {overall.p:.2g}' if overall.p >= 0.001 else '< 0.001'}"
        reason = f"steady growth, {rise} ({p})"
        if low <= matters_bytes:
            a_day, limit = low / duration_s * DAY_S / 1e9, memory_limit_bytes / 1e9
            reason += f", at least {a_day:.1f} GB a day, and it may have {limit:.1f} GB"
    elif high <= matters_bytes:
        growth, needed_bytes = Growth.NONE, matters_bytes
        reason = f"at most {high / 1e6:.1f} MB in {duration_s:.0f} s, {matters_bytes / 1e6:.1f} MB would matter"
    elif (stopped := _highest_lately(t, memory_bytes)) is not None and stopped * duration_s <= matters_bytes:
        paused_s, since_s = _pauses(t, memory_bytes)
        is_lasting = since_s > LASTING * paused_s
        growth = Growth.STOPPED if is_lasting else Growth.UNCLEAR
        reason = f"{rise}, but at most {stopped * duration_s / 2e6:.1f} MB in the last {duration_s / 2:.0f} s of it"
        if not is_lasting:
            reason += (
                f"; for {paused_s:.0f} s it had paused before, and {since_s:.0f} s do not show that it has stopped"
            )
    else:
        growth = Growth.UNCLEAR
        reason = f"{rise}, with {high / 1e6:.1f} MB possible and {matters_bytes / 1e6:.1f} MB that would matter"
    return LeakTest(
        growth, reason, overall, (low, high), overall.slope * duration_s, needed_bytes, sum(growing), duration_s, level
    )


def compared(found: LeakTest, recovery: Stretch, others: Sequence[Stretch]) -> LeakTest:
    """What phases of another load say about a rise that is proven: leak, or none. As it is where they say nothing."""
    if found.growth is not Growth.RISING or found.trend is None:
        return found
    idle = [each for each in others if each.requests_per_s < IDLE_SHARE * recovery.requests_per_s]
    kept = False
    for each in idle:
        after = assess(each.t, each.memory_bytes)
        if after.growth.goes_on:
            reason = f"{found.reason}, and {after.reason} in the {each.name}, without load"
            return dataclasses.replace(found, growth=Growth.SUSPECTED, reason=reason)
        if len(each.t) >= MINIMUM_SAMPLES and each.t[0] > recovery.t[-1]:
            peak, end = np.median(recovery.memory_bytes[-5:]), np.median(each.memory_bytes[-5:])
            if peak - end >= GIVEN_BACK_SHARE * (found.rise_bytes or 0.0):
                reason = f"{found.reason}, given back in the {each.name}, without load"
                return dataclasses.replace(found, growth=Growth.STOPPED, reason=reason)
            kept = True
    mine = _per_request(recovery)
    for each in others:
        rates = sorted((recovery.requests_per_s, each.requests_per_s))
        if each in idle or rates[1] < ANOTHER_LOAD * rates[0]:
            continue
        other = _per_request(each)
        if mine is None or other is None:
            continue
        told = f"{mine / 1e3:.3g} kB per request in the {recovery.name} and {other / 1e3:.3g} kB in the {each.name}"
        if 1 / SAME_RATIO <= mine / other <= SAME_RATIO:
            growth = Growth.PROVEN if kept else Growth.SUSPECTED
            more = ", and not given back without load" if kept else ""
            return dataclasses.replace(found, growth=growth, reason=f"{found.reason}, {told}{more}")
        return dataclasses.replace(found, reason=f"{found.reason}, {told}, which is not the same at both loads")
    return found


def persistence(detrended: FloatArray) -> float:
    """Factor on the variance of S: the larger of that of Hamed and Rao and that of a first-order autoregression.

    The former takes lags one by one, and misses most of a slow wandering in so few samples. r is the lag-1
    autocorrelation of the detrended series of shape (n,), freed of its bias of about −(2 + 4 r) ÷ n (Kendall 1954, with
    a line taken off).
    """
    n = len(detrended)
    centred = detrended - detrended.mean()
    power = float(centred @ centred)
    if power < n:  # less than a byte: memory on a straight line, and what is left is rounding
        return 1.0
    r = float(centred[:-1] @ centred[1:]) / power
    r = min(1 - 1 / n, (r + 2 / n) / (1 - 4 / n))
    return max(hamed_rao(detrended), (1 + r) / (1 - r))


def _warm(t: FloatArray, memory_bytes: FloatArray) -> tuple[FloatArray, FloatArray]:
    if len(t) and t[-1] > t[0]:
        kept = t >= t[0] + WARM_UP_SHARE * (t[-1] - t[0])
        return t[kept], memory_bytes[kept]
    return t, memory_bytes


def _per_request(stretch: Stretch) -> float | None:
    """Bytes per request; None where there were none, or their rate was not steady, where memory did not certainly grow,
    or by how much is not known to a third.
    """
    if not stretch.requests_per_s:
        return None
    t, memory_bytes = _warm(stretch.t, stretch.memory_bytes)
    found = trend(t, memory_bytes, correction=persistence)
    if found is None or found.p >= P_LIMIT or found.slope_interval[0] * SAME_RATIO < found.slope:
        return None
    return found.slope / stretch.requests_per_s


def _highest_lately(t: FloatArray, memory_bytes: FloatArray) -> float | None:
    """Upper bound of the slope in the second half. Not in a shorter part: a leak may come in steps."""
    half = trend(t[len(t) // 2 :], memory_bytes[len(t) // 2 :], correction=persistence)
    return None if half is None else max(0.0, half.slope_interval[1])


def _pauses(t: FloatArray, memory_bytes: FloatArray) -> tuple[float, float]:
    """The longest time for which a rise did not go on, and for how long it has not at the end: as seen in the times at
    which a new quarter of it was reached, in medians of ``SMOOTHED`` samples.
    """
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(memory_bytes, SMOOTHED), axis=1)
    at = t[SMOOTHED // 2 :][: len(smooth)]
    quarter = float(np.median(smooth[len(smooth) // 2 :]) - smooth[0]) / 4
    if quarter <= 0:
        return 0.0, float(at[-1] - at[0])
    # The middles between quarters: at a quarter itself, the last above all, noise would decide.
    highest = np.minimum(4, np.floor((np.maximum.accumulate(smooth) - smooth[0]) / quarter + 0.5))
    reached = np.r_[at[0], at[1:][np.diff(highest) > 0]]
    return float(np.diff(reached).max(initial=0.0)), float(at[-1] - reached[-1])


def _thirds(t: FloatArray, memory_bytes: FloatArray) -> list[Trend | None]:
    parts = zip(np.array_split(t, SEGMENTS), np.array_split(memory_bytes, SEGMENTS), strict=True)
    return [trend(part_t, part) for part_t, part in parts]
