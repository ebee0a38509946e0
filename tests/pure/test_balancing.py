"""Who answers, and how soon nobody asks one that is gone: each outcome with its figure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
from scipy.stats import binomtest

from harness import criteria
from harness.criteria._single_operations import unnamed
from harness.criteria.balancing.fallback_time import _longest_in_vain_s, _longest_run
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Operation, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import Scalar
from harness.verdict import judge
from tests.histories import recording
from tests.ledgers import KILLED, ask, ledger

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
FAULT = FaultMark(12, "kill_process", INJECTED, "", 1), FaultMark(30, "kill_process", UNDONE, "", 1)


def judged(criterion: str, run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)


def interval(found: Finding) -> tuple[float, float]:
    """In milliseconds' precision."""
    low, high = found.interval or (math.nan, math.nan)
    return round(low, 3), round(high, 3)


def shared(**counts: int) -> Recording:
    """So many answers of each, one after the other, in the baseline."""
    made = [name for name, count in counts.items() for _ in range(count)]
    return recording(*(ask(n * 10 / len(made), n * 10 / len(made) + 0.001, name) for n, name in enumerate(made)))


def rotating(
    *, out_s: float = 12.0, back_s: float = 30.0, until_s: float = 60.0, faults: Iterable[FaultMark] = FAULT
) -> Recording:
    """Three answer in turn, each 20 ms; the third is struck from 12 s to 30 s: until ``out_s`` it is asked in vain, and
    from ``back_s`` on it answers again.
    """
    made: list[Operation] = []
    for number in range(int(until_s * 50)):
        t, place = number / 50, number % 3
        if place == 2 and out_s <= t < back_s:
            place = number // 3 % 2
        is_in_vain = place == 2 and 12 <= t < back_s
        made.append(ask(t, None if is_in_vain else t + 0.005, f"api{place + 1}"))
    return recording(*made, faults=faults)


def test_even_shares_pass_and_their_chi_square_is_told() -> None:
    found = judged("even_share", shared(a=500, b=500))
    assert (found.outcome, found.figure) == (PASS, 0)
    assert (found.evidence["χ²"], found.evidence["p of χ²"]) == (0, 1)


def test_an_uneven_share_fails_by_more_than_chance() -> None:
    """600 of 1,000 are 20 % more than even; χ² = 100²/500 + 100²/500."""
    found = judged("even_share", shared(a=600, b=400), limit=0.1)
    assert (found.outcome, found.figure) == (FAIL, pytest.approx(0.2))
    assert found.evidence["χ²"] == 40
    assert judged("even_share", shared(a=600, b=400), limit=0.18).outcome is INCONCLUSIVE
    assert judged("even_share", shared(a=600, b=400), limit=0.3).outcome is PASS


def test_of_three_the_share_that_is_furthest_off_decides() -> None:
    """Half of 1,000 are 50 % more than a third; the least share may be as far off on its other side."""
    found = judged("even_share", shared(a=500, b=300, c=200))
    ends = [binomtest(n, 1000).proportion_ci(1 - 0.05 / 3, "exact") for n in (500, 300, 200)]
    off = [(3 * end.low - 1, 3 * end.high - 1) for end in ends]
    assert off[1][0] < 0 < off[1][1], "three in ten may be even"
    assert found.figure == pytest.approx(0.5)
    assert found.interval == pytest.approx((off[0][0], max(off[0][1], -off[2][0])))


def test_one_who_answers_nothing_counts_where_it_is_known() -> None:
    assert judged("even_share", shared(a=500)).outcome is INCONCLUSIVE
    found = judged("even_share", shared(a=500), members=2)
    assert (found.outcome, found.figure) == (FAIL, 1)
    assert "1 of 2 nothing" in found.reason


def test_fewer_than_five_of_each_prove_nothing() -> None:
    assert judged("even_share", shared(a=7, b=2)).outcome is INCONCLUSIVE
    assert "five are needed" in judged("even_share", shared(a=7, b=2)).reason


def test_it_is_out_of_the_rotation_with_the_last_request_in_vain() -> None:
    """At 13.96 s, and known from the ninth good answer after it on, 180 ms later."""
    found = judged("out_of_rotation", rotating(out_s=14))
    assert (found.outcome, interval(found)) == (PASS, (1.96, 2.14))
    assert judged("out_of_rotation", rotating(out_s=14), limit_s=1.9).outcome is FAIL
    assert judged("out_of_rotation", rotating(out_s=14), limit_s=2).outcome is INCONCLUSIVE


def test_one_that_is_asked_to_the_end_is_never_a_pass() -> None:
    found = judged("out_of_rotation", rotating(out_s=99, back_s=30.0))
    assert (found.outcome, found.censored, interval(found)) == (FAIL, True, (17.98, math.inf))
    assert judged("out_of_rotation", rotating(out_s=99), limit_s=20).outcome is INCONCLUSIVE


def test_a_drained_one_that_still_answers_is_in_the_rotation() -> None:
    made = [ask(n / 50, n / 50 + 0.005, f"api{n % 3 + 1 if n < 700 else n % 2 + 1}") for n in range(1500)]
    found = judged("out_of_rotation", recording(*made, faults=FAULT))
    assert interval(found) == (1.96, 2.14)  # its last answer began at 13.96 s


def test_it_is_back_with_its_first_answer() -> None:
    """At 33.04 s, nine requests before which all others had answered."""
    found = judged("back_in_rotation", rotating(back_s=33))
    assert (found.outcome, interval(found)) == (PASS, (2.86, 3.045))
    assert judged("back_in_rotation", rotating(back_s=33), limit_s=2).outcome is FAIL


def test_one_that_never_comes_back_is_never_a_pass() -> None:
    found = judged("back_in_rotation", rotating(back_s=99))
    assert (found.outcome, found.censored) == (FAIL, True)


@pytest.mark.parametrize(("again_s", "outcome"), [(36, PASS), (48, INCONCLUSIVE), (99, FAIL)])
def test_one_that_comes_back_for_one_answer_is_not_back(again_s: float, outcome: Outcome) -> None:
    """It answers at 33 s, and then not until so late."""
    made = [
        replace(one, source=f"api{n // 3 % 2 + 1}") if one.source == "api3" and 33.1 < one.invoke_s < again_s else one
        for n, one in enumerate(rotating(back_s=33).operations[0].operations)
    ]
    found = judged("back_in_rotation", recording(*made, faults=FAULT))
    assert found.outcome is outcome, found.reason
    assert interval(found)[0] == (27.0 + 2.82 if outcome is FAIL else 2.86)


def test_chance_takes_nobody_out_of_a_rotation() -> None:
    """Five requests in the later half of the fault, of which the third of three got none."""
    made = [ask(n / 50, n / 50 + 0.005, f"api{n % 3 + 1}") for n in range(600)]
    made += [ask(t, t + 0.005, f"api{t % 2 + 1}") for t in range(22, 27)]
    assert judged("out_of_rotation", recording(*made, faults=FAULT)).outcome is INCONCLUSIVE


def test_one_that_has_answered_before_and_does_not_now_is_no_even_share_of_the_others() -> None:
    run = rotating(back_s=99)
    found = judged("even_share", run, phase="recovery")
    assert (found.outcome, "api3 answered before and nothing now" in found.reason) == (INCONCLUSIVE, True)
    assert judged("even_share", run, phase="recovery", members=3).outcome is FAIL
    assert judged("even_share", run, phase="recovery", members=2).outcome is PASS


def test_without_a_fault_or_a_victim_there_is_no_time() -> None:
    for name in ("out_of_rotation", "back_in_rotation", "fallback_time"):
        assert judged(name, rotating(faults=())).outcome is INCONCLUSIVE
        unharmed = recording(*(ask(n / 50, n / 50 + 0.005, f"api{n % 3 + 1}") for n in range(3000)), faults=FAULT)
        assert judged(name, unharmed).outcome is INCONCLUSIVE
    assert judged("back_in_rotation", rotating(faults=FAULT[:1])).outcome is INCONCLUSIVE


def falling_back(after_s: float, then: str = "primary") -> Recording:
    """Replicas answer until 12 s, nobody for so long, then the primary, or a replica again."""
    made = []
    for number in range(3000):
        t = number / 50
        who = "replica" if t < 12 else then
        answered = t < 12 or t >= 12 + after_s
        made.append(ask(t, t + 0.005 if answered else None, who, f"ledger, {who}" if answered else "ledger"))
    return ledger(made, faults=KILLED)


def test_reads_fall_back_with_the_first_answer_of_the_primary() -> None:
    """In vain for the last time at 13.98 s, and answered at 14.005 s."""
    found = judged("fallback_time", falling_back(2))
    assert (found.outcome, interval(found)) == (PASS, (1.98, 2.005))
    assert judged("fallback_time", falling_back(2), limit_s=1.5).outcome is FAIL


def test_replicas_that_are_back_first_show_how_long_nobody_fell_back() -> None:
    """In vain from 12 s to 17.98 s."""
    found = judged("fallback_time", falling_back(6, then="replica"))
    assert (found.outcome, found.figure, found.censored, interval(found)) == (FAIL, None, True, (5.98, math.inf))
    assert judged("fallback_time", falling_back(4, then="replica")).outcome is INCONCLUSIVE


def test_a_primary_that_has_answered_nothing_at_all_is_found_and_no_misspelt_name() -> None:
    run = falling_back(6, then="replica")
    specs = [CriterionSpec("fallback_time", {"via": "ledger, primary", "of": "ledger*"})]
    found = next(each for each in judge(run, specs).findings if each.kind == "fallback_time")
    assert found.outcome is FAIL, found.reason


def test_reads_that_never_fall_back_are_never_a_pass() -> None:
    found = judged("fallback_time", falling_back(99))
    assert (found.outcome, found.figure, found.censored, interval(found)) == (FAIL, None, True, (37.98, math.inf))
    assert judged("fallback_time", falling_back(99), limit_s=38).outcome is INCONCLUSIVE


def mixed(*, replicas_die: bool, in_vain_until_s: float = 0.0) -> Recording:
    """The primary answers every third read anyway. Replicas answer the others, until 12 s if they die: then these are
    in vain for so long, and answered by the primary afterwards.
    """
    made = []
    for number in range(3000):
        t, who = number / 50, "primary" if number % 3 == 0 else "replica"
        if replicas_die and t >= 12 and who == "replica":
            who = "" if t < in_vain_until_s else "primary"
        made.append(ask(t, t + 0.005 if who else None, who, f"ledger, {who}" if who else "ledger"))
    return ledger(made, faults=KILLED)


def test_a_primary_that_answers_its_share_anyway_is_no_fallback() -> None:
    found = judged("fallback_time", mixed(replicas_die=False))
    assert (found.outcome, "went on answering" in found.reason) == (INCONCLUSIVE, True)


def test_reads_that_go_on_in_vain_have_not_all_fallen_back() -> None:
    assert judged("fallback_time", mixed(replicas_die=True, in_vain_until_s=14)).outcome is PASS
    late = judged("fallback_time", mixed(replicas_die=True, in_vain_until_s=24))
    assert (late.outcome, interval(late)[1]) == (INCONCLUSIVE, 12.005)


def test_what_the_primary_answered_before_the_fault_is_its_share() -> None:
    """A third; all that is answered since are its own."""
    run = mixed(replicas_die=True, in_vain_until_s=14)
    asked = tuple(one for one in run.operations[0].operations if one.via.startswith("ledger"))
    alone = replace(run, operations=(replace(run.operations[0], operations=asked),))
    assert judged("fallback_time", alone).outcome is PASS


def test_answers_that_name_nobody_may_be_anybodys() -> None:
    """One in four does not say whose it is."""
    run = rotating()
    mute = [replace(one, source="" if n % 4 == 0 else one.source) for n, one in enumerate(run.operations[0].operations)]
    for name in ("even_share", "out_of_rotation", "back_in_rotation"):
        assert judged(name, run).outcome is PASS
        found = judged(name, recording(*mute, faults=FAULT))
        assert (found.outcome, "do not say who gave them" in found.reason) == (INCONCLUSIVE, True), found


def test_a_fault_that_struck_nobody_is_not_passed_over_for_one_that_did() -> None:
    second = FaultMark(45, "noop", INJECTED, "", 2), FaultMark(50, "noop", UNDONE, "", 2)
    for name in ("out_of_rotation", "back_in_rotation"):
        found = judged(name, rotating(faults=(*FAULT, *second)))
        assert (found.outcome, "1 of 2 faults struck nobody" in found.reason) == (INCONCLUSIVE, True)
        assert judged(name, rotating(faults=(*FAULT, *second)), fault="kill_*").outcome is PASS


def test_whom_a_fault_struck_is_told_of_each() -> None:
    second = FaultMark(45, "noop", INJECTED, "", 2), FaultMark(50, "noop", UNDONE, "", 2)
    told = judged("out_of_rotation", rotating(faults=(*FAULT, *second))).evidence
    assert [str(each).partition(":")[0] for name, each in told.items() if name.startswith("fault ")] == [
        "api3",
        "nobody",
    ]


def test_a_fallback_is_told_from_the_last_try_in_vain_to_the_first_answer() -> None:
    """100 tries of two seconds in vain, and none after it."""
    reason = judged("fallback_time", falling_back(2)).reason
    told = "the primary answered 1.98 s to 2.01 s after the fault, after 100 tries in vain, with 0 more"
    assert reason.startswith(told), reason


@pytest.mark.parametrize(("a", "outcome"), [(50, PASS), (62, INCONCLUSIVE), (95, FAIL)])
def test_what_would_settle_a_share_is_said_where_it_is_open(a: int, outcome: Outcome) -> None:
    found = judged("even_share", shared(a=10 * a, b=10 * (100 - a)))
    assert found.outcome is outcome, found.reason
    assert found.reason.endswith("; more requests would settle it") is (outcome is INCONCLUSIVE)


@pytest.mark.parametrize(
    ("mute", "good", "is_doubted"), [(0, 0, False), (1, 100, False), (2, 199, True), (2, 200, False)]
)
def test_one_answer_of_a_hundred_need_not_say_who_gave_it(mute: int, good: int, is_doubted: bool) -> None:
    given = [ask(n, n + 0.1, source="" if n < mute else "a1") for n in range(good)]
    told = f"{mute} of {good} answers do not say who gave them, and may be anybody's"
    assert unnamed([*given, *(ask(n, None, source="") for n in range(9))]) == (told if is_doubted else "")


@pytest.mark.parametrize(
    ("text", "longest_s"), [("", 0), ("+++", 0), ("-", 0), ("--", 1), ("--+---", 2), ("---+--", 2), ("-+-+-", 0)]
)
def test_what_was_in_vain_one_after_the_other_is_from_its_first_to_its_last(text: str, longest_s: float) -> None:
    tried = [ask(t, t + 0.1 if sign == "+" else None) for t, sign in enumerate(text)]
    assert _longest_in_vain_s(tried) == longest_s


@pytest.mark.parametrize(("text", "run"), [("", 0), ("--", 0), ("+", 1), ("++-+++-+", 3), ("+++--++", 3)])
def test_the_longest_run_of_the_primarys_answers(text: str, run: int) -> None:
    assert _longest_run([sign == "+" for sign in text]) == run
