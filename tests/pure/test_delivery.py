"""What was planned, and what was sent: by the integral of the level, gate by gate, class by class."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness import criteria, verdict
from harness.criteria.guards import _skew as skew
from harness.criteria.guards._delivery import Delivery, deliveries, of_levels, planned_starts
from harness.criteria.guards._skew import release
from harness.criteria.guards.spike_delivered import _remedy
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, End, Recording, Slice
from harness.recording.header import Phase, PlannedClass, PlannedGate
from harness.recording.marks import ARRIVALS, GateMark, StartsMark, UsersMark, gate_stream
from harness.recording.values import INTERRUPTED, OK, UNSENT, UNSERVED, Scalar
from tests.recordings import healthy

RAMP = ((0.0, 0.0), (10.0, 100.0), (10.0, 200.0), (20.0, 200.0))


@pytest.mark.parametrize(
    ("start_s", "end_s", "starts"),
    [(0, 10, 500), (0, 5, 125), (5, 10, 375), (2, 4, 60), (10, 20, 2000), (5, 15, 1375), (-5, 30, 2500), (20, 30, 0)],
)
def test_the_planned_starts_are_the_area_below_the_level(start_s: float, end_s: float, starts: float) -> None:
    """A ramp to 100 a second in 10 s is a triangle; the step at 10 s has no area."""
    assert planned_starts(RAMP, start_s, end_s) == pytest.approx(starts)


def ramp(sent: int, **others: int) -> Recording:
    """From 0 to 200 starts a second in the ten seconds of the spike: 1,000 of them."""
    run = healthy()
    phases = (Phase("baseline", 0, 30), Phase("spike", 30, 40), Phase("recovery", 40, 91))
    level = ((0, 0), (30, 0), (40, 200), (40, 0), (91, 0))
    header = dataclasses.replace(run.header, phases=phases, level=level, level_unit="starts/s", gates=())
    outcomes = {"ok": OK, "unserved": UNSERVED, "unsent": UNSENT, "interrupted": INTERRUPTED, "failed": "http 500"}
    pieces = [Slice(35, "w", "x", outcomes[name], count, 0, {}) for name, count in {"ok": sent, **others}.items()]
    outside = [Slice(t, "w", "x", OK, 777, 0, {}) for t in (29, 40)]
    return dataclasses.replace(run, header=header, slices=(*pieces, *outside), marks=())


def judged(criterion: str, run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)


def test_half_a_ramp_is_half_a_spike() -> None:
    """Random arrivals scatter by √1,000, so up to three times that may be chance."""
    (found,) = deliveries(ramp(500), Phase("spike", 30, 40))
    assert (found.what, found.delivered) == (ARRIVALS, 500)
    assert found.planned == pytest.approx(1000)
    assert found.ratio == pytest.approx((500 + 3 * math.sqrt(1000)) / 1000)
    finding = judged("spike_delivered", ramp(500))
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.figure == pytest.approx(0.595, abs=0.001)
    assert "500 of 1,000 planned requests" in finding.reason


@pytest.mark.parametrize(("sent", "ratio"), [(1000, 1), (1200, 1), (910, 1), (890, 0.985)])
def test_what_chance_may_lack_is_not_missing(sent: int, ratio: float) -> None:
    (found,) = deliveries(ramp(sent), Phase("spike", 30, 40))
    assert found.ratio == pytest.approx(ratio, abs=0.001)


@pytest.mark.parametrize("outcome", ["unserved", "unsent", "interrupted"])
def test_what_was_due_and_not_sent_counts_in_full(outcome: str) -> None:
    (found,) = deliveries(ramp(900, **{outcome: 100}), Phase("spike", 30, 40))
    assert (found.delivered, found.ratio) == (900, 0.9)
    (found,) = deliveries(ramp(900, failed=100), Phase("spike", 30, 40))
    assert (found.delivered, found.ratio) == (1000, 1), "a request that failed was sent"


def cut_off(run: Recording, t: float) -> Recording:
    return dataclasses.replace(run, end=End(t, "error_ratio > 0.5", False, 0, 0, stopped_early=True))


@pytest.mark.parametrize(("sent", "outcome"), [(360, Outcome.PASS), (290, Outcome.INCONCLUSIVE)])
def test_what_was_not_due_when_a_run_was_cut_off_is_not_missing(sent: int, outcome: Outcome) -> None:
    """In six seconds of the ramp 360 of its 1,000 starts are due, of which chance may lack three times 19."""
    found = judged("spike_delivered", cut_off(ramp(sent), 36.5))
    assert (found.outcome, judged("spike_delivered", ramp(sent)).outcome) == (outcome, Outcome.INCONCLUSIVE)
    assert f"{sent} of 360 planned requests were sent" in found.reason
    assert "no spike" in judged("spike_delivered", cut_off(dataclasses.replace(ramp(0), slices=()), 20.0)).reason


def test_a_run_that_was_cut_off_in_the_first_second_of_the_spike_misses_nothing() -> None:
    run = ramp(0)
    run = cut_off(dataclasses.replace(run, slices=(Slice(30, "w", "x", "http 500", 6, 0, {}),)), 30.6)
    found = judged("spike_delivered", run)
    assert (found.outcome, found.figure) == (Outcome.PASS, 1.0), found.reason


def test_an_objection_always_says_what_to_do() -> None:
    """Random arrivals exceeded the plan by more than those that found no free user."""
    reason = judged("spike_delivered", ramp(1100, unserved=60)).reason
    assert reason.endswith("below 99 %; give the load generator more users, load processes or time")


def test_what_had_failed_when_a_run_was_stopped_has_failed() -> None:
    run = cut_off(ramp(0, failed=360), 36.5)
    header = dataclasses.replace(run.header, criteria=(CriterionSpec("error_ratio"),))
    found = verdict.judge(dataclasses.replace(run, header=header))
    (errors,) = (each for each in found.findings if each.kind == "error_ratio")
    assert (errors.outcome, errors.voided_by, found.outcome) == (Outcome.FAIL, None, Outcome.FAIL)
    assert found.word == "STOPPED EARLY, FAIL"


def test_a_gate_that_was_to_come_when_a_run_was_cut_off_is_not_missing() -> None:
    both = two_gates(100, 0)
    first, second = both.header.gates
    header = dataclasses.replace(both.header, gates=(first, dataclasses.replace(second, t=first.t + 3)))
    run = dataclasses.replace(both, header=header, marks=both.marks[:1])
    assert judged("spike_delivered", run).outcome is Outcome.INCONCLUSIVE
    for guard in ("spike_delivered", "release_skew"):
        assert judged(guard, cut_off(run, first.t + 2)).outcome is Outcome.PASS
        assert judged(guard, cut_off(run, first.t + 0.5)).outcome is Outcome.PASS, "it has been released"
        assert judged(guard, cut_off(run, first.t + 4)).outcome is Outcome.INCONCLUSIVE


def test_a_part_of_which_most_sent_nothing_asks_for_no_more_users() -> None:
    """More of them would send nothing as well."""
    more = "give the load generator more users"
    idle = judged("spike_delivered", ramp(900, unsent=60, unserved=40)).reason
    assert "60 iterations began and sent nothing: let the tasks make a request" in idle and more not in idle
    full = judged("spike_delivered", ramp(900, unsent=40, unserved=61)).reason
    assert more in full and "sent nothing" not in full


def closed(*pieces: tuple[float, str, str, int]) -> Recording:
    """A closed model, in which (t, class of users, outcome, iterations) began beside 1,000 of Buyer."""
    run = ramp(0)
    header = dataclasses.replace(run.header, level_unit="users")
    every = ((35, "Buyer", OK, 1000), *pieces)
    made = [Slice(int(t), "w", "x", outcome, n, 0, {}, user_class=of) for t, of, outcome, n in every]
    return dataclasses.replace(run, header=header, slices=tuple(made))


@pytest.mark.parametrize(
    ("pieces", "outcome"),
    [
        ([(35, "Idle", UNSENT, 5)], Outcome.INCONCLUSIVE),
        ([(35, "Idle", UNSENT, 5), (-3, "Idle", OK, 9), (95, "Idle", OK, 9)], Outcome.INCONCLUSIVE),
        ([(10, "Idle", UNSENT, 3), (80, "Idle", UNSENT, 2), (80, "Idle", UNSERVED, 9)], Outcome.INCONCLUSIVE),
        ([(35, "Idle", UNSENT, 4)], Outcome.PASS),
        ([(35, "Idle", UNSENT, 500), (80, "Idle", "http 500", 1)], Outcome.PASS),
    ],
)
def test_a_class_that_never_sends_anything_is_no_load(
    pieces: list[tuple[float, str, str, int]], outcome: Outcome
) -> None:
    """Not getting ready, nor coming to an end, is load; and a closed model plans no requests that could be missing."""
    found = judged("spike_delivered", closed(*pieces))
    assert found.outcome is outcome
    if outcome is not Outcome.PASS:
        assert "users of Idle: 0 of 5 planned requests were sent" in found.reason
        assert "iterations of Idle began and sent nothing: let the tasks make a request" in found.reason


def paced_by_locust(*users: tuple[str, dict[str, int]]) -> Finding:
    """Of a run in which each node told of so many users of Buyer, who sent all that was sent, and of Idle."""
    run = closed()
    header = dataclasses.replace(run.header, classes=(PlannedClass("Buyer"), PlannedClass("Idle")))
    marks = tuple(UsersMark(t, node, counts) for t, (node, counts) in enumerate(users))
    return judged("spike_delivered", dataclasses.replace(run, header=header, marks=marks))


def test_of_users_that_locust_paces_a_class_that_is_never_seen_sent_nothing() -> None:
    """As with a client that is not recorded; when such users begin nobody is told, but how many there were."""
    found = paced_by_locust(("a", {"Buyer": 5}), ("a", {"Buyer": 8, "Idle": 1}), ("b", {"Idle": 2}))
    assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, 0)
    assert found.reason == (
        "3 users of Idle sent no request in the whole run: let their tasks make one, with a client that is recorded, "
        "or leave the class out"
    )


def test_a_class_of_which_locust_started_no_user_could_send_nothing_and_is_named() -> None:
    """As where weights leave it none of ten users. What does not tell how many there were is judged as before."""
    found = paced_by_locust(("a", {"Buyer": 8}), ("b", {"Buyer": 2, "Idle": 0}))
    assert found.outcome is Outcome.PASS
    assert found.reason.endswith("; no user of Idle was started; more users, or more weight, would start some")
    for told in ((), (("a", {"Buyer": 5, "Idle": 5}),)):
        run = paced_by_locust(*told)
        assert (run.outcome is Outcome.PASS, "was started" in run.reason) == (not told, False)


def test_a_baseline_without_requests_says_who_sent_nothing() -> None:
    told = judged("baseline_healthy", closed((5, "Idle", UNSENT, 7))).reason
    assert "nothing to compare with (7 iterations of Idle began and sent nothing" in told
    assert judged("baseline_healthy", closed()).reason.endswith("nothing to compare with")


def test_a_baseline_that_alarms_by_what_sent_nothing_asks_for_no_smaller_load() -> None:
    well = [(t, "Buyer", OK, 20) for t in range(30)]
    told = judged("baseline_healthy", closed(*well, *((t, "Idle", UNSENT, 20) for t in range(30)))).reason
    assert "the alert error ratio held for most of it (50 % (no request), limit 5 %)" in told
    assert ": 600 iterations of Idle began and sent nothing: let the tasks" in told and "less load" not in told
    failed = [(t, "Buyer", "http 500", 20) for t in range(30)]
    assert "less load" in judged("baseline_healthy", closed(*well, *failed, (5, "Idle", UNSENT, 9))).reason


def test_iterations_are_counted_by_their_starts() -> None:
    """3,000 requests of 1,000 iterations."""
    run = ramp(0)
    many = Slice(35, "w", "x", OK, 3000, 0, {}, None, 1000)
    (found,) = deliveries(dataclasses.replace(run, slices=(many,)), Phase("spike", 30, 40))
    assert (found.delivered, found.ratio) == (1000, 1)


def two_gates(first: int, second: int, *, apart_us: tuple[int, int] = (0, 0), name: str = "herd") -> Recording:
    """Two gates of 100 users at 30 s and at 30.6 s, of which so many were sent, in so long."""
    run = healthy()
    gates = (PlannedGate("herd", 30.0, 100), PlannedGate(name, 30.6, 100))
    marks = (
        GateMark(30.0, "w", "herd", 100, (*[0] * (first - 1), apart_us[0]), 0.01),
        GateMark(30.6, "w", name, 100, (*[0] * (second - 1), apart_us[1]), 0.01),
    )
    header = dataclasses.replace(run.header, gates=gates)
    pieces = (Slice(30, "w", "x", OK, first + second, 0, {}),)
    return dataclasses.replace(run, header=header, marks=marks, slices=pieces)


@pytest.mark.parametrize("name", ["herd", "second"])
@pytest.mark.parametrize(("sent", "figure"), [((100, 100), 1), ((100, 60), 0.6), ((60, 100), 0.6), ((40, 60), 0.4)])
def test_the_worse_of_two_gates_decides(sent: tuple[int, int], figure: float, name: str) -> None:
    """Also where both have the same name: their instants tell them apart."""
    found = judged("spike_delivered", two_gates(*sent, name=name))
    assert found.figure == figure
    assert found.outcome is (Outcome.PASS if figure == 1 else Outcome.INCONCLUSIVE)


@pytest.mark.parametrize("name", ["herd", "second"])
@pytest.mark.parametrize("apart_us", [(100_000, 300_000), (300_000, 100_000)])
def test_the_skew_is_that_of_the_worse_gate(apart_us: tuple[int, int], name: str) -> None:
    found = judged("release_skew", two_gates(100, 100, apart_us=apart_us, name=name))
    assert (found.outcome, found.figure, found.interval) == (Outcome.INCONCLUSIVE, 0.3, (0.3, 0.3))
    assert f"100 requests of gate {name if apart_us[1] > apart_us[0] else 'herd'} left within 300 ms" in found.reason


def test_a_release_is_put_together_from_all_nodes() -> None:
    """0 to 100 ms in even steps, from one node and from two whose clocks are 10 and 20 ms uncertain."""
    gate = PlannedGate("herd", 30, 101)
    steps = tuple(range(-5_000, 96_000, 1000))
    (one,) = (release(gate, [GateMark(30, "a", "herd", 101, steps, 0.01)]),)
    assert (one.sent, one.planned, one.nodes, one.delivered_ratio) == (101, 101, 1, 1)
    assert (one.first_s, one.last_s, one.skew_s) == (-0.005, 0.095, pytest.approx(0.1))
    assert one.skew_interval_s == pytest.approx((0.1, 0.1))
    assert one.p5_to_p95_s == pytest.approx(0.09)
    marks = [GateMark(30, "a", "herd", 60, steps[:50], 0.01), GateMark(30, "b", "herd", 51, steps[50:], 0.02)]
    two = release(gate, [*marks, GateMark(30, "c", "herd", 9, (), 5.0)])
    assert (two.sent, two.planned, two.nodes) == (101, 120, 3)
    assert two.delivered_ratio == pytest.approx(101 / 120)
    assert two.skew_s == pytest.approx(0.1)
    assert two.skew_interval_s == pytest.approx((0.07, 0.13))
    assert two.p5_to_p95_s == pytest.approx(0.12)


def test_a_gate_that_nobody_reported_sent_nothing() -> None:
    nothing = release(PlannedGate("herd", 30, 0), [])
    assert (nothing.sent, nothing.planned, nothing.delivered_ratio, nothing.skew_interval_s) == (0, 0, 0, None)


def test_the_evidence_of_the_skew_is_the_release() -> None:
    found = judged("release_skew", two_gates(100, 100, apart_us=(1000, 200_000)))
    assert found.outcome is Outcome.PASS
    assert found.evidence == {"p5 to p95 (s)": 0.0, "first (s)": 0.0, "last (s)": 0.2, "load processes": 1}


def with_classes(stream: str, *marks: tuple[float, dict[str, int], dict[str, int]]) -> Recording:
    """(t, due by class, begun by class)"""
    run = ramp(1000) if stream == ARRIVALS else two_gates(100, 100)
    made = [StartsMark(t, "w", begun, stream=stream, due=due) for t, due, begun in marks]
    return dataclasses.replace(run, marks=(*run.marks, *made))


@pytest.mark.parametrize("stream", [ARRIVALS, gate_stream("herd")])
def test_a_class_that_is_missing_is_a_part_that_was_not_sent(stream: str) -> None:
    """Of any that has begun at all, one more or less is whole numbers."""
    at = 35 if stream == ARRIVALS else 30
    run = with_classes(stream, (at, {"a": 98, "b": 2}, {"a": 98}), (at, {"a": 100, "b": 8}, {"a": 100, "b": 7}))
    parts = {each.what: each for each in deliveries(run, run.header.phases[1])}
    assert parts[f"{stream} of a"].ratio == 1
    missing = parts[f"{stream} of b"]
    assert (missing.planned, missing.delivered, missing.ratio) == (10, 7, pytest.approx(0.8))
    none = with_classes(stream, (at, {"a": 98, "b": 2}, {"a": 98}))
    (of_b,) = (each for each in deliveries(none, none.header.phases[1]) if each.what == f"{stream} of b")
    assert (of_b.delivered, of_b.ratio) == (0, 0)


def test_the_classes_of_arrivals_are_those_of_the_phase() -> None:
    due = {"a": 10, "b": 10}
    run = with_classes(ARRIVALS, (29, due, {"a": 10}), (30, due, due), (39, due, due), (40, due, {"a": 10}))
    parts = {each.what: each.ratio for each in deliveries(run, run.header.phases[1])}
    assert parts[f"{ARRIVALS} of b"] == 1
    alone = with_classes(ARRIVALS, (35, {"a": 10}, {"a": 5}))
    assert [each.what for each in deliveries(alone, alone.header.phases[1])] == [ARRIVALS], "one class is all of them"


def test_a_gate_that_sent_more_than_planned_is_delivered_once() -> None:
    run = two_gates(120, 100)
    parts = deliveries(run, run.header.phases[1])
    assert [(each.planned, each.delivered, each.ratio) for each in parts] == [(100, 120, 1), (100, 100, 1)]


def test_beside_a_gate_its_users_are_no_arrivals() -> None:
    """In second 30 of the phase 100 by a gate and 20 arrivals; one at the end of the phase is not of it."""
    run = ramp(20)
    gates = (PlannedGate("herd", 35.0, 100), PlannedGate("later", 40.0, 50))
    marks = (GateMark(35.0, "w", "herd", 100, (0,) * 100, 0.0), GateMark(40.0, "w", "later", 50, (0,) * 50, 0.0))
    of_gate = Slice(35, "w", "login", OK, 97, 0, {}), Slice(35, "w", "login", UNSENT, 3, 0, {})
    level = ((0, 0), (30, 0), (30, 2), (40, 2), (40, 0), (91, 0))
    header = dataclasses.replace(run.header, gates=gates, level=level)
    run = dataclasses.replace(run, header=header, marks=marks, slices=(*run.slices, *of_gate))
    parts = {each.what: each for each in deliveries(run, run.header.phases[1])}
    arrivals = parts[ARRIVALS]
    assert arrivals.planned == pytest.approx(20)
    # 120 due in all, 3 of them in the second of a gate without a request: left to the gate, as are the 100 it sent.
    assert (arrivals.delivered, arrivals.ratio) == (17, 1)


def test_nothing_due_is_nothing_delivered() -> None:
    run = dataclasses.replace(ramp(0), slices=())
    (found,) = deliveries(run, run.header.phases[1])
    assert (found.delivered, found.ratio) == (0, 0)
    flat = dataclasses.replace(run, header=dataclasses.replace(run.header, level=()))
    (found,) = deliveries(flat, run.header.phases[1])
    assert (found.planned, found.delivered, found.ratio) == (0, 0, 0)


@pytest.mark.parametrize(("at_s", "until_s"), [(-2.0, 0.0), (0.4, 0.0), (1.0, 1.0), (31.9, 31.0)])
def test_until_a_whole_second_something_may_be_missing(at_s: float, until_s: float) -> None:
    killed = cut_off(ramp(900), at_s)
    assert skew.due_until_s(killed) == until_s
    assert skew.due_until_s(ramp(900)) == math.inf


@pytest.mark.parametrize(
    ("kind", "unsent_of", "idle"),
    [("", "Idle", True), ("Idle", "Idle", True), ("Buyer", "Idle", False), ("", "", False)],
)
def test_what_a_class_lacks_is_held_against_what_it_did_not_send_itself(kind: str, unsent_of: str, idle: bool) -> None:
    run = closed(*([(35, unsent_of, UNSENT, 30)] if unsent_of else []))
    phase = run.phase("spike")
    assert phase is not None
    told = _remedy(run, Phase("spike", 30, 40), Delivery("arrivals", 100.0, 50, 0.5, kind))
    assert ("sent nothing" in told) is idle


@pytest.mark.parametrize(("per_s", "parts"), [(0.125, ["Rare in the usual"]), (0.12, [])])
def test_a_class_of_which_one_start_is_planned_is_a_part(per_s: float, parts: list[str]) -> None:
    """In 8 s; less than one may be none."""
    run = ramp(1000)
    level = ((0, per_s), (8, per_s))
    header = dataclasses.replace(
        run.header, phases=(Phase("usual", 0, 8),), classes=(PlannedClass("Rare", 1, level),), level=level
    )
    assert [each.what for each in of_levels(dataclasses.replace(run, header=header))] == parts
