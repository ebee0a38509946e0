"""The history where something is missing, is cut off or goes wrong: what is kept, said and exported then."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.history import database
from harness.history.database import DATABASE, History
from harness.history.export import as_csv
from harness.history.of_run import _among
from harness.history.retention import surplus
from harness.history.stored_run import HistoryRun
from harness.recording import End
from harness.verdict import judge
from tests import recordings, stored_runs


def stored(tmp_path: Path) -> Path:
    stored_runs.store(tmp_path, 1, is_judged=False)
    return tmp_path


@pytest.mark.parametrize(
    ("end", "is_completed"),
    [(End(92, "completed", True, 0, 0), True), (End(50, "stopped by hand", False, 0, 0), False), (None, False)],
)
def test_the_run_that_is_judged_is_completed_where_its_recording_says_so(
    tmp_path: Path, end: End | None, is_completed: bool
) -> None:
    made = replace(stored_runs.recording(1), end=end)
    runs, run = _among(made, judge(made, []), stored(tmp_path) / stored_runs.named(1))
    assert run.completed is is_completed
    assert [each.path for each in runs] == [stored_runs.named(1)], "once, as it was judged now"


@pytest.mark.parametrize(
    ("error", "said", "is_kept"),
    [
        (
            sqlite3.OperationalError("database is locked"),
            "cannot be written (database is locked); nothing of it",
            False,
        ),
        (sqlite3.DatabaseError("disk image is malformed"), "", True),  # another process has replaced it by now
        (sqlite3.OperationalError("no such table: run"), "", True),
    ],
)
def test_an_index_that_cannot_be_brought_up_to_date_is_made_in_memory_or_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: sqlite3.DatabaseError, said: str, is_kept: bool
) -> None:
    with History(stored(tmp_path)) as history:
        refresh: Callable[..., None] = history._refresh
        errors = [error]

        def failing(anew: bool) -> None:
            if errors:
                raise errors.pop()
            refresh(anew)

        monkeypatch.setattr(history, "_refresh", failing)
        history.refresh(anew=True)
        assert [run.path for run in history.runs()] == [stored_runs.named(1)]
        assert [said in note for note in history.notes] == ([True] if said else [])
        (_, _, file), *_ = history._connection.execute("PRAGMA database_list").fetchall()
        assert (file == str((tmp_path / DATABASE).resolve())) is is_kept


@pytest.mark.parametrize(
    ("error", "is_damage"),
    [
        (sqlite3.DatabaseError("file is not a database"), True),
        (sqlite3.OperationalError("no such column: plan"), True),
        (sqlite3.OperationalError("table run already exists"), True),
        (sqlite3.OperationalError("database is locked"), False),
        (sqlite3.OperationalError("disk is full"), False),
    ],
)
def test_what_is_damage_and_what_is_not(error: sqlite3.DatabaseError, is_damage: bool) -> None:
    assert database._is_damage(error) is is_damage


def test_what_is_exported_of_a_figure() -> None:
    (run,) = stored_runs.history([1.5])
    censored = replace(stored_runs.finding(None, censored_s=30.0), voided_by="generator_health")
    bare = replace(stored_runs.finding(float("nan")), interval=None, limit=None)
    both = replace(run, findings=(*run.findings, censored, bare), tags=("a", "b"))
    heads, whole, open_, none = as_csv([both]).splitlines()
    assert heads == (
        "run,started_utc,scenario,branch,commit,tags,verdict,"
        "criterion,title,outcome,figure,unit,limit,low,high,censored,voided_by"
    )
    of_run = f"{run.path},{run.started_utc},login-herd,main,{run.commit}"
    begin = f"{of_run},a b,PASS,latency_quantile,{stored_runs.LATENCY},PASS"
    assert whole == f"{begin},1.5,s,5.0,1.5,1.5,,"
    assert open_ == f"{begin},,s,5.0,30.0,inf,yes,generator_health"
    assert none == f"{begin},,s,,,,,"
    assert as_csv([replace(run, findings=())]).splitlines()[1] == of_run + ",,PASS" + "," * 10


def test_a_suite_goes_when_none_of_its_runs_is_among_the_newest() -> None:
    """The oldest first, of two scenarios; the second suite has one that is kept."""
    (one,) = stored_runs.history([1.0])
    made = [("s1/a", "a"), ("s1/b", "b"), ("s2/a", "a"), ("s2/b", "b"), ("r3", "a")]
    among: list[HistoryRun] = [replace(one, path=path, scenario=scenario) for path, scenario in made]
    assert surplus(among, 1) == ["s1"]
    assert surplus(among, 2) == []
    assert surplus(among[:-1], 1) == ["s1"]
    assert surplus([*among, replace(one, path="r4", scenario="b")], 1) == ["s1", "s2"]
    assert surplus(among, 0) == ["s1", "s2", "r3"]


def test_a_run_as_its_recording_begins_is_not_judged() -> None:
    header = replace(recordings.healthy().header, branch="main", commit="1a2b3c4d5e6f7a8b", tags=("x",))
    run = HistoryRun.of("s1/r1", header)
    assert (run.name, run.word, run.version, run.completed, run.reason) == (
        "r1",
        "NOT JUDGED",
        "main 1a2b3c4d5e6f",
        False,
        "",
    )
    assert replace(run, branch="").version == "1a2b3c4d5e6f"
