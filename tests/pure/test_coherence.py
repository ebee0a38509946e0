"""What is found in histories whose faults are known: stale reads and their ages, sessions, invalidations, stampedes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness import criteria
from harness.criteria.cache import _coherence as coherence
from harness.criteria.cache import _stampede as stampede
from harness.criteria.cache._invalidations import invalidations
from harness.criteria.cache._operations import history_of
from harness.criteria.cache.fail_open import FailOpen
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Operation, Recording
from harness.recording.marks import FAILED, INJECTED, UNDONE, FaultMark, NodeMark
from harness.recording.values import Scalar
from tests.histories import invalidate, linearizable, read, recording, write

ONE_THEN_TWO = (write(1, 0, 1), write(2, 2, 3))


def judged(run: Recording, criterion: str, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)


def hit(version: int | None, begin_s: float, end_s: float, **more: str) -> Operation:
    return read(version, begin_s, end_s, cache="hit", source="cache", **more)


def miss(version: int | None, begin_s: float, end_s: float, source: str = "primary", **more: str) -> Operation:
    return read(version, begin_s, end_s, cache="miss", source=source, **more)


# Stale reads


def test_the_age_counts_from_the_return_of_the_first_write_that_replaced_it() -> None:
    """Not from the latest one: since then the answer was out of date."""
    seen = history_of(recording(*ONE_THEN_TWO, write(3, 4, 5), read(1, 9, 10)))
    assert [found.age_s for found in coherence.stale_reads(seen)] == [6]


@pytest.mark.parametrize(
    ("operations", "stale"),
    [
        ((*ONE_THEN_TWO, read(1, 2.5, 9)), 0),  # began before the write had returned
        ((*ONE_THEN_TWO, read(1, 3, 9)), 0),
        ((*ONE_THEN_TWO, read(1, 3.1, 9)), 1),
        ((*ONE_THEN_TWO, read(None, 3.1, 9)), 1),  # nothing found, although it was written
        ((write(1, 0, 1), write(2, 0.5, 3), read(1, 4, 5)), 0),  # they overlap: either may have been the last
        ((write(9, 0, 1), write(2, 2, 3), read(2, 4, 5)), 0),  # numbers are names
        ((write(9, 0, 1), write(2, 2, 3), read(9, 4, 5)), 1),
        ((write(1, 0, 1), write(2, 2, None), read(1, 9, 10)), 0),  # it may never have happened
        ((write(1, 0, None), write(2, 2, 3), read(1, 9, 10)), 0),  # it may have happened last
    ],
)
def test_only_what_is_certain_is_stale(operations: tuple[Operation, ...], stale: int) -> None:
    assert len(coherence.stale_reads(history_of(recording(*operations)))) == stale


def test_between_two_nodes_only_what_clocks_can_tell_is_stale() -> None:
    """0.2 s of error on either side: what began 0.3 s after the write may have begun before its end."""
    writes = 0.1, [write(1, 0, 1), write(2, 2, 3)]
    for begin_s, stale in ((3.3, 0), (3.5, 1)):
        reads = 0.3, [read(1, begin_s, 9)]
        seen = history_of(recording(nodes={"worker-1": writes, "worker-2": reads}))
        assert len(coherence.stale_reads(seen)) == stale
    same = history_of(recording(nodes={"worker-1": (0.1, [*writes[1], read(1, 3.01, 9)]), "worker-2": (0.3, [])}))
    assert len(coherence.stale_reads(same)) == 1, "on one node the order is exact"


def test_stale_reads_decides_on_share_and_age() -> None:
    run = recording(*ONE_THEN_TWO, read(1, 4, 5), read(2, 4, 5), read(1, 3.1, 5, via="replica"))
    assert judged(run, "stale_reads").figure == pytest.approx(2 / 3)
    found = judged(run, "stale_reads", via="service")
    assert (found.outcome, found.figure) == (Outcome.FAIL, 0.5)
    assert found.evidence["example 1"] == "k at 4 s: version 1, replaced 1 s before"
    assert judged(run, "stale_reads", limit=0.5, via="service").outcome is Outcome.PASS
    assert judged(run, "stale_reads", age_limit_s=0.5, via="replica").outcome is Outcome.PASS


@pytest.mark.parametrize(("limit_s", "counted"), [(0.0, 2), (1.0, 2), (1.5, 1), (3.0, 0)])
def test_a_read_could_be_stale_by_as_much_as_the_first_write_is_old(limit_s: float, counted: int) -> None:
    """One read 1.5 s after it, one 3 s, and one before it. Exactly as old as is accepted is accepted."""
    seen = history_of(recording(write(1, 0, 1), read(None, 0.5, 0.6), read(1, 2.5, 9), read(1, 4, 9)))
    assert coherence.reads_after_a_write(seen, limit_s) == counted
    assert limit_s or coherence.reads_after_a_write(seen) == counted
    old = history_of(recording(write(9, -9, -8), write(1, 0, 1), read(9, 0.5, 0.6), read(9, 2.5, 9), read(9, 4, 9)))
    assert len(coherence.stale_reads(old, limit_s)) == counted


def test_three_examples_are_told() -> None:
    found = judged(recording(*ONE_THEN_TWO, *(read(1, 4 + n, 20) for n in range(5))), "stale_reads")
    assert [key for key in found.evidence if key.startswith("example")] == ["example 1", "example 2", "example 3"]
    assert (found.evidence["median age (s)"], found.evidence["greatest age (s)"]) == (3, 5)
    assert "were stale, the oldest by 5 s, 100 %" in found.reason


def test_the_first_write_that_replaced_it_may_be_on_any_node() -> None:
    """At 3 s on one, at 5 s on another; the clocks are exact."""
    nodes = {"a": (0.0, [write(1, 0, 1), write(2, 2, 3), read(1, 9, 10)]), "b": (0.0, [write(3, 4, 5)])}
    for ordered in (nodes, dict(reversed(nodes.items()))):
        seen = history_of(recording(nodes=ordered))
        assert [found.age_s for found in coherence.stale_reads(seen)] == [6]


def test_what_the_clocks_allow_to_be_seen_is_evidence() -> None:
    nodes = {"a": (0.1, [write(1, 0, 1)]), "b": (0.3, [read(1, 4, 5)])}
    evidence = judged(recording(nodes=nodes), "stale_reads").evidence
    assert evidence["order known between nodes from (ms)"] == 400
    alone = judged(recording(write(1, 0, 1), read(1, 4, 5)), "stale_reads").evidence
    assert not any("order known" in key for key in alone)


def test_where_nothing_came_this_way_the_ways_are_named() -> None:
    """Also where one of the nodes did nothing at all."""
    nodes = {"a": (0.0, [write(1, 0, 1), read(1, 4, 5, via="replica")]), "b": (0.0, [])}
    found = judged(recording(nodes=nodes), "stale_reads", via="valkey")
    assert found.reason == "no answered read came by way of valkey; the ways in this run are replica, service"
    assert "the run has no operations" in judged(recording(), "stale_reads").reason


# Sessions


def test_a_session_that_goes_back_is_found_by_both_guarantees() -> None:
    """Reading back past its own read, and past its own write; another session may still be behind."""
    run = recording(*ONE_THEN_TWO, read(2, 4, 5), read(1, 6, 7), read(2, 6, 7), read(1, 6, 7, session="other"))
    found = judged(run, "monotonic_reads")
    assert (found.outcome, found.figure) == (Outcome.FAIL, 0.5)
    run = recording(*ONE_THEN_TWO, read(1, 6, 7, session="w"), read(2, 6.5, 7, session="w"), read(1, 6, 7))
    found = judged(run, "read_your_writes")
    assert (found.outcome, found.figure) == (Outcome.FAIL, 0.5)
    assert found.evidence["reads that could have gone back"] == 2


@pytest.mark.parametrize(("begin_s", "went_back"), [(3.0, 1), (2.9, 0)])
def test_a_session_knows_of_its_write_from_the_instant_at_which_that_returned(begin_s: float, went_back: int) -> None:
    run = recording(write(1, 0, 1, session="a"), write(2, 2, 3, session="a"), read(1, begin_s, 4, session="a"))
    assert judged(run, "read_your_writes").evidence["went back"] == went_back


def test_what_overlaps_in_a_session_is_not_before() -> None:
    """A session may have two requests under way: the one that ended later taught the other nothing."""
    run = recording(*ONE_THEN_TWO, read(2, 4, 6), read(1, 5, 7))
    assert judged(run, "monotonic_reads").outcome is Outcome.INCONCLUSIVE
    run = recording(*ONE_THEN_TWO, read(2, 4, 6), read(1, 5, 7), read(2, 8, 9))
    assert judged(run, "monotonic_reads").outcome is Outcome.PASS


# Lost invalidations


def test_a_write_that_the_cache_never_heard_of_is_counted_once() -> None:
    """However many readers saw it; the write that was heard of is not."""
    run = recording(
        *(write(1, 0, 1), hit(1, 1.1, 1.2), write(2, 2, 3), *(hit(1, 4 + n, 5 + n) for n in range(5))),
        *(hit(2, 15, 16), write(3, 20, 21), miss(3, 22, 23), hit(3, 24, 25)),
    )
    found = invalidations(history_of(run))
    assert [lost.operation.version for lost in found.lost] == [2]
    assert (found.writes, found.observable) == (3, 2)
    assert judged(run, "lost_invalidations").figure == 1
    assert judged(run, "lost_invalidations", grace_limit_s=6.0).outcome is Outcome.PASS, "it came within six seconds"


def test_all_writes_behind_an_old_answer_were_lost() -> None:
    run = recording(write(1, 0, 1), hit(1, 1.1, 1.2), write(2, 2, 3), write(3, 4, 5), hit(1, 6, 7))
    assert judged(run, "lost_invalidations").figure == 2


def test_a_stale_answer_from_elsewhere_loses_no_invalidation() -> None:
    """A replica that lags is stale, but the cache was told."""
    behind = replace(read(1, 4, 5, source="replica", cache="bypass"))
    run = recording(*ONE_THEN_TWO, behind, hit(2, 1.5, 1.6), hit(2, 6, 7))
    assert judged(run, "stale_reads", limit=1.0).figure == pytest.approx(1 / 3)
    assert invalidations(history_of(run)).lost == ()


def test_writes_that_could_not_have_shown_it_prove_nothing() -> None:
    """Never read before, removed in between, or not read afterwards."""
    removed = (write(1, 0, 1), hit(1, 1.1, 1.2), invalidate(1.3, 1.4), write(2, 2, 3), hit(2, 4, 5))
    for lines in (removed, (*ONE_THEN_TWO, hit(2, 4, 5)), (write(1, 0, 1), hit(1, 1.5, 1.6), write(2, 2, 3))):
        found = judged(recording(*lines), "lost_invalidations")
        assert found.outcome is Outcome.INCONCLUSIVE
        assert "could have shown it" in found.reason


@pytest.mark.parametrize(
    ("source", "cache", "lost"),
    [
        ("cache", "hit", 1),
        ("cache", "miss", 1),
        ("", "hit", 1),
        ("", "", 1),
        ("", "miss", 0),
        ("", "bypass", 0),
        ("primary", "hit", 0),
        ("primary", "", 0),
    ],
)
def test_an_old_answer_loses_an_invalidation_where_the_cache_may_have_given_it(
    source: str, cache: str, lost: int
) -> None:
    """Who answered counts; where that is not said, what the cache did; and where nothing is said, it may have."""
    run = recording(*ONE_THEN_TWO, read(1, 4, 5, source=source, cache=cache))
    assert len(invalidations(history_of(run)).lost) == lost


@pytest.mark.parametrize(("begin_s", "grace_s", "lost"), [(3.0, 0.0, 0), (3.01, 0.0, 1), (4.0, 1.0, 0), (4.01, 1.0, 1)])
def test_an_old_answer_within_the_grace_is_accepted(begin_s: float, grace_s: float, lost: int) -> None:
    run = recording(*ONE_THEN_TWO, hit(1, begin_s, 9))
    assert len(invalidations(history_of(run), grace_s).lost) == lost


@pytest.mark.parametrize(
    ("reads", "observable"),
    [
        ((hit(1, 1.1, 1.9), hit(2, 3.1, 4)), 1),
        ((hit(1, 1.1, 2.1), hit(2, 3.1, 4)), 0),  # the first one may have come after the write
        ((hit(1, 1.1, 1.9), hit(2, 2.9, 4)), 0),  # the second one may have come before it
        ((read(1, 1.1, 1.9, cache="bypass"), hit(2, 3.1, 4)), 0),
        ((miss(1, 1.1, 1.9), miss(2, 3.1, 4)), 1),
        ((hit(1, 1.1, 1.9), invalidate(3.05, 3.06), hit(2, 3.1, 4)), 0),
        ((hit(1, 1.1, 1.9), hit(2, 3.1, 4), invalidate(3.2, 3.3)), 1),
        ((hit(1, 1.1, 1.2), invalidate(1.3, 1.4), hit(1, 1.5, 1.6), hit(2, 3.1, 4)), 1),
        ((hit(1, 1.1, 1.2), invalidate(1.3, 1.55), hit(1, 1.5, 1.6), hit(2, 3.1, 4)), 0),
        ((write(9, 1.3, None), hit(1, 1.5, 1.6), hit(2, 3.1, 4)), 1),  # counted from when it began
        ((hit(None, -1.0, -0.9), hit(2, 3.1, 4)), 0),  # the first write has removed what was read before it
    ],
)
def test_a_write_would_have_shown_it_between_two_reads_through_the_cache(
    reads: tuple[Operation, ...], observable: int
) -> None:
    found = invalidations(history_of(recording(*ONE_THEN_TWO, *reads)))
    assert (found.observable, found.writes) == (observable, 2), "one without an answer is not among the writes"


@pytest.mark.parametrize(("begin_s", "stale"), [(2.9, 0), (3.0, 0), (3.01, 1)])
def test_an_old_version_is_stale_once_the_next_write_has_returned(begin_s: float, stale: int) -> None:
    """At 3 s."""
    assert judged(recording(*ONE_THEN_TWO, read(1, begin_s, 9)), "stale_reads").figure == stale


@pytest.mark.parametrize(
    ("begin_s", "end_s", "is_judged"),
    [(9.99, 12, False), (10, 12, True), (19.9, 20, True), (19.9, 20.1, False), (19.9, 23, True), (20, 21, False)],
)
def test_reads_of_an_outage_begin_in_it_and_are_answered_in_it_or_late(
    begin_s: float, end_s: float, is_judged: bool
) -> None:
    """From 10 s to 20 s; whose answer takes longer than two seconds had no good one, whenever it came."""
    assert FailOpen()._is_judged(read(1, begin_s, end_s), ((10.0, 20.0),)) is is_judged
    assert FailOpen()._is_judged(read(1, begin_s, None), ((10.0, 20.0),)) is (10 <= begin_s < 20)


@pytest.mark.parametrize(("again_s", "observable"), [(3.9, 0), (4.1, 1)])
def test_what_is_read_within_the_grace_would_have_shown_nothing(again_s: float, observable: int) -> None:
    """The second write is there from 3 s on, and the cache may know nothing of it for a second more."""
    run = recording(*ONE_THEN_TWO, hit(1, 1.1, 1.9), hit(2, again_s, again_s + 1))
    assert invalidations(history_of(run), 1.0).observable == observable


# Linearizability, as a finding


def test_an_item_without_an_order_is_named_with_the_reason() -> None:
    run = recording(*ONE_THEN_TWO, read(2, 4, 5), read(1, 6, 7), write(7, 0, 1, key="fine"), read(7, 2, 3, key="fine"))
    found = judged(run, "linearizability")
    assert (found.outcome, found.figure) == (Outcome.FAIL, 1)
    assert "version 1 was read again after version 2 was there" in str(found.evidence["example 1"])
    assert "1 of 2 items" in found.reason
    assert "checked 6 of 6 operations" in found.reason


def test_a_version_that_nobody_wrote_fails_only_in_a_whole_recording() -> None:
    """The write may have been that of a load process that was lost with its last words."""
    run = recording(write(1, 0, 1), read(5, 2, 3), read(1, 2, 3))
    found = judged(run, "linearizability")
    assert (found.outcome, found.figure, found.interval) == (Outcome.FAIL, 1, (1, 1))
    lost = replace(run, marks=(NodeMark(9, "worker-2", "lost"),))
    for torn in (lost, replace(run, end=None)):
        found = judged(torn, "linearizability")
        assert (found.outcome, found.figure, found.interval) == (Outcome.INCONCLUSIVE, 0, (0, 1))


def test_the_way_that_is_judged_is_in_the_title_and_what_nobody_wrote_is_counted() -> None:
    run = recording(*ONE_THEN_TWO, read(2, 4, 5, via="replica"), read(7, 4, 5, via="replica"))
    assert judged(run, "linearizability").title == "items that are not linearizable"
    found = judged(run, "linearizability", via="replica")
    assert found.title == "items that are not linearizable, by way of replica"
    nobody = "reads of a version whose write is not in the recording"
    assert judged(run, "stale_reads").evidence[nobody] == 1
    assert nobody not in judged(recording(*ONE_THEN_TWO, read(2, 4, 5)), "stale_reads").evidence


@pytest.mark.parametrize("name", ["stale_reads", "monotonic_reads", "read_your_writes", "lost_invalidations"])
def test_a_version_that_nobody_wrote_is_no_good_one(name: str) -> None:
    """An item in the place of another has versions of its own: neither old nor new."""
    calm = (
        *(write(1, 0, 1, session="s"), read(1, 1.1, 1.2, cache="miss"), read(1, 1.3, 1.4, cache="hit")),
        *(write(2, 2, 3, session="s"), read(2, 4, 5, cache="miss"), read(2, 6, 7, cache="hit")),
    )
    assert judged(recording(*calm), name).outcome is Outcome.PASS
    found = judged(recording(*calm, read(57, 8, 9, cache="hit")), name)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert (
        "; but 1 reads besides found a version that nobody has written in this run (k at 8 s: version 57)"
        in found.reason
    )


def test_where_all_versions_are_those_of_nobody_that_is_said() -> None:
    run = recording(write(1, 0, 1), read(57, 2, 3), read(57, 4, 5))
    assert judged(run, "linearizability").outcome is Outcome.FAIL
    found = judged(run, "stale_reads")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("all 2 reads that came by way of * found a version that nobody has written")


def test_a_way_that_needs_an_option_names_it() -> None:
    found = judged(recording(*ONE_THEN_TWO, read(2, 4, 5)), "linearizability", via="valkey", needs="--valkey")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "needs --valkey" in found.reason


def test_what_is_missing_from_a_recording_is_told_beside_what_is_broken() -> None:
    """One item has no order; of two others a write may be missing."""
    broken = (*ONE_THEN_TWO, read(2, 4, 5), read(1, 6, 7))
    doubtful = (op for key in ("x", "y") for op in (write(1, 0, 1, key=key), read(5, 2, 3, key=key)))
    run = recording(*broken, *doubtful)
    torn = judged(replace(run, end=None), "linearizability")
    assert (torn.figure, torn.interval) == (1, (1, 3))
    assert torn.reason.startswith("1 of 3 items are not linearizable, and 2 more if no write is missing")
    whole = judged(run, "linearizability")
    assert (whole.figure, whole.interval) == (3, (3, 3))
    assert whole.reason.startswith("3 of 3 items are not linearizable; checked")


# Stampede and hit ratio


def expiry(at_s: float, loads: int, joined: int) -> tuple[Operation, ...]:
    """So many who load, and so many who wait for one of them."""
    loading = [miss(1, at_s + n / 100, at_s + 0.1 + n / 100) for n in range(loads)]
    return *loading, *(miss(1, at_s + 0.05, at_s + 0.12, source="cache") for _ in range(joined))


def test_loads_that_began_before_the_first_was_answered_are_of_one_expiry() -> None:
    run = recording(write(1, 0, 1), *expiry(2, 1, 4), hit(1, 3, 3.1), *expiry(5, 7, 0), *expiry(8, 1, 0))
    use = stampede.cache_use(history_of(run))
    assert [(e.at_s, e.loads, e.waiting) for e in use.expiries] == [(2, 1, 5), (5, 7, 7), (8, 1, 1)]
    assert (use.hits, use.misses, use.loads) == (1, 13, 9)
    found = judged(run, "stampede")
    assert (found.outcome, found.figure) == (Outcome.FAIL, 7)
    assert found.evidence["loads in the whole run"] == 9
    assert "certain" not in found.reason, "all of them are"


def test_without_more_readers_than_the_limit_there_is_no_pass() -> None:
    """One load with one reader proves nothing about many."""
    for joined, outcome in ((1, Outcome.INCONCLUSIVE), (2, Outcome.PASS)):
        found = judged(recording(write(1, 0, 1), *expiry(2, 1, joined)), "stampede")
        assert (found.outcome, found.figure, found.interval) == (outcome, 1, (1, 1))


def test_where_no_item_expired_nothing_is_known_of_a_stampede() -> None:
    found = judged(recording(write(1, 0, 1), hit(1, 2, 2.1), hit(1, 3, 3.1)), "stampede")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("no item expired while it was read"), found.reason


def test_misses_that_do_not_say_where_they_came_from_accuse_nobody() -> None:
    """They may all have waited for one load; what did say so is certain, and within the limit there is no doubt."""
    silent = [miss(1, 2 + n / 100, 2.5, source="") for n in range(20)]
    found = judged(recording(write(1, 0, 1), *silent), "stampede")
    assert (found.outcome, found.figure, found.interval) == (Outcome.INCONCLUSIVE, 20, (0, 20))
    assert "0 at one are certain" in found.reason
    assert "X-Read-From" in found.reason
    some = judged(recording(write(1, 0, 1), *silent, *expiry(5, 3, 0)), "stampede")
    assert some.outcome is Outcome.FAIL and "; 3 at one are certain" in some.reason
    few = judged(recording(write(1, 0, 1), *silent[:2], *expiry(2, 0, 1)), "stampede")
    assert few.outcome is Outcome.PASS and "certain" not in few.reason


@pytest.mark.parametrize(("change_s", "expiries"), [(1.6, 1), (1.9, 0), (2.3, 0), (2.55, 0), (2.7, 1)])
def test_a_change_until_the_last_load_is_answered_may_have_made_it_necessary(change_s: float, expiries: int) -> None:
    """Loaded from 2 s to 2.1 s and from 2.01 s to 2.5 s; changed for a twentieth of a second."""
    loads = (miss(1, 2, 2.1), miss(1, 2.01, 2.5))
    change = invalidate(change_s, change_s + 0.2 if change_s < 2 else change_s + 0.05)
    exact = history_of(recording(write(1, 0, 1), *loads, change))
    assert len(stampede.cache_use(exact).expiries) == (1 if change_s == 2.55 else expiries)
    at_its_end = history_of(recording(write(1, 0, 1), *loads, invalidate(2.5, 2.6)))
    assert len(stampede.cache_use(at_its_end).expiries) == 1
    # Two clocks that are 0.05 s apart at most, at both ends: what is within twice that is not known to be apart.
    nodes = {"a": (0.025, [write(1, 0, 1), *loads]), "b": (0.025, [change])}
    assert len(stampede.cache_use(history_of(recording(nodes=nodes))).expiries) == expiries


def test_who_begins_when_the_first_load_is_answered_did_not_wait_for_it() -> None:
    use = stampede.cache_use(history_of(recording(write(1, 0, 1), *expiry(2, 1, 0), miss(1, 2.1, 2.2))))
    assert [(e.loads, e.waiting) for e in use.expiries] == [(1, 1), (1, 1)]


def test_as_many_hits_as_misses_are_a_ratio_of_a_half() -> None:
    found = judged(recording(write(1, 0, 1), hit(1, 2, 3), miss(1, 2, 3), read(1, 2, 3, cache="bypass")), "hit_ratio")
    assert found.figure == 0.5
    assert found.evidence == {"hits": 1, "misses": 1, "past the cache": 1, "loads": 1}


@pytest.mark.parametrize(
    ("hits", "outcome"),
    [(39, Outcome.FAIL), (40, Outcome.INCONCLUSIVE), (60, Outcome.INCONCLUSIVE), (61, Outcome.PASS)],
)
def test_a_hit_ratio_is_judged_by_its_interval(hits: int, outcome: Outcome) -> None:
    """Of 100 reads: 39 hits are at most 49.3 %, 40 at most 50.3 %, 60 at least 49.7 % and 61 at least 50.7 %."""
    reads = [hit(1, 2, 3)] * hits + [miss(1, 2, 3)] * (100 - hits)
    found = judged(recording(write(1, 0, 1), *reads), "hit_ratio")
    assert (found.outcome, found.figure) == (outcome, hits / 100)
    assert ("more reads, or a longer run, would settle it" in found.reason) is (outcome is Outcome.INCONCLUSIVE)


def test_reads_that_miss_together_say_less_of_others_than_as_many_that_miss_by_chance() -> None:
    """10 % miss: two of each 20 in a second, or all of every tenth, as where a cache is emptied again and again."""

    def found(misses: Callable[[int, int], bool], **limit: float) -> Finding:
        reads = [
            (miss if misses(t, n) else hit)(1, 1 + t + n / 25, 1.01 + t + n / 25) for t in range(60) for n in range(20)
        ]
        return judged(recording(write(1, 0, 1), *reads), "hit_ratio", **limit)

    apart, together = found(lambda _, n: n < 2), found(lambda t, _: t % 10 == 9)
    assert apart.figure == together.figure == 0.9
    assert apart.interval == (pytest.approx(0.8816, abs=1e-3), pytest.approx(0.9164, abs=1e-3))
    assert together.interval is not None and together.interval[0] < 0.82 and together.interval[1] > 0.95
    assert found(lambda _, n: n < 2, lower_limit=0.85).outcome is Outcome.PASS
    assert found(lambda t, _: t % 10 == 9, lower_limit=0.85).outcome is Outcome.INCONCLUSIVE
    once = found(lambda t, _: t < 6, lower_limit=0.85)
    assert once.outcome is Outcome.PASS and "of these requests only: nearly all misses came within 6 s" in once.reason


def test_an_item_that_changes_meanwhile_may_be_loaded_again() -> None:
    """Each removal makes another load necessary: such an expiry is no evidence."""
    for change in (write(2, 2.02, 2.03), invalidate(2.02, 2.03)):
        use = stampede.cache_use(history_of(recording(write(1, 0, 1), *expiry(2, 3, 0), change)))
        assert (use.expiries, use.loads) == ((), 3)


def test_what_is_not_there_is_not_kept() -> None:
    """A service that does not cache "no such item" loads it again each time: no stampede."""
    nothing = [miss(None, 2 + n / 20, 2.2 + n / 20) for n in range(8)]
    use = stampede.cache_use(history_of(recording(*nothing, write(1, 9, 10))))
    assert (use.expiries, use.loads) == ((), 8)


def test_the_hit_ratio_leaves_out_what_went_past_the_cache() -> None:
    run = recording(
        *(write(1, 0, 1), *(hit(1, 2, 3) for _ in range(90)), *(miss(1, 2, 3) for _ in range(10))),
        *(read(1, 2, 3, cache="bypass", source="primary") for _ in range(500)),
    )
    found = judged(run, "hit_ratio")
    assert (found.outcome, found.figure) == (Outcome.PASS, 0.9)
    assert found.limit == 0.5
    assert found.interval == (pytest.approx(0.824, abs=1e-3), pytest.approx(0.951, abs=1e-3)), "Clopper and Pearson's"
    assert judged(run, "hit_ratio", lower_limit=0.85).outcome is Outcome.INCONCLUSIVE
    assert judged(run, "hit_ratio", lower_limit=0.98).outcome is Outcome.FAIL


# Fail open


def outage(begin_s: float, end_s: float | None) -> tuple[FaultMark, ...]:
    begun = FaultMark(begin_s, "stop_process", INJECTED)
    return (begun,) if end_s is None else (begun, FaultMark(end_s, "stop_process", UNDONE))


def past(begin_s: float) -> Operation:
    return read(1, begin_s, begin_s + 0.01, cache="bypass", source="primary")


def test_reads_are_counted_while_the_cache_is_away_and_no_longer() -> None:
    reads = [past(30 + n / 100) for n in range(500)]
    failing = [read(None, 25, None), *(read(None, 36 + n / 100, None) for n in range(50))]
    run = recording(write(1, 0, 1), *reads, *failing, faults=outage(30, 35))
    found = judged(run, "fail_open")
    assert (found.outcome, found.figure, found.evidence["bypass"]) == (Outcome.PASS, 0, 500)
    open_end = judged(replace(run, marks=outage(30, None)), "fail_open")
    assert open_end.figure == pytest.approx(50 / 550)


def test_all_reads_failing_is_a_failure_and_all_hitting_proves_nothing() -> None:
    failing = recording(*(read(None, 30 + n / 100, None) for n in range(100)), faults=outage(30, 35))
    found = judged(failing, "fail_open")
    assert (found.outcome, found.figure) == (Outcome.FAIL, 1)
    hits = recording(write(1, 0, 1), *(hit(1, 30 + n / 100, 30.1) for n in range(100)), faults=outage(30, 35))
    assert judged(hits, "fail_open").outcome is Outcome.INCONCLUSIVE


def test_a_service_that_lets_a_few_past_at_any_time_does_not_show_that_the_cache_was_away() -> None:
    def reads(begin_s: float) -> list[Operation]:
        return [past(begin_s + n / 100) if n % 20 == 0 else hit(1, begin_s + n / 100, 60) for n in range(500)]

    run = recording(write(1, 0, 1), *reads(20), *reads(30), faults=outage(30, 60))
    assert judged(run, "fail_open").outcome is Outcome.INCONCLUSIVE
    away = recording(write(1, 0, 1), *reads(20), *(past(30 + n / 100) for n in range(500)), faults=outage(30, 60))
    assert judged(away, "fail_open").outcome is Outcome.PASS


@pytest.mark.parametrize(("before", "outcome"), [(5, Outcome.INCONCLUSIVE), (4, Outcome.PASS)])
def test_five_that_went_past_the_cache_before_show_how_many_do_at_any_time(before: int, outcome: Outcome) -> None:
    """Of 100, and 5 % of 500 while the cache is away; fewer may be chance."""

    def reads(begin_s: float, count: int, past_it: int) -> list[Operation]:
        at = [begin_s + n / 100 for n in range(count)]
        return [past(t) if n < past_it else hit(1, t, t + 0.01) for n, t in enumerate(at)]

    run = recording(write(1, 0, 1), *reads(20, 100, before), *reads(30, 500, 25), faults=outage(30, 60))
    assert judged(run, "fail_open").outcome is outcome


@pytest.mark.parametrize(("via", "title"), [("*", "stale reads"), ("service", "stale reads, by way of service")])
def test_by_which_way_was_read_is_told_where_it_is_not_any(via: str, title: str) -> None:
    assert judged(recording(*ONE_THEN_TWO, hit(2, 3.1, 4)), "stale_reads", via=via).title == title


@pytest.mark.parametrize("cache", ["bypass", "hit"])
def test_a_service_that_hangs_until_the_cache_is_back_does_not_fail_open(cache: str) -> None:
    """Good answers all, but none while the cache was away. Those that just began to wait do not save it."""
    hanging = [read(1, 12 + n / 100, 20.1, cache=cache) for n in range(99)]
    run = recording(write(1, 0, 1), *hanging, read(1, 19.5, 20.1, cache="hit"), faults=outage(12, 20))
    found = judged(run, "fail_open")
    assert (found.outcome, found.figure, found.evidence["answered too late"]) == (Outcome.FAIL, 1, 99)
    assert judged(run, "fail_open", limit=1.0).outcome is Outcome.PASS


def test_a_read_that_ends_in_time_after_the_outage_is_left_out() -> None:
    """It began shortly before the end: neither a failure, nor an answer without the cache."""
    reads = [past(12 + n / 100) for n in range(99)]
    run = recording(write(1, 0, 1), *reads, read(1, 19.995, 20.005, cache="hit"), faults=outage(12, 20))
    found = judged(run, "fail_open")
    assert (found.outcome, found.evidence["reads"], found.evidence["failed"]) == (Outcome.PASS, 99, 0)
    slow = recording(write(1, 0, 1), *reads, read(1, 13, 14.5, cache="bypass"), faults=outage(12, 20))
    assert judged(slow, "fail_open").evidence["failed"] == 0
    assert judged(slow, "fail_open", answer_within_s=1.0).evidence["failed"] == 1


@pytest.mark.parametrize("marks", [(), (FaultMark(30, "stop_process", FAILED),), outage(50, 55)])
def test_without_an_outage_that_was_read_in_there_is_nothing_to_judge(marks: tuple[FaultMark, ...]) -> None:
    run = recording(write(1, 0, 1), past(30), faults=marks)
    assert judged(run, "fail_open").outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("events", "outages"),
    [
        ([(10, INJECTED), (12, INJECTED), (20, UNDONE)], "from 10 s to 20 s"),
        ([(5, UNDONE), (10, INJECTED), (20, UNDONE), (21, UNDONE)], "from 10 s to 20 s"),
        ([(10, INJECTED), (15, FAILED), (20, UNDONE)], "from 10 s to 20 s"),
    ],
)
def test_an_outage_begins_with_the_first_of_its_injections(events: list[tuple[float, str]], outages: str) -> None:
    marks = tuple(FaultMark(t, "cache_down", event) for t, event in events)
    run = replace(recording(*map(past, range(9, 23))), marks=marks)
    found = judged(run, "fail_open", fault="cache_down")
    assert f"no good answer within 2 s {outages}," in found.reason and found.evidence["reads"] == 10


def test_without_a_fault_the_scenario_says_how_to_plan_one() -> None:
    run = recording(write(1, 0, 1), past(30))
    assert judged(run, "fail_open", remedy="plan one").reason.endswith("never away: plan one")
    assert judged(run, "fail_open").reason.endswith("so the cache was never away")


def test_late_answers_and_answers_in_time_are_told_apart() -> None:
    reads = [past(30 + n / 100) for n in range(50)]
    late = [read(1, 31 + n / 100, 34, cache="bypass") for n in range(10)]
    never = [read(None, 32 + n / 100, None) for n in range(5)]
    evidence = judged(recording(write(1, 0, 1), *reads, *late, *never, faults=outage(30, 35)), "fail_open").evidence
    assert (evidence["reads"], evidence["failed"], evidence["answered too late"]) == (65, 15, 10)
    assert evidence["bypass"] == 50


def test_an_outage_lasts_from_its_own_injection_to_its_own_end() -> None:
    """What another fault does, or what ended without a beginning, is none; what begins as it ends is not in it."""
    other = FaultMark(20, "tcp_proxy", INJECTED), FaultMark(22, "stop_process", UNDONE)
    reads = [past(30 + n / 100) for n in range(100)]
    run = recording(write(1, 0, 1), past(21), *reads, past(35), faults=(*other, *outage(30, 35)))
    assert judged(run, "fail_open").evidence["reads"] == 100
    # Of a run that was killed the end is not known.
    killed = replace(run, marks=outage(30, None), end=None)
    assert judged(killed, "fail_open").evidence["reads"] == 101
    twice = replace(run, marks=(*outage(30, 30.255), *outage(30.505, 35)))
    assert judged(twice, "fail_open").evidence["reads"] == 25 + 49
    assert "from 30 s to 30.3 s and from 30.5 s to 35 s" in judged(twice, "fail_open").reason


def test_more_reads_would_settle_what_is_too_few() -> None:
    """None of 20 failed: by Clopper and Pearson up to 16.8 %."""
    few = judged(recording(write(1, 0, 1), *(past(30 + n / 10) for n in range(20)), faults=outage(30, 35)), "fail_open")
    assert (few.outcome, few.figure, few.interval) == (Outcome.INCONCLUSIVE, 0, (0, pytest.approx(0.168, abs=1e-3)))
    assert "limit 5 %; more reads in that time, or a longer one, would settle it (of these" in few.reason
    many = recording(write(1, 0, 1), *(past(30 + n / 100) for n in range(200)), faults=outage(30, 35))
    assert "limit 5 % (of these requests only: 2 s with requests are too few" in judged(many, "fail_open").reason


def test_reads_that_fail_together_leave_more_open_than_as_many_that_fail_by_chance() -> None:
    """4 % of 2,000 in 40 s: two of each second, or four in ten of every tenth."""
    found = {}
    for how, fails in (("apart", lambda _, n: n % 25 == 0), ("together", lambda t, n: t % 10 == 5 and n % 5 < 2)):
        reads = [
            read(1, 30 + t + n / 50, None) if fails(t, n) else past(30 + t + n / 50)
            for t in range(40)
            for n in range(50)
        ]
        found[how] = judged(recording(write(1, 0, 1), *reads, faults=outage(30, 70)), "fail_open", limit=0.06)
    apart, together = found["apart"], found["together"]
    assert (apart.outcome, together.outcome) == (Outcome.PASS, Outcome.INCONCLUSIVE)
    assert apart.interval is not None and together.interval is not None
    assert apart.interval[1] < 0.055 and together.interval[1] > 0.08


# What all of them have in common

ALL = ("stale_reads", "monotonic_reads", "read_your_writes", "lost_invalidations", "linearizability", "stampede")


@pytest.mark.parametrize("criterion", [*ALL, "hit_ratio", "fail_open"])
def test_no_evidence_no_pass(criterion: str) -> None:
    """No operations, only another way, only failed reads, a version written twice: INCONCLUSIVE, with the reason."""
    away = recording(*linearizable(100))
    only_failed = recording(write(1, 0, 1), read(None, 2, None))
    twice = recording(write(1, 0, 1), write(1, 2, 3), read(1, 4, 5))
    for run, via in ((recording(), "*"), (away, "nowhere"), (only_failed, "*"), (twice, "*")):
        found = judged(run, criterion, via=via)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert found.reason


@pytest.mark.parametrize("criterion", ["stale_reads", "monotonic_reads", "read_your_writes", "linearizability"])
def test_a_register_passes(criterion: str) -> None:
    found = judged(recording(*linearizable(3000)), criterion)
    assert (found.outcome, found.figure, found.interval) == (Outcome.PASS, 0, (0, 0))


@pytest.mark.parametrize("criterion", ["stale_reads", "monotonic_reads", "read_your_writes"])
def test_where_nothing_is_written_nothing_is_proven(criterion: str) -> None:
    run = recording(*(read(None, n, n + 1) for n in range(10)))
    assert judged(run, criterion).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("criterion", ["stale_reads", "monotonic_reads", "read_your_writes", "linearizability"])
def test_a_service_that_stores_nothing_does_not_pass(criterion: str) -> None:
    """No write has a good answer, and every read finds nothing: there is not one pair to compare."""
    writes = (write(n, n, None, session="s") for n in range(1, 20))
    found = judged(recording(*writes, *(read(None, n + 0.5, n + 0.6) for n in range(1, 20))), criterion)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "none of 19 reads could have" in found.reason


@pytest.mark.parametrize(
    ("criterion", "operations", "settling"),
    [
        ("stale_reads", (read(None, 0, 1), write(1, 2, 3), read(1, 2.5, 4)), read(1, 4, 5)),
        ("linearizability", (read(None, 0, 1), write(1, 2, 4), read(1, 2.5, 4)), read(1, 4.5, 5)),
        ("read_your_writes", (*ONE_THEN_TWO, read(2, 4, 5)), read(2, 4, 5, session="w")),
        ("monotonic_reads", (*ONE_THEN_TWO, read(2, 4, 5), read(2, 4, 5, session="other")), read(2, 6, 7)),
    ],
)
def test_reads_that_could_not_have_shown_it_prove_nothing(
    criterion: str, operations: tuple[Operation, ...], settling: Operation
) -> None:
    """One read more, of the kind that the reason asks for, makes it a PASS."""
    found = judged(recording(*operations), criterion)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "could have" in found.reason
    assert judged(recording(*operations, settling), criterion).outcome is Outcome.PASS


def test_a_first_write_within_the_accepted_age_proves_nothing() -> None:
    run = recording(*ONE_THEN_TWO, read(2, 4, 5))
    assert judged(run, "stale_reads", age_limit_s=5.0).outcome is Outcome.INCONCLUSIVE
    assert judged(run, "stale_reads", age_limit_s=2.0).outcome is Outcome.PASS


@pytest.mark.parametrize(("at_s", "expiries"), [(1.1, 0), (1.39, 0), (1.41, 1)])
def test_what_may_have_been_loaded_because_of_a_write_is_no_expiry(at_s: float, expiries: int) -> None:
    """The two nodes' clocks may be off by 0.2 s against each other, at both ends."""
    reads = expiry(at_s, 1, 4)
    run = recording(nodes={"a": (0.1, [write(1, 0.5, 1)]), "b": (0.1, reads)})
    assert len(stampede.cache_use(history_of(run)).expiries) == expiries


def test_to_a_microsecond_it_is_told_how_well_the_order_is_known() -> None:
    nodes = {"a": (0.0001, [write(1, 0, 1)]), "b": (0.0012345678, [read(1, 2, 3)])}
    found = judged(recording(nodes=nodes), "stale_reads")
    assert found.evidence["order known between nodes from (ms)"] == 1.335
