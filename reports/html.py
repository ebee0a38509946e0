"""``report.html``: everything about a run in one file that needs no network.

The page's content security policy lets nothing be loaded and no script run but our two, by their hashes, so
that a hostile request name could do nothing even if it were not escaped. All of it is escaped all the same.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.models import Range1d
from bokeh.resources import Resources
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.findings import Verdict
from harness.recording import Recording
from harness.safe_text import safe
from reports import _alerts, _facts, _phase_table, _quantity, _rows
from reports._charts import drawing, palette, recovered, selection, skew, table
from reports._charts.timeline import Timeline, timeline
from reports._page import gauge, legend, reading
from reports._quantity import with_units

FILE_NAME = "report.html"
_PAGE = Path(__file__).parent / "_page"


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
    documents, items = _embedded(drawings)
    scripts = [*_bokeh_scripts(), Markup(_text("page.js"))]
    page: str = _template().render(
        recording=recording,
        header=recording.header,
        verdict=verdict,
        symbol=_rows.SYMBOLS[verdict.outcome],
        groups=[
            ("What was judged", _rows.judged(verdict)),
            ("Can the measurement be trusted?", _rows.guards(verdict)),
        ],
        notes=_facts.notes(recording, verdict),
        charts=[(chart, legend.entries(chart), table.table(chart)) for chart in charts],
        drawn=frozenset(drawings),
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
        nothing=_quantity.NOTHING,
        gauge=gauge.gauge,
        instant=_quantity.instant,
        started=_facts.started(recording),
        target=_facts.target(recording.header),
        sends_count=len(sends),
        style=Markup(_text("page.css")),
        rules=legend.rules(),
        scripts=scripts,
        policy=_policy(scripts),
        data={
            "charts-json": _json(documents),
            "render-items": _json(items),
            "dark-colours": _json(palette.DARK),
        },
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


def _embedded(drawings: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    """Bokeh's document of all drawings, and which drawing goes into which element."""
    if not drawings:
        return {}, []
    document = Document()
    with document.models.freeze():  # else Bokeh walks over all models once for each root
        for identity, plot in drawings.items():
            plot.name = identity
            document.add_root(plot)
    roots = {plot.id: f"{identity}-drawing" for identity, plot in drawings.items()}
    return {"report": document.to_json(deferred=False)}, [{"docid": "report", "roots": roots, "root_ids": list(roots)}]


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_units"] = with_units
    return environment.get_template("page.html.j2")


def _safe(value: object) -> object:
    """Every text that the template prints, before it is escaped; markup of our own passes as it is."""
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _text(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


@cache
def _bokeh_scripts() -> tuple[Markup, ...]:
    """Bokeh's own script, from its wheel; only the part that draws."""
    return tuple(Markup(script) for script in Resources(mode="inline", components=["bokeh"]).js_raw)


def _policy(scripts: list[Markup]) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(value: object) -> Markup:
    """JSON that cannot end the script element that holds it, nor open a comment in it."""
    text: str = serialize_json(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
