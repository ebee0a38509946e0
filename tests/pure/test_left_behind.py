"""Request names that stay worse than before, behind all the others that do not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.criteria.requests.error_budget import ErrorBudget
from harness.criteria.requests.error_ratio import ErrorRatio
from harness.criteria.requests.latency_quantile import LatencyQuantile
from harness.criteria.requests.throughput import Throughput
from harness.criteria.scaling.scaling_errors import ScalingErrors
from harness.findings import Outcome
from harness.limit.step import Step
from harness.recording import Recording, Slice
from tests import recordings
from tests.recordings import sliced

RARE, USUAL = "POST /orders", "GET /orders"
FAILED, SLOW = "http 503", "slow"


def with_rare_requests(share: float, failing: float, how: str = FAILED, seed: int = 1) -> Recording:
    """20 requests/s, of which a share is rare ones, which fail, or take 3 s, so often from the spike on."""
    run, random = recordings.healthy(seed), np.random.default_rng(seed)
    end_s = run.header.phases[-1].end_s
    intended_s = np.sort(random.uniform(0, end_s, 20 * end_s))
    is_rare = random.random(len(intended_s)) < share
    is_ill = is_rare & (intended_s > 30) & (random.random(len(intended_s)) < failing)
    latency_s = 0.02 * np.exp(0.4 * random.standard_normal(len(intended_s))) + 3.0 * (is_ill & (how == SLOW))
    kinds = [("n", USUAL, "ok"), ("n", RARE, "ok"), ("n", RARE, FAILED)]
    kind = is_rare.astype(np.int64) + (is_ill & (how == FAILED))
    return dataclasses.replace(run, slices=sliced(intended_s, kind, latency_s, kinds))


@pytest.mark.parametrize("how", [FAILED, SLOW])
@pytest.mark.parametrize(("share", "failing"), [(0.04, 1.0), (0.04, 0.7), (0.08, 0.5)])
def test_a_rare_request_that_stays_worse_is_no_recovery(share: float, failing: float, how: str) -> None:
    found = RecoveryTime().judge(with_rare_requests(share, failing, how))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"requests {RARE} since the spike failed or were too slow" in found.reason
    assert f"with requests = {RARE}" in found.reason


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_request_that_is_as_before_is_none(seed: int) -> None:
    assert RecoveryTime().judge(with_rare_requests(0.05, 0.0, seed=seed)).outcome is Outcome.PASS


def sized(size_of: Callable[[int], int]) -> Recording:
    """All answers of a second have the same size."""
    run = recordings.healthy()
    pieces = tuple(
        dataclasses.replace(piece, bytes=piece.count * size_of(piece.t)) if piece.outcome == "ok" else piece
        for piece in run.slices
    )
    return dataclasses.replace(run, slices=pieces)


def test_good_answers_that_are_far_shorter_than_before_are_not_shown_to_be_good() -> None:
    """As an error page with status 200; unless bodies are as short at any time, or nobody minds."""
    error_page = sized(lambda t: 2000 if t < 31 else 60)
    found = RecoveryTime().judge(error_page)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"good answers to {recordings.CANARY} have 60 bytes since the recovery, and 2,000 in the" in found.reason
    assert RecoveryTime(shorter_ratio=0).judge(error_page).outcome is Outcome.PASS
    for well in (lambda t: 2000 + t, lambda t: 2000 if t < 31 else 1100, lambda t: 60 if t % 7 == 3 else 2000 - t * 20):
        assert RecoveryTime().judge(sized(well)).outcome is Outcome.PASS


def test_answers_of_the_spike_that_are_far_shorter_are_not_shown_to_be_good_either() -> None:
    """A service that answers its spike with an error page and status 200 has answered none of it."""
    page_in_spike = sized(lambda t: 60 if t == 30 else 2000)
    page_in_spike = dataclasses.replace(
        page_in_spike, slices=tuple(dataclasses.replace(each, name=USUAL) for each in page_in_spike.slices)
    )
    for criterion in (ErrorRatio, LatencyQuantile, Throughput):
        found = criterion().judge(page_in_spike)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert f"good answers to {USUAL} have 60 bytes in the spike, and 2,000 in the baseline" in found.reason
        assert Step(1.0, "", (found,)).about(found.criterion).answer is None  # of no limit, either
        assert criterion(shorter_ratio=0).judge(page_in_spike).outcome is Outcome.PASS
        assert criterion(phase="recovery").judge(page_in_spike).outcome is Outcome.PASS


def test_answers_without_a_body_are_no_short_ones_and_one_tiny_answer_says_nothing_of_the_others() -> None:
    """A cache that is asked whether anything has changed answers 304 to most under load, and a poll 204."""
    steady = tuple(dataclasses.replace(piece, name=USUAL, status=200) for piece in sized(lambda _: 2000).slices)
    for status in (204, 304):
        empty = tuple(Slice(30, "worker-1", USUAL, "ok", 5000, 0, {100: 5000}, status=status) for _ in range(2))
        assert (
            ErrorRatio().judge(dataclasses.replace(recordings.healthy(), slices=(*steady, *empty))).outcome
            is Outcome.PASS
        )
    tiny = dataclasses.replace(next(piece for piece in steady if piece.t == 3), count=1, bytes=10)
    page_in_spike = [dataclasses.replace(piece, bytes=60 * piece.count) if piece.t == 30 else piece for piece in steady]
    alone = [piece for piece in page_in_spike if piece.t != 3]  # in a second of its own
    for criterion in (ErrorRatio(), ErrorBudget(objective=0.9)):
        found = criterion.judge(dataclasses.replace(recordings.healthy(), slices=(*alone, tiny)))
        assert found.outcome is Outcome.INCONCLUSIVE and "have 60 bytes in the spike" in found.reason


def test_while_scaling_they_are_looked_at_as_well() -> None:
    assert ScalingErrors().judge(sized(lambda _: 2000)).outcome is Outcome.PASS
    found = ScalingErrors().judge(sized(lambda t: 2000 if t < 30 else 60))
    assert found.outcome is Outcome.INCONCLUSIVE and "2,000 in the baseline" in found.reason
