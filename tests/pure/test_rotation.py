"""In the rotation or out of it, and how even the shares in it are: worked out by hand, request by request."""

from __future__ import annotations

import math

import pytest
from scipy.stats import binomtest

from harness import criteria
from harness.criteria._injections import Injection
from harness.criteria.balancing._rotation import Struck, _stays_from, put_back, struck, taken_out
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import Scalar
from tests.histories import recording
from tests.ledgers import ask, asked

FAULT = Injection("kill", 12.0, 18.0)
END_S = 60.0


@pytest.mark.parametrize(
    ("before", "late", "names"),
    [
        ("ab" * 25, "a" * 7, ("b",)),  # ½⁷ is less than a hundredth, ½⁶ is more
        ("ab" * 25, "a" * 6, ()),
        ("ab" * 25, "-" * 7, ("a", "b")),
        ("ab" * 25, "a" * 6 + "b", ()),
        ("aaab" * 12, "a" * 16, ()),  # 0.75¹⁶ is 1.002 %
        ("aaab" * 12, "a" * 17, ("b",)),
    ],
)
def test_struck_is_who_answers_nothing_though_chance_would_have_it_otherwise(
    before: str, late: str, names: tuple[str, ...]
) -> None:
    """Of those that answered in the five seconds before; looked at is the second half of the fault."""
    operations = [*asked(6.0, "c" * 5), *asked(7.0, before), *asked(14.9, "b"), *asked(15.0, late)]
    (found,) = struck(operations, [FAULT], END_S)
    assert (found.names, found.members, found.until_s) == (names, 2, 18.0)


def test_a_fault_lasts_to_its_end_the_next_one_or_that_of_the_load() -> None:
    faults = [FAULT, Injection("pause", 20.0, 90.0), Injection("noop", 25.0, math.inf)]
    assert [each.until_s for each in struck(asked(7.0, "ab" * 25), faults, END_S)] == [18.0, 25.0, 60.0]


OF_TWO = Struck(FAULT, 18.0, 2, ("b",))


@pytest.mark.parametrize(
    ("who", "interval"),
    [
        ("-----aaaaaa", (0.4, 1.0)),  # three times as many good answers as there are members
        ("-----aaaaa", (0.4, math.inf)),
        ("-aa-baaaaaaaa", (0.4, 1.0)),  # a good answer of its own is one, too
        ("aaaaaaaa", (0.0, 0.5)),
        ("aaaaa", (0.0, math.inf)),
    ],
)
def test_it_is_out_when_no_request_goes_to_it_any_more(who: str, interval: tuple[float, float]) -> None:
    operations = [*asked(11.5, "-b-b-"), *asked(12.0, who), *asked(18.0, "bbbbb")]
    assert taken_out(operations, OF_TWO) == pytest.approx(interval)


@pytest.mark.parametrize(
    ("who", "interval"),
    [
        ("a" * 20 + "b" * 20, (1.4, 2.01)),
        ("a" * 6 + "b" * 20, (0.0, 0.61)),
        ("a" * 7 + "b" * 20, (0.1, 0.71)),
        ("b" * 20, (0.0, 0.01)),
        ("a" * 20, (1.4, math.inf)),
        ("a" * 20 + "-" * 3 + "b" * 20, (1.7, 2.31)),
        ("aab" + "a" * 20 + "b" * 20, (0.0, 2.31)),  # it went away again in between
        ("b" + "a" * 40, (3.5, math.inf)),
    ],
)
def test_it_is_back_when_it_answers_and_goes_on_to(who: str, interval: tuple[float, float]) -> None:
    operations = [*asked(17.0, "bbbb"), *asked(18.0, who)]
    assert put_back(operations, OF_TWO, END_S) == pytest.approx(interval)


def test_all_who_were_struck_have_to_be_back() -> None:
    both = Struck(FAULT, 18.0, 3, ("b", "c"))
    assert put_back(asked(18.0, "a" * 20 + "b" * 10 + "bc" * 10), both, END_S) == pytest.approx((2.2, 3.11))
    assert put_back(asked(18.0, "a" * 20), Struck(FAULT, 18.0, 3, ()), END_S) == (0, 0)


@pytest.mark.parametrize(
    ("mine", "asked", "members", "stays"),
    [
        # Of two, 14 of others on end are the most that chance makes of a hundred: ½¹⁴ · 100 < 1 %.
        ([0, 14, 28, 42, 56, 70, 86], 100, 2, 86),
        ([0, 14, 28, 42, 56, 70, 84], 98, 2, 0),
        ([0, 14, 28, 42, 56, 70, 84], 99, 2, None),
        ([0, 15, 29, 43, 57, 71, 86], 100, 2, 86),
        ([0, 15, 29, 43, 57, 71, 85], 99, 2, 15),
        ([0, 20, 40, 50, 60, 70, 80, 90], 100, 2, 40),
        ([], 100, 2, None),
        ([3], 4, 1, 3),
        ([0], 100, 1, 0),
    ],
)
def test_it_stays_where_it_is_without_an_answer_for_no_longer_than_by_chance(
    mine: list[int], asked: int, members: int, stays: int | None
) -> None:
    assert _stays_from(mine, asked, members) == stays


def shares(text: str, begin_s: float = 0.0, step_s: float = 0.01, **parameters: Scalar) -> Finding:
    made = [ask(begin_s + n * step_s, begin_s + n * step_s + 0.001, name) for n, name in enumerate(text)]
    return criteria.load(CriterionSpec("even_share", parameters)).judge(recording(*made))


def test_the_interval_of_an_uneven_share_holds_for_all_members_together() -> None:
    """Clopper and Pearson with 95 % for two shares at once, so with 97.5 % each."""
    found = shares("ab" * 200 + "a" * 100)
    of_a, of_b = (binomtest(k, 500).proportion_ci(0.975, "exact") for k in (300, 200))
    assert found.interval == pytest.approx((2 * of_a.low - 1, 2 * of_a.high - 1))
    assert found.interval == pytest.approx((1 - 2 * of_b.high, 1 - 2 * of_b.low))
    assert found.figure == pytest.approx(0.2) and found.outcome is Outcome.INCONCLUSIVE
    assert "a 60 %, b 40 %, where 50 % is even; χ² 20, p 7.7e-06; off by 20 % of it at most" in found.reason
    assert found.reason.endswith("; more requests would settle it")
    even = shares("ab" * 200)
    assert even.interval is not None and even.interval[0] == 0
    assert shares("ab" * 200, limit=0.9).reason.endswith("limit 90 %"), "a PASS asks for nothing"
    assert (even.evidence["members"], even.evidence["answers of a"]) == (2, 200)


@pytest.mark.parametrize(("text", "is_enough"), [("ab" * 5, True), ("ab" * 4 + "a", False)])
def test_five_answers_of_each_are_enough(text: str, is_enough: bool) -> None:
    assert ("five are needed" not in shares(text).reason) is is_enough


def test_answers_count_by_the_phase_in_which_they_began() -> None:
    """The baseline ends at 10 s."""
    found = shares("ab" * 10 + "c" * 10, begin_s=9.8, step_s=0.01, limit=0.9)
    assert {key for key in found.evidence if key.startswith("answers")} == {"answers of a", "answers of b"}


def test_of_several_faults_the_longest_time_is_judged() -> None:
    """Three answer in turn, each 20 ms. The first is struck from 12 to 18 s and asked in vain until 13.98 s; the second
    from 40 to 46 s, until 40.48 s.
    """
    made = []
    for n in range(3000):
        at_s, who = n / 50, "abc"[n % 3]
        for begin_s, vain_until_s, name, others in ((12, 14, "a", "bc"), (40, 40.5, "b", "ac")):
            if who == name and begin_s <= at_s < begin_s + 6:
                who = "-" if at_s < vain_until_s else others[n // 3 % 2]
        made.append(ask(at_s, None if who == "-" else at_s + 0.005, "" if who == "-" else who))
    marks = [
        FaultMark(at_s, "kill", event, "", number)
        for number, begin_s in ((1, 12), (2, 40))
        for at_s, event in ((begin_s, INJECTED), (begin_s + 6, UNDONE))
    ]
    found = criteria.load(CriterionSpec("out_of_rotation", {})).judge(recording(*made, faults=marks))
    assert found.interval is not None and found.interval[0] == pytest.approx(1.98)
    assert found.reason.startswith("a "), found.reason
