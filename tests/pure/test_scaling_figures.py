"""Elasticity at the bounds of what it counts: instants, bounds and sentences that are worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness import criteria
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._elasticity import Capacity, Elasticity, find_rises, waited
from harness.criteria.scaling._step_function import READING_S, Sampled, Steps, demand, sampled
from harness.findings import Finding, Outcome
from harness.recording.header import CriterionSpec
from harness.recording.values import Scalar
from tests.recordings import healthy

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
END_S = 600.0


def steps(*points: tuple[float, float], end_s: float = END_S) -> Steps:
    return Steps(points, end_s)


def seen(
    middle: Steps, *, low: Steps | None = None, high: Steps | None = None, gap_s: float = 1.0, turn_s: float = math.inf
) -> Sampled:
    return Sampled(low or middle, high or middle, middle, gap_s, gap_s, turn_s)


def elastic(
    needed: Steps,
    ready: Sampled,
    *,
    wanted: Sampled | None = None,
    least: Steps | None = None,
    capacity: Capacity | None = None,
) -> Elasticity:
    given = capacity or Capacity(10.0, 10.0, True, None, None)
    return Elasticity("haproxy api", given, needed, least or needed, ready, wanted, round(ready.middle.points[0][1]))


def judged(monkeypatch: pytest.MonkeyPatch, criterion: str, measured: Elasticity, **parameters: Scalar) -> Finding:
    monkeypatch.setattr(elasticity, "measure", lambda *_: measured)
    return criteria.load(CriterionSpec(criterion, parameters)).judge(healthy())


DEMAND = steps((0, 1), (100, 3), (200, 1))


@pytest.mark.parametrize(
    ("ready", "lost_s", "outcome"),
    [
        (((0, 1), (110, 3), (200, 1)), None, PASS),
        (((0, 1), (110, 3), (112, 2), (120, 3), (210, 1)), 112, INCONCLUSIVE),  # it crashes as soon as it has come
        (((0, 1), (105, 2), (106, 1), (110, 3), (210, 1)), None, PASS),  # before they were enough
        (((0, 1), (110, 3), (150, 1)), 150, INCONCLUSIVE),
        (((0, 1), (150, 3), (160, 2)), 160, FAIL),
    ],
)
def test_replicas_that_do_not_stay_are_not_ready(
    monkeypatch: pytest.MonkeyPatch, ready: tuple[tuple[float, float], ...], lost_s: float | None, outcome: Outcome
) -> None:
    measured = elastic(DEMAND, seen(steps(*ready)))
    assert [rise.lost_s for rise in find_rises(measured, DEMAND)] == [lost_s]
    found = judged(monkeypatch, "scaling_lag", measured)
    assert found.outcome is outcome
    told = f"from {lost_s or 0:.1f} s on there were fewer than 3 again, though they were still needed"
    assert (told in found.reason) is (outcome is INCONCLUSIVE)


@pytest.mark.parametrize(("turn_s", "outcome"), [(3.0, INCONCLUSIVE), (3.01, PASS), (1.0, INCONCLUSIVE)])
def test_a_number_that_turns_within_one_and_a_half_intervals_turns_as_fast_as_it_is_sampled(
    monkeypatch: pytest.MonkeyPatch, turn_s: float, outcome: Outcome
) -> None:
    """Sampled every two seconds."""
    found = judged(monkeypatch, "scaling_stability", elastic(DEMAND, seen(DEMAND, gap_s=2.0, turn_s=turn_s)))
    assert found.outcome is outcome
    assert found.interval == (0, 0 if outcome is PASS else math.inf)
    faster = "it turns as fast as it is sampled, every 2 s, so there may be more turns: sampling at least twice as fast"
    assert (f"; {faster} would settle it" in found.reason) is (outcome is INCONCLUSIVE)


def test_turns_are_told_with_their_changes_and_the_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six changes in ten minutes, where the demand has two; five turns, where it has one."""
    busy = steps((0, 1), (100, 3), (150, 1), (160, 3), (200, 1), (300, 2), (400, 1))
    measured = elastic(DEMAND, seen(DEMAND), wanted=seen(busy, gap_s=1.25))
    found = judged(monkeypatch, "scaling_stability", measured, limit=4.0)
    assert (found.outcome, found.figure, found.interval) == (PASS, 4, (4, 4))
    assert found.reason == (
        "changes of the replicas wanted: 6, turns: 5; of the demand: 2 and 1; limit 4 turns more; a turn that is "
        "undone before the next sample, every 1.2 s, is not seen"
    )
    assert dict(found.evidence) == {
        "sampled every (s)": 1.25,
        "changes of the number wanted": 6,
        "changes of the number ready": 2,
        "changes of the demand": 2,
        "jitter (changes beyond the demand's, per minute)": 0.4,
        **measured.describe(),
    }
    assert judged(monkeypatch, "scaling_stability", measured).outcome is FAIL, "two are the most by default"


@pytest.mark.parametrize(("back_s", "outcome"), [(560.0, PASS), (560.5, FAIL)])
def test_replicas_are_given_back_within_six_minutes(
    monkeypatch: pytest.MonkeyPatch, back_s: float, outcome: Outcome
) -> None:
    """As declared; the demand falls at 200 s."""
    found = judged(monkeypatch, "scale_in", elastic(DEMAND, seen(steps((0, 1), (110, 3), (back_s, 1)))))
    assert (found.outcome, found.figure, found.limit) == (outcome, back_s - 200, 360)
    assert (
        found.reason
        == f"back to 1 replicas {back_s - 200:.1f} s to {back_s - 200:.1f} s after the demand fell, limit 360.0 s"
    )


@pytest.mark.parametrize(
    ("limit_s", "outcome", "rest"),
    [(20.0, PASS, ""), (12.0, INCONCLUSIVE, ": too close to tell between two samples"), (9.0, FAIL, "")],
)
def test_replicas_are_given_back_between_two_samples(
    monkeypatch: pytest.MonkeyPatch, limit_s: float, outcome: Outcome, rest: str
) -> None:
    """After 10 s at the earliest and 15 s at the latest."""
    of = {back_s: steps((0, 1), (110, 3), (back_s, 1)) for back_s in (210, 212, 215)}
    measured = elastic(DEMAND, seen(of[212], low=of[210], high=of[215]))
    found = judged(monkeypatch, "scale_in", measured, limit_s=limit_s)
    assert (found.outcome, found.figure, found.interval, found.censored) == (outcome, 12, (10, 15), False)
    assert found.reason == f"back to 1 replicas 10 s to 15 s after the demand fell, limit {limit_s:g} s{rest}"


@pytest.mark.parametrize(
    ("needed", "ready", "reason"),
    [
        (steps((0, 1)), steps((0, 1)), "the demand never rose, so there was nothing to give back: a higher peak"),
        (steps((0, 1), (9, 2)), steps((0, 1)), "the demand never fell, so there was nothing to give back: a longer"),
        (DEMAND, steps((0, 1)), "no replica was added, so none could be given back"),
        (DEMAND, steps((0, 2), (50, 1)), "no replica was added, so none could be given back"),
    ],
)
def test_nothing_could_be_given_back(monkeypatch: pytest.MonkeyPatch, needed: Steps, ready: Steps, reason: str) -> None:
    found = judged(monkeypatch, "scale_in", elastic(needed, seen(ready)))
    assert found.outcome is INCONCLUSIVE and found.reason.startswith(reason)
    assert found.evidence["most replicas ready"] == max(value for _, value in ready.points)


@pytest.mark.parametrize(
    ("limit_s", "outcome", "reason"),
    [
        (399.0, FAIL, "not back to 1 replicas in the 400 s that were watched after the load, limit 399.0 s"),
        (
            *(400.0, INCONCLUSIVE),
            "not back to 1 replicas in the 400 s that were watched after the load, limit 400.0 s; a recovery of more "
            "than 400 s would settle it",
        ),
    ],
)
def test_replicas_that_are_never_given_back_took_longer_than_was_watched(
    monkeypatch: pytest.MonkeyPatch, limit_s: float, outcome: Outcome, reason: str
) -> None:
    found = judged(monkeypatch, "scale_in", elastic(DEMAND, seen(steps((0, 1), (110, 3)))), limit_s=limit_s)
    assert (found.outcome, found.figure, found.interval, found.censored) == (outcome, None, (400, math.inf), True)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("ready_s", "lag_s", "interval_s"),
    [
        (90.0, 0.0, (0.0, 0.0)),  # there were so many when the demand rose
        (112.0, 12.0, (10.0, 15.0)),
        (200.0, 100.0, (98.0, math.inf)),  # the demand falls at 200 s; the latest would be 203 s
        (201.0, None, (99.0, math.inf)),
        (205.0, None, (100.0, math.inf)),
    ],
)
def test_a_rise_is_met_before_the_demand_falls_again(
    ready_s: float, lag_s: float | None, interval_s: tuple[float, float]
) -> None:
    low, middle, high = (steps((0, 1), (max(1.0, at_s), 3)) for at_s in (ready_s + 3, ready_s, ready_s - 2))
    supply = seen(middle, low=low, high=high)
    (rise,) = find_rises(elastic(DEMAND, supply, wanted=seen(middle)), DEMAND)
    assert (rise.t, rise.replicas, rise.lag_s, rise.wanted_after_s) == (100, 3, lag_s, lag_s)
    assert rise.interval_s == interval_s == waited(supply, DEMAND, 100, 3)
    unknown = find_rises(elastic(DEMAND, supply), DEMAND)
    assert unknown[0].wanted_after_s is None


def test_the_slowest_of_several_rises_is_judged_and_each_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two after 5 s, of which the autoscaler took 2; three after 8 s, of which it took 9, by its samples."""
    needed = steps((0, 1), (100, 2), (200, 3), (300, 1))
    ready, wanted = seen(steps((0, 1), (105, 2), (208, 3))), seen(steps((0, 1), (102, 2), (209, 3)))
    found = judged(monkeypatch, "scaling_lag", elastic(needed, ready, wanted=wanted))
    assert (found.outcome, found.figure, found.interval) == (PASS, 8, (8, 8))
    assert found.reason == "the demand for 3 replicas at 200 s was met after 8 s to 8 s, limit 30 s"
    told = {key: value for key, value in found.evidence.items() if key.startswith("for ")}
    assert told == {
        "for 2 replicas, from 100 s on (s)": 5,
        "for 2 replicas, from 100 s on: wanted to ready (s)": 3,
        "for 3 replicas, from 200 s on (s)": 8,
        "for 3 replicas, from 200 s on: wanted to ready (s)": 0,
    }
    trigger = judged(monkeypatch, "scaling_trigger", elastic(needed, ready, wanted=wanted))
    assert (trigger.outcome, trigger.figure, trigger.interval) == (PASS, 9, (9, 9))
    assert trigger.reason == "the slowest of 4 rises was answered after 9 s to 9 s; limit 30 s"


def test_a_rise_that_was_wanted_and_not_met_is_told_from_one_that_was_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never, late = seen(steps((0, 1))), seen(steps((0, 1), (105, 3)))
    reason = "the demand for 3 replicas at 100 s was not met in the 100.0 s that it lasted, limit 30 s"
    for wanted, more in ((never, "; the autoscaler never wanted so many"), (late, ""), (None, "")):
        found = judged(monkeypatch, "scaling_lag", elastic(DEMAND, never, wanted=wanted))
        assert (found.outcome, found.reason) == (FAIL, reason + more)
    open_ = judged(monkeypatch, "scaling_lag", elastic(DEMAND, never), limit_s=100.0)
    assert open_.outcome is INCONCLUSIVE and open_.reason.endswith("; a step of more than 100.0 s would settle it")
    close = seen(late.middle, low=steps((0, 1), (108, 3)), high=late.middle)
    found = judged(monkeypatch, "scaling_lag", elastic(DEMAND, close), limit_s=6.0)
    assert (found.outcome, found.interval) == (INCONCLUSIVE, (5, 8))
    assert found.reason.endswith("was met after 5 s to 8 s, limit 6 s: too close to tell between two samples")
    unanswered = judged(monkeypatch, "scaling_trigger", elastic(DEMAND, never, wanted=never))
    assert unanswered.reason == "a rise was not answered in the 100.0 s that it lasted; limit 30 s"
    assert (unanswered.figure, unanswered.interval, unanswered.censored) == (None, (100, math.inf), True)


@pytest.mark.parametrize(
    ("capacity", "words", "told"),
    [
        (Capacity(10.0, 10.0, True, None, None), "one replica takes 10 starts/s", {"as given": 10.0}),
        (
            Capacity(6.0, math.inf, False, 6.0, None),
            "one replica takes 6 starts/s or more, as none was overloaded",
            {"kept": 6.0},
        ),
        (Capacity(6.0, 16.0, False, 6.0, 16.0), "one replica takes 6 to 16 starts/s", {"kept": 6.0, "broke": 16.0}),
    ],
)
def test_what_a_replica_takes_is_told(capacity: Capacity, words: str, told: dict[str, float]) -> None:
    names = {
        "as given": "capacity of a replica, as given (starts/s)",
        "kept": "one replica kept the SLO at (starts/s)",
        "broke": "and broke it at (starts/s)",
    }
    assert str(capacity) == words
    assert elastic(DEMAND, seen(steps((0, 1), (9, 4), (20, 2))), capacity=capacity).describe() == {
        "ready replicas": "as haproxy api has them",
        "highest demand (replicas)": 3,
        "most replicas ready": 4,
        **{names[key]: value for key, value in told.items()},
    }


@pytest.mark.parametrize(
    ("limit", "capacity", "outcome", "rest"),
    [
        (0.9, Capacity(10.0, 10.0, True, None, None), PASS, "one replica takes 10 starts/s"),
        (
            0.06,
            Capacity(10.0, 10.0, True, None, None),
            INCONCLUSIVE,
            "one replica takes 10 starts/s; a longer run would",
        ),
        (
            0.06,
            Capacity(6.0, 9.0, False, 6.0, 9.0),
            INCONCLUSIVE,
            "one replica takes 6 to 9 starts/s, and to know that",
        ),
        (0.01, Capacity(10.0, 10.0, True, None, None), FAIL, "one replica takes 10 starts/s"),
    ],
)
def test_what_was_missing_is_told_with_its_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch, limit: float, capacity: Capacity, outcome: Outcome, rest: str
) -> None:
    """Two of three for 30 s of 600, between 24 s and 60 s."""
    ready = {at_s: steps((0, 1), (at_s, 3), (200, 1)) for at_s in (124, 130, 160)}
    measured = elastic(DEMAND, seen(ready[130], low=ready[160], high=ready[124]), capacity=capacity)
    found = judged(monkeypatch, "under_provisioning", measured, limit=limit)
    assert found.outcome is outcome
    assert found.figure == pytest.approx(30 * 2 / 3 / 600)
    assert found.interval == pytest.approx((24 * 2 / 3 / 600, 60 * 2 / 3 / 600))
    missing = "3.33 % of the replicas needed were missing on average over 600 s (2.67 % to 6.67 %)"
    assert found.reason.startswith(f"{missing}, limit {limit * 100:g} %; {rest}"), found.reason
    assert found.evidence["share of the time"] == "5 %"
    assert found.evidence["seconds in which demand and supply moved apart"] == "0.333 %"


@pytest.mark.parametrize(
    ("t", "value", "first_s"),
    [
        (-1.0, 1, 10.0),
        (0.0, 1, 10.0),
        (9.99, 1, 10.0),
        (10.0, 3, 10.0),
        (20.0, 2, 30.0),
        (30.0, 4, 30.0),
        (39.0, 4, 39.0),
    ],
)
def test_a_step_holds_from_its_instant_on(t: float, value: float, first_s: float) -> None:
    points = steps((0, 1), (10, 3), (20, 2), (30, 4), end_s=40.0)
    assert (points.at(t), points.first(3, t), points.first(5, t)) == (value, first_s, None)


def test_a_demand_begins_and_ends_with_what_is_looked_at() -> None:
    """One of 10 starts/s each: 15 from 0 s, 25 from 10 s, and from 20 s on a fall to 0 within 10 s."""
    level = ((0.0, 15.0), (10.0, 15.0), (10.0, 25.0), (20.0, 25.0), (30.0, 0.0))
    assert demand(level, 10.0, 0.0, 30.0).points == ((0, 2), (10, 3), (22, 2), (26, 1))
    assert demand(level, 10.0, 10.0, 20.0) == Steps(((10, 3),), 20.0)
    assert demand(level, 10.0, 22.0, 26.0) == Steps(((22, 2),), 26.0)
    assert demand((), 10.0, 0.0, 30.0).points == ((0, 1),)


def test_what_samples_leave_open_at_both_ends() -> None:
    """The first sample comes at 2 s, the last at 5 s; each may have been read 100 ms late."""
    found = sampled([(2.0, 1.0), (4.0, 3.0), (5.0, 2.0)], 0.0, 9.0)
    assert found.low.points == ((0, 1), (4 + READING_S, 2))
    assert found.high.points == ((0, 1), (2, 3), (5 + READING_S, 2))
    assert found.middle.points == ((0, 1), (3, 3), (4.5, 2))
    assert (found.longest_gap_s, found.usual_gap_s, found.shortest_turn_s) == (4, 1.5, 1)


@pytest.mark.parametrize(("from_s", "loads"), [(0.4, 4), (0.5, 4), (0.6, 5)])
def test_a_second_is_steady_where_its_replicas_are_the_same_to_the_middle_of_it(
    monkeypatch: pytest.MonkeyPatch, from_s: float, loads: int
) -> None:
    """The last of seven, of which two are left out: in it there may be a third one from an instant on."""
    asked: list[tuple[int, int]] = []

    def windows(_recording: object, begin_s: int, end_s: int, *_: object) -> object:
        asked.append((begin_s, end_s))
        raise StopIteration

    monkeypatch.setattr(elasticity.quality, "windows", windows)
    whole = healthy()
    header = dataclasses.replace(whole.header, level=((0, 10.0), (7, 10.0)))
    low, high = steps((0, 2.0), end_s=7.0), steps((0, 2.0), (6 + from_s, 3.0), end_s=7.0)
    supply = seen(low, high=high)
    with pytest.raises(RuntimeError):
        list(elasticity._observed_loads(dataclasses.replace(whole, header=header), supply, None))  # type: ignore[arg-type]
    assert [end_s - begin_s for begin_s, end_s in asked] == [loads]
