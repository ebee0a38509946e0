"""What is asked about a recovery, and what is known of one: how long it took, how sure that is, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from harness.analysis.quality import ServiceLevel
from harness.criteria.recovery._attempts_failing import AttemptsFailing
from harness.criteria.recovery._baseline_band import Band
from harness.criteria.recovery._left_behind import LeftBehind
from harness.criteria.recovery._wandering import Wandering

SLOWER_RATIO = 1.5
"""As many times as long as before a service may stay, by default."""


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
    slower_ratio: float = SLOWER_RATIO
    """How many times as long as in the baseline the latency of a name may stay; 0: any, so that none is looked for."""
    baseline_windows: int = 30
    requests: str = ""
    """Only requests of this name, ``*`` for anything; empty for all."""


@dataclass(frozen=True)
class Slowdown:
    """How much slower a target stays."""

    ratio: float
    """Of the means of the logarithms of the latency."""
    slower_s: float
    """By which the baseline's p95 is longer for it."""

    @staticmethod
    def of(ratio: float, baseline_p95_s: float) -> Slowdown:
        return Slowdown(ratio, (ratio - 1) * baseline_p95_s)


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
    """At 95 %; open upwards when it did not recover while it was watched."""
    failed_interval_s: tuple[float, float] | None = None
    """The same by failures alone, whatever the latency."""
    degraded_at_s: float | None = None
    detect_s: float | None = None
    """From the beginning of the spike to the end of the first degraded window."""
    degraded_s: float = 0
    """Time spent in windows outside the band, from the beginning of the spike on."""
    depth_ratio: float | None = None
    """1 − min Q, from the beginning of the spike to the last window outside the band."""
    area_lost_requests: float = 0
    """Σ (1 − Q) · intended over the same windows: requests that were not served well."""
    relapses_s: tuple[float, ...] = ()
    """When it left the band again after it had returned, in seconds after the end of the spike; those
    that are passed over among them.
    """
    passed_over: bool = False
    """Whether the relapses were single windows, no more than are tolerated."""
    doubt: str = ""
    """Why the interval allows neither a pass nor a fail; empty where it does."""
    slower_ratio: float | None = None
    """Latency since the recovery ÷ before the spike (means of the logarithms), where it is proven to be longer, and by
    so much that the baseline's p95 would miss the SLO; else None.
    """
    lasting: Slowdown | None = None
    """Of the latter half of the time since the recovery, where its latency is proven to be longer than the baseline's,
    however little that is.
    """
    lasting_by_name: Mapping[str, Slowdown] = field(default_factory=dict)
    """The same of the request names of which it is proven, where there are several."""
    baseline_s: int = 0
    """How long the baseline was."""
    wandering: Wandering | None = None
    """None where neighbouring windows of the baseline are not alike."""
    bursts_s: tuple[float, ...] | None = None
    """Where requests since the recovery are bad more often than before, and by turns, see :meth:`Band.bursts`: the
    windows that have most of those, in seconds after the end of the spike. None where they are not.
    """
    is_shifted: bool = True
    """Whether the stretch before the recovery is proven to differ from the baseline, where that varies by itself."""
    since: tuple[int, int] | None = None
    """Bad requests and all requests from the recovery (never degraded: from the end of the spike) to the end of the
    observation, the windows that are outside by themselves among them.
    """
    left_behind: LeftBehind | None = None
    """A request name that stays worse since the recovery, though all requests together do not."""
    attempts_failing: AttemptsFailing | None = None
    """A name whose requests are good since the recovery because users try again."""
    pace_ratio: float | None = None
    """In the latter half of the time since the recovery, good answers of each user of a closed model ÷ those at the
    baseline's pace, where they are proven to be fewer, see :mod:`harness.criteria.recovery._pace`; else None.
    """
    unmeasured: str = ""
    """Why the latency since the spike proves nothing; empty where it does."""
    unasked_s: float = 0
    """For how long nobody asked between ``recovery_s`` and the later end of the interval."""
    canary_per_s: float = 0
    """Mean rate of the requests after the spike."""
    slo: ServiceLevel | None = None
    band: Band | None = None
