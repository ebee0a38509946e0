"""Changes over the history, told by the run that caused them, and the check against it."""

from __future__ import annotations

import dataclasses
import math
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from harness.commands import check
from harness.comparison.metric import Margin, metric_of
from harness.errors import ConfigurationError
from harness.findings import Basis, Finding, Outcome, Verdict
from harness.history import of_run, regression
from harness.history.of_run import against_history, noted
from harness.history.stored_run import HistoryRun, root_of
from harness.recording.file import FILE_NAME, read
from harness.verdict import judge
from tests import recordings, stored_runs


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
    assert "+59.9 s since" in found.reason, "at least: they were watched for 60 s"


def test_what_may_be_is_a_share_of_how_long_they_were_watched_at_least() -> None:
    """Of a level whose runs were not seen to recover within 60 s."""
    never = stored_runs.finding(None, censored_s=60.0)
    found = judged([dataclasses.replace(run, findings=(never,)) for run in stored_runs.history([1.0] * 16)])
    assert found.limit == pytest.approx(6.0)
    assert found.outcome is Outcome.INCONCLUSIVE and found.figure is None


def test_a_change_no_larger_than_a_window_is_none_of_a_recovery_time() -> None:
    runs = stored_runs.history([1.0] * 20 + [2.0] * 6)
    coarse = [dataclasses.replace(r.findings[0], interval=(0.0, 3.0), basis=Basis.MEASURED) for r in runs]
    of_windows = [dataclasses.replace(run, findings=(each,)) for run, each in zip(runs, coarse, strict=True)]
    assert regression.notes(runs, runs[-1])
    assert not regression.notes(of_windows, of_windows[-1])


def by_turns(middle: float, runs: int, apart: float = 0.01) -> list[float]:
    return [middle + apart * (-1) ** number for number in range(runs)]


def more_is_better(values: list[float]) -> list[HistoryRun]:
    """The same figure of a criterion whose limit is a lower one."""
    runs = stored_runs.history(values)
    turned = [dataclasses.replace(run.findings[0], criterion="throughput", kind="throughput") for run in runs]
    return [dataclasses.replace(run, findings=(each,)) for run, each in zip(runs, turned, strict=True)]


def test_runs_with_the_same_figures_are_several_and_a_copy_is_none() -> None:
    runs = stored_runs.history([1.0] * 4)
    plan = runs[0].plan
    assert regression.of_plan(runs, plan) == runs
    assert len(regression.of_plan([*runs, dataclasses.replace(runs[0], path="elsewhere")], plan)) == 4
    many = stored_runs.history([1 + number / 100 for number in range(101)])
    assert regression.of_plan(many, plan) == many[1:], "the latest hundred"
    at_once = dataclasses.replace(runs[1], started_utc=runs[0].started_utc, findings=(stored_runs.finding(2.0),))
    assert len(regression.of_plan([runs[0], at_once], plan)) == 2


@pytest.mark.parametrize(("runs", "can_tell"), [(3, False), (4, False), (5, False), (6, False), (7, True)])
def test_what_could_not_be_significant_is_not_among_the_figures_that_are_tested(runs: int, can_tell: bool) -> None:
    """Of six runs the latest four are one of 15 choices, 6.7 %; of seven one of 35."""
    (series,) = regression.all_series(stored_runs.history([1 + number / 1000 for number in range(runs)]))
    assert (regression._held(series, 0.1).p is not None) is can_tell


def crept(first: list[float], between: list[float], latest: list[float]) -> str:
    (series,) = regression.all_series(stored_runs.history([*first, *between, *latest]))
    return regression._crept(series, [], series.bounds, Margin(0.1))


def test_what_crept_is_told_where_all_of_its_interval_is_beyond_the_margin() -> None:
    first, between = by_turns(1.0, 10, 0.02), [1.05] * 10
    assert (
        crept(first, between, by_turns(1.5, 4, 0.02))
        == "but in small steps it has become worse by 50 % since 24 runs ago"
    )
    assert not crept(first, between, by_turns(1.1, 4, 0.05)), "by about what may be"
    assert not crept([1.0] * 10, between, [1.1] * 4), "by just what may be"
    (series,) = regression.all_series(stored_runs.history([*[0.2] * 10, *first, *between, *by_turns(1.5, 4, 0.02)]))
    told = regression.Change(series.metric, series.runs[10], 24, 0.8, 0.2, (0.7, 0.9))
    since = regression._crept(series, [told], series.bounds, Margin(0.1))
    assert since.endswith("by 50 % since 24 runs ago"), "since the change that has been told"


def test_the_figure_is_the_shift_and_the_limit_what_is_allowed_of_the_level_before() -> None:
    found = judged(stored_runs.history([*by_turns(3, 9), *by_turns(1, 20), *by_turns(1.5, 6)]))
    assert found.outcome is Outcome.FAIL
    assert found.figure == pytest.approx(0.5) and found.limit == pytest.approx(0.1)
    assert found.interval == pytest.approx((0.48, 0.52)) and found.confidence == 0.95
    assert found.evidence == {"runs": 35, "latest": 6, "before": 20}, "the level before that one is not asked"
    assert "+50 % since 5 runs ago, commit 000001d00000: worse by more than 10 %" in found.reason


def test_of_a_figure_that_ought_to_be_high_all_of_it_is_turned() -> None:
    found = judged(more_is_better([*by_turns(1, 20), *by_turns(0.5, 6)]))
    assert found.outcome is Outcome.FAIL and found.criterion == "history_throughput"
    assert found.figure == pytest.approx(-0.5) and found.limit == pytest.approx(-0.1)
    assert found.interval == pytest.approx((-0.52, -0.48))
    risen = more_is_better([*by_turns(1, 20), *by_turns(1.5, 6)])
    assert "better" in regression.notes(risen, risen[-1])[0]
    assert judged(risen).outcome is not Outcome.FAIL


@pytest.mark.parametrize(
    ("ratio", "outcome", "said"),
    [
        (0.1, Outcome.FAIL, "worse by more than 10 %"),
        (0.4, Outcome.INCONCLUSIVE, "worse, 40 % may be, more than that or not: further runs will tell"),
        (1.5, Outcome.PASS, "worse, 150 % may be, no more than that"),
    ],
)
def test_a_change_is_judged_by_the_whole_interval_of_its_shift(ratio: float, outcome: Outcome, said: str) -> None:
    """It is 0.5, and between 0.3 and 0.7; levels that differ by 0.2 among themselves."""
    found = judged(stored_runs.history([*by_turns(1, 20, 0.1), *by_turns(1.5, 6, 0.1)]), ratio)
    assert found.outcome is outcome and said in found.reason
    assert found.interval == pytest.approx((0.3, 0.7))


def test_of_too_few_runs_for_a_change_the_latest_are_held_against_the_others() -> None:
    """Of 70 orders of eight runs one is so; of two figures, twice that."""
    runs = stored_runs.history([1.0, 1.01, 1.02, 1.03, 1.5, 1.51, 1.52, 1.53])
    found = judged(runs)
    assert found.outcome is Outcome.FAIL
    assert found.reason.startswith("the latest 4 runs against 4 before them: worse by more than 10 %")
    assert "(p = 0.014, all figures together)" in found.reason
    assert found.figure == pytest.approx(0.5) and found.limit == pytest.approx(0.1015)
    also = [dataclasses.replace(run.findings[0], criterion="also") for run in runs]
    both = [dataclasses.replace(run, findings=(*run.findings, each)) for run, each in zip(runs, also, strict=True)]
    assert all("(p = 0.029, all figures together)" in each.reason for each in regression.judged(both, 0.1))
    assert judged(runs, ratio=0.51).outcome is Outcome.INCONCLUSIVE, "they are larger, but not by so much"


def test_seven_runs_of_one_level_are_one_too_few() -> None:
    """Without four on either side nothing is proven, however far apart they are."""
    found = judged(stored_runs.history([1.0, 1.01, 1.02, 1.5, 1.51, 1.52, 1.53]))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.evidence == {"runs": 7, "latest": 4, "before": 3}
    assert judged(stored_runs.history([1.0] * 8)).outcome is Outcome.PASS


def test_a_change_is_news_for_ten_runs_and_then_the_level_that_the_latest_are_held_against() -> None:
    runs = stored_runs.history([*by_turns(1, 20), *by_turns(1.5, 11)])
    found = judged(runs)
    assert found.outcome is Outcome.PASS and found.evidence == {"runs": 31, "latest": 4, "before": 7}
    assert judged(runs[:-1]).outcome is Outcome.FAIL


def test_the_verdict_is_the_worst_of_run_and_history() -> None:
    good = Verdict(Outcome.PASS, "All 1 criteria hold.", ())
    passed = regression.with_history(good, [judged(slower(0, last=0))])
    assert (passed.outcome, passed.reason) == (
        Outcome.PASS,
        "All 1 criteria hold. Against the history nothing is worse.",
    )
    worse, unknown = judged(slower(0.3, last=6)), judged(slower(0, last=0, runs=3))
    failed = regression.with_history(good, [unknown, worse])
    assert (failed.outcome, failed.reason) == (Outcome.FAIL, f"{worse.title}: {worse.reason}.")
    assert failed.findings == (worse, unknown), "the worst first"
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


def test_a_change_is_from_the_level_before_it_to_the_next_one() -> None:
    """From 3 down to 1, and from there up to 9; each level is one of its own."""
    (series,) = regression.all_series(stored_runs.history([*by_turns(3, 14), *by_turns(1, 12), *by_turns(9, 40)]))
    found = regression.changes(series)
    assert [(each.before, each.shift) for each in found] == [pytest.approx((3, -2)), pytest.approx((1, 8))]
    assert [each.runs_ago for each in found] == [51, 39]


def test_a_change_of_a_share_is_one_however_small_it_is_beside_its_limit() -> None:
    """From 1 to 2 % of errors, where 5 % may be; how it is measured is known to 0."""
    runs = stored_runs.history([0.01] * 20 + [0.02] * 6)
    shares = [dataclasses.replace(run, findings=(dataclasses.replace(run.findings[0], unit="ratio", limit=0.05),))
              for run in runs]  # fmt: skip
    (note,) = regression.notes(shares, shares[-1])
    assert "since 5 runs ago" in note


def test_the_latest_runs_are_none_of_those_that_they_are_held_against() -> None:
    """Ten runs: six, and the latest four."""
    assert crept(by_turns(1.0, 6), [], by_turns(1.5, 4)).endswith("worse by 50 % since 10 runs ago")
    assert not crept([], [], by_turns(1.5, 4)), "against nothing"


@pytest.mark.parametrize(
    ("ago", "told"), [((11, 8, 3), 3), ((11, 10), None), ((11, 9), 9), ((5, 0), 0), ((5, -1), 5), ((), None)], ids=str
)
def test_of_changes_not_long_before_a_run_the_latest_is_told(
    monkeypatch: pytest.MonkeyPatch, ago: tuple[int, ...], told: int | None
) -> None:
    """Of run 30 of 34: one that began after it is none of its own."""
    runs = stored_runs.history(by_turns(1, 34))
    (series,) = regression.all_series(runs)
    found = [regression.Change(series.metric, runs[29 - each], 0, 1.0, 0.5, (0.4, 0.6)) for each in ago]
    monkeypatch.setattr(regression, "changes", lambda _: found)
    since = "since this run" if told == 0 else f"since {told} runs ago"
    notes = regression.notes(runs, runs[29])
    assert [since in note for note in notes] == ([] if told is None else [True])
    assert all(note.endswith("(worse; 34 runs of this plan and machine).") for note in notes)


def of_its_branches() -> list[HistoryRun]:
    """Twenty by turns of two branches, and five of the main one that are slower."""
    runs = stored_runs.history([*by_turns(1, 20), *by_turns(3, 5)])
    return [dataclasses.replace(run, branch="other") if n in range(1, 20, 2) else run for n, run in enumerate(runs)]


@pytest.mark.parametrize(("branch", "before"), [("", 22), ("other", 10), ("main", 12), ("none", 0)])
def test_a_run_is_held_against_those_before_it_or_those_of_a_branch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, branch: str, before: int
) -> None:
    """The third of the slower ones: what came after it does not count."""
    runs, verdict = of_its_branches(), Verdict(Outcome.PASS, "Well.", ())
    monkeypatch.setattr(of_run, "_among", lambda *_: (runs, runs[22]))
    directory = tmp_path / stored_runs.named(22)
    found = against_history(recordings.healthy(), verdict, directory, 0.1, branch)
    assert found.findings[0].evidence["runs"] == before + 1
    noted_now = noted(recordings.healthy(), verdict, directory)
    assert [note.partition(",")[0] for note in noted_now.notes] == [
        f"History: {stored_runs.LATENCY} +200 % since 2 runs ago"
    ]
    monkeypatch.setattr(of_run, "_among", lambda *_: (runs, runs[5]))
    assert noted(recordings.healthy(), verdict, directory) == verdict


def test_a_history_that_cannot_be_read_takes_nothing_from_the_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    verdict = Verdict(Outcome.PASS, "Well.", ())
    for error in (OSError(), sqlite3.OperationalError()):

        def fails(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(of_run, "_among", fails)
        assert noted(recordings.healthy(), verdict, tmp_path / stored_runs.named(1)) == verdict


def test_a_figure_that_no_run_has_is_none() -> None:
    runs = [dataclasses.replace(run, findings=(stored_runs.finding(None),)) for run in stored_runs.history([1.0] * 9)]
    assert regression.all_series(runs) == [] and regression.judged(runs, 0.1) == []


def test_a_step_after_a_few_runs_is_from_all_of_them() -> None:
    """From 2, the middle of 1 and 3, to 5: three more, and not from 3, where it would be two."""
    bounds = [(each, each) for each in (1.0, 3.0, 5.0, 5.0, 5.0, 5.0, 1.0)]
    assert regression._is_step(bounds, 2, Margin(1.0)) and not regression._is_step(bounds, 2, Margin(1.5))


@pytest.mark.parametrize(("after", "is_step"), [(19.9, False), (20.0, False), (20.1, True)])
def test_a_step_is_more_than_what_is_told(after: float, is_step: bool) -> None:
    """Twice as much is just what a margin of 100 % leaves."""
    bounds = [(10.0, 10.0)] * 4 + [(after, after)] * 4
    assert regression._is_step(bounds, 4, Margin(1.0)) is is_step


def test_of_a_single_run_nothing_is_known_in_either_direction() -> None:
    found = judged(stored_runs.history([0.1]))
    assert (found.outcome, found.figure, found.interval) == (Outcome.INCONCLUSIVE, None, (-math.inf, math.inf))


def test_a_run_lies_in_its_runs_directory_or_in_that_of_a_suite(tmp_path: Path) -> None:
    one, suite = stored_runs.named(1), stored_runs.named(2, "suite")
    assert root_of(tmp_path / one) == (tmp_path, one)
    assert root_of(tmp_path / suite / one) == (tmp_path, f"{suite}/{one}")
    (tmp_path / suite).mkdir()
    (tmp_path / suite / FILE_NAME).touch()
    assert root_of(tmp_path / suite / one) == (tmp_path / suite, one), "that is a run itself"
    assert root_of(tmp_path / "mine") is None


@pytest.mark.parametrize(
    ("runs_ago", "commit", "told"),
    [
        (0, "1a2b3c4d5e6f7a8b", "since this run, commit 1a2b3c4d5e6f"),
        (1, "", "since 1 run ago, second"),
        (2, "", "since 2 runs ago, second"),
    ],
)
def test_since_when_is_told_in_runs(runs_ago: int, commit: str, told: str) -> None:
    (run,) = stored_runs.history([0.1])
    metric = metric_of(run.findings[0])
    named = dataclasses.replace(run, path="runs/second", commit=commit)
    change = regression.Change(metric, named, runs_ago, 0.1, 0.05, (0.04, 0.06))
    assert change.in_words().endswith(told) and change.is_worse


@pytest.mark.parametrize(
    ("has_changed", "excess", "outcome"),
    [
        (True, (0.0, 1.0), Outcome.INCONCLUSIVE),
        (True, (0.1, 1.0), Outcome.FAIL),
        (True, (-1.0, 0.0), Outcome.PASS),
        (False, (-1.0, 0.0), Outcome.PASS),
        (False, (-1.0, 0.1), Outcome.INCONCLUSIVE),
    ],
)
def test_just_what_may_be_is_not_worse(has_changed: bool, excess: tuple[float, float], outcome: Outcome) -> None:
    (series,) = regression.all_series(stored_runs.history([1.0] * 20))
    change = regression.Change(series.metric, series.runs[10], 9, 1.0, 0.1, (0.0, 0.2)) if has_changed else None
    held = dataclasses.replace(regression._held(series, 0.1), change=change, excess=excess)
    found = regression._finding(held, None)
    assert found.outcome is outcome
    assert found.reason.endswith("may be, no more than that") is (has_changed and outcome is Outcome.PASS)
