"""A finished run is judged, and its reports are written, in a process of its own, so that neither costs the run's
process anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from harness.findings import EXIT_STOPPED_EARLY, Outcome
from harness.safe_text import say


def write_reports(directory: Path, formats: Iterable[str], console: str) -> int:
    """The exit code of the verdict, which is printed as suits what was wanted of the ``console``."""
    code = run_report(directory, ",".join(formats), console)
    if code in {EXIT_STOPPED_EARLY, *(outcome.exit_code for outcome in Outcome)}:
        return code
    say(
        f"INCONCLUSIVE: the run could not be judged (its judging ended with {code}); try again with: "
        f"springback report {directory}"
    )
    return Outcome.INCONCLUSIVE.exit_code


def run_report(directory: Path, formats: str, console: str) -> int:
    """``springback report``, to its end; its exit code, or -signal."""
    command = [sys.executable, "-P", "-m", "harness.cli", *report_words(directory, formats, console)[1:]]
    return subprocess.run(command, check=False, start_new_session=True).returncode


def report_words(directory: Path, formats: str, console: str) -> list[str]:
    """The command line that prints and writes what is known of a run."""
    shown = [f"--{console}"] if console in ("quiet", "json") else []
    return ["springback", "report", str(directory), "--report-formats", formats, *shown]
