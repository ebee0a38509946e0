"""Of runs that were compared: the verdict, the shift of every figure, and all timelines over one axis that begins with
the spike, as a page, for programs and for the terminal.

It stands for no single run, so it is no format in the sense of this folder and has no ``FILE_NAME``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bokeh.models import Range1d

from harness.findings import Verdict
from harness.recording import Recording
from harness.safe_text import one_line
from reports import _facts, _rows, _whole_file, terminal, verdict_json
from reports._charts import drawing, overlay, table
from reports._charts.bokeh_pace import pandas_is_looked_for_once
from reports._page import document, legend, templates

PAGE, SUMMARY = "comparison.html", "comparison.json"
AXIS = "seconds after the start of the spike"


@dataclass(frozen=True)
class ComparedRun:
    name: str
    recording: Recording
    verdict: Verdict


Groups = Mapping[str, Sequence[ComparedRun]]
"""``first`` and ``second``, with their runs."""


def write(verdict: Verdict, groups: Groups, directory: Path) -> tuple[Path, ...]:
    """Writes page and summary into the directory, and returns their paths. Raises OSError."""
    texts = {PAGE: page(verdict, groups), SUMMARY: summary(verdict, groups)}
    return tuple(_whole_file.write(directory / name, text) for name, text in texts.items())


@pandas_is_looked_for_once()
def page(verdict: Verdict, groups: Groups) -> str:
    runs = overlay.overlaid({group: [(run.name, run.recording) for run in runs] for group, runs in groups.items()})
    axis = overlay.timeline(runs)
    charts = overlay.charts(runs, axis) if not axis.is_empty else ()
    start_s, end_s = axis.start_s, axis.end_s
    shared = Range1d(
        start=start_s, end=end_s, reset_start=start_s, reset_end=end_s, bounds=(start_s, end_s), min_interval=2
    )
    drawings: dict[str, Any] = {each.identity: drawing.draw(each, axis, shared) for each in charts if not each.missing}
    for plot in drawings.values():
        plot.xaxis.axis_label = AXIS
    text_of: str = templates.template("comparison.html.j2").render(
        verdict=verdict,
        symbols=_rows.SYMBOLS,
        rows=_rows.judged(verdict),
        groups=groups,
        about=_facts.started,
        charts=[(chart, legend.entries(chart), table.table(chart)) for chart in charts],
        **document.of_drawings(drawings),
    )
    return text_of


def summary(verdict: Verdict, groups: Groups) -> str:
    body = {
        "outcome": verdict.outcome.value,
        "exit_code": verdict.outcome.exit_code,
        "reason": verdict.reason,
        "notes": list(verdict.notes),
        "runs": {
            group: [
                {
                    "run": run.name,
                    "outcome": run.verdict.outcome.value,
                    "started_utc": run.recording.header.started_utc,
                    "branch": run.recording.header.branch,
                    "commit": run.recording.header.commit,
                    "target": run.recording.header.target,
                }
                for run in runs
            ]
            for group, runs in groups.items()
        },
        "findings": [verdict_json.finding(each) for each in verdict.findings],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def text(verdict: Verdict, groups: Groups, width: int = terminal.WIDTH) -> str:
    """For the terminal: the verdict, and each figure with its shift."""
    sizes = " against ".join(f"{len(runs)} run{'' if len(runs) == 1 else 's'}" for runs in groups.values())
    lines = [
        "",
        f"{verdict.outcome.value}  {sizes}",
        *terminal.wrapped(one_line(verdict.reason), width, "  "),
        "",
        "From the first to the second",
    ]
    for row in _rows.judged(verdict):
        known = row.finding.figure is not None or row.finding.interval is not None
        shift = f": {row.figure}, 95 % interval {row.interval}, at most {row.limit}" if known else ""
        title = f"{row.outcome.value:<12}  {one_line(row.finding.title)}{shift}"
        lines += terminal.wrapped(title, width, "  ", hanging="      ")
        lines += terminal.wrapped(one_line(row.reason), width, "      ")
    for note in verdict.notes:
        lines += ["", *terminal.wrapped(f"Note: {one_line(note)}", width)]
    for group, runs in groups.items():
        lines += ["", f"The {group}", *(f"  {run.verdict.word:<12}  {one_line(run.name)}" for run in runs)]
    return "\n".join(lines)
