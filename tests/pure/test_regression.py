"""Changes over the history, told by the run that caused them, and the check against it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from harness.commands import check
from harness.errors import ConfigurationError
from harness.findings import Basis, Finding, Outcome, Verdict
from harness.history import regression
from harness.history.of_run import against_history, noted
from harness.history.stored_run import HistoryRun, root_of
from harness.recording_file import read
from harness.verdict import judge
from tests import stored_runs


def noisy(runs: int, seed: int = 1, noise: float = 0.05) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(0.1 * (1 + noise * np.random.default_rng(seed).standard_normal(runs)))


def slower(by: float, last: int, runs: int = 40) -> list[HistoryRun]:
    values = noisy(runs)
    values[len(values) - last :] += 0.1 * by
    return stored_runs.history(values.tolist())


def judged(runs: list[HistoryRun], ratio: float = 0.1) -> Finding:
    (found,) = regression.judged(runs, ratio)
    return found


def test_the_run_that_caused_it_says_so_and_those_after_it_how_long_ago() -> None:
    runs = slower(0.3, last=6)
    (of_cause,) = regression.notes(runs, runs[34])
    assert re.search(rf"{stored_runs.LATENCY} \+\d\d\.?\d? % since this run, commit 0000022", of_cause)
    (of_latest,) = regression.notes(runs, runs[-1])
    assert "since 5 runs ago, commit 0000022" in of_latest and "worse" in of_latest
    assert not regression.notes(runs, runs[30])


def test_an_old_change_is_news_no_more() -> None:
    runs = slower(0.3, last=regression.RECENT + 1)
    assert not regression.notes(runs, runs[-1])
    assert regression.notes(runs, runs[-2])


def test_steady_runs_are_not_worse() -> None:
    assert judged(slower(0, last=0)).outcome is Outcome.PASS
    assert not regression.notes(slower(0, last=0), slower(0, last=0)[-1])


def test_a_change_for_the_worse_fails_and_one_within_the_margin_does_not() -> None:
    found = judged(slower(0.3, last=6))
    assert found.outcome is Outcome.FAIL
    assert found.criterion == "history_latency_quantile"
    assert "worse by more than 10 %" in found.reason
    assert judged(slower(0.3, last=6), ratio=0.6).outcome is Outcome.PASS


def test_a_change_for_the_better_is_told_and_fails_nothing() -> None:
    runs = slower(-0.3, last=6)
    assert "better" in regression.notes(runs, runs[-1])[0]
    assert judged(runs).outcome is not Outcome.FAIL


def test_single_runs_that_differ_prove_nothing() -> None:
    assert judged(slower(0.3, last=1)).outcome is Outcome.INCONCLUSIVE
    assert judged(slower(0, last=0), ratio=0.0).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("runs", [1, 3, 7])
def test_few_runs_prove_nothing_and_say_how_many_would(runs: int) -> None:
    found = judged(slower(0, last=0, runs=runs))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "8 of one level would tell" in found.reason


def test_runs_of_another_plan_or_machine_do_not_count() -> None:
    runs = slower(0.3, last=6)
    others = [dataclasses.replace(run, plan={"scenario": "login-herd", "python": "3.12"}) for run in runs[:34]]
    assert regression.of_plan([*others, *runs[34:]], runs[-1].plan) == runs[34:]


def test_a_figure_that_a_guard_voids_does_not_count() -> None:
    runs = slower(0, last=0)
    void = dataclasses.replace(runs[3].findings[0], voided_by="generator_health")
    runs[3] = dataclasses.replace(runs[3], findings=(void,))
    (series,) = regression.all_series(runs)
    assert len(series.runs) == 39


def test_a_figure_that_nobody_asks_for_any_more_is_not_judged() -> None:
    runs = slower(0.3, last=6)
    other = dataclasses.replace(runs[-1].findings[0], criterion="other")
    (found,) = regression.judged([*runs[:-1], dataclasses.replace(runs[-1], findings=(other,))], 0.1)
    assert found.criterion == "history_other"


@pytest.mark.parametrize("by", [0.005, 0.01, 0.02])
def test_a_figure_that_grows_in_small_steps_is_not_passed(by: float) -> None:
    """Never much larger than shortly before, and 50 % larger than it was."""
    runs = round(np.log(1.5) / np.log(1 + by))
    values = noisy(runs, noise=0.02) * (1 + by) ** np.arange(runs)
    found = judged(stored_runs.history(values.tolist()))
    assert found.outcome is not Outcome.PASS
    if by == 0.005:
        assert re.search(r"in small steps it has become worse by [34]\d\.?\d* % since \d+ runs ago", found.reason)


def test_a_step_that_was_told_long_ago_is_no_small_one() -> None:
    assert judged(slower(0.3, last=20)).outcome is Outcome.PASS


def test_a_run_without_a_figure_is_not_passed_by_those_before_it() -> None:
    runs = slower(0, last=0)
    void = dataclasses.replace(runs[-1].findings[0], voided_by="generator_health")
    found = judged([*runs[:-1], dataclasses.replace(runs[-1], findings=(void,))])
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "this run has no such figure, as 39 before it had" in found.reason


def test_a_run_that_was_cut_off_and_a_copy_are_no_history() -> None:
    runs = slower(0, last=0)
    cut_off = dataclasses.replace(runs[5], completed=False)
    copies = [dataclasses.replace(runs[7], path=f"{runs[7].path}-{number}") for number in range(9)]
    among = regression.of_plan([*runs[:5], cut_off, *runs[6:8], *copies, *runs[8:]], runs[-1].plan)
    assert [run.started_utc for run in among] == [run.started_utc for run in runs if run is not runs[5]]
    assert regression.of_plan([*runs[:5], cut_off], cut_off.plan)[-1] is cut_off


def test_runs_that_stopped_recovering_are_a_change() -> None:
    runs = slower(0, last=0)
    for place in range(34, 40):
        gone = stored_runs.finding(None, censored_s=60.0)
        runs[place] = dataclasses.replace(runs[place], findings=(gone,))
    found = judged(runs)
    assert found.outcome is Outcome.FAIL
    assert found.interval is not None and found.interval[1] == float("inf")


def test_a_change_no_larger_than_a_window_is_none_of_a_recovery_time() -> None:
    runs = stored_runs.history([1.0] * 20 + [2.0] * 6)
    coarse = [dataclasses.replace(r.findings[0], interval=(0.0, 3.0), basis=Basis.MEASURED) for r in runs]
    of_windows = [dataclasses.replace(run, findings=(each,)) for run, each in zip(runs, coarse, strict=True)]
    assert regression.notes(runs, runs[-1])
    assert not regression.notes(of_windows, of_windows[-1])


def test_the_verdict_is_the_worst_of_run_and_history() -> None:
    good = Verdict(Outcome.PASS, "All 1 criteria hold.", ())
    assert regression.with_history(good, [judged(slower(0, last=0))]).outcome is Outcome.PASS
    assert regression.with_history(good, [judged(slower(0.3, last=6))]).outcome is Outcome.FAIL
    assert regression.with_history(good, []).outcome is Outcome.INCONCLUSIVE
    bad = Verdict(Outcome.FAIL, "It was slow.", ())
    assert regression.with_history(bad, [judged(slower(0, last=0))]).reason == "It was slow."


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen runs, the last five of them slower, and one of another branch in between."""
    runs_dir = tmp_path_factory.mktemp("runs")
    for number in range(1, 17):
        stored_runs.store(runs_dir, number, drain_per_s=250 if number < 12 else 190)
    stored_runs.store(runs_dir, 17, branch="other", drain_per_s=190)
    return runs_dir


def test_a_report_says_what_its_run_has_caused(runs_dir: Path) -> None:
    directory = runs_dir / stored_runs.named(12)
    run = read(directory)
    notes = noted(run, judge(run), directory).notes
    assert [note for note in notes if "since this run, commit 000000c" in note and stored_runs.LATENCY in note]


def test_the_check_against_the_history_fails_by_it(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = runs_dir / stored_runs.named(16)
    assert check.check(last) == Outcome.PASS.exit_code
    assert check.check(last, against="history") == Outcome.FAIL.exit_code
    assert "against the history" in capsys.readouterr().out


def test_it_looks_at_what_was_before_and_at_one_branch(runs_dir: Path) -> None:
    before = runs_dir / stored_runs.named(11)
    run = read(before)
    assert against_history(run, judge(run), before, 0.2).outcome is Outcome.PASS
    last = runs_dir / stored_runs.named(17)
    run = read(last)
    (latency,) = (
        each
        for each in against_history(run, judge(run), last, 0.1, "other").findings
        if each.criterion == "history_latency_quantile"
    )
    assert latency.outcome is Outcome.INCONCLUSIVE


def test_a_run_of_long_ago_is_held_against_what_was_before_it(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "LONGEST", 3)
    first = runs_dir / stored_runs.named(2)
    run = read(first)
    assert noted(run, judge(run), first) == judge(run)
    assert against_history(run, judge(run), first, 0.1).outcome is Outcome.INCONCLUSIVE


def test_a_run_that_lies_elsewhere_has_no_history(tmp_path: Path) -> None:
    directory = stored_runs.store(tmp_path, 1).rename(tmp_path / "copied")
    run = read(directory)
    assert root_of(directory) is None
    assert noted(run, judge(run), directory) == judge(run)
    assert list(tmp_path.iterdir()) == [directory]
    with pytest.raises(ConfigurationError, match="no runs directory"):
        against_history(run, judge(run), directory, 0.1)
