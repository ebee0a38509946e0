"""Times as they are written: seconds, milliseconds and finer since whenever, or ISO 8601, all of one kind in a file."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

UNITS = ((1e17, 1e9, "nanoseconds"), (1e14, 1e6, "microseconds"), (1e11, 1e3, "milliseconds"))
"""From so large a number on it can only be since 1970, and in this unit: seconds come to 10¹¹ in the year 5138."""
HOUR_S = 3600.0

_SLASHED = re.compile(r"(\d{4})/(\d\d)/(\d\d)")


class Times:
    """Reads the times of one file, and says what is wrong with each that is not like the first."""

    def __init__(self) -> None:
        self.kind = ""
        """In words, of the first time; empty before it."""
        self._divisor = 1.0
        self._is_iso = False
        self._has_zone = False

    def read(self, text: str) -> tuple[float, str]:
        """Seconds, and what is wrong with it; empty when nothing is."""
        value = number(text)
        if not self.kind:
            self._take_kind_of(text, value)
        if not self._is_iso:
            unknown = 0.0, "the time is neither a number nor in ISO 8601, as 2026-06-01T10:00:00Z"
            return (value / self._divisor, "") if value is not None else unknown
        moment = iso(text) if value is None else None
        if moment is None:
            return 0.0, "the time is not as those before it, in ISO 8601"
        if (moment.tzinfo is not None) != self._has_zone:
            return (
                0.0,
                f"the time has {'no' if self._has_zone else 'a'} zone, other than those before it; use UTC in all",
            )
        return seconds(moment), ""

    def back(self, before_s: float, t_s: float) -> str:
        """Why a time that is before the one above it cannot be used."""
        words = f"the time goes back, from {before_s:.15g}"
        if self._is_iso and not self._has_zone and before_s - t_s <= HOUR_S:
            return f"{words} (by an hour or less and without a zone, as where summer time ends: export it in UTC)"
        return f"{words}; sort the rows by their time"

    def _take_kind_of(self, text: str, value: float | None) -> None:
        moment = iso(text) if value is None else None
        if moment is not None:
            self._is_iso, self._has_zone = True, moment.tzinfo is not None
            self.kind = "times in ISO 8601" + ("" if self._has_zone else " without a zone, taken as UTC")
            return
        self._divisor, unit = unit_of(value or 0.0)
        self.kind = f"times in {unit}"


def unit_of(value: float) -> tuple[float, str]:
    """How many of its units a second has, and what they are called."""
    return next(((size, unit) for least, size, unit in UNITS if abs(value) >= least), (1.0, "seconds"))


def iso(text: str) -> datetime | None:
    """A moment in ISO 8601, None for anything else. Slashes in a date are as good as dashes."""
    try:
        return datetime.fromisoformat(_SLASHED.sub(r"\1-\2-\3", text.strip(), count=1))
    except ValueError:
        return None


def seconds(moment: datetime) -> float:
    """Since 1970; one without a zone is taken as UTC."""
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def number(text: str) -> float | None:
    """A finite number, None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
