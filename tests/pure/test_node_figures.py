"""The nodes of a failover: who is primary, who follows, who was away and how far behind, worked out by hand."""

from __future__ import annotations

import math

import pytest

from harness.criteria._effects import effect_of
from harness.criteria._injections import injections
from harness.criteria.replication._nodes import NodeSample, nodes_of, primary_before, silent_s
from harness.criteria.replication._reigns import Overlap, Seen, overlaps
from harness.findings import Outcome
from harness.recording import ProbeSample, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from tests.ledgers import KILLED, NODES, failover, judged, ledger, sample, sampled, watched, writes

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
DB1, DB2 = NODES


def test_nodes_are_those_of_which_a_role_was_read_with_all_of_their_samples() -> None:
    other = ProbeSample(1.0, "process", "api", {"rss_bytes": 1.0})
    whole = ProbeSample(2.0, "patroni", "patroni", {}, "no sample was taken")
    run = watched(sample(3.0, "b"), sample(1.0, "b", primary=True), sample(2.0, "a", error="timed out"), other, whole)
    nodes = nodes_of(run)
    assert {node: [one.from_s for one in samples] for node, samples in nodes.items()} == {"a": [2], "b": [1, 3]}
    assert list(nodes) == ["a", "b"]
    assert [one.to_s for one in nodes["b"]] == [1.01, 3.01] and nodes["a"][0].to_s == 2


@pytest.mark.parametrize(
    ("values", "error", "is_primary", "is_joined"),
    [
        ({"primary": 1.0}, None, True, True),
        ({"primary": 0.0, "streaming": 1.0}, None, False, True),
        ({"primary": 0.0, "streaming": 0.0}, None, False, False),
        ({}, None, False, False),
        ({}, "timed out", None, False),
        ({}, "connection refused: 127.0.0.1:1", False, False),
        ({}, "said: connection refused", None, False),
    ],
)
def test_a_node_is_primary_where_a_sample_says_so(
    values: dict[str, float], error: str | None, is_primary: bool | None, is_joined: bool
) -> None:
    one = NodeSample(1.0, 1.1, values, error)
    assert (one.is_primary, one.is_joined) == (is_primary, is_joined)


@pytest.mark.parametrize(("at_s", "who"), [(0.9, None), (1.0, "b"), (1.9, "b"), (2.0, "a"), (9.0, "a")])
def test_who_was_primary_last_before_an_instant(at_s: float, who: str | None) -> None:
    nodes = {
        "a": [NodeSample(0.5, 0.6, {}, None), NodeSample(2.0, 2.1, {"primary": 1.0}, None)],
        "b": [NodeSample(1.0, 1.1, {"primary": 1.0}, None), NodeSample(3.0, 3.1, {}, None)],
    }
    assert primary_before(nodes, at_s) == who


@pytest.mark.parametrize(
    ("times", "longest_s"),
    [((), 10.0), ((12.0, 15.0), 5.0), ((5.0, 10.0, 14.0, 20.0, 30.0), 6.0), ((18.0,), 8.0), ((10.0, 20.0), 10.0)],
)
def test_nothing_is_known_for_the_longest_time_without_a_sample(times: tuple[float, ...], longest_s: float) -> None:
    """From 10 s to 20 s, whatever came before and after."""
    assert silent_s([NodeSample(t, t, {}, None) for t in times], 10.0, 20.0) == longest_s
    assert silent_s([NodeSample(t, t, {}, None) for t in times], 10.0, 10.0) == 0


def test_one_of_two_faults_that_shows_in_something_is_enough() -> None:
    """The one at 12 s; that at 5 s struck nothing that is asked or sampled."""
    early = FaultMark(5, "kill_process", INJECTED, "", 2), FaultMark(6, "kill_process", UNDONE, "", 2)
    seen = sampled(ledger(writes(sources=NODES), faults=(*early, *KILLED)), failover())
    assert [bool(effect_of(seen, each)) for each in injections(seen)] == [False, True]
    found = judged("single_primary", seen)
    assert (found.outcome, found.figure) == (PASS, 0), found.reason


@pytest.mark.parametrize("rejoined_s", [20.0, 12.0])
def test_a_node_that_no_sample_found_away_is_said_to_be_so(rejoined_s: float) -> None:
    """The old primary follows by the first sample after the fault, where it does not take until 20 s."""
    found = judged("rejoin_time", watched(*failover(promoted_s=12.0, rejoined_s=rejoined_s)))
    unseen = f"neither {NODES[0]} nor a node that followed it was seen away in the samples after the fault, limit 60 s"
    assert (found.reason == unseen) is (rejoined_s == 12.0), found.reason


def test_from_the_first_of_two_faults_on_every_node_has_to_be_seen() -> None:
    """At 12 s and 40 s; in the 10 s of which one has no sample it may have been a second primary."""
    again = FaultMark(40, "kill_process", INJECTED, "", 2)
    run = ledger(writes(sources=NODES), faults=(*KILLED, again))
    unseen = [one for one in failover() if one.source != NODES[1] or not 20 <= one.t < 30]
    found = judged("single_primary", sampled(run, unseen))
    assert found.outcome is INCONCLUSIVE
    assert found.reason == f"{NODES[1]} was not sampled for 11 s after the fault, in which it may have been primary"
    assert judged("single_primary", sampled(run, failover())).outcome is PASS


@pytest.mark.parametrize(
    ("times", "inside"),
    [
        (((0.0, 1.0), (1.0, 2.0), (3.0, 4.0)), None),  # it need not have been after the first was
        (((1.01, 2.0),), (2.0, 1.01)),
        (((1.5, 2.0), (3.0, 3.99)), (2.0, 3.0)),
        (((1.5, 2.0), (3.0, 4.0)), (2.0, 1.5)),  # the second may have been when the first was none any more
    ],
)
def test_a_second_primary_is_certain_within_the_reign_of_the_first(
    times: tuple[tuple[float, float], ...], inside: tuple[float, float] | None
) -> None:
    """The first one leads from 1 s to 4 s at least."""
    first = [Seen(0.9, 1.0), Seen(2.5, 2.6), Seen(4.0, 4.1)]
    found = [each for each in overlaps({"a": first, "b": [Seen(*each) for each in times]}) if each.node == "a"]
    assert [(each.other, each.from_s, each.to_s) for each in found] == ([("b", *inside)] if inside else [])


@pytest.mark.parametrize(("from_s", "to_s", "length_s"), [(1.0, 3.5, 2.5), (2.0, 1.5, 0.0)])
def test_two_primaries_are_there_for_at_least_so_long(from_s: float, to_s: float, length_s: float) -> None:
    assert Overlap("a", "b", from_s, to_s, ()).length_s == length_s


def refusals(node: str, begin_s: int, end_s: int, error: str) -> list[ProbeSample]:
    return [sample(second + 0.25, node, error=error) for second in range(begin_s, end_s)]


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([one for one in failover() if one.t > 12], "no node was seen to be primary before the fault"),
        (
            failover(promoted_s=99),
            "no node was seen to be primary after the fault; a longer run would show who is",
        ),
        (
            [*(one for one in failover() if one.source == DB2 or one.t < 12), *refusals(DB1, 12, 60, "timed out")],
            f"nobody knows what {DB1} was after the fault: it could not be sampled any more",
        ),
        (
            [one for one in failover() if one.source == DB2 or not 20 < one.t < 25.2],
            f"{DB1} was not sampled for 6 s after the fault, in which it may have been primary",
        ),
        ([one for one in failover() if one.source == DB2 or not 20 < one.t < 24.2], ""),
        # Nobody knows of one second, and of all others it is known.
        (
            [*(one for one in failover() if one.source == DB2 or one.t != 30.25), *refusals(DB1, 30, 31, "timed out")],
            "",
        ),
        (
            [
                *(one for one in failover() if one.source == DB2 or one.t < 12),
                *refusals(DB1, 12, 60, "connection refused"),
            ],
            "",
        ),
    ],
)
def test_why_two_primaries_could_not_have_been_seen(samples: list[ProbeSample], reason: str) -> None:
    found = judged("single_primary", watched(*samples))
    assert found.outcome is (INCONCLUSIVE if reason else PASS)
    assert found.reason == reason or not reason


def test_without_a_fault_no_primary_was_to_be_replaced() -> None:
    found = judged("single_primary", sampled(ledger(writes(), faults=()), failover()), remedy="kill one")
    assert found.reason == "no fault was injected, so no primary was to be replaced: kill one"


def test_what_is_told_of_two_primaries() -> None:
    """The second leads from 15.25 s on; the first did until 11.25 s, and again from 15.25 to 18.25 s, four samples.
    Each of the two is surely the only other one from the end of its own first sample to the beginning of its last.
    """
    found = judged("single_primary", watched(*failover(overlap_s=4)))
    assert found.evidence["nodes"] == f"{DB1}, {DB2}"
    assert found.evidence["samples of a primary"] == 13 + 45 + 4
    assert found.evidence["acknowledged writes that name their node"] == 0
    first, second = (str(found.evidence[f"example {number}"]) for number in (1, 2))
    assert {first, second} == {
        f"{DB1} while {DB2} was, at 16.3 s, for 1.99 s at least",
        f"{DB2} while {DB1} was, at 16.3 s, for 990 ms at least",
    }
    assert found.reason == (
        f"2 times a second node was primary while another one was; limit 0; {DB1} beside {DB2} for at least 1.99 s"
    )
    calm = judged("single_primary", watched(*failover()))
    assert calm.reason.endswith(
        "; no write says which node took it, so less than the time between two samples would not show"
    )


@pytest.mark.parametrize(("silent_until_s", "outcome"), [(30.2, PASS), (31.2, INCONCLUSIVE)])
def test_a_replica_is_sampled_every_ten_seconds(silent_until_s: float, outcome: Outcome) -> None:
    """As declared: between the samples at 20.25 s and 30.25 s, or 31.25 s."""
    samples = [one for one in failover() if one.source == DB2 or not 20.3 < one.t < silent_until_s]
    found = judged("replication_lag", watched(*samples))
    assert found.outcome is outcome
    reason = f"; {DB1} was not sampled for 11 s, in which it may have been further behind"
    assert found.reason.endswith(reason) is (outcome is INCONCLUSIVE)
    rejoined = judged("rejoin_time", watched(*samples))
    assert rejoined.outcome is outcome
    reason = f"; {DB1} was not sampled for 11 s, in which it may have been away"
    assert rejoined.reason.endswith(reason) is (outcome is INCONCLUSIVE)


def lagging(t: float, node: str, lag_s: float, up_to_s: float | None = None, **more: bool) -> ProbeSample:
    lag = {"lag_s": lag_s, **({} if up_to_s is None else {"lag_up_to_s": up_to_s})}
    return sample(t, node, streaming=more.get("streaming", True), primary=more.get("primary", False), more=lag)


def test_the_largest_lag_is_told_with_whose_it_was_and_when() -> None:
    """What a primary, or one that follows nobody, says of a lag is none."""
    ends = [lagging(float(t), node, 0.0) for node in ("a", "b") for t in range(0, 60, 5)]
    seen = [lagging(7.0, "a", 1.0, 1.5), lagging(8.0, "a", 2.0, 2.25), lagging(9.0, "b", 1.75, 3.0)]
    not_theirs = [lagging(7.5, "a", 9.0, streaming=False), lagging(8.5, "b", 9.0, primary=True)]
    found = judged("replication_lag", watched(*ends, *seen, *not_theirs))
    assert (found.outcome, found.figure, found.interval) == (PASS, 2.0, (2.0, 3.0))
    assert found.reason == "at most 3 s in 27 samples, at least 2 s (a at 8 s); limit 5 s"
    assert dict(found.evidence) == {"samples": 27, "replicas": 2, "largest of a": "2 s", "largest of b": "1.75 s"}
    nobody = judged("replication_lag", watched(*not_theirs), remedy="probe them")
    assert (nobody.outcome, nobody.reason) == (
        INCONCLUSIVE,
        "no replica was sampled that followed its primary: probe them",
    )


@pytest.mark.parametrize(
    ("rejoined_s", "limit_s", "outcome", "figure_s", "reason"),
    [
        # Away in samples from 12.25 s to 19.25 s, there again at 20.25 s, which took 10 ms.
        (
            20.0,
            60.0,
            PASS,
            7.755,
            f"{DB1} followed the primary 7.25 s to 8.26 s after the fault was injected, limit 60 s",
        ),
        (20.0, 8.0, INCONCLUSIVE, 7.755, f"{DB1} followed the primary 7.25 s to 8.26 s after the fault was injected, "),
        (
            20.0,
            7.0,
            FAIL,
            7.755,
            f"{DB1} followed the primary 7.25 s to 8.26 s after the fault was injected, limit 7 s",
        ),
        (99.0, 40.0, FAIL, None, f"{DB1} had not rejoined 47.2 s after the fault was injected, limit 40 s"),
        (
            99.0,
            50.0,
            INCONCLUSIVE,
            None,
            f"{DB1} had not rejoined 47.2 s after the fault was injected, limit 50 s; a longer",
        ),
    ],
)
def test_how_long_it_took_to_rejoin_is_told(
    rejoined_s: float, limit_s: float, outcome: Outcome, figure_s: float | None, reason: str
) -> None:
    found = judged("rejoin_time", watched(*failover(rejoined_s=rejoined_s)), limit_s=limit_s)
    assert (found.outcome, found.censored) == (outcome, figure_s is None)
    assert found.figure == (None if figure_s is None else pytest.approx(figure_s))
    assert found.reason.startswith(reason), found.reason
    assert found.evidence["old primary"] == DB1
    assert found.evidence[f"samples in which {DB1} was away"] == (8 if figure_s is not None else 48)
    assert found.evidence[f"samples in which {DB2} was away"] == 3
    assert found.interval == pytest.approx((7.25, 8.26) if figure_s is not None else (47.25, math.inf))


SECOND = FaultMark(30, "cut_network", INJECTED, "", 2)


def struck_again(back_s: float) -> Recording:
    """The second fault, at 30 s, takes the first node away again until then. A third one follows from 40 s on."""
    third = "db3 127.0.0.1:3"
    seen = [one for one in failover() if one.source == DB2 or one.t < 30]
    seen += [sample(t + 0.25, DB1, streaming=t >= back_s) for t in range(30, 60)]
    seen += [sample(t + 0.25, third, streaming=t >= 40) for t in range(-1, 60)]
    return sampled(ledger(writes(), faults=(*KILLED, SECOND)), seen)


def test_only_the_old_primary_and_who_followed_it_have_to_rejoin_before_the_next_fault() -> None:
    found = judged("rejoin_time", struck_again(30), limit_s=10)
    assert (found.outcome, found.interval) == (PASS, pytest.approx((7.25, 8.26)))
    assert found.reason == (
        f"after kill_process at 12 s: {DB1} followed the primary 7.25 s to 8.26 s after the fault was injected, "
        "limit 10 s"
    )
    away = {key: value for key, value in found.evidence.items() if key.startswith("samples")}
    assert away == {f"samples in which {DB1} was away": 8, f"samples in which {DB2} was away": 3}
    assert "limit 10 s; nothing shows that cut_network struck" in str(found.evidence["after cut_network at 30 s"])


@pytest.mark.parametrize(
    ("back_s", "limit_s", "outcome", "interval"),
    [
        (41, 12, PASS, (10.25, 11.26)),
        (41, 11, INCONCLUSIVE, (10.25, 11.26)),
        (41, 10, FAIL, (10.25, 11.26)),
        (33, 8, INCONCLUSIVE, (7.25, 8.26)),  # that after the first fault took longer
        (99, 60, INCONCLUSIVE, (29.25, math.inf)),
        (99, 29, FAIL, (29.25, math.inf)),
    ],
)
def test_after_each_fault_all_have_to_rejoin(
    back_s: float, limit_s: float, outcome: Outcome, interval: tuple[float, float]
) -> None:
    found = judged("rejoin_time", struck_again(back_s), limit_s=limit_s)
    assert (found.outcome, found.interval) == (outcome, pytest.approx(interval)), found.reason
    assert found.reason.startswith("after kill_process at 12 s: " if back_s == 33 else "after cut_network at 30 s: ")
    assert [key for key in found.evidence if key.startswith("after")] == [
        "after kill_process at 12 s",
        "after cut_network at 30 s",
    ]


def test_who_is_still_away_when_the_next_fault_comes_has_not_rejoined() -> None:
    found = judged("rejoin_time", sampled(ledger(writes(), faults=(*KILLED, SECOND)), failover(rejoined_s=40)))
    assert (found.outcome, found.interval) == (INCONCLUSIVE, (17.25, math.inf)), found.reason


def test_of_faults_that_all_struck_nothing_nothing_is_told() -> None:
    calm = [sample(t + 0.25, node, primary=node == DB1, streaming=node == DB2) for t in range(60) for node in NODES]
    faults = FaultMark(12, "a", INJECTED, "", 1), FaultMark(30, "b", INJECTED, "", 2)
    found = judged("rejoin_time", sampled(ledger(writes(away=None), faults=faults), calm))
    assert found.outcome is INCONCLUSIVE and "nothing shows that a struck" in found.reason, found.reason


def test_a_later_fault_after_which_nobody_was_sampled_may_have_taken_nodes_away() -> None:
    """The first one has an answer of its own, which says nothing of it."""
    run = sampled(ledger(writes(), faults=(*KILLED, SECOND)), failover(until_s=30))
    found = judged("rejoin_time", run, limit_s=10)
    assert found.outcome is INCONCLUSIVE and "was not sampled after the fault" in found.reason, found.reason
    seldom = [each for each in failover() if not 31 < each.t < 58]
    found = judged("rejoin_time", sampled(ledger(writes(), faults=(*KILLED, SECOND)), seldom), limit_s=10)
    assert found.outcome is INCONCLUSIVE and "was not sampled for" in found.reason, found.reason


def test_a_later_fault_that_is_never_undone_is_not_over() -> None:
    run = sampled(ledger(writes(), faults=(*KILLED, SECOND)), failover())
    found = judged("rejoin_time", run, since="undone", limit_s=30)
    assert (found.outcome, found.reason) == (
        INCONCLUSIVE,
        "after cut_network at 30 s: cut_network was never undone, so its node could not rejoin",
    )


@pytest.mark.parametrize(("second_s", "outcome"), [(12.05, PASS), (12.9, PASS), (13.1, INCONCLUSIVE)])
def test_faults_that_strike_together_are_judged_until_the_next_one(second_s: float, outcome: Outcome) -> None:
    """Where they do not, the nodes were still away when the next one came."""
    second = FaultMark(second_s, "cut_network", INJECTED, "", 2)
    found = judged("rejoin_time", sampled(ledger(writes(), faults=(*KILLED, second)), failover()), limit_s=10)
    assert found.outcome is outcome, found.reason
    assert found.interval == pytest.approx((7.25, 8.26) if outcome is PASS else (0.25, math.inf))


FOLLOWERS = [sample(t + 0.25, node, streaming=True, more={"primary": 0.0}) for t in range(60) for node in NODES]


@pytest.mark.parametrize(
    ("faults", "seen", "since", "reason"),
    [
        ((), failover(), "injected", "no fault was injected, so no primary had to rejoin"),
        (KILLED, FOLLOWERS, "injected", "no node was seen to be primary before the fault"),
        (KILLED[:1], failover(), "undone", "kill_process was never undone, so its node could not rejoin"),
        (KILLED, failover(until_s=12), "injected", f"{DB1}, {DB2} was not sampled after the fault"),
    ],
)
def test_what_keeps_a_rejoining_from_being_known(
    faults: tuple[FaultMark, ...], seen: list[ProbeSample], since: str, reason: str
) -> None:
    found = judged("rejoin_time", sampled(ledger(writes(), faults=faults), seen), since=since)
    assert (found.outcome, found.reason) == (INCONCLUSIVE, reason)
