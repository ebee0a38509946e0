"""What a list of runs reads: whatever lies in the runs directory, nothing of it does harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import runs
from harness.findings import Outcome
from reports import suite_page
from reports.suite_part import MOST_BYTES, Part

RUN, SUITE = "20261121T223005Z-login-herd", "20261121T223000Z-suite"
GOOD = {"outcome": "PASS", "reason": "all is well", "target": "http://127.0.0.1:1", "findings": []}


def make(runs_dir: Path, *names: str, verdict: str = "") -> Path:
    directory = runs_dir.joinpath(*names)
    directory.mkdir(parents=True)
    (directory / "verdict.json").write_text(verdict or json.dumps(GOOD))
    return directory


def outcome(runs_dir: Path, name: str = RUN) -> str | None:
    found = runs.run(runs_dir, name)
    assert found is not None
    return None if found.judgement is None else found.judgement.outcome


def test_a_run_is_listed_with_its_verdict(tmp_path: Path) -> None:
    make(tmp_path, RUN)
    make(tmp_path, "20261121T223009Z-Köln am Rhein")
    assert runs.names(tmp_path) == ["20261121T223009Z-Köln am Rhein", RUN]
    assert outcome(tmp_path) == "PASS"


@pytest.mark.parametrize(
    "verdict",
    [
        "[" * 5000,
        "[]",
        '"PASS"',
        '{"outcome": "PASS"}',
        json.dumps({**GOOD, "outcome": "' onload=alert(1)"}),
        json.dumps({**GOOD, "findings": [1]}),
        json.dumps({**GOOD, "findings": {"a": 1}}),
        json.dumps({**GOOD, "scenarios": [{}]}),
        json.dumps({**GOOD, "scenarios": 5}),
        "{",
        "\x00" * 10,
        "x" * (MOST_BYTES + 1),
    ],
)
def test_a_verdict_that_cannot_be_read_is_none(tmp_path: Path, verdict: str) -> None:
    make(tmp_path, RUN, verdict=verdict)
    assert outcome(tmp_path) is None


def test_a_link_is_no_run_and_no_file_of_one(tmp_path: Path) -> None:
    elsewhere = make(tmp_path / "elsewhere", RUN)
    here = tmp_path / "runs"
    here.mkdir()
    (here / RUN).symlink_to(elsewhere)
    assert runs.run(here, RUN) is None and runs.file_of(here, (RUN,), "verdict.json") is None
    (here / RUN).unlink()
    (here / RUN).mkdir()
    (here / RUN / "verdict.json").symlink_to(elsewhere / "verdict.json")
    assert outcome(here) is None and runs.file_of(here, (RUN,), "verdict.json") is None


@pytest.mark.parametrize("names", [("..",), (SUITE, ".."), (SUITE, "x"), (f"{RUN}/..",)])
def test_nothing_outside_is_a_file_of_a_run(tmp_path: Path, names: tuple[str, ...]) -> None:
    make(tmp_path, RUN)
    (tmp_path / "verdict.json").write_text("mine")
    assert runs.file_of(tmp_path, names, "verdict.json") is None
    assert runs.file_of(tmp_path, (RUN,), "../verdict.json") is None


def test_a_suite_is_a_row_of_its_own_with_its_page_and_the_runs_in_it(tmp_path: Path) -> None:
    make(tmp_path, SUITE, RUN)
    (tmp_path / SUITE / "verdict.json").unlink(missing_ok=True)
    parts = [
        Part("login-herd", Outcome.PASS, "well", 60.0, RUN),
        Part("db-pool", Outcome.FAIL, "p95 is 9 s", 60.0),
        Part.not_run("game-day", "the suite was stopped before"),
    ]
    suite_page.write(parts, tmp_path / SUITE)
    found = runs.run(tmp_path, SUITE)
    assert found is not None and found.judgement is not None
    assert (found.scenario, found.page, found.judgement.outcome) == ("suite", "index.html", "FAIL")
    assert found.judgement.reason == "login-herd PASS; db-pool FAIL; game-day NOT RUN"
    assert set(found.files) == {"index.html", "report.md", "junit.xml", "suite.json"}
    assert runs.file_of(tmp_path, (SUITE,), found.page) is not None
    assert runs.file_of(tmp_path, (SUITE, RUN), "verdict.json") is not None


def test_a_run_is_found_by_its_path_and_by_the_name_that_the_history_lists(tmp_path: Path) -> None:
    inside = tmp_path / "20261128T070952Z-limit" / RUN
    inside.mkdir(parents=True)
    assert runs.located(Path(f"20261128T070952Z-limit/{RUN}"), tmp_path) == inside
    assert runs.located(inside, tmp_path / "elsewhere") == inside
    assert runs.located(Path("nobody"), tmp_path) == Path("nobody")  # its own words say that there is none
