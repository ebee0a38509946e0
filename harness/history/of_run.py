"""A run among the others of its runs directory: which changes its report tells of, and how it compares with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.errors import ConfigurationError
from harness.findings import Verdict
from harness.history import regression
from harness.history.database import History
from harness.history.stored_run import HistoryRun, root_of
from harness.recording import Recording


def noted(recording: Recording, verdict: Verdict, directory: Path) -> Verdict:
    """The verdict with a note on each change of a figure that began with this run or not long before. Whatever is wrong
    with the history, the verdict is as it was.
    """
    if root_of(directory) is None:
        return verdict
    try:
        runs, run = _among(recording, verdict, directory)
        told = regression.notes(regression.of_plan(runs, run.plan), run)
    except (OSError, sqlite3.Error):
        return verdict
    return replace(verdict, notes=(*verdict.notes, *told)) if told else verdict


def against_history(recording: Recording, verdict: Verdict, directory: Path, ratio: float, branch: str = "") -> Verdict:
    """The verdict of the run and of how it stands against the runs before it, or those of one branch before it. What
    came after it does not count. Raises ConfigurationError for a run that is in no runs directory.
    """
    if root_of(directory) is None:
        raise ConfigurationError(
            f"{directory}: is in no runs directory, so it has no history; name a run where it was made"
        )
    runs, run = _among(recording, verdict, directory)
    before = [each for each in runs[: runs.index(run)] if not branch or each.branch == branch]
    return regression.with_history(verdict, regression.judged(regression.of_plan([*before, run], run.plan), ratio))


def _among(recording: Recording, verdict: Verdict, directory: Path) -> tuple[Sequence[HistoryRun], HistoryRun]:
    """All runs of its runs directory, the oldest first, with it as it was judged now, and itself."""
    found = root_of(directory)
    assert found is not None
    root, path = found
    with History(root) as history:
        stored = history.runs()
    run = replace(
        HistoryRun.of(path, recording.header),
        outcome=verdict.outcome,
        reason=verdict.reason,
        completed=bool(recording.end and recording.end.completed),
        findings=verdict.findings,
    )
    others = [each for each in stored if each.path != path]
    return sorted([*others, run], key=lambda each: (each.started_utc, each.path)), run
