"""What guards object to and what they do not, on both sides of each bound, and what they say of it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from harness import criteria
from harness.analysis import histogram
from harness.analysis.histogram import bucket_index
from harness.criteria._criterion import Guard
from harness.criteria.guards import _skew, baseline_healthy, target_healthy, user_mix
from harness.criteria.guards._delivery import Silence, deliveries, silences
from harness.criteria.guards.generator_health import GeneratorHealth
from harness.criteria.guards.machine_pressure import MachinePressure
from harness.criteria.guards.run_complete import RunComplete
from harness.criteria.guards.target_healthy import TargetHealthy
from harness.criteria.guards.warm_up_healthy import WarmUpHealthy
from harness.findings import BASELINE, CLIENTS, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, Phase, PlannedClass, PlannedGate
from harness.recording.marks import ARRIVALS, INJECTED, UNDONE, FaultMark, GateMark, NodeMark, StartsMark
from harness.recording.values import OK, UNSERVED
from tests.pure.test_baseline_healthy import PER_SECOND, SECONDS, judged, run
from tests.pure.test_delivery import two_gates
from tests.pure.test_enough_users import judged as judged_by
from tests.pure.test_enough_users import run as arriving
from tests.pure.test_warm_up_healthy import with_warm_up
from tests.recordings import ended, healthy


def asked(recording: Recording, *criteria: CriterionSpec) -> Recording:
    """With these criteria, and without alerts."""
    header = dataclasses.replace(recording.header, criteria=criteria, alerts={"error_ratio": 0.0, "p95_s": 0.0})
    return dataclasses.replace(recording, header=header)


LATENCY = CriterionSpec("latency_quantile")


@pytest.mark.parametrize(
    ("recording", "told"),
    [
        (run(lambda _: 4900, noise=0), ""),
        (run(lambda _: 5200, noise=0), "p95 was 5.2 s, limit 5 s"),
        (run(lambda t: 6000 if t == 5 else 20, noise=0), ""),  # one of forty seconds
        (run(lambda t: 6000 if 5 <= t < 8 else 20, noise=0), "p95 was 6 s, limit 5 s"),
    ],
)
def test_a_criterion_without_parameters_holds_the_baseline_to_its_own_defaults(recording: Recording, told: str) -> None:
    found = judged(asked(recording, LATENCY))
    assert (found.outcome is Outcome.PASS) is not bool(told)
    assert told in found.reason


def test_a_criterion_of_some_requests_is_no_limit_for_all_and_hides_no_other() -> None:
    of_some = CriterionSpec("latency_quantile", {"requests": "POST /checkout", "limit_s": 0.001})
    assert judged(asked(run(lambda _: 20), of_some)).outcome is Outcome.PASS
    assert "p95 was" in judged(asked(run(lambda _: 9000, noise=0), of_some, LATENCY)).reason


def test_a_quantile_that_is_just_the_limit_is_within_it() -> None:
    steady = run(lambda _: 700, noise=0)
    figure_us = histogram.quantile_us(steady.slices[0].latency, 0.95)
    assert figure_us is not None
    limit_s = figure_us / 1e6
    assert judged(asked(steady, CriterionSpec("latency_quantile", {"limit_s": limit_s}))).outcome is Outcome.PASS
    short = CriterionSpec("latency_quantile", {"limit_s": limit_s * 0.999})
    assert judged(asked(steady, short)).outcome is Outcome.INCONCLUSIVE


def slow_in(slow: Mapping[int, int]) -> Recording:
    """So many of the 20 requests of a second take two seconds."""
    made = []
    for t in range(SECONDS):
        latency = {bucket_index(20_000): PER_SECOND - slow.get(t, 0)}
        if t in slow:
            latency[bucket_index(2_000_000)] = slow[t]
        made.append(Slice(t, "w", "GET /", OK, PER_SECOND, 0, latency))
    return asked(dataclasses.replace(run(lambda _: 20), slices=tuple(made)))


@pytest.mark.parametrize(
    ("slow", "told"),
    [
        ({10: 11, 25: 11}, "it stalled 2 times (in second 10, 25 of it)"),
        ({10: 10, 25: 10}, ""),  # half of a second's requests is not most of them
        ({10: 7, 11: 7, 25: 7, 26: 7}, "it stalled 2 times (in second 10, 25 of it)"),  # 14 of the 40 in two seconds
        ({10: 7, 11: 6, 25: 7, 26: 6}, ""),
        ({10: 7, 25: 7}, ""),  # more than a third, but of one second
    ],
)
def test_a_stall_takes_most_of_a_second_or_a_third_of_two(slow: dict[int, int], told: str) -> None:
    found = judged(slow_in(slow))
    assert (found.outcome is Outcome.PASS) is not bool(told), found.reason
    assert told in found.reason


@pytest.mark.parametrize(
    ("from_s", "until_s", "is_in_it"),
    [(39.4, 60, True), (39.6, 60, False), (-9, 0.6, True), (-9, 0.4, False)],
)
def test_a_fault_is_in_the_baseline_from_half_a_second_of_it_on(from_s: float, until_s: float, is_in_it: bool) -> None:
    marks = FaultMark(from_s, "tcp_proxy", INJECTED, "", 1), FaultMark(until_s, "tcp_proxy", UNDONE, "", 1)
    struck = dataclasses.replace(run(lambda _: 20), marks=marks)
    found = judged(asked(struck, CriterionSpec("error_ratio"), CriterionSpec("recovery_time")))
    assert (found.outcome is Outcome.INCONCLUSIVE) is is_in_it
    assert judged(asked(struck, CriterionSpec("error_ratio"))).outcome is Outcome.PASS


def of_classes(*pieces: tuple[str, str, str, int]) -> Recording:
    """(class, name, outcome, how many) in the first second."""
    header = dataclasses.replace(healthy().header, classes=(PlannedClass("Buyer"), PlannedClass("Reader")))
    made = (
        Slice(0, "w", name, outcome, count, 0, {9: count}, user_class=kind) for kind, name, outcome, count in pieces
    )
    return dataclasses.replace(healthy(), header=header, slices=tuple(made))


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([("Buyer", "/buy", "http 403", 4), ("Reader", "/", OK, 9)], ""),
        ([("Buyer", "/buy", "http 403", 5), ("Reader", "/", OK, 9)], "all 5 requests of the class Buyer failed"),
        ([("Buyer", "/buy", "http 403", 5), ("Buyer", "/buy", OK, 1), ("Reader", "/", OK, 9)], ""),
        ([("", "/buy", "http 403", 50), ("Reader", "/", OK, 9)], ""),  # nobody knows whose these were
        ([("Buyer", "/", "http 403", 19), ("Buyer", "/in", OK, 1), ("Reader", "/", OK, 9)], ""),
        ([("Buyer", "/", "http 403", 20), ("Buyer", "/in", OK, 1), ("Reader", "/", OK, 9)], "all 20 requests / of the"),
        ([("Buyer", "/", "http 403", 20), ("Buyer", "/in", OK, 1), ("Reader", "/", "http 500", 9)], "class Reader"),
        ([("Buyer", "/buy", "http 403", 50)], ""),  # where there is one class, all are of it
    ],
)
def test_a_class_that_is_refused_is_seen_from_five_requests_and_by_one_name_from_twenty(
    pieces: list[tuple[str, str, str, int]], told: str
) -> None:
    found = list(baseline_healthy._refused_classes(of_classes(*pieces), Phase(BASELINE, 0, 30)))
    assert bool(found) is bool(told)
    assert told in "; ".join(found)
    assert not any("others are answered" in each for each in found) or "requests / of" in told


def test_a_gate_needs_no_arrivals_beside_it() -> None:
    gates = two_gates(100, 100)
    header = dataclasses.replace(gates.header, level_unit="starts/s", level=((0, 0), (91, 0)))
    spike = header.phases[1]
    assert [each.ratio for each in deliveries(dataclasses.replace(gates, header=header), spike)] == [1, 1]
    planned = dataclasses.replace(header, level=((0, 20), (91, 20)))
    parts = deliveries(dataclasses.replace(gates, header=planned), spike)
    assert [each.what for each in parts] == ["gate herd", "gate herd", ARRIVALS]


@pytest.mark.parametrize(("per_s", "told"), [(20, True), (19, False)])
def test_twenty_arrivals_that_never_came_are_no_chance(per_s: float, told: bool) -> None:
    """Two load processes with half of the arrivals each, both of them silent for two seconds, at different times."""
    marks = []
    for t in range(30, 90):
        for node, silent_s in (("a", (40, 41)), ("b", (60, 61))):
            if t not in silent_s:
                marks.append(StartsMark(t, node, {"V": 10}, stream=ARRIVALS, due={"V": 10}))
    header = dataclasses.replace(healthy().header, level_unit="starts/s", level=((0, per_s), (91, per_s)))
    recording = dataclasses.replace(healthy(), header=header, marks=tuple(marks))
    found = list(silences(recording, 30, 90))
    assert found == ([Silence("a", 40, 42, 20.0), Silence("b", 60, 62, 20.0)] if told else [])
    closed = dataclasses.replace(recording, header=dataclasses.replace(header, level_unit="users"))
    assert list(silences(closed, 30, 90)) == []


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ({}, "100 % of the arrivals found a free user within 250 ms; none waited"),
        (
            {"waits_s": 0.1, "of": 60},
            "100 % of the arrivals found a free user within 250 ms; the longest waited 100 ms",
        ),
        ({"never": 5}, "5 of 60 arrivals (spike, Visitor) waited for a free user of ours, 5 of them until the end: "),
        (
            {"waits_s": 2, "of": 48},
            "48 of 60 arrivals (spike, Visitor) waited for a free user of ours, the longest 2 s: ",
        ),
    ],
)
def test_how_arrivals_waited_is_said(late: dict[str, Any], words: str) -> None:
    assert judged_by("enough_users", arriving(**late)).reason.startswith(words)


END_S = healthy().header.phases[-1].end_s


def refused_in_the_end(level: tuple[tuple[float, float], ...], phases: tuple[Phase, ...] | None = None) -> Recording:
    """All requests of the last three seconds fail."""
    base = healthy()
    slices = tuple(
        dataclasses.replace(piece, outcome="http 503", latency={}) if piece.t >= END_S - 3 else piece
        for piece in base.slices
    )
    header = dataclasses.replace(base.header, level=level, phases=phases or base.header.phases)
    return dataclasses.replace(base, header=header, slices=slices)


@pytest.mark.parametrize(
    ("level", "is_asked"),
    [
        (((0, 0), (END_S, 0)), True),
        # As much as the baseline had at its end, on its way up, is no more than it.
        (((0, 0), (29, 0), (31, 10), (40, 4), (END_S, 4)), True),
        (((0, 0), (29, 0), (31, 10), (40, 6), (END_S, 6)), False),
        # More load in the last half second: nobody says that the target should have stood that.
        (((0, 0), (END_S - 0.5, 0), (END_S - 0.5, 5), (END_S, 5), (END_S, 0)), False),
    ],
)
def test_the_last_requests_count_at_no_more_load_than_that_of_the_baseline(
    level: tuple[tuple[float, float], ...], is_asked: bool
) -> None:
    found = TargetHealthy().judge(refused_in_the_end(level))
    assert (found.outcome is Outcome.INCONCLUSIVE) is is_asked, found.reason
    assert ("afterwards GET /readyz answered. Whether the target had failed anew" in found.reason) is is_asked


def test_a_baseline_that_is_all_of_the_run_has_nothing_to_come_back_from() -> None:
    alone = refused_in_the_end(((0, 0), (END_S, 0)), (Phase(BASELINE, 0, END_S),))
    assert TargetHealthy().judge(alone).outcome is Outcome.PASS


def test_what_was_first_asked_for_in_the_spike_was_not_usually_there() -> None:
    first_s = healthy().header.phases[0].end_s
    page = [Slice(t, "a", "GET /rare", OK if t == first_s else "http 500", 1, 0, {5: 1}) for t in range(first_s, END_S)]
    base = healthy()
    assert TargetHealthy().judge(dataclasses.replace(base, slices=(*base.slices, *page))).outcome is Outcome.PASS


@pytest.mark.parametrize(("before", "later"), [(2, 3), (3, 2)])
def test_the_worse_of_getting_ready_and_getting_ready_again_is_the_figure(before: int, later: int) -> None:
    first, again = with_warm_up(-2, 100 - before, before), with_warm_up(40, 100 - later, later)
    found = WarmUpHealthy().judge(dataclasses.replace(first, warm_up=(*first.warm_up, *again.warm_up)))
    assert (found.outcome, found.figure) == (Outcome.PASS, 0.03)
    words = f"{before} of 100 requests before the first phase failed; {later} of 100 requests to get ready again failed"
    assert found.reason == words


@pytest.mark.parametrize(
    ("more", "lost", "told"),
    [
        (0, False, ""),
        (1, False, "requests ended, but only"),
        (-1, False, "some of them twice, or of another run"),
        (-1, True, ""),  # a load process that was lost never said how many it had
        (1, True, "requests ended, but only"),
    ],
)
def test_as_many_requests_are_recorded_as_ended(more: int, lost: bool, told: str) -> None:
    whole = ended(dataclasses.replace(healthy(), slices=(Slice(30, "w", "x", OK, 50, 0, {9: 50}),)))
    assert whole.end is not None
    marks = (*whole.marks, NodeMark(40, "worker-2", "lost")) if lost else whole.marks
    end = dataclasses.replace(whole.end, requests=whole.end.requests + more)
    found = RunComplete().judge(dataclasses.replace(whole, marks=marks, end=end))
    assert (found.outcome is Outcome.PASS) is not bool(told)
    assert told in found.reason


@pytest.mark.parametrize(
    ("recorded", "told"),
    [
        ({30: (50, 3), 31: (2, None)}, ""),
        ({30: (50, 2), 31: (2, None)}, "1 iteration began between 30 and 31 s of which no request was recorded"),
        ({30: (50, 3), 31: (1, None)}, "1 iteration began between 31 and 32 s"),
        ({30: (50, 1), 31: (4, None)}, "2 iterations began between 30 and 31 s"),  # as many as in all, but not then
        ({31: (3, None)}, "3 iterations began between 30 and 31 s"),
    ],
)
def test_of_each_iteration_that_began_a_request_is_recorded(
    recorded: Mapping[int, tuple[int, int | None]], told: str
) -> None:
    """Requests of the outage that two load processes never reported would else be no failures. Arrivals that found no
    free user did not begin.
    """
    pieces = [Slice(t, "w", "x", OK, n, 0, {9: n}, None, starts) for t, (n, starts) in recorded.items()]
    pieces += [Slice(30, "w", "x", UNSERVED, 7, 0, {})]
    began = ((30, "w", 1, ARRIVALS), (30, "v", 1, ARRIVALS), (30, "v", 1, "gate herd"), (31, "w", 2, ""))
    marks = tuple(StartsMark(t, node, {"A": n}, stream=stream) for t, node, n, stream in began)
    whole = ended(dataclasses.replace(healthy(), slices=tuple(pieces), marks=marks))
    found = RunComplete().judge(whole)
    assert found.outcome is (Outcome.INCONCLUSIVE if told else Outcome.PASS)
    assert told in found.reason


@pytest.mark.parametrize(("t", "told"), [(END_S, False), (END_S - 1, True)])
def test_a_run_that_is_complete_came_to_its_planned_end(t: float, told: bool) -> None:
    whole = ended(healthy())
    assert whole.end is not None
    found = RunComplete().judge(dataclasses.replace(whole, end=dataclasses.replace(whole.end, t=t)))
    assert (f"{t:.0f} s in, and was planned for {END_S} s" in found.reason) is told
    assert found.evidence["ended_s"] == t


def test_phases_have_names_of_their_own() -> None:
    """Failures of a second spike, say, would be no error ratio of it."""
    whole = ended(healthy())
    phases = (*whole.header.phases[:-1], Phase("spike", 31, 36), Phase("recovery", 36, END_S))
    found = RunComplete().judge(dataclasses.replace(whole, header=dataclasses.replace(whole.header, phases=phases)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason == "several phases are called spike, of which criteria look at the first alone"


@pytest.mark.parametrize(("ended_s", "is_before"), [(30.0, True), (30.5, False)])
def test_of_a_run_that_ended_with_the_baseline_the_guards_of_the_spike_say_so(ended_s: float, is_before: bool) -> None:
    whole = healthy()
    assert whole.end is not None
    cut = dataclasses.replace(whole, end=dataclasses.replace(whole.end, t=ended_s))
    for guard in (GeneratorHealth(), MachinePressure()):
        found = guard.judge(cut)
        assert ("the run ended before the spike" in found.reason) is is_before
        assert found.outcome is Outcome.INCONCLUSIVE or not is_before


def test_of_many_stalls_the_first_five_are_told() -> None:
    found = judged(slow_in(dict.fromkeys((2, 8, 14, 20, 26, 32), 11)))
    assert "it stalled 6 times (in second 2, 8, 14, 20, 26 of it)" in found.reason


def test_a_second_of_which_only_a_part_is_looked_at_is_none_in_which_nothing_came() -> None:
    """Nothing came in three seconds, and the first of them had begun."""
    marks = [
        StartsMark(t, node, {"V": 10}, stream=ARRIVALS, due={"V": 10})
        for t in range(30, 90)
        for node in ("a", "b")
        if node == "b" or t not in (30, 31, 32)
    ]
    header = dataclasses.replace(healthy().header, level_unit="starts/s", level=((0, 40.0), (91, 40.0)))
    recording = dataclasses.replace(healthy(), header=header, marks=tuple(marks))
    (whole,), (part,) = (list(silences(recording, from_s, 90)) for from_s in (30, 30.5))
    assert (whole.from_s, whole.to_s, part.from_s, part.to_s) == (30, 33, 31, 33)
    assert whole.planned == pytest.approx(3 * 40 * 57 / 117) and part.planned == pytest.approx(2 * 40 * 57 / 116)


@pytest.mark.parametrize(("unserved", "told"), [(0, "the recording does not tell how long"), (7, "7 arrivals never")])
def test_an_older_recording_tells_of_arrivals_only_that_they_found_nobody(unserved: int, told: str) -> None:
    recording = arriving(never=unserved)
    marks = tuple(mark for mark in recording.marks if not isinstance(mark, StartsMark))
    assert judged_by("enough_users", dataclasses.replace(recording, marks=marks)).reason.startswith(told)


def test_what_guards_the_load_generator_is_known() -> None:
    """Of them the reports say that it is the generator's doing, and not the target's; and a search for a limit does not
    take what they object to for an answer of the target.
    """
    ours = {spec.criterion for spec in criteria.guard_specs() if criteria.is_about_generator(spec.criterion)}
    assert ours >= {"enough_users", "generator_health", "machine_pressure", "release_skew", "spike_delivered"}
    of_target = {"baseline_healthy", "target_healthy", "users_stayed", "warm_up_healthy", "wind_down_healthy"}
    of_run = {
        "connections_allowed",
        "failures_judged",
        "faults_injected",
        "run_complete",
        "user_exceptions",
        "user_mix",
    }
    assert not ours & (of_target | of_run)
    for name in ours:  # whichever there are: a late generator is no evidence of what the clients saw
        guard = criteria.load(CriterionSpec(name))
        assert isinstance(guard, Guard) and CLIENTS in guard.guarded and not guard.of_target, name


@pytest.mark.parametrize(
    ("ok_at_s", "outcome"),
    [((), UNSERVED), ((90,), OK), ((30,), OK), ((91,), OK)],
    ids=["nobody was free", "in the last second", "before", "after"],
)
def test_the_last_requests_are_those_of_the_last_phase_that_were_sent(ok_at_s: tuple[int, ...], outcome: str) -> None:
    """Those of 90 s all failed, unless one was answered then; what found no free user of ours says nothing."""
    run = healthy()
    failed = Slice(90, "w", "GET /", "http 500", 40, 0, {})
    others = [Slice(t, "w", "GET /", outcome, 5, 0, {100: 5}) for t in (ok_at_s or (90,))]
    usual = [Slice(t, "w", "GET /", OK, 10, 0, {100: 10}) for t in range(30)]
    header = dataclasses.replace(run.header, level=((0, 10.0), (91, 10.0)), level_unit="starts/s", gates=())
    run = dataclasses.replace(run, header=header, slices=(*usual, failed, *others))
    told = "the last 40 requests, from 90 s on, all failed, all of them with http 500 (40)"
    assert target_healthy._last_requests_failed(run) == ("" if ok_at_s == (90,) else told)


@pytest.mark.parametrize(
    ("mix", "usual", "apart"),
    [
        ({"a": 30, "b": 10}, {"a": 50, "b": 50}, 0.25 - (1 / 40 + 1 / 100)),
        ({"a": 3, "b": 1}, {"a": 50, "b": 50}, 0.0),  # of four one more or less is a fourth
        ({"a": 10}, {"b": 20}, 1 - (1 / 10 + 1 / 20)),
        ({"a": 30, "b": 10}, {"a": 50, "b": 40, "c": 10}, 0.25 - 1.5 * (1 / 40 + 1 / 100)),
    ],
)
def test_mixes_are_apart_by_half_of_what_their_shares_differ_without_whole_numbers(
    mix: dict[str, int], usual: dict[str, int], apart: float
) -> None:
    """Half a user of each class, on both sides, is what whole users leave open."""
    assert user_mix._distance(Counter(mix), Counter(usual)) == pytest.approx(apart)


def test_one_class_of_users_has_no_mix() -> None:
    header = dataclasses.replace(healthy().header, level_unit="starts/s")
    marks = tuple(StartsMark(t, "w", {"a": 10}, stream=ARRIVALS) for t in range(91))
    found = user_mix.UserMix().judge(dataclasses.replace(healthy(), header=header, marks=marks))
    assert (found.outcome, found.figure) == (Outcome.PASS, None)
    assert found.reason == "there is one class of users, or Locust itself deals them out"


def test_classes_with_levels_of_their_own_keep_no_shares() -> None:
    """Whether each had its own is what another guard asks; of a closed model nobody plans how often they come."""
    run = healthy()
    marks = tuple(StartsMark(t, "w", {"a": 10 if t < 30 else 1, "b": 10}, stream=ARRIVALS) for t in range(91))
    for levels, unit, outcome, told in (
        ((), "starts/s", Outcome.INCONCLUSIVE, "the recovery had another mix than the baseline"),
        (((0, 1.0), (91, 1.0)), "starts/s", Outcome.PASS, "each class has a level of its own"),
        ((), "users", Outcome.PASS, "the closed model keeps the shares"),
    ):
        classes = (PlannedClass("a", 10, levels), PlannedClass("b", 10))
        header = dataclasses.replace(run.header, level_unit=unit, classes=classes)
        found = user_mix.UserMix().judge(dataclasses.replace(run, header=header, marks=marks))
        assert found.outcome is outcome and found.reason.startswith(told)


def test_how_far_a_herd_was_spread_is_counted_from_its_first_request() -> None:
    """101 requests a millisecond after each other, the first of them a second late."""
    late = tuple(1_000_000 + 1000 * number for number in range(101))
    found = _skew.release(PlannedGate("herd", 30.0, 101), [GateMark(30, "w", "herd", 101, late, 0.0)])
    assert (found.first_s, found.skew_s) == (pytest.approx(1), pytest.approx(0.1))
    assert found.p5_to_p95_s == pytest.approx(0.09)
