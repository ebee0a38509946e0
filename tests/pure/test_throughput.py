"""Good answers per second against a limit, which may be a share of the users."""

from __future__ import annotations

import dataclasses

import pytest

from harness import criteria
from harness.criteria.requests import throughput
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, Phase, PlannedGate
from harness.recording.values import OK, UNFINISHED
from tests import recordings

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
PHASES = (Phase("baseline", 0, 10), Phase("spike", 10, 20), Phase("recovery", 20, 30))


def run(good: int, failed: int = 0, **header: object) -> Recording:
    whole = recordings.healthy()
    planned = dataclasses.replace(whole.header, phases=PHASES, gates=(), level=(), **header)  # type: ignore[arg-type]
    slices = (
        Slice(10, "local", "GET /", OK, good, 0, {1000: good}),
        Slice(12, "local", "GET /", "http 503", failed, 0, {}),
    )
    return dataclasses.replace(whole, header=planned, slices=tuple(piece for piece in slices if piece.count))


def judged(recording: Recording, **parameters: float) -> Finding:
    return criteria.load(CriterionSpec("throughput", parameters)).judge(recording)


def test_it_is_counted_in_the_phase_and_fails_below_its_limit() -> None:
    found = judged(run(100, 50), lower_limit_per_s=9.0)
    assert (found.outcome, found.figure) == (PASS, 10)
    assert judged(run(100, 50), lower_limit_per_s=12.0).outcome is FAIL
    assert judged(run(100, 20), lower_limit_per_s=12.0).outcome is FAIL, "just as much was asked for"
    less_asked = judged(run(100, 0), lower_limit_per_s=12.0)
    assert less_asked.outcome is INCONCLUSIVE and "ask for more than that" in less_asked.reason


def test_a_share_of_a_herd() -> None:
    """A tenth of 500 users, each second."""
    herd = run(400, 200)
    herd = dataclasses.replace(herd, header=dataclasses.replace(herd.header, gates=(PlannedGate("herd", 10.0, 500),)))
    assert judged(herd, lower_limit_of_users_ratio=0.05).outcome is PASS
    found = judged(herd, lower_limit_of_users_ratio=0.1)
    assert found.outcome is FAIL and "at least 50/s, 10 % of 500 users wanted" in found.reason


def test_a_share_of_the_users_that_are_active() -> None:
    """The most that the phase has, and not those with whom the next one begins."""
    closed = run(400, 200)
    level = ((0, 10.0), (10, 10.0), (10, 100.0), (20, 100.0), (20, 900.0), (30, 900.0))
    closed = dataclasses.replace(closed, header=dataclasses.replace(closed.header, level=level, level_unit="users"))
    assert "of 100 users" in judged(closed, lower_limit_of_users_ratio=0.1).reason
    falling = dataclasses.replace(closed.header, level=((0, 300.0), (10, 300.0), (10, 100.0), (20, 100.0)))
    of_fewer = judged(dataclasses.replace(closed, header=falling), lower_limit_of_users_ratio=0.1)
    assert "of 100 users" in of_fewer.reason, "nor those of the phase before"


@pytest.mark.parametrize("unit", ["starts/s", "users"])
def test_without_users_there_is_no_share(unit: str) -> None:
    found = judged(run(400, level_unit=unit), lower_limit_of_users_ratio=0.1)
    assert found.outcome is INCONCLUSIVE and "give lower_limit_per_s" in found.reason


def test_a_phase_without_requests_or_without_seconds_shows_nothing() -> None:
    assert "nothing to judge" in judged(run(0)).reason
    short = run(10)
    phases = (PHASES[0], Phase("spike", 10, 10), PHASES[2])
    none = dataclasses.replace(short, header=dataclasses.replace(short.header, phases=phases))
    assert (judged(none).outcome, "nothing to judge" in judged(none).reason) == (INCONCLUSIVE, True)


def test_what_nobody_knows_of_a_run_that_was_cut_off_may_have_been_good() -> None:
    """60 good answers and 40 without one in 10 s: 6 to 10 a second. More than 10 cannot have been answered."""
    waiting = Slice(11, "local", "GET /", UNFINISHED, 40, 0, {1000: 40})
    whole = dataclasses.replace(run(60), end=None)
    cut = dataclasses.replace(whole, slices=(*whole.slices, waiting))
    for limit, outcome, advice in ((6.0, PASS, ""), (10.0, INCONCLUSIVE, "its end"), (10.1, INCONCLUSIVE, "for more")):
        found = judged(cut, lower_limit_per_s=limit)
        assert (found.outcome, found.interval) == (outcome, (6, 10))
        assert advice in found.reason


def test_a_phase_without_seconds_has_the_users_of_no_instant() -> None:
    header = dataclasses.replace(run(1).header, level=((0, 10.0), (30, 10.0)), level_unit="users")
    assert throughput._users(header, Phase("spike", 10, 10)) == 0
    assert throughput._users(header, Phase("spike", 10, 11)) == 10


@pytest.mark.parametrize(("good", "outcome"), [(10, PASS), (9, FAIL)])
def test_one_good_answer_a_second_is_the_least_by_default(good: int, outcome: Outcome) -> None:
    """In a spike of 10 s in which 20 were asked for."""
    found = judged(run(good, 20 - good))
    assert (found.outcome, found.figure, found.limit) == (outcome, good / 10, 1.0)
