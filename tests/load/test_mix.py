"""Users of several classes are dealt out so that each keeps its share, at every moment and on every node."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.active import ActiveUsers
from harness.load.arrivals import Arrivals
from harness.load.clock import Clock
from harness.load.mix import Queues, counts_of_beginnings, interleaved, rotated
from harness.load.pacing import Slot

EXACT = Clock(exact=True)


def blocks(**users: int) -> dict[str, str]:
    """As Locust spawns them: class by class."""
    return {f"{kind}{number}": kind for kind, count in users.items() for number in range(count)}


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_every_beginning_has_each_class_by_its_share(counts: list[int]) -> None:
    users = blocks(**{chr(97 + number): count for number, count in enumerate(counts)})
    order = interleaved(users)
    assert sorted(order) == sorted(users)
    for first, seen in enumerate(counts_of_beginnings(users[user] for user in order)):
        for kind, total in Counter(users.values()).items():
            assert abs(seen[kind] - first * total / len(users)) <= len(counts) / 2


def test_one_class_stays_in_its_order() -> None:
    assert interleaved(blocks(a=5)) == list(blocks(a=5))


def test_nodes_begin_at_different_places() -> None:
    order = ["a", "b", "a", "b"]
    assert [rotated(order, share, 4)[0] for share in range(4)] == order
    assert rotated([], 1, 2) == []


def parked(pacer: Arrivals, kind: str) -> Slot:
    slot = Slot()
    slot.kind = kind
    pacer.park(slot)
    return slot


def test_arrivals_go_to_each_class_by_its_share_whoever_is_back_first() -> None:
    """Users of one class are back at once, those of the other never: it must not get the others' arrivals."""
    users = blocks(quick=30, slow=10)
    pacer = Arrivals(iter(()), 0.0, EXACT, [users[user] for user in interleaved(users)])
    slots = [parked(pacer, kind) for kind in users.values()]
    for _ in range(80):
        pacer._start(0.0)
        slots.append(parked(pacer, "quick"))
    started = Counter(slot.kind for slot in slots if slot.start is not None)
    assert started == {"quick": 60, "slow": 10}
    assert pacer.unserved() == {(0, "slow"): 10}, "the other half of the slow ones' arrivals waits for them"
    assert parked(pacer, "slow").start is not None


def test_active_users_keep_their_shares_up_and_down() -> None:
    users = blocks(quick=30, slow=10)
    kinds = [users[user] for user in interleaved(users)]
    pacer = ActiveUsers(iter([(0.0, 8), (0.0, 20), (0.0, 4)]), 0.0, EXACT, kinds)
    active: Counter[str] = Counter()

    def user(kind: str) -> None:
        while True:
            slot = Slot()
            slot.kind = kind
            pacer.park(slot)
            slot.woken.wait()
            active[kind] += 1
            gevent.sleep(0.001 if kind == "quick" else 0.004)
            active[kind] -= 1

    greenlets = [gevent.spawn(user, kind) for kind in users.values()]
    gevent.sleep(0)
    for level, expected in [(8, (6, 2)), (20, (15, 5)), (4, (3, 1))]:
        pacer._target = pacer._targets[level]
        pacer._fill(0.0, 0.0)
        with gevent.Timeout(5):
            while (pacer._active_of["quick"], pacer._active_of["slow"]) != expected:
                gevent.sleep(0.001)
    gevent.killall(greenlets)


def test_who_waits_is_served_in_turn_and_may_leave() -> None:
    queues: Queues[int] = Queues()
    for number in range(4):
        queues.add("a", number)
    queues.discard("a", 1)
    queues.discard("b", 7)
    assert [queues.take("a") for _ in range(4)] == [0, 2, 3, None]
    assert queues.take("b") is None


@pytest.mark.parametrize("shares", [1, 2, 3])
def test_the_cluster_keeps_the_shares_in_any_second(shares: int) -> None:
    users = blocks(a=60, b=30, c=10)
    kinds = [users[user] for user in interleaved(users)]
    nodes = [rotated(kinds, share, shares) * 3 for share in range(shares)]
    per_second = 30 // shares
    for second in range(8):
        seen: Counter[str] = Counter()
        for node in nodes:
            seen.update(islice(node, second * per_second, (second + 1) * per_second))
        for kind, share in (("a", 0.6), ("b", 0.3), ("c", 0.1)):
            assert abs(seen[kind] - share * seen.total()) <= 1 + shares
