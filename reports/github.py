"""GitHub's way of showing a verdict: annotations on the run, and the job's summary.

It writes no file of a run, so it has no ``FILE_NAME``. Nothing happens where GitHub's own variables are not set.
See https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from harness.findings import Outcome, Verdict
from harness.safe_text import one_line, say
from reports import _quantity, _rows, markdown
from reports.suite_part import Part

VARIABLES = ACTIONS, SUMMARY = "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"
MOST = 10
"""Annotations of one level: GitHub shows no more of a step."""
LONGEST_TEXT = 1_000
_LEVELS = {Outcome.FAIL: "error", Outcome.INCONCLUSIVE: "warning"}


@dataclass(frozen=True)
class Annotation:
    outcome: Outcome
    title: str
    text: str

    def __str__(self) -> str:
        title = _escaped(self.title).replace(":", "%3A").replace(",", "%2C")
        return f"::{_LEVELS[self.outcome]} title={title}::{_escaped(self.text)}"


def of_verdict(scenario: str, verdict: Verdict) -> Iterator[Annotation]:
    """The verdict, and each finding that keeps it from passing."""
    if verdict.outcome is Outcome.PASS:
        return
    yield Annotation(verdict.outcome, f"{verdict.word}: {scenario}", verdict.reason)
    for row in (*_rows.judged(verdict), *_rows.guards(verdict)):
        if row.outcome is not Outcome.PASS:
            is_known = _quantity.NOTHING not in (row.figure, row.limit)
            figures = f"{row.figure} (limit {row.limit}): " if is_known else ""
            title = f"{row.outcome.value}: {scenario}: {row.finding.title}"
            yield Annotation(row.outcome, title, f"{figures}{row.reason}")


def of_parts(parts: Iterable[Part]) -> Iterator[Annotation]:
    """Each scenario that did not pass."""
    for part in parts:
        if part.outcome is not Outcome.PASS:
            yield Annotation(part.outcome, f"{part.word}: {part.scenario}", part.reason)


def show(
    annotations: Iterable[Annotation],
    summary: Callable[[], str],
    stream: TextIO,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Prints the annotations to ``stream``, and appends ``summary()``, which is Markdown, to the job's. What cannot be
    written is said, and changes no verdict: the reports are beside the recording.
    """
    if environment.get(ACTIONS):
        left = dict.fromkeys(_LEVELS, MOST)
        for annotation in annotations:
            if left[annotation.outcome]:
                left[annotation.outcome] -= 1
                print(annotation, file=stream, flush=True)
    if path := environment.get(SUMMARY):
        try:
            text = markdown.bounded(summary().splitlines())
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")
        except Exception as error:  # a report that cannot be drawn has been told of where it is written
            why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            say(f"the verdict is not in the job's summary: {SUMMARY} {path}: {why}")


@contextmanager
def quoted(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """What is printed inside is no command, whatever it says: a table holds names as the target and users gave them,
    and one that is wrapped may begin a line.
    """
    token = secrets.token_hex(16) if environment.get(ACTIONS) else ""
    if token:
        print(f"::stop-commands::{token}", file=stream, flush=True)
    try:
        yield
    finally:
        if token:
            print(f"::{token}::", file=stream, flush=True)


def without_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a run that is one of several: what is made of all of them tells GitHub."""
    return {name: value for name, value in environment.items() if name not in VARIABLES}


def _escaped(text: str) -> str:
    """Data of a command, on one line."""
    return one_line(text)[:LONGEST_TEXT].replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
