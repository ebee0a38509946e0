"""The guard of the baseline: what is unfit to be compared with, and what only looks so."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.guards import baseline_healthy
from harness.findings import BASELINE, Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import OK
from harness.verdict import judge
from tests.recordings import healthy

SECONDS, PER_SECOND = 40, 20


def run(
    latency_ms: Callable[[int], float], failed: Callable[[int], int] = lambda _: 0, noise: float = 0.1
) -> Recording:
    """A baseline of 40 s with 20 requests in each, some of which fail; the latency scatters by 10 %."""
    chance = random.Random(7)
    slices: list[Slice] = []
    for t in range(SECONDS):
        counts: dict[int, int] = {}
        for _ in range(PER_SECOND - failed(t)):
            index = bucket_index(int(max(0.1, latency_ms(t) * chance.gauss(1, noise)) * 1000))
            counts[index] = counts.get(index, 0) + 1
        slices.append(Slice(t, "w", "GET /", OK, sum(counts.values()), 0, counts))
        if failed(t):
            slices.append(Slice(t, "w", "GET /", "http 500", failed(t), 0, {1: failed(t)}))
    template = healthy()
    phases = (Phase(BASELINE, 0, SECONDS), Phase("spike", SECONDS, SECONDS + 5))
    specs = (CriterionSpec("error_ratio", {"limit": 0.05}), CriterionSpec("latency_quantile", {"limit_s": 2.0}))
    header = dataclasses.replace(template.header, phases=phases, criteria=specs)
    return dataclasses.replace(template, header=header, slices=tuple(slices), marks=(), probes=())


def judged(recording: Recording) -> Finding:
    return criteria.load(CriterionSpec("baseline_healthy")).judge(recording)


@pytest.mark.parametrize(
    "recording",
    [
        run(lambda _: 20),
        run(lambda _: 20, noise=1.0),
        run(lambda t: 900 if t == 17 else 20),
        run(lambda t: 20 + t / 4),
        run(lambda t: 1 + t / 40),
        run(lambda _: 20, lambda t: int(t % 25 == 3)),
        run(lambda t: 20 if t % 7 else 60),
    ],
    ids=["steady", "noisy", "one stall", "slight trend", "trend of a millisecond", "few failures", "a little uneven"],
)
def test_a_baseline_within_the_limits_is_fit(recording: Recording) -> None:
    found = judged(recording)
    assert found.outcome is Outcome.PASS, found.reason
    assert not found.voids


@pytest.mark.parametrize(
    ("recording", "told"),
    [
        (run(lambda _: 28_500), "p95 was"),
        (run(lambda _: 20, lambda _: 4), "20 % of the requests failed (http 500), limit 5 %"),
        (run(lambda t: 20 if t % 10 else 1500), "it stalled 4 times (in second 0, 10, 20, 30 of it)"),
        (run(lambda _: 20, lambda t: 0 if t % 20 else 20), "it stalled 2 times"),
        (run(lambda t: 20 + 8 * t), "the median latency rose by 3"),
        (run(lambda t: 400 - 9 * t), "the median latency fell by 3"),
    ],
    ids=["slow", "failing", "stalling", "failing now and then", "rising", "falling"],
)
def test_a_baseline_that_is_unwell_or_unsteady_voids_the_comparison(recording: Recording, told: str) -> None:
    found = judged(recording)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert told in found.reason
    assert found.voids == (BASELINE,)


@pytest.mark.parametrize("begins_s", [0.0, 0.25, 0.4, 0.5, 0.55, 0.6, 0.68, 0.9])
def test_a_service_that_stands_still_for_a_second_now_and_then_stalls(begins_s: float) -> None:
    """One second of every seven; whoever comes in it waits for the rest of it, and 2 ms."""
    slices = []
    for t in range(SECONDS):
        since_s = [(t + number / PER_SECOND - begins_s) % 7 for number in range(PER_SECOND)]
        latency = Counter(bucket_index(int(max(0, 1 - each) * 1e6 + 2000)) for each in since_s)
        slices.append(Slice(t, "w", "GET /", OK, PER_SECOND, 0, dict(latency)))
    found = judged(dataclasses.replace(run(lambda _: 2), slices=tuple(slices)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "it stalled 6 times" in found.reason


def test_a_mix_of_quick_and_slow_requests_does_not_stall() -> None:
    """Two of five take 400 ms and the others 3, dealt by chance: there are seconds with more slow ones than quick."""
    chance = random.Random(3)
    slices = []
    for t in range(SECONDS):
        latency = Counter(bucket_index(chance.choices((3000, 400_000), (3, 2))[0]) for _ in range(8))
        slices.append(Slice(t, "w", "GET /", OK, 8, 0, dict(latency)))
    assert sum(each.latency[bucket_index(400_000)] > 4 for each in slices) > 2
    found = judged(dataclasses.replace(run(lambda _: 2), slices=tuple(slices)))
    assert found.outcome is Outcome.PASS, found.reason


def test_what_is_not_compared_with_it_stands() -> None:
    sick = run(lambda _: 28_500)
    slices = (*sick.slices, Slice(SECONDS, "w", "GET /", OK, 500, 0, {bucket_index(10_000): 500}))
    verdict = judge(
        dataclasses.replace(sick, slices=slices),
        [*sick.header.criteria, CriterionSpec("recovery_time"), CriterionSpec("baseline_healthy")],
    )
    voided = {found.kind for found in verdict.findings if found.voided_by == "baseline_healthy"}
    assert voided == {"recovery_time"}
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_run_that_accepts_no_failure_accepts_none_in_its_baseline() -> None:
    recording = run(lambda _: 20, lambda t: int(t == 17))
    strict = (CriterionSpec("error_ratio", {"limit": 0}),)
    header = dataclasses.replace(recording.header, criteria=strict)
    assert judged(recording).outcome is Outcome.PASS
    found = judged(dataclasses.replace(recording, header=header))
    assert found.outcome is Outcome.INCONCLUSIVE and "limit 0" in found.reason


OF_SPIKE = CriterionSpec("error_ratio", {"limit": 0.5})


@pytest.mark.parametrize(
    ("specs", "outcome"),
    [
        ([OF_SPIKE], "INCONCLUSIVE"),
        ([CriterionSpec("error_ratio", {"limit": 0.5, "phase": BASELINE})], "PASS"),
        ([OF_SPIKE, CriterionSpec("error_ratio", {"limit": 0.1, "phase": BASELINE})], "INCONCLUSIVE"),
        ([], "INCONCLUSIVE"),
    ],
)
def test_what_is_accepted_in_a_spike_is_not_what_is_normal(specs: list[CriterionSpec], outcome: str) -> None:
    sick = run(lambda _: 20, lambda t: 4 if t % 4 else 0)
    header = dataclasses.replace(sick.header, criteria=tuple(specs), alerts={"error_ratio": 0.0, "p95_s": 0.0})
    assert judged(dataclasses.replace(sick, header=header)).outcome.value == outcome


def test_the_limit_that_is_told_is_the_one_it_is_held_against() -> None:
    """So one can tell failures, which are the target's doing, from what else makes a baseline unfit."""
    recording = run(lambda _: 20)
    header = dataclasses.replace(recording.header, criteria=(CriterionSpec("error_ratio", {"limit": 0.01}),))
    assert judged(dataclasses.replace(recording, header=header)).limit == 0.01
    assert judged(recording).limit == 0.05


def lasting(recording: Recording, seconds: int) -> Recording:
    """With a baseline of so many seconds."""
    phases = (Phase(BASELINE, 0, seconds), Phase("spike", seconds, SECONDS + 5))
    return dataclasses.replace(recording, header=dataclasses.replace(recording.header, phases=phases))


@pytest.mark.parametrize(("seconds", "told"), [(9, ""), (10, "it stalled 2 times (in second 1, 6 of it)")])
def test_ten_seconds_are_needed_to_see_a_stall_come_again(seconds: int, told: str) -> None:
    found = judged(lasting(run(lambda t: 1500 if t in (1, 6) else 20, noise=0), seconds))
    assert (found.outcome is Outcome.PASS) is not bool(told)
    assert told in found.reason


@pytest.mark.parametrize(
    ("usual_ms", "stall_ms", "limit"),
    [(5, 95, ""), (5, 105, "longer than 100 ms"), (100, 950, ""), (100, 1050, "longer than 1 s")],
)
def test_a_stall_takes_ten_times_the_usual_and_a_tenth_of_a_second(
    usual_ms: float, stall_ms: float, limit: str
) -> None:
    found = judged(run(lambda t: stall_ms if t in (10, 11, 25) else usual_ms, noise=0))
    assert (found.outcome is Outcome.PASS) is not bool(limit)
    assert not limit or ("it stalled 2 times (in second 10, 25 of it)" in found.reason and limit in found.reason)


def test_one_stall_however_long_does_not_come_again() -> None:
    assert judged(run(lambda t: 1500 if 10 <= t < 15 else 20, noise=0)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("begins_ms", "ms_per_s", "told"),
    [(20, 1, ""), (20, 2, "rose by 80 ms"), (400, 4, ""), (400, 9, "rose by 360 ms"), (800, -9, "fell by 360 ms")],
)
def test_a_trend_is_one_beyond_half_of_the_usual_and_a_twentieth_of_a_second(
    begins_ms: float, ms_per_s: float, told: str
) -> None:
    """Of 40 ms, twice the usual; of 80 ms; of 160 ms with a median of 480; of 360 ms with 580, or 620."""
    found = judged(run(lambda t: begins_ms + ms_per_s * t, noise=0))
    assert (found.outcome is Outcome.PASS) is not bool(told)
    assert told in found.reason


def test_the_quantile_of_the_baseline_is_told_with_its_limit() -> None:
    found = judged(run(lambda _: 3000, noise=0))
    assert found.reason.startswith("p95 was 3 s, limit 2 s")
    assert judged(run(lambda _: 1990, noise=0)).reason.partition(";")[0].find("p95") == -1


def test_of_two_limits_for_the_baseline_the_larger_one_holds() -> None:
    of_baseline = [CriterionSpec("error_ratio", {"limit": limit, "phase": BASELINE}) for limit in (0.1, 0.5)]
    sick = run(lambda _: 20, lambda t: 4 if t % 4 else 0)
    header = dataclasses.replace(sick.header, criteria=tuple(of_baseline), alerts={"error_ratio": 0.0, "p95_s": 0.0})
    assert judged(dataclasses.replace(sick, header=header)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("from_s", "until_s", "held"),
    [(10, 80, True), (25, 80, False), (0, 25, True), (0, 9, False)],
)
def test_an_alert_that_holds_for_half_of_the_baseline_is_no_baseline(from_s: int, until_s: int, held: bool) -> None:
    """Two of 20 fail from then to then; what of it is after the baseline does not count."""
    slices = []
    for t in range(80):
        bad = 2 if from_s <= t < until_s else 0
        slices.append(Slice(t, "w", "GET /", OK, 20 - bad, 0, {bucket_index(20_000): 20 - bad}))
        slices += [Slice(t, "w", "GET /", "http 500", bad, 0, {1: bad})] if bad else []
    base = run(lambda _: 20)
    phases = (Phase(BASELINE, 0, SECONDS), Phase("spike", SECONDS, 80))
    lenient = (CriterionSpec("error_ratio", {"limit": 0.5, "phase": BASELINE}),)
    header = dataclasses.replace(base.header, phases=phases, criteria=lenient, alerts={"p95_s": 0.0})
    found = judged(dataclasses.replace(base, header=header, slices=tuple(slices)))
    assert found.outcome is (Outcome.INCONCLUSIVE if held else Outcome.PASS)
    assert ("the alert error ratio held for most of it (10 % (http 500), limit 5 %)" in found.reason) is held


@pytest.mark.parametrize(
    ("from_s", "until_s", "is_in_it"), [(10, 15, True), (-5, 3, True), (39.8, 45, False), (40.1, 45, False)]
)
def test_a_fault_in_the_baseline_leaves_nothing_to_compare_with(from_s: float, until_s: float, is_in_it: bool) -> None:
    """However little it did there: what stays as bad as that would look as good as before. Where nothing is compared
    with it, a scenario may have its reasons.
    """
    marks = FaultMark(from_s, "tcp_proxy", INJECTED, "", 1), FaultMark(until_s, "tcp_proxy", UNDONE, "", 1)
    struck = dataclasses.replace(run(lambda _: 20), marks=marks)
    assert judged(struck).outcome is Outcome.PASS
    header = dataclasses.replace(struck.header, criteria=(CriterionSpec("recovery_time"),))
    found = judged(dataclasses.replace(struck, header=header))
    assert found.outcome is (Outcome.INCONCLUSIVE if is_in_it else Outcome.PASS)
    assert ("tcp_proxy was there from" in found.reason) == is_in_it


@pytest.mark.parametrize(
    ("cause", "status", "of_load"),
    [
        ("http 422", 422, False),
        ("http 422", 0, False),
        ("http 500", 500, False),
        ("wrong answer", 0, False),
        ("login form again", 200, False),
        ("a page of errors", 500, False),
        ("grpc unauthenticated", 0, False),
        ("http 429", 429, True),
        ("http 429", 0, True),
        ("http 503", 503, True),
        ("breaker open", 503, True),
        ("shed", 420, True),
        ("grpc unavailable", 0, True),
        ("connection refused", 0, True),
        ("timeout", 0, True),
        ("timeout", 200, True),
        ("truncated answer", 200, True),
    ],
)
def test_load_is_not_the_cause_where_every_request_is_answered_and_none_well(
    cause: str, status: int, of_load: bool
) -> None:
    """By a cause of the user's own as well; but for statuses with which a service says that it has too much to do."""
    slices = tuple(Slice(t, "w", "POST /login", cause, 20, 0, {}, status=status) for t in range(SECONDS))
    refused = dataclasses.replace(run(lambda _: 20), slices=slices)
    answered = f"was answered well ({cause}), so load is not the cause: correct the request (path, method, body"
    less = "mend that, or begin with less load, before"
    found = judged(refused)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert (less if of_load else answered) in found.reason and (answered if of_load else less) not in found.reason
    assert of_load or not {"alert", "p95"} & set(found.reason.split()), "one cause, told once"
    for other in (Slice(3, "w", "GET /", "timeout", 1, 0, {}), Slice(3, "w", "GET /", OK, 1, 0, {1: 1}, status=200)):
        assert less in judged(dataclasses.replace(refused, slices=(*slices, other))).reason, "not all of them"


def test_a_target_that_never_answered_well_is_not_said_to_have_failed_anew() -> None:
    template = healthy()
    never = dataclasses.replace(
        template, slices=tuple(dataclasses.replace(piece, outcome="http 422") for piece in template.slices)
    )
    found = criteria.load(CriterionSpec("target_healthy")).judge(never)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "Nor was any before them answered well" in found.reason


@pytest.mark.parametrize(
    ("at_s", "undone_s", "is_there"),
    [(-9, 0.5, False), (-9, 0.51, True), (5, 6, True), (29.49, 40, True), (29.5, 40, False), (29.49, math.inf, True)],
)
def test_a_fault_of_half_a_second_at_an_edge_of_the_baseline_is_none_of_it(
    at_s: float, undone_s: float, is_there: bool
) -> None:
    run = healthy()
    marks = [FaultMark(at_s, "noop", INJECTED)]
    marks += [FaultMark(undone_s, "noop", UNDONE)] if undone_s < math.inf else []
    compares = dataclasses.replace(run.header, criteria=(CriterionSpec("recovery_time"),))
    run = dataclasses.replace(run, header=compares, marks=tuple(marks))
    assert bool(list(baseline_healthy._faults(run, Phase(BASELINE, 0, 30)))) is is_there
    uncompared = dataclasses.replace(run.header, criteria=(CriterionSpec("error_ratio"),))
    assert not list(baseline_healthy._faults(dataclasses.replace(run, header=uncompared), Phase(BASELINE, 0, 30)))


@pytest.mark.parametrize("slow_s", [(9, 20, 40), (*range(10, 40, 2),), ()], ids=["3", "15", "none"])
def test_seconds_stall_where_more_of_their_requests_are_slow_than_by_chance(slow_s: Sequence[int]) -> None:
    """Of one request in each of sixty seconds any may be the slow one; ten at once are no chance."""
    slow = np.array([int(t in slow_s) for t in range(60)], dtype=np.int64)
    each = np.ones(60, dtype=np.int64)
    assert baseline_healthy._stalls(slow, each, 1, 0.5) == []
    assert baseline_healthy._stalls(10 * slow, 10 * each, 1, 0.5) == list(slow_s)
