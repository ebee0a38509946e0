"""``report.html``: everything about a run in one file that needs no network.

The page's content security policy lets nothing be loaded and no script run but our two, by their hashes, so
that a hostile request name could do nothing even if it were not escaped. All of it is escaped all the same.
"""

from __future__ import annotations

from typing import Any

from bokeh.models import Range1d

from harness.findings import Verdict
from harness.recording import Recording
from reports import _alerts, _facts, _phase_table, _quantity, _rows
from reports._charts import drawing, recovered, selection, skew, table
from reports._charts.bokeh_pace import pandas_is_looked_for_once
from reports._charts.timeline import Timeline, timeline
from reports._page import document, legend, reading, templates

FILE_NAME = "report.html"


@pandas_is_looked_for_once()
def render(recording: Recording, verdict: Verdict) -> str:
    axis = timeline(recording, recovered.instant_s(recording, verdict))
    charts = selection.charts(recording, verdict)
    sends = skew.all_sends(recording)
    herd = skew.widest(sends)
    drawings: dict[str, Any] = {}
    if not axis.is_empty:
        shared = _time_axis(axis)
        drawings = {c.identity: drawing.draw(c, axis, shared) for c in charts if not c.missing}
    if herd is not None:
        drawings["skew"] = skew.draw(herd)
    page: str = templates.template("page.html.j2").render(
        recording=recording,
        header=recording.header,
        verdict=verdict,
        symbol=_rows.SYMBOLS[verdict.outcome],
        groups=[
            *_rows.groups(recording, verdict, "What was judged"),
            ("Can the measurement be trusted?", _rows.guards(verdict)),
        ],
        notes=_facts.notes(recording, verdict),
        charts=[(chart, legend.entries(chart), table.table(chart)) for chart in charts],
        axis=axis,
        requests=_phase_table.table(recording),
        heads=_phase_table.HEADS,
        name_heads=_phase_table.NAME_HEADS,
        row_text=lambda row: f"{row.name} {row.phase} {row.cells[-1]} {row.cause}".lower(),
        alerts=_alerts.rows(recording),
        alert_heads=_alerts.HEADS,
        alert_explanation=_alerts.EXPLANATION,
        herd=herd,
        herd_legend=legend.of_names(list(herd.by_node_ms())) if herd else [],
        sends_table=skew.table(sends) if sends else None,
        facts=_facts.facts(recording),
        definitions=reading.DEFINITIONS,
        instant=_quantity.instant,
        started=_facts.started(recording),
        target=_facts.target(recording.header),
        sends_count=len(sends),
        **document.of_drawings(drawings),
    )
    return page


def _time_axis(axis: Timeline) -> Range1d:
    """Of all charts: it opens on the spike, which may be a second of many minutes."""
    start_s, end_s = axis.spike_s or (axis.start_s, axis.end_s)
    return Range1d(
        start=start_s,
        end=end_s,
        reset_start=axis.start_s,
        reset_end=axis.end_s,
        bounds=(axis.start_s, axis.end_s),
        min_interval=min(2, end_s - start_s),
    )
