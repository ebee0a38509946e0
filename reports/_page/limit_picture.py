"""The picture of a search: each step at its level, the figure that it measured with its interval, the criterion's
limit across, and the band in which the service's limit lies. The table says the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from harness.limit.result import Limit
from harness.limit.step import Said, Step
from reports import _quantity

WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT = 960.0, 330.0, 84.0, 18.0, 34.0, 48.0
SILENT_Y = HEIGHT - FOOT - 10
"""Where a step stands that measured nothing that could be drawn."""


def picture(steps: Sequence[Step], limit: Limit) -> Markup:
    """An inline picture; nothing where there are no steps."""
    said = [step.about(limit.searched.criterion) for step in steps]
    if not said:
        return Markup("")
    levels = [each.level for each in said]
    x = _axis(min(levels), max(levels), LEFT, WIDTH - RIGHT)
    values = [value for each in said for value in _drawn(each)]
    limits = [each.finding.limit for each in said if each.finding is not None and each.finding.limit]
    unit = next((each.finding.unit for each in said if each.finding is not None), "")
    of_criterion = limits[0] if limits else None
    shown = [value for value in (*values, of_criterion) if value is not None and value > 0]
    y = _axis(min(shown), max(shown), HEIGHT - FOOT - 22, TOP) if shown else None
    parts = [*_band(limit, x), *_frame(levels, limit.searched.unit, x)]
    if y is not None:
        parts += _across(of_criterion, unit, y)
        title = next(each.finding.title for each in said if each.finding is not None)
        parts.append(_text(8, TOP - 14, title, "start"))
        parts += [_text(LEFT - 8, y(value) + 4, _quantity.quantity(value, unit), "end") for value in _ends(shown)]
    parts += [_step(number, each, x, y) for number, each in enumerate(said, 1)]
    label = f"Steps by level and {limit.searched.criterion}; the table below says the same"
    return Markup(
        f'<svg class="search" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _axis(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Logarithmic, with a little air at both ends."""
    first, last = math.log(low) - 0.08, math.log(high) + 0.08
    span = max(last - first, 0.4)

    def at(value: float) -> float:
        share = (math.log(max(value, 1e-12)) - first) / span
        return round(start + (end - start) * min(max(share, -0.02), 1.02), 1)

    return at


def _drawn(said: Said) -> list[float]:
    """What the picture has of a step's finding: the figure, and the finite ends of its interval."""
    finding = said.finding
    if finding is None:
        return []
    known = [finding.figure, *(finding.interval or ())]
    return [value for value in known if value is not None and math.isfinite(value) and value > 0]


def _ends(shown: Sequence[float]) -> list[float]:
    return [min(shown)] if max(shown) < 1.3 * min(shown) else [min(shown), max(shown)]


def _band(limit: Limit, x: Callable[[float], float]) -> list[str]:
    if limit.interval is None:
        return []
    low, high = limit.interval
    left, right = (x(low) if low > 0 else LEFT), (x(high) if math.isfinite(high) else WIDTH - RIGHT)
    left = max(left, LEFT)
    words = _quantity.interval(limit.interval, limit.searched.unit)
    anchor, at = ("end", right) if left > WIDTH / 2 else ("start", left)
    return [
        f'<rect class="band {limit.outcome.value}" x="{left}" y="{TOP - 8}" width="{max(right - left, 2):.1f}" '
        f'height="{HEIGHT - FOOT - TOP + 8}"/>',
        _text(at, TOP - 14, f"the limit: {words}", anchor, "strong"),
    ]


def _frame(levels: Sequence[float], unit: str, x: Callable[[float], float]) -> list[str]:
    floor = HEIGHT - FOOT
    parts = [f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>']
    free = -math.inf
    for level in sorted(set(levels)):
        at = x(level)
        parts.append(f'<line class="axis" x1="{at}" x2="{at}" y1="{floor}" y2="{floor + 5}"/>')
        if at >= free:
            parts.append(_text(at, floor + 18, _quantity.number(level), "middle"))
            free = at + 34
    return [*parts, _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, unit or "level", "middle")]


def _across(limit: float | None, unit: str, y: Callable[[float], float]) -> list[str]:
    if limit is None or limit <= 0:
        return []
    at = y(limit)
    words = f"limit {_quantity.quantity(limit, unit)}"
    return [
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>',
        _text(LEFT + 6, at - 5, words, "start"),
    ]


def _step(number: int, said: Said, x: Callable[[float], float], y: Callable[[float], float] | None) -> str:
    at, drawn = x(said.level), _drawn(said)
    shape = "mark" if said.answer else "mark hollow"
    title = f"step {number}, {_quantity.number(said.level, 4)}: {said.says.value}: {said.reason}"
    if not drawn or y is None:
        middle, span = SILENT_Y, ""
    else:
        middle = y(said.finding.figure) if said.finding and said.finding.figure in drawn else y(max(drawn))
        span = f'<line class="span" x1="{at}" x2="{at}" y1="{y(min(drawn))}" y2="{y(max(drawn))}"/>'
    return (
        f'<g class="{said.outcome.value}"><title>{escape(title)}</title>{span}'
        f'<circle class="{shape}" cx="{at}" cy="{middle}" r="6"/>{_text(at + 9, middle + 4, str(number), "start")}</g>'
    )


def _text(x: float, y: float, words: str, anchor: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
