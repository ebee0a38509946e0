"""Rate limits: limiters of known behaviour, seen by clients who know only when they sent and were answered."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from harness import criteria
from harness.criteria.rate_limit._takes import Admissions, Key, Take, Window, by_source
from harness.findings import Finding, Outcome
from harness.recording import ADMITTED, BYPASS, REFUSED, TAKE, CriterionSpec, Operation, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.verdict import judge
from tests import histories

ALLOWED, WINDOW_S = 20, 2.0
PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


class Sliding:
    """Admits ``allowed`` in any ``window_s``, exactly."""

    def __init__(self, allowed: int = ALLOWED, window_s: float = WINDOW_S) -> None:
        self.allowed, self.window_s = allowed, window_s
        self.admitted: deque[float] = deque()

    def take(self, now_s: float) -> tuple[bool, int]:
        while self.admitted and self.admitted[0] <= now_s - self.window_s:
            self.admitted.popleft()
        if len(self.admitted) >= self.allowed:
            return False, 0
        self.admitted.append(now_s)
        return True, self.allowed - len(self.admitted)


class Fixed(Sliding):
    """Windows that begin with the first request after the last one has ended."""

    begun_s = -1e9

    def take(self, now_s: float) -> tuple[bool, int]:
        if now_s >= self.begun_s + self.window_s:
            self.begun_s = now_s
            self.admitted.clear()
        if len(self.admitted) >= self.allowed:
            return False, 0
        self.admitted.append(now_s)
        return True, self.allowed - len(self.admitted)


def takes(
    limiter: Callable[[str, str], Sliding],
    *,
    per_s: float = 40,
    until_s: float = 30,
    keys: tuple[str, ...] = ("k",),
    instances: int = 3,
    latency_s: float = 0.004,
    lie: int = 0,
    seed: int = 1,
) -> Iterator[Operation]:
    """Requests at ``per_s`` a key, each decided at a random instant of its latency, by the limiter of its key and
    instance."""
    chance = random.Random(seed)
    limiters: dict[tuple[str, str], Sliding] = {}
    planned = []
    for key in keys:
        t = 0.0
        while (t := t + chance.expovariate(per_s)) < until_s:
            before_s, after_s = (chance.expovariate(2 / latency_s) for _ in range(2))
            planned.append((t + before_s, t, t + before_s + after_s, key, f"a{chance.randrange(instances)}"))
    for decided_s, sent_s, received_s, key, instance in sorted(planned):
        mine = limiter(key, instance)
        known = limiters.setdefault((mine.__class__.__name__ + key, instance), mine)
        is_admitted, remaining = known.take(decided_s)
        verdict = ADMITTED if is_admitted else REFUSED
        told = remaining + lie if is_admitted else remaining
        yield Operation(key, "s", TAKE, told, sent_s, received_s, "stream", instance, verdict)


def shared(**kind: object) -> Callable[[str, str], Sliding]:
    """One limiter a key for all instances."""
    limiters: dict[str, Sliding] = {}
    cls: type[Sliding] = kind.get("cls", Sliding)  # type: ignore[assignment]
    return lambda key, _: limiters.setdefault(key, cls())


def found(run: Recording, criterion: str, **parameters: object) -> Finding:
    given = {"allowed": ALLOWED, "window_s": WINDOW_S} if criterion != "fail_open" else {}
    spec = CriterionSpec(criterion, {**given, **parameters})  # type: ignore[dict-item]
    return next(each for each in judge(run, [spec]).findings if each.kind == criterion)


def judged(*operations: Operation, criterion: str, **parameters: object) -> Finding:
    return found(histories.recording(*operations), criterion, **parameters)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("latency_s", [0.0005, 0.004, 0.1])
def test_an_exact_limit_is_never_accused(seed: int, latency_s: float) -> None:
    run = histories.recording(*takes(shared(), latency_s=latency_s, seed=seed, keys=("k", "l")))
    over, wrong, told = (found(run, each) for each in ("over_admission", "wrong_refusals", "remaining_told"))
    assert over.interval is not None and over.interval[0] <= 1 <= over.interval[1]
    assert wrong.figure == told.figure == 0
    assert Outcome.FAIL not in (over.outcome, wrong.outcome, told.outcome)
    if latency_s < 0.001:
        assert over.outcome is wrong.outcome is told.outcome is PASS, (over, wrong, told)


def test_answers_that_take_long_leave_it_open() -> None:
    slow = judged(*takes(shared(), latency_s=0.2), criterion="over_admission")
    assert slow.outcome is INCONCLUSIVE and "answers that come sooner" in slow.reason


def test_separate_limits_are_counted_and_named() -> None:
    apart = judged(*takes(lambda *_: Sliding(), per_s=90), criterion="over_admission")
    assert apart.outcome is FAIL and apart.figure == pytest.approx(3, abs=0.1)
    assert "3 separate limits, one an instance (a0 20, a1 20, a2 20)" in apart.reason
    beyond = apart.evidence["admitted beyond the limit"]
    assert isinstance(beyond, int) and 500 < beyond <= 600  # 30 s at two thirds of 30/s, and the first windows
    untold = (replace(each, source="") for each in takes(lambda *_: Sliding(), per_s=90))
    assert "as 3 separate limits would admit" in judged(*untold, criterion="over_admission").reason


def test_one_limit_that_is_too_high_is_not_taken_for_several() -> None:
    high = judged(*takes(lambda *_: Sliding(2 * ALLOWED), instances=1, per_s=90), criterion="over_admission")
    assert high.outcome is FAIL and high.figure == 2 and "separate" not in high.reason


def test_fixed_windows_admit_twice_at_their_edge() -> None:
    run = histories.recording(*takes(shared(cls=Fixed), per_s=200, latency_s=0.0005))
    assert found(run, "over_admission").outcome is FAIL
    assert found(run, "over_admission", algorithm="fixed_window").outcome is PASS
    assert found(run, "wrong_refusals").outcome is PASS
    assert found(run, "remaining_told", algorithm="fixed_window").outcome is INCONCLUSIVE


@pytest.mark.parametrize("cls", [Sliding, Fixed])
def test_requests_that_are_evenly_spread_do_not_tell_a_sliding_window_from_a_fixed_one(cls: type[Sliding]) -> None:
    limiter, made = cls(), []
    for n in range(1200):
        is_admitted, _ = limiter.take(n / 40)
        made.append(
            Operation("k", "s", TAKE, None, n / 40, n / 40, "stream", "a", ADMITTED if is_admitted else REFUSED)
        )
    even = judged(*made, criterion="over_admission")
    assert even.outcome is INCONCLUSIVE and "requests that come at random, or in bursts" in even.reason
    assert judged(*made, criterion="over_admission", algorithm="fixed_window").outcome is PASS


def test_a_limit_that_refuses_too_early() -> None:
    early = judged(*takes(lambda *_: Sliding(15), instances=1), criterion="wrong_refusals")
    assert (
        early.outcome is FAIL and early.figure == 1 and "at most 15 were admitted" in str(early.evidence["example 1"])
    )
    near = judged(*takes(lambda *_: Sliding(19), instances=1, latency_s=0.0005), criterion="wrong_refusals")
    assert near.outcome is PASS


@pytest.mark.parametrize("lie", [3, -3])
def test_a_wrong_number_is_found(lie: int) -> None:
    lies = judged(*takes(shared(), lie=lie), criterion="remaining_told")
    assert lies.outcome is FAIL and lies.figure is not None and lies.figure > 0.9
    assert judged(*takes(shared(), lie=lie, latency_s=0.0005), criterion="remaining_told", tolerance=3).outcome is PASS


def test_no_number_is_nothing_to_judge() -> None:
    untold = (replace(each, version=None) for each in takes(shared()))
    assert judged(*untold, criterion="remaining_told").outcome is INCONCLUSIVE


def test_an_instance_that_never_says_how_many_are_left_is_no_pass() -> None:
    exact = list(takes(shared(), latency_s=0.0005, keys=("k", "l")))
    assert judged(*exact, criterion="remaining_told").outcome is PASS
    mute = judged(
        *(replace(each, version=None) if each.source == "a2" else each for each in exact), criterion="remaining_told"
    )
    assert mute.outcome is INCONCLUSIVE and "a2 never told any" in mute.reason


@pytest.mark.parametrize("criterion", ["over_admission", "wrong_refusals", "remaining_told", "key_fairness"])
def test_nobody_who_asks_too_little_shows_a_limit(criterion: str) -> None:
    quiet = judged(*takes(shared(), per_s=3), criterion=criterion)
    assert quiet.outcome is INCONCLUSIVE and "ask for more than the limit admits" in quiet.reason


def test_what_was_admitted_while_the_counters_were_away_is_not_held_against_the_limit() -> None:
    run = histories.recording(*takes(lambda *_: Sliding(1000), until_s=10), *_later(takes(shared()), 12))
    faults = (FaultMark(0, "stop_process", INJECTED, "", 1), FaultMark(11, "stop_process", UNDONE, "", 1))
    assert found(run, "over_admission").outcome is FAIL
    assert (
        found(replace(run, marks=faults), "over_admission").interval
        == found(histories.recording(*_later(takes(shared()), 12)), "over_admission").interval
    )
    assert found(replace(run, marks=faults), "over_admission", away="kill_process").outcome is FAIL


def test_a_frozen_counter_counts_late_what_it_let_through() -> None:
    """Ten requests were let through while it was frozen, and are counted when it goes on: fewer are left then."""
    early = [Operation("k", "s", TAKE, None, 8 + n / 100, 8.001 + n / 100, "stream", "a1", BYPASS) for n in range(10)]
    faults = (FaultMark(7, "stop_process", INJECTED, "", 1), FaultMark(10, "stop_process", UNDONE, "", 1))
    limiter = Sliding()
    for _ in early:
        limiter.take(10.0)
    told = []
    for number in range(200):
        at_s = 10.1 + number / 20
        is_admitted, remaining = limiter.take(at_s)
        verdict = ADMITTED if is_admitted else REFUSED
        told.append(Operation("k", "s", TAKE, remaining, at_s - 1e-4, at_s + 1e-4, "stream", "a1", verdict))
    run = replace(histories.recording(*early, *told), marks=faults)
    assert found(run, "remaining_told").figure == 0
    assert found(run, "wrong_refusals").figure == 0


def _later(operations: Iterator[Operation], by_s: float) -> Iterator[Operation]:
    for each in operations:
        yield replace(each, invoke_s=each.invoke_s + by_s, return_s=(each.return_s or 0) + by_s)


def test_a_request_without_an_answer_may_have_been_admitted() -> None:
    unanswered = [Operation("k", "s", TAKE, None, 5 + n / 1000, None, "stream") for n in range(10)]
    run = histories.recording(*takes(shared(), latency_s=0.0005), *unanswered)
    over = found(run, "over_admission")
    assert over.outcome is INCONCLUSIVE and over.interval is not None and over.interval[1] >= 1.4


def test_clocks_that_differ_accuse_nobody() -> None:
    """Of two load processes one is late by 0.3 s, and says that it may be."""
    one = tuple(takes(shared(), per_s=40))
    late = tuple(_later(iter(one[1::2]), 0.3))
    nodes = {"a": (0.0, one[::2]), "b": (0.3, late)}
    over = found(histories.recording(nodes=nodes), "over_admission")
    assert over.interval is not None and over.interval[0] <= 1


def retry(refused_again: int, tries: int = 20) -> Iterator[Operation]:
    for number in range(tries):
        verdict = REFUSED if number < refused_again else ADMITTED
        yield Operation(f"own{number}", "s", TAKE, 0, number, number + 0.01, "retry", "a1", verdict)


def test_retry_after_is_held_to_its_word() -> None:
    assert judged(*retry(0), criterion="retry_after").outcome is PASS
    lied = judged(*retry(1), criterion="retry_after")
    assert lied.outcome is FAIL and lied.figure == 0.05
    assert judged(*retry(0, tries=9), criterion="retry_after").outcome is INCONCLUSIVE
    assert judged(*retry(1, tries=9), criterion="retry_after").outcome is FAIL
    nobody = judged(*takes(shared()), criterion="retry_after")
    assert nobody.outcome is INCONCLUSIVE
    assert nobody.reason.endswith("; nobody was refused with a Retry-After, or there was no time to wait")


def test_keys_get_the_same() -> None:
    fair = judged(*takes(shared(), keys=("k", "l", "m"), latency_s=0.0005), criterion="key_fairness")
    assert fair.outcome is PASS
    sizes = {"k": 20, "l": 12}
    limiters = {key: Sliding(size) for key, size in sizes.items()}
    unfair = judged(*takes(lambda key, _: limiters[key], keys=("k", "l"), latency_s=0.0005), criterion="key_fairness")
    assert unfair.outcome is FAIL and unfair.figure == pytest.approx(0.6, abs=0.02) and "l got fewest" in unfair.reason
    alone = judged(*takes(shared()), criterion="key_fairness")
    assert alone.outcome is INCONCLUSIVE
    assert alone.reason == "only k asked for more than the limit; fairness needs two that do"


def away(*verdicts: str) -> Finding:
    asked = (
        Operation("k", "s", TAKE, None, 20 + n / 50, 20.01 + n / 50, "stream", "a1", v) for n, v in enumerate(verdicts)
    )
    faults = (FaultMark(19, "stop_process", INJECTED, "", 1), FaultMark(29, "stop_process", UNDONE, "", 1))
    return found(replace(histories.recording(*asked), marks=faults), "fail_open")


def test_a_limit_that_cannot_count_lets_everybody_through() -> None:
    assert away(*[BYPASS] * 200).outcome is PASS
    closed = away(*[BYPASS] * 100, *[REFUSED] * 50, *[""] * 50)
    assert closed.outcome is FAIL and closed.figure == 0.5 and closed.evidence["refused"] == 100
    assert away(*[REFUSED] * 200).outcome is FAIL
    assert away(*[ADMITTED] * 200).outcome is INCONCLUSIVE


def at(second: float, verdict: str, key: str = "k", remaining: int | None = None) -> Operation:
    """Answered within a microsecond."""
    return Operation(key, "s", TAKE, remaining, second, second + 1e-6, "stream", "a1", verdict)


def admitted(count: int, key: str = "k", begin_s: float = 0.0) -> Iterator[Operation]:
    return (at(begin_s + n / 1000, ADMITTED, key, max(0, 99 - n)) for n in range(count))


def refused(count: int, key: str = "k", begin_s: float = 1.0) -> Iterator[Operation]:
    return (at(begin_s + n / 10_000, REFUSED, key) for n in range(count))


def by_default(criterion: str, *operations: Operation) -> tuple[Outcome, float | None]:
    """100 in a minute, as declared."""
    spec = CriterionSpec(criterion)
    one = next(each for each in judge(histories.recording(*operations), [spec]).findings if each.kind == criterion)
    return one.outcome, one.figure


def at_an_edge() -> Iterator[Operation]:
    """Asked for late in a minute that begins with its first request, and early in the next: a sliding window admits one
    of the latter, a fixed one all.
    """
    yield at(0.0, ADMITTED, "edge")
    yield from (at(50 + n / 1000, ADMITTED, "edge") for n in range(99))
    yield from (at(60.5 + n / 1000, ADMITTED if n == 0 else REFUSED, "edge") for n in range(100))


def test_default_limits_from_both_sides() -> None:
    assert by_default("over_admission", *admitted(105), *refused(1), *at_an_edge()) == (PASS, 1.05)
    assert by_default("over_admission", *admitted(106), *refused(1), *at_an_edge()) == (FAIL, 1.06)
    assert by_default("over_admission", *admitted(105), *refused(1)) == (INCONCLUSIVE, 1.05)
    right = (*admitted(100), *refused(990))
    assert by_default("wrong_refusals", *right, *refused(10, "l")) == (PASS, 0.01)
    assert by_default("wrong_refusals", *right, *refused(11, "l"))[0] is FAIL
    assert by_default("wrong_refusals", *admitted(95), *refused(10)) == (PASS, 0)
    assert by_default("wrong_refusals", *admitted(94), *refused(10)) == (FAIL, 1)
    assert by_default("remaining_told", *admitted(100), *refused(1)) == (PASS, 0)
    assert by_default("remaining_told", *admitted(99), at(0.2, ADMITTED, remaining=1), *refused(1)) == (FAIL, 0.01)
    assert by_default("remaining_told", *admitted(20), *refused(1)) == (PASS, 0)
    assert by_default("remaining_told", *admitted(19), *refused(1)) == (INCONCLUSIVE, 0)


@pytest.mark.parametrize(("fewest", "outcome"), [(80, PASS), (79, FAIL)])
def test_the_default_limit_of_fairness(fewest: int, outcome: Outcome) -> None:
    ends = (at(t, REFUSED, key) for t in (1, 70) for key in ("k", "l"))
    given = by_default("key_fairness", *admitted(100, begin_s=5), *admitted(fewest, "l", begin_s=5), *ends)
    assert given == (outcome, fewest / 100)


def test_where_no_key_had_anything_admitted_nothing_is_known_of_fairness() -> None:
    refusals = (at(t, REFUSED, key) for t in (1, 70) for key in ("k", "l"))
    fair = criteria.load(CriterionSpec("key_fairness")).judge(histories.recording(*refusals))
    assert fair.outcome is INCONCLUSIVE and fair.reason.startswith("none of these keys had a request admitted")


@pytest.mark.parametrize(
    ("begin_s", "end_s", "surely", "possibly"),
    [
        (1.0, 3.0, 2, 2),
        (1.01, 3.0, 1, 2),
        (1.0, 2.99, 1, 2),
        (2.0, 3.0, 1, 2),
        (2.01, 3.0, 0, 1),
        (1.5, 1.6, 0, 1),
        (0.0, 0.99, 0, 0),
        (0.0, 1.0, 0, 1),
        (3.0, 9.0, 0, 1),
        (3.01, 9.0, 0, 0),
    ],
)
def test_who_was_admitted_in_a_window_surely_and_possibly(
    begin_s: float, end_s: float, surely: int, possibly: int
) -> None:
    """One sent at 1 s and answered at 2 s, and one a second later; both ends count."""
    one, two = (at(0.0, ADMITTED), at(0.0, ADMITTED))
    counted = Admissions([Take(one, 1.0, 2.0), Take(two, 2.0, 3.0)])
    assert (counted.surely(begin_s, end_s), counted.possibly(begin_s, end_s)) == (surely, possibly)


def test_what_was_under_way_makes_no_key_get_more_than_all() -> None:
    """Each has one admitted, and one whose answer comes late, which may count for it, too: 1 ÷ 2, to no more than 1."""
    window = [at(begin_s, REFUSED, key) for key in ("k", "l") for begin_s in (0.0, 70.0)]
    late = [Operation(key, "s", TAKE, 1, 60.0, 80.0, "stream", "a1", ADMITTED) for key in ("k", "l")]
    run = histories.recording(*window, at(10.0, ADMITTED, "k"), at(10.0, ADMITTED, "l"), *late)
    fair = found(run, "key_fairness", allowed=100, window_s=60.0)
    assert fair.figure == 1 and fair.interval == (0.5, 1.0)


def test_two_instances_that_count_for_themselves_are_two_limits() -> None:
    two = judged(*takes(lambda *_: Sliding(), per_s=90, instances=2), criterion="over_admission")
    assert two.outcome is FAIL and "2 separate limits, one an instance (a0 20, a1 20)" in two.reason


def test_a_rate_that_is_too_high_for_fixed_windows_shows_in_four_of_them() -> None:
    """One a second, of 5 in 10 s: in 40 s 40, where 25 are allowed."""
    steady = [at(float(n), ADMITTED) for n in range(120)]
    run = histories.recording(*steady, *refused(1, begin_s=120.0))
    over = found(run, "over_admission", allowed=5, window_s=10.0, algorithm="fixed_window")
    assert (over.outcome, over.figure) == (FAIL, 40 / 25)


@pytest.mark.parametrize(
    ("begin_s", "told"), [(1.0, {"a1": 1}), (1.01, {"a2": 1}), (0.99, {}), (2.0, {"a2": 1}), (2.01, {})]
)
def test_who_has_admitted_in_a_window_counts_what_was_sent_and_answered_in_it(
    begin_s: float, told: dict[str, int]
) -> None:
    """Of one second, both ends included; an answer that does not say by whom counts for nobody."""
    takes = tuple(
        Take(replace(at(0.0, ADMITTED), source=source), sent_s, received_s)
        for source, sent_s, received_s in (("a1", 1.0, 2.0), ("", 1.1, 1.9), ("a2", 2.0, 2.01))
    )
    key = Key("k", takes, takes, (), 0, ())
    assert by_source(key, Window("k", begin_s, 0, 0), 1.0) == told
