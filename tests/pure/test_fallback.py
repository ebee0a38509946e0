"""When reads fall back to the primary, try by try: worked out by hand, with what is told of each way it can go."""

from __future__ import annotations

import math

import pytest

from harness import criteria
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Operation
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import Scalar
from tests.histories import recording
from tests.ledgers import ask, write

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
FROM_12_TO_18 = FaultMark(12, "kill_replicas", INJECTED, "", 1), FaultMark(18, "kill_replicas", UNDONE, "", 1)
VIA = {"p": "ledger, primary", "r": "ledger, replica", "-": "ledger"}


def tried(begin_s: float, text: str) -> list[Operation]:
    """Half a second apart: ``p`` and ``r`` are answered by primary and replica in 10 ms, ``-`` is in vain."""
    times = (begin_s + n / 2 for n in range(len(text)))
    return [ask(t, None if who == "-" else t + 0.01, via=VIA[who]) for t, who in zip(times, text, strict=True)]


def found(*made: Operation, faults: tuple[FaultMark, ...] = FROM_12_TO_18, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec("fallback_time", parameters)).judge(recording(*made, faults=faults))


def told(of: Finding) -> tuple[Scalar, ...]:
    """Tries in vain before and after, answers of a replica before and of the primary."""
    keys = ("tries in vain before", "tries in vain after", "answers of a replica before", "answers of the primary")
    return tuple(of.evidence[key] for key in keys)


@pytest.mark.parametrize(
    ("before", "during", "low_s", "high_s", "figure_s", "counts"),
    [
        ("rrrr", "--pppppppppp", 0.5, 1.01, 1.01, (2, 0, 0, 10)),
        ("rrrr", "pppppppppp", 0.0, 0.01, 0.01, (0, 0, 0, 10)),
        ("rrrr", "rr-ppppppppp", 1.0, 1.51, 1.51, (1, 0, 2, 9)),
        ("rrrr", "-p--pppppppp", 0.0, 2.01, 0.51, (1, 2, 0, 9)),  # two more were in vain after its first answer
        ("rrrr", "-p----------", 0.0, math.inf, 0.51, (1, 10, 0, 1)),
        ("rrrr", "-ppprp-ppppp", 0.0, 0.51, 0.51, (1, 0, 0, 9)),  # what is in vain when replicas are back is theirs
        ("rrrr", "-ppprp-prppp", 0.0, 0.51, 0.51, (1, 0, 0, 8)),  # the first of them tells when
        ("rrrrp", "-pprp-pppppp", 0.0, 3.01, 0.51, (1, 1, 0, 9)),  # one that answers anyway may have been asked
        ("-r-rpp", "--pppppppppp", 0.5, 1.01, 1.01, (2, 0, 0, 10)),  # 10 of which ½¹⁰ is chance: 0.98 %
        ("rp", "pppppppppp", 0.0, 0.01, 0.01, (0, 0, 0, 10)),
    ],
)
def test_a_fallback_lies_between_the_last_try_before_and_the_first_answer(
    before: str, during: str, low_s: float, high_s: float, figure_s: float, counts: tuple[int, ...]
) -> None:
    """The fault is from 12 s to 18 s; a write that the primary takes does not count, nor what is in vain after it."""
    others = [write("row", 12.1, 12.2), *tried(18.0, "--")]
    of = found(*tried(12.0 - len(before) / 2, before), *tried(12.0, during), *others)
    assert of.interval == pytest.approx((low_s, high_s))
    assert (of.figure, told(of)) == (pytest.approx(figure_s), counts)
    assert (of.outcome, of.censored) == ((INCONCLUSIVE, True) if math.isinf(high_s) else (PASS, False))
    assert of.reason.endswith("; an error ratio of that time would settle it") is math.isinf(high_s)


@pytest.mark.parametrize(("again_s", "limit_s", "outcome"), [(17.9, 5, PASS), (18, 5, INCONCLUSIVE), (18, 0.4, FAIL)])
def test_a_fault_that_comes_when_the_first_is_over_is_not_judged_and_leaves_no_pass(
    again_s: float, limit_s: float, outcome: Outcome
) -> None:
    """Nobody answers from the second one on."""
    made = *tried(10.0, "rrrr"), *tried(12.0, "--pppppppppp"), *tried(18.0, "--------")
    again = FaultMark(again_s, "kill_replicas", INJECTED, "", 2)
    of = found(*made, faults=(*FROM_12_TO_18, again), limit_s=limit_s)
    assert (of.outcome, of.interval) == (outcome, pytest.approx((0.5, 1.01)))
    unjudged = "; 1 of 2 faults came when it was over, and are not judged: name with fault the one that takes the "
    assert (unjudged in of.reason) is (outcome is INCONCLUSIVE)


def test_how_a_fallback_is_told() -> None:
    of = found(*tried(10.0, "rrrr"), *tried(12.0, "-p--pppppppp"))
    assert of.reason == (
        "the primary answered 0 ms to 2.01 s after the fault, after 1 tries in vain, with 2 more after its first "
        "answer; limit 5 s"
    )


@pytest.mark.parametrize(
    ("before", "during", "went_on"),
    [
        ("rp", "---ppppppppp", True),  # 9 · ½⁹ is 1.8 %: as many on end come by chance
        ("rp", "--pppppppppp", False),
        ("rrrr", "rrrrrrrrrrrr", True),
        ("rrrr", "-rrrrrrrrrrr", False),  # one was in vain
        ("rrrr", "---------ppp", False),
        ("rp", "rprprprprprp", True),
    ],
)
def test_replicas_that_went_on_leave_nothing_to_fall_back(before: str, during: str, went_on: bool) -> None:
    """The primary's answers from 18 s on are none while the fault was watched."""
    of = found(*tried(12.0 - len(before) / 2, before), *tried(12.0, during), *tried(18.0, "ppp"))
    reason = "replicas went on answering a read while the fault was watched, so none had to fall back"
    assert (of.reason == reason) is went_on
    assert not went_on or (of.outcome, of.figure, of.interval) == (INCONCLUSIVE, None, None)


@pytest.mark.parametrize(
    ("during", "limit_s", "outcome", "low_s", "reason"),
    [
        ("rrrr--------", 5.0, FAIL, 5.5, "the primary answered no read in the 6 s that the fault was watched, with 8"),
        ("rrrr--------", 5.5, INCONCLUSIVE, 5.5, "the primary answered no read in the 6 s"),
        ("rrr", 5.0, INCONCLUSIVE, 1.0, "the primary answered no read in the 6 s that the fault was watched, with 0"),
        ("-----r------", 5.0, FAIL, 5.5, "the primary answered no read in the 6 s that the fault was watched, with 11"),
        # A replica answers in the second half of the fault, which begins at 15 s: it was back.
        ("------r-----", 5.0, INCONCLUSIVE, 2.5, "every read was in vain for 2.5 s, 11 in all, until a replica was"),
        ("------r-----", 2.4, FAIL, 2.5, "every read was in vain for 2.5 s, 11 in all, until a replica was back"),
        ("-r--r---r---", 5.0, INCONCLUSIVE, 1.0, "every read was in vain for 1 s, 9 in all"),
    ],
)
def test_a_primary_that_answers_nothing_took_longer(
    during: str, limit_s: float, outcome: Outcome, low_s: float, reason: str
) -> None:
    of = found(*tried(10.0, "rrrr"), *tried(12.0, during), limit_s=limit_s)
    assert (of.outcome, of.figure, of.censored) == (outcome, None, True)
    assert of.interval == (pytest.approx(low_s), math.inf)
    assert of.reason.startswith(reason), of.reason
    remedy = (
        "; replicas that stay away for longer would settle it"
        if reason.startswith("every")
        else "; a longer fault, or more requests, would settle it"
    )
    assert of.reason.endswith(remedy if outcome is INCONCLUSIVE else f"limit {limit_s:g} s"), of.reason


@pytest.mark.parametrize(("returned_s", "is_seen"), [(18.0, True), (18.01, False)])
def test_an_answer_counts_that_comes_while_the_fault_is_watched(returned_s: float, is_seen: bool) -> None:
    """Asked at 17.9 s, when all others were in vain; of a primary that answered half before, it may be chance."""
    last = ask(17.9, returned_s, via=VIA["p"])
    of = found(*tried(10.0, "rrrr"), *tried(12.0, "------------"), last, limit_s=7.0)
    assert of.interval == pytest.approx((5.5, 6.0 if is_seen else math.inf))
    assert of.outcome is (PASS if is_seen else INCONCLUSIVE)
    shared = found(*tried(11.0, "rp"), *tried(12.0, "------------"), last)
    assert ("went on answering" in shared.reason) is is_seen


def test_what_is_tried_at_the_instant_of_the_first_answer_is_neither_before_nor_after_it() -> None:
    """It comes at 12.51 s; and an answer that comes with the last try in vain, at 13.01 s, was none after it."""
    made = [*tried(10.0, "rrrr"), *tried(12.0, "-pppppppp")]
    assert told(found(*made, ask(12.51, None)))[:2] == (1, 0)
    of = found(*made, ask(13.01, None))
    assert (of.interval, told(of)[:2]) == (pytest.approx((0.0, 1.51)), (1, 1))


@pytest.mark.parametrize("before", ["pppp", "----", ""])
def test_without_an_answer_of_a_replica_before_the_fault_none_had_to_fall_back(before: str) -> None:
    """One at 12 s, with the fault, is none before it."""
    of = found(*tried(10.0, before), *tried(12.0, "r--ppppppppp"), remedy="name the replicas")
    reason = "no read was answered by a replica before the fault, so none had to fall back: name the replicas"
    assert (of.outcome, of.reason) == (INCONCLUSIVE, reason)


def test_a_fault_that_is_never_undone_is_watched_to_the_end_of_the_load() -> None:
    """That is at 60 s; of two faults the first is meant."""
    faults = FaultMark(12, "kill_replicas", INJECTED, "", 1), FaultMark(30, "kill_replicas", INJECTED, "", 2)
    of = found(*tried(10.0, "rrrr"), *tried(12.0, "-" * 96), faults=faults)
    assert (of.outcome, of.interval) == (FAIL, (47.5, math.inf))
    assert of.reason == (
        "the primary answered no read in the 48 s that the fault was watched, with 96 tries in vain, limit 5 s"
    )
