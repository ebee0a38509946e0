"""What becomes of acknowledged writes, who is primary, and how long nobody answers: each outcome with its figure."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import criteria
from harness.criteria._injections import Injection
from harness.criteria.replication import _reigns as reigns
from harness.criteria.replication import doubled_writes, rejoin_time
from harness.criteria.replication._nodes import PRIMARY, STREAMING, NodeSample
from harness.criteria.replication._risk import _shortly_before
from harness.criteria.replication.replication_lag import ReplicationLag
from harness.findings import Finding, Outcome
from harness.recording import UNCOUNTED, CriterionSpec, Operation, Operations, Recording
from harness.recording.header import Phase
from harness.recording.marks import FaultMark
from harness.recording.values import Scalar
from tests import histories, ledgers
from tests.histories import recording
from tests.ledgers import KILLED, NODES, ask, failover, ledger, sample, sampled, write, writes

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def judged(criterion: str, run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)


def interval(found: Finding) -> tuple[float, float]:
    """In milliseconds' precision."""
    low, high = found.interval or (math.nan, math.nan)
    return round(low, 3), round(high, 3)


# Lost and doubled


def test_every_acknowledged_write_that_is_there_is_none_lost() -> None:
    found = judged("lost_writes", ledger(writes()))
    assert (found.outcome, found.figure, interval(found)) == (PASS, 0, (0, 0))
    assert found.evidence["acknowledged"] == 1140
    assert found.evidence["without an answer"] == 60


def test_each_lost_write_is_counted_and_named() -> None:
    found = judged("lost_writes", ledger(writes(), lost=3))
    assert (found.outcome, found.figure, interval(found)) == (FAIL, 3, (3, 3))
    assert found.evidence["example 1"] == "r0, acknowledged at 10 ms"


def test_a_write_that_nobody_has_looked_for_may_be_lost() -> None:
    found = judged("lost_writes", ledger(writes(), unknown=2))
    assert (found.outcome, found.figure, interval(found)) == (INCONCLUSIVE, 0, (0, 2))
    assert judged("lost_writes", ledger(writes(), lost=1, unknown=2)).outcome is FAIL


def test_a_later_look_is_the_one_that_counts() -> None:
    """The first one found it on a primary that was none any more."""
    run = recording(
        write("a", 11.5, 11.6), ledgers.look("a", 1, begin_s=61), ledgers.look("a", None, begin_s=62), faults=KILLED
    )
    assert judged("lost_writes", run).figure == 1


def test_a_write_without_an_answer_is_not_lost_whether_it_is_there_or_not() -> None:
    run = recording(
        write("a", 11.5, 11.6),
        *(write(row, 12.5, None) for row in "bc"),
        *(ledgers.look(row, copies) for row, copies in (("a", 1), ("b", 1), ("c", None))),
        faults=KILLED,
    )
    found = judged("lost_writes", run)
    assert (found.outcome, found.figure) == (PASS, 0)
    assert found.evidence["of these there"] == 1


def test_without_a_fault_or_without_writes_before_it_nothing_was_at_risk() -> None:
    assert "no fault was injected" in judged("lost_writes", ledger(writes(), faults=())).reason
    quiet = [one for one in writes() if not 10.9 < one.invoke_s < 12]
    found = judged("lost_writes", ledger(quiet))
    assert (found.outcome, found.figure) == (INCONCLUSIVE, None)
    assert "at risk" in found.reason


def test_a_row_that_is_there_twice_is_doubled_whether_acknowledged_or_not() -> None:
    found = judged("doubled_writes", ledger(writes(), doubled=2))
    assert (found.outcome, found.figure) == (FAIL, 2)
    assert judged("doubled_writes", ledger(writes())).outcome is PASS
    run = recording(write("a", 12.5, None), ledgers.look("a", 2), faults=KILLED)
    assert judged("doubled_writes", run).figure == 1
    assert judged("doubled_writes", ledger(writes(), unknown=1)).interval == (0.0, 1.0)


def test_attempts_of_one_row_are_one_write() -> None:
    """It is there when any of them was acknowledged, and lost once."""
    run = recording(
        write("a", 11.9, None, attempt=1), write("a", 12.2, 12.3, attempt=2), ledgers.look("a", None), faults=KILLED
    )
    found = judged("lost_writes", run, at_risk_s=60)
    assert (found.figure, found.evidence["writes"]) == (1, 1)


def test_writes_that_no_fault_met_prove_nothing_of_doubling() -> None:
    found = judged("doubled_writes", ledger(writes(away=None)))
    assert (found.outcome, found.figure) == (INCONCLUSIVE, None)


def test_a_fault_that_shows_in_nothing_puts_no_write_at_risk() -> None:
    """What was killed was no primary: nobody notices, and 0 lost writes say nothing."""
    for name in ("lost_writes", "single_primary", "rejoin_time"):
        run = sampled(ledger(writes(away=None)), failover(at_s=99, promoted_s=999, rejoined_s=0))
        found = judged(name, run)
        assert found.outcome is INCONCLUSIVE, found
        assert "nothing shows that kill_process struck" in found.reason
    assert judged("lost_writes", ledger(writes(away=None), lost=1)).outcome is FAIL


@pytest.mark.parametrize(
    ("shows", "sign"),
    [
        ([write(f"v{n}", 12 + n / 20, None) for n in range(3)], "in vain"),
        ([write("slow", 12.1, 13.0)], "a write took 900 ms"),
        ([write(f"o{n}", 30 + n / 20, 30.01 + n / 20, "other") for n in range(900)], "other answered a write"),
    ],
)
def test_what_clients_see_shows_that_a_fault_has_struck(shows: list[Operation], sign: str) -> None:
    found = judged("lost_writes", ledger([*writes(away=None, sources=("db1", "db1")), *shows]))
    assert found.outcome is PASS
    assert sign in str(found.evidence["effect of fault 1, kill_process at 12 s"])


def test_what_a_probe_sees_of_a_node_shows_that_a_fault_has_struck() -> None:
    calm = ledger(writes(away=None))
    assert judged("lost_writes", sampled(calm, failover())).outcome is PASS
    lags = [sample(t, NODES[1], streaming=True, more={"lag_s": 9.0 * (20 < t < 30)}) for t in range(60)]
    assert judged("lost_writes", sampled(calm, [*failover(at_s=99, promoted_s=999), *lags])).outcome is PASS


def test_failures_that_were_there_before_show_no_fault() -> None:
    """One in a hundred, before and afterwards."""
    noisy = [replace(one, return_s=None) if n % 100 == 50 else one for n, one in enumerate(writes(away=None))]
    assert judged("lost_writes", ledger(noisy)).outcome is INCONCLUSIVE


def test_only_writes_before_a_fault_that_showed_were_at_risk() -> None:
    unseen, seen = FaultMark(5, "noop", "injected", "", 1), FaultMark(12, "kill_process", "injected", "", 2)
    early = [one for one in writes() if not 10.9 < one.invoke_s < 12]
    assert judged("lost_writes", ledger(early, faults=(unseen, seen))).outcome is INCONCLUSIVE
    assert judged("lost_writes", ledger(writes(), faults=(unseen, seen))).outcome is PASS


def test_a_service_that_finds_whatever_it_is_asked_for_proves_nothing() -> None:
    run = ledger(writes())
    for copies, outcome in ((None, PASS), (1, INCONCLUSIVE)):
        control = replace(ledgers.look("never", copies), via="audit control")
        more = (Operations("local", 0.0, (*run.operations[0].operations, control)),)
        for name in ("lost_writes", "doubled_writes"):
            found = judged(name, replace(run, operations=more))
            assert found.outcome is outcome
            assert outcome is PASS or "1 of 1 looks for a row that nobody has written found it" in found.reason


def test_what_replicas_have_does_not_say_what_the_primary_has() -> None:
    run = ledger(writes())
    of_replica = [
        replace(one, via="audit, replica") if one.via == "audit" else one for one in run.operations[0].operations
    ]
    found = judged("lost_writes", replace(run, operations=(Operations("local", 0.0, tuple(of_replica)),)))
    assert found.outcome is INCONCLUSIVE
    assert "answered by a replica, not by the primary" in found.reason


def test_a_row_of_which_nobody_says_how_often_it_is_there_may_be_doubled() -> None:
    run = ledger(writes())
    untold = [replace(one, cache=UNCOUNTED) if one.via == "audit" else one for one in run.operations[0].operations]
    run = replace(run, operations=(Operations("local", 0.0, tuple(untold)),))
    found = judged("doubled_writes", run)
    assert (found.outcome, found.interval) == (INCONCLUSIVE, (0, 1140))
    assert judged("lost_writes", run).outcome is PASS


# Outage


def test_an_outage_goes_from_the_last_good_answer_to_the_first() -> None:
    """Tried every 50 ms and answered in 10 ms: the last one at 11.96 s, the first one at 15.01 s."""
    found = judged("outage", ledger(writes()), limit_s=5)
    assert found.outcome is PASS
    assert found.figure == pytest.approx(3.05)
    # In vain from 12 s on, which shows 10 ms later, to 14.95 s.
    assert interval(found) == (2.94, 3.05)
    assert judged("outage", ledger(writes()), limit_s=2).outcome is FAIL
    assert judged("outage", ledger(writes()), limit_s=3).outcome is INCONCLUSIVE


def test_an_outage_of_nothing_says_that_the_fault_showed_in_nothing() -> None:
    for away, effect in (((12.0, 15.0), "tries of a write were in vain"), (None, "none was seen")):
        found = judged("outage", ledger(writes(away=away)))
        assert found.outcome is PASS
        assert effect in str(found.evidence["effect of fault 1"])


def test_what_a_lock_takes_to_expire_comes_on_top_of_the_limit() -> None:
    found = judged("outage", ledger(writes()), limit_s=1, on_top_s=4)
    assert (found.outcome, found.limit) == (PASS, 5)


def test_a_service_that_does_not_come_back_is_never_a_pass() -> None:
    found = judged("outage", ledger(writes(away=(12, 99))), limit_s=30)
    assert (found.outcome, found.figure, found.censored) == (FAIL, None, True)
    assert interval(found) == (47.94, math.inf)
    assert found.reason.endswith("in the 48 s that were left of the load, limit 30 s")
    longer = judged("outage", ledger(writes(away=(12, 99))), limit_s=48)
    assert longer.outcome is INCONCLUSIVE and longer.reason.endswith("; a longer load would settle it")


def test_tries_that_are_further_apart_than_the_limit_show_nothing() -> None:
    found = judged("outage", ledger(writes(every_s=7.5, away=None)), limit_s=5)
    assert (found.outcome, interval(found)) == (INCONCLUSIVE, (0, 7.5))
    assert "shorter intervals" in found.reason


def test_users_that_stop_asking_are_no_outage_and_no_pass() -> None:
    found = judged("outage", ledger(writes(away=None, until_s=20)), limit_s=30)
    assert (found.outcome, found.censored) == (INCONCLUSIVE, False)
    assert interval(found) == (0, 40.04)  # the last answer came at 19.96 s


def test_a_fault_at_the_end_was_not_watched_for_as_long_as_the_limit() -> None:
    late = [FaultMark(58, "kill_process", "injected", "", 1)]
    found = judged("outage", ledger(writes(away=None), faults=late), limit_s=5)
    assert (found.outcome, "were watched" in found.reason) == (INCONCLUSIVE, True)


@pytest.mark.parametrize(
    ("made", "fault_s", "told"),
    [
        (
            writes(away=(0, 15)),
            12.0,
            "no write had a good answer before the fault, so nobody knows when there was none",
        ),
        (writes(away=None, until_s=62), 61.0, "no write was asked for after the fault; a longer load would show what"),
        ([], 12.0, "no write came by way of *: users keep them with self.operation(...)"),
    ],
)
def test_without_answers_on_both_sides_of_the_fault_there_is_no_outage_and_no_pass(
    made: list[Operation], fault_s: float, told: str
) -> None:
    """The load ends at 60 s."""
    found = judged("outage", recording(*made, faults=[FaultMark(fault_s, "kill_process", "injected", "", 1)]))
    assert (found.outcome, found.figure) == (INCONCLUSIVE, None) and found.reason.startswith(told), found.reason


def test_answers_that_were_kept_back_are_signs_of_an_outage() -> None:
    """Nobody is refused: whoever asks from 12 s on is answered at 15 s. A short wait is no sign."""
    kept_back = [replace(one, return_s=15.01) for one in writes() if 12 <= one.invoke_s < 15]
    well = [one for one in writes() if one.return_s is not None]
    found = judged("outage", ledger([*well, *kept_back]), limit_s=2)
    assert (found.outcome, interval(found)) == (FAIL, (2.44, 3.05))
    assert found.evidence["tries in vain after the fault"] == 0


def test_a_time_without_tries_is_not_taken_for_the_outage() -> None:
    """It may have been one of four seconds, and what was seen is one of three."""
    asked = [one for one in writes() if not 30 <= one.invoke_s < 34]
    found = judged("outage", ledger(asked), limit_s=5)
    assert found.figure == pytest.approx(3.05)
    assert interval(found) == (2.94, 4.05)


def test_reads_and_writes_have_outages_of_their_own() -> None:
    reads = [ask(t / 20, t / 20 + 0.01, via="ledger, replica") for t in range(1200)]
    run = ledger([*writes(), *reads])
    assert judged("outage", run, kind="read", via="ledger*").figure == pytest.approx(0.05)
    assert judged("outage", run, kind="read", via="elsewhere").outcome is INCONCLUSIVE


def test_an_outage_of_the_baseline_is_none_after_the_fault() -> None:
    run = ledger(writes(away=(3, 9)))
    assert judged("outage", run, limit_s=50).figure == pytest.approx(0.05)


@settings(max_examples=50)
@given(
    from_s=st.floats(12, 20),
    length_s=st.floats(0.5, 20),
    every_s=st.floats(0.02, 0.4),
    takes_s=st.floats(0.001, 0.2),
)
def test_an_outage_of_known_length_is_within_its_interval(
    from_s: float, length_s: float, every_s: float, takes_s: float
) -> None:
    """Every try that begins in it is in vain, and none that began before."""
    run = ledger(writes(every_s=every_s, takes_s=takes_s, away=(from_s, from_s + length_s)))
    low_s, high_s = judged("outage", run).interval or (0, 0)
    assert low_s <= length_s + 1e-9
    assert high_s >= length_s - takes_s - 1e-9
    assert high_s - low_s <= 2 * every_s + 2 * takes_s + 1e-9


# Nodes


def test_one_primary_after_the_other_is_one_at_a_time() -> None:
    run = sampled(ledger(writes(sources=NODES)), failover())
    found = judged("single_primary", run)
    assert (found.outcome, found.figure) == (PASS, 0)
    assert found.evidence["acknowledged writes that name their node"] == 1140


def test_two_samples_of_an_old_primary_around_one_of_the_new_one_are_two_primaries() -> None:
    found = judged("single_primary", sampled(ledger(writes()), failover(overlap_s=4)))
    assert (found.outcome, found.figure) == (FAIL, 2.0)  # each beside the other
    assert "db1 127.0.0.1:1 beside db2" in found.reason or "db2 127.0.0.1:2 beside db1" in found.reason


def test_two_nodes_that_acknowledge_writes_in_turn_are_two_primaries() -> None:
    """For less than the time between two samples."""
    split = [write(f"x{n}", 15.3 + n / 20, 15.31 + n / 20, ("127.0.0.1:1", "127.0.0.1:2")[n % 2]) for n in range(10)]
    run = sampled(ledger([*writes(sources=NODES), *split]), failover())
    found = judged("single_primary", run)
    assert found.outcome is FAIL
    assert "both acknowledged writes meanwhile" in found.reason


def test_an_old_primary_that_acknowledges_nothing_is_one_all_the_same_and_the_reason_says_so() -> None:
    """Its replicas are gone, so its writes wait; whoever asks for less than its replicas is acknowledged."""
    found = judged("single_primary", sampled(ledger(writes(sources=NODES)), failover(overlap_s=4)))
    assert found.outcome is FAIL
    assert f"though {NODES[0]} acknowledged no write meanwhile" in found.reason


def test_a_node_that_nobody_can_sample_may_be_primary_but_for_one_that_is_dead() -> None:
    gone = [one for one in failover() if one.source == NODES[1] or one.t < 12]
    for error, outcome in (("timed out: no answer", INCONCLUSIVE), ("connection refused: nothing listens", PASS)):
        silent = [sample(t, NODES[0], error=error) for t in range(12, 60)]
        assert judged("single_primary", sampled(ledger(writes()), [*gone, *silent])).outcome is outcome


def test_nobody_sampled_is_no_pass() -> None:
    for name in ("single_primary", "replication_lag", "rejoin_time"):
        assert judged(name, ledger(writes())).outcome is INCONCLUSIVE


def test_an_old_primary_rejoins_between_two_samples() -> None:
    """Away at 19.25 s, there at 20.25 s, and struck at 12 s."""
    found = judged("rejoin_time", sampled(ledger(writes()), failover()), limit_s=10)
    assert (found.outcome, interval(found)) == (PASS, (7.25, 8.26))
    assert "followed the primary 7.25 s to 8.26 s after the fault was injected" in found.reason
    assert judged("rejoin_time", sampled(ledger(writes()), failover()), limit_s=8).outcome is INCONCLUSIVE


def test_an_old_primary_that_stays_away_is_never_a_pass() -> None:
    found = judged("rejoin_time", sampled(ledger(writes()), failover(rejoined_s=99)), limit_s=10)
    assert (found.outcome, found.censored, interval(found)) == (FAIL, True, (47.25, math.inf))


def test_a_replica_that_finds_no_new_primary_has_not_rejoined_either() -> None:
    third = "db3 127.0.0.1:3"
    for follows_again_s, outcome in ((16, PASS), (99, FAIL)):
        samples = [sample(t, third, streaming=t < 12 or t >= follows_again_s) for t in range(60)]
        found = judged("rejoin_time", sampled(ledger(writes()), [*failover(), *samples]), limit_s=10)
        assert found.outcome is outcome
    assert third in found.reason
    lag = judged("replication_lag", sampled(ledger(writes()), [*failover(), *samples]))
    assert (lag.outcome, "follows nobody in the end" in lag.reason) == (INCONCLUSIVE, True)


@pytest.mark.parametrize("name", ["single_primary", "rejoin_time", "replication_lag"])
def test_a_probe_that_fell_silent_proves_nothing(name: str) -> None:
    silent = [one for one in failover() if one.t < 21 or one.t > 40]
    found = judged(name, sampled(ledger(writes()), silent))
    assert found.outcome is INCONCLUSIVE
    assert "was not sampled for" in found.reason


def test_it_counts_from_the_end_of_the_fault_where_only_then_it_can_rejoin() -> None:
    run = sampled(ledger(writes()), failover(rejoined_s=55))
    found = judged("rejoin_time", run, since="undone", limit_s=10)
    assert interval(found) == (4.25, 5.26)


def test_the_largest_lag_is_judged_as_far_as_samples_tell() -> None:
    for lag_s, outcome in ((4.4, PASS), (4.6, INCONCLUSIVE), (5.1, FAIL)):
        found = judged("replication_lag", sampled(ledger(writes()), failover(lag_s=lag_s)))
        assert (found.outcome, found.figure) == (outcome, lag_s)
        assert found.evidence["replicas"] == 1
        assert ("; samples at shorter intervals would settle it" in found.reason) is (outcome is INCONCLUSIVE)


def test_no_node_and_one_are_too_few_for_two_primaries() -> None:
    assert judged("single_primary", ledger(writes())).reason.startswith("no node was sampled with its role")
    alone = [one for one in failover() if one.source == failover()[0].source]
    assert judged("single_primary", sampled(ledger(writes()), alone)).reason.startswith("1 node was sampled")


def test_of_nodes_that_are_away_for_as_long_the_old_primary_is_named() -> None:
    old, other, third = (each.source for each in (*failover()[:2], sample(0, "a0 127.0.0.1:3", streaming=True)))
    gone = [sample(t + 0.25, third, streaming=t < 12) for t in range(-1, 60)]
    found = judged("rejoin_time", sampled(ledger(writes()), [*failover(rejoined_s=99), *gone]), limit_s=10)
    assert {found.evidence[f"samples in which {node} was away"] for node in (old, third)} == {48}
    assert found.reason.startswith(f"{old} had not rejoined") and other not in found.reason


def test_how_many_rows_are_too_many_is_counted() -> None:
    """Two writes that are there twice are two rows too many."""
    found = judged("doubled_writes", ledger(writes(), doubled=2))
    assert (found.evidence["doubled"], found.evidence["rows too many"], found.figure) == (2, 2, 2)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ([(0, True), (1, True), (2, True)], [(0.1, 2)]),
        ([(0, True), (2.5, True)], [(0.1, 2.5)]),
        ([(0, True), (1, True), (3.6, True), (4, True)], [(0.1, 1), (3.7, 4)]),  # too far apart
        ([(0, True), (1, True), (1.5, False), (2, True), (3, True)], [(0.1, 1), (2.1, 3)]),
        ([(0, False), (1, True), (2, True), (3, False)], [(1.1, 2)]),
        ([(0, False)], []),
    ],
)
def test_a_reign_lasts_while_nothing_says_otherwise(
    seen: list[tuple[float, bool]], told: list[tuple[float, float]]
) -> None:
    """From the end of its first evidence to the beginning of its last, each of which took 100 ms."""
    assert list(reigns._reigns([reigns.Seen(at_s, at_s + 0.1, is_primary) for at_s, is_primary in seen])) == told


@pytest.mark.parametrize(("load_processes", "error_s"), [(1, 0.1), (2, 0.2)])
def test_instants_of_two_load_processes_may_be_apart_by_both_errors(load_processes: int, error_s: float) -> None:
    """Against a probe, whose clock is one of theirs: a write from 3 s to 4 s, by a clock that is wrong by 0.1 s."""
    node = "db1 127.0.0.1:1"
    wrote = replace(histories.write(1, 3.0, 4.0), source="127.0.0.1:1")
    nodes = {f"w{n}": (0.1, [wrote] if n == 0 else []) for n in range(load_processes)}
    seen, writes_named = reigns.evidence_of(histories.recording(nodes=nodes), {node: []})
    assert writes_named == 1
    assert seen == {node: [reigns.Seen(pytest.approx(3 - error_s), pytest.approx(4 + error_s), wrote=True)]}


@pytest.mark.parametrize(
    ("returned_s", "at_risk"), [(10.99, 0), (11.0, 1), (11.5, 1), (12.0, 1), (12.01, 0), (40.0, 1)], ids=str
)
def test_a_write_is_at_risk_for_a_second_before_a_fault(returned_s: float, at_risk: int) -> None:
    """Of 12 s and of 40.5 s."""
    faults = [Injection("kill", 12.0, 13.0), Injection("kill", 40.5, 41.0)]
    row: Any = SimpleNamespace(acknowledged_s=returned_s)
    assert _shortly_before(faults, (row,), 1.0) == at_risk


def test_who_wrote_while_there_were_two_primaries_is_told_from_the_first_to_the_last_sign_of_the_second() -> None:
    """One is primary from 0 s to 6 s, the other is seen as primary at 2.2, 3.2 and 5.2 s."""
    one = [reigns.Seen(t, t + 0.1, True) for t in range(7)]
    other = [reigns.Seen(t, t + 0.1, True) for t in (2.2, 3.2, 5.2)]

    def wrote(*at_s: float) -> set[tuple[str, ...]]:
        seen = sorted([*one, *(reigns.Seen(t, t + 0.05, wrote=True) for t in at_s)], key=lambda each: each.from_s)
        return {each.wrote for each in reigns.overlaps({"db1": seen, "db2": other}) if each.node == "db1"}

    assert wrote() == wrote(1.5) == wrote(5.5) == {()}
    assert wrote(2.25) == wrote(4.5) == wrote(5.25) == {("db1",)}


@pytest.mark.parametrize(
    ("follows", "unknown"), [((1, 1, 0), True), ((1, 0, 1), False), ((0, 0, 1), False), ((0, 1, 1, 0), True)], ids=str
)
def test_who_follows_nobody_in_the_end_may_be_far_behind(follows: tuple[int, ...], unknown: bool) -> None:
    samples = [NodeSample(float(t), float(t), {STREAMING: float(each)}, None) for t, each in enumerate(follows)]
    long = recording()
    short = replace(long, header=replace(long.header, phases=(Phase("baseline", 0, len(follows)),)))
    told = ReplicationLag()._unknown(short, {"db2": samples})
    assert told == ("db2 follows nobody in the end, so how far it is behind is not known" if unknown else "")


@pytest.mark.parametrize(
    ("joined", "low_s", "high_s", "times", "is_primary"),
    [
        ((1, 1, 1), 0.0, 0.5, 0, True),  # never seen away: it was there again by the first sample
        ((0, 1, 1), 0.0, 1.5, 1, True),
        ((1, 0, 0, 1, 1), 2.0, 3.5, 2, True),
        ((0, 1, 0, 1, 1), 2.0, 3.5, 2, True),  # for good with the last of them
        ((0, 0, 2, 2), 1.0, 2.5, 2, False),
        ((1, 1, 0), 2.0, math.inf, 1, False),
    ],
    ids=str,
)
def test_a_node_is_away_until_the_first_sample_from_which_on_it_stays(
    joined: tuple[int, ...], low_s: float, high_s: float, times: int, is_primary: bool
) -> None:
    """Sampled each second, which takes half of one: 1 is primary, 2 follows one, 0 neither."""
    roles = ({}, {PRIMARY: 1.0}, {STREAMING: 1.0})
    samples = [NodeSample(t, t + 0.5, roles[role], None) for t, role in enumerate(joined)]
    away = rejoin_time._away("db1", samples, 0.0)
    assert (away.low_s, away.high_s, away.times, away.is_primary) == (low_s, high_s, times, is_primary)
    later = rejoin_time._away("db1", samples, 2.25)
    assert (later.low_s, later.high_s) == (max(0.0, low_s - 2.25), max(0.0, low_s - 2.25, high_s - 2.25))


@pytest.mark.parametrize(
    ("begin_s", "end_s", "is_met"),
    [
        (11.9, 12.0, True),
        (11.9, 11.99, False),
        (12.0, 13.0, False),
        (11.99, 13.0, True),
        (12.0, None, True),
        (11.9, None, False),
    ],
)
def test_a_write_is_met_by_a_fault_under_way_or_without_an_answer_afterwards(
    begin_s: float, end_s: float | None, is_met: bool
) -> None:
    assert doubled_writes._is_met(write("a", begin_s, end_s), 12.0) is is_met
