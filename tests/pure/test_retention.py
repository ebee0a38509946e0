"""What is deleted is surely a run of ours, and it is said."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.commands.history import history as command
from harness.history import retention
from harness.history.database import History
from harness.history.retention import STILL_S, Deleted, delete, surplus
from harness.history.stored_run import Filter
from harness.recording.file import FILE_NAME
from tests import stored_runs


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    for number in range(1, 4):
        stored_runs.store(tmp_path, number)
    return tmp_path


def there(runs_dir: Path) -> list[str]:
    return sorted(path.name for path in runs_dir.iterdir() if path.is_dir())


def test_the_newest_stay_and_what_goes_is_said(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(runs_dir, Filter(), keep=2) == 0
    assert there(runs_dir) == [stored_runs.named(2), stored_runs.named(3)]
    said = capsys.readouterr().out
    assert f"deleted {stored_runs.named(1)}" in said and "1 deleted" in said
    with History(runs_dir) as history:
        assert len(history.runs()) == 2


def test_a_dry_run_deletes_nothing(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(runs_dir, Filter(), keep=1, dry_run=True)
    assert len(there(runs_dir)) == 3
    assert capsys.readouterr().out.count("would delete") == 2


def test_files_of_others_stay_with_their_directory(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note = runs_dir / stored_runs.named(1) / "what-we-saw.txt"
    note.write_text("it was slow")
    command(runs_dir, Filter(), keep=2)
    assert note.read_text() == "it was slow"
    assert [path.name for path in note.parent.iterdir()] == [note.name]
    assert "what-we-saw.txt" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["link", "no recording", "another recording"])
def test_what_is_not_surely_ours_stays(runs_dir: Path, tmp_path_factory: pytest.TempPathFactory, what: str) -> None:
    other = runs_dir / stored_runs.named(0)
    if what == "link":
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        directory = stored_runs.store(elsewhere, 9)
        other.symlink_to(directory)
    else:
        other.mkdir()
        (other / (FILE_NAME if what == "another recording" else "data.txt")).write_text('{"kind": "mine"}\n')
    command(runs_dir, Filter(), keep=1)
    assert other.exists() and any(other.iterdir())
    assert there(runs_dir) == [stored_runs.named(0), stored_runs.named(3)]


def test_a_run_that_goes_stays_and_one_that_was_cut_off_long_ago_does_not(runs_dir: Path) -> None:
    going = stored_runs.store(runs_dir, 0, is_judged=False)
    command(runs_dir, Filter(), keep=3)
    assert going.exists()
    for silent_s, is_kept in ((3500, True), (3700, False)):
        ago = time.time() - silent_s
        os.utime(going / FILE_NAME, (ago, ago))
        command(runs_dir, Filter(), keep=3)
        assert going.exists() is is_kept


def test_only_what_is_asked_for_goes(runs_dir: Path) -> None:
    stored_runs.store(runs_dir, 4, tags=("nightly",))
    stored_runs.store(runs_dir, 5, tags=("nightly",))
    command(runs_dir, Filter(tag="nightly"), keep=1)
    assert stored_runs.named(4) not in there(runs_dir)
    assert len(there(runs_dir)) == 4


def test_a_suite_goes_as_a_whole_when_none_of_its_runs_stays(runs_dir: Path) -> None:
    suite = runs_dir / "20260228T000000Z-suite"
    for number in (1, 2):
        stored_runs.store(suite, number)
    (suite / "suite.json").write_text("{}")
    (suite / "login-herd.txt").write_text("its output")
    command(runs_dir, Filter(), keep=3)
    assert (suite / "suite.json").exists()
    command(runs_dir, Filter(), keep=2)
    assert not suite.exists()


def a_suite(runs_dir: Path) -> Path:
    suite = runs_dir / "20260228T000000Z-suite"
    for number in (1, 2):
        stored_runs.store(suite, number)
    (suite / "suite.json").write_text("{}")
    return suite


@pytest.mark.parametrize("what", ["goes on", "link"])
def test_a_suite_with_a_run_that_is_not_surely_ours_stays_whole(runs_dir: Path, what: str) -> None:
    suite = a_suite(runs_dir)
    if what == "goes on":
        stored_runs.store(suite, 3, is_judged=False)
    else:
        (suite / stored_runs.named(3)).symlink_to(stored_runs.store(runs_dir / "elsewhere", 3))
    with History(runs_dir) as history:
        known = history.runs()
    assert delete(runs_dir, suite.name, known) is None
    assert len(list(suite.iterdir())) == 4


def test_a_suite_of_whose_runs_one_is_not_too_old_stays_whole(runs_dir: Path) -> None:
    suite = a_suite(runs_dir)
    with History(runs_dir) as history:
        known = [run for run in history.runs() if run.path.startswith(suite.name)]
    assert delete(runs_dir, suite.name, known[:1]) is None
    assert len(list(suite.iterdir())) == 3
    deleted = delete(runs_dir, suite.name, known)
    assert deleted is not None and not suite.exists()


def test_a_folder_of_another_name_stays_whatever_is_in_it(runs_dir: Path) -> None:
    renamed = (runs_dir / stored_runs.named(1)).rename(runs_dir / "the slow one")
    with History(runs_dir) as history:
        assert delete(runs_dir, renamed.name, history.runs()) is None
    assert (renamed / FILE_NAME).exists()


def test_the_output_of_a_repetition_goes_with_its_runs(runs_dir: Path) -> None:
    repeated = runs_dir / "20260228T000000Z-login-herd"
    for number in (1, 2):
        stored_runs.store(repeated, number)
        (repeated / f"login-herd-{number}.txt").write_text("its output")
    (repeated / "login-herd-3.txt").write_text("of nobody")
    with History(runs_dir) as history:
        deleted = delete(runs_dir, repeated.name, history.runs())
    assert deleted is not None and deleted.left == ("login-herd-3.txt",)
    assert [path.name for path in repeated.iterdir()] == ["login-herd-3.txt"]


def test_each_scenario_keeps_its_own() -> None:
    runs = stored_runs.history([1.0] * 4)
    other = [dataclasses.replace(run, scenario="other", path=f"{run.path}x") for run in runs]
    assert surplus([*runs, *other[:2]], 2) == [run.path for run in runs[:2]]


def test_what_was_deleted_is_said_with_its_size() -> None:
    assert str(Deleted("one", 1_500_000, ())) == "deleted one (1.5 MB)"
    assert str(Deleted("one", 0, ("a", "b"))) == "deleted one (0.0 MB), but for what is not ours: a, b"


def test_whose_recording_cannot_be_looked_at_is_not_surely_ours(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = stored_runs.store(runs_dir, 0, is_judged=False)
    ago = time.time() - STILL_S - 10
    os.utime(going / FILE_NAME, (ago, ago))
    assert retention._is_ours(going)

    def away() -> float:
        raise OSError  # as of a file that is gone by then

    monkeypatch.setattr(retention, "time", SimpleNamespace(time=away))
    assert not retention._is_ours(going)


def test_what_is_emptied_is_counted_to_the_byte(tmp_path: Path) -> None:
    directory = tmp_path / stored_runs.named(1)
    directory.mkdir()
    (directory / FILE_NAME).write_bytes(b"x" * 700)
    (directory / "out.txt").write_bytes(b"x" * 41)
    (directory / "theirs").write_bytes(b"x" * 5)
    assert retention._emptied(directory, {"out.txt"}) == (741, ["theirs"])
    (directory / "theirs").unlink()
    assert retention._emptied(directory, set()) == (0, []) and not directory.exists()
