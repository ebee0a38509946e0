"""Runs that are made one after another, each in a process of its own, with one page over all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from harness import runs
from harness.commands.scenario_check import Scenario
from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE, Outcome
from harness.safe_text import say
from reports import github
from reports.suite_part import Part, of_verdict

AROUND_S = 12
"""What a run takes besides its phases: starting, parking, draining, judging. For the time left that is shown."""
PATIENCE_S = 180
"""A run that is this much later than planned is ended."""
LAST_WORDS_S = 60
"""For a run that was told to end to write its reports."""
EVERY_REPORT = ("--report-formats", "")
"""Whatever is wanted of single runs: the suite's page leads to all reports, and its JUnit file is made of theirs."""


def make_directory(runs_dir: Path, what: str) -> Path:
    """For the runs that are made together. Raises ConfigurationError."""
    directory = runs_dir / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{what}"
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(f"{directory}: cannot be made ({error.strerror}); choose --runs-dir") from None
    return directory


class Signals:
    """Ctrl-C and SIGTERM end the run that goes, which still writes its reports, and no other begins."""

    def __init__(self) -> None:
        self.stopped = False
        self.process: subprocess.Popen[str] | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.stopped = True
        if self.process is not None:
            self.process.send_signal(number)


def run_apart(scenario: Scenario, arguments: Sequence[str], directory: Path, signals: Signals, label: str = "") -> Part:
    """One scenario in a process of its own. Its progress goes on to the terminal, its report into a file.

    ``label`` is what it is called, where that is not the name of the scenario.
    """
    options = [*arguments, *EVERY_REPORT, "--runs-dir", str(directory)]
    return _run(scenario, options, directory, signals, label or scenario.name)


def say_verdict(part: Part) -> None:
    """What became of a run, on the terminal."""
    say(f"{part.word}: {part.scenario}, {part.lasted_s:.0f} s: {part.reason}")


def _run(scenario: Scenario, arguments: Sequence[str], directory: Path, signals: Signals, label: str) -> Part:
    began_s = time.monotonic()
    command = [sys.executable, "-P", "-m", "harness.cli", "run", str(scenario.file), *arguments]
    before = set(runs.names(directory))
    with (directory / f"{label}.txt").open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=github.without_variables(os.environ),
        )
        signals.process = process
        if signals.stopped:  # while it was being started
            process.send_signal(signal.SIGINT)
        words = _Words(process, label)
        late = ""
        try:
            process.wait(scenario.duration_s + PATIENCE_S)
        except subprocess.TimeoutExpired:
            late = f"ended by the suite: {PATIENCE_S} s later than planned"
            process.terminate()
            try:
                process.wait(LAST_WORDS_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        signals.process = None
    lasted_s = time.monotonic() - began_s
    for name in sorted(set(runs.names(directory)) - before):
        verdict = runs.file_of(directory, (name,), runs.VERDICT)
        part = of_verdict(verdict, label, lasted_s, scenario.suite) if verdict is not None else None
        if part is not None:
            return _as_it_ended(part, process.returncode, late or words.last)
    if process.returncode == EXIT_USAGE:
        return Part.not_run(label, words.last, scenario.suite)
    reason = f"it left no verdict: {late or words.last or f'ended with {process.returncode}'}"
    return Part(label, Outcome.INCONCLUSIVE, reason, lasted_s, suite=scenario.suite)


def _as_it_ended(part: Part, code: int, said: str) -> Part:
    """What was written before a process was killed, or could not end as it should, is no PASS: its exit code is that of
    its verdict.
    """
    if part.outcome is not Outcome.PASS or code == part.outcome.exit_code:
        return part
    reason = f"it ended with {code} after its verdict{f' ({said})' if said else ''}: {part.reason}"
    return replace(part, outcome=Outcome.INCONCLUSIVE, reason=reason)


class _Words:
    """Hands a run's progress on to our own standard error, and remembers its last line."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._last = ""
        self._thread = threading.Thread(target=self._hand_on, args=(process, name), daemon=True)
        self._thread.start()

    @property
    def last(self) -> str:
        self._thread.join(5)
        return self._last

    def _hand_on(self, process: subprocess.Popen[str], name: str) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._last = line.strip().removeprefix("springback: ") or self._last
            say(f"{name}: {self._last}")


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
