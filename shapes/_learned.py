"""The size of a spike from what ``springback learn`` has written: plain data, read by the standard library alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FORMAT = 1
LARGEST = "largest"
_EXPECTED = re.compile(r"expected:(\d{1,4})d")
MOST_BYTES = 16 * 1024 * 1024


def times_of_level(spike: str, learned: str) -> tuple[float, str]:
    """M, how many times the level the spike is to be, and what is in the way; empty when nothing is."""
    days = _EXPECTED.fullmatch(spike)
    if not days and spike != LARGEST:
        return 1.0, f"--spike {spike!a}: give expected:30d, with any number of days, or {LARGEST}"
    if not learned:
        return 1.0, f"--spike {spike}: name with --learned the file that `springback learn` has written"
    told, problem = _read(learned)
    if problem:
        return 1.0, f"--learned {learned}: {problem}"
    try:
        if days:
            return _expected(told, int(days[1]))
        m = told["spikes"]["largest_m"]
        return (float(m), "") if m is not None else (1.0, f"--spike {spike}: no spike was found in what was learned")
    except (KeyError, TypeError, ValueError, AttributeError):
        return 1.0, f"--learned {learned}: damaged; write it again with `springback learn`"


def _expected(told: dict[str, Any], days: int) -> tuple[float, str]:
    expected = told["expected"]
    if expected["inconclusive"]:
        return 1.0, f"--spike expected:{days}d is INCONCLUSIVE: {expected['inconclusive']}; give --peak, or {LARGEST}"
    longest = int(expected["horizons"][-1]["days"])
    if not 1 <= days <= longest:
        remedy = "no longer than a third of the time that is known: learn from more of it"
        return 1.0, f"--spike expected:{days}d: 1 to {longest} days can be told from what was learned, {remedy}"
    # The next one that is as long at least: a longer time has the larger spike.
    horizon = next(each for each in expected["horizons"] if each["days"] >= days)
    m = float(horizon["high_m"])
    return (m, "") if m >= 1 else (1.0, "")


def _read(learned: str) -> tuple[dict[str, Any], str]:
    path = Path(learned)
    try:
        if not path.is_file():  # a device, or a pipe that nobody writes to, has no end
            return {}, "not a file" if path.exists() else "no such file"
        if path.stat().st_size > MOST_BYTES:
            return {}, "too large to be written by `springback learn`"
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"cannot be read: {getattr(error, 'strerror', None) or 'not what `springback learn` writes'}"
    if not isinstance(told, dict) or told.get("learned") != FORMAT:
        return {}, "not what `springback learn` of this version writes; write it again"
    return told, ""
