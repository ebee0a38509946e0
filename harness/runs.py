"""The runs of a runs directory, as far as a list of them needs to know. Nothing is judged here, only read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import reports
from harness.recording_file import FILE_NAME

NAME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([A-Za-z0-9][A-Za-z0-9._-]*)")
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


def names(runs_dir: Path) -> list[str]:
    """Names of all runs, the newest first."""
    try:
        return sorted((path.name for path in runs_dir.iterdir() if NAME.fullmatch(path.name)), reverse=True)
    except OSError:
        return []


def run(runs_dir: Path, name: str) -> StoredRun | None:
    """The run of this name, None when there is none."""
    found = NAME.fullmatch(name)
    directory = runs_dir / name
    if found is None or not directory.is_dir():
        return None
    year, month, day, hour, minute, second, scenario = found.groups()
    files = tuple(file for file in shown_files() if file_of(runs_dir, name, file) is not None)
    started = f"{year}-{month}-{day} {hour}:{minute}:{second} UTC"
    return StoredRun(name, started, scenario, files, judgement(directory / "verdict.json"))


def file_of(runs_dir: Path, name: str, file: str) -> Path | None:
    """Path of a run's file; None when it is none that is shown, is not there, or lies elsewhere by a link."""
    if file not in shown_files() or not NAME.fullmatch(name):
        return None
    path = runs_dir / name / file
    return path if path.is_file() and path.resolve() == runs_dir.resolve() / name / file else None


@cache
def shown_files() -> tuple[str, ...]:
    """Of a run, whichever report formats there are; the page for people first. Nothing else of its directory is."""
    return (*sorted(reports.file_names(), key=lambda file: not file.endswith(".html")), FILE_NAME)


def type_of(file: str) -> str:
    """The media type of a file that is shown."""
    return TYPES.get(file.rpartition(".")[2], "text/plain; charset=utf-8")


def judgement(verdict: Path) -> Judgement | None:
    """What ``verdict.json`` says; None when it is not there or cannot be read."""
    try:
        return _judgement(verdict, verdict.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@lru_cache(maxsize=500)
def _judgement(verdict: Path, _changed_ns: int) -> Judgement:
    said: dict[str, Any] = json.loads(verdict.read_text(encoding="utf-8"))
    findings = tuple(
        FindingRow(str(row["title"]), str(row["outcome"]), str(row["reason"]), bool(row["is_guard"]))
        for row in said["findings"]
    )
    notes = tuple(str(note) for note in said.get("notes", ()))
    return Judgement(str(said["outcome"]), str(said["reason"]), str(said["target"]), findings, notes)
