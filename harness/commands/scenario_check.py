"""What a scenario file is, as Locust reads it, each in a process of its own: before any of several is run."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.commands.adjustable import Adjustable
from harness.errors import ConfigurationError

CHECKED_AT_ONCE = 2
LONGEST_S = 60.0
"""To be loaded, and to ask what it needs whether it is there: else one that is no scenario would hold up all."""


@dataclass(frozen=True)
class Scenario:
    file: Path
    name: str
    suite: str
    """The group that it belongs to."""
    duration_s: float
    """Of its phases."""
    adjustable: Adjustable


@dataclass(frozen=True)
class Refused:
    """A file that cannot be run."""

    file: Path
    name: str
    """Of its scenario; that of the file where it did not come to name one."""
    suite: str | None
    """None where it did not come to say so: it may belong to any group."""
    problems: tuple[str, ...]
    is_away: bool
    """Whether nothing is wrong with it but that something it needs is away."""

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(f"{self.file.name}: {problem}" for problem in self.problems)


def check(files: Sequence[Path], arguments: Sequence[str]) -> list[Scenario | Refused]:
    """What each of them is, with these arguments of ``springback run``."""
    with ThreadPoolExecutor(CHECKED_AT_ONCE) as pool:
        return list(pool.map(lambda file: _check(file, arguments), files))


def checked(files: Sequence[Path], arguments: Sequence[str]) -> list[Scenario]:
    """The same where all can be run. Raises ConfigurationError with everything that is wrong."""
    found = check(files, arguments)
    problems = [line for each in found if isinstance(each, Refused) for line in each.lines]
    if problems:
        raise ConfigurationError(problems)
    return [each for each in found if isinstance(each, Scenario)]


def _check(file: Path, arguments: Sequence[str]) -> Scenario | Refused:
    done = _run([sys.executable, "-P", "-m", "harness.cli", "host", str(file), *arguments])
    if done is None:
        late = (
            f"was not read within {LONGEST_S:g} s: either it starts a server, or waits, when it is imported (then it "
            "is no scenario; leave it out), or a server that it asks, or this machine, is slow (then try it by "
            f"itself: springback plan {file})"
        )
        return Refused(file, file.stem, None, (late,), is_away=False)
    said = last_object(done.stdout)
    if not done.returncode and "duration_s" in said:
        adjustable = Adjustable.read(said["adjustable"])
        return Scenario(file, said["scenario"], said["suite"], said["duration_s"], adjustable)
    words = tuple(line.removeprefix("springback: ") for line in done.stderr.strip().splitlines())
    return Refused(
        file,
        said.get("scenario") or file.stem,
        said.get("suite"),
        words or (f"reading it ended with {done.returncode}, and no word why",),
        bool(said.get("unavailable")),
    )


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    """None where it takes too long: it is ended then, with all that it has started. What it says goes into files, which
    have an end whoever else holds them open.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        process = subprocess.Popen(command, start_new_session=False, env=os.environ, stdout=out, stderr=err, text=True)
        try:
            code = process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            _kill_family(process)
            return None
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def _kill_family(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(psutil.Error):
        for each in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                each.kill()
    process.kill()
    process.wait()


def last_object(text: str) -> dict[str, Any]:
    """The last line that is one in JSON, for a locustfile may print while it is loaded, and at its end; nothing where
    there is none.
    """
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}
