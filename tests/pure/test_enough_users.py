"""Too few users of ours are not blamed on the target: whichever stream, whichever class, and how many are needed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping

import pytest

from harness.analysis.histogram import bucket_index
from harness.criteria import load
from harness.criteria.guards import enough_users
from harness.criteria.guards.enough_users import Stream
from harness.findings import CLIENTS, Finding, Outcome
from harness.recording import CriterionSpec, Recording, Slice
from harness.recording.marks import ARRIVALS, GateMark, StartsMark, gate_stream
from harness.recording.values import OK, UNSERVED
from harness.verdict import judge
from tests import recordings

SPIKE_S = 30
CANARY = "WS /feed connect"
SPECS = (
    CriterionSpec("spike_delivered"),
    CriterionSpec("enough_users"),
    CriterionSpec("latency_quantile", {"limit_s": 1, "requests": CANARY}),
    CriterionSpec("error_ratio", {"limit": 0.2}),
)


def run(
    waits_s: float = 0,
    *,
    of: int = 0,
    never: int = 0,
    service_s: float = 0.5,
    per_s: int = 60,
    herd: int = 500,
    classes: Mapping[str, tuple[int, int]] | None = None,
) -> Recording:
    """A herd in second 30, and beside it arrivals all along. In that second ``of`` of these waited ``waits_s`` for a
    user, and ``never`` found none. ``classes``: their arrivals and starts in the spike, in place of all of one class.
    """
    healthy = recordings.healthy()
    slices, marks = [], []
    for t in range(healthy.header.phases[-1].end_s):
        late, lost = (of, never) if t == SPIKE_S else (0, 0)
        quick = bucket_index(int(service_s * 1e6))
        slow = bucket_index(int((service_s + waits_s) * 1e6))
        began = per_s - lost
        latency = {quick: began - late, slow: late} if late else {quick: began}
        slices.append(Slice(t, "w", CANARY, OK, began, 0, latency, {quick: began}, began))
        if lost:
            slices.append(Slice(t, "w", "(iteration)", UNSERVED, lost, 0, {}, None, lost))
        waits = {"Visitor": {bucket_index(int(waits_s * 1e6)): late}} if late else {}
        due, starts = {"Visitor": per_s}, {"Visitor": began}
        if t == SPIKE_S and classes:
            due, starts = ({kind: counts[n] for kind, counts in classes.items()} for n in (0, 1))
        busy = {"Visitor": (began, began * (service_s + 0.1))}
        marks.append(StartsMark(t, "w", starts, stream=ARRIVALS, due=due, waits=waits, busy=busy))
    if herd:
        quick = bucket_index(5000)
        slices.append(Slice(SPIKE_S, "w", "POST /auth/login", OK, herd, 0, {quick: herd}, None, herd))
        marks.append(StartsMark(SPIKE_S, "w", {"M": herd}, stream=gate_stream("herd"), due={"M": herd}))
    header = dataclasses.replace(
        healthy.header,
        level=((0, per_s), (91, per_s)),
        level_unit="starts/s",
        gates=healthy.header.gates if herd else (),
    )
    others = tuple(mark for mark in healthy.marks if herd or not isinstance(mark, GateMark))
    run = dataclasses.replace(healthy, header=header, slices=tuple(slices), marks=(*others, *marks))
    return recordings.ended(run)


def judged(criterion: str, recording: Recording, **parameters: float) -> Finding:
    return load(CriterionSpec(criterion, parameters)).judge(recording)


@pytest.mark.parametrize(
    ("waits_s", "of", "never", "expected"),
    [
        (0, 0, 0, "PASS"),
        (0.1, 60, 0, "PASS"),
        (12, 0, 0, "PASS"),
        (0.5, 48, 0, "INCONCLUSIVE"),
        (12, 48, 0, "INCONCLUSIVE"),
        (12, 0, 5, "INCONCLUSIVE"),
    ],
)
def test_arrivals_that_wait_for_a_user_void_what_clients_measure(
    waits_s: float, of: int, never: int, expected: str
) -> None:
    found = judged("enough_users", run(waits_s, of=of, never=never))
    assert found.outcome.value == expected
    assert found.voids == (() if expected == "PASS" else (CLIENTS,))
    if expected != "PASS":
        assert found.figure == pytest.approx((of + never) / 60)


@pytest.mark.parametrize(("from_s", "to_s", "seen"), [(50, 54, True), (50, 51, True), (10, 20, False)])
def test_a_load_process_that_stops_making_load_is_seen_from_the_spike_on(from_s: int, to_s: int, seen: bool) -> None:
    """Two of them with 30 arrivals a second each: one has none for a while, as if they had not been planned."""
    kept = _of_two(60, lambda mark: mark.node == "worker-1" or not from_s <= mark.t < to_s)
    found = judged("generator_health", kept)
    assert (found.outcome is Outcome.INCONCLUSIVE) is seen, found.reason
    assert (f"worker-2 had no arrival from {from_s} s to {to_s} s, when about" in found.reason) is seen
    assert found.voids == ((CLIENTS,) if seen else ())
    stopped = dataclasses.replace(kept, probes=tuple(each for each in kept.probes if each.probe != "generator"))
    evidence = judged("generator_health", stopped).evidence
    assert evidence == ({"stretches without an arrival": 1} if seen else {}), "with no sample of itself either"


def test_arrivals_that_were_not_planned_are_no_stop_of_the_load() -> None:
    """Two a second: nine seconds without any may be chance."""
    kept = _of_two(2, lambda mark: not 40 <= mark.t < 49)
    assert judged("generator_health", kept).outcome is Outcome.PASS


def _of_two(per_s: int, kept: Callable[[StartsMark], bool]) -> Recording:
    """Two load processes that are well, with half of the arrivals each, as far as these are kept."""
    healthy, whole = recordings.healthy(), run(per_s=per_s, herd=0)
    half = {"Visitor": per_s // 2}
    marks = [
        dataclasses.replace(mark, node=node, due=half, starts=half)
        for mark in whole.starts
        for node in ("worker-1", "worker-2")
    ]
    others = tuple(mark for mark in healthy.marks if not isinstance(mark, StartsMark | GateMark))
    return dataclasses.replace(healthy, header=whole.header, marks=(*others, *filter(kept, marks)))


def test_it_says_how_many_users_are_needed_by_littles_law() -> None:
    """60 arrivals a second, each busy for 0.6 s."""
    found = judged("enough_users", run(12, of=48))
    assert "48 of 60 arrivals (spike, Visitor) waited" in found.reason
    assert "the longest 12" in found.reason
    assert "about 36 users" in found.reason and "60 arrivals a second that took 600 ms each" in found.reason


@pytest.mark.parametrize("hung_s", [40, 25])
def test_while_a_target_hangs_the_users_that_it_holds_are_those_who_came_before(hung_s: int) -> None:
    """10 a second, 50 users, and no answer for 10 s: 100 users would have been taken away. Those whose arrivals waited
    were answered at once, when it was over. The one who holds the users may have started in another phase.
    """
    full_s, over_s = hung_s + 5, hung_s + 10
    whole = run(per_s=10, herd=0)
    marks = []
    for mark in whole.starts:
        if hung_s <= mark.t < full_s:
            held = {"Visitor": (10, 10.0 * (over_s - mark.t))}
            mark = dataclasses.replace(mark, busy=held)
        elif full_s <= mark.t < over_s:
            waits = {"Visitor": {bucket_index(int((over_s - mark.t) * 1e6)): 10}}
            mark = dataclasses.replace(mark, waits=waits, busy={"Visitor": (10, 10 * 0.05)})
        marks.append(mark)
    others = tuple(mark for mark in whole.marks if not isinstance(mark, StartsMark))
    found = judged("enough_users", dataclasses.replace(whole, marks=(*others, *marks)))
    needed = re.findall(r"about (\d+) users, for 10 arrivals a second that took 10 s each", found.reason)
    assert needed and set(needed) == {"100"} and found.reason.count("give them") == len(needed)


def _crowded(seconds: Mapping[int, tuple[str, int, float | None]]) -> Recording:
    """Second → of which class of users, how many of its 60 arrivals waited for 2 s, and for how long each start takes
    a user away; None: no user was free again.
    """
    whole = run(herd=0)
    late = bucket_index(2_000_000)
    marks = [
        StartsMark(
            t,
            "w",
            {kind: 60},
            stream=ARRIVALS,
            due={kind: 60},
            waits={kind: {late: waited}},
            busy={} if busy_s is None else {kind: (60, 60 * busy_s)},
        )
        for t, (kind, waited, busy_s) in seconds.items()
    ]
    others = tuple(mark for mark in whole.marks if not isinstance(mark, StartsMark))
    return dataclasses.replace(whole, marks=(*others, *marks))


def test_one_sentence_of_a_class_has_the_largest_number_of_its_phases() -> None:
    """Not the phase in which most waited: with the users that another needs, nobody waits there either."""
    found = judged("enough_users", _crowded({5: ("V", 60, 1.0), 30: ("V", 12, 2.5), 70: ("V", 30, 0.1)}))
    assert found.reason == (
        "12 of 60 arrivals (spike, V) waited for a free user of ours, the longest 2 s, and too many in 2 other phases: "
        "give them about 150 users, for 60 arrivals a second that took 2.5 s each"
    )
    assert dict(found.evidence) == {"baseline, V, waited": 60, "spike, V, waited": 12, "recovery, V, waited": 30}


def test_each_class_of_users_has_a_sentence() -> None:
    found = judged("enough_users", _crowded({5: ("V", 60, 1.0), 30: ("V", 12, 2.5), 70: ("W", 30, 0.1)}))
    of_v, of_w = found.reason.split("; ")
    assert "(spike, V)" in of_v and "and too many in 1 other phase: give them about 150 users" in of_v
    assert "(recovery, W)" in of_w and "other phase" not in of_w and "about 6 users" in of_w


def test_a_phase_in_which_no_user_was_free_again_may_need_more_than_the_others() -> None:
    found = judged("enough_users", _crowded({5: ("V", 60, 1.0), 30: ("V", 60, None)}))
    assert "(baseline, V)" in found.reason and "give them at least 60 users" in found.reason
    found = judged("enough_users", _crowded({5: ("V", 60, None), 30: ("V", 60, None)}))
    assert found.reason.count("no user of theirs was free again") == 1 and "1 other phase" in found.reason


@pytest.mark.parametrize("name", ["canary_users", "pool_users"])
def test_the_option_that_gives_more_users_is_named(name: str) -> None:
    waited = run(1.5, of=20)
    header = dataclasses.replace(waited.header, parameters={name: 50})
    told = judged("enough_users", dataclasses.replace(waited, header=header)).reason
    assert told.endswith(f" (--{name.replace('_', '-')} says how many there are)")
    others = dataclasses.replace(waited.header, parameters={"levels": "x"})
    assert "--" not in judged("enough_users", dataclasses.replace(waited, header=others)).reason


def test_littles_law_takes_the_seconds_whose_arrivals_waited_and_the_longest_time_that_held_users_then() -> None:
    """120 arrivals waited at 10 s, and half of 80 at 11; 5 a second at other times."""
    waited = bucket_index(500_000)

    def stream(held: dict[int, tuple[int, float]]) -> Stream:
        made = Stream("spike", "Visitor", held)
        for t, due, late in ((9, 5, 0), (10, 120, 120), (11, 80, 40), (12, 5, 0)):
            waits = {"Visitor": {waited: late}} if late else {}
            made.add(
                StartsMark(t, "w", {"Visitor": due}, stream=ARRIVALS, due={"Visitor": due}, waits=waits), "Visitor"
            )
        return made

    quick, slow = (10, 1.0), (10, 20.0)
    assert stream({10: quick, 11: slow}).users_needed() == (200, 100, 2)
    assert stream({10: quick, 11: (10, 20.05)}).users_needed() == (201, 100, 2.005), "no half of a user"
    # A start of 8 s that took until 10 s held one of the users then; one that was over by 9.9 s did not.
    assert stream({8: (1, 2.0), 10: quick}).users_needed() == (200, 100, 2)
    assert stream({8: (1, 1.9), 10: quick}).users_needed() == (10, 100, 0.1)
    # Nor did what started when nobody waited any more, or was never free again.
    assert stream({10: quick, 12: (1, 60.0)}).users_needed() == (10, 100, 0.1)
    assert stream({10: (0, 5.0)}).users_needed() is None and stream({12: (1, 60.0)}).users_needed() is None


def test_who_waited_for_longer_than_is_accepted_or_never_began_is_late() -> None:
    made = Stream("spike", "Visitor")
    waits = {"Visitor": {bucket_index(200_000): 3, bucket_index(300_000): 4}}
    made.add(StartsMark(10, "w", {"Visitor": 18}, stream=ARRIVALS, due={"Visitor": 20}, waits=waits), "Visitor")
    made.add(StartsMark(10, "v", {"Visitor": 5}, stream=ARRIVALS, due={"Visitor": 5}), "Visitor")
    assert (made.late(0.25), made.late(0.1), made.late(1)) == (6, 9, 2)
    assert (made.due, made.started, made.due_in, made.late_in) == (25, 23, {10: 25}, {10: 9})


def test_in_any_phase() -> None:
    late = StartsMark(
        5, "w", {"Visitor": 60}, stream=ARRIVALS, due={"Visitor": 60}, waits={"Visitor": {bucket_index(2_000_000): 40}}
    )
    healthy = run()
    found = judged("enough_users", dataclasses.replace(healthy, marks=(*healthy.marks, late)))
    assert found.outcome is Outcome.INCONCLUSIVE and "(baseline, Visitor)" in found.reason


def outcomes(recording: Recording) -> dict[str, Outcome]:
    return {found.criterion: found.outcome for found in judge(recording, SPECS).findings}


def test_the_wait_is_not_blamed_on_the_target() -> None:
    """A p95 of 6 s is one of the users who were not there: the target took half a second."""
    found = outcomes(run(5.5, of=60))
    assert found["latency_quantile"] is Outcome.INCONCLUSIVE
    assert found["error_ratio"] is Outcome.INCONCLUSIVE
    assert judge(run(), SPECS).outcome is Outcome.PASS


def test_a_baseline_that_waits_for_our_users_is_not_called_unhealthy() -> None:
    """The target took half a second all along, and the limit is one; 40 of 60 waited for 2 s in every second."""
    healthy = run()
    slow, quick = bucket_index(2_500_000), bucket_index(500_000)
    slices = [
        dataclasses.replace(piece, latency={quick: 20, slow: 40}) if piece.name == CANARY else piece
        for piece in healthy.slices
    ]
    waits = {"Visitor": {bucket_index(2_000_000): 40}}
    marks = [
        dataclasses.replace(mark, waits=waits) if isinstance(mark, StartsMark) and mark.stream == ARRIVALS else mark
        for mark in healthy.marks
    ]
    late = dataclasses.replace(healthy, slices=tuple(slices), marks=tuple(marks))
    specs = (
        *SPECS,
        CriterionSpec("latency_quantile", {"limit_s": 1, "name": "all"}),
        CriterionSpec("baseline_healthy"),
    )
    header = dataclasses.replace(late.header, criteria=specs)
    verdict = judge(dataclasses.replace(late, header=header))
    assert verdict.reason.startswith(
        "arrivals that waited for a free user: 1,200 of 1,800 arrivals (baseline, Visitor)"
    )
    objecting = {each.kind: each.reason for each in verdict.findings if each.is_guard and each.voids}
    assert set(objecting) == {"enough_users"}, objecting


def test_a_target_that_fails_counted_from_the_send_fails_all_the_same() -> None:
    """However few our users were: with more of them it would have had more to do. The figure is without the wait."""
    verdict = judge(run(5.5, of=55, never=5, service_s=3), SPECS)
    found = {each.criterion: each for each in verdict.findings}
    assert verdict.outcome is Outcome.FAIL
    latency = found["latency_quantile"]
    assert (latency.outcome, latency.voided_by) == (Outcome.FAIL, None)
    assert latency.figure == pytest.approx(3, rel=0.01)
    assert "arrivals that waited for a free user" in latency.reason
    assert found["error_ratio"].voided_by is not None, "what no user was free for is no failure of the target's"


def test_a_recording_that_does_not_tell_how_long_arrivals_waited_is_no_evidence() -> None:
    silent = run()
    marks = tuple(mark for mark in silent.marks if not isinstance(mark, StartsMark))
    assert judged("enough_users", dataclasses.replace(silent, marks=marks)).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(("never", "expected"), [(0, "PASS"), (1, "INCONCLUSIVE"), (30, "INCONCLUSIVE")])
def test_the_stream_beside_a_herd_is_a_part_of_the_spike(never: int, expected: str) -> None:
    found = judged("spike_delivered", run(never=never))
    assert found.outcome.value == expected
    if never:
        assert found.figure == pytest.approx((60 - never) / 60)
        assert "arrivals" in found.reason


@pytest.mark.parametrize(
    ("rare", "expected"),
    [((6, 6), "PASS"), ((6, 5), "PASS"), ((6, 4), "INCONCLUSIVE"), ((1, 0), "INCONCLUSIVE"), ((6, 0), "INCONCLUSIVE")],
)
def test_a_class_that_is_missing_is_not_hidden_by_the_others(rare: tuple[int, int], expected: str) -> None:
    found = judged("spike_delivered", run(per_s=1000, herd=0, classes={"Rare": rare, "Usual": (994, 994)}))
    assert found.outcome.value == expected
    assert ("arrivals of Rare" in found.reason) == (expected != "PASS")


def test_a_class_that_is_missing_at_the_gate_is_not_hidden_by_the_others() -> None:
    whole = run()
    mark = StartsMark(SPIKE_S, "w", {}, stream=gate_stream("herd"), due={"Rare": 3})
    found = judged("spike_delivered", dataclasses.replace(whole, marks=(*whole.marks, mark)))
    assert found.outcome is Outcome.INCONCLUSIVE and "gate herd of Rare" in found.reason


def test_a_second_in_which_one_waited_is_crowded() -> None:
    made = Stream("spike", "Visitor", {10: (10, 20.0)})
    waits = {"Visitor": {bucket_index(300_000): 1}}
    made.add(StartsMark(10, "w", {"Visitor": 50}, stream=ARRIVALS, due={"Visitor": 50}, waits=waits), "Visitor")
    assert made.users_needed() == (100, 50, 2)


def test_a_class_that_a_load_process_does_not_speak_of_adds_nothing() -> None:
    told = StartsMark(30, "w", {"Visitor": 5}, stream=ARRIVALS, due={"Visitor": 7}, busy={"Visitor": (5, 2.5)})
    silent = StartsMark(30, "x", {}, stream=ARRIVALS)
    stream = Stream("spike", "Visitor", {})
    for mark in (told, silent, silent):
        stream.add(mark, "Visitor")
    assert (stream.due, stream.started, stream.due_in, stream.late_in) == (7, 5, {30: 7}, {30: 2})
    assert enough_users._held([told, silent, told], "Visitor") == {30: (10, 5.0)}
    assert enough_users._held([silent], "Visitor") == {30: (0, 0.0)}
