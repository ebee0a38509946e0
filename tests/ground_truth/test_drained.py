"""What a drain is held to: the target's own account of it, to the window in which it ended."""

from __future__ import annotations

import pytest

from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Outcome, Verdict
from tests.ground_truth import login_herd
from tests.ground_truth.frame import Run
from tests.recordings import login_herd as recorded


@pytest.mark.parametrize(
    ("found_s", "lasted_s", "right"),
    [
        (5.0, 6.0, True),
        (6.0, 6.2, True),
        (6.0, 6.0, True),  # the window in which the last login was delayed is bad, and the next one begins at 6 s
        (7.0, 7.9, True),  # a target that took most of two seconds to take the herd in
        (7.0, 6.5, False),
        (5.0, 7.1, False),
        (None, 6.0, False),
    ],
)
def test_a_recovery_is_held_against_how_long_the_target_was_degraded(
    found_s: float | None, lasted_s: float, right: bool
) -> None:
    finding = RecoveryTime().finding(Outcome.PASS, "", found_s, None if found_s is None else (found_s - 1, found_s + 1))
    account = {"degraded_from": 100.0, "degraded_until": 100.0 + lasted_s}
    case = login_herd.SHORT[1]
    run = Run(case, recorded(), Verdict(Outcome.PASS, "", (finding,)), account, (), None, None)
    compared = case.check(run)
    assert compared.truth == pytest.approx(lasted_s - 1)  # the spike lasts for one of these seconds
    assert (not compared.differences) is right
