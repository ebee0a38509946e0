"""Retention: the newest runs of each scenario are kept, older ones deleted.

Only what is surely a run of ours is touched: a directory of such a name, no link, with a recording whose header can be
read, whose run has ended or has written nothing for ``STILL_S``. Of it only the files that we write are deleted; where
there are others, the directory stays with these. The runs of a suite, or of a repetition, go together: when none of
them is to be kept.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import runs
from harness.history.stored_run import HistoryRun, header_of
from harness.recording.file import FILE_NAME
from harness.runs import VERDICT
from reports import comparison_page, repeat_page

STILL_S = 3600.0
OURS = (comparison_page.PAGE, comparison_page.SUMMARY, repeat_page.SUMMARY, ".reserve")
"""Besides the reports, and the files of suites."""


@dataclass(frozen=True)
class Deleted:
    path: str
    bytes: int
    left: tuple[str, ...]
    """Files that are not ours, and stay."""

    def __str__(self) -> str:
        size = f"{self.bytes / 1e6:.1f} MB"
        if self.left:
            return f"deleted {self.path} ({size}), but for what is not ours: {', '.join(self.left)}"
        return f"deleted {self.path} ({size})"


def surplus(among: Sequence[HistoryRun], keep: int) -> list[str]:
    """Paths of the directories that are to go, the oldest first, so that the newest ``keep`` of each scenario stay.
    ``among`` are the runs that are looked at, the oldest first.
    """
    newer: dict[str, int] = defaultdict(int)
    too_old: set[str] = set()
    for run in reversed(among):
        newer[run.scenario] += 1
        if newer[run.scenario] > keep:
            too_old.add(run.path)
    by_directory: dict[str, list[str]] = defaultdict(list)
    for run in among:
        by_directory[run.path.partition("/")[0]].append(run.path)
    return [directory for directory, inside in by_directory.items() if too_old.issuperset(inside)]


def delete(runs_dir: Path, directory: str, known: Iterable[HistoryRun]) -> Deleted | None:
    """Deletes a run, or a suite with its runs. None where it is not surely ours, still goes, or has a run in it that is
    not among those that are ``known`` to be too old.
    """
    path = runs_dir / directory
    if not _is_ours(path):
        return None
    inside = [path / name for name in runs.names(path)]
    paths = {run.path for run in known}
    if any(f"{directory}/{each.name}" not in paths or not _is_ours(each) for each in inside):
        return None
    outputs = {f"{label}.txt" for label in _labels(path)}
    found = [_emptied(each, set()) for each in inside]
    found.append(_emptied(path, outputs))
    left = tuple(name for _, names in found for name in names if not runs.NAME.fullmatch(name))
    return Deleted(directory, sum(size for size, _ in found), left)


def _is_ours(path: Path) -> bool:
    if not runs.NAME.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
        return False
    if not (path / FILE_NAME).exists():  # a suite, or a repetition
        return bool(runs.names(path))
    if header_of(path) is None:
        return False
    try:
        return (path / VERDICT).exists() or time.time() - (path / FILE_NAME).stat().st_mtime > STILL_S
    except OSError:
        return False


def _emptied(path: Path, outputs: set[str]) -> tuple[int, list[str]]:
    """Deletes our files in it, and itself where nothing is left; how many bytes that were, and what is left."""
    names = {FILE_NAME, *runs.shown_files(), *runs.SUITE_FILES, *OURS, *outputs}
    size = 0
    for file in sorted(path.iterdir()):
        if file.name in names and not file.is_symlink() and file.is_file():
            with contextlib.suppress(OSError):
                bytes_of = file.stat().st_size
                file.unlink()
                size += bytes_of
    left = sorted(file.name for file in path.iterdir())
    if not left:
        with contextlib.suppress(OSError):
            path.rmdir()
    return size, left


def _labels(path: Path) -> list[str]:
    """What the runs of a suite or a repetition are called, whose output lies beside them."""
    scenarios = [found[7] for name in runs.names(path) if (found := runs.NAME.fullmatch(name))]
    return [*scenarios, *(f"{name}-{number + 1}" for name in set(scenarios) for number in range(len(scenarios)))]
