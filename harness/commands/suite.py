"""``springback suite``: several scenarios one after another, each judged for itself, and one page over all of them.

A scenario that cannot be run (its service is away, its target does not start) is INCONCLUSIVE with the reason, and the
others run all the same. The exit code is that of the worst verdict.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from harness.commands.runs_apart import AROUND_S, Signals, checked, make_directory, minutes, run_apart
from harness.errors import ConfigurationError
from harness.findings import Outcome
from harness.regular_file import regular
from harness.safe_text import say
from reports import suite_page
from reports.suite_page import Part

FOLDER = Path("locustfiles")


def suite(files: Sequence[Path], arguments: Sequence[str], runs_dir: Path) -> int:
    """Runs the scenarios in ``files``, or all in ``locustfiles/``, with the same ``arguments`` for each.

    Returns the exit code. Raises ConfigurationError when any of them would be refused: then none is run.
    """
    scenarios = checked(_found(files), arguments)
    directory = make_directory(runs_dir, "suite")
    signals = Signals()
    parts: list[Part] = []
    began_s = time.monotonic()
    for number, scenario in enumerate(scenarios):
        if signals.stopped:
            parts.append(Part(scenario.name, Outcome.INCONCLUSIVE, "not run: the suite was stopped before", 0.0))
            continue
        left_s = sum(each.duration_s + AROUND_S for each in scenarios[number:])
        say(f"{number + 1} of {len(scenarios)}: {scenario.name}, about {minutes(left_s)} left in all")
        parts.append(run_apart(scenario, arguments, directory, signals))
        suite_page.write(parts, directory)  # what is known so far survives whatever happens to the rest
    worst = max(parts, key=lambda part: part.outcome.rank).outcome
    print(suite_page.table(parts, time.monotonic() - began_s))
    print("\n".join(f"  {path}" for path in suite_page.write(parts, directory)))
    return worst.exit_code


def _found(files: Sequence[Path]) -> list[Path]:
    """The scenario files; those of a folder in alphabetical order."""
    found: list[Path] = []
    problems: list[str] = []
    for path in files or (FOLDER,):
        try:
            if path.is_dir():
                found += sorted(file for file in path.glob("*.py") if not file.name.startswith("_"))
            else:
                found.append(regular(path))
        except OSError:
            problems.append(f"{path}: there is no such file or folder; name scenario files, or a folder of them")
    if not found and not problems:
        problems.append(f"{', '.join(map(str, files)) or FOLDER}: no scenario in it; name scenario files")
    if problems:
        raise ConfigurationError(problems)
    return found
