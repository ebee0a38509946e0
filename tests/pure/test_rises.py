"""When a rise of the demand was met: from known step functions, to the instant, with every sentence of the lag."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._elasticity import Capacity, Elasticity, Rise, find_rises
from harness.criteria.scaling._step_function import Sampled, Steps, demand, sampled
from harness.criteria.scaling.scaling_lag import ScalingLag
from harness.findings import Finding, Outcome
from tests.recordings import healthy

END_S = 60.0
EXACT = Capacity(10, 10, True, 9.0, None)


def steps(*points: tuple[float, float]) -> Steps:
    return Steps.of(points, END_S)


def every_second(*points: tuple[float, float]) -> Sampled:
    known = steps(*points)
    return sampled([(float(t), known.at(t)) for t in range(60)], 0, END_S)


def measured(needed: Steps, ready: Sampled, wanted: Sampled | None = None, least: Steps | None = None) -> Elasticity:
    return Elasticity("api", EXACT, needed, least or needed, ready, wanted, 1)


NEEDED = steps((0, 1), (10, 2), (20, 3), (40, 1))


def test_each_change_lies_between_two_samples() -> None:
    """Sampled at 0, 1, 2 … s, each of which may be read a tenth of a second later."""
    found = every_second((0, 1), (12, 2))
    assert found.middle.points == ((0, 1), (11.5, 2))
    assert found.high.points == ((0, 1), (11, 2)) and found.low.points == ((0, 1), (12.1, 2))
    assert (found.longest_gap_s, found.usual_gap_s, found.shortest_turn_s) == (1, 1, math.inf)
    turns = sampled([(0.0, 1), (1.0, 2), (5.0, 1), (6.0, 1), (8.0, 2)], 0, 20)
    assert (turns.longest_gap_s, turns.usual_gap_s, turns.shortest_turn_s) == (12, 1.5, 3)
    one = sampled([(3.0, 2)], 0, 20)
    assert (one.usual_gap_s, one.longest_gap_s, one.middle.points) == (0, 17, ((0, 2),))
    assert sampled([(0.0, 1), (4.0, 2)], 0, 20).usual_gap_s == 4


def test_a_rise_is_met_when_so_many_are_ready() -> None:
    first, second = find_rises(measured(NEEDED, every_second((0, 1), (13, 2), (26, 3))), NEEDED)
    assert first == Rise(10, 2, pytest.approx(2.5), (pytest.approx(2), pytest.approx(3.1)), None, None)
    assert second == Rise(20, 3, pytest.approx(5.5), (pytest.approx(5), pytest.approx(6.1)), None, None)


@pytest.mark.parametrize(("ready_s", "is_met"), [(39, True), (41, False)])
def test_a_rise_that_is_met_after_the_demand_fell_is_not(ready_s: int, is_met: bool) -> None:
    _, second = find_rises(measured(NEEDED, every_second((0, 2), (ready_s, 3))), NEEDED)
    if is_met:
        assert second.lag_s == pytest.approx(18.5) and second.interval_s == (pytest.approx(18), pytest.approx(19.1))
    else:
        assert (second.lag_s, second.interval_s) == (None, (20, math.inf))
    edge = find_rises(measured(NEEDED, every_second((0, 2), (40, 3))), NEEDED)[1]
    assert edge.lag_s == pytest.approx(19.5) and edge.interval_s == (pytest.approx(19), math.inf)
    # A fall to what is still enough for the first rise is none for it.
    falls = steps((0, 1), (10, 2), (20, 3), (30, 2))
    first, _ = find_rises(measured(falls, every_second((0, 1), (35, 2))), falls)
    assert first.lag_s == pytest.approx(24.5)


def test_what_was_ready_before_is_met_at_once_and_never_is_until_the_end() -> None:
    assert [rise.lag_s for rise in find_rises(measured(NEEDED, every_second((0, 3))), NEEDED)] == [0, 0]
    lasting = steps((0, 1), (10, 2))
    (never,) = find_rises(measured(lasting, every_second((0, 1))), lasting)
    assert (never.lag_s, never.interval_s) == (None, (50, math.inf))


def test_how_long_the_autoscaler_took_to_decide() -> None:
    ready, wanted = every_second((0, 1), (16, 2), (26, 3)), every_second((0, 1), (13, 2), (45, 3))
    first, second = find_rises(measured(NEEDED, ready, wanted), NEEDED)
    assert (first.wanted_after_s, second.wanted_after_s) == (pytest.approx(2.5), None)
    assert first.lag_s == pytest.approx(5.5)


@pytest.fixture
def lag(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finding]:
    def judge(found: Elasticity, **parameters: Any) -> Finding:
        monkeypatch.setattr(elasticity, "measure", lambda *_: found)
        return ScalingLag(**parameters).judge(healthy())

    return judge


@pytest.mark.parametrize(
    ("limit_s", "outcome"),
    [(6.2, Outcome.PASS), (6.0, Outcome.INCONCLUSIVE), (5.0, Outcome.INCONCLUSIVE), (4.9, Outcome.FAIL)],
)
def test_the_slowest_rise_is_judged(lag: Callable[..., Finding], limit_s: float, outcome: Outcome) -> None:
    ready, wanted = every_second((0, 1), (13, 2), (26, 3)), every_second((0, 1), (12, 2), (23, 3))
    found = lag(measured(NEEDED, ready, wanted), limit_s=limit_s)
    assert (found.outcome, found.figure) == (outcome, pytest.approx(5.5))
    assert found.interval == (pytest.approx(5), pytest.approx(6.1)) and not found.censored
    assert found.reason.startswith("the demand for 3 replicas at 20 s was met after 5 s to 6.1 s, limit ")
    assert found.reason.endswith(": too close to tell between two samples") is (outcome is Outcome.INCONCLUSIVE)
    assert found.evidence["for 2 replicas, from 10 s on (s)"] == pytest.approx(2.5)
    assert found.evidence["for 2 replicas, from 10 s on: wanted to ready (s)"] == pytest.approx(1)
    assert found.evidence["for 3 replicas, from 20 s on: wanted to ready (s)"] == pytest.approx(3)


def test_a_rise_that_was_never_met_is_censored(lag: Callable[..., Finding]) -> None:
    never = measured(NEEDED, every_second((0, 2)), every_second((0, 2)))
    found = lag(never, limit_s=15)
    assert (found.outcome, found.figure, found.interval, found.censored) == (Outcome.FAIL, None, (20, math.inf), True)
    assert found.reason == (
        "the demand for 3 replicas at 20 s was not met in the 20 s that it lasted, limit 15 s; the autoscaler never "
        "wanted so many"
    )
    short = lag(never, limit_s=20)
    assert short.outcome is Outcome.INCONCLUSIVE and short.reason.endswith("a step of more than 20 s would settle it")
    assert "never wanted" not in lag(measured(NEEDED, every_second((0, 2)))).reason
    assert lag(measured(steps((0, 1)), every_second((0, 1)))).outcome is Outcome.INCONCLUSIVE


def test_a_bracket_of_the_capacity_takes_the_widest(lag: Callable[..., Finding]) -> None:
    """With the larger capacity nothing ever rose, so that the lag may be 0."""
    ready = every_second((0, 1), (13, 2), (26, 3))
    found = lag(measured(NEEDED, ready, least=steps((0, 1))), limit_s=5)
    assert (found.outcome, found.interval) == (Outcome.INCONCLUSIVE, (0, pytest.approx(6.1)))
    assert found.reason.endswith("one replica takes 10 starts/s, and to know that exactly would settle it")
    later = lag(measured(NEEDED, ready, least=steps((0, 1), (12, 2), (40, 1))), limit_s=5)
    assert later.interval == (0, pytest.approx(6.1)), "at 12 s the second one may have been ready"


def test_of_points_at_one_instant_the_last_counts() -> None:
    found = Steps.of([(0, 1), (5, 2), (5, 3), (7, 3), (9, 4), (60, 9), (70, 1)], END_S)
    assert found.points == ((0, 1), (5, 3), (9, 4))
    assert [found.at(t) for t in (-1, 0, 4.9, 5, 9, 99)] == [1, 1, 1, 3, 4, 4]
    assert found.first(3, 0) == 5 and found.first(3, 6) == 6 and found.first(5, 0) is None
    ramp = demand(((0.0, 10.0), (10.0, 30.0), (20.0, 30.0)), 10.0, 0.0, 20.0)
    assert ramp.points == ((0, 2), (5, 3)), "more than one at once, more than two from 5 s on"
