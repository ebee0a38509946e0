"""Legends as HTML beside the drawing: they wrap on a narrow screen and never cover data."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from reports._charts import palette
from reports._charts.chart import Chart

_DASHES = {"solid": "", "dashed": "6 4", "dotted": "2 3", "dotdash": "2 3 6 3"}


@dataclass(frozen=True)
class Entry:
    label: str
    swatch: Markup


def entries(chart: Chart) -> list[Entry]:
    """One entry for each thing that is drawn."""
    made = [
        Entry(line.label, _area(line.colour) if line.area else _line(line.colour, line.dash, line.width_px, line.alpha))
        for line in chart.lines
    ]
    made += [Entry(points.label, _diamond(points.colour)) for points in chart.points]
    if chart.limit is not None:
        made.append(Entry(chart.limit[0], _line(palette.VERMILLION, "dashed", 1.2)))
    return made


def of_names(names: list[str]) -> list[Entry]:
    """A legend of filled columns, in the order of the palette."""
    return [Entry(name, _area(palette.nth(index)[0])) for index, name in enumerate(names)]


def _swatch(body: str) -> Markup:
    return Markup(f'<svg viewBox="0 0 28 12" aria-hidden="true">{body}</svg>')


def _class(colour: str) -> str:
    """The name of a colour's rule in the page's style; see :func:`rules`."""
    return f"c{colour.removeprefix('#')}"


def _line(colour: str, dash: str, width_px: float, alpha: float = 1.0) -> Markup:
    dashes = f' stroke-dasharray="{_DASHES[dash]}"' if _DASHES.get(dash) else ""
    return _swatch(
        f'<path class="{_class(colour)}" d="M0 6H28" stroke="currentColor" stroke-width="{width_px}" '
        f'opacity="{alpha}"{dashes}/>'
    )


def _area(colour: str) -> Markup:
    return _swatch(
        f'<g class="{_class(colour)}"><path d="M2 2H26V11H2Z" fill="currentColor" opacity=".45"/>'
        '<path d="M2 2H26" stroke="currentColor" stroke-width="1.5"/></g>'
    )


def _diamond(colour: str) -> Markup:
    return _swatch(f'<path class="{_class(colour)}" d="M14 1L19 6L14 11L9 6Z" fill="currentColor"/>')


def rules() -> Markup:
    """Style rules that give each colour of the palette its counterpart in the dark scheme."""
    light = "".join(f".{_class(colour)}{{color:{colour}}}" for colour in palette.DARK)
    dark = "".join(f".{_class(colour)}{{color:{other}}}" for colour, other in palette.DARK.items())
    return Markup(f"{light}\n@media screen and (prefers-color-scheme: dark){{{dark}}}")
