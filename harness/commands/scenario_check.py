"""What a scenario file is, as Locust reads it, each in a process of its own: before any of several is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.commands.adjustable import Adjustable
from harness.errors import ConfigurationError

CHECKED_AT_ONCE = 2
LONGEST_S = 60.0
"""To be loaded, and to ask what it needs whether it is there: else one that is no scenario would hold up all."""
NO_SCENARIO = "A file that starts a server, or waits, when it is imported is no scenario"


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
    command = [sys.executable, "-P", "-m", "harness.cli", "host", str(file), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        late = f"was not read within {LONGEST_S:g} s. {NO_SCENARIO}: leave it out"
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
