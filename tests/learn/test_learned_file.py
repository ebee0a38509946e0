"""What is written of what was learned, to the letter: other programs read it by these names."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np

from harness.learn import learned_file
from harness.learn.expected import Expected, Horizon
from harness.learn.fitting import Fit
from harness.learn.learned import Learned, Source
from harness.learn.learned_file import as_json
from harness.learn.level import Ahead, Observed, Pattern
from harness.learn.spikes import Spike, Spikes

LARGE = Spike(600.0, 720.0, 1200.0, 8.0, 2.0, True)
SMALL = Spike(1800.0, 1800.0, 2400.0, 6.0, 3.0, False)
LEARNED = Learned(
    source=Source(Observed(0, 600, np.array([1.0, 2.0, math.nan, 3.0]), "requests/s"), None, ("a note",)),
    usual=np.array([1.0, 2.0, 2.0, 4.0]),
    found=Spikes(1.5, (SMALL, LARGE), 0.1),
    fits=((LARGE, Fit("flash crowd", 4.1234567, 120.0, 60.0, 300.0, 0.0, 0.98)),),
    pattern=Pattern(np.array([1.0, math.nan]), np.array([2.0, 3.0])),
    ahead=Ahead(86_400, 3600, np.array([5.0, 6.0]), 7, 0.25, 8),
    expected=Expected(1.4, 30, 90.0, (Horizon(1, 1.0, 2.0, 3.0),)),
)
BODY = {
    "learned": 1,
    "unit": "requests/s",
    "window_s": 600,
    "from_utc": "1970-01-01T00:00:00+00:00",
    "to_utc": "1970-01-01T00:40:00+00:00",
    "known_days": 0.0208333,  # 1,800 of 86,400 s
    "notes": ["a note"],
    "usual_level": 2.0,
    "by_hour_utc": [1.0, None],
    "by_weekday_from_monday": [2.0, 3.0],
    "spikes": {
        "threshold_m": 1.5,
        "count": 2,
        "largest_m": 4.0,
        "largest": [
            {
                "from_utc": "1970-01-01T00:10:00+00:00",
                "m": 4.0,
                "peak": 8.0,
                "time_to_peak_s": 120.0,
                "duration_s": 600.0,
                "steepness_per_s": 0.025,  # three usual levels in two minutes
                "is_whole": True,
                "family": "flash crowd",
                "ramp_up_s": 120.0,
                "plateau_s": 60.0,
                "ramp_down_s": 300.0,
                "explained_ratio": 0.98,
            },
            {
                "from_utc": "1970-01-01T00:30:00+00:00",
                "m": 2.0,
                "peak": 6.0,
                "time_to_peak_s": 0.0,
                "duration_s": 600.0,
                "steepness_per_s": 1.0,  # as of a second
                "is_whole": False,
            },
        ],
    },
    "expected": {
        "inconclusive": "",
        "confidence": 0.9,
        "horizons": [{"days": 1, "low_m": 1.0, "middle_m": 2.0, "high_m": 3.0}],
    },
    "ahead": {
        "from_utc": "1970-01-02T00:00:00+00:00",
        "step_s": 3600,
        "levels": [5.0, 6.0],
        "as_days_before": 7,
        "error_ratio": 0.25,
        "tested_days": 8,
    },
}


def test_what_was_learned_to_the_letter() -> None:
    assert as_json(LEARNED) == json.dumps(BODY, indent=1) + "\n"
    nothing = dataclasses.replace(LEARNED, found=Spikes(1.5, (), 0.1), fits=(), ahead=None)
    told = json.loads(as_json(nothing))
    assert told["ahead"] is None
    assert told["spikes"] == {"threshold_m": 1.5, "count": 0, "largest_m": None, "largest": []}


def test_a_thousand_spikes_are_listed_and_all_are_counted() -> None:
    assert learned_file.MOST_LISTED == 1000
    many = tuple(dataclasses.replace(SMALL, peak=3.0 + number) for number in range(1001))
    told = json.loads(as_json(dataclasses.replace(LEARNED, found=Spikes(1.5, many, 0.1))))["spikes"]
    assert (told["count"], len(told["largest"]), told["largest"][-1]["peak"]) == (1001, 1000, 4.0)
