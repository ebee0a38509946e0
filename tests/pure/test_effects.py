"""Whether a fault did anything: each sign on both sides of what chance makes of it. Without one nothing was at risk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import pytest
from scipy import stats

from harness.criteria import _effects as effects
from harness.criteria._injections import Injection, load_end_s
from harness.criteria.replication._nodes import LAG_S, PRIMARY, STREAMING, NodeSample
from harness.recording import End, Operation, ProbeSample, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from tests.histories import read, recording

FAULT = Injection("kill", 12.0, 18.0)


def tries(text: str, begin_s: float = 0.0, took_s: float = 0.1) -> list[Operation]:
    """A tenth of a second apart, ``+`` with an answer and ``-`` without."""
    starts = (begin_s + n / 10 for n in range(len(text)))
    return [read(1, at, at + took_s if sign == "+" else None) for at, sign in zip(starts, text, strict=True)]


def bound(bad: int, n: int, upper: bool) -> float:
    """One-sided, Clopper and Pearson, with 1 %."""
    if upper:
        return 1.0 if bad == n else float(stats.beta.ppf(0.99, bad + 1, n - bad))
    return 0.0 if bad == 0 else float(stats.beta.ppf(0.01, bad, n - bad + 1))


@pytest.mark.parametrize(
    ("calm", "during", "shows"),
    [
        ("+" * 100, "+" * 20, False),
        ("+" * 100, "+" * 10 + "-" + "+" * 9, False),
        ("+" * 100, "+" * 9 + "--" + "+" * 9, True),  # none before, and two on end
        ("+" * 100, "-+-" + "+" * 17, False),
        ("", "--------", False),  # nobody knows how it was before
        # Of 100 one before: at most 6.5 % of all, and 20 · 0.065³ is half a percent.
        ("+" * 99 + "-", "+" * 9 + "--" + "+" * 9, False),
        ("+" * 99 + "-", "+" * 9 + "---" + "+" * 8, True),
        # By their number: 6 of 24 are 7.8 % at least, 5 are 5.6 %.
        ("+" * 99 + "-", "+++-" * 6, True),
        ("+" * 99 + "-", "+++-" * 5 + "++++", False),
        ("+" * 99 + "-", "++-" * 4 + "++", False),  # 4 of 14 are 6.4 % at least, and 6.5 % may have been before
    ],
)
def test_more_tries_in_vain_than_before_are_a_sign(calm: str, during: str, shows: bool) -> None:
    told = list(effects._in_vain("read", tries(calm), tries(during)))
    bad = during.count("-")
    assert told == ([f"{bad} of {len(during)} tries of a read were in vain"] if shows else [])
    before = bound(calm.count("-"), len(calm), upper=True)
    longest = max(map(len, during.split("+")))
    more = bound(bad, len(during), upper=False) > before or len(during) * before**longest <= 0.01
    assert shows is (more or (bool(calm) and "-" not in calm and longest > 1))


@pytest.mark.parametrize(
    ("took_s", "usual_s", "is_stalled"),
    [(0.6, 0.1, False), (0.61, 0.1, True), (3.0, 1.0, False), (3.01, 1.0, True), (0.5, 0.0, False), (0.51, 0.0, True)],
)
def test_a_stall_is_half_a_second_more_and_three_times_as_long(took_s: float, usual_s: float, is_stalled: bool) -> None:
    assert effects.is_stalled(took_s, usual_s) is is_stalled


def test_the_longest_answers_are_held_against_each_other() -> None:
    calm = [*tries("+", took_s=0.1), *tries("+", took_s=0.2), *tries("-")]
    slow = [*tries("+", took_s=0.1), *tries("+", took_s=0.8)]
    assert list(effects._stalled("read", calm, slow)) == ["a read took 800 ms, and 200 ms at most before"]
    assert list(effects._stalled("read", calm, calm)) == list(effects._stalled("read", [], slow)) == []


def answered(**counts: int) -> list[Operation]:
    return [read(1, n / 10, n / 10 + 0.1, source=source) for source, count in counts.items() for n in range(count)]


@pytest.mark.parametrize(
    ("calm", "late", "told"),
    [
        # ½⁷ is less than a hundredth, and ½⁶ is more.
        ({"a": 10, "b": 10}, {"a": 7}, ["b answered no read any more"]),
        ({"a": 10, "b": 10}, {"a": 6}, []),
        ({"a": 7}, {"a": 10, "b": 10}, ["b answered a read, and none before"]),
        ({"a": 6}, {"a": 10, "b": 10}, []),
        ({"a": 10}, {"a": 10}, []),
        ({"a": 10}, {"b": 10}, ["a answered no read any more", "b answered a read, and none before"]),
        ({"a": 10}, {}, []),
    ],
)
def test_who_answers_no_more_or_for_the_first_time_is_a_sign(
    calm: Mapping[str, int], late: Mapping[str, int], told: list[str]
) -> None:
    assert list(effects._others("read", answered(**calm), answered(**late))) == told


def seen(at_s: float, error: str | None = None, values: Mapping[str, float] | None = None) -> NodeSample:
    return NodeSample(at_s, at_s, values or {}, error)


P, F = {PRIMARY: 1.0}, {STREAMING: 1.0, LAG_S: 1.0}


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ([seen(11, values=P), seen(13, values=P)], []),
        ([seen(11, values=P), seen(12, "timeout"), seen(20.1, "timeout")], []),  # not after it, or too late
        ([seen(11, values=P), seen(12.1, "timeout")], ["db could not be read"]),
        ([seen(12, values=P), seen(12.1, "timeout")], ["db could not be read"]),  # as it was at that instant
        ([seen(11, values=P), seen(20, "timeout")], ["db could not be read"]),
        ([seen(11, "timeout"), seen(13, "timeout")], []),
        ([seen(13, "timeout")], []),  # of before nothing is known
        ([seen(11, values=P), seen(13, values=F)], ["db became no primary"]),
        ([seen(11, values=F), seen(13, values=P)], ["db became primary"]),
        ([seen(11, values=F), seen(13)], ["db followed nobody"]),
        ([seen(11), seen(13)], []),
        # As late as 1 s before, it may be 4 s behind.
        ([seen(11, values=F), seen(13, values=F | {LAG_S: 4.0})], []),
        ([seen(11, values=F), seen(13, values=F | {LAG_S: 4.1})], ["db was 4.1 s behind"]),
        ([seen(10, values=F | {LAG_S: 2.0}), seen(11, values=F), seen(13, values=F | {LAG_S: 4.1})], []),
    ],
)
def test_a_node_that_changes_is_a_sign(samples: Sequence[NodeSample], told: list[str]) -> None:
    assert list(effects._changed("db", samples, 12.0, 20.0)) == told


def faulty(*operations: Operation, probes: Sequence[ProbeSample] = ()) -> Recording:
    """Two faults, from 12 to 18 s and from 40 to 42 s."""
    marks = (
        FaultMark(12, "kill", INJECTED, "", 1),
        FaultMark(18, "kill", UNDONE, "", 1),
        FaultMark(40, "pause", INJECTED, "", 2),
        FaultMark(42, "pause", UNDONE, "", 2),
    )
    return dataclasses.replace(recording(*operations, faults=marks), probes=tuple(probes))


CALM = tries("+" * 100)


@pytest.mark.parametrize(
    ("at_s", "of_first", "of_second"),
    [(11.5, False, False), (12.0, True, False), (22.7, True, False), (23.0, False, False), (41.0, False, True)],
)
def test_a_sign_is_one_of_the_fault_during_it_and_shortly_after(at_s: float, of_first: bool, of_second: bool) -> None:
    """For five seconds after it was undone. Before the first fault is before each of them."""
    run = faulty(*CALM, *tries("--", at_s), *tries("+" * 30, 50))
    effect = "2 of 2 tries of a read were in vain"
    assert effects.effect_of(run, FAULT) == (effect if of_first else "")
    assert effects.effect_of(run, Injection("pause", 40.0, 42.0)) == (effect if of_second else "")


def test_who_answers_is_looked_at_in_the_second_half_of_a_fault() -> None:
    """It takes a while until another one does: from 15 to 18 s."""
    before = [read(1, n / 10, n / 10 + 0.1, source="ab"[n % 2]) for n in range(100)]
    late = [read(1, 15 + n / 10, 15.1 + n / 10, source="a") for n in range(7)]
    assert effects.effect_of(faulty(*before, *late), FAULT) == "b answered no read any more"
    early = [read(1, 14 + n / 10, 14.1 + n / 10, source="a") for n in range(9)]
    assert effects.effect_of(faulty(*before, *early), FAULT) == ""
    after = [read(1, 18 + n / 10, 18.1 + n / 10, source="a") for n in range(9)]
    assert effects.effect_of(faulty(*before, *after), FAULT) == ""
    # ½⁶ is more than a hundredth, and what begins when it is undone is no seventh.
    at_its_end = [*late[:6], read(1, 18.0, 18.1, source="a")]
    assert effects.effect_of(faulty(*before, *at_its_end), FAULT) == ""


@pytest.mark.parametrize(
    ("end", "until_s"),
    [
        (None, 60.0),
        (End(61.0, "completed", True, 0, 0), 60.0),
        (End(40.0, "stopped", False, 0, 0), 40.0),
        (End(61.0, "stopped", False, 0, 0), 60.0),
    ],
)
def test_there_is_load_until_the_last_phase_or_the_run_ends(end: End | None, until_s: float) -> None:
    run = dataclasses.replace(recording(), end=end)
    assert load_end_s(run) == until_s
    assert load_end_s(dataclasses.replace(run, header=dataclasses.replace(run.header, phases=()))) == 0.0


def test_a_fault_that_is_never_undone_lasts_until_the_next_and_what_comes_after_the_load_is_no_sign() -> None:
    forever = Injection("kill", 12.0, math.inf)
    assert effects.effect_of(faulty(*CALM, *tries("--", 39)), forever)
    assert not effects.effect_of(faulty(*CALM, *tries("--", 40)), forever)
    assert not effects.effect_of(faulty(*CALM, *tries("--", 60.5)), Injection("pause", 40.0, math.inf))
    nodes = [ProbeSample(t, "patroni", "db", P if t < 13 else F) for t in (11.0, 13.0)]
    assert effects.effect_of(faulty(*CALM, probes=nodes), FAULT) == "db became no primary"


def test_faults_without_effect_are_named_once() -> None:
    told = effects.nothing_shown([FAULT, Injection("pause", 40.0, 42.0), FAULT])
    assert told.startswith("nothing shows that kill, pause struck what is asked here: ")


def test_whose_answers_were_not_all_answers_answered_the_others() -> None:
    """An operation without an answer may name who was asked, and one with an answer need not name who gave it."""
    asked = [dataclasses.replace(each, return_s=None) for each in answered(b=9)]
    unnamed = [dataclasses.replace(each, source="") for each in answered(a=9)]
    assert list(effects._others("read", [*answered(a=9), *asked], [*answered(a=9), *unnamed])) == []
