"""Judging a recording from the command line: the verdict on the terminal, and the reports beside the recording."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import reports
from harness.comparison.words import share_of
from harness.errors import ConfigurationError
from harness.findings import Verdict
from harness.history.of_run import against_history, noted
from harness.recording import Recording
from harness.recording.file import read
from harness.verdict import judge, without_reports
from reports import github, markdown, terminal, verdict_json

TABLE, LINE, JSON = SHOWN = ("table", "line", "json")
"""How a verdict is printed."""


def check(run: Path, shown: str = TABLE, against: str = "", worse_than: str = "10%", branch: str = "") -> int:
    """Prints the verdict of ``run``, with ``against`` the verdict of it and of how it stands against the runs before
    it, and returns its exit code. Raises ConfigurationError when there is no recording.
    """
    ratio = share_of(worse_than)
    recording, verdict = _judged(run)
    if against:
        verdict = against_history(recording, verdict, run if run.is_dir() else run.parent, ratio, branch)
    _print(recording, verdict, (), shown)
    return verdict.exit_code


def report(run: Path, formats: Collection[str] = (), shown: str = TABLE) -> int:
    """As :func:`check`, and writes these report formats, or all, into the directory of the recording.

    A PASS whose reports could not be written is none: whoever looks for them afterwards must not find a green build
    and no evidence.
    """
    if problem := reports.problem(formats):
        raise ConfigurationError(f"--report-formats: {problem}")
    recording, verdict = _judged(run)
    directory = run if run.is_dir() else run.parent
    verdict = noted(recording, verdict, directory)
    written, problems = reports.write(recording, verdict, directory, formats)
    if problems:
        about_files = any(f", {reports.MEND} " not in problem for problem in problems)
        remedy = f"make room, or make {directory} writable, then: " if about_files else "then: "
        verdict = without_reports(verdict, problems, f"{remedy}springback report {run}")
        first = written
        written, _ = reports.write(recording, verdict, directory, formats)  # so that all of them say the same
        for path in set(first) - set(written):
            path.unlink(missing_ok=True)
    _print(recording, verdict, written, shown)
    stream = sys.stderr if shown == JSON else sys.stdout  # GitHub reads both
    annotations = github.of_verdict(recording.header.scenario, verdict)
    github.show(annotations, lambda: markdown.render(recording, verdict), stream)
    return verdict.exit_code


def _print(recording: Recording, verdict: Verdict, written: Sequence[Path], shown: str) -> None:
    if shown == JSON:
        for event in verdict_json.events(recording, verdict, written):
            print(event)
    elif shown == LINE:
        print(terminal.line(recording, verdict))
    else:
        with github.quoted(sys.stdout):
            terminal.show(recording, verdict, written, sys.stdout)


def _judged(run: Path) -> tuple[Recording, Verdict]:
    recording = read(run)
    return recording, judge(recording)
