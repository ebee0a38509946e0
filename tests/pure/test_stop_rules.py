"""Rules that stop a run early: read with every problem at once, and looked at once a second."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.histogram import bucket_index
from harness.findings import EXIT_STOPPED_EARLY, Finding, Outcome
from harness.live.state import LiveState
from harness.live.stop_rules import BYTES, RATE, StopRule, parse
from harness.live.stop_watch import FEWEST
from harness.recording import CriterionSpec, End, ProbeSample, Recording, Slice, Unanswered
from harness.recording.line import decode, encode
from harness.recording.values import OK, UNFINISHED
from harness.repeats import pooled
from harness.verdict import judge
from harness.verdict_cause import outcome_in_words
from tests import recordings

HEADER = recordings.healthy().header


@pytest.mark.parametrize(
    "text, limit, for_s, words",
    [
        ("error_ratio > 0.5 for 10s", 0.5, 10, "error_ratio > 0.5 for 10 s"),
        ("error_ratio>50% for 10 s", 0.5, 10, "error_ratio > 0.5 for 10 s"),
        ("p95 > 800 ms", 0.8, 0, "p95 > 0.8 s"),
        ("p99>2s for 1 min", 2.0, 60, "p99 > 2 s for 60 s"),
        ("memory > 1.5 GB for 3", 1.5e9, 3, "memory > 1.5 GB for 3 s"),
        ("memory > 512 MiB", 512 * 2**20, 0, "memory > 536.9 MB"),
        ("target down for 5 s", 0.0, 5, "target down for 5 s"),
        ("Target is down", 0.0, 0, "target down"),
        ("error_ratio > 90 % for 5 s in the baseline", 0.9, 5, "error_ratio > 0.9 for 5 s in the baseline"),
        ("p95 > 800 ms in step-1", 0.8, 0, "p95 > 0.8 s in the step-1"),
        ("target down  in  recovery", 0.0, 0, "target down in the recovery"),
    ],
)
def test_a_rule_is_read_as_it_is_written(text: str, limit: float, for_s: float, words: str) -> None:
    (rule,), problems = parse(text)
    assert not problems
    assert (rule.limit, rule.for_s, rule.words) == (pytest.approx(limit), for_s, words)
    assert parse(words)[0][0].words == words, "as it is written it can be read"


@pytest.mark.parametrize(
    "text, problem",
    [
        ("error_rate > 0.5", "did you mean error_ratio?"),
        ("latency > 2 s", "choose one of error_ratio, p50, p90, p95, p99, memory, target down"),
        ("p95 > 2", "its limit has no unit; give s or ms"),
        ("p95 > 2 MB", "the unit MB is none of p95; give s or ms"),
        ("error_ratio < 0.5", "write >"),
        ("error_ratio > 5", "give a share below 1"),
        ("error_ratio > nan", "cannot be read"),
        ("error_ratio > -1", "no number of 0 or more"),
        ("error_ratio > 0.5 for ever", "give seconds up to 3600, e.g. for 10 s"),
        ("target down for 1e9 s", "give seconds up to 3600"),
        ("p95 > 2 s in spike in baseline", "write two rules for two phases"),
        ("p95 > 2 in the baseline", "its limit has no unit; give s or ms"),
        ("in the baseline", "write METRIC > LIMIT for SECONDS s"),
        ("stop it", 'write METRIC > LIMIT for SECONDS s, e.g. --stop-when "error_ratio > 0.5 for 10 s"'),
        ("p95 \x1b[2J > 2", r"\x1b"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_remedy(text: str, problem: str) -> None:
    rules, problems = parse(f"p50 > 9 s; {text}")
    assert len(rules) == 1
    assert problems[0].startswith("--stop-when ")
    assert any(problem in line for line in problems), problems


def test_all_problems_of_all_rules_are_told_at_once() -> None:
    _, problems = parse("error_ratio < 5 for ever; nonsense; p95 > 2")
    assert len(problems) == 5


@given(st.text(max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    rules, problems = parse(text)
    assert rules or problems or not text.replace(";", "").strip()
    assert all(line.isprintable() for line in problems)


# While a run goes


class Going:
    """A run that goes: what each second brings, and what its rules say then."""

    def __init__(self, text: str, *limits: StopRule) -> None:
        rules, problems = parse(text)
        assert not problems
        self.live = LiveState(HEADER, (*rules, *limits))
        self.t = 0

    def second(self, ok: int = 0, failed: int = 0, ms: int = 5, began: int | None = None, size: int = 0) -> str:
        t = self.t if began is None else began
        if ok:
            self.live.add(Slice(t, "local", "GET /", OK, ok, size, {bucket_index(ms * 1000): ok}))
        if failed:
            self.live.add(Slice(t, "local", "GET /", "http 503", failed, size, {bucket_index(ms * 1000): failed}))
        self.t += 1
        return self.live.why_to_stop(float(self.t))

    def waiting(self, counts: dict[int, int]) -> None:
        """Second in which they should have begun → requests without an answer."""
        told = tuple((t, "GET /", UNFINISHED, count, count) for t, count in counts.items())
        self.live.add(Unanswered("local", told))

    def until(self, seconds: Iterable[tuple[int, int]]) -> int | None:
        """The second after which the run is stopped."""
        return next((self.t for ok, failed in seconds if self.second(ok, failed)), None)


def test_errors_stop_a_run_when_they_have_lasted_and_not_before() -> None:
    assert Going("error_ratio > 0.5 for 3 s").until([(20, 0), (5, 15), (5, 15), (20, 0), *[(5, 15)] * 5]) == 7
    assert Going("error_ratio > 0.5 for 3 s").until([(10, 10)] * 20) is None


def test_the_reason_names_the_rule_the_option_and_the_figure() -> None:
    assert Going("error_ratio > 0.5").second(5, 15) == "error_ratio > 0.5 (--stop-when): it was 75 %"


def test_a_second_without_news_changes_nothing() -> None:
    """Load processes tell every three seconds."""
    told = [(0, 0), (0, 0), (10, 50)] * 5
    assert Going("error_ratio > 0.5 for 5 s").until(told) == 9


def test_a_rule_of_a_phase_is_looked_at_there_alone() -> None:
    """The baseline takes 30 s. What fails in the spike is to be watched until it is back, or is not."""
    rule = "error_ratio > 0.9 for 5 s in the baseline"
    assert Going(rule).until([(20, 0)] * 3 + [(0, 20)] * 10) == 8
    assert Going(rule).until([(20, 0)] * 26 + [(0, 20)] * 60) is None
    assert Going(rule).until([(20, 0)] * 25 + [(0, 20)] * 60) == 30, "until its end"
    assert Going("error_ratio > 0.9 in the recovery").until([(0, 20)] * 60) == 32, "from its beginning"


def test_few_requests_stop_nothing() -> None:
    assert Going("error_ratio > 0.1").until([(0, 1)] * (FEWEST - 1)) is None
    assert Going("error_ratio > 0.1").until([(0, 1)] * 100) == FEWEST


def test_an_error_counts_when_it_is_told_whenever_it_should_have_begun() -> None:
    going = Going("error_ratio > 0.5 for 2 s")
    for _ in range(30):
        assert not going.second(ok=20)
    assert not going.second(failed=20, began=1)
    assert going.second(failed=20, began=2)


def test_a_quantile_takes_what_failed_as_slower_than_anything() -> None:
    assert (
        Going("p95 > 2 s").second(ok=94, failed=6)
        == "p95 > 2 s (--stop-when): it was no figure, as too many requests failed"
    )
    assert Going("p95 > 2 s").second(ok=96, failed=4) == ""
    assert Going("p95 > 2 s").second(ok=96, ms=2100)


def test_a_target_that_answers_nobody_has_a_quantile_too() -> None:
    """What has waited longer than the limit is slower, if it ever ends."""
    going = Going("p95 > 2 s for 3 s")
    going.second(ok=50)
    for _ in range(4):
        going.waiting({1: 30, 2: 30})
        assert not going.second()
    assert [bool(going.second()) for _ in range(3)] == [False, True, True]


def test_those_who_wait_no_longer_than_the_limit_are_no_evidence() -> None:
    going = Going("p50 > 2 s")
    for _ in range(20):
        going.waiting({going.t: 500, going.t - 1: 0})
        assert not going.second(ok=20)


def test_memory_is_that_of_all_processes_and_not_of_those_that_are_gone() -> None:
    going = Going("memory > 1 GB for 2 s")

    def sample(t: float, source: str, size: float) -> None:
        going.live.add(ProbeSample(t, "process", source, {"rss_bytes": size}))

    sample(0.5, "old", 0.9e9)
    assert not going.second()
    for t in range(1, 5):
        sample(t + 0.5, "1", 0.6e9)
        assert going.second() == ""
    for t in range(5, 7):
        sample(t + 0.5, "1", 0.6e9)
        sample(t + 0.5, "2", 0.7e9)
        why = going.second()
    assert why == "memory > 1 GB for 2 s (--stop-when): it was 1.3 GB"


def test_a_target_is_down_from_the_first_check_that_failed_to_one_that_does_not() -> None:
    going = Going("target down for 3 s")
    watch = going.live.stop_watch
    watch.set_target(0.5, False, "TCP 127.0.0.1:1: refused")
    assert not going.second()
    watch.set_target(1.5, True, "TCP 127.0.0.1:1: connected")
    assert not any(going.second() for _ in range(5))
    watch.set_target(6.5, False, "TCP 127.0.0.1:1: refused")
    assert [bool(going.second()) for _ in range(4)] == [False, False, False, True]


def test_a_rate_is_a_mean_over_seconds_and_a_herd_is_none() -> None:
    limit = StopRule(RATE, 100.0, flag="--max-requests-per-s")
    assert not any(Going("", limit).second(ok=n) for n in (400, 0, 0, 0, 0, 0))
    going = Going("", limit)
    told = [going.second(ok=110) for _ in range(8)]
    assert "requests per second > 100 (--max-requests-per-s): it was 110" in told


def test_bytes_are_those_of_the_warm_up_too() -> None:
    going = Going("", StopRule(BYTES, 1e6, flag="--max-bytes"))
    going.live.add(Slice(-1, "local", "GET /", OK, 1, 600_000, {}, warm_up=True))
    assert not going.second(ok=1, size=300_000)
    assert going.second(ok=1, size=300_000) == "bytes received > 1 MB (--max-bytes): it was 1.2 MB"


def test_it_is_looked_at_once_a_second() -> None:
    live = LiveState(HEADER, parse("error_ratio > 0.5")[0])
    live.add(Slice(0, "local", "GET /", "http 503", 50, 0, {}))
    assert live.why_to_stop(0.9) == ""
    assert live.why_to_stop(1.1)
    assert live.why_to_stop(1.9) == ""


# What becomes of such a run


def stopped() -> Recording:
    run = recordings.healthy()
    assert run.end is not None
    end = End(12.0, "error_ratio > 0.5 (--stop-when): it was 75 %", False, run.end.requests, 0, stopped_early=True)
    return dataclasses.replace(run, end=end)


def test_a_run_that_was_stopped_early_never_passes_and_says_so_first() -> None:
    verdict = judge(stopped())
    assert verdict.outcome is not Outcome.PASS
    assert verdict.exit_code == EXIT_STOPPED_EARLY == 5
    assert verdict.reason.startswith("STOPPED EARLY 12 s in, no verdict of the whole run: error_ratio > 0.5")
    assert verdict.word == f"STOPPED EARLY, {verdict.outcome.value}"


def test_its_sentence_says_once_why_it_was_ended_and_names_what_else_explains_it() -> None:
    """A wrong password: the rule only says that it held."""
    run = stopped()
    assert run.end is not None
    assert judge(run).reason.count(run.end.reason) == 1
    refused = [dataclasses.replace(piece, outcome="http 401") for piece in run.slices if piece.t < 12]
    judged = [*run.header.criteria, CriterionSpec("baseline_healthy")]
    reason = judge(dataclasses.replace(run, slices=tuple(refused)), judged).reason
    assert reason.count(run.end.reason) == 1
    assert f"{run.end.reason}. failures in the baseline: not one of " in reason


@pytest.mark.parametrize(("left", "told"), [(1, "1 finding is"), (2, "2 findings are")])
def test_its_sentence_counts_what_is_left_open(left: int, told: str) -> None:
    """Where nothing else explains it, that is all there is to be said."""
    findings = [Finding("throughput", "throughput", Outcome.INCONCLUSIVE, "too few requests")] * left
    assert outcome_in_words(stopped(), findings, left) == (Outcome.INCONCLUSIVE, f"{told} INCONCLUSIVE.")


def test_one_that_was_stopped_by_somebody_was_not_stopped_early() -> None:
    run = dataclasses.replace(stopped(), end=End(12.0, "stopped by SIGTERM", False, 1, 0))
    assert judge(run).exit_code == 4


def test_it_is_read_back_and_an_older_recording_says_that_it_was_not() -> None:
    end = stopped().end
    assert end is not None
    assert decode(encode(end)) == end
    older = decode(encode(end).replace(',"stopped_early":true', ""))
    assert isinstance(older, End) and not older.stopped_early


def test_a_repetition_with_such_a_run_was_stopped_early() -> None:
    verdict = pooled([judge(recordings.healthy()), judge(stopped())], 2)
    assert verdict.exit_code == EXIT_STOPPED_EARLY and verdict.outcome is not Outcome.PASS
