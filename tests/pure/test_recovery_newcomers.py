"""What a recovery is told by a stream of which each fifth start is by somebody who has just connected."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Outcome
from harness.load.newcomers import NEWCOMERS
from harness.recording import Recording
from harness.recording.values import OK
from tests.recordings import CANARY, Request, ended, healthy, slices

BASELINE_S, SPIKE_S, RECOVERY_S, PER_S = 30, 1, 60, 10


def canaries(
    seed: int, *, slower_ratio: float = 0.0, slower_by_s: float = 0.0, handshake_s: float = 0.0, outcome: str = OK
) -> Recording:
    """After the spike a share of the answers takes longer, for ever. A newcomer's latency holds the handshake, and what
    becomes of its start after the spike is this outcome.
    """
    random = np.random.default_rng(seed)
    requests = []
    for number in range((BASELINE_S + SPIKE_S + RECOVERY_S) * PER_S):
        t, is_new = (number + 0.5) / PER_S, number % NEWCOMERS == 0
        after = t >= BASELINE_S + SPIKE_S
        latency_s = 0.02 * float(np.exp(0.4 * random.standard_normal())) + handshake_s * is_new
        if after and random.random() < slower_ratio:
            latency_s += slower_by_s
        requests.append(Request(t, "worker-1", CANARY, outcome if after and is_new else OK, latency_s))
    return ended(dataclasses.replace(healthy(), slices=slices(requests)))


@pytest.mark.parametrize("outcome", ["connection refused", "connect timeout", "timeout"])
def test_a_target_that_takes_nobody_new_has_not_recovered(outcome: str) -> None:
    found = RecoveryTime().judge(canaries(1, outcome=outcome))
    assert found.outcome is Outcome.FAIL and found.censored, found.reason


def test_newcomers_who_are_connected_when_they_start_hide_nothing() -> None:
    """Where their latency held a handshake that is as long as the slowdown, a baseline of which a fifth takes that long
    would hide it.
    """
    slower = {"slower_ratio": 0.3, "slower_by_s": 0.15}
    assert RecoveryTime().judge(canaries(1)).outcome is Outcome.PASS
    assert {RecoveryTime().judge(canaries(seed, **slower)).outcome for seed in range(5)} == {Outcome.FAIL}
    hidden = {RecoveryTime().judge(canaries(seed, handshake_s=0.15, **slower)).outcome for seed in range(5)}
    assert Outcome.FAIL not in hidden and Outcome.PASS not in hidden
