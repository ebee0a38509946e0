"""What a chart is, before it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports._charts import palette

Values = NDArray[np.float64]
"""One value a window; NaN where there is none."""


@dataclass(frozen=True)
class Line:
    """One series of a chart: a line, or with ``area`` a filled step, stacked on the areas before it."""

    label: str
    values: Values
    colour: str
    dash: str = "solid"
    width_px: float = 1.8
    alpha: float = 1.0
    area: bool = False
    step: bool = False
    """Constant over its window, e.g. a rate; otherwise a point in the middle of the window."""
    summary: str = "mean"
    """How several windows become one row of a long table: ``mean`` or ``max``."""


@dataclass(frozen=True)
class Points:
    """Single instants worth a symbol, e.g. the planned herds: (t, value)."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: str


@dataclass(frozen=True)
class Chart:
    """Series over the common time axis, one value a window.

    ``times_s`` are the starts of the windows, all of them ``window_s`` long.
    """

    identity: str
    """Of the HTML element; made by us, never from the recording."""
    title: str
    unit: str
    """Of the values; printed on the value axis and in the table."""
    explanation: str
    """One sentence under the title: what is counted and when."""
    times_s: Values
    lines: tuple[Line, ...]
    points: tuple[Points, ...] = ()
    window_s: float = 1.0
    logarithmic: bool = False
    limit: tuple[str, float] | None = None
    """A horizontal line: label and value."""
    at_least: float = 0.0
    """The value axis reaches at least this far."""
    missing: str = ""
    """Why there is nothing to draw; empty when there is."""
    axis: str = ""
    """Label of the value axis, where the ticks themselves carry the unit; the unit by default."""
    tick: Callable[[float], str] | None = None
    """Text of a tick of the value axis; plain numbers by default."""


def nothing(identity: str, title: str, unit: str, why: str) -> Chart:
    return Chart(identity, title, unit, "", np.empty(0), (), missing=why)


def lines_of(named: dict[str, Values], first: int = 0, summary: str = "mean") -> tuple[Line, ...]:
    """Any number of named series, told apart by colour, then by dash."""
    made = []
    for index, (label, values) in enumerate(named.items(), start=first):
        colour, dash = palette.nth(index)
        made.append(Line(label, values, colour, dash, summary=summary))
    return tuple(made)
