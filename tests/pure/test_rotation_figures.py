"""Who answers, who was struck, and how even the shares are: bounds and sentences that are worked out by hand."""

from __future__ import annotations

import math

import pytest

from harness import criteria
from harness.criteria._injections import Injection
from harness.criteria._single_operations import by_source, tries
from harness.criteria.balancing._rotation import Struck, put_back, struck, taken_out
from harness.criteria.balancing._rotation_criterion import _in_words
from harness.criteria.balancing.back_in_rotation import BackInRotation
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Operation
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import Scalar
from tests.histories import recording
from tests.ledgers import ask, asked, write

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
FAULT = Injection("kill", 12.0, 18.0)
MARKS = FaultMark(12, "kill", INJECTED, "", 1), FaultMark(18, "kill", UNDONE, "", 1)


def judged(criterion: str, *made: Operation, faults: tuple[FaultMark, ...] = MARKS, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(recording(*made, faults=faults))


def test_tries_are_those_of_a_kind_and_way_in_the_order_of_their_beginning() -> None:
    made = [ask(3.0, 3.1, "a"), ask(1.0, None, "b"), ask(2.0, 2.1, "", via="other"), write("row", 0.5, 0.6, "c")]
    run = recording(*made)
    assert [one.invoke_s for one in tries(run, "*", "*")] == [0.5, 1.0, 2.0, 3.0]
    assert [one.invoke_s for one in tries(run, "read", "ledger")] == [1.0, 3.0]
    assert dict(by_source(tries(run, "*", "*"))) == {"a": 1, "c": 1}


@pytest.mark.parametrize(
    ("first_s", "members"),
    [(7.0, 2), (6.99, 1), (11.99, 2), (12.0, 1)],
)
def test_members_are_those_who_answered_in_the_five_seconds_before(first_s: float, members: int) -> None:
    made = sorted([ask(first_s, first_s + 0.01, "b"), *asked(8.0, "a" * 30)], key=lambda one: one.invoke_s)
    (found,) = struck(made, [FAULT], 60.0)
    assert found.members == members


@pytest.mark.parametrize(("at_s", "is_struck"), [(14.99, True), (15.0, False), (17.99, False), (18.0, True)])
def test_who_answers_in_the_second_half_of_a_fault_was_not_struck(at_s: float, is_struck: bool) -> None:
    """From 15 s to 18 s, in which 10 others are asked: ½¹⁰ is chance."""
    made = [*asked(7.0, "ab" * 25), *asked(15.1, "a" * 10), ask(at_s, at_s + 0.01, "b")]
    (found,) = struck(sorted(made, key=lambda one: one.invoke_s), [FAULT], 60.0)
    assert found.names == (("b",) if is_struck else ())


def test_what_is_asked_before_a_fault_and_after_it_is_none_of_its_time() -> None:
    """In vain at 11.9 s and at 18 s; the sixth good answer of the other is the last that is needed."""
    of = Struck(FAULT, 18.0, 2, ("b",))
    made = [*asked(11.9, "-"), *asked(12.0, "-" + "a" * 6), *asked(18.0, "-")]
    assert taken_out(made, of) == pytest.approx((0.0, 0.6))
    late = [*asked(12.0, "-"), *asked(17.5, "aaaaa"), *asked(18.0, "a")]
    assert taken_out(late, of) == (0.0, math.inf)
    assert put_back([*asked(17.9, "b"), *asked(18.0, "ab"), *asked(60.0, "a" * 30)], of, 60.0) == pytest.approx(
        (0.0, 0.11)
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [(None, "not to be seen"), ((1.5, math.inf), "not within 1.5 s"), ((0.25, 2.0), "after 250 ms to 2 s")],
)
def test_a_time_in_words(found: tuple[float, float] | None, words: str) -> None:
    assert _in_words(found) == words


@pytest.mark.parametrize(("undone_s", "is_known"), [(18.0, True), (59.99, True), (60.0, False), (math.inf, False)])
def test_nobody_is_back_from_a_fault_that_outlasts_the_load(undone_s: float, is_known: bool) -> None:
    of = Struck(Injection("kill", 12.0, undone_s), min(undone_s, 60.0), 2, ("b",))
    assert (BackInRotation().time_of(asked(18.0, "ab" * 20), of, 60.0) is not None) is is_known


BEFORE, DURING, AFTER = asked(7.0, "ab" * 25), asked(12.0, "----" + "a" * 56), asked(18.0, "a" * 10 + "ab" * 30)


@pytest.mark.parametrize(
    ("criterion", "limit_s", "outcome", "figure_s", "interval", "reason"),
    [
        # In vain until 12.3 s, and out with the sixth good answer after it, at 12.9 s.
        ("out_of_rotation", 5.0, PASS, 0.6, (0.3, 0.9), "b got no request any more after 300 ms to 900 ms, limit 5 s"),
        (
            "out_of_rotation",
            0.2,
            FAIL,
            0.6,
            (0.3, 0.9),
            "b got no request any more after 300 ms to 900 ms, limit 200 ms",
        ),
        (
            *("out_of_rotation", 0.5, INCONCLUSIVE, 0.6, (0.3, 0.9)),
            "b got no request any more after 300 ms to 900 ms, limit 500 ms; more requests, or a longer load, would "
            "settle it",
        ),
        # Back at 19.1 s, six requests before which, at 18.5 s, it need not have been.
        ("back_in_rotation", 15.0, PASS, 0.805, (0.5, 1.11), "b answered again after 500 ms to 1.11 s, limit 15 s"),
    ],
)
def test_the_time_of_one_that_was_struck_is_told(
    criterion: str, limit_s: float, outcome: Outcome, figure_s: float, interval: tuple[float, float], reason: str
) -> None:
    found = judged(criterion, *BEFORE, *DURING, *AFTER, limit_s=limit_s)
    assert (found.outcome, found.reason, found.censored) == (outcome, reason, False)
    assert found.figure == pytest.approx(figure_s) and found.interval == pytest.approx(interval)
    assert dict(found.evidence) == {"fault 1, kill at 12 s": f"b: {_in_words(interval)}"}


def test_what_is_missing_of_a_rotation_is_said() -> None:
    none = judged("out_of_rotation", *BEFORE, faults=(), remedy="kill one")
    assert none.reason == "no fault was injected, so nobody was to be taken out: kill one"
    mute = judged("out_of_rotation", ask(1.0, 1.1), remedy="set a source")
    assert mute.reason == (
        "no answer that came by way of * says who gave it: its operation needs a source: set a source"
    )
    unharmed = judged("out_of_rotation", *asked(7.0, "ab" * 100))
    assert unharmed.reason == (
        "every one that answered before a fault answered during it, or the fault had no end, so nobody was taken out "
        "and put back"
    )
    assert dict(unharmed.evidence) == {"fault 1, kill at 12 s": "nobody: not to be seen"}


def shares(text: str, **parameters: Scalar) -> Finding:
    made = [ask(n / 100, n / 100 + 0.001, name.strip("-")) for n, name in enumerate(text)]
    return judged("even_share", *made, faults=(), **parameters)


def test_an_uneven_share_is_told_to_the_digit() -> None:
    """60, 30 and 10 of 100, and one of four who answers nothing: 25 are even, so χ² = (35² + 5² + 15² + 25²) ÷ 25."""
    found = shares("aaaaaabbbc" * 10, members=4)
    assert (found.evidence["members"], found.evidence["χ²"], found.evidence["p of χ²"]) == (4, 84.0, 0.0)
    assert found.figure == pytest.approx(1.4)
    assert found.reason.startswith("a 60 %, b 30 %, c 10 %, 1 of 4 nothing, where 25 % is even; χ² 84, p ")
    # 16 of 30 where 15 are even: χ² is 2 ÷ 15, and its p 0.715.
    near = shares("ab" * 14 + "aa")
    assert (near.evidence["χ²"], near.evidence["p of χ²"]) == (0.133, 0.715001)
    assert near.title == "most uneven share of the answers in the baseline"


@pytest.mark.parametrize(
    ("text", "parameters", "reason"),
    [
        ("a" * 20, {}, "only a has answered, so there is nothing to be shared: say how many there are"),
        ("a" * 9, {"members": 2}, "9 answers of 2 are 4.5 of each where they are even, and five are needed"),
        (
            "-" * 20,
            {"remedy": "tell"},
            "no answer that came by way of * says who gave it: its operation needs a source: tell",
        ),
        ("ab" * 9, {"phase": "peak"}, "the run has no phase 'peak'; its phases are baseline, spike, recovery"),
    ],
)
def test_what_is_missing_of_a_share_is_said(text: str, parameters: dict[str, Scalar], reason: str) -> None:
    found = shares(text, **parameters)
    assert (found.outcome, found.reason) == (INCONCLUSIVE, reason)


@pytest.mark.parametrize(("members", "outcome"), [(0, INCONCLUSIVE), (2, PASS)])
def test_who_answered_before_a_phase_and_not_in_it_is_named(members: int, outcome: Outcome) -> None:
    """``c`` and ``d`` in the baseline; ``a`` at its end, and from the beginning of the spike on."""
    made = [ask(1.0, 1.1, "d"), ask(2.0, 2.1, "c"), ask(9.9, 9.99, "a")]
    made += [ask(10.0 + n / 100, 10.001 + n / 100, "ab"[n % 2]) for n in range(900)]
    found = judged("even_share", *made, faults=(), phase="spike", members=members)
    assert found.outcome is outcome
    said = "; c, d answered before and nothing now: say with members how many there are"
    assert found.reason.endswith(said) is (outcome is INCONCLUSIVE)
    assert found.evidence["answers of a"] == 450, "at 10 s begins the spike"
