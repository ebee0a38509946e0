"""`springback compare` from its words to its page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.commands.compare import compare
from harness.errors import ConfigurationError
from harness.findings import Finding, Outcome, Verdict
from reports import comparison_page, terminal
from tests import stored_runs


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two directories of four runs each, the second slower, and a run of another plan."""
    runs_dir = tmp_path_factory.mktemp("runs")
    for number in range(1, 5):
        stored_runs.store(runs_dir / "20260301T000000Z-repeat", number)
        stored_runs.store(runs_dir / "20260302T000000Z-repeat", number + 4, drain_per_s=180)
    stored_runs.store(runs_dir, 9, herd_users=300)
    return runs_dir


FIRST, SECOND, OTHER = "20260301T000000Z-repeat", "20260302T000000Z-repeat", stored_runs.named(9)


def asked(runs_dir: Path, first: str, second: str, output: Path, worse_than: str = "10%", anyway: bool = False) -> int:
    return compare(first, second, worse_than, anyway, runs_dir, output)


def test_directories_of_runs_are_groups(runs_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(runs_dir, FIRST, SECOND, tmp_path) == Outcome.FAIL.exit_code
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= terminal.columns()
    assert "4 runs against 4 runs" in said and "worse by more than 10 %" in " ".join(said.split())
    summary = json.loads((tmp_path / "comparison.json").read_text())
    assert summary["outcome"] == "FAIL"
    assert [len(summary["runs"][group]) for group in ("first", "second")] == [4, 4]
    page = (tmp_path / "comparison.html").read_text()
    assert "Content-Security-Policy" in page
    assert page.count("second: 2026") >= 4, "every run is in the legend"


def test_runs_with_commas_are_groups_and_may_get_better(runs_dir: Path, tmp_path: Path) -> None:
    named = [
        ",".join(f"{group}/{stored_runs.named(n)}" for n in of)
        for group, of in ((FIRST, range(1, 5)), (SECOND, range(5, 9)))
    ]
    assert asked(runs_dir, named[1], named[0], tmp_path) == Outcome.PASS.exit_code


def test_where_there_is_no_figure_there_is_no_row_of_dashes() -> None:
    def of(figure: float | None) -> str:
        found = Finding("latency", "p95 latency", Outcome.INCONCLUSIVE, "void", figure, "s", 1.0)
        return comparison_page.text(Verdict(Outcome.INCONCLUSIVE, "void", (found,)), {"first": [], "second": []})

    assert "p95 latency: 200 ms, 95 % interval –, at most 1 s" in of(0.2)
    assert "  p95 latency\n      void" in of(None) and "–" not in of(None)


def test_the_page_lies_beside_the_last_run(runs_dir: Path) -> None:
    one = [f"{group}/{stored_runs.named(number)}" for group, number in ((FIRST, 1), (SECOND, 5))]
    assert compare(one[0], one[1], "10%", False, runs_dir, None) == Outcome.INCONCLUSIVE.exit_code
    assert (runs_dir / one[1] / "comparison.html").is_file()


def test_runs_that_are_not_there_are_said_and_nothing_else(runs_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        compare("A", "B", "10%", False, runs_dir, tmp_path)
    assert [message.partition(":")[0] for message in refused.value.messages] == ["A", "B"]


def test_copies_of_one_run_are_not_several(runs_dir: Path, tmp_path: Path) -> None:
    for number in range(3):
        shutil.copytree(
            runs_dir / FIRST / stored_runs.named(1), tmp_path / "copies" / f"{stored_runs.named(1)}-{number}"
        )
    with pytest.raises(ConfigurationError) as refused:
        compare(str(tmp_path / "copies"), SECOND, "10%", False, runs_dir, tmp_path)
    assert [message.partition(":")[2] for message in refused.value.messages] == [
        f" is a copy of {stored_runs.named(1)}-0; a run is compared with others"
    ] * 2


def test_other_plans_are_refused_and_anyway_says_so(runs_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        asked(runs_dir, FIRST, OTHER, tmp_path)
    assert "option herd_users of the shape: 500 and 300" in caught.value.messages[0]
    assert "--anyway" in caught.value.messages[-1]
    assert asked(runs_dir, FIRST, OTHER, tmp_path, anyway=True) == Outcome.INCONCLUSIVE.exit_code
    assert "Compared anyway" in (tmp_path / "comparison.html").read_text()


def test_all_that_is_wrong_is_said_at_once(runs_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        asked(runs_dir, f"{OTHER},,nowhere", OTHER, tmp_path, worse_than="much")
    said = "\n".join(caught.value.messages)
    assert [word for word in ("--worse-than much", "is empty", "nowhere", "more than once") if word not in said] == []
    assert len(caught.value.messages) == 4


def test_a_page_that_cannot_be_written_makes_no_pass(
    runs_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert asked(runs_dir, SECOND, FIRST, tmp_path / "file") == Outcome.INCONCLUSIVE.exit_code
    assert "could not be written" in " ".join(capsys.readouterr().out.split())
