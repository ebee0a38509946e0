"""The runs of a runs directory, as far as a list of them needs to know. Nothing is judged here, only read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import reports
from harness.findings import Outcome
from harness.recording.file import FILE_NAME
from harness.regular_file import is_there
from reports import suite_page
from reports.suite_part import MOST_BYTES, NOT_RUN

NAME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([^/\x00-\x1f\x7f]{1,80})")
VERDICT = "verdict.json"
"""What was judged of a run: the report of that format."""
TYPES = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "xml": "application/xml",
    "json": "application/json",
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
}
"""By the ending of a file."""
SUITE_FILES = (suite_page.INDEX, suite_page.MARKDOWN, suite_page.JUNIT, suite_page.SUMMARY)


@dataclass(frozen=True)
class FindingRow:
    title: str
    outcome: str
    reason: str
    is_guard: bool


@dataclass(frozen=True)
class Judgement:
    outcome: str
    reason: str
    target: str
    findings: tuple[FindingRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class StoredRun:
    name: str
    started: str
    """For people: ``2026-11-21 22:30:05 UTC``."""
    scenario: str
    files: tuple[str, ...]
    judgement: Judgement | None
    """None: not judged, or not yet."""

    @property
    def page(self) -> str:
        """The file to be looked at first; empty where it is missing."""
        return next((file for file in ("report.html", suite_page.INDEX) if file in self.files), "")


def located(run: Path, runs_dir: Path) -> Path:
    """A run as people name it: its path, or where there is none its name in the runs directory."""
    inside = runs_dir / run
    return inside if not is_there(run) and is_there(inside) else run


def names(runs_dir: Path) -> list[str]:
    """Names of all runs and suites, the newest first."""
    try:
        return sorted((path.name for path in runs_dir.iterdir() if NAME.fullmatch(path.name)), reverse=True)
    except OSError:
        return []


def run(runs_dir: Path, name: str) -> StoredRun | None:
    """The run or suite of this name, None when there is none. One that is a link is none: it lies elsewhere."""
    found = NAME.fullmatch(name)
    directory = runs_dir / name
    if found is None or directory.is_symlink() or not directory.is_dir():
        return None
    year, month, day, hour, minute, second, scenario = found.groups()
    suite = file_of(runs_dir, (name,), suite_page.SUMMARY)
    verdict = suite or file_of(runs_dir, (name,), VERDICT)
    shown = SUITE_FILES if suite else shown_files()
    files = tuple(file for file in shown if file_of(runs_dir, (name,), file) is not None)
    started = f"{year}-{month}-{day} {hour}:{minute}:{second} UTC"
    return StoredRun(name, started, scenario, files, None if verdict is None else judgement(verdict))


def file_of(runs_dir: Path, directories: tuple[str, ...], file: str) -> Path | None:
    """Path of a file of a run, of a suite, or of a run of a suite: ``directories`` are their names, from outside to
    inside. None when it is none that is shown, is not there, or lies elsewhere by a link.
    """
    if not all(NAME.fullmatch(name) for name in directories) or file not in {*shown_files(), *SUITE_FILES}:
        return None
    path = runs_dir.joinpath(*directories, file)
    return path if path.is_file() and path.resolve() == runs_dir.resolve().joinpath(*directories, file) else None


@cache
def shown_files() -> tuple[str, ...]:
    """Of a run, whichever report formats there are; the page for people first. Nothing else of its directory is."""
    return (*sorted(reports.file_names(), key=lambda file: not file.endswith(".html")), FILE_NAME)


def type_of(file: str) -> str:
    """The media type of a file that is shown."""
    return TYPES.get(file.rpartition(".")[2], "text/plain; charset=utf-8")


def judgement(verdict: Path) -> Judgement | None:
    """What ``verdict.json`` of a run, or ``suite.json``, says; None when it is not there or cannot be read, whatever is
    in it.
    """
    try:
        status = verdict.stat()
        return None if status.st_size > MOST_BYTES else _judgement(verdict, status.st_mtime_ns)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


@lru_cache(maxsize=500)
def _judgement(verdict: Path, _changed_ns: int) -> Judgement:
    said: dict[str, Any] = json.loads(verdict.read_text(encoding="utf-8"))
    if "scenarios" in said:
        parts = [(str(part["scenario"]), Outcome(part["outcome"]), str(part["reason"])) for part in said["scenarios"]]
        words = [NOT_RUN if part.get("was_run") is False else str(part["outcome"]) for part in said["scenarios"]]
        told = "; ".join(f"{scenario} {word}" for (scenario, _, _), word in zip(parts, words, strict=True))
        rows = tuple(FindingRow(scenario, outcome.value, reason, False) for scenario, outcome, reason in parts)
        return Judgement(Outcome(said["outcome"]).value, told, "", rows, ())
    findings = tuple(
        FindingRow(str(row["title"]), Outcome(row["outcome"]).value, str(row["reason"]), bool(row["is_guard"]))
        for row in said["findings"]
    )
    notes = tuple(str(note) for note in said.get("notes", ()))
    return Judgement(Outcome(said["outcome"]).value, str(said["reason"]), str(said["target"]), findings, notes)
