"""Figures as people read them: ``412 ms``, ``3.2 s``, ``1.4 %``, ``212 MB``, ``> 60 s``.

Three significant digits, as the histograms have; trailing zeros are dropped. MB are 1,000,000 bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

NOTHING = "–"
_APART = re.compile(r"(?<=[0-9∞]) (?=(?:%|µs|ms|s|min|kB|MB|GB|bytes|cores)(?![\w/]))|(?<=[<>±]) (?=[0-9])")
"""The spaces between a figure and its unit, or its sign."""


def number(value: float, digits: int = 3) -> str:
    """A plain number with ``digits`` significant digits, thousands separated, no exponent."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else NOTHING
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(decimals, 9)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text.replace("-", "−")


def count(value: float) -> str:
    """A number of things: ``12,340``."""
    return f"{value:,.0f}".replace("-", "−")


def _seconds(scale_s: float) -> tuple[float, str]:
    for step_s, unit in ((1.0, "s"), (1e-3, "ms")):
        if scale_s >= step_s:
            return 1 / step_s, unit
    return (1e6, "µs") if scale_s > 0 else (1.0, "s")


def _bytes(scale_bytes: float) -> tuple[float, str]:
    for step, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if scale_bytes >= step:
            return 1 / step, unit
    return 1.0, "bytes"


def _fixed(factor: float, unit: str) -> Callable[[float], tuple[float, str]]:
    return lambda _scale: (factor, unit)


def _from_milliseconds(scale_ms: float) -> tuple[float, str]:
    factor, unit = _seconds(scale_ms / 1e3)
    return factor / 1e3, unit


def _from_megabytes(scale_mb: float) -> tuple[float, str]:
    return (1e-3, "GB") if scale_mb >= 1000 else (1.0, "MB")


_UNITS: dict[str, Callable[[float], tuple[float, str]]] = {
    "s": _seconds,
    "ms": _from_milliseconds,
    "bytes": _bytes,
    "MB": _from_megabytes,
    "ratio": _fixed(100.0, "%"),
}
"""Unit of a figure → (factor, unit to print), by the largest finite magnitude printed together.
"""


def _printed(values: tuple[float, ...], unit: str) -> tuple[float, str]:
    finite = [abs(value) for value in values if math.isfinite(value)]
    return _UNITS.get(unit, _fixed(1.0, unit))(max(finite, default=0.0))


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A figure with its unit, or a dash."""
    if value is None or math.isnan(value):
        return NOTHING
    factor, printed = _printed((value,), unit)
    return f"{number(value * factor, digits)} {printed}".rstrip()


def interval(bounds: tuple[float, float] | None, unit: str) -> str:
    """``2.1 – 3.4 s``; an open end reads ``> 60 s`` or ``< 60 s``."""
    if bounds is None or any(math.isnan(bound) for bound in bounds):
        return NOTHING
    low, high = bounds
    if math.isinf(low) and math.isinf(high):
        return "unbounded"
    if math.isinf(high):
        return f"> {quantity(low, unit)}"
    if math.isinf(low):
        return f"< {quantity(high, unit)}"
    factor, printed = _printed((low, high), unit)
    if number(low * factor) == number(high * factor):
        return quantity(high, unit)
    dash = "to" if low < 0 else "–"
    return f"{number(low * factor)} {dash} {number(high * factor)} {printed}".rstrip()


def against(figure: float, limit: float, unit: str) -> tuple[str, str]:
    """Figure and limit with as many digits as tell them apart: ``4.9996 %`` beside ``5 %``."""
    for digits in range(3, 8):
        texts = quantity(figure, unit, digits), quantity(limit, unit, digits)
        if texts[0] != texts[1] or figure == limit:
            return texts
    return texts


def with_units(text: str) -> str:
    """The text with figures that are not torn from their units, or from their sign, where a line ends."""
    return _APART.sub("\u00a0", text)


def instant(t: float) -> str:
    """An instant on the run's axis, seconds after its origin."""
    return f"{number(round(t, 2), max(3, len(str(int(abs(t)))) + 1))} s"
