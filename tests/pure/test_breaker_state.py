"""What breakers say of themselves, and what their dependency counts: instants between samples, counters that begin
anew, shares between two readings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.analysis.histogram import bucket_index
from harness.criteria.breaker import _state as state
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import (
    BreakerBehaviour,
    Leak,
    _find_failure,
    _why_unobserved,
    measure,
    measure_leak,
)
from harness.criteria.breaker._state import UNSEEN, Instance, Moment, Sample
from harness.recording import End, ProbeSample, Recording, Slice
from harness.recording.header import Phase
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import OK
from tests.breakers import CLOSES, DEPENDENCY, OPENS, PROBES, STATE, WITNESSES
from tests.pure.test_breaker_clients import second
from tests.recordings import healthy

INJECTED_S, HEALED_S = 30.0, 45.0
NAMES = BreakerCriterion(**WITNESSES)
Values = Mapping[str, float]


RUN = healthy()


def run(*samples: ProbeSample) -> Recording:
    return replace(RUN, probes=samples)


def told(states: str, source: str = "api", **counters: list[float]) -> list[ProbeSample]:
    """One sample a second from 28.2 s on: c closed, o open, h half-open, a space none."""
    columns = {OPENS: counters.get("opens"), CLOSES: counters.get("closes"), PROBES: counters.get("probes")}
    return [
        ProbeSample(
            28.2 + k,
            "prometheus",
            source,
            {
                STATE: float("coh".index(letter)),
                **{name: column[min(k, len(column) - 1)] for name, column in columns.items() if column},
            },
        )
        for k, letter in enumerate(states)
        if letter != " "
    ]


def instance(states: str, **counters: list[float]) -> Instance:
    (found,) = state.read_instances(run(*told(states, "api", **counters)), NAMES, INJECTED_S, HEALED_S)
    return found


def moment(after_s: float, by_s: float) -> Moment:
    return Moment(pytest.approx(after_s), pytest.approx(by_s))  # type: ignore[arg-type]


def test_a_reading_was_true_at_some_instant_until_the_next_one_and_at_most_two_seconds_long() -> None:
    samples = [ProbeSample(t, "prometheus", "api", {"calls": t}) for t in (5.0, 1.0, 2.5)]
    (found,) = state.series_by_source(run(*samples), "calls").values()
    assert found == (Sample(1.0, 2.5, 1.0), Sample(2.5, 4.5, 2.5), Sample(5.0, 7.0, 5.0))
    other = [ProbeSample(t, "prometheus", "b", {"calls": 0.0, "else": 1.0}) for t in range(4)]
    both = run(*samples, *other)
    assert len(state.longest_series(both, "calls")) == 4 and state.longest_series(both, "nothing") == ()


@pytest.mark.parametrize(
    ("values", "rose"), [([3, 5, 9], 6), ([3, 5, 2, 4], 6), ([7, 7], 0), ([7, 0], 0), ([5], 0), ([], 0), ([4, 6, 1], 3)]
)
def test_a_counter_that_falls_counts_from_0_again(values: list[float], rose: float) -> None:
    assert state.increase(values) == rose


def test_an_opening_lies_between_the_last_sample_that_was_closed_and_the_first_that_was_not() -> None:
    """Samples at 28.2, 29.2 … s; the dependency fails from 30 to 45 s."""
    opened = instance("ccccoooooooooooooooocc")
    assert opened.opened == moment(31.2, 33.2)
    assert opened.closed == moment(47.2, 49.2)
    assert (opened.was_open, opened.openings_seen, opened.ends_closed, opened.silent_from_s) == (False, 1, True, None)
    at_once = instance("ccooo" + "c" * 17)
    assert at_once.opened == moment(30, 31.2), "not before the failure"
    # Closed again before the dependency was healed: it closed when that was healed at the latest.
    assert at_once.closed == moment(45, 46.2)
    half_open = instance("ccch" + "c" * 18)
    assert half_open.opened == moment(30.2, 32.2), "half-open is not closed"
    never = instance("c" * 22)
    assert (never.opened, never.closed, never.openings_seen) == (moment(45, math.inf), None, 0)
    late = instance("c" * 17 + "ooooo")
    assert late.opened == moment(44.2, 46.2), "perhaps before the end of the failure"
    too_late = instance("c" * 18 + "oooo")
    assert too_late.opened == moment(45, math.inf)
    assert instance("o" * 22).was_open, "by the last sample that was read before the failure"
    assert not instance("coo" + "c" * 19).was_open, "which the second one was not surely"


def test_a_breaker_that_opens_again_after_the_failure_closes_later() -> None:
    again = instance("ccc" + "o" * 15 + "cccoccc")
    assert (again.closed, again.openings_seen) == (moment(49.2, 51.2), 2)
    stays = instance("ccc" + "o" * 22)
    assert (stays.closed, stays.ends_closed) == (moment(52.2, math.inf), False)


def test_a_counter_shows_an_opening_between_two_samples_that_were_closed() -> None:
    opens = [0.0] * 4 + [1.0] * 18
    between = instance("c" * 22, opens=opens, closes=[0.0] * 4 + [1.0] * 18, probes=[2.0, 2.0, 2.0, 5.0])
    assert between.opened == moment(31.2, 33.2)
    assert between.closed == moment(45, 46.2)
    assert (between.opens, between.closes, between.probes, between.openings_seen) == (1, 1, 3, 1)
    assert (between.openings, between.half_opens) == (1, 1)
    after = instance("c" * 3 + "o" * 4 + "c" * 15, opens=[0.0] * 3 + [1.0] * 17 + [2.0] * 2)
    assert after.closed == moment(47.2, 49.2), "and one after the failure is a later closing"
    assert after.openings is None and after.half_opens is None


def test_openings_are_one_more_than_closings_where_it_ends_open() -> None:
    assert instance("ccc" + "o" * 19, opens=[0.0, 0.0, 0.0, 3.0], closes=[1.0] * 3 + [2.0]).openings == 2
    ends_closed = instance("ccc" + "o" * 18 + "c", opens=[0.0, 0.0, 0.0, 5.0], closes=[1.0] * 3 + [3.0])
    assert (ends_closed.openings, ends_closed.half_opens) == (2, 5)


@pytest.mark.parametrize(("states", "silent_from_s"), [("cccooo", 33.2), ("cccoooc", None), ("cccoooo", None)])
def test_who_was_not_read_for_more_than_three_seconds_and_a_half_is_silent(
    states: str, silent_from_s: float | None
) -> None:
    """Another source is read until 36.7 s, which is 3.5 s after 33.2."""
    other = ProbeSample(37.0, "prometheus", "db", {"calls": 1.0})
    (found,) = state.read_instances(run(*told(states), other), NAMES, INJECTED_S, HEALED_S)
    assert (found.silent_from_s is None) if silent_from_s is None else found.silent_from_s == pytest.approx(33.2)
    exactly = replace(other, t=33.2 + 3.4)
    (found,) = state.read_instances(run(*told("cccooo"), exactly), NAMES, INJECTED_S, HEALED_S)
    assert found.silent_from_s is None


def test_an_instance_that_died_long_before_the_failure_is_none_of_its_breakers() -> None:
    def last_read(t: float) -> int:
        sample = ProbeSample(t, "prometheus", "api", {STATE: 0.0})
        return len(state.read_instances(run(sample), NAMES, INJECTED_S, HEALED_S))

    assert [last_read(t) for t in (26.4, 26.6, 45.0, 45.1)] == [0, 1, 1, 0]
    dead = ProbeSample(20.0, "prometheus", "a, long dead", {STATE: 0.0})
    assert [one.source for one in state.read_instances(run(dead, *told("cccoo")), NAMES, INJECTED_S, HEALED_S)] == [
        "api"
    ]


def test_a_reading_that_was_over_when_the_failure_began_is_of_before() -> None:
    samples = [
        ProbeSample(t, "prometheus", "api", {STATE: value}) for t, value in ((28.0, 1.0), (30.0, 0.0), (31.0, 0.0))
    ]
    (found,) = state.read_instances(run(*samples), NAMES, INJECTED_S, HEALED_S)
    assert found.was_open and found.openings_seen == 0


def test_of_several_instances_the_last_counts() -> None:
    assert Moment.last([Moment(1, 5), Moment(3, 4)]) == Moment(3, 5)
    assert Moment(3, 5).since(2) == (1, 3) and Moment(3, 5).since(4) == (0, 1)
    assert state.middle_of((1, 4)) == 2.5 and state.middle_of((1, math.inf)) is None
    assert state.in_words((1, 4)) == "between 1 s and 4 s" and state.in_words((2, math.inf)) == "not within 2 s"


def counted(*readings: tuple[float, float]) -> tuple[Sample, ...]:
    """(begun, calls), each of which took 0.4 s."""
    return tuple(Sample(t, t + 0.4, calls) for t, calls in readings)


def test_calls_are_held_against_the_requests_between_the_readings() -> None:
    """20 requests a second; from the reading at 31.5 s to the one at 34.5 s there are three seconds of them."""
    seconds = [second(t, 0) for t in range(28, 40)]
    counter = counted((30.5, 0), (31.5, 7), (32.5, 9), (33.5, 9), (34.5, 10), (35.5, 30))
    leak = measure_leak(counter, seconds, 31, 35)
    assert leak is not None
    assert (leak.calls, leak.begin_s, leak.end_s) == (3, 31.5, 34.5) and leak.requests == pytest.approx(60)
    # Whole seconds that surely lie between them: 32 and 33, less the last; that may: 31 to 34.
    assert (leak.fewest, leak.most) == (40, 80)
    assert leak.ratio == pytest.approx(0.05) and leak.interval == (3 / 80, 3 / 40)
    assert measure_leak(counter, seconds, 34.6, 36) is None, "one reading"
    ends = measure_leak(counter, seconds, 31.5, 34.9)
    assert ends is not None and (ends.begin_s, ends.end_s) == (31.5, 34.5)
    ends = measure_leak(counter, seconds, 31.6, 34.8)
    assert ends is not None and (ends.begin_s, ends.end_s) == (32.5, 33.5)


def test_a_second_that_begins_when_the_last_reading_ends_is_not_between_them() -> None:
    counter = Sample(31.5, 32.0, 0), Sample(34.5, 35.0, 3)
    leak = measure_leak(counter, [second(t, 0) for t in range(28, 40)], 31, 35)
    assert leak is not None and (leak.fewest, leak.most) == (40, 80), "32 and 33 for certain; 31 to 34 perhaps"


@pytest.mark.parametrize(("calls", "is_told"), [(5, True), (4, False)])
def test_half_of_the_requests_show_that_it_is_they_who_are_counted(calls: int, is_told: bool) -> None:
    """Two readings in a baseline of 20 s with 200 requests: half of those of one second are five."""
    unobserved = _why_unobserved(counted((1, 0), (2, calls), (25, 900)), NAMES, (0, 20), 200)
    assert (not unobserved) is is_told


def test_a_failure_ends_with_its_own_fault() -> None:
    """Whatever else is undone meanwhile; seconds count from the one in which it began."""
    marks = (
        FaultMark(30, "http_toggle", INJECTED, "", 1),
        FaultMark(33, "noop", UNDONE, "", 2),
        FaultMark(34, "http_toggle", UNDONE, "", 3),
        FaultMark(45, "http_toggle", UNDONE, "", 1),
    )
    assert [each and each.t for each in _find_failure(replace(RUN, marks=marks), NAMES)[:2]] == [30, 45]
    seen = measure(replace(RUN, marks=marks), NAMES)
    assert isinstance(seen, BreakerBehaviour) and (seen.seconds[0].t, seen.healed_s) == (30, 45)
    earlier = FaultMark(20, "http_toggle", UNDONE, "", 1)
    assert [each and each.t for each in _find_failure(replace(RUN, marks=(earlier, *marks)), NAMES)[:2]] == [30, 45]


def test_without_requests_any_call_is_too_many() -> None:
    nothing = Leak(3, 0, 0, 0, 31.5, 34.5)
    assert nothing.ratio == math.inf and nothing.interval == (0, math.inf)


@pytest.mark.parametrize(("calls", "is_spared"), [(29, True), (30, False)])
def test_a_dependency_is_spared_when_less_than_half_of_the_requests_reach_it(calls: int, is_spared: bool) -> None:
    leak = Leak(calls, 60, 40, 80, 31.5, 34.5)
    assert BreakerBehaviour(leak=leak).is_spared is is_spared and not BreakerBehaviour().is_spared
    open_one = BreakerBehaviour(leak=leak, opened=Moment(31, 32))
    assert open_one.is_seen_open is is_spared
    assert not replace(open_one, has_failed_before=False).is_seen_open
    assert replace(open_one, leak=None).is_seen_open and not BreakerBehaviour(opened=UNSEEN).is_seen_open
    one = instance("ccccoooooooooooooooocc")
    assert BreakerBehaviour(opened=Moment(45, math.inf), instances=(one, instance("c" * 22))).is_seen_open
    assert not BreakerBehaviour(opened=Moment(45, math.inf), instances=(instance("c" * 22),)).is_seen_open


def test_the_rate_of_requests_until_it_closed_is_that_of_each_instance() -> None:
    """Healed at 44.5 s: the seconds 44 to 47 are seen until it closed at 48 s at the latest."""
    seconds = tuple(second(t, 0, requests=20 if t < 46 else 40) for t in range(60))
    one = BreakerBehaviour(seconds=seconds, healed_s=44.5, end_s=60, closed=Moment(46, 48))
    assert one.probe_traffic_per_s == pytest.approx((20 + 20 + 40 + 40) / 4)
    assert replace(one, instances=(instance("c" * 22),) * 2).probe_traffic_per_s == pytest.approx(15)
    never = replace(one, closed=UNSEEN)
    assert never.probe_traffic_per_s == pytest.approx((2 * 20 + 14 * 40) / 16)
    assert replace(one, seconds=()).probe_traffic_per_s == 0


def failing(*slices: Slice, calls: list[tuple[float, float]], healed: bool = True) -> Recording:
    """Ten good answers a second that take 100 ms, but where the slices are; the dependency fails from 30 to 45 s."""
    there = {each.t for each in slices}
    good = [Slice(t, "local", "GET /", OK, 10, 0, {bucket_index(100_000): 10}) for t in range(60) if t not in there]
    marks = [FaultMark(INJECTED_S, "toggle", INJECTED, "", 1), FaultMark(HEALED_S, "toggle", UNDONE, "", 1)]
    phases = (Phase("baseline", 0, 30), Phase("spike", 30, 45), Phase("recovery", 45, 60))
    return replace(
        RUN,
        header=replace(RUN.header, phases=phases, gates=()),
        slices=(*good, *slices),
        marks=tuple(marks if healed else marks[:1]),
        probes=tuple(ProbeSample(t, "prometheus", "upstream", {DEPENDENCY: value}) for t, value in calls),
        end=End(60, "completed", True, 600, 0),
    )


def refused(t: int, latency_s: float = 0.001) -> Slice:
    return Slice(t, "local", "GET /", "http 503", 10, 0, {bucket_index(round(latency_s * 1e6)): 10})


@pytest.mark.parametrize(
    ("slow_s", "latency_s", "late_calls", "has_failed"),
    [
        (30, 0.021, 0, True),  # a failure that was not fast
        (30, 0.019, 0, False),
        (29, 0.5, 0, False),  # not of this failure
        (30, 0.019, 1, True),  # or a call that was counted
    ],
)
def test_a_breaker_opens_for_what_it_has_tried(
    slow_s: int, latency_s: float, late_calls: int, has_failed: bool
) -> None:
    """Fast is below 20 ms. Requests fail fast from 31 s on, or from 30 s on."""
    calls = [(float(t), 10.0 * min(t, 30)) for t in range(31)]
    calls += [(30.5 + k, 300.0 + late_calls) for k in range(20)]
    run = failing(refused(slow_s, latency_s), *map(refused, range(31, 45)), calls=calls)
    found = measure(run, BreakerCriterion(dependency=DEPENDENCY))
    assert found.opened == Moment(30, 31 if slow_s == 30 and latency_s < 0.02 else 32)
    assert found.has_failed_before is has_failed


@pytest.mark.parametrize(("per_s", "is_seen"), [(4.9, False), (5.1, True)])
def test_a_counter_that_half_of_the_requests_move_is_that_of_the_dependency(per_s: float, is_seen: bool) -> None:
    run = failing(*map(refused, range(31, 45)), calls=[(t + 0.5, per_s * t) for t in range(60)])
    found = measure(run, BreakerCriterion(dependency=DEPENDENCY))
    assert (found.unobserved == "") is is_seen and (found.leak is not None) is is_seen
    assert found.before_per_s == 10 and found.until_s == HEALED_S and found.end_s == 60


def test_a_counter_has_to_be_read_in_the_baseline_and_the_failure_to_be_undone() -> None:
    late = failing(*map(refused, range(31, 45)), calls=[(t + 0.5, 10.0 * t) for t in range(29, 60)], healed=False)
    found = measure(late, BreakerCriterion(dependency=DEPENDENCY))
    assert found.unobserved == f"{DEPENDENCY} was not read in the baseline"
    assert (found.healed_s, found.until_s, found.closed) == (None, 60, UNSEEN)
    assert found.failed_fast == 140 and not found.signature


@pytest.mark.parametrize(("bad_s", "is_measured"), [(15, False), (14, True)])
def test_a_baseline_of_which_half_failed_is_none(bad_s: int, is_measured: bool) -> None:
    run = failing(*(refused(t, 0.5) for t in range(bad_s)), calls=[])
    found = measure(run, BreakerCriterion(dependency=DEPENDENCY))
    assert (found.missing == "") is is_measured
    if not is_measured:
        assert found.missing.startswith("150 of 300 requests were answered well in the baseline (http 503)")
