"""Charts drawn with Bokeh. Legends, titles and the words for missing data are HTML, outside the drawing.

Whatever the recording brings into a drawing is plain text: Bokeh would take ``$$`` in a string for
mathematics and ask a server on the Internet for a library to set it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, PlainText, Range1d, glyphs
from bokeh.models.annotations import BoxAnnotation, BoxInteractionHandles, Label, Span
from bokeh.models.annotations.geometry import AreaVisuals
from bokeh.models.glyphs import Scatter, Segment, Step, VAreaStep

from harness.safe_text import one_line
from reports import _quantity
from reports._charts import palette, ticks
from reports._charts.blank import DATA_HEIGHT_PX, FONT, HEADROOM_PX, add_glyph, blank
from reports._charts.chart import Chart, Line, Values
from reports._charts.timeline import SPIKE, Timeline

SHORTENED = 40


def draw(chart: Chart, timeline: Timeline, x_range: Range1d) -> Any:
    """The Bokeh figure of a chart that has something to draw."""
    plot = blank(chart.axis or chart.unit, x_range, y_axis_type="log" if chart.logarithmic else "linear")
    low, high = _value_axis(plot, chart)
    rows = [_above(low, high, above_px, chart.logarithmic) for above_px in (22, 5, 19)]
    _phases(plot, timeline, rows[0])
    bottom = plot.y_range.start
    middle = chart.times_s + chart.window_s / 2
    edges = np.append(chart.times_s, chart.times_s[-1:] + chart.window_s)
    stack = np.zeros(len(edges))
    for line in chart.lines:
        if line.area:
            filled = np.nan_to_num(np.append(line.values, line.values[-1:]))
            _area(plot, edges, stack, stack + filled, line)
            stack = stack + filled
    for line in reversed(chart.lines):  # the first of the legend is on top
        if line.step:
            _line(plot, edges, np.append(line.values, line.values[-1:]), line)
        elif not line.area:
            _line(plot, middle, np.where(line.values < bottom, bottom, line.values), line)
    for points in chart.points:
        times, values = zip(*points.points, strict=True)
        diamond = Scatter(marker="diamond", size=11, fill_color=points.colour, line_color=points.colour)
        add_glyph(plot, diamond, x=times, y=values)
    if chart.limit is not None:
        plot.add_layout(
            Span(
                location=chart.limit[1],
                dimension="width",
                line_color=palette.VERMILLION,
                line_dash="dashed",
                line_width=1.2,
            )
        )
    _marks(plot, timeline, rows[1], rows[2])
    _hover(plot, chart, middle)
    return plot


def _extent(chart: Chart) -> tuple[float, float]:
    """Lowest and highest finite value above zero that has to be on the axis; areas count stacked."""
    areas = [np.nan_to_num(line.values) for line in chart.lines if line.area]
    shown = [line.values for line in chart.lines if not line.area] + ([np.sum(areas, axis=0)] if areas else [])
    shown += [np.array([value for _, value in points.points]) for points in chart.points]
    shown.append(np.array([chart.limit[1] if chart.limit else 0.0, chart.at_least]))
    values = np.concatenate(shown)
    values = values[np.isfinite(values) & (values > 0)]
    return (float(values.min()), float(values.max())) if len(values) else (1.0, 1.0)


def _value_axis(plot: Any, chart: Chart) -> tuple[float, float]:
    """Sets the range, with room for labels above the data, and returns where the data begin and end."""
    low, high = _extent(chart)
    axis, text = plot.yaxis[0], chart.tick or _quantity.number
    if chart.logarithmic:
        rungs = ticks.logarithmic(low, high)
        start, end = min(rungs[0], low) * 0.93, max(rungs[-1], high) * 1.07
    else:
        rungs = ticks.linear(high)
        start, end = 0.0, max(rungs[-1], high) * 1.02
    plot.y_range = Range1d(start=start, end=_above(start, end, HEADROOM_PX, chart.logarithmic))
    axis.ticker = FixedTicker(ticks=rungs)
    axis.major_label_overrides = {rung: text(rung) for rung in rungs}
    return start, end


def _above(start: float, end: float, above_px: float, logarithmic: bool) -> float:
    """The value that lies so far above ``end`` on an axis whose data reach from ``start`` to ``end``."""
    share = above_px / DATA_HEIGHT_PX
    return end * (end / start) ** share if logarithmic else end + (end - start) * share


def _area(plot: Any, edges: Values, below: Values, above: Values, line: Line) -> None:
    filled = VAreaStep(step_mode="after", fill_color=line.colour, fill_alpha=0.5)
    add_glyph(plot, filled, x=edges, y1=below, y2=above)
    seen = np.flatnonzero(above[:-1] > below[:-1])  # no outline where nothing is added
    outline = Segment(line_color=line.colour, line_width=1.5)
    add_glyph(plot, outline, x0=edges[seen], x1=edges[seen + 1], y0=above[seen], y1=above[seen])


def _line(plot: Any, times: Values, values: Values, line: Line) -> None:
    style: dict[str, Any] = {
        "line_color": line.colour,
        "line_alpha": line.alpha,
        "line_dash": line.dash,
        "line_width": line.width_px,
    }
    if line.step:
        add_glyph(plot, Step(mode="after", **style), x=times, y=values)
        return
    add_glyph(plot, glyphs.Line(line_join="round", **style), x=times, y=values)
    alone = np.isfinite(values) & ~_has_neighbour(values)
    if alone.any():  # a line through one point is invisible
        point = Scatter(size=5, fill_color=line.colour, line_color=line.colour)
        add_glyph(plot, point, x=times[alone], y=values[alone])


def _has_neighbour(values: Values) -> np.ndarray[Any, np.dtype[np.bool_]]:
    finite = np.concatenate([[False], np.isfinite(values), [False]])
    neighbours: np.ndarray[Any, np.dtype[np.bool_]] = finite[:-2] | finite[2:]
    return neighbours


def _phases(plot: Any, timeline: Timeline, row: float) -> None:
    handles = BoxInteractionHandles(all=AreaVisuals())  # nobody moves a band, but each would have some of its own
    for index, phase in enumerate(timeline.phases):
        is_spike = phase.name == SPIKE
        plot.add_layout(
            BoxAnnotation(
                left=phase.start_s,
                right=phase.end_s,
                line_color=None,
                level="underlay",
                fill_color=palette.SPIKE_BAND if is_spike else palette.BAND,
                fill_alpha=0.22 if is_spike else (0.04, 0.11)[index % 2],
                editable=False,
                handles=handles,
            )
        )
        plot.add_layout(
            _label(
                phase.name,
                phase.start_s,
                row,
                ["phase", phase.start_s, phase.end_s],
                palette.OCHRE if is_spike else palette.MUTED,
            )
        )


def _marks(plot: Any, timeline: Timeline, row: float, top: float) -> None:
    bottom = plot.y_range.start
    styles = {
        False: Segment(line_color=palette.INK, line_dash="dashed", line_width=1.1),
        True: Segment(line_color=palette.GREEN, line_width=1.6),
    }
    for is_recovery, style in styles.items():
        times = [instant.t for instant in timeline.instants if instant.is_recovery is is_recovery]
        if times:
            n = len(times)
            add_glyph(plot, style, x0=times, x1=times, y0=[bottom] * n, y1=[top] * n)
    for instant in timeline.instants:
        colour = palette.GREEN if instant.is_recovery else palette.INK
        tags = ["mark", instant.t, instant.letter]
        plot.add_layout(_label(f"{instant.letter} {instant.short}", instant.t, row, tags, colour))


def _label(text: str, t: float, row: float, tags: list[Any], colour: str) -> Label:
    """A label above the data. The page's script shortens, moves or hides it where it would touch another."""
    text = one_line(text)
    short = text if len(text) <= SHORTENED else text[: SHORTENED - 1] + "…"
    return Label(
        x=t,
        y=row,
        text=PlainText(text=short),
        tags=tags,
        text_color=colour,
        text_font_size="11px",
        text_font=FONT,
        text_baseline="bottom",
        x_offset=3,
    )


def _hover(plot: Any, chart: Chart, middle: Values) -> None:
    """One tooltip for all series, at the window under the pointer."""
    columns: dict[str, Values] = {"t": middle, "start": chart.times_s}
    for index, line in enumerate(chart.lines):
        columns[f"v{index}"] = line.values
    tops = [np.nan_to_num(line.values) for line in chart.lines]
    columns["top"] = np.clip(np.max(tops, axis=0), plot.y_range.start, plot.y_range.end)
    carrier = plot.add_glyph(ColumnDataSource(columns), glyphs.Line(x="t", y="top", line_alpha=0))
    seconds = f"@start{{0.[0]}} – {_quantity.number(chart.window_s)} s"
    rows = [("second" if math.isclose(chart.window_s, 1) else seconds, "@start{0.[0]}")]
    rows += [
        (one_line(line.label).replace("@", "＠").replace("$", "＄"), f"@v{index}{{0,0.[00]}} {chart.unit}")
        for index, line in enumerate(chart.lines)
    ]
    plot.add_tools(
        HoverTool(renderers=[carrier], mode="vline", tooltips=rows, attachment="horizontal", show_arrow=False)
    )
