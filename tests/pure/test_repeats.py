"""Several runs of one plan together: known figures, and what may be concluded from how many."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from harness import repeats
from harness.findings import Finding, Outcome, Verdict
from harness.recording import CriterionSpec
from harness.verdict import judge
from tests import recordings

P, U, F = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL


def runs(*findings: Finding) -> list[Verdict]:
    return [Verdict(each.outcome, each.reason, (each,)) for each in findings]


def recovery(seconds: float, limit: float = 30) -> Finding:
    """Seen to recover after so long; infinite: not in 60 s."""
    seen = not math.isinf(seconds)
    outcome = P if seconds <= limit else F
    interval = (seconds, seconds) if seen else (60.0, math.inf)
    return Finding(
        "recovery_time", "recovery time", outcome, "…", seconds if seen else None, "s", limit, interval,
        kind="recovery_time", censored=not seen,
    )  # fmt: skip


def failing(failed: int, requests: int = 500, limit: float = 0.05) -> Finding:
    ratio = failed / requests
    outcome = P if ratio <= limit else F
    evidence = {"requests": requests, "failed": failed}
    return Finding(
        "error_ratio", "error ratio", outcome, "…", ratio, "ratio", limit, (ratio, ratio), kind="error_ratio",
        evidence=evidence,
    )  # fmt: skip


@pytest.mark.parametrize(("n", "share"), [(3, 36.8), (5, 54.9), (10, 74.1), (59, 95.0)])
def test_n_of_n_runs_bound_the_share_of_such_runs(n: int, share: float) -> None:
    found = repeats.pooled(runs(*[recovery(2)] * n), n)
    assert found.outcome is P
    assert f"kept in {n} of {n} runs, so with 95 % confidence in at least {share:.3g} %" in found.findings[0].reason
    assert share / 100 == pytest.approx(0.05 ** (1 / n), abs=1e-3)


def test_the_median_recovery_counts_those_that_never_came() -> None:
    """2, 4, 6 and 8 s, and one that was never seen: the median is 6 s, and its interval is open."""
    found = repeats.pooled(runs(*map(recovery, (2, 4, 6, 8, math.inf))), 5)
    (finding,) = found.findings
    assert (finding.figure, finding.interval) == (6, (-math.inf, math.inf))
    assert found.outcome is U
    assert "1 not seen to recover" in finding.reason


def test_one_that_was_watched_for_less_is_censored_there() -> None:
    """Kaplan and Meier's own way: 2, 5 and 7 s seen, and one only watched for 3 s: 1 → 3/4 → 3/8 at 5 s."""
    assert repeats.kaplan_meier_median([(2, 2), (3, math.inf), (5, 5), (7, 7)]) == 5
    assert repeats.kaplan_meier_median([(2, 2), *[(60, math.inf)] * 3]) is None


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [((40, 41, 42), F), ((2, 2, 40), U), ((2, *[40] * 5), U), ((2, *[40] * 11), F), ((2, 2, 2), P)],
)
def test_a_mixture_is_never_a_pass_and_fails_only_where_the_median_surely_does(
    seconds: tuple[float, ...], outcome: Outcome
) -> None:
    assert repeats.pooled(runs(*map(recovery, seconds)), len(seconds)).outcome is outcome


def throughput(per_s: float, limit: float = 100) -> Finding:
    """Of a limit that is kept above it."""
    outcome = P if per_s >= limit else F
    return Finding("throughput", "throughput", outcome, "…", per_s, "1/s", limit, (per_s, per_s), kind="throughput")


@pytest.mark.parametrize(
    "failed",
    [
        [throughput(90)],  # below the limit, which is kept above it
        [dataclasses.replace(throughput(120), outcome=F, figure=None, interval=None)],  # for what is no figure
        [dataclasses.replace(throughput(120), outcome=F), throughput(90)],  # one of two above it is not all
    ],
)
def test_a_median_beyond_the_limit_is_neither_pass_nor_fail_where_those_that_failed_are_not(
    failed: list[Finding],
) -> None:
    """Eleven runs of 120 a second: the interval of the median is 120 to 120, above a limit of 100."""
    found = repeats.pooled(runs(*[throughput(120)] * 11, *failed), 11 + len(failed))
    assert found.findings[0].interval == (120, 120)
    assert found.outcome is U
    assert f"kept in 11 of {11 + len(failed)} runs" in found.findings[0].reason


def test_herds_are_the_clusters_of_an_error_ratio() -> None:
    """Two in a hundred everywhere is surer than one herd of ten that failed by a fifth."""
    even = repeats.pooled(runs(*[failing(10)] * 10), 10).findings[0]
    uneven = repeats.pooled(runs(failing(100), *[failing(0)] * 9), 10).findings[0]
    assert even.figure == uneven.figure == pytest.approx(0.02)
    assert even.interval is not None
    assert uneven.interval is not None
    assert even.interval[1] < 0.03
    # The standard error of ten clusters by hand: √(10/9 · (90² + 9 · 10²)) ÷ 5,000 = 0.02, that of the logit
    # 0.02 ÷ (0.02 · 0.98), times t(0.975; 9) = 2.262: a factor of 10.06 on the odds.
    assert uneven.interval[1] == pytest.approx(0.1703, abs=1e-4)
    assert repeats.pooled(runs(failing(100), *[failing(0)] * 9), 10).outcome is U


def test_the_interval_over_herds_covers_where_that_of_one_herd_cannot() -> None:
    """Each herd has an error ratio of its own, 4 % on average: 10 herds of 500."""
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        own = random.gamma(4, 0.01, 10)
        failed = random.binomial(500, own)
        low, high = repeats.clustered_ratio([float(each) for each in failed], [500.0] * 10)[1]
        covered += low <= 0.04 <= high
    assert 0.9 * 400 <= covered <= 0.98 * 400


def test_a_void_run_is_left_out_and_a_pass_needs_more_than_half() -> None:
    well, void = judge(recordings.healthy()), judge(recordings.saturated())
    assert repeats.pooled([well, well, void], 3).outcome is P
    found = repeats.pooled([well, void], 2)
    assert found.outcome is U
    assert "1 of 2 runs say nothing about it" in found.reason


@pytest.mark.parametrize("outcome", [U, F])
def test_a_run_without_a_figure_is_left_out_only_where_a_guard_voided_it(outcome: Outcome) -> None:
    """Its evidence did not reach, or it failed for what is no figure: of neither do the other runs say a word."""
    without = dataclasses.replace(recovery(2), outcome=outcome, figure=None, interval=None)
    found = repeats.pooled(runs(*map(recovery, (2, 2, 2, 2)), without), 5)
    assert found.outcome is U
    assert "kept in 4 of 5 runs" in found.findings[0].reason


@pytest.mark.parametrize(
    ("guard", "outcome"),
    [("target_healthy", U), ("warm_up_healthy", U), ("users_stayed", U), ("generator_health", P), ("release_skew", P)],
)
def test_what_the_target_itself_made_void_is_no_accident(guard: str, outcome: Outcome) -> None:
    """It was down when the third of five runs began."""
    objection = Finding(
        guard, "the guard", U, "unhealthy before the load", 0.5, kind=guard, is_guard=True, voids=("clients",)
    )
    void = Verdict(U, "…", (dataclasses.replace(recovery(2), outcome=U, voided_by=guard), objection))
    found = repeats.pooled([*runs(*[recovery(2)] * 4), void], 5)
    assert found.outcome is outcome
    assert ("the guard: in 1 of the runs, the first of them: unhealthy before" in found.reason) is (outcome is U)


@pytest.mark.parametrize(("error_ratio", "outcome"), [(1.0, U), (0.06, U), (0.05, P), (0.0, P)])
def test_failures_in_the_baseline_are_the_targets_doing_and_stalls_may_be_the_machines(
    error_ratio: float, outcome: Outcome
) -> None:
    objection = Finding(
        "baseline_healthy", "the guard", U, "ill", error_ratio, "ratio", 0.05, kind="baseline_healthy", is_guard=True,
        voids=("baseline",),
    )  # fmt: skip
    void = Verdict(U, "…", (dataclasses.replace(recovery(2), outcome=U, voided_by="baseline_healthy"), objection))
    found = repeats.pooled([*runs(*[recovery(2)] * 3), void, void], 5)
    assert found.outcome is outcome, found.reason
    assert (found.reason == "All 1 criteria hold in 3 of 5 runs.") is (outcome is P)


def test_the_sentence_says_in_how_many_runs_the_criteria_hold() -> None:
    both = [Verdict(P, "", (recovery(2), failing(0))) for _ in range(3)]
    one = Verdict(U, "", (dataclasses.replace(recovery(2), outcome=U, voided_by="skew"), failing(0)))
    assert repeats.pooled(both, 3).reason == "All 2 criteria hold in 3 runs."
    assert repeats.pooled([*both, one], 4).reason == "All 2 criteria hold in at least 3 of 4 runs."


def test_a_run_without_a_verdict_is_no_pass() -> None:
    found = repeats.pooled([judge(recordings.healthy())] * 4, 5)
    assert (found.outcome, "1 of 5 runs left no verdict" in found.reason) == (U, True)
    assert repeats.pooled([], 3).outcome is U


def test_a_guard_that_failed_in_one_run_fails_them_all() -> None:
    """The service did not come back after one of them."""
    found = repeats.pooled([judge(recordings.healthy())] * 3 + [judge(recordings.login_herd(healthy_after=False))], 4)
    assert found.outcome is F
    assert "did not come back" in found.reason


def test_whole_runs_are_judged_together() -> None:
    found = repeats.pooled([judge(recordings.healthy(seed)) for seed in range(6)], 6)
    assert found.outcome is P
    p95 = next(finding for finding in found.findings if finding.kind == "latency_quantile")
    assert p95.interval is not None and p95.figure is not None
    assert p95.interval[0] <= p95.figure <= p95.interval[1] < 5
    slow = [judge(recordings.login_herd(seed=seed, drain_per_s=60)) for seed in range(6)]
    assert repeats.pooled(slow, 6).outcome is F


def test_no_figure_and_no_criterion_is_no_pass() -> None:
    empty = judge(dataclasses.replace(recordings.healthy(), slices=()), [CriterionSpec("error_ratio")])
    assert repeats.pooled([empty] * 3, 3).outcome is U
