"""``springback compare A B``: is B worse than A? Each is a run, several with commas, or a directory of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import runs
from harness.comparison.runs import compared, plan_differences
from harness.comparison.words import share_of
from harness.errors import ConfigurationError
from harness.recording.file import FILE_NAME, RecordingError, read
from harness.regular_file import is_folder, is_there
from harness.verdict import judge, without_reports
from reports import comparison_page, terminal
from reports.comparison_page import ComparedRun

MOST_RUNS = 200


def compare(first: str, second: str, worse_than: str, anyway: bool, runs_dir: Path, output: Path | None) -> int:
    """Prints the comparison, writes its page, and returns its exit code. Raises ConfigurationError with all that is
    wrong: runs that cannot be read, that are named twice, or whose plans or environments differ.
    """
    problems: list[str] = []
    ratio = 0.0
    try:
        ratio = share_of(worse_than)
    except ConfigurationError as error:
        problems += error.messages
    groups = {name: _paths(words, runs_dir, problems) for name, words in (("first", first), ("second", second))}
    problems += _twice([path for paths in groups.values() for path in paths])
    judged = {name: [run for path in paths if (run := _judged(path, problems))] for name, paths in groups.items()}
    problems += _copies([run for group in judged.values() for run in group]) if not problems else []
    if problems:
        raise ConfigurationError(problems)
    different = plan_differences([run.recording for group in judged.values() for run in group])
    if different and not anyway:
        remedy = "compare runs of one plan and one machine, or say --anyway: the report then says so"
        raise ConfigurationError([*(f"not the same in all runs: {line}" for line in different), remedy])
    notes = [f"Compared anyway, though not the same in all runs: {'; '.join(different)}."] if different else []
    pairs = {name: [(run.recording, run.verdict) for run in group] for name, group in judged.items()}
    verdict = compared(pairs["first"], pairs["second"], ratio, notes)
    directory = output or _directory_of(groups["second"][-1])
    paths: Sequence[Path] = ()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        paths = comparison_page.write(verdict, judged, directory)
    except OSError as error:
        problem = f"{directory}: {error.strerror}"
        verdict = without_reports(verdict, [problem], "name another directory with --output")
    print(comparison_page.text(verdict, judged, terminal.columns()))
    if paths:
        print("\n".join(["", "Reports:", *(f"  {path}" for path in paths)]))
    return verdict.outcome.exit_code


def _paths(words: str, runs_dir: Path, problems: list[str]) -> list[Path]:
    found: list[Path] = []
    for word in words.split(","):
        if not word.strip():
            problems.append(f"{words!r}: names a run that is empty; give run directories with commas between them")
            continue
        path = Path(word.strip())
        path = runs.located(path, runs_dir)
        inside = [path / name for name in reversed(runs.names(path))] if is_folder(path) else []
        found += inside if inside and not is_there(path / FILE_NAME) else [path]
    if len(found) > MOST_RUNS:
        problems.append(f"{words[:80]}: {len(found)} runs; name {MOST_RUNS} at the most")
        return []
    return found


def _twice(paths: Sequence[Path]) -> list[str]:
    named = [_directory_of(path).resolve() for path in paths if is_there(path)]
    return [
        f"{path}: is named more than once; a run is compared with others"
        for path in dict.fromkeys(named)
        if named.count(path) > 1
    ]


def _copies(judged: Sequence[ComparedRun]) -> list[str]:
    """Of one run, under other names: four of them are one observation."""
    problems: list[str] = []
    of_instant: dict[tuple[str, str], list[ComparedRun]] = {}
    for run in judged:
        header = run.recording.header
        others = of_instant.setdefault((header.started_utc, header.scenario), [])
        same = next((each for each in others if each.recording.slices == run.recording.slices), None)
        if same is None:
            others.append(run)
        else:
            problems.append(f"{run.name}: is a copy of {same.name}; a run is compared with others")
    return problems


def _directory_of(path: Path) -> Path:
    return path if is_folder(path) else path.parent


def _judged(path: Path, problems: list[str]) -> ComparedRun | None:
    try:
        recording = read(path)
    except RecordingError as error:
        problems.append(str(error))
        return None
    return ComparedRun(_directory_of(path).name or str(path), recording, judge(recording))
