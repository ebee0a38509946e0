"""A small picture of a finding: where the figure and its interval lie beside the limit. The words say the
same.
"""

from __future__ import annotations

import math

from markupsafe import Markup

from harness.findings import Finding

WIDTH = 120.0


def gauge(finding: Finding) -> Markup:
    """An inline picture, or nothing when there is no limit or no figure to compare with it."""
    if finding.limit is None or not math.isfinite(finding.limit):
        return Markup("")
    low, high = finding.interval or (math.nan, math.nan)
    figure = finding.figure if finding.figure is not None else math.nan
    finite = [value for value in (finding.limit, low, high, figure) if math.isfinite(value)]
    top = max(finite) * 1.15
    if top <= 0 or len(finite) < 2:
        return Markup("")

    def at(value: float) -> float:
        return round(min(max(value / top, 0.0), 1.0) * WIDTH, 1)

    parts = ['<line class="rail" x1="0" x2="120" y1="8" y2="8"/>']
    if not math.isnan(low) and not math.isnan(high) and high > low:
        parts.append(f'<line class="span" x1="{at(low)}" x2="{max(at(high), at(low) + 1)}" y1="8" y2="8"/>')
    if math.isfinite(figure):
        parts.append(f'<line class="point" x1="{at(figure)}" x2="{at(figure)}" y1="3" y2="13"/>')
    parts.append(f'<line class="limit" x1="{at(finding.limit)}" x2="{at(finding.limit)}" y1="0" y2="16"/>')
    body = "".join(parts)
    return Markup(f'<svg class="gauge {finding.outcome.value}" viewBox="-2 0 124 16" aria-hidden="true">{body}</svg>')
