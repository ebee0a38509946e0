"""A chart as an inline picture (SVG) without any script: for pages that are read, and not zoomed into."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from reports import _quantity
from reports._charts import palette, ticks
from reports._charts.chart import Values

WIDTH, HEIGHT = 1000.0, 250.0
LEFT, RIGHT, TOP, FOOT = 70.0, 12.0, 12.0, 40.0
COLOURS = {"seen": palette.BLUE, "usual": palette.GREY, "fitted": palette.VERMILLION, "marked": palette.OCHRE}


def rules() -> Markup:
    """The style sheet of all pictures, for light and for dark."""
    lines = [
        ".picture { display: block; width: 100%; min-width: 40rem; height: auto; }",
        ".picture text { font-size: 13px; fill: var(--muted); }",
        ".picture .grid { stroke: var(--rule); } .picture .axis { stroke: var(--muted); }",
        ".picture polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; }",
        ".swatch { display: inline-block; width: 1.4rem; height: .3rem; border-radius: .15rem; }",
    ]
    lines += [_of_colour(name, colour) for name, colour in COLOURS.items()]
    dark = " ".join(_of_colour(name, palette.DARK[colour]) for name, colour in COLOURS.items())
    return Markup("\n".join([*lines, f"@media (prefers-color-scheme: dark) {{ {dark} }}"]))


def _of_colour(name: str, colour: str) -> str:
    return (
        f".picture .{name} {{ stroke: {colour}; }} .picture .{name}.full {{ fill: {colour}; stroke: none; }} "
        f".swatch.{name} {{ background: {colour}; }}"
    )


@dataclass
class Picture:
    """``x`` and ``y`` are the ranges of the axes; ``y`` begins at 0."""

    label: str
    """What is to be seen, for those who cannot."""
    x: tuple[float, float]
    y_high: float
    y_title: str
    _parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rungs = ticks.linear(self.y_high)
        self._top = max(self._rungs[-1], self.y_high)

    def line(self, kind: str, xs: Sequence[float] | Values, ys: Sequence[float] | Values) -> None:
        """NaN interrupts it."""
        stretch: list[str] = []
        for x, y in [*zip(xs, ys, strict=True), (0.0, math.nan)]:
            if math.isfinite(y):
                stretch.append(f"{self._x(float(x)):.1f},{self._y(float(y)):.1f}")
            elif stretch:
                points = stretch if len(stretch) > 1 else [stretch[0], stretch[0]]
                self._parts.append(f'<polyline class="{kind}" points="{" ".join(points)}"/>')
                stretch = []

    def bar(self, kind: str, x_from: float, x_to: float, high: float, low: float = 0.0) -> None:
        if math.isfinite(high):
            left, right, top = self._x(x_from), self._x(x_to), self._y(high)
            size = f'width="{right - left:.1f}" height="{max(0.0, self._y(low) - top):.1f}"'
            self._parts.append(f'<rect class="{kind} full" x="{left:.1f}" y="{top:.1f}" {size}/>')

    def dot(self, kind: str, x: float, y: float) -> None:
        self._parts.append(f'<circle class="{kind} full" cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="4"/>')

    def drawn(self, at: Sequence[tuple[float, str]], x_title: str) -> Markup:
        """With a word under the axis at each of these places."""
        frame = []
        for rung in self._rungs:
            y = self._y(rung)
            frame.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            frame.append(
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(_quantity.number(rung))}</text>'
            )
        foot = HEIGHT - FOOT
        frame.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{foot}" y2="{foot}"/>')
        frame += [
            f'<text x="{self._x(x):.1f}" y="{foot + 16}" text-anchor="middle">{escape(word)}</text>' for x, word in at
        ]
        frame.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(x_title)}</text>')
        frame.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">{escape(self.y_title)}</text>')
        body = "".join([*frame, *self._parts])
        return Markup(
            f'<div class="scroll" tabindex="0"><svg class="picture" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" '
            f'aria-label="{escape(self.label)}">{body}</svg></div>'
        )

    def _x(self, x: float) -> float:
        low, high = self.x
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - low) / ((high - low) or 1.0)

    def _y(self, y: float) -> float:
        return HEIGHT - FOOT - (HEIGHT - FOOT - TOP) * min(max(y / self._top, 0.0), 1.0)


def marks(low: float, high: float, word: Callable[[float], str], about: int = 7) -> list[tuple[float, str]]:
    """Places along an axis that are equally far apart, with their words, without those at its very ends."""
    return [(x, word(x)) for x in (low + (high - low) * (place + 0.5) / about for place in range(about))]
