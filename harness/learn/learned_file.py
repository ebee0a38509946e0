"""What was learned as plain data, for shapes (``--learned``) and for other programs."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from harness.learn import expected as peaks_over_threshold
from harness.learn.fitting import Fit
from harness.learn.learned import Learned
from harness.learn.spikes import Spike
from shapes._learned import FORMAT

MOST_LISTED = 1000


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
