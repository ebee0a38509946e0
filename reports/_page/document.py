"""What every page with drawings is made of, besides its template: Bokeh's document and script, and the policy that lets
only them run.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from bokeh.core.json_encoder import serialize_json
from bokeh.core.property.validation import validate
from bokeh.document import Document
from bokeh.resources import Resources
from markupsafe import Markup

from reports._charts import palette
from reports._page import gauge, legend, templates
from reports._quantity import NOTHING


def of_drawings(drawings: dict[str, Any]) -> dict[str, Any]:
    """What the template of a page with these drawings, by their elements, is given besides what the page tells."""
    documents, items = _embedded(drawings)
    scripts = [*_bokeh_scripts(), Markup(templates.text("page.js"))]
    return {
        "drawn": frozenset(drawings),
        "nothing": NOTHING,
        "gauge": gauge.gauge,
        "style": templates.style("page.css"),
        "rules": legend.rules(),
        "scripts": scripts,
        "policy": _policy(scripts),
        "data": {
            "charts-json": _as_json(documents),
            "render-items": _as_json(items),
            "dark-colours": _as_json(palette.DARK),
        },
    }


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
    with validate(False):  # it has been; else Bokeh does so with every default that it does not write
        written = document.to_json(deferred=False)
    return {"report": written}, [{"docid": "report", "roots": roots, "root_ids": list(roots)}]


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


def _as_json(value: object) -> Markup:
    """JSON that cannot end the script element that holds it, nor open a comment in it."""
    text: str = serialize_json(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
