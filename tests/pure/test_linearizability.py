"""Linearizability: the zones agree with trying every order, on every small history."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.criteria import _clocks as clocks
from harness.criteria.cache import _coherence as coherence
from harness.criteria.cache import _linearizability as linearizability
from harness.criteria.cache._invalidations import invalidations
from harness.criteria.cache._operations import history_of
from harness.recording import WRITE, Operation
from tests.histories import linearizable, read, recording, write


def by_every_order(operations: tuple[Operation, ...]) -> bool:
    """Whether some order of the operations respects time and gives every read the version written last. A write
    without an answer may be left out.
    """
    ended = [operation.return_s for operation in operations]

    @cache
    def possible(left: frozenset[int], present: int | None) -> bool:
        if all(operations[index].kind == WRITE and ended[index] is None for index in left):
            return True
        for index in left:
            operation = operations[index]
            if any((end := ended[other]) is not None and end < operation.invoke_s for other in left - {index}):
                continue  # another one was over before this one began
            if operation.kind == WRITE:
                if possible(left - {index}, operation.version):
                    return True
            elif operation.version == present and possible(left - {index}, present):
                return True
        return False

    return possible(frozenset(range(len(operations))), None)


def by_zones(operations: tuple[Operation, ...], cap: int = 1000) -> bool:
    return not linearizability.check(history_of(recording(*operations)), cap).violations


@st.composite
def small_histories(draw: st.DrawFn) -> tuple[Operation, ...]:
    """Up to four writes and four reads on a coarse grid of time, so that instants often coincide."""
    instants = st.integers(0, 12)
    lasts = st.integers(0, 8)
    made = []
    versions = draw(st.integers(0, 4))
    for version in range(1, versions + 1):
        begin = draw(instants)
        made.append(write(version, begin, None if draw(st.integers(0, 4)) == 0 else begin + draw(lasts)))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(instants)
        made.append(read(draw(st.sampled_from([None, *range(1, versions + 1)])), begin, begin + draw(lasts)))
    return tuple(made)


@given(small_histories())
def test_the_zones_agree_with_trying_every_order(operations: tuple[Operation, ...]) -> None:
    """Gibbons and Korach's conditions hold exactly when there is an order, also where instants coincide."""
    assert by_zones(operations) == by_every_order(operations)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 9), st.sampled_from([0.0, 0.3]))
def test_a_register_is_never_accused(seed: int, keys: int, sessions: int, lost_answers: float) -> None:
    """False alarms of everything that is judged from a history, on histories of a real register: none."""
    operations = linearizable(60, keys=keys, sessions=sessions, seed=seed, lost_answers=lost_answers)
    seen = history_of(recording(*operations))
    assert not linearizability.check(seen).violations
    assert not coherence.stale_reads(seen)
    assert not coherence.backward_reads(seen).back
    assert not coherence.own_writes_missed(seen).back
    assert not invalidations(seen).lost


@given(st.integers(0, 10_000), st.floats(0.0001, 0.02), st.data())
def test_clocks_that_are_wrong_within_their_bound_accuse_nobody(seed: int, error_s: float, data: st.DataObject) -> None:
    """Each of three nodes' clocks is off by any amount up to its bound: still no false alarm."""
    nodes: dict[str, tuple[float, list[Operation]]] = {f"worker-{n}": (error_s, []) for n in range(3)}
    offsets = {node: data.draw(st.floats(-error_s, error_s)) for node in nodes}
    for operation in linearizable(60, keys=2, sessions=9, seed=seed, lost_answers=0.1):
        node = f"worker-{int(operation.session[1:]) % 3}"
        off_s = offsets[node]
        end_s = None if operation.return_s is None else operation.return_s + off_s
        nodes[node][1].append(replace(operation, invoke_s=operation.invoke_s + off_s, return_s=end_s))
    seen = history_of(recording(nodes=nodes))
    assert not linearizability.check(seen).violations
    assert not coherence.stale_reads(seen)
    assert not coherence.backward_reads(seen).back
    assert not coherence.own_writes_missed(seen).back
    assert not invalidations(seen).lost


@st.composite
def histories_with_an_old_answer(draw: st.DrawFn) -> tuple[Operation, ...]:
    """Two sessions that do one thing after the other: one writes two to four versions, the other one reads now and
    then, and in the end one that had been replaced before.
    """
    gaps, lasts = st.integers(1, 4), st.integers(0, 4)
    made, t = [], 0
    versions = draw(st.integers(2, 4))
    for version in range(1, versions + 1):
        begin = t + draw(gaps)
        t = begin + draw(lasts)
        made.append(write(version, begin, t))
    read_s = 0
    for _ in range(draw(st.integers(0, 3))):
        begin = read_s + draw(gaps)
        read_s = begin + draw(lasts)
        made.append(read(draw(st.sampled_from([None, *range(1, versions + 1)])), begin, read_s))
    begin = max(t, read_s) + draw(gaps)
    old = draw(st.sampled_from([None, *range(1, versions)]))
    made.append(read(old, begin, begin + draw(lasts), source="cache", cache="hit"))
    return tuple(made)


@given(histories_with_an_old_answer(), st.booleans())
def test_an_accused_history_is_not_linearizable(operations: tuple[Operation, ...], alone: bool) -> None:
    """A stale read, one that goes back, one that misses its own write and a lost invalidation each prove that there is
    no order: every example has a stale read, and with one session that does all of it, a write that it missed.
    """
    one = tuple(replace(operation, session="s" if alone else operation.session) for operation in operations)
    seen = history_of(recording(*one))
    assert coherence.stale_reads(seen)
    assert not alone or coherence.own_writes_missed(seen).back
    assert invalidations(seen).lost
    assert not by_every_order(one)
    assert not by_zones(one)


@given(small_histories())
def test_what_overlaps_is_accused_only_where_there_is_no_order(operations: tuple[Operation, ...]) -> None:
    alone = tuple(replace(operation, session=str(number)) for number, operation in enumerate(operations))
    seen = history_of(recording(*alone))
    if coherence.stale_reads(seen) or invalidations(seen).lost:
        assert not by_every_order(alone)


def test_beyond_the_cap_reads_are_left_out_and_said() -> None:
    """The violation among them is not found; every write is still there."""
    operations = (write(1, 0, 1), write(2, 2, 3), *(read(2, 4 + n, 5 + n) for n in range(10)), read(1, 20, 21))
    assert not by_zones(operations)
    checked = linearizability.check(history_of(recording(*operations)), cap=10)
    assert (checked.violations, checked.operations, checked.left_out) == ((), 12, 1)


def test_a_long_history_without_a_violation_is_accused_of_none() -> None:
    """By nobody, on 20 keys and on a single one."""
    for keys in (20, 1):
        seen = history_of(recording(*linearizable(20_000, keys=keys)))
        assert not linearizability.check(seen).violations
        assert not coherence.stale_reads(seen)
        assert not coherence.backward_reads(seen).back
        assert not coherence.own_writes_missed(seen).back
        assert not invalidations(seen).lost


def test_of_several_violations_of_an_item_the_earliest_is_told() -> None:
    """Version 1 is read at 4 s after version 2 was there, and version 2 at 8 s after version 3 was."""
    operations = (write(1, 0, 1), write(2, 2, 3), read(1, 4, 5), write(3, 6, 7), read(2, 8, 9))
    (found,) = linearizability.check(history_of(recording(*operations))).violations
    assert found.at_s == 4
    assert found.reason == "version 1 was read again after version 2 was there"


@pytest.mark.parametrize(("begin_s", "compared"), [(1.3, 0), (1.5, 1)])
def test_what_was_certainly_there_is_so_whatever_the_clocks_say(begin_s: float, compared: int) -> None:
    """A write that returned at 1 s ± 0.1, and a read elsewhere, ± 0.3."""
    nodes = {"a": (0.1, [write(1, 0, 1)]), "b": (0.3, [read(1, begin_s, 2)])}
    assert linearizability.check(history_of(recording(nodes=nodes))).compared == compared


def test_on_one_node_the_order_is_exact() -> None:
    nodes = {"a": (0.3, [write(1, 0, 1), read(1, 1.01, 2)])}
    seen = history_of(recording(nodes=nodes))
    assert linearizability.check(seen).compared == 1
    assert seen.resolution_s == 0


def test_between_nodes_the_two_worst_clocks_tell_what_can_be_seen() -> None:
    errors = {"a": 0.1, "b": 0.3, "c": 0.2}
    seen = history_of(recording(nodes={name: (error_s, [read(None, 0, 1)]) for name, error_s in errors.items()}))
    assert seen.resolution_s == pytest.approx(0.5)
    assert seen.apart_s("a", "b") == pytest.approx(0.4)
    assert seen.apart_s("b", "b") == 0


def test_instants_of_any_two_nodes_are_in_order_when_the_two_worst_clocks_say_so() -> None:
    assert clocks.apart_s({}) == clocks.apart_s({"a": 0.3}) == 0
    assert clocks.apart_s({"a": 0.3, "b": 0.1}) == pytest.approx(0.4)
    assert clocks.apart_s({"a": 0.3, "b": 0.1, "c": 0.2}) == pytest.approx(0.5)


@pytest.mark.parametrize(("second_s", "accused"), [(2.99, [(1, 2)]), (3.0, []), (3.01, [])])
def test_zones_that_touch_have_an_order(second_s: float, accused: list[tuple[int, int]]) -> None:
    """The first version was there from 1 s to 3 s at least, the second one until 5 s."""
    zones = [linearizability._Zone(1, 1.0, 3.0), linearizability._Zone(2, second_s, 5.0)]
    told = [f"version {old} was read again after version {new} was there" for old, new in accused]
    for each in (zones, zones[::-1]):
        assert [found.reason for found in linearizability._conflicts("k", each)] == told


@pytest.mark.parametrize(
    ("from_s", "until_s", "is_accused"), [(2.0, 1.5, True), (1.0, 1.0, False), (3.0, 3.0, False), (2.0, 2.0, True)]
)
def test_a_version_that_came_and_went_inside_of_another_is_accused(
    from_s: float, until_s: float, is_accused: bool
) -> None:
    """One that was there before 1 s and after 3 s leaves no room between for another."""
    zones = [linearizability._Zone(1, 1.0, 3.0), linearizability._Zone(2, from_s, until_s)]
    found = list(linearizability._conflicts("k", zones))
    assert bool(found) is is_accused
    assert not found or found[0].reason == "version 2 came and went while version 1 was there before and after"
