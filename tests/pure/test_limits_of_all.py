"""No criterion has a default limit that nobody holds from both sides: what the other tables of limits do not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import criteria
from tests.breakers import WITNESSES, simulate
from tests.pure import (
    test_answers_in_a_row,
    test_elasticity,
    test_limits,
    test_limits_of_failover,
    test_readiness,
    test_recovers_from_each_fault,
    test_throughput,
)
from tests.pure.test_limits import FAIL, FIFTEEN, PASS, Case

CASES = (
    # Full in the second that begins 29 s, and 31 s, after the spike.
    Case(
        "answers_in_a_row",
        "limit_s",
        lambda: test_answers_in_a_row.run(["f"] * 29 + ["ggggg"]),
        lambda: test_answers_in_a_row.run(["f"] * 31 + ["ggggg"]),
        (30, 32),
        32.0,
    ),
    # At two calls a second; half-open probes come later.
    Case(
        "breaker_threshold",
        "limit",
        lambda: simulate(threshold=10, instances=1, per_s=2).recording,
        lambda: simulate(threshold=15, instances=1, per_s=2).recording,
        *((10, 15), 15.0, FAIL, WITNESSES),
    ),
    Case(
        "readiness",
        "limit_s",
        lambda: test_readiness.run(told_after_s=3),
        lambda: test_readiness.run(told_after_s=7),
        *((3.0, 7.0), 9.0),
    ),
    # Fails until 28 s and 32 s after the fault's end at 60 s.
    Case(
        "recovers_from_each_fault",
        "limit_s",
        lambda: test_recovers_from_each_fault.day([(50, 60, 88)]),
        lambda: test_recovers_from_each_fault.day([(50, 60, 92)]),
        (28, 32),
        34.0,
    ),
    # From 12 s on two are needed; a wish for them at 41 s lies between samples at 40.25 s and 41.25 s.
    Case(
        "scaling_trigger",
        "limit_s",
        lambda: test_elasticity.run(((-2.0, 1),), wanted=((-2.0, 1), (41.0, 2))),
        lambda: test_elasticity.run(((-2.0, 1),), wanted=((-2.0, 1), (43.0, 2))),
        (28.75, 30.75),
        *(32.0, FAIL, FIFTEEN),
    ),
    # In a phase of 10 s, of 1.5 requests in each second.
    Case(
        "throughput",
        "lower_limit_per_s",
        lambda: test_throughput.run(10, 5),
        lambda: test_throughput.run(9, 6),
        (1.0, 0.9),
        0.9,
    ),
)
HELD_BY_THEIR_OWN_TESTS = {
    **dict.fromkeys(
        ("key_fairness", "over_admission", "remaining_told", "retry_after", "wrong_refusals"), "rate_limit"
    ),
    **dict.fromkeys(("backup_cost", "backup_steps", "restore_time", "restored_writes"), "backup"),
    "cpu_throttling": "cpu_throttling",
    "breaker_flaps": "limits",
    "memory_leak": "limits",
}
"""Criterion → the file of tests that has its default limit from both sides."""
NONE_BY_DEFAULT = {("throughput", "lower_limit_of_users_ratio")}
"""Limits that hold only where one is given."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.criterion}-{case.parameter}")
def test_the_default_limit_lies_between_the_two(case: Case) -> None:
    within, beyond = case.judged(case.within), case.judged(case.beyond)
    assert (within.outcome, beyond.outcome) == (PASS, case.outcome), (within.reason, beyond.reason)
    assert (within.figure, beyond.figure) == pytest.approx(case.figures, rel=0.01)
    assert case.judged(case.beyond, **{case.parameter: case.relaxed}).outcome is PASS


def test_every_limit_of_every_criterion_is_held() -> None:
    tables = (*CASES, *test_limits.CASES, *test_limits_of_failover.CASES)
    held = {(case.criterion, case.parameter) for case in tables}
    limits = {
        (name, each.name)
        for name in set(test_limits.ours()) - HELD_BY_THEIR_OWN_TESTS.keys()
        for each in criteria.parameters(name)
        if "limit" in each.name
    }
    assert limits - NONE_BY_DEFAULT <= held, sorted(limits - NONE_BY_DEFAULT - held)
    for name, file in HELD_BY_THEIR_OWN_TESTS.items():
        assert name in (Path(__file__).parent / f"test_{file}.py").read_text(), name
