"""What is said of a rate limit: figures, both sides of each bound, and sentences, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.findings import Finding, Outcome
from harness.recording import Operation
from tests.histories import recording
from tests.takes import judged, take

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def over(*taken: Operation, **parameters: object) -> Finding:
    return judged("over_admission", recording(*taken), **{"allowed": 10, "window_s": 10.0, **parameters})


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ({"a": 10, "b": 9}, ": 2 separate limits, one an instance (a 10, b 9)"),
        ({"a": 10, "b": 8}, ""),
        ({"a": 12, "b": 8}, ""),  # a fifth more than the limit
        ({"a": 10, "b": 10, "c": 2}, ""),
        ({"": 20}, ": as 2 separate limits would admit"),
        ({"": 23}, ""),
        ({"": 18}, ": as 2 separate limits would admit"),
        ({"": 17}, ""),
        ({"": 29}, ": as 3 separate limits would admit"),
        ({"a": 20}, ""),
    ],
)
def test_separate_limits_are_told_by_what_each_has_admitted(by: dict[str, int], told: str) -> None:
    """Of ten in ten seconds, all in the first."""
    names = [name for name, count in by.items() for _ in range(count)]
    found = over(*(take(n / 100, by=name) for n, name in enumerate(names)), take(1.0, "-"))
    assert (found.outcome, found.figure) == (FAIL, len(names) / 10)
    assert found.reason.endswith(f"limit 1.05{told}"), found.reason
    each = {key: value for key, value in found.evidence.items() if key.startswith("admitted by")}
    assert each == {f"admitted by {name}": count for name, count in by.items() if name}


def test_what_is_told_of_the_fullest_window() -> None:
    """12 from 2 s on, of which two are beyond the limit, and one whose answer is neither."""
    made = [take(2 + n / 10) for n in range(12)]
    found = over(*made, take(4.0, "-"), take(5.0, "-"), take(6.0, "?"), take(30.0, key="l"))
    assert dict(found.evidence) == {
        "keys": 2,
        "requests": 16,
        "refused": 2,
        "admitted beyond the limit": 2,
        "neither admitted nor refused": 1,
        "window from (s)": 2.0,
        "admitted by a1": 12,
    }
    assert found.reason.startswith(
        "12 requests of k were admitted within 10 s from 2 s on, 10 are allowed (10 in 10 s); with the instants that "
        "clients cannot see, at most 1.2 times what is allowed, limit 1.05"
    )
    assert "admitted beyond the limit" not in over(*made, take(4.0, "-"), algorithm="fixed_window").evidence


@pytest.mark.parametrize(
    ("algorithm", "admitted", "figure"),
    [("sliding_window", 10, 1.0), ("fixed_window", 20, 1.0), ("token_bucket", 20, 1.0), ("token_bucket", 22, 1.1)],
)
def test_as_many_again_are_allowed_at_the_edge_of_what_is_no_sliding_window(
    algorithm: str, admitted: int, figure: float
) -> None:
    found = over(*(take(n / 100) for n in range(admitted)), take(1.0, "-"), algorithm=algorithm)
    assert found.figure == pytest.approx(figure)
    assert found.outcome is (FAIL if figure > 1.05 else INCONCLUSIVE if algorithm == "sliding_window" else PASS)


def fairness(*taken: Operation, **parameters: object) -> Finding:
    return judged("key_fairness", recording(*taken), **{"allowed": 10, "window_s": 10.0, **parameters})


def pressed(last_s: float, **admitted: int) -> list[Operation]:
    """Each key is refused at 1 s and at an instant, and has so many admitted from 2 s on."""
    made = [take(t, "-", key) for key in admitted for t in (1.0, last_s)]
    return made + [take(2 + n / 10, key=key) for key, count in admitted.items() for n in range(count)]


@pytest.mark.parametrize(("last_s", "is_enough"), [(11.0, True), (10.9, False)])
def test_keys_have_to_ask_for_too_much_together_for_a_whole_window(last_s: float, is_enough: bool) -> None:
    found = fairness(*pressed(last_s, k=10, l=10))
    assert found.outcome is (PASS if is_enough else INCONCLUSIVE)
    reason = "all 2 keys asked for more than the limit together for 9.9 s; a whole window of 10 s is needed"
    assert is_enough or found.reason == reason


@pytest.mark.parametrize(("fewest", "outcome"), [(10, PASS), (8, PASS), (7, FAIL)])
def test_the_fewest_beside_the_most_are_told(fewest: int, outcome: Outcome) -> None:
    found = fairness(*pressed(20.0, k=10, l=fewest, m=10), take(3.0, key="never refused"))
    assert (found.outcome, found.figure) == (outcome, fewest / 10)
    who = "l" if fewest < 10 else "k"
    ratio = f"{fewest / 10:g}"
    assert found.reason == (
        f"of 3 keys that asked for more than the limit from 1 s to 20 s, {who} got fewest, {fewest}, beside at most "
        f"10: {ratio} to {ratio}, at least 0.8 wanted"
    )
    assert dict(found.evidence) == {"admitted of k": 10, "admitted of l": fewest, "admitted of m": 10}


def test_what_is_under_way_at_the_end_leaves_a_share_open() -> None:
    """7 of 10, and two more whose answers come after the end: up to 9 of 10."""
    late = [take(19.0, key="l", end_s=21.0), take(19.5, key="l", end_s=21.0)]
    found = fairness(*pressed(20.0, k=10, l=7), *late)
    assert (found.outcome, found.figure, found.interval) == (INCONCLUSIVE, 0.7, (0.7, 0.9))
    assert found.reason.endswith("; a longer time over the limit would settle it")
    none = fairness(*pressed(20.0, k=0, l=0))
    assert none.reason == "none of these keys had a request admitted while all asked for more than the limit"


def soon(at_s: float, left: int | None = None, by: str = "a1") -> Operation:
    """Admitted within a microsecond."""
    return take(at_s, end_s=at_s + 1e-6, left=left, by=by)


def remaining(*taken: Operation, **parameters: object) -> Finding:
    given = {"allowed": 10, "window_s": 10.0, **parameters}
    return judged("remaining_told", recording(*taken, take(5.0, "-")), **given)


@pytest.mark.parametrize(
    ("left", "algorithm", "is_wrong"),
    [
        (7, "sliding_window", False),  # the third within ten seconds
        (8, "sliding_window", True),
        (6, "sliding_window", True),
        (9, "fixed_window", False),  # a window of its own may have begun with it, so that all but one are left
        (10, "fixed_window", True),
        (7, "fixed_window", False),
        (6, "fixed_window", True),
        (6, "token_bucket", True),
        (9, "token_bucket", False),
    ],
)
def test_a_number_is_wrong_that_the_limit_cannot_have_left(left: int, algorithm: str, is_wrong: bool) -> None:
    found = remaining(soon(1.0), soon(2.0), soon(3.0, left=left), algorithm=algorithm)
    assert (found.figure, found.evidence["numbers told"], found.evidence["wrong"]) == (is_wrong, 1, int(is_wrong))
    is_exact = algorithm == "sliding_window"
    assert found.evidence["checked exactly"] == int(is_exact)
    were = "7" if is_exact else "7 to 9"
    assert not is_wrong or found.evidence["example 1"] == f"k at 3 s: {left} told, {were} were left"
    near = remaining(soon(1.0), soon(2.0), soon(3.0, left=left), algorithm=algorithm, tolerance=1)
    assert near.figure == 0


def test_what_a_number_could_be_checked_with_is_told() -> None:
    found = remaining(soon(1.0, left=9), soon(2.0, left=8))
    assert (found.outcome, found.figure) == (INCONCLUSIVE, 0)
    assert found.reason == (
        "0 of 2 answers told a number that cannot be, 0 %; limit 0 %, 2 could be checked to the last request; at least "
        "20 are needed: requests that follow each other, with nothing else under way"
    )
    fixed = remaining(soon(1.0, left=9), soon(2.0, left=8), algorithm="fixed_window")
    assert fixed.reason.endswith(": windows that begin at instants of their own cannot be checked from outside")
    # The other one may have been decided before it, or after.
    doubted = remaining(take(1.0, end_s=4.0), soon(2.0, left=8))
    assert (doubted.figure, doubted.evidence["checked exactly"]) == (0, 0)


@pytest.mark.parametrize(("answers", "is_mute"), [(19, False), (20, True)])
def test_one_that_never_tells_is_named_from_twenty_answers_on(answers: int, is_mute: bool) -> None:
    told = [soon(float(n), left=9 - n, by="a1") for n in range(10)] + [
        soon(100.0 + n, left=9 - n, by="a1") for n in range(10)
    ]
    mute = [soon(200.0 + 20 * n, by="a2") for n in range(answers)]
    found = remaining(*told, *mute)
    assert found.outcome is (INCONCLUSIVE if is_mute else PASS)
    assert found.reason.endswith("; a2 never told any, so nobody knows what is left there") is is_mute


@pytest.mark.parametrize(
    ("before", "tolerance", "wrong"),
    [(10, 0.0, 0), (9, 0.0, 1), (9, 0.1, 0), (8, 0.1, 1)],
)
def test_a_refusal_without_reason_is_told(before: int, tolerance: float, wrong: int) -> None:
    made = [take(1 + n / 10) for n in range(before)]
    run = recording(*made, take(5.0, "-"))
    found = judged("wrong_refusals", run, allowed=10, window_s=10.0, tolerance=tolerance)
    assert (found.figure, found.outcome) == (wrong, FAIL if wrong else PASS)
    assert dict(found.evidence) == {
        "refused": 1,
        "without reason": wrong,
        "cannot be told": 0,
        **({"example 1": f"k at 5 s: at most {before} were admitted before"} if wrong else {}),
    }
    assert found.reason.startswith(f"{wrong} of 1 refusals had no reason (10 in 10 s allowed), ")


def test_what_the_instants_do_not_tell_of_a_refusal_is_open() -> None:
    """The tenth was under way when one was refused; of two refusals that is a half."""
    made = [*(take(1 + n / 10) for n in range(9)), take(4.9, end_s=5.1), take(5.0, "-"), take(6.0, "-")]
    found = judged("wrong_refusals", recording(*made), allowed=10, window_s=10.0, tolerance=0.0)
    assert (found.outcome, found.figure, found.interval) == (INCONCLUSIVE, 0, (0, 0.5))
    assert found.reason.endswith("; of 1 the instants that clients see do not tell: answers that come sooner would")


@pytest.mark.parametrize(
    ("signs", "outcome", "evidence"),
    [
        ("+" * 10, PASS, (10, 0, 0)),
        ("+" * 9, INCONCLUSIVE, (9, 0, 0)),
        ("+" * 9 + "??", INCONCLUSIVE, (11, 0, 2)),
        ("+" * 9 + "-", FAIL, (10, 1, 0)),
        ("??", INCONCLUSIVE, None),
    ],
)
def test_tries_as_late_as_told_are_counted(signs: str, outcome: Outcome, evidence: tuple[int, ...] | None) -> None:
    made = [replace(take(float(n), sign), via="retry") for n, sign in enumerate(signs)]
    found = judged("retry_after", recording(*made))
    assert found.outcome is outcome
    if evidence is None:
        assert found.reason == "none of 2 tries was admitted or refused: look for its error"
        return
    assert (found.evidence["tries"], found.evidence["refused again"], found.evidence["neither"]) == evidence
    more = "; at least 10 tries are needed: a longer run, or more keys of their own"
    assert found.reason.endswith(more) is (outcome is INCONCLUSIVE)


def test_nothing_was_asked_for_by_that_way() -> None:
    nothing = judged("over_admission", recording())
    assert nothing.reason == "the run has no requests under a rate limit: users make them with self.take(...)"
    elsewhere = judged("over_admission", recording(take(1.0), replace(take(2.0), via="burst")), via="none")
    reason = "no request under the limit came by way of none while its counters were there; the ways are burst, stream"
    assert elsewhere.reason == reason
    few = judged("over_admission", recording(take(1.0), take(2.0)))
    assert few.reason == (
        "none of 2 requests was refused: ask for more than the limit admits, or see whether it is as stated, "
        "100 in 60 s"
    )


def test_a_request_that_took_no_time_by_the_clock_is_counted_once() -> None:
    made = [*(take(float(n), left=9 - n) for n in range(10)), take(10.0, "-")]
    found = judged("remaining_told", recording(*made), allowed=10, window_s=100.0)
    assert (found.figure, found.evidence["checked exactly"]) == (0, 10)
    made[4] = take(4.0, left=4)
    told_less = judged("remaining_told", recording(*made), allowed=10, window_s=100.0)
    assert told_less.evidence["example 1"] == "k at 4 s: 4 told, 5 were left"
