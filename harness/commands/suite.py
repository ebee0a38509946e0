"""``springback suite``: several scenarios one after another, each judged for itself, and one document over all of them.

What cannot be run (its file cannot be loaded, a database that it needs is away, the suite was stopped before) stands
in the document as NOT RUN with the reason, and the others are run all the same. The exit code is that of the worst
verdict, and what was not run is INCONCLUSIVE.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.commands import scenario_files
from harness.commands.runs_apart import AROUND_S, Signals, make_directory, minutes, run_apart, say_verdict
from harness.commands.scenario_check import Refused, Scenario, check
from harness.config.scenario import DEFAULT_SUITE
from harness.errors import ConfigurationError, nearest
from harness.regular_file import is_file, is_folder
from harness.safe_text import say
from reports import github, suite_page
from reports.suite_part import Part

FOLDER = Path("locustfiles")
NOT_YET = "its turn has not come: the suite goes on, or was killed"
STOPPED = "the suite was stopped before"


def suite(words: Sequence[str], arguments: Sequence[str], runs_dir: Path) -> int:
    """Runs the scenarios that ``words`` name, or all in ``locustfiles/``, with the same ``arguments`` for each.

    Returns the exit code. Raises ConfigurationError when the arguments would be refused by any of them, or when none
    can be run: then none is.
    """
    found = _chosen(words, arguments)
    _refuse_what_arguments_cause(found, arguments)
    directory = make_directory(runs_dir, "suite")
    signals = Signals()
    parts = [_not_run(each) if isinstance(each, Refused) else _not_run(each, NOT_YET) for each in found]
    for part, each in zip(parts, found, strict=True):
        if isinstance(each, Refused):
            say(f"{part.word}: {part.scenario}: {part.reason}")
    began_s = time.monotonic()
    suite_page.write(parts, directory)  # what is known so far survives whatever happens to the rest
    to_run = [place for place, each in enumerate(found) if isinstance(each, Scenario)]
    for number, place in enumerate(to_run):
        scenario = found[place]
        assert isinstance(scenario, Scenario)
        if signals.stopped:
            parts[place] = _not_run(scenario, STOPPED)
            continue
        left = [each for each in (found[later] for later in to_run[number:]) if isinstance(each, Scenario)]
        left_s = sum(each.duration_s + AROUND_S for each in left)
        say(f"{number + 1} of {len(to_run)}: {scenario.name}, about {minutes(left_s)} left in all")
        parts[place] = run_apart(scenario, arguments, directory, signals)
        say_verdict(parts[place])
        suite_page.write(parts, directory)
    paths = suite_page.write(parts, directory)
    with github.quoted(sys.stdout):
        print(suite_page.table(parts, time.monotonic() - began_s))
    print("\n".join(f"  {path}" for path in paths))
    github.show(github.of_parts(parts), lambda: suite_page.as_markdown(parts), sys.stdout)
    return suite_page.exit_code(parts)


def _not_run(each: Scenario | Refused, reason: str = "") -> Part:
    words = reason or "; ".join(each.problems if isinstance(each, Refused) else ())
    return Part.not_run(each.name, words, each.suite or "")


# Which scenarios are meant


def _chosen(words: Sequence[str], arguments: Sequence[str]) -> list[Scenario | Refused]:
    """The scenarios that are named, by group, and in each group by file. A file that cannot be loaded does not say what
    it belongs to, so it is among those of every group. Raises ConfigurationError for what names nothing.
    """
    files, folders, groups = _read(words)
    if groups and not folders and not FOLDER.is_dir():
        raise ConfigurationError(_no_such_group(group, (), str(FOLDER)) for group in groups)
    found = check(_distinct([*files, *_in_folders(folders or (() if files and not groups else (FOLDER,)))]), arguments)
    known = sorted({each.suite for each in found if each.suite})
    where = ", ".join(map(str, folders)) or str(FOLDER)
    problems = [_no_such_group(group, known, where) for group in groups if group not in known]
    if problems:
        raise ConfigurationError(problems)
    named = {file.resolve() for file in files}
    chosen = [each for each in found if not groups or each.suite in (*groups, None) or each.file.resolve() in named]
    return sorted(chosen, key=lambda each: (each.suite is None, each.suite != DEFAULT_SUITE, each.suite or ""))


def _read(words: Sequence[str]) -> tuple[list[Path], list[Path], list[str]]:
    """Files, folders and groups. Raises ConfigurationError for a path of nothing."""
    files: list[Path] = []
    folders: list[Path] = []
    groups: list[str] = []
    problems: list[str] = []
    for word in words:
        path = Path(word)
        if is_folder(path):
            folders.append(path)
        elif is_file(path):
            files.append(path)
        elif (own := scenario_files.named(word)) is not None:
            files.append(own)
        elif "/" in word or word.endswith(".py") or not word:
            named = word or "an empty word"
            problems.append(f"{named}: there is no such file or folder; name scenario files, or a folder of them")
        else:
            groups.append(word)
    if problems:
        raise ConfigurationError(problems)
    return files, folders, groups


def _in_folders(folders: Iterable[Path]) -> list[Path]:
    """The scenario files of each in alphabetical order. Raises ConfigurationError for one without any."""
    found = {
        folder: sorted(file for file in folder.glob("*.py") if not file.name.startswith("_")) for folder in folders
    }
    empty = [folder for folder, files in found.items() if not files]
    if empty:
        raise ConfigurationError(f"{folder}: no scenario in it; name scenario files" for folder in empty)
    return [file for files in found.values() for file in files]


def _distinct(files: Iterable[Path]) -> list[Path]:
    return list({file.resolve(): file for file in files}.values())


def _no_such_group(word: str, known: Sequence[str], where: str) -> str:
    meant = nearest(word, known)
    there = f"the groups in {where} are {', '.join(known)}" if known else f"no scenario in {where} names one"
    return f"{word}: neither a file nor a folder nor a group of scenarios; " + (
        f"did you mean {meant}? {there[:1].upper()}{there[1:]}" if meant else there
    )


def _refuse_what_arguments_cause(found: Sequence[Scenario | Refused], arguments: Sequence[str]) -> None:
    """Raises ConfigurationError with what is wrong about the arguments, or with everything where nothing can be run.

    The arguments are to blame where a file would not be refused without them, and not because a server is away.
    """
    refused = [each for each in found if isinstance(each, Refused)]
    if len(refused) < len(found):
        suspects = [each for each in refused if not each.is_away] if arguments else []
        without = check([each.file for each in suspects], ())
        refused = [each for each, again in zip(suspects, without, strict=True) if isinstance(again, Scenario)]
    if refused:
        raise ConfigurationError(line for each in refused for line in each.lines)
