"""Degradation and recovery: did the service come back after the spike, how fast, and at what cost?

The target counts as recovered at the **start** of the first window that opens a run of k windows of which at
least 90 % are inside the band of the baseline, the first and the last among them. Demanding that all k are
inside would be biased: with an in-band probability of 0.95 and k = 30 it takes 73 windows to happen by chance
alone. What follows that instant must hold too: the windows to the end, taken together, are normal, and there
is no relapse, i.e. no stretch of k windows of which more than 10 % are outside a wider exit band. After a
relapse the search begins anew, so a target that flaps has recovered when it does so for good.

The price of k windows is that a recovery in the last k windows of the observation cannot be seen; it is
censored. Cf. the resilience triangle (Bruneau et al. 2003) and resiliency in ISO/IEC 25045.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from harness.analysis import generator, phases
from harness.analysis.lazy import LazyModule
from harness.analysis.quality import MINIMUM_REQUESTS, ServiceLevel, Windows, service_level, windows
from harness.criteria.recovery._baseline_band import Band, band
from harness.recording import Recording
from harness.recording_header import Phase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

OUTSIDE_SHARE = 0.1
LARGEST_BASELINE_ERROR_RATIO = 0.1


class State(Enum):
    """How the run ended for the target."""

    NOT_DEGRADED = "not degraded"
    RECOVERED = "recovered"
    NOT_RECOVERED = "not recovered"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Settings:
    """How recovery is measured; the defaults suit a baseline of 30 s and a canary stream of 10 requests/s."""

    spike: str = "spike"
    baseline: str = "baseline"
    recovery: str = "recovery"
    window_s: int = 1
    hold_s: int = 10
    """The run of windows in which a recovery must hold, k = hold_s / window_s."""
    slo_s: float = 0
    """Latency within which an answer is good; 0 takes it from the baseline."""
    floor_s: float = 0.1
    """How much slower than the baseline is no harm."""
    baseline_windows: int = 30
    requests: str = ""
    """Only requests of this name, ``*`` for anything; empty for all."""


@dataclass(frozen=True, eq=False)
class Recovery:
    """What the spike did to the target. Instants are seconds after the origin, durations are seconds."""

    state: State
    reason: str
    """Why the state is unknown; empty otherwise."""
    observed_s: float = 0
    """How long the target was watched after the end of the spike."""
    recovery_s: float | None = None
    """From the end of the spike to the recovery; 0 when never degraded; None when censored or unknown."""
    interval_s: tuple[float, float] | None = None
    """± one window; (observed, inf) when it did not recover while it was watched."""
    degraded_at_s: float | None = None
    detect_s: float | None = None
    """From the beginning of the spike to the end of the first degraded window."""
    degraded_s: float = 0
    """Time spent in windows outside the band, from the first degraded one to the recovery; never degraded: of all
    windows, too few or too far apart to be more than chance."""
    depth_ratio: float | None = None
    """1 − min Q, from the beginning of the spike to the recovery."""
    area_lost_requests: float = 0
    """Σ (1 − Q) · intended over the same windows: requests that were not served well."""
    relapses: int = 0
    since: tuple[int, int] | None = None
    """Bad requests and all requests from the recovery (never degraded: from the end of the spike) to the end of the
    observation, the windows that are outside by themselves among them.
    """
    slo: ServiceLevel | None = None
    band: Band | None = None
    windows: Windows | None = None
    """All windows, from the beginning of the baseline to the end of the observation."""


def measure(recording: Recording, settings: Settings | None = None) -> Recovery:
    """Degradation and recovery of a run; ``UNKNOWN`` with the reason when the recording does not tell."""
    settings = settings or Settings()
    recording = phases.only(recording, settings.requests)
    asked = (settings.baseline, settings.spike, settings.recovery)
    baseline, spike, after = (recording.phase(name) for name in asked)
    if baseline is None or spike is None or after is None:
        missing = ", ".join(name for name in asked if recording.phase(name) is None)
        return Recovery(State.UNKNOWN, f"the run has no phase {missing}")
    slo = service_level(recording, baseline, settings.floor_s)
    if slo is None:
        return Recovery(State.UNKNOWN, "the baseline has no requests, or more than 5 % of them failed")
    if settings.slo_s:
        slo = ServiceLevel(settings.slo_s, {})
    normal = windows(recording, baseline.start_s, baseline.end_s, settings.window_s, slo)
    problem = _baseline_problem(normal, settings)
    if problem:
        return Recovery(State.UNKNOWN, problem, slo=slo)
    end_s = _observed_until_s(recording, after, slo)
    seen = windows(recording, spike.start_s, end_s, settings.window_s, slo)
    every = windows(recording, baseline.start_s, end_s, settings.window_s, slo)
    return _judge(spike, end_s, seen, band(normal, settings.floor_s), settings, slo, every)


def _baseline_problem(normal: Windows, settings: Settings) -> str:
    """Why the baseline cannot be compared with; empty when it can."""
    evident = int(normal.evident.sum())
    # With random arrivals a window is nearly empty now and then; nine in ten of them must be evidence.
    needed = math.ceil((1 - OUTSIDE_SHARE) * settings.baseline_windows)
    if len(normal.start_s) < settings.baseline_windows or evident < needed:
        return (
            f"baseline too short: {settings.baseline_windows} windows of {settings.window_s} s needed, "
            f"{len(normal.start_s)} seen, {evident} of them with at least {MINIMUM_REQUESTS} requests"
        )
    bad_ratio = float(normal.bad.sum() / normal.intended.sum())
    if bad_ratio > LARGEST_BASELINE_ERROR_RATIO:
        return f"the baseline itself is not healthy: {bad_ratio:.0%} of its requests failed or missed the SLO"
    return ""


def _observed_until_s(recording: Recording, after: Phase, slo: ServiceLevel) -> int:
    """End of the observation. Requests begun less than one SLO before the last trace cannot be judged."""
    last_s = generator.last_trace_s(recording)
    if recording.end is None:
        last_s -= max([slo.overall_s, *slo.by_name_s.values()])
    return min(after.end_s, math.floor(last_s))


def _judge(
    spike: Phase,
    end_s: int,
    seen: Windows,
    normal: Band,
    settings: Settings,
    slo: ServiceLevel,
    every: Windows,
) -> Recovery:
    """``seen`` are the windows from the beginning of the spike to the end of the observation."""
    w, k = settings.window_s, max(1, round(settings.hold_s / settings.window_s))
    first_after = -(-(spike.end_s - spike.start_s) // w)
    observed_s = float(max(0, end_s - spike.end_s))
    inside, outside, far = normal.inside(seen), normal.outside(seen), normal.far_outside(seen)
    if len(inside) - first_after < k:
        reason = f"watched for {observed_s:g} s after the spike, but a recovery must hold for {k * w} s"
        return Recovery(State.UNKNOWN, reason, observed_s, interval_s=(0, math.inf), slo=slo, windows=every)
    if inside[first_after:].sum() + outside[first_after:].sum() < k:
        reason = "too few requests after the spike: a canary stream in the background would settle it"
        return Recovery(State.UNKNOWN, reason, observed_s, interval_s=(0, math.inf), slo=slo, windows=every)

    begun = _degraded(outside, far, first_after, k)
    found, relapses = _recovered(seen, inside, far, normal, max(first_after, begun or 0), k)
    if begun is None and found is None:
        if normal.holds(seen.part(slice(first_after, None))):
            reason = "no stretch after the spike has requests in enough windows to show that the target is normal"
            return Recovery(State.UNKNOWN, reason, observed_s, interval_s=(0, math.inf), slo=slo, windows=every)
        # No window alone is outside, and yet the whole is: many small failures add up.
        begun = first_after
    until = len(inside) if found is None else found
    share = slice(0, max(until, first_after))
    since = seen.part(slice(max(until, first_after) if begun is not None else first_after, None))
    quality = seen.quality[share][seen.evident[share]]
    at_s = None if found is None else float(seen.start_s[found])
    recovery_s = None if at_s is None else (0.0 if begun is None else at_s - spike.end_s)
    if recovery_s is None:
        interval_s = (_bad_until_s(seen, outside, normal) - spike.end_s, math.inf)
    else:
        interval_s = (max(0.0, recovery_s - w), recovery_s if begun is None else recovery_s + w)
    return Recovery(
        state=State.NOT_DEGRADED if begun is None else State.NOT_RECOVERED if found is None else State.RECOVERED,
        reason="",
        observed_s=observed_s,
        recovery_s=recovery_s,
        interval_s=interval_s,
        degraded_at_s=None if begun is None else float(seen.start_s[begun]),
        detect_s=None if begun is None else float(seen.start_s[begun] + w - spike.start_s),
        degraded_s=float(w * outside[begun : None if begun is None else until].sum()),
        depth_ratio=None if not len(quality) else float(1 - quality.min()),
        area_lost_requests=float(seen.bad[share].sum()),
        relapses=relapses,
        since=None if found is None else (int(since.bad.sum()), int(since.intended.sum())),
        slo=slo,
        band=normal,
        windows=every,
    )


def _degraded(outside: NDArray[np.bool_], far: NDArray[np.bool_], first_after: int, k: int) -> int | None:
    """First degraded window. It lies far outside in the spike itself, or opens a run of k windows of which
    more than 10 % are far outside, or more than 20 % outside: what lies less far out must come more often not
    to be chance.

    The spike's own windows hold many requests, so one of them is enough; later a single one can be chance.
    """
    for i in np.flatnonzero(outside):
        in_spike = i < first_after and far[i]
        many = _share_above(outside, int(i), k, 2 * OUTSIDE_SHARE)
        if in_spike or many or (far[i] and _share_above(far, int(i), k, OUTSIDE_SHARE)):
            return int(i)
    return None


def _recovered(
    seen: Windows, inside: NDArray[np.bool_], far: NDArray[np.bool_], normal: Band, start: int, k: int
) -> tuple[int | None, int]:
    """The window in which the target recovered for good (None: in none), and how often it relapsed before."""
    relapses = 0
    position = start
    while True:
        run = next((i for i in range(position, len(inside) - k + 1) if _holds(inside, i, k)), None)
        if run is None:
            return None, relapses
        relapse = next((i for i in range(run, len(far)) if far[i] and _share_above(far, i, k, OUTSIDE_SHARE)), None)
        if relapse is None:
            break
        relapses += 1
        position = relapse + 1
    for i in range(run, len(inside) - k + 1):
        if (
            _holds(inside, i, k)
            and normal.holds(seen.part(slice(i, i + k)))
            and normal.holds(seen.part(slice(i, None)))
        ):
            return i, relapses
    return None, relapses


def _holds(inside: NDArray[np.bool_], i: int, k: int) -> bool:
    """Whether window i opens a run of k windows in which the target is normal."""
    run = inside[i : i + k]
    return bool(run[0] and run[-1] and run.sum() >= (1 - OUTSIDE_SHARE) * k - 1e-9)


def _share_above(flags: NDArray[np.bool_], i: int, k: int, share: float) -> bool:
    """Whether more than this share of k windows from i on is flagged; near the end, of fewer as many."""
    return bool(flags[i : i + k].sum() > share * k + 1e-9)


def _bad_until_s(seen: Windows, outside: NDArray[np.bool_], normal: Band) -> float:
    """The last instant at which a target that did not recover is known not to have been normal.

    That is the end of the observation, unless everything after the last window outside the band looks normal,
    or tells nothing: then it may have come back there, and was only not seen to stay.
    """
    end_s = float(seen.start_s[-1] + seen.window_s)
    bad = np.flatnonzero(outside)
    if len(bad) and normal.holds(seen.part(slice(int(bad[-1]) + 1, None))):
        return float(seen.start_s[bad[-1]] + seen.window_s)
    return end_s
