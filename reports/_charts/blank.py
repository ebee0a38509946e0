"""An empty figure in our style, as wide as the page, for anything that is drawn over a horizontal axis."""

from __future__ import annotations

from typing import Any, Literal

from bokeh.models import AdaptiveTicker, BoxZoomTool, ColumnDataSource, PlainText, Range1d
from bokeh.models.glyph import Glyph
from bokeh.plotting import figure

from reports._charts import palette

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
DATA_HEIGHT_PX = 170
HEADROOM_PX = 38
"""Above the data, inside the frame: a row for the phases' names and a row for the marks."""
FOOT_PX = 52
LEFT_PX = 74


def add_glyph(plot: Any, glyph: Glyph, **columns: Any) -> None:
    """What is drawn from these columns. Bokeh's own ``plot.line`` and the like make three more glyphs of each, for what
    is selected, muted or pointed at, and nothing is; they cost a fifth of the time of a page.
    """
    glyph.update(**{name: name for name in columns})
    plot.add_glyph(ColumnDataSource(columns), glyph)


def blank(axis_label: str, x_range: Range1d, y_axis_type: Literal["linear", "log"] = "linear") -> Any:
    """A figure in our style, as wide as the page, with nothing in it. Dragging zooms in time."""
    zoom = BoxZoomTool(dimensions="width")
    plot = figure(
        height=DATA_HEIGHT_PX + HEADROOM_PX + FOOT_PX,
        y_axis_type=y_axis_type,
        sizing_mode="stretch_width",
        x_range=x_range,
        toolbar_location=None,
        tools=[zoom],
        active_drag=zoom,
        active_scroll=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=LEFT_PX,
        min_border_right=14,
        min_border_top=8,
        output_backend="canvas",
        lod_threshold=None,
    )
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = palette.AXIS
        axis.major_tick_line_color = palette.AXIS
        axis.minor_tick_line_color = None
        axis.major_label_text_color = palette.MUTED
        axis.axis_label_text_color = palette.MUTED
        axis.major_label_text_font_size = axis.axis_label_text_font_size = "11px"
        axis.major_label_text_font = axis.axis_label_text_font = FONT
        axis.axis_label_text_font_style = "normal"
        axis.major_tick_in, axis.major_tick_out = 0, 4
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = palette.GRID
    plot.yaxis.axis_line_color = None
    plot.yaxis.major_tick_line_color = None
    plot.yaxis.axis_label = PlainText(text=axis_label)
    plot.xaxis.ticker = AdaptiveTicker(
        base=60, mantissas=[1, 2, 5, 10, 15, 30], min_interval=1, desired_num_ticks=8, num_minor_ticks=0
    )
    plot.xaxis.axis_label = "seconds after the start of the first phase"
    plot.xaxis.axis_label_standoff = 2
    return plot
