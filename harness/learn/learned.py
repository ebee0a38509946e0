"""Everything that is learned from one source, and its form as plain data, which shapes and other programs read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from harness.learn import expected as peaks_over_threshold
from harness.learn import level, spikes
from harness.learn.expected import Expected
from harness.learn.fitting import Fit
from harness.learn.level import Ahead, Observed, Pattern, Values
from harness.learn.source import Source
from harness.learn.spikes import Spike, Spikes
from shapes._learned import FORMAT

MOST_FITTED = 12
MOST_LISTED = 1000


@dataclass(frozen=True)
class Learned:
    source: Source
    usual: Values
    """Usual level of each window."""
    found: Spikes
    fits: tuple[tuple[Spike, Fit], ...]
    """The largest spikes, the largest first, each with the curve that it is nearest to."""
    pattern: Pattern
    ahead: Ahead | None
    expected: Expected

    @property
    def observed(self) -> Observed:
        return self.source.observed

    @property
    def middle(self) -> float:
        """The usual level in the middle of all windows."""
        return float(np.median(self.usual))

    def utc(self, after_s: float) -> datetime:
        """Of a time after the first window."""
        return datetime.fromtimestamp(self.observed.start_s + after_s, UTC)


def learn(source: Source) -> Learned:
    observed = source.observed
    usual = level.usual_level(observed)
    found = spikes.find(observed, usual)
    largest = sorted(found.spikes, key=lambda spike: -spike.m)[:MOST_FITTED]
    return Learned(
        source,
        usual,
        found,
        tuple((spike, spikes.fit(observed, usual, spike)) for spike in largest),
        level.pattern(observed),
        level.ahead(spikes.without(observed, found)),
        peaks_over_threshold.expected([spike.m for spike in found.spikes], found.threshold, observed.known_days),
    )


def as_json(learned: Learned) -> str:
    """What ``--learned`` reads. Numbers have at most six significant digits; what is unknown is null."""
    observed, ahead = learned.observed, learned.ahead
    fits = dict(learned.fits)
    listed = sorted(learned.found.spikes, key=lambda spike: -spike.m)[:MOST_LISTED]
    body: dict[str, Any] = {
        "learned": FORMAT,
        "unit": observed.unit,
        "window_s": observed.window_s,
        "from_utc": _utc(learned, 0),
        "to_utc": _utc(learned, len(observed.values) * observed.window_s),
        "known_days": observed.known_days,
        "notes": list(learned.source.notes),
        "usual_level": learned.middle,
        "by_hour_utc": learned.pattern.hours.tolist(),
        "by_weekday_from_monday": learned.pattern.weekdays.tolist(),
        "spikes": {
            "threshold_m": learned.found.threshold,
            "count": len(learned.found.spikes),
            "largest_m": learned.found.largest.m if learned.found.largest else None,
            "largest": [_spike(learned, spike, fits.get(spike)) for spike in listed],
        },
        "expected": {
            "inconclusive": learned.expected.inconclusive,
            "confidence": peaks_over_threshold.CONFIDENCE,
            "horizons": [
                {"days": each.days, "low_m": each.low_m, "middle_m": each.middle_m, "high_m": each.high_m}
                for each in learned.expected.horizons
            ],
        },
        "ahead": None
        if ahead is None
        else {
            "from_utc": datetime.fromtimestamp(ahead.start_s, UTC).isoformat(),
            "step_s": ahead.step_s,
            "levels": ahead.values.tolist(),
            "as_days_before": ahead.lag_days,
            "error_ratio": ahead.error_ratio,
            "tested_days": ahead.tested_days,
        },
    }
    return json.dumps(_plain(body), indent=1, allow_nan=False) + "\n"


def _spike(learned: Learned, spike: Spike, fit: Fit | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "from_utc": _utc(learned, spike.start_s),
        "m": spike.m,
        "peak": spike.peak,
        "time_to_peak_s": spike.time_to_peak_s,
        "duration_s": spike.duration_s,
        "steepness_per_s": spike.steepness_per_s,
        "is_whole": spike.is_whole,
    }
    if fit is not None:
        told |= {
            "family": fit.family,
            "ramp_up_s": fit.ramp_up_s,
            "plateau_s": fit.plateau_s,
            "ramp_down_s": fit.ramp_down_s,
            "explained_ratio": fit.explained_ratio,
        }
    return told


def _utc(learned: Learned, after_s: float) -> str:
    return learned.utc(after_s).isoformat()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
