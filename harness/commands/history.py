"""``springback history``: the runs of a runs directory, their trends, their export, and how many of them are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import ConfigurationError
from harness.history import export, retention
from harness.history.database import History
from harness.history.stored_run import Filter, HistoryRun
from harness.regular_file import is_folder
from harness.safe_text import one_line, say
from reports import history_page

STREAM = "-"
"""In place of a file: standard output."""


def history(
    runs_dir: Path,
    wanted: Filter,
    *,
    limit: int = 20,
    page: str = "",
    base: str = "",
    csv: str = "",
    json: str = "",
    keep: int | None = None,
    dry_run: bool = False,
    rebuild: bool = False,
) -> int:
    """Lists the runs that are wanted, the newest first; or writes them to the files that are named, or deletes all but
    the newest ``keep`` of each scenario. Raises ConfigurationError.
    """
    problems = wanted.problems()
    if not is_folder(runs_dir):
        problems.append(f"--runs-dir {runs_dir}: there is no such directory; name the one that runs went to")
    if [page, csv, json].count(STREAM) > 1:
        problems.append(f"only one of --page, --csv and --json can go to standard output ({STREAM})")
    if dry_run and keep is None:
        problems.append("--dry-run: says what --keep N would delete; give that")
    if problems:
        raise ConfigurationError(problems)
    with History(runs_dir) as opened:
        if rebuild:
            opened.refresh(anew=True)
        found = [run for run in opened.runs() if wanted.takes(run)]
        code = _kept(runs_dir, found, keep, dry_run) if keep is not None else 0
        if keep is not None:
            opened.refresh()
            found = [run for run in opened.runs() if wanted.takes(run)]
        for note in opened.notes:
            say(note)
    files: list[tuple[str, Callable[[], str]]] = [
        (page, lambda: history_page.page(found, runs_dir, base or _beside(page, runs_dir))),
        (csv, lambda: export.as_csv(found)),
        (json, lambda: export.as_json(found)),
    ]
    for name, text_of in files:
        if name:
            _write(name, text_of())
    if not any((page, csv, json)) and keep is None:
        print("\n".join(_listing(found, limit, runs_dir)))
    return code


def _kept(runs_dir: Path, found: Sequence[HistoryRun], keep: int, dry_run: bool) -> int:
    went = 0
    for directory in retention.surplus(found, keep):
        if dry_run:
            print(f"would delete {one_line(directory)}")
            continue
        deleted = retention.delete(runs_dir, directory, found)
        print(one_line(str(deleted) if deleted else f"left {directory}: it is not surely a run of ours that has ended"))
        went += deleted is not None
    if not dry_run:
        print(f"{went} deleted; the newest {keep} of each scenario stay")
    return 0


def _beside(page: str, runs_dir: Path) -> str:
    """How the page finds the runs: from where it lies."""
    if page == STREAM:
        return f"{runs_dir.resolve().as_uri()}/"
    here = Path(page).resolve().parent
    return "" if here == runs_dir.resolve() else f"{runs_dir.resolve().as_uri()}/"


def _write(name: str, text: str) -> None:
    if name == STREAM:
        sys.stdout.write(text)
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be written ({error.strerror}); name another file") from None
    print(name)


def _listing(found: Sequence[HistoryRun], limit: int, runs_dir: Path) -> list[str]:
    if not found:
        return [f"No run in {runs_dir} is as asked for."]
    shown = list(reversed(found))[:limit]
    cells = [
        (
            run.word,
            run.started_utc.replace("T", " ").rstrip("Z"),
            run.scenario,
            run.version,
            " ".join(run.tags),
            run.path,
        )
        for run in shown
    ]
    heads = ("verdict", "started, UTC", "scenario", "version", "tags", "run")
    rows = [heads, *(tuple(map(one_line, row)) for row in cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = len(found) - len(shown)
    return [*lines, f"{more} older; --limit {len(found)} shows all"] if more else lines
