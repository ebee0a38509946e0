"""Metastable or slow: told by the target's queue alone, on recordings in which each second is known."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable

import pytest

from harness.analysis import intervals
from harness.analysis.histogram import bucket_index
from harness.analysis.quality import ServiceLevel
from harness.criteria.recovery._queue import Course, Queue
from harness.criteria.recovery.metastability import Goodput, Metastability
from harness.criteria.recovery.metastability import _same_load_from_s as same_load_from_s
from harness.findings import Finding, Outcome
from harness.parameters import parameters_of
from harness.recording import End, ProbeSample, Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import OK
from harness.verdict import judge
from tests import recordings

PER_S, BEGIN_S, AFTER_S, END_S = 20, 30, 40, 100
LATE_US = 1_500_000


def run(
    good_of: Callable[[int], int],
    length_of: Callable[[float], float] | None,
    *,
    end_s: int = END_S,
    failed_us: int = LATE_US,
    level_after: float = PER_S,
) -> Recording:
    """``good_of`` the 20 requests of a second of the recovery are answered, the others time out; ``length_of`` is the
    gauge, a function of the seconds since the end of the spike; 0 in the baseline.
    """
    whole = recordings.healthy()
    pieces = []
    for t in range(end_s):
        good = PER_S if t < BEGIN_S else good_of(t - AFTER_S)
        pieces.append(Slice(t, "worker-1", "GET /", OK, good, 0, {bucket_index(20_000): good}))
        pieces.append(
            Slice(t, "worker-1", "GET /", "timeout", PER_S - good, 0, {bucket_index(failed_us): PER_S - good})
        )
    gauge = [
        ProbeSample(t + 0.1, "http_json", source, {"queue": 0.0 if t < BEGIN_S else length_of(t + 0.1 - AFTER_S) / 2})
        for t in range(end_s)
        for source in ("one", "two")
        if length_of is not None
    ]
    phases = (Phase("baseline", 0, BEGIN_S), Phase("spike", BEGIN_S, AFTER_S), Phase("recovery", AFTER_S, end_s))
    spike = ((0, PER_S), (BEGIN_S, PER_S), (BEGIN_S, 100.0), (AFTER_S, 100.0))
    level = (*spike, (AFTER_S, level_after), (end_s, level_after))
    header = dataclasses.replace(whole.header, phases=phases, level=level, level_unit="starts/s", gates=())
    return dataclasses.replace(
        whole,
        header=header,
        slices=tuple(piece for piece in pieces if piece.count),
        probes=tuple(gauge),
        marks=(),
        end=End(end_s + 1, "completed", True, PER_S * end_s, 0),
    )


def judged(recording: Recording, **parameters: str | float | bool) -> Finding:
    spec = CriterionSpec("metastability", {"gauge": "queue", **parameters})
    return next(each for each in judge(recording, [spec]).findings if each.kind == "metastability")


def noise(seed: int) -> Callable[[float], float]:
    """The same for the same instant."""
    return lambda t: random.Random(f"{seed} {t}").gauss(0, 3)


def test_a_target_that_is_back_needs_no_gauge() -> None:
    found = judged(run(lambda t: PER_S if t > 20 else 0, None), gauge="")
    assert found.outcome is Outcome.PASS
    assert found.figure == pytest.approx(1)
    assert found.interval is not None and found.interval[0] > 0.9
    assert "it is back" in found.reason


def test_a_queue_that_grows_is_metastable_with_its_slope() -> None:
    found = judged(run(lambda _: 0, lambda t: 500 + 7 * t + noise(1)(t)))
    assert found.outcome is Outcome.FAIL
    assert found.figure == 0
    assert ": metastable: its queue still grows" in found.reason
    assert (
        float(str(found.evidence["slope at least (per s)"])) < 7 < float(str(found.evidence["slope at most (per s)"]))
    )
    assert float(str(found.evidence["slope of the queue (per s)"])) == pytest.approx(7, abs=0.5)


def test_a_queue_that_stands_is_metastable() -> None:
    found = judged(run(lambda _: 4, lambda t: 500 + 4 * noise(2)(t)))
    assert found.outcome is Outcome.FAIL
    assert "its queue does not become shorter" in found.reason
    assert found.figure == pytest.approx(0.2)


def test_a_queue_that_falls_is_slow_and_censored() -> None:
    found = judged(run(lambda _: 0, lambda t: 1000 - 7 * t + noise(3)(t)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert ": slow, not metastable: its queue falls" in found.reason
    # By 7 a second, from the 1,000 - 7 * 55 of the middle of the last third.
    assert float(str(found.evidence["queue at the end"])) == pytest.approx(615, abs=6)
    said = re.search(r"would be empty in about ([0-9.]+) s", found.reason)
    assert said is not None and float(said[1]) == pytest.approx(615 / 7, abs=4)


@pytest.mark.parametrize("bound", [50, 2000])
def test_a_queue_at_its_bound_tells_nothing(bound: int) -> None:
    found = judged(run(lambda _: 0, lambda _: bound))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert f"stands at a bound of {bound:,}" in found.reason


def test_without_a_queue_nothing_keeps_the_target_down() -> None:
    found = judged(run(lambda _: 0, lambda _: 0.0))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "no backlog keeps it down" in found.reason


def test_a_queue_that_may_fall_is_not_said_to_stand() -> None:
    found = judged(run(lambda _: 0, lambda t: 200 + 60 * noise(4)(t)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "unclear, its queue went" in found.reason


@pytest.mark.parametrize("length", [lambda t: 500 + 7 * t, lambda t: 1000 - 7 * t], ids=["growing", "falling"])
@pytest.mark.parametrize("failed_us", [100_000, LATE_US, 30_000_000])
def test_what_clients_see_decides_nothing(length: Callable[[float], float], failed_us: int) -> None:
    """With or without a gauge, whatever the latency: a gauge decides alone, and without one both get one sentence."""
    with_gauge = {judged(run(lambda _: 0, length, failed_us=us)).reason for us in (failed_us, LATE_US)}
    assert len(with_gauge) == 1
    blind = judged(run(lambda _: 0, None, failed_us=failed_us), gauge="", remedy="name one")
    assert blind.outcome is Outcome.INCONCLUSIVE
    assert blind.reason.endswith("limit 90 %: metastable or slow: not observable: name one")


@pytest.mark.parametrize(
    ("good", "outcome"),
    [(20, Outcome.PASS), (19, Outcome.PASS), (18, Outcome.INCONCLUSIVE), (17, Outcome.FAIL), (10, Outcome.FAIL)],
)
def test_the_limit_is_nine_tenths_of_the_baselines_goodput(good: int, outcome: Outcome) -> None:
    found = judged(run(lambda _: good, lambda t: 500 + 7 * t))
    assert found.outcome is outcome
    assert found.figure == pytest.approx(good / PER_S)
    assert found.limit == 0.9


def test_received_minus_handled_is_a_queue() -> None:
    whole = run(lambda _: 0, lambda t: 1000 - 7 * t)
    counters = tuple(
        dataclasses.replace(
            each,
            values={"received": 20 * (each.t + 1) + each.values["queue"], 'handled{code="200"}': 20 * (each.t + 1)},
        )
        for each in whole.probes
    )
    found = judged(dataclasses.replace(whole, probes=counters), gauge="received - handled")
    assert ": slow, not metastable: its queue falls" in found.reason
    assert judged(dataclasses.replace(whole, probes=counters), gauge="received - gone").reason.endswith(
        "not observable, gone was never sampled"
    )


def test_a_gauge_with_holes_and_a_short_recovery_say_what_they_lack() -> None:
    whole = run(lambda _: 0, lambda t: 500 + 7 * t)
    holes = tuple(each for each in whole.probes if each.t < 85 or each.source == "one")
    assert "was read in 17 of the last 30 s" in judged(dataclasses.replace(whole, probes=holes)).reason
    short = judged(run(lambda _: 0, lambda t: 500 + 7 * t, end_s=AFTER_S + 20))
    assert short.outcome is Outcome.INCONCLUSIVE and "watched for 20 s" in short.reason


def test_the_load_has_to_be_that_of_the_baseline() -> None:
    found = judged(run(lambda _: 0, lambda t: 500 + 7 * t, level_after=PER_S * 1.2))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "with the baseline's load the target was watched for 0 s" in found.reason
    assert judged(run(lambda _: 0, lambda t: 500 + 7 * t, level_after=PER_S * 1.04)).outcome is Outcome.FAIL


def test_goodput_is_a_share_of_what_the_baseline_had() -> None:
    """There nineteen of twenty were answered, and ten at the end: 10 ÷ 19, however long the baseline was."""
    whole = run(lambda _: 10, None)
    thinner = tuple(
        dataclasses.replace(each, count=19, latency={bucket_index(20_000): 19}) if each.t < BEGIN_S else each
        for each in whole.slices
    )
    lost = tuple(Slice(t, "w", "GET /", "timeout", 1, 0, {bucket_index(LATE_US): 1}) for t in range(BEGIN_S))
    sick = dataclasses.replace(whole, slices=(*thinner, *lost))
    baseline = whole.header.phases[0]
    found = Goodput.of(sick, baseline, ServiceLevel(1.0, {}), 70, 100)
    assert found is not None
    assert (found.good, found.offered) == (300, 600)
    assert found.figure == pytest.approx(10 / 19)
    low, high = (bound / 0.95 for bound in intervals.clopper_pearson(300, 600))
    assert found.interval == pytest.approx((low, high))
    assert found.describe("baseline").startswith("300 of 600 requests were answered well in the last 30 s, 52.6 % of")
    assert [found.is_back(limit) for limit in (low, low + 0.001, high, high + 0.001)] == [True, None, None, False]
    odd = Goodput.of(sick, baseline, ServiceLevel(1.0, {}), 70, 99)
    assert odd is not None and odd.offered == 580, "each second of them"
    assert Goodput.of(sick, baseline, ServiceLevel(1.0, {}), 200, 230) is None


@pytest.mark.parametrize(("level", "watched_s"), [(PER_S * 1.049, 60), (PER_S * 1.051, 0), (PER_S * 0.951, 60)])
def test_a_twentieth_more_or_less_is_the_same_load(level: float, watched_s: int) -> None:
    whole = run(lambda _: 0, None, level_after=level)
    baseline, _, recovery = whole.header.phases
    assert END_S - same_load_from_s(whole, baseline, recovery, END_S) == watched_s


BELOW = Goodput(70, 100, 300, 600, 0.5263, (0.48, 0.57))


@pytest.mark.parametrize(
    ("queue", "outcome", "said"),
    [
        (
            Queue(Course.RISING, 100, 190, 5, 3.0, (2.0, 4.0)),
            Outcome.FAIL,
            "metastable: its queue still grows from 100",
        ),
        (
            Queue(Course.STANDING, 100, 101, 5, 0.0, (-0.1, 0.1)),
            Outcome.FAIL,
            "metastable: its queue does not become shorter, from 100 to 101 in 30 s (+0/s, -0.1 to +0.1)",
        ),
        (
            Queue(Course.FALLING, 190, 100, 5, -3.0, (-4.0, -2.0)),
            Outcome.INCONCLUSIVE,
            "falls from 190 to 100 in 30 s (-3/s, -4 to -2) and would be empty in about 33.3 s; a recovery phase",
        ),
        (
            Queue(Course.FULL, 200, 200, 5, 0.0, (-1.0, 1.0)),
            Outcome.INCONCLUSIVE,
            "metastable or slow: unclear, its queue stands at a bound of 200, which hides what is turned away",
        ),
        (
            Queue(Course.AS_BEFORE, 5, 5, 5, 0.0, (-1.0, 1.0)),
            Outcome.INCONCLUSIVE,
            "its queue is no longer than in the baseline (5, there up to 5), so no backlog keeps it down",
        ),
        (
            Queue(Course.UNCLEAR, 100, 101, 5, 0.0, (-9.0, 9.0)),
            Outcome.INCONCLUSIVE,
            "metastable or slow: unclear, its queue went from 100 to 101 in 30 s (+0/s, -9 to +9); a longer recovery",
        ),
        ("not observable", Outcome.INCONCLUSIVE, "not observable"),
    ],
)
def test_each_course_of_the_queue_has_its_outcome(queue: Queue | str, outcome: Outcome, said: str) -> None:
    found, told = Metastability()._judge_queue(queue, BELOW)
    assert found is outcome and said in told


@pytest.mark.parametrize(
    ("parameter", "least", "most", "refused"),
    [("lower_limit", 0.01, 1, (0.009, 1.01)), ("floor_s", 0, 1e6, (-0.1,))],
)
def test_its_parameters_have_bounds(parameter: str, least: float, most: float, refused: tuple[float, ...]) -> None:
    (declared,) = (each for each in parameters_of(Metastability) if each.name == parameter)
    assert declared.problem(least) is None and declared.problem(most) is None
    assert all(declared.problem(value) for value in refused)


def test_by_default_it_is_judged_where_something_can_tell() -> None:
    spec = CriterionSpec("metastability", {"only_where_measured": True})

    def kinds(recording: Recording) -> dict[str, Outcome]:
        return {each.kind: each.outcome for each in judge(recording, [spec]).findings}

    assert kinds(run(lambda _: PER_S, None))["metastability"] is Outcome.PASS
    assert kinds(run(lambda _: 0, None))["metastability"] is Outcome.INCONCLUSIVE
    assert "metastability" not in kinds(run(lambda _: 18, None))
    assert "metastability" not in kinds(run(lambda _: PER_S, None, end_s=AFTER_S + 9))


def test_a_recovery_at_whose_end_nobody_asks_shows_nothing() -> None:
    """In the last ten seconds, from 90 s on."""
    whole = run(lambda _: PER_S, lambda _: 0.0)
    for silent_from_s, outcome in ((91, Outcome.PASS), (90, Outcome.INCONCLUSIVE)):
        pieces = tuple(piece for piece in whole.slices if piece.t < silent_from_s)
        found = judged(dataclasses.replace(whole, slices=pieces))
        assert found.outcome is outcome, found.reason
    assert found.reason == "no requests in the last 10 s of the recovery: a stream of them would settle it"
