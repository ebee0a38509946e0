"""The file of the history: an index that comes from the runs, and from nothing else, whatever happens to it."""

from __future__ import annotations

import csv
import io
import json
import lzma
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.commands.history import history as command
from harness.errors import ConfigurationError
from harness.history import database, export
from harness.history.database import DATABASE, History
from harness.history.stored_run import NOT_JUDGED, Filter, paths, read_run
from harness.recording.file import FILE_NAME
from harness.runs import VERDICT
from harness.verdict import judge
from reports import suite_part, verdict_json
from tests import stored_runs
from tests.pure.test_kept_recordings import KEPT


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the main branch, one of another with a tag, and one that was not judged."""
    runs_dir = tmp_path_factory.mktemp("runs")
    stored_runs.store(runs_dir, 1)
    stored_runs.store(runs_dir, 2, branch="faster", tags=("nightly", "a b"), drain_per_s=100)
    stored_runs.store(runs_dir, 3, is_judged=False)
    return runs_dir


@pytest.fixture
def runs_dir(three: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three, tmp_path / "runs", ignore=shutil.ignore_patterns(f"{DATABASE}*")))


def words(runs_dir: Path) -> list[str]:
    with History(runs_dir) as history:
        return [run.word for run in history.runs()]


def test_every_run_is_in_it_with_what_it_was_and_what_was_found(runs_dir: Path) -> None:
    with History(runs_dir) as history:
        first, second, third = history.runs()
        assert not history.notes
    assert (first.path, first.scenario, first.branch) == (stored_runs.named(1), "login-herd", "main")
    assert first.started_utc == "2026-03-01T01:00:00Z"
    assert second.tags == ("nightly", "a b")
    assert second.version == "faster 000000200000"
    assert third.word == NOT_JUDGED
    assert [run.completed for run in (first, second, third)] == [True, True, False], "of the last nothing says so"
    (latency,) = (each for each in second.findings if each.criterion == "latency_quantile")
    assert latency.title == stored_runs.LATENCY
    assert latency.interval == (latency.figure, latency.figure)
    assert latency.limit == 5.0


def test_what_a_guard_has_voided_stays_void(tmp_path: Path) -> None:
    kind = {"loop_lag_s": 1.0}
    found = {each.criterion: each for each in judge(stored_runs.recording(1, **kind)).findings}
    stored_runs.store(tmp_path, 1, **kind)
    stored_runs.store(tmp_path, 2)
    with History(tmp_path) as history:
        void, whole = history.runs()
    assert {each.criterion: each.voided_by for each in void.findings} == {
        name: each.voided_by for name, each in found.items()
    }
    assert any(each.voided_by == "generator_health" for each in void.findings)
    assert all(each.voided_by is None for each in whole.findings)
    assert {each.criterion for each in void.findings if each.is_guard} == {
        name for name, each in found.items() if each.is_guard
    }


def test_a_run_that_comes_goes_or_is_judged_is_seen(runs_dir: Path) -> None:
    assert words(runs_dir) == ["PASS", "PASS", NOT_JUDGED]
    stored_runs.store(runs_dir, 3)
    stored_runs.store(runs_dir, 4)
    shutil.rmtree(runs_dir / stored_runs.named(1))
    assert words(runs_dir) == ["PASS", "PASS", "PASS"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), 3),
        (Filter(branch="faster"), 1),
        (Filter(tag="a b"), 1),
        (Filter(tag="a"), 0),
        (Filter(commit="0000002"), 1),
        (Filter(verdict="pass"), 2),
        (Filter(verdict="not-judged"), 1),
        (Filter(scenario="login"), 0),
        (Filter(scenario="login-herd", branch="main", verdict="PASS"), 1),
    ],
)
def test_runs_are_filtered(three: Path, wanted: Filter, found: int) -> None:
    with History(three) as history:
        assert sum(wanted.takes(run) for run in history.runs()) == found


def garbage(file: Path) -> None:
    file.write_bytes(b"nonsense" * 1000)


def torn(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[1500:6000] = b"x" * 4500
    file.write_bytes(whole)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def other_tables(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE run (x)")


def wrong_rows(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE run SET tags = 'no JSON'")


def wrong_findings(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE run SET findings = '[{}]'")


def unseen(file: Path) -> None:
    """Of a list that no query reads: seven pages are said to be free, and none is."""
    whole = bytearray(file.read_bytes())
    whole[36:40] = (7).to_bytes(4, "big")
    file.write_bytes(whole)


@pytest.mark.parametrize("damage", [garbage, torn, cut, unseen, other_tables, wrong_rows, wrong_findings])
def test_a_damaged_file_is_said_and_made_anew(runs_dir: Path, damage: object) -> None:
    assert callable(damage)
    before = words(runs_dir)
    damage(runs_dir / DATABASE)
    with History(runs_dir) as history:
        assert [run.word for run in history.runs()] == before
        (note,) = history.notes
        assert "anew" in note and DATABASE in note
    with History(runs_dir) as history:
        assert [run.word for run in history.runs()] == before
        assert not history.notes


def test_one_of_a_newer_version_is_left_as_it_is(runs_dir: Path) -> None:
    words(runs_dir)
    with sqlite3.connect(runs_dir / DATABASE) as connection:
        connection.execute("PRAGMA user_version = 99")
    with History(runs_dir) as history:
        assert len(history.runs()) == 3
        assert "schema 99" in history.notes[0]
    with sqlite3.connect(runs_dir / DATABASE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def test_the_number_of_the_schema_says_which_columns_there_are(three: Path) -> None:
    """Who changes them gives it another number, or a file of before would be read wrongly."""
    words(three)
    with sqlite3.connect(three / DATABASE) as connection:
        columns = " ".join(name for (name,) in connection.execute("SELECT name FROM pragma_table_info('run')"))
    assert (database.VERSION, columns) == (
        4,
        "path stamp scenario started_utc branch revision tags outcome reason target completed plan findings",
    )


@pytest.mark.parametrize("version", range(1, database.VERSION))
def test_one_of_an_older_version_is_read_anew(runs_dir: Path, version: int) -> None:
    before = words(runs_dir)
    with sqlite3.connect(runs_dir / DATABASE) as connection:
        connection.execute("UPDATE run SET reason = 'kept'")
        connection.execute("CREATE TABLE finding (x)")
        connection.execute(f"PRAGMA user_version = {version}")
    with History(runs_dir) as history:
        assert [run.word for run in history.runs()] == before
        assert "kept" not in {run.reason for run in history.runs()}
        assert not history.notes
    with sqlite3.connect(runs_dir / DATABASE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (database.VERSION,)
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'finding'").fetchone() is None


def test_where_nothing_can_be_written_the_runs_are_read_all_the_same(runs_dir: Path) -> None:
    (runs_dir / DATABASE).mkdir()
    with History(runs_dir) as history:
        assert len(history.runs()) == 3
        assert "nothing of them is lost" in history.notes[0]


@pytest.fixture
def read_only(runs_dir: Path) -> Iterator[Path]:
    runs_dir.chmod(0o555)
    yield runs_dir
    runs_dir.chmod(0o755)


def test_a_folder_that_is_read_only_is_read(read_only: Path) -> None:
    with History(read_only) as history:
        assert len(history.runs()) == 3
        assert os.geteuid() == 0 or history.notes


def opened(runs_dir: str, barrier: object, answers: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    for _ in range(5):
        with History(Path(runs_dir)) as history:
            history.refresh(anew=True)
            answers.put((len(history.runs()), tuple(history.notes)))  # type: ignore[attr-defined]


def test_two_processes_may_write(runs_dir: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(2), context.Queue()
    both = [context.Process(target=opened, args=(str(runs_dir), barrier, answers)) for _ in range(2)]
    for each in both:
        each.start()
    found = [answers.get(timeout=60) for _ in range(10)]
    for each in both:
        each.join()
    assert found == [(3, ())] * 10


@pytest.mark.parametrize(
    ("failures", "message", "is_opened"), [(2, "database is locked", True), (1, "disk full", False)]
)
def test_a_file_that_is_locked_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, failures: int, message: str, is_opened: bool
) -> None:
    """SQLite itself does not, for the lock with which its write-ahead log begins."""
    errors = [sqlite3.OperationalError(message)] * failures
    open_now = database._connected_at_once

    def connected(file: str) -> sqlite3.Connection:
        if errors:
            raise errors.pop()
        return open_now(file)

    monkeypatch.setattr(database, "_connected_at_once", connected)
    if is_opened:
        database._connected(":memory:").close()
    else:
        with pytest.raises(sqlite3.OperationalError, match=message):
            database._connected(":memory:")
    assert not errors


def test_what_is_no_run_is_none(runs_dir: Path) -> None:
    """A link, a directory of another name, a recording that cannot be read."""
    (runs_dir / stored_runs.named(7)).symlink_to(runs_dir / stored_runs.named(1))
    (runs_dir / "notes").mkdir()
    (runs_dir / stored_runs.named(8)).mkdir()
    (runs_dir / stored_runs.named(8) / FILE_NAME).write_text("{}\n")
    with History(runs_dir) as history:
        assert len(history.runs()) == 3


@pytest.mark.parametrize("most_bytes", [None, -1, 0], ids=["a link", "one byte too many", "just as large"])
def test_a_verdict_that_is_a_link_or_too_large_is_none(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int | None
) -> None:
    verdict = runs_dir / stored_runs.named(1) / VERDICT
    if most_bytes is None:
        verdict.symlink_to(verdict.rename(tmp_path / "elsewhere"))
    else:
        monkeypatch.setattr(suite_part, "MOST_BYTES", verdict.stat().st_size + most_bytes)
    run = read_run(runs_dir, stored_runs.named(1))
    assert run is not None and run.word == ("PASS" if most_bytes == 0 else NOT_JUDGED)


def test_a_directory_without_runs_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, Filter()) == 0
    assert "No run" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_runs_of_a_suite_are_in_it(runs_dir: Path) -> None:
    suite = runs_dir / "20260401T000000Z-suite"
    stored_runs.store(suite, 5)
    assert paths(runs_dir)[-1] == f"20260401T000000Z-suite/{stored_runs.named(5)}"
    assert len(words(runs_dir)) == 4


def test_what_has_not_changed_is_not_read_again(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = words(runs_dir)
    read: list[str] = []
    monkeypatch.setattr(database, "read_run", lambda _, path: read.append(path))
    assert words(runs_dir) == before and not read


@pytest.mark.parametrize("interval", [None, (1.0, 2.0), (0.0, 0.0), (5.0, float("inf")), (float("-inf"), 0.0)], ids=str)
def test_a_finding_is_kept_as_it_is(interval: tuple[float, float] | None) -> None:
    kept = replace(stored_runs.finding(2.0), interval=interval, voided_by="skew", is_guard=True, censored=True)
    assert verdict_json.finding_of(json.loads(json.dumps(verdict_json.finding(kept)))) == kept
    bare = replace(stored_runs.finding(None), interval=interval, confidence=None)
    assert verdict_json.finding_of(json.loads(json.dumps(verdict_json.finding(bare)))) == bare


def test_export_as_json_has_every_run_and_finding(three: Path) -> None:
    with History(three) as history:
        runs = history.runs()
    body = json.loads(export.as_json(runs))
    assert body["format"] == 1
    assert [each["outcome"] for each in body["runs"]] == ["PASS", "PASS", None]
    assert {each["criterion"] for each in body["runs"][0]["findings"]} >= {"latency_quantile", "recovery_time"}


def test_a_run_is_exported_as_json_to_the_letter() -> None:
    (run,) = stored_runs.history([1.5])
    body = {
        "format": 1,
        "runs": [
            {
                "run": run.path,
                "started_utc": "2026-03-00000",
                "scenario": "login-herd",
                "branch": "main",
                "commit": "0" * 40,
                "tags": ["a", "b"],
                "outcome": "PASS",
                "reason": "well",
                "target": "http://a",
                "completed": True,
                "plan": {"scenario": "login-herd"},
                "findings": [verdict_json.finding(run.findings[0])],
            }
        ],
    }
    told = export.as_json([replace(run, tags=("a", "b"), reason="well", target="http://a")])
    assert told == json.dumps(body, indent=2) + "\n"


def test_export_as_csv_has_one_row_a_figure(three: Path) -> None:
    with History(three) as history:
        runs = history.runs()
    rows = list(csv.DictReader(io.StringIO(export.as_csv(runs))))
    assert len(rows) == sum(len(run.findings) for run in runs) + 1  # one was not judged
    (latency,) = (r for r in rows if r["commit"].startswith("0000002") and r["criterion"] == "latency_quantile")
    assert float(latency["figure"]) == pytest.approx(4.6, abs=0.5)
    assert latency["unit"] == "s"
    assert rows[-1]["verdict"] == NOT_JUDGED


def test_what_was_not_seen_to_end_is_exported_as_such() -> None:
    (run,) = stored_runs.history([1.0])
    ended, open_ended = run.findings[0], replace(run.findings[0], censored=True)
    text = export.as_csv([replace(run, findings=(ended, open_ended))])
    assert [row["censored"] for row in csv.DictReader(io.StringIO(text))] == ["", "yes"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_text_of_others_is_no_formula(sign: str) -> None:
    (run,) = stored_runs.history([1.0], branch=f"{sign}cmd()")
    assert f",'{sign}cmd()," in export.as_csv([run])


def test_the_list_has_the_newest_first(three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(three, Filter(), limit=2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert stored_runs.named(3) in lines[1] and stored_runs.named(2) in lines[2]
    assert lines[3].startswith("1 older")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        command(tmp_path / "nowhere", Filter(verdict="FAILED"), csv="-", json="-", dry_run=True)
    assert len(caught.value.messages) == 4
    assert "FAIL?" in caught.value.messages[0]


def test_a_file_that_cannot_be_written_is_said(three: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        command(three, Filter(), csv=str(tmp_path / "no" / "file.csv"))


def test_a_recording_that_says_no_version_is_in_it_without_one(tmp_path: Path) -> None:
    """As those of older versions do."""
    directory = tmp_path / "20260101T000000Z-login-herd"
    directory.mkdir()
    text = lzma.decompress((KEPT / "login-herd.jsonl.xz").read_bytes())
    (directory / FILE_NAME).write_bytes(text)
    with History(tmp_path) as history:
        (run,) = history.runs()
    assert (run.scenario, run.branch, run.commit, run.tags) == ("login-herd", "", "", ())


def test_a_run_is_completed_where_its_verdict_says_so(tmp_path: Path) -> None:
    stored_runs.store(tmp_path, 1)
    path = tmp_path / stored_runs.named(1)
    run = read_run(tmp_path, path.name)
    assert run is not None and run.completed and run.name == path.name
    said = json.loads((path / VERDICT).read_text())
    del said["completed"]
    (path / VERDICT).write_text(json.dumps(said))
    older = read_run(tmp_path, path.name)
    assert older is not None and older.outcome is run.outcome and not older.completed
    (path / VERDICT).unlink()
    unjudged = read_run(tmp_path, path.name)
    assert unjudged is not None and unjudged.outcome is None and not unjudged.completed
    assert replace(unjudged, path=f"suite/{path.name}").name == path.name
