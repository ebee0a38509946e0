"""What the criteria about a circuit breaker have in common: where they look, and limits from known libraries."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import seconds
from harness.criteria.breaker._measure import Measured, Settings, measure
from harness.plugins import parameter
from harness.recording import Recording, Scalar


@dataclass(frozen=True)
class BreakerCriterion(Criterion):
    """Parameters of every criterion about a breaker; see :mod:`harness.criteria.breaker._measure`."""

    requests: str = parameter("", "only requests of this name go through the breaker, * for anything; empty for all")
    fault: str = parameter("", "name of the fault that makes the dependency fail; empty for the first one")
    baseline: str = parameter("baseline", "phase that shows what is normal")
    dependency: str = parameter(Settings.dependency, "probed counter of calls that the dependency has received")
    state: str = parameter(Settings.state, "probed state of an instance's breaker: 0 closed, 1 open, 2 half-open")
    opens: str = parameter(Settings.opens, "probed counter of its openings, also from half-open")
    closes: str = parameter(Settings.closes, "probed counter of its closings")
    probes: str = parameter(Settings.probes, "probed counter of the calls that it let through half-open")

    def measured(self, recording: Recording) -> Measured:
        return measure(recording, Settings(**{f.name: getattr(self, f.name) for f in dataclasses.fields(Settings)}))


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
    value: str = parameter("", f"limit from the defaults of {' or '.join(PRESETS)}, for the rate of this run")
    return value


def unknown_preset(preset: str) -> str:
    """Why it cannot be used; empty when it can."""
    return f"there is no preset {preset!r}; there are {', '.join(PRESETS)}" if preset and preset not in PRESETS else ""


def limit_to_open_s(preset: str, measured: Measured) -> float:
    """calls ÷ requests per second and instance + the slowest failure, since a breaker learns of it when it ends."""
    per_s = measured.before_per_s / max(1, len(measured.instances))
    return PRESETS[preset].calls_to_open / per_s + measured.slowest_failure_s


def limit_to_close_s(preset: str, measured: Measured) -> float:
    """rest + calls ÷ requests per second and instance."""
    per_s = measured.before_per_s / max(1, len(measured.instances))
    return PRESETS[preset].rest_s + PRESETS[preset].calls_to_close / per_s


def around(moment: tuple[float, float]) -> float | None:
    """The figure of an interval: its middle; None when it is open."""
    return (moment[0] + moment[1]) / 2 if math.isfinite(moment[1]) else None


def between(moment: tuple[float, float]) -> str:
    """An interval in words."""
    low, high = moment
    return f"between {seconds(low)} and {seconds(high)}" if math.isfinite(high) else f"not within {seconds(low)}"


def witnesses(measured: Measured) -> dict[str, Scalar]:
    """Evidence that every finding about a breaker shows."""
    told: dict[str, Scalar] = {
        "dependency failed from (s)": round(measured.injected_s, 3),
        "until (s)": None if measured.healed_s is None else round(measured.healed_s, 3),
        "requests that failed fast": measured.failed_fast,
        "told by": "signature" if measured.signature else "speed",
    }
    for instance in measured.instances:
        if instance.silent_from_s is not None:
            told[f"{instance.source} silent from (s)"] = instance.silent_from_s
    return told
