"""``report.md``: the verdict for a job summary or a merge request, tables only.

GitHub refuses a job summary above 1 MiB, so texts and numbers of rows are bounded; see ``MOST_BYTES``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.findings import Outcome, Verdict
from harness.recording import Recording
from harness.safe_text import one_line
from reports import _alerts, _facts, _phase_table, _rows

FILE_NAME = "report.md"
MOST_BYTES = 900_000
LONGEST_TEXT = 2_000
MOST_ROWS = 400
_SPECIAL = re.compile(r"([\\`*_\[\]|~<>$@#])")
SIGNS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.INCONCLUSIVE: "⚠️"}


def render(recording: Recording, verdict: Verdict) -> str:
    header = recording.header
    lines = [
        f"## {SIGNS[verdict.outcome]} {verdict.word}: {escaped(header.scenario)}",
        "",
        escaped(verdict.reason),
        "",
        f"{escaped(_facts.target(header))}, started {escaped(_facts.started(recording))}",
        *(line for note in _facts.notes(recording, verdict)[:MOST_ROWS] for line in ("", f"> {escaped(note)}")),
    ]
    for heading, rows in (
        *_rows.groups(recording, verdict, "Findings"),
        ("Guards of the measurement", _rows.guards(verdict)),
    ):
        lines += section(
            heading,
            ("outcome", "finding", "figure", "limit", "95 % interval", "reason"),
            [
                (
                    f"{SIGNS[each.outcome]} {each.outcome.value}",
                    each.finding.title,
                    each.figure,
                    each.limit,
                    each.interval,
                    each.reason,
                )
                for each in rows
            ],
        )
    requests = _phase_table.table(recording)
    lines += section(
        "Phases",
        _phase_table.HEADS,
        [(each.phase if not each.name else "", each.name or "all", *each.cells) for each in requests.phases],
        right_from=2,
    )
    lines += ["", "Percentiles are of the n requests answered ok, from the intended start."]
    if requests.names:
        lines[-1] += " Of many names only the first few are in this table; all are in report.html."
    lines += section(
        "Names that failed",
        _phase_table.NAME_HEADS,
        [(each.name, each.phase, *each.cells, each.cause) for each in requests.names if each.has_failed],
        right_from=2,
    )
    if alerts := _alerts.rows(recording):
        lines += [*section("Alerts", _alerts.HEADS, alerts), "", _alerts.EXPLANATION]
    lines += section("Facts of the run", ("fact", "value"), _facts.facts(recording))
    return bounded(lines)


def section(
    heading: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], right_from: int | None = None
) -> list[str]:
    if not rows:
        return []
    right = len(heads) if right_from is None else right_from
    rule = ["---" if index < right else "--:" for index in range(len(heads))]
    lines = ["", f"### {heading}", "", _row(heads), _row(tuple(rule))]
    lines += [_row(tuple(escaped(cell) for cell in row)) for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        lines += ["", f"{len(rows) - MOST_ROWS} more rows are in report.html."]
    return lines


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def bounded(lines: list[str]) -> str:
    """The lines that fit; what is left out is said. A name may hold what is no character, and no file would take."""
    kept: list[str] = []
    size = 0
    for line in lines:
        encoded = line.encode(errors="replace")
        size += len(encoded) + 1
        if size > MOST_BYTES:
            kept += ["", "The rest is in report.html: it would not fit a job summary."]
            break
        kept.append(encoded.decode())
    return "\n".join(kept) + "\n"


def escaped(text: str) -> str:
    """The text on one line, without anything that Markdown or HTML would act on."""
    line = one_line(text)
    if len(line) > LONGEST_TEXT:
        line = line[: LONGEST_TEXT - 1] + "…"
    return _SPECIAL.sub(_escaped, line.replace("&", "&amp;"))


def _escaped(match: re.Match[str]) -> str:
    character = match.group(1)
    return {"<": "&lt;", ">": "&gt;", "@": "&#64;", "$": "&#36;"}.get(character, f"\\{character}")
