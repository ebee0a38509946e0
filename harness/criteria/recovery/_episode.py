"""Degradation and recovery: did the service come back after the spike, how fast, and at what cost?

The target counts as recovered at the first instant from which on it is normal, see
:mod:`harness.criteria.recovery._baseline_band`, to the end of the observation. When that was is known as well as the
requests tell: the interval comes from the posterior of both shares, see :mod:`harness.criteria.recovery._levels`, and
is widened by one window at either end, because a change in the middle of a window is seen at its edge.

A target that was normal for a while and left the band again has relapsed. It has not recovered before it was normal for
more than twice as long as it ever was between two relapses; else nobody can say that it does not go on so. Single
windows are passed over as long as there are no more of them than the baseline itself had, and one.
Cf. the resilience triangle (Bruneau et al. 2003) and resiliency in ISO/IEC 25045.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from harness.analysis import generator, histogram, phases
from harness.analysis.lazy import BoolArray, FloatArray, np
from harness.analysis.quality import ServiceLevel, Windows, mean_log_latency, service_levels, windows, with_waiting
from harness.criteria._unmeasured import unmeasured
from harness.criteria.recovery._attempts_failing import attempts_failing
from harness.criteria.recovery._baseline_band import EFFECTIVE_WINDOWS, Band, Share, band, larger, times_slower
from harness.criteria.recovery._baseline_enough import baseline_problem
from harness.criteria.recovery._left_behind import left_behind
from harness.criteria.recovery._levels import Posterior
from harness.criteria.recovery._pace import pace_kept
from harness.criteria.recovery._recovery import Recovery, Settings, Slowdown, State
from harness.criteria.recovery._relapses import is_lasting, passed_over, relapses
from harness.criteria.recovery._slower_names import slower_names
from harness.criteria.recovery._wandering import wandering_of
from harness.recording import Recording
from harness.recording.header import Phase

TAIL = 0.025
"""Probability beyond each end of the interval."""


def measure(recording: Recording, settings: Settings | None = None) -> Recovery:
    """Degradation and recovery of a run; ``UNKNOWN`` with the reason when the recording does not tell."""
    settings = settings or Settings()
    recording = phases.only(recording, settings.requests)
    asked = (settings.baseline, settings.spike, settings.recovery)
    baseline, spike, after = (recording.phase(name) for name in asked)
    if baseline is None or spike is None or after is None:
        missing = ", ".join(name for name in asked if recording.phase(name) is None)
        return Recovery(State.UNKNOWN, f"the run has no phase {missing}")
    slo, usual = service_levels(recording, baseline, settings.floor_s)
    if slo is None or usual is None:
        return Recovery(State.UNKNOWN, "the baseline has no requests, or more than 5 % of them failed")
    usual_p95_s = slo.overall_s - settings.floor_s
    if settings.slo_s:
        slo = ServiceLevel(settings.slo_s, {})
    end_s = _observed_until_s(recording, after, slo)
    normal = windows(recording, baseline.start_s, baseline.end_s, settings.window_s, slo, usual)
    usually = round(float(normal.intended.mean())) if len(normal.intended) else 0
    normal = with_waiting(recording, normal, slo, usually)
    if problem := baseline_problem(normal, settings):
        return Recovery(State.UNKNOWN, problem, slo=slo)
    # Windows of which one begins with the end of the spike, from which the time counts.
    begin_s = spike.end_s - settings.window_s * -(-spike.duration_s // settings.window_s)
    seen = windows(recording, begin_s, end_s, settings.window_s, slo, usual)
    seen = with_waiting(recording, seen, slo, usually)
    log_latency = mean_log_latency(recording, baseline, settings.window_s)
    latency = phases.of_phase(recording, baseline).latency
    median_s, slowest_s = ((histogram.quantile_us(latency, quantile) or 0) / 1e6 for quantile in (0.5, 1.0))
    known = band(normal, log_latency, usual.overall_s / max(1e-6, median_s))
    found = _judge(spike, end_s, normal, seen, known, settings, slo)
    wandering = wandering_of(known, settings.window_s, slowest_s - median_s)
    found = replace(found, baseline_s=baseline.duration_s, wandering=wandering)
    if found.recovery_s is None:
        return found
    back_s = spike.end_s + math.ceil(found.recovery_s)
    later = mean_log_latency(recording, Phase(after.name, back_s, end_s), settings.window_s)
    # A return within the floors may be gradual: what stays is what the end shows.
    end = Phase(after.name, (back_s + end_s) // 2, end_s)
    last = mean_log_latency(recording, end, settings.window_s)
    ratio, lasting_ratio = times_slower(log_latency, later), times_slower(log_latency, last)
    misses = ratio is not None and not settings.slo_s and ratio * usual_p95_s > slo.overall_s
    usually_s, since_s = (baseline.start_s, baseline.end_s), (back_s, end_s)
    by_name = settings.slower_ratio and not settings.slo_s  # which nobody asks for otherwise, and takes a while
    lasting = None if lasting_ratio is None else Slowdown.of(lasting_ratio, usual_p95_s)
    since_spike = phases.of_phase(recording, Phase(after.name, spike.end_s, end_s)).latency
    return replace(
        found,
        unmeasured=unmeasured(since_spike, f"good requests since the {spike.name}"),
        slower_ratio=ratio if misses else None,
        lasting=lasting,
        lasting_by_name=slower_names(recording, settings.window_s, baseline, end) if by_name else {},
        left_behind=left_behind(recording, slo, 0 if settings.slo_s else settings.floor_s, usually_s, since_s),
        attempts_failing=attempts_failing(recording, usually_s, since_s),
        pace_ratio=pace_kept(recording, settings.window_s, baseline, end, slo.overall_s),
    )


def _observed_until_s(recording: Recording, after: Phase, slo: ServiceLevel) -> int:
    """End of the observation. Requests begun less than one SLO before the last trace cannot be judged."""
    last_s = generator.last_trace_s(recording)
    if recording.end is None:
        last_s -= max([slo.overall_s, *slo.by_name_s.values()])
    return min(after.end_s, math.floor(last_s))


def _judge(
    spike: Phase, end_s: int, baseline: Windows, seen: Windows, normal: Band, settings: Settings, slo: ServiceLevel
) -> Recovery:
    """``seen`` are the windows from the beginning of the spike, or the window that has it, to the end of the
    observation.
    """
    w, k = settings.window_s, max(1, round(settings.hold_s / settings.window_s))
    first_after, count = -(-spike.duration_s // w), len(seen.start_s)
    observed_s = float(max(0, end_s - spike.end_s))
    if count - first_after < k:
        reason = f"watched for {observed_s:g} s after the spike, but a recovery must hold for {k * w} s"
        return Recovery(State.UNKNOWN, reason, observed_s, interval_s=(0, math.inf), slo=slo)
    told = seen.intended > 0
    if told[first_after:].sum() < k or not told[-k:].any():
        reason = "too few requests after the spike: a canary stream in the background would settle it"
        return Recovery(State.UNKNOWN, reason, observed_s, interval_s=(0, math.inf), slo=slo)

    outside = normal.outside(seen)
    single = passed_over(seen, outside, first_after, k, normal)
    of_bad, of_slow, of_failed = (share.posterior(seen, ~single) for share in (normal.bad, normal.slow, normal.failed))
    above = (of_bad.above > 0.5) | (of_slow.above > 0.5)
    not_normal = (outside & ~single) | above
    # Both come from the same requests, and so together.
    back = np.minimum(of_bad.within_from, of_slow.within_from)
    again = relapses(not_normal | single, first_after)
    lasting = is_lasting(not_normal, first_after)
    # A run that ends with windows outside the band may have ended in a relapse.
    open_end = bool(outside[-1]) and bool(single[-1])
    low, middle, high = (_first(back, first_after, probability) for probability in (TAIL, 0.5, 1 - TAIL))
    # It may have come back at any time while nobody asked.
    high = None if high is None else _asked_from(told, high, k)
    unasked_s = 0.0 if middle is None else float(w * (~told[middle:high]).sum())
    degraded = bool(not_normal.any()) or back[0] < 0.5
    recovered = middle is not None and middle <= count - k and lasting and not open_end

    def after_s(index: int | None) -> float:
        return math.inf if index is None else float(max(0, seen.start_s[index] - spike.end_s))

    low_s = observed_s if low is None else max(0.0, after_s(low) - w)
    if not recovered or high is None or high > count - k:
        interval_s = (low_s, math.inf)
    elif high == first_after and not degraded:
        interval_s = (0.0, 0.0)
    else:
        interval_s = (low_s, after_s(high) + w)
    recovery_s = after_s(middle) if recovered else None
    state = State.NOT_RECOVERED if not recovered else State.RECOVERED if degraded else State.NOT_DEGRADED
    bad_windows = np.flatnonzero(not_normal | single)
    begun = int(bad_windows[0]) if len(bad_windows) and degraded else None
    back_at = middle if degraded and middle is not None else first_after
    until = max([back_at, *(int(at) + 1 for at in bad_windows[-1:])]) if recovered else count
    since = seen.part(slice(back_at, None))
    bursts = normal.bursts(since, single[count - len(since.start_s) :]) if recovered else None
    quality = seen.quality[:until][seen.evident[:until]]
    return Recovery(
        state=state,
        reason="",
        observed_s=observed_s,
        recovery_s=recovery_s,
        interval_s=interval_s,
        failed_interval_s=_by_failures(of_failed, normal.failed, first_after, observed_s, after_s, w),
        degraded_at_s=None if begun is None else float(max(spike.start_s, seen.start_s[begun])),
        detect_s=None if begun is None else float(seen.start_s[begun] + w - spike.start_s),
        degraded_s=float(w * (not_normal | single).sum()),
        depth_ratio=None if not len(quality) else float(1 - quality.min()),
        area_lost_requests=float((seen.bad - seen.waiting)[:until].sum()),
        relapses_s=tuple(after_s(index) for index in again),
        passed_over=bool(single.any()) and not open_end,
        doubt=_doubt(normal),
        is_shifted=_is_shifted(normal, baseline, seen.part(slice(first_after, middle if recovered else None))),
        since=None if not recovered else (int(since.bad.sum()), int(since.intended.sum())),
        bursts_s=None if bursts is None else tuple(float(since.start_s[at] - spike.end_s) for at in bursts),
        unasked_s=unasked_s,
        canary_per_s=float((seen.intended - seen.waiting)[first_after:].mean() / w),
        slo=slo,
        band=normal,
    )


def _first(back: FloatArray, first_after: int, probability: float) -> int | None:
    """The first window after the spike from which on the target is normal with so much probability."""
    found = np.flatnonzero(back[first_after:] >= probability)
    return None if not len(found) else first_after + int(found[0])


def _asked_from(told: BoolArray, first: int, k: int) -> int | None:
    """The first window from ``first`` on that had requests, as at least half of it and the k - 1 after it."""
    for at in range(first, len(told)):
        if told[at] and 2 * told[at : at + k].sum() >= len(told[at : at + k]):
            return at
    return None


def _doubt(normal: Band) -> str:
    """Why the baseline does not show what is normal; empty where it does."""
    for told in (normal.bad, normal.slow, normal.drift):
        if not told.is_told:
            return (
                f"the {told.windows} windows of the baseline are worth only {told.effective_windows:.0f} independent "
                f"ones, because neighbours are alike (r = {told.correlation:.2f}), and {EFFECTIVE_WINDOWS} are needed"
            )
    return ""


def _is_shifted(normal: Band, before: Windows, after: Windows) -> bool:
    """Whether the shares after the spike are larger than before, for windows that vary by themselves: Welch's test with
    independent windows. Always where the baseline varies by no more than chance.
    """
    shares = [share for share in (normal.bad, normal.slow) if share.varies]
    return not shares or any(
        larger(share.of(before) / np.maximum(before.intended, 1), share.of(after) / np.maximum(after.intended, 1))
        for share in (normal.bad, normal.slow)
    )


def _by_failures(
    of_failed: Posterior,
    failed: Share,
    first_after: int,
    observed_s: float,
    after_s: Callable[[int | None], float],
    w: int,
) -> tuple[float, float]:
    if not failed.is_told:
        return 0.0, math.inf
    low = _first(of_failed.within_from, first_after, TAIL)
    return (observed_s if low is None else max(0.0, after_s(low) - w)), math.inf
