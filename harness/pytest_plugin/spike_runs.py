"""Makes the runs of tests: ``springback run`` in a process of its own, one at a time on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import runs
from harness.errors import nearest
from harness.findings import EXIT_USAGE
from harness.history.database import alone
from harness.parameters import flag
from harness.pytest_plugin.spike_verdict import SpikeVerdict, read
from reports import repeat_page

INSTALLED = Path(__file__).parent
"""On which runs of several processes wait for each other, wherever they put theirs: two would take the machine from one
another. Not the runs directory, on which the run itself waits where its history is damaged.
"""
HISTORY = "history"
WORSE_THAN = 0.1
LAST_WORDS_S = 60.0
"""For a run that was told to end to write its reports."""
SUMMARIES = (runs.VERDICT, repeat_page.SUMMARY)
_ATTACHED = re.compile(r"attach\(\s*[\"']([^\"']+)[\"']")


class SpikeRunError(Exception):
    """There was no run, or it left no verdict."""


class SpikeRuns:
    """What the fixture ``springback`` is. Relative paths of scenarios are looked for in ``root`` and in the present
    directory, names of scenarios in ``folders``; ``compare`` is empty, ``history``, or a run.
    """

    def __init__(self, root: Path, runs_dir: Path, folders: Sequence[Path], compare: str) -> None:
        self.runs_dir = runs_dir
        self._root = root
        self._folders = folders
        self._compare = compare
        self._made: list[SpikeVerdict] = []

    def run(
        self, scenario: str | os.PathLike[str], host: str | None = None, *, must_pass: bool = True, **options: Any
    ) -> SpikeVerdict:
        """Runs a scenario, by its file or its name, and returns its verdict.

        ``options`` are those of ``springback run``: ``herd_users=500`` is ``--herd-users 500``, a list is given with
        commas, None is left out. Without a ``host`` the reference target is started. Unless ``must_pass=False``, the
        test fails in the end when the verdict is not PASS. Raises SpikeRunError when there is no verdict.
        """
        file = self._file(scenario)
        arguments = [word for name, value in options.items() if value is not None for word in _argument(name, value)]
        if host is not None:
            arguments += ["--host", host]
        self.runs_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "harness.cli", "run", str(file), *arguments]
        with alone(INSTALLED):
            before = set(runs.names(self.runs_dir))
            code, output = _output_of([*command, "--runs-dir", str(self.runs_dir)])
            print(output)  # pytest shows it with a test that fails
            verdict = self._verdict(output, code, must_pass, before)
            if self._compare:
                verdict = self._compared(verdict)
        self._made.append(verdict)
        return verdict

    def taken(self) -> list[SpikeVerdict]:
        """What was made since it was asked the last time."""
        made, self._made = self._made, []
        return made

    def _file(self, scenario: str | os.PathLike[str]) -> Path:
        name = os.fspath(scenario)
        for place in (self._root, Path.cwd()):
            if (place / name).is_file():
                return place / name
        files = {file.stem: file for folder in self._folders for file in sorted(folder.glob("[!_]*.py"))}
        known = {_name_in(file) or stem.replace("_", "-"): file for stem, file in files.items()}
        found = known.get(name) or files.get(name.replace("-", "_"))
        if found is not None:
            return found
        where = ", ".join(map(str, self._folders))
        meant = nearest(name, known)
        raise SpikeRunError(
            f"no scenario {name}: neither a file nor the name of one in {where} (springback_scenarios)"
            + (f"; did you mean {meant}?" if meant else "")
        )

    def _verdict(self, output: str, code: int, must_pass: bool, before: Collection[str]) -> SpikeVerdict:
        """That of the run that was made just now, whatever else its output names, and the service prints into it."""
        paths = [Path(line.strip()) for line in output.splitlines() if line.strip().endswith(SUMMARIES)]
        ours = self.runs_dir.resolve()
        made = [path for path in paths if path.parent.name not in before and path.parent.parent.resolve() == ours]
        if made:
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                verdict = read(made[-1], must_pass)
                if verdict.passed and code != verdict.verdict.exit_code:
                    raise SpikeRunError(f"the run ended with {code} after its verdict PASS, so that proves nothing")
                return verdict
        why = "it was refused, see what it printed" if code == EXIT_USAGE else f"it ended with {code}"
        raise SpikeRunError(f"the run left no verdict: {why}")

    def _compared(self, verdict: SpikeVerdict) -> SpikeVerdict:
        """Over it, how the run stands against those before it, or against one."""
        from harness.comparison.runs import compared, plan_differences
        from harness.history.of_run import against_history
        from harness.history.regression import with_history
        from harness.recording.file import RecordingError
        from harness.recording.file import read as read_recording
        from harness.verdict import judge

        try:
            recording = read_recording(verdict.directory)
            if self._compare == HISTORY:
                whole = against_history(recording, verdict.verdict, verdict.directory, WORSE_THAN)
            else:
                before = read_recording(self._root / self._compare)
                different = plan_differences([before, recording])
                if different:
                    raise SpikeRunError(
                        f"--springback-compare {self._compare}: not the same plan: {'; '.join(different)}"
                    )
                found = compared([(before, judge(before))], [(recording, verdict.verdict)], WORSE_THAN).findings
                whole = with_history(verdict.verdict, [replace(f, criterion=f"compared_{f.criterion}") for f in found])
        except RecordingError as error:
            raise SpikeRunError(f"--springback-compare: {error}") from None
        return SpikeVerdict(whole, verdict.directory, verdict.must_pass)


def _name_in(file: Path) -> str:
    """What the scenario in this file is called, without loading it."""
    try:
        found = _ATTACHED.search(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return found[1] if found else ""


def _argument(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return [flag(name), str(value)]


def _output_of(command: Sequence[str]) -> tuple[int, str]:
    """Exit code and output. Whatever ends the wait, a time limit or Ctrl-C, ends the run, which still writes its
    reports.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
    try:
        output, _ = process.communicate()
    except BaseException:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    return process.returncode, output
