"""A run as the history keeps it, and how it is read from its directory."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import runs
from harness.comparison.plan import plan_of
from harness.errors import ConfigurationError, nearest
from harness.findings import Finding, Outcome
from harness.recording.file import FILE_NAME, RecordingError, open_lines, parse
from harness.recording.header import Header
from harness.runs import VERDICT
from reports import suite_part, verdict_json

NOT_JUDGED = "NOT JUDGED"
VERDICTS = (*(outcome.value for outcome in Outcome), NOT_JUDGED)


@dataclass(frozen=True)
class HistoryRun:
    path: str
    """Of its directory, in the runs directory; a run of a suite lies in the suite's."""
    scenario: str
    started_utc: str
    branch: str
    commit: str
    tags: tuple[str, ...]
    outcome: Outcome | None
    """None: not judged, or not yet."""
    reason: str
    target: str
    completed: bool
    plan: Mapping[str, str]
    """See :func:`harness.comparison.plan.plan_of`."""
    findings: tuple[Finding, ...] = ()
    """Without their evidence."""

    @staticmethod
    def of(path: str, header: Header) -> HistoryRun:
        """As its recording begins: not judged."""
        about = (header.scenario, header.started_utc, header.branch, header.commit, header.tags)
        return HistoryRun(path, *about, None, "", header.target, False, plan_of(header))

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def word(self) -> str:
        return self.outcome.value if self.outcome is not None else NOT_JUDGED

    @property
    def version(self) -> str:
        """``main 1a2b3c4d5e6f``, as far as it is known."""
        return " ".join(word for word in (self.branch, self.commit[:12]) if word)


@dataclass(frozen=True)
class Filter:
    """Which runs are meant; what is empty does not tell."""

    scenario: str = ""
    branch: str = ""
    commit: str = ""
    """The beginning of one."""
    tag: str = ""
    verdict: str = ""

    def problems(self) -> list[str]:
        word = self.verdict.upper().replace("-", " ")
        if not word or word in VERDICTS:
            return []
        meant = nearest(word, VERDICTS)
        guess = f"; did you mean {meant}?" if meant else ""
        return [f"--verdict {self.verdict}: give one of {', '.join(VERDICTS)}{guess}"]

    def takes(self, run: HistoryRun) -> bool:
        return (
            self.scenario in ("", run.scenario)
            and self.branch in ("", run.branch)
            and run.commit.startswith(self.commit)
            and (not self.tag or self.tag in run.tags)
            and self.verdict.upper().replace("-", " ") in ("", run.word)
        )

    def checked(self) -> Filter:
        if problems := self.problems():
            raise ConfigurationError(problems)
        return self


def read_run(runs_dir: Path, path: str) -> HistoryRun | None:
    """From the header of its recording and its verdict; None where there is no recording of ours."""
    directory = runs_dir / path
    header = header_of(directory)
    if header is None:
        return None
    run = HistoryRun.of(path, header)
    try:
        verdict = directory / VERDICT
        if verdict.is_symlink() or verdict.stat().st_size > suite_part.MOST_BYTES:
            return run
        said: dict[str, Any] = json.loads(verdict.read_text(encoding="utf-8"))
        return replace(
            run,
            outcome=Outcome(said["outcome"]),
            reason=str(said["reason"]),
            completed=bool(said.get("completed", False)),
            findings=tuple(_kept(verdict_json.finding_of(body)) for body in said["findings"]),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return run


def header_of(directory: Path) -> Header | None:
    """Of the recording in this directory; None where there is none, or not one of ours."""
    file = directory / FILE_NAME
    try:
        if file.is_symlink():
            return None
        first = next(iter(open_lines(file)), b"")
        return parse([first], str(file)).header if first else None
    except RecordingError:
        return None


def paths(runs_dir: Path) -> list[str]:
    """Of all directories that may be runs, the oldest first: those in it, and those in its suites and repetitions."""
    found: list[str] = []
    for name in reversed(runs.names(runs_dir)):
        directory = runs_dir / name
        if directory.is_symlink() or not directory.is_dir():
            continue
        if (directory / FILE_NAME).exists():
            found.append(name)
        else:
            inside = (each for each in reversed(runs.names(directory)) if not (directory / each).is_symlink())
            found += [f"{name}/{each}" for each in inside if (directory / each / FILE_NAME).exists()]
    return found


def root_of(directory: Path) -> tuple[Path, str] | None:
    """The runs directory of a run, and its path in it; None where it lies elsewhere, under a name of its own."""
    whole = directory.resolve()
    if not runs.NAME.fullmatch(whole.name):
        return None
    if runs.NAME.fullmatch(whole.parent.name) and not (whole.parent / FILE_NAME).exists():
        return whole.parent.parent, f"{whole.parent.name}/{whole.name}"
    return whole.parent, whole.name


def _kept(finding: Finding) -> Finding:
    """As it is stored: without evidence, and nothing that is no number."""
    figure = finding.figure if finding.figure is not None and not math.isnan(finding.figure) else None
    return replace(finding, evidence={}, figure=figure, voids=())
