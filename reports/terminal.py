"""The verdict on the terminal: a table with rich on a TTY, plain aligned text anywhere else.

This format writes no file, so it has no ``FILE_NAME``. Colour repeats what the words say.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.findings import Outcome, Verdict
from harness.recording import Recording
from harness.safe_text import one_line
from reports import _alerts, _facts, _phase_table, _rows

STYLES = {Outcome.PASS: "bold green", Outcome.FAIL: "bold red", Outcome.INCONCLUSIVE: "bold yellow"}
NARROWEST, WIDTH = 40, 100
"""Columns: the fewest that are written for, and those of what is no terminal."""
MOST_STATUS_LINES = 12
NOTHING_JUDGED = "Nothing could be judged, so no findings are listed here; the reports have them all."


def show(recording: Recording, verdict: Verdict, paths: Sequence[Path], stream: TextIO) -> None:
    """Prints the verdict, and where the reports are, in the manner that suits the stream."""
    if stream.isatty():
        _show_rich(recording, verdict, paths, Console(file=stream, highlight=False))
        return
    text = render(recording, verdict, paths, columns())
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, errors="replace").decode(encoding))
    stream.flush()


def columns() -> int:
    return max(NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns)


def render(recording: Recording, verdict: Verdict, paths: Sequence[Path] = (), width: int = WIDTH) -> str:
    """The verdict as plain text, no line wider than ``width`` unless one word or path is."""
    width = max(width, NARROWEST)
    lines = [
        "",
        *wrapped(_headline(recording, verdict), width),
        *wrapped(one_line(verdict.reason), width, "  "),
    ]
    for heading, rows in _groups(recording, verdict):
        lines += ["", heading, *_aligned(rows, width)]
    if held := _guards_that_hold(recording, verdict):
        lines += ["", held]
    if statuses := _status_lines(recording):
        lines += [
            "",
            "Statuses",
            *(line for each in statuses for line in wrapped(each, width, "  ", hanging="      ")),
        ]
    if amplified := _facts.amplification(recording):
        lines += ["", *(f"  {name}: {value}" for name, value in amplified)]
    for phase, traced in _facts.slowest_traces(recording):
        lines += ["", *wrapped(one_line(f"{phase}: {traced}"), width)]
    for alert in _alerts.lines(recording):
        lines += ["", *wrapped(one_line(alert), width)]
    for note in _notes(recording, verdict):
        lines += ["", *wrapped(f"Note: {one_line(note)}", width)]
    if paths:
        lines += ["", "Reports:", *(f"  {one_line(str(path))}" for path in paths)]
    return "\n".join(lines) + "\n"


def line(recording: Recording, verdict: Verdict) -> str:
    """The verdict on one line, with its reason."""
    return f"{_headline(recording, verdict)}: {one_line(verdict.reason)}"


def _headline(recording: Recording, verdict: Verdict) -> str:
    header = recording.header
    return f"{verdict.word}  {one_line(header.scenario)} against {one_line(_facts.target(header))}"


def _nothing_judged(recording: Recording, verdict: Verdict) -> bool:
    """Each finding would say again, in words of its own, that no request was made; the reason has said so, and why."""
    return verdict.outcome is Outcome.INCONCLUSIVE and not any(piece.count for piece in recording.slices)


def _notes(recording: Recording, verdict: Verdict) -> list[str]:
    if not _nothing_judged(recording, verdict):
        return _facts.notes(recording, verdict)
    return [NOTHING_JUDGED, *_facts.notes(recording, replace(verdict, notes=()))]


def _groups(recording: Recording, verdict: Verdict) -> list[tuple[str, list[_rows.FindingRow]]]:
    if _nothing_judged(recording, verdict):
        return []
    objecting = [row for row in _rows.guards(verdict) if row.outcome is not Outcome.PASS]
    groups = [*_rows.groups(recording, verdict, "Findings"), ("Guards of the measurement", objecting)]
    return [(heading, rows) for heading, rows in groups if rows]


def _guards_that_hold(recording: Recording, verdict: Verdict) -> str:
    """How many: what each of them has seen is in the reports, and would hide the findings here."""
    guards = [row.outcome is Outcome.PASS for row in _rows.guards(verdict)]
    held = sum(guards)
    if not held or _nothing_judged(recording, verdict):
        return ""
    return f"All {held} guards hold." if all(guards) else f"{held} other guard{'s hold' if held > 1 else ' holds'}."


def _status_lines(recording: Recording) -> list[str]:
    """One line a phase of each name that was answered with more than one status."""
    several = _phase_table.names_with_several_statuses(recording)
    lines = [one_line(f"{name}, {phase}: {statuses}") for phase, name, statuses in several[:MOST_STATUS_LINES]]
    if len(several) > MOST_STATUS_LINES:
        lines.append(f"{len(several) - MOST_STATUS_LINES} more are in the reports")
    return lines


def _aligned(rows: Sequence[_rows.FindingRow], width: int) -> list[str]:
    """Columns where they fit, one figure a line where they do not; reasons always below, indented."""
    heads = ("outcome", "finding", "figure", "limit", "95 % interval")
    titles = [one_line(each.finding.title) for each in rows]
    cells = [
        (each.outcome.value, title, each.figure, each.limit, each.interval)
        for each, title in zip(rows, titles, strict=True)
    ]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *cells, strict=True)]
    fits = sum(widths) + 2 * len(widths) <= width
    lines = [_line(heads, widths)] if fits else []
    for cell, each in zip(cells, rows, strict=True):
        if fits:
            lines.append(_line(cell, widths))
        else:
            lines += wrapped(f"{cell[0]}  {cell[1]}", width, "  ", hanging="    ")
            lines += wrapped(f"{cell[2]} (limit {cell[3]}, 95 % interval {cell[4]})", width, "      ")
        lines += wrapped(one_line(each.reason), width, "      ")
    return lines


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    left = [cell.ljust(size) for cell, size in zip(cells[:2], widths[:2], strict=True)]
    right = [cell.rjust(size) for cell, size in zip(cells[2:], widths[2:], strict=True)]
    return ("  " + "  ".join([*left, *right])).rstrip()


def wrapped(text: str, width: int, indent: str = "", hanging: str | None = None) -> list[str]:
    following = indent if hanging is None else hanging
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=following, break_long_words=False)


def _show_rich(recording: Recording, verdict: Verdict, paths: Sequence[Path], console: Console) -> None:
    style = STYLES[verdict.outcome]
    headline = Text.assemble(
        (f" {verdict.word} ", f"{style} reverse"),
        "  ",
        (_headline(recording, verdict).removeprefix(verdict.word).strip(), "bold"),
    )
    console.print()
    console.print(headline)
    console.print(Text(one_line(verdict.reason)))
    for heading, rows in _groups(recording, verdict):
        table = Table(box=SIMPLE, title=heading, title_justify="left", title_style="bold", expand=False)
        for name in ("outcome", "finding"):
            table.add_column(name, overflow="fold")
        for name in ("figure", "limit", "95 % interval"):
            table.add_column(name, justify="right", overflow="fold")
        for each in rows:
            title = Text(one_line(each.finding.title))
            title.append(f"\n{one_line(each.reason)}", style="dim")
            outcome = Text(f"{each.symbol} {each.outcome.value}", style=STYLES[each.outcome])
            table.add_row(outcome, title, Text(each.figure), Text(each.limit), Text(each.interval))
        console.print(table)
    if held := _guards_that_hold(recording, verdict):
        console.print(Text(held))
    if statuses := _status_lines(recording):
        console.print(Text("Statuses", style="bold"))
        for line in statuses:
            console.print(Text(f"  {line}"))
    for name, value in _facts.amplification(recording):
        console.print(Text(f"  {name}: {value}"))
    for phase, traced in _facts.slowest_traces(recording):
        console.print(Text(one_line(f"{phase}: {traced}")))
    for alert in _alerts.lines(recording):
        console.print(Text(one_line(alert), style="yellow"))
    for note in _notes(recording, verdict):
        console.print(Text(f"Note: {one_line(note)}"))
    if paths:
        console.print(Text("Reports:", style="bold"))
        for path in paths:
            console.print(Text(f"  {one_line(str(path))}"), soft_wrap=True)
