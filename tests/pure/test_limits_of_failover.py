"""The default limits of replication and balancing, from both sides, as in ``test_limits.py``."""

from __future__ import annotations

import dataclasses

import pytest

from harness import criteria
from harness.findings import Outcome
from harness.plugins import parameters_of
from harness.recording import CriterionSpec, Recording
from harness.recording.marks import FaultMark
from tests.ledgers import ask, failover, ledger, sampled, write, writes
from tests.pure.test_balancing import falling_back, rotating, shared
from tests.pure.test_limits import Case


def longer(run: Recording) -> Recording:
    """A recovery that ends at 120 s."""
    phases = (*run.header.phases[:-1], dataclasses.replace(run.header.phases[-1], end_s=120))
    end = None if run.end is None else dataclasses.replace(run.end, t=120.0)
    return dataclasses.replace(run, header=dataclasses.replace(run.header, phases=phases), end=end)


def away(length_s: float) -> Recording:
    """Writes are tried each 10 ms, and answered after one."""
    return longer(ledger(writes(every_s=0.01, takes_s=0.001, away=(12, 12 + length_s), until_s=119)))


def rejoining(rejoined_s: float) -> Recording:
    return longer(sampled(ledger(writes()), failover(rejoined_s=rejoined_s, until_s=120)))


def lagging(lag_s: float) -> Recording:
    return sampled(ledger(writes()), failover(lag_s=lag_s))


def acknowledged(before_s: float) -> Recording:
    """One write, so long before the fault at 12 s, which shows in the reads."""
    return ledger([write("a", 11.5 - before_s, 12.0 - before_s), ask(1, 2), ask(12.1, None), ask(12.2, None)])


def back(after_s: float) -> Recording:
    """Struck until 20 s."""
    marks = FaultMark(12, "kill_process", "injected", "", 1), FaultMark(20, "kill_process", "undone", "", 1)
    return rotating(back_s=20 + after_s, faults=marks)


PASS, INCONCLUSIVE = Outcome.PASS, Outcome.INCONCLUSIVE
CASES = (
    Case("lost_writes", "limit", lambda: ledger(writes()), lambda: ledger(writes(), lost=1), (0, 1), 1.0),
    Case(
        "lost_writes", "at_risk_s", lambda: acknowledged(0.9), lambda: acknowledged(1.1), (0, None), 1.2, INCONCLUSIVE
    ),
    Case("recovery_point", "limit_s", lambda: ledger(writes()), lambda: ledger(writes(), lost=1), (0, 11.99), 12.0),
    Case(
        "recovery_point",
        "at_risk_s",
        *(lambda: acknowledged(0.9), lambda: acknowledged(1.1), (0, None), 1.2, INCONCLUSIVE),
    ),
    Case("doubled_writes", "limit", lambda: ledger(writes()), lambda: ledger(writes(), doubled=1), (0, 1), 1.0),
    # From answer to answer one try more than it lasts; from sign to sign one less.
    Case("outage", "limit_s", lambda: away(29.9), lambda: away(30.1), (29.91, 30.11), 30.2),
    Case(
        "single_primary",
        "limit",
        lambda: sampled(ledger(writes()), failover()),
        lambda: sampled(ledger(writes()), failover(overlap_s=4)),
        *((0, 2), 2.0),
    ),
    # With half a second of doubt.
    Case("replication_lag", "limit_s", lambda: lagging(4.4), lambda: lagging(5.1), (4.4, 5.1), 5.7),
    # Sampled each second, a quarter of a second after it.
    Case("rejoin_time", "limit_s", lambda: rejoining(71.0), lambda: rejoining(73.5), (58.755, 61.755), 63.0),
    # Of 5,000, half are 2,500: with Bonferroni's confidence no more than 3.2 % of the even share off by chance.
    Case("even_share", "limit", lambda: shared(a=3025, b=1975), lambda: shared(a=3225, b=1775), (0.21, 0.29), 0.33),
    Case("out_of_rotation", "limit_s", lambda: rotating(out_s=16.8), lambda: rotating(out_s=17.1), (4.87, 5.17), 5.4),
    Case("back_in_rotation", "limit_s", lambda: back(14.8), lambda: back(15.2), (14.74, 15.14), 15.5),
    Case("fallback_time", "limit_s", lambda: falling_back(4.9), lambda: falling_back(5.1), (4.905, 5.105), 5.2),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.criterion}-{case.parameter}")
def test_the_default_limit_lies_between_the_two(case: Case) -> None:
    within, beyond = case.judged(case.within), case.judged(case.beyond)
    assert (within.outcome, beyond.outcome) == (PASS, case.outcome), (within.reason, beyond.reason)
    for found, figure in zip((within, beyond), case.figures, strict=True):
        assert found.figure == (None if figure is None else pytest.approx(figure, rel=0.02, abs=1e-9))
    assert case.judged(case.beyond, **{case.parameter: case.relaxed}).outcome is PASS


@pytest.mark.parametrize("name", sorted({case.criterion for case in CASES}))
def test_every_limit_has_a_case(name: str) -> None:
    limits = {each.name for each in parameters_of(type(criteria.load(CriterionSpec(name)))) if "limit" in each.name}
    assert limits <= {case.parameter for case in CASES if case.criterion == name}
