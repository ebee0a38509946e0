"""Runs directories with made runs, for the tests of the history, and runs of a history without any file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import reports
from harness.findings import Basis, Finding, Outcome
from harness.history.stored_run import HistoryRun
from harness.recording import Recording
from harness.verdict import judge
from tests import recordings

LATENCY = "p95 latency in the spike"


def named(number: int, scenario: str = "login-herd") -> str:
    """The directory of the run that was started at that hour."""
    return f"2026{3 + number // 600:02d}{1 + number // 24 % 25:02d}T{number % 24:02d}0000Z-{scenario}"


def recording(number: int, branch: str = "main", tags: Sequence[str] = (), **kind: float) -> Recording:
    made = recordings.login_herd(seed=number, **kind)  # type: ignore[arg-type]
    name = named(number)
    started = f"{name[:4]}-{name[4:6]}-{name[6:8]}T{name[9:11]}:00:00Z"
    header = dataclasses.replace(
        made.header, started_utc=started, branch=branch, commit=f"{number:07x}" + "0" * 33, tags=tuple(tags)
    )
    return dataclasses.replace(made, header=header)


def store(
    runs_dir: Path,
    number: int,
    *,
    is_judged: bool = True,
    branch: str = "main",
    tags: Sequence[str] = (),
    **kind: float,
) -> Path:
    """One run as ``springback run`` leaves it, but for its pages."""
    made = recording(number, branch, tags, **kind)
    directory = runs_dir / named(number, made.header.scenario)
    recordings.write(made, directory)
    if is_judged:
        reports.write(made, judge(made), directory, ["verdict_json"])
    return directory


def finding(value: float | None, *, censored_s: float | None = None, limit: float = 5.0) -> Finding:
    interval = (censored_s, float("inf")) if censored_s is not None else None if value is None else (value, value)
    return Finding(
        "latency_quantile",
        LATENCY,
        Outcome.PASS,
        "",
        value,
        "s",
        limit,
        interval,
        Basis.ESTIMATE,
        0.95,
        kind="latency_quantile",
        censored=censored_s is not None,
    )


def history(values: Sequence[float], branch: str = "main") -> list[HistoryRun]:
    """One run a figure, of one plan, the oldest first."""
    return [
        HistoryRun(
            named(number),
            "login-herd",
            f"2026-03-{number:05d}",
            branch,
            f"{number:07x}" + "0" * 33,
            (),
            Outcome.PASS,
            "",
            "",
            True,
            {"scenario": "login-herd"},
            (finding(value),),
        )
        for number, value in enumerate(values)
    ]
