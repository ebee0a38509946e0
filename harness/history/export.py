"""The history for other programs: one row a figure as CSV, one object a run as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from harness.history.stored_run import HistoryRun
from reports import verdict_json

FORMAT = 1
HEADS = (
    "run",
    "started_utc",
    "scenario",
    "branch",
    "commit",
    "tags",
    "verdict",
    "criterion",
    "title",
    "outcome",
    "figure",
    "unit",
    "limit",
    "low",
    "high",
    "censored",
    "voided_by",
)


def as_csv(runs: Sequence[HistoryRun]) -> str:
    """A run without findings has one row, with these columns empty. An open end of an interval is ``inf``. Text that a
    spreadsheet would take for a formula begins with an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADS)
    for run in runs:
        of_run = [run.path, run.started_utc, run.scenario, run.branch, run.commit, " ".join(run.tags), run.word]
        rows: list[list[Any]] = [
            [
                each.criterion,
                each.title,
                each.outcome.value,
                _cell(each.figure),
                each.unit,
                _cell(each.limit),
                *map(_cell, each.interval or (None, None)),
                "yes" if each.censored else "",
                each.voided_by or "",
            ]
            for each in run.findings
        ]
        for row in rows or [[""] * 10]:
            writer.writerow([_plain(each) if isinstance(each, str) else each for each in (*of_run, *row)])
    return file.getvalue()


def as_json(runs: Sequence[HistoryRun]) -> str:
    body = {
        "format": FORMAT,
        "runs": [
            {
                "run": run.path,
                "started_utc": run.started_utc,
                "scenario": run.scenario,
                "branch": run.branch,
                "commit": run.commit,
                "tags": list(run.tags),
                "outcome": None if run.outcome is None else run.outcome.value,
                "reason": run.reason,
                "target": run.target,
                "completed": run.completed,
                "plan": dict(run.plan),
                "findings": [verdict_json.finding(each) for each in run.findings],
            }
            for run in runs
        ],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def _cell(value: float | None) -> float | str:
    return "" if value is None or math.isnan(value) else value


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
