"""Limits from the defaults of known libraries, for the rate of requests of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.criteria.breaker._measure import BreakerBehaviour
from harness.plugins import parameter


@dataclass(frozen=True)
class Preset:
    """What a library does by default, in the words of its documentation."""

    calls_to_open: int
    """Calls in a row, all failed, after which it is open, however many were good before."""
    rest_s: float
    """Longest time open before the next try."""
    calls_to_close: int
    """Good calls that it wants to see half-open."""


PRESETS: Mapping[str, Preset] = {
    # slidingWindowSize and minimumNumberOfCalls 100, failureRateThreshold 50 % (a fresh one needs all 100),
    # waitDurationInOpenState 60 s, permittedNumberOfCallsInHalfOpenState 10.
    "resilience4j": Preset(100, 60, 10),
    # Outlier detection: consecutive_5xx 5, base_ejection_time 30 s (the first time; n times that the n-th time), and
    # an ejected host comes back at the next sweep of interval 10 s.
    "envoy": Preset(5, 40, 0),
}


def preset_parameter() -> str:
    """Declares the parameter ``preset`` of a criterion."""
    value: str = parameter("", f"limit from the defaults of {' or '.join(PRESETS)}, for the rate of this run")
    return value


def reject_unknown(preset: str) -> str:
    """Why it cannot be used; empty when it can."""
    return f"there is no preset {preset!r}; there are {', '.join(PRESETS)}" if preset and preset not in PRESETS else ""


def limit_to_open_s(preset: str, measured: BreakerBehaviour) -> float:
    """calls ÷ requests per second and instance + the slowest failure, since a breaker learns of it when it ends."""
    per_s = measured.before_per_s / max(1, len(measured.instances))
    return PRESETS[preset].calls_to_open / per_s + measured.slowest_failure_s


def limit_to_close_s(preset: str, measured: BreakerBehaviour) -> float:
    """rest + calls ÷ requests per second and instance."""
    per_s = measured.before_per_s / max(1, len(measured.instances))
    return PRESETS[preset].rest_s + PRESETS[preset].calls_to_close / per_s
