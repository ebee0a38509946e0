"""Request names that stay worse than before, behind all the others that do not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.analysis.histogram import bucket_index
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.criteria.requests.shed_ratio import ShedRatio
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec
from harness.recording.marks import AttemptsMark
from harness.recording.values import SHED
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


def without_rare_in_the_baseline(run: Recording) -> Recording:
    return dataclasses.replace(run, slices=tuple(each for each in run.slices if each.name != RARE or each.t > 30))


def test_a_rare_request_that_is_new_and_fails_is_no_recovery() -> None:
    """As of a stream that goes on under another name."""
    found = RecoveryTime().judge(without_rare_in_the_baseline(with_rare_requests(0.04, 1.0)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"requests {RARE} since the spike failed, and there were none of that name in the" in found.reason


@pytest.mark.parametrize("how", [FAILED, SLOW])
def test_a_rare_request_that_is_new_and_slow_may_be_so_by_nature(how: str) -> None:
    """And one of ten may fail, as of all together."""
    failing = 1.0 if how == SLOW else 0.1
    run = without_rare_in_the_baseline(with_rare_requests(0.04, failing, how))
    assert RecoveryTime().judge(run).outcome is Outcome.PASS


def named_when_failing(seed: int, begins_s: int = 0) -> Recording:
    """20 requests/s, of which one of 400 fails, at any time, or from an instant on, and is called by another name."""
    run, random = recordings.healthy(seed), np.random.default_rng(seed)
    end_s = run.header.phases[-1].end_s
    intended_s = np.sort(random.uniform(0, end_s, 20 * end_s))
    fails = (random.random(len(intended_s)) < 1 / 400) & (intended_s > begins_s)
    latency_s = 0.02 * np.exp(0.4 * random.standard_normal(len(intended_s)))
    kinds = [("n", USUAL, "ok"), ("n", f"{USUAL} (session expired)", FAILED)]
    return dataclasses.replace(run, slices=sliced(intended_s, fails.astype(np.int64), latency_s, kinds))


@pytest.mark.parametrize(("seed", "begins_s"), [(7, 0), (35, 0), (36, 0), (2, 30), (6, 30)])
def test_a_name_that_some_users_give_what_fails_is_none(seed: int, begins_s: int) -> None:
    """Though the baseline has none of it, be it by chance."""
    run = named_when_failing(seed, begins_s)
    assert all(each.outcome == "ok" or each.t >= 30 for each in run.slices)
    found = RecoveryTime().judge(run)
    assert found.outcome is Outcome.PASS, found.reason


@pytest.mark.parametrize("name", ["connection /feed ended", "attempt WS /feed reconnect"])
def test_names_that_have_failures_alone_are_none(name: str) -> None:
    run = with_rare_requests(0.04, 0.0)
    gone = tuple(Slice(t, "n", name, FAILED, 1, 0, {9: 1}) for t in range(33, 90, 6))
    assert RecoveryTime().judge(dataclasses.replace(run, slices=(*run.slices, *gone))).outcome is Outcome.PASS


def test_a_name_that_is_new_hides_none_that_is_left_behind() -> None:
    run = with_rare_requests(0.04, 1.0)
    new = Slice(60, "n", "GET /new", "ok", 9, 0, {bucket_index(20_000): 9})
    found = RecoveryTime().judge(dataclasses.replace(run, slices=(new, *run.slices)))
    assert f"requests {RARE} since the spike failed or were too slow" in found.reason


def tried_again(before: int, since: int, name: str = USUAL, how: str = FAILED) -> Recording:
    """A run whose requests are all good, and of 20 attempts of each second so many fail."""
    run = with_rare_requests(0.0, 0.0)
    failing = ((t, before if t < 30 else since) for t in range(run.header.phases[-1].end_s))
    marks = (AttemptsMark(t, "n", name, {"ok": {5: 20}} | ({how: {7: n}} if n else {})) for t, n in failing)
    return dataclasses.replace(run, marks=(*run.marks, *marks))


def test_requests_that_are_good_because_users_try_again_are_no_recovery() -> None:
    found = RecoveryTime().judge(tried_again(0, 20))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"1,200 of 2,400 attempts of {USUAL} since the spike failed, and 0 of 600 in the baseline" in found.reason
    for well in (tried_again(0, 1), tried_again(20, 20), tried_again(0, 20, "GET /elsewhere")):
        assert RecoveryTime().judge(well).outcome is Outcome.PASS


@pytest.mark.parametrize(("before", "outcome"), [(0, Outcome.INCONCLUSIVE), (20, Outcome.PASS)])
def test_a_target_that_sheds_first_attempts_only_since_the_spike_is_not_back(before: int, outcome: Outcome) -> None:
    """Had nobody tried again, these requests would be bad, whatever the shed ratio may be: none of them was shed."""
    run = tried_again(before, 20, how=SHED)
    header = dataclasses.replace(run.header, criteria=(CriterionSpec("shed_ratio", {"phase": "recovery"}),))
    judging_shed = dataclasses.replace(run, header=header)
    assert ShedRatio(phase="recovery").judge(judging_shed).outcome is Outcome.PASS
    assert RecoveryTime().judge(judging_shed).outcome is outcome


def test_of_names_that_are_tried_again_the_one_that_fails_by_most_is_told() -> None:
    run, other = tried_again(0, 20), tried_again(0, 40, RARE)
    one = Slice(60, "n", RARE, "ok", 1, 0, {bucket_index(20_000): 1})
    both = dataclasses.replace(run, slices=(one, *run.slices), marks=(*run.marks, *other.marks))
    assert f"attempts of {RARE} since" in RecoveryTime().judge(both).reason
    assert f"attempts of {USUAL} since" in RecoveryTime(requests=USUAL).judge(both).reason


def staying_slower(share: float, times: float, **criterion: float) -> Finding:
    """20 requests/s of 20 ms, of which a share takes so many times as long from the spike on, and its finding."""
    run, random = recordings.healthy(), np.random.default_rng(3)
    end_s = run.header.phases[-1].end_s
    intended_s = np.sort(random.uniform(0, end_s, 20 * end_s))
    is_rare = random.random(len(intended_s)) < share
    latency_s = 0.02 * np.exp(0.4 * random.standard_normal(len(intended_s)))
    latency_s *= np.where(is_rare & (intended_s >= 30), times, 1.0)
    kinds = [("n", USUAL, "ok"), ("n", RARE, "ok")]
    slices = sliced(intended_s, is_rare.astype(np.int64), latency_s, kinds)
    return RecoveryTime(**criterion).judge(dataclasses.replace(run, slices=slices))


@pytest.mark.parametrize("share", [0.04, 0.1])
def test_a_rare_request_that_stays_slower_within_the_floor_is_no_recovery(share: float) -> None:
    found = staying_slower(share, 4)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"the latency of {RARE} stays" in found.reason and "times as long as in the baseline" in found.reason
    # By 1.3 times it is within what is accepted, and so is any with slower_ratio = 0.
    assert staying_slower(share, 1.3).outcome is Outcome.PASS
    assert staying_slower(share, 4, slower_ratio=0).outcome is Outcome.PASS
    assert staying_slower(share, 4, slo_s=0.5).outcome is Outcome.PASS
