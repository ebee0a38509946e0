"""How close together a herd was sent: a histogram of the send instants after the release, by load process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, FixedTicker, Quad, Range1d

from harness.recording import Recording
from harness.recording.marks import GateMark
from reports import _quantity
from reports._charts import palette, ticks
from reports._charts.blank import add_glyph, blank
from reports._charts.table import Table

BINS = 40
MOST_NODES = 5


@dataclass(frozen=True)
class Sends:
    """The reports of all load processes about one gate at one instant, and these in the order of drawing."""

    gate: str
    t: float
    marks: tuple[GateMark, ...]

    @property
    def sent(self) -> int:
        return sum(len(mark.sent_us) for mark in self.marks)

    @property
    def spread_us(self) -> int:
        instants = [us for mark in self.marks for us in mark.sent_us]
        return max(instants) - min(instants) if instants else 0

    def by_node_ms(self) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
        """Milliseconds after the release of every send; load processes beyond the first few together."""
        named: dict[str, list[int]] = {}
        nodes = sorted({mark.node for mark in self.marks})
        shown = nodes if len(nodes) <= MOST_NODES + 1 else nodes[:MOST_NODES]
        for mark in sorted(self.marks, key=lambda each: each.node):
            label = mark.node if mark.node in shown else f"{len(nodes) - len(shown)} other load processes"
            named.setdefault(label, []).extend(mark.sent_us)
        return {label: np.asarray(values, dtype=np.float64) / 1e3 for label, values in named.items() if values}


def all_sends(recording: Recording) -> tuple[Sends, ...]:
    """One entry for each gate and instant, in order of time."""
    grouped: dict[tuple[float, str], list[GateMark]] = {}
    for mark in recording.gates:
        grouped.setdefault((mark.t, mark.gate), []).append(mark)
    return tuple(Sends(gate, t, tuple(marks)) for (t, gate), marks in sorted(grouped.items()))


def widest(sends: tuple[Sends, ...]) -> Sends | None:
    """The gate to draw: the one whose sends are furthest apart."""
    return max((each for each in sends if each.sent), key=lambda each: each.spread_us, default=None)


def draw(sends: Sends) -> Any:
    """Stacked columns of sends a bin, one colour a load process."""
    named = sends.by_node_ms()
    every = np.concatenate(list(named.values()))
    low, high = min(0.0, float(every.min())), max(float(every.max()), 1.0)
    edges = np.linspace(low, high, BINS + 1)
    plot = blank("sends", Range1d(start=low - (high - low) * 0.02, end=high + (high - low) * 0.02))
    plot.min_border_top = 8
    plot.height = 190
    plot.xaxis.axis_label = "ms after the planned instant"
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=8, num_minor_ticks=0)
    below = np.zeros(BINS)
    for index, values in enumerate(named.values()):
        counts = np.histogram(values, edges)[0].astype(np.float64)
        colour = palette.nth(index)[0]
        column = Quad(line_width=0.5, fill_color=colour, line_color=colour, fill_alpha=0.6)
        add_glyph(plot, column, left=edges[:-1], right=edges[1:], bottom=below, top=below + counts)
        below = below + counts
    rungs = ticks.linear(float(below.max()))
    plot.y_range = Range1d(start=0, end=rungs[-1] * 1.02)
    plot.yaxis[0].ticker = FixedTicker(ticks=rungs)
    plot.yaxis[0].major_label_overrides = {rung: _quantity.number(rung) for rung in rungs}
    return plot


def table(sends: tuple[Sends, ...]) -> Table:
    """One row for each gate and load process."""
    rows = [_row(each, mark) for each in sends for mark in sorted(each.marks, key=lambda mark: mark.node)]
    heads = ("gate", "at", "load process", "planned", "sent", "first", "p5", "p95", "last", "clock uncertainty")
    return Table("Send instants after the planned release, by gate and load process", heads, tuple(rows))


def _row(sends: Sends, mark: GateMark) -> tuple[str, ...]:
    fixed = (
        sends.gate,
        _quantity.instant(sends.t),
        mark.node,
        _quantity.count(mark.planned),
        _quantity.count(len(mark.sent_us)),
    )
    doubt = "± " + _quantity.quantity(mark.clock_uncertainty_s, "s")
    if not mark.sent_us:
        return (*fixed, *[_quantity.NOTHING] * 4, doubt)
    marks_us = np.quantile(np.asarray(mark.sent_us, dtype=np.float64), (0.0, 0.05, 0.95, 1.0))
    return (*fixed, *(f"{_quantity.number(float(value) / 1e3)} ms" for value in marks_us), doubt)
