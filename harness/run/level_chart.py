"""A level over time as a few lines of text, for a terminal: readable without colour, and in ASCII where need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from shapes._profile import Herd, Phase, Polyline

ROWS = 8
NARROWEST = 10


@dataclass(frozen=True)
class Marks:
    """The characters of a chart."""

    bars: str
    """From nothing to a full cell, in equal steps."""
    side: str
    corner: str
    floor: str
    herd: str


BLOCKS = Marks(" ▁▂▃▄▅▆▇█", "│", "└", "─", "▼")
ASCII = Marks(" #", "|", "+", "-", "v")


def marks_for(encoding: str) -> Marks:
    """Block characters where ``encoding`` has them."""
    try:
        "".join((BLOCKS.bars, BLOCKS.side, BLOCKS.corner, BLOCKS.floor, BLOCKS.herd)).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def chart(level: Polyline, phases: Sequence[Phase], herds: Sequence[Herd], width: int, marks: Marks) -> list[str]:
    """Lines of at most ``width`` columns (but at least NARROWEST and the labels): level, herds, phases and seconds.

    Each column shows the highest level of its stretch of time, so a spike is seen however short it is. A herd is an
    instant and has no height; it is marked above.
    """
    top = f"{level.peak:,.4g}" if level.peak < 1e4 else f"{level.peak:,.0f}"
    columns = max(NARROWEST, width - len(top) - 2)
    step_s = phases[-1].end_s / columns
    heights = [level.highest(i * step_s, (i + 1) * step_s) for i in range(columns)]
    margin = " " * len(top)
    lines = []
    if herds:
        above = [" "] * columns
        for herd in herds:
            above[min(columns - 1, int(herd.t / step_s))] = marks.herd
        lines.append(f"{margin}  {''.join(above)}")
    for row in reversed(range(ROWS)):
        label = top if row == ROWS - 1 else margin
        lines.append(f"{label} {marks.side}{''.join(_cell(height, level.peak, row, marks) for height in heights)}")
    lines.append(f"{'0':>{len(top)}} {marks.corner}{marks.floor * columns}")
    lines += [f"{margin}  {line}" for line in _ruler(phases, columns, step_s, marks)]
    return [line.rstrip() for line in lines]


def _cell(height: float, peak: float, row: int, marks: Marks) -> str:
    """One character of a bar; whatever is above 0 shows at least a trace."""
    steps = len(marks.bars) - 1
    filled = max(1, round(height / peak * ROWS * steps)) if height > 0 else 0
    return marks.bars[min(max(filled - row * steps, 0), steps)]


def _ruler(phases: Sequence[Phase], columns: int, step_s: float, marks: Marks) -> list[str]:
    """Two lines: the phases' names and the seconds at which they begin, each cut to the room that it has."""
    starts = [min(columns - 1, int(phase.start_s / step_s)) for phase in phases]
    names = seconds = ""
    for phase, start, end in zip(phases, starts, [*starts[1:], columns], strict=True):
        # Several phases may share a column: the first one is named.
        if end > start:
            names += set_cell_size(f"{marks.side}{phase.name}", end - start)
            text = f"{phase.start_s} s"
            seconds += set_cell_size(text if cell_len(text) < end - start or end == columns else "", end - start)
    return [names, seconds]
