"""Pacers and the node, with real greenlets and wires that only take notes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence

import gevent
import pytest
from gevent.monkey import get_original

from harness.load import sends_at_once
from harness.load.arrivals import Arrivals
from harness.load.clock import Clock
from harness.load.gate import Gate, Release
from harness.load.node import Node
from harness.load.pacing import Slot, Start
from harness.load.run_plan import Plan
from harness.load.schedule import due_times
from harness.recording.marks import GateMark
from harness.recording.values import INTERRUPTED, UNFINISHED, UNSERVED
from shapes._profile import Herd, Polyline

EXACT = Clock(exact=True)
thread_id = get_original("_thread", "get_ident")
stall = get_original("time", "sleep")
"""Holds up the whole event loop; ``time.sleep`` itself lets others go on, because Locust patches it."""


class NotedWire:
    """Stands in for a connection: takes notes of when it was written to."""

    def __init__(self, dead: bool = False) -> None:
        self.dead = dead
        self.sent_s: list[float] = []

    def begin(self) -> int:
        if self.dead:
            raise BrokenPipeError
        self.sent_s.append(time.monotonic())
        return 1

    def note_begun(self, outcome: int | None) -> bool:
        return outcome is not None

    def continue_request(self) -> None:
        pass

    def is_alive(self) -> bool:
        return not self.dead


class GateUsers:
    """Users that come back to the gate after every herd, with a wire of their own each."""

    def __init__(self, gate: Gate, count: int) -> None:
        self.wires = [NotedWire() for _ in range(count)]
        self.starts: list[Start] = []
        self._gate = gate
        self.greenlets = [gevent.spawn(self._user, wire) for wire in self.wires]

    def _user(self, wire: NotedWire) -> None:
        while True:
            slot = Slot(wire)
            self._gate.park(slot)
            slot.woken.wait()
            if slot.start is not None:
                self.starts.append(slot.start)
            wire.dead = False


@pytest.fixture
def marks() -> list[GateMark]:
    return []


@pytest.fixture
def ended() -> Iterator[list[gevent.Greenlet[..., None]]]:
    """Greenlets that are killed at the end of the test."""
    greenlets: list[gevent.Greenlet[..., None]] = []
    yield greenlets
    gevent.killall(greenlets)


def test_the_gate_is_armed_again_and_releases_a_second_herd(
    marks: list[GateMark], ended: list[gevent.Greenlet[..., None]]
) -> None:
    origin_s = time.monotonic() + 0.4
    herds = (Herd("first", 0.0, 30), Herd("second", 0.5, 30))
    gate = Gate(herds, {"": 30}, origin_s, EXACT, marks.append)
    users = GateUsers(gate, 30)
    ended += users.greenlets
    assert gate.has_starts_left("")
    gevent.spawn(gate.run).get(timeout=5)
    gevent.sleep(0)
    assert [(mark.gate, mark.t, mark.planned, len(mark.sent_us)) for mark in marks] == [
        ("first", 0.0, 30, 30),
        ("second", 0.5, 30, 30),
    ]
    assert all(len(wire.sent_s) == 2 for wire in users.wires)
    assert all(wire.sent_s[0] >= origin_s and wire.sent_s[1] >= origin_s + 0.5 for wire in users.wires)
    assert min(min(mark.sent_us) for mark in marks) >= 0, "never before the instant"
    assert sorted(start.t for start in users.starts) == [0.0] * 30 + [0.5] * 30
    assert not gate.has_starts_left("")


def test_a_user_with_a_dead_connection_is_sent_back_for_a_fresh_one_before_the_instant(
    marks: list[GateMark], ended: list[gevent.Greenlet[..., None]]
) -> None:
    gate = Gate((Herd("herd", 0.0, 5),), {"": 5}, time.monotonic() + 1.5, EXACT, marks.append)
    users = GateUsers(gate, 5)
    ended += users.greenlets
    gevent.sleep(0)
    users.wires[2].dead = True
    gevent.spawn(gate.run).get(timeout=5)
    assert len(marks[0].sent_us) == 5
    assert len(users.wires[2].sent_s) == 1


def test_a_user_whose_connection_dies_at_the_last_moment_is_woken_and_not_counted_as_sent(
    marks: list[GateMark], ended: list[gevent.Greenlet[..., None]]
) -> None:
    gate = Gate((Herd("herd", 0.0, 3),), {"": 3}, time.monotonic() + 0.2, EXACT, marks.append)
    users = GateUsers(gate, 3)
    ended += users.greenlets
    gevent.sleep(0)
    users.wires[0].dead = True
    gevent.spawn(gate.run).get(timeout=5)
    gevent.sleep(0)
    assert len(users.starts) == 3
    assert sum(start.sent_s is None for start in users.starts) == 1
    assert not marks, "it may still send for itself"
    gate.report_release()
    assert len(marks[0].sent_us) == 2 and marks[0].planned == 3


@pytest.mark.parametrize("cores", [1, 2])
def test_a_herd_is_sent_by_two_threads_where_there_are_cores_for_both(
    cores: int, marks: list[GateMark], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of which waits in its first send until the other one is there, too."""
    monkeypatch.setattr(sends_at_once, "usable_cores", lambda: cores)
    threads: set[int] = set()
    deadline_s = time.monotonic() + 60

    class Awaiting(NotedWire):
        def begin(self) -> int:
            threads.add(thread_id())
            while len(threads) < cores and time.monotonic() < deadline_s:
                stall(0.001)
            return super().begin()

    gate = Gate((Herd("herd", 0.0, 30),), {"": 30}, time.monotonic() + 0.2, EXACT, marks.append)
    wires = [Awaiting() for _ in range(30)]
    slots = [Slot(wire) for wire in wires]
    for slot in slots:
        gate.park(slot)
    gate.run()
    assert len(threads) == cores and thread_id() in threads
    assert [len(wire.sent_s) for wire in wires] == [1] * 30
    assert all(slot.start is not None and slot.start.sent_s is not None and slot.woken.is_set() for slot in slots)
    assert len(marks[0].sent_us) == 30


def test_where_the_system_gives_no_thread_one_sends_the_herd(
    marks: list[GateMark], ended: list[gevent.Greenlet[..., None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sends_at_once, "usable_cores", lambda: 2)
    monkeypatch.setattr(sends_at_once, "_start_thread", refuse)
    gate = Gate((Herd("herd", 0.0, 5),), {"": 5}, time.monotonic() + 0.2, EXACT, marks.append)
    ended += GateUsers(gate, 5).greenlets
    gevent.spawn(gate.run).get(timeout=5)
    assert len(marks[0].sent_us) == 5


SLOW_SENDS, SEND_S = 60, 0.005


class SlowWire(NotedWire):
    """As of a connection that is opened: so many take so long that others wait for a turn of the event loop."""

    def begin(self) -> int:
        stall(SEND_S)
        return super().begin()


class SlowToContinue(NotedWire):
    """As of a connection that can take the request by now."""

    def continue_request(self) -> None:
        stall(SEND_S)


def slow_herd(gate: Gate) -> list[Slot]:
    slots = [Slot(SlowWire()) for _ in range(SLOW_SENDS)]
    for slot in slots:
        gate.park(slot)
    return slots


@pytest.mark.parametrize("cores", [1, 2])
def test_the_event_loop_has_turns_while_thousands_are_sent(
    cores: int, marks: list[GateMark], ended: list[gevent.Greenlet[..., None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sends_at_once, "usable_cores", lambda: cores)
    monkeypatch.setattr(sends_at_once, "LONGEST_RELEASE_S", 10 * SEND_S)
    gate = Gate((Herd("herd", 0.0, SLOW_SENDS),), {"": SLOW_SENDS}, time.monotonic() + 0.2, EXACT, marks.append)
    slots = slow_herd(gate)
    seen: list[tuple[int, bool]] = []

    def watch() -> None:
        while True:
            sent = sum(len(slot.connection.sent_s) for slot in slots if isinstance(slot.connection, SlowWire))
            seen.append((sent, gate.is_about_to_release))
            gevent.sleep(0.001)

    ended.append(gevent.spawn(watch))
    gate.run()
    under_way = [stays for sent, stays in seen if 0 < sent < SLOW_SENDS]
    assert len(under_way) >= 2, "timers fire in the middle of it"
    assert all(under_way), "who is in the gate stays there, whatever it would have to renew"
    assert not gate.has_starts_left("")
    assert len(marks[0].sent_us) == SLOW_SENDS
    assert all(slot.start is not None and slot.woken.is_set() for slot in slots)


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="the system has no such classes")
@pytest.mark.parametrize("wire", [SlowWire, SlowToContinue])
def test_only_the_release_is_in_the_real_time_class(
    wire: type[NotedWire],
    marks: list[GateMark],
    ended: list[gevent.Greenlet[..., None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And no greenlet that has a turn in it: what it starts would be in that class for good."""
    monkeypatch.setattr(sends_at_once, "usable_cores", lambda: 1)
    monkeypatch.setattr(sends_at_once, "LONGEST_RELEASE_S", 10 * SEND_S)
    policies = [os.SCHED_OTHER]
    monkeypatch.setattr(os, "sched_getscheduler", lambda _: policies[-1])
    monkeypatch.setattr(os, "sched_setscheduler", lambda _, policy, __: policies.append(policy))
    of_sends: set[int] = set()

    class Noting(wire):  # type: ignore[misc, valid-type]
        def begin(self) -> int:
            of_sends.add(policies[-1])
            return super().begin()  # type: ignore[no-any-return]

        def continue_request(self) -> None:
            of_sends.add(policies[-1])
            super().continue_request()

    gate = Gate((Herd("herd", 0.0, SLOW_SENDS),), {"": SLOW_SENDS}, time.monotonic() + 0.2, EXACT, marks.append)
    for _ in range(SLOW_SENDS):
        gate.park(Slot(Noting()))
    of_others: list[tuple[bool, int]] = []

    def watch() -> None:
        while True:
            of_others.append((len(policies) > 1, policies[-1]))
            gevent.sleep(0.001)

    ended.append(gevent.spawn(watch))
    gate.run()
    assert of_sends == {os.SCHED_FIFO}
    under_way = [policy for has_begun, policy in of_others if has_begun]
    assert len(under_way) >= 2 and set(under_way) == {os.SCHED_OTHER}
    assert policies[-1] == os.SCHED_OTHER


def test_who_is_stopped_in_the_middle_of_a_release_is_not_counted_as_sent(
    marks: list[GateMark], ended: list[gevent.Greenlet[..., None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sends_at_once, "usable_cores", lambda: 1)
    monkeypatch.setattr(sends_at_once, "LONGEST_RELEASE_S", 10 * SEND_S)
    gate = Gate((Herd("herd", 0.0, SLOW_SENDS),), {"": SLOW_SENDS}, time.monotonic() + 0.2, EXACT, marks.append)
    slots = slow_herd(gate)

    def stop_last() -> None:
        gevent.sleep(0.2 + 2 * SEND_S)
        gate.remove(slots[-1])

    ended.append(gevent.spawn(stop_last))
    gate.run()
    gate.report_release()
    assert len(marks[0].sent_us) == SLOW_SENDS - 1
    assert slots[-1].start is None and not slots[-1].woken.is_set()


@pytest.mark.parametrize("wire", [SlowWire, SlowToContinue])
def test_a_release_that_is_stopped_in_the_middle_comes_to_its_end(
    wire: type[NotedWire], marks: list[GateMark], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else requests would be out that nobody waits for, and no account has."""
    monkeypatch.setattr(sends_at_once, "usable_cores", lambda: 2)
    monkeypatch.setattr(sends_at_once, "LONGEST_RELEASE_S", 10 * SEND_S)
    gate = Gate((Herd("herd", 0.0, SLOW_SENDS),), {"": SLOW_SENDS}, time.monotonic() + 0.2, EXACT, marks.append)
    wires = [wire() for _ in range(SLOW_SENDS)]
    slots = [Slot(each) for each in wires]
    for slot in slots:
        gate.park(slot)
    running = gevent.spawn(gate.run)
    gevent.sleep(0.2 + 2 * SEND_S)  # its first turn
    assert not running.dead
    running.kill()
    gate.report_release()
    assert [len(each.sent_s) for each in wires] == [1] * SLOW_SENDS
    assert all(slot.start is not None and slot.woken.is_set() for slot in slots)
    assert len(marks[0].sent_us) == SLOW_SENDS


def test_users_that_stay_away_are_missing_from_the_gates_mark(
    marks: list[GateMark], ended: list[gevent.Greenlet[..., None]]
) -> None:
    gate = Gate((Herd("herd", 0.0, 10),), {"": 10}, time.monotonic() + 0.2, EXACT, marks.append)
    ended += GateUsers(gate, 4).greenlets
    gevent.spawn(gate.run).get(timeout=5)
    gate.report_release()
    assert (marks[0].planned, len(marks[0].sent_us)) == (10, 4)


def arrivals(due: list[float], origin_s: float) -> Arrivals:
    return Arrivals(iter(due), origin_s, EXACT)


def taken(pacer: Arrivals) -> Start | None:
    """By a user that parks now."""
    slot = Slot()
    pacer.park(slot)
    return slot.start


def test_an_arrival_that_finds_nobody_waits_and_goes_to_the_next_who_comes() -> None:
    origin_s = time.monotonic()
    pacer = arrivals([0.0, 0.01, 0.02], origin_s)
    gevent.spawn(pacer.run).get(timeout=5)
    assert pacer.unserved() == {(0, ""): 3}
    first = taken(pacer)
    assert first is not None and first.t == 0.0 and first.intended_s == origin_s
    assert pacer.unserved() == {(0, ""): 2}
    assert [start.t if start else None for start in (taken(pacer), taken(pacer), taken(pacer))] == [0.01, 0.02, None]
    assert not pacer.unserved()


def test_users_are_taken_in_turn() -> None:
    pacer = arrivals([0.0, 0.01, 0.02], time.monotonic())
    slots = [Slot() for _ in range(4)]
    for slot in slots:
        pacer.park(slot)
    pacer.remove(slots[1])
    gevent.spawn(pacer.run).get(timeout=5)
    assert [slot.start.t if slot.start else None for slot in slots] == [0.0, None, 0.01, 0.02]


def test_a_pacer_that_is_stopped_while_it_lags_loses_none_that_was_due() -> None:
    """Asleep with one start in hand, or never given a turn: what was due before the stop is waiting, not gone."""
    pacer = arrivals([0.0, 0.3, 0.6, 0.9], time.monotonic())
    running = gevent.spawn(pacer.run)
    gevent.sleep(0.05)
    running.kill()
    pacer.stop(0.7)
    assert pacer.unserved() == {(0, ""): 3}
    assert [start.t if start else None for start in (taken(pacer) for _ in range(4))] == [0.0, 0.3, 0.6, None]


def plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "run": "r",
        "origin_s": time.monotonic(),
        "duration_s": 1,
        "pacing": "arrivals",
        "level": Polyline(((0, 20), (1, 20))),
        "seed": None,
        "herds": (),
        "background_users": 2,
        "paced": True,
        "drain_s": 0.2,
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


def user(node: Node, takes_s: float) -> None:
    """Parks, works, and comes back; each iteration is answered by one request."""
    while True:
        node.iterations.end()
        start = None
        while start is None:
            start = node.park(Slot())
        node.iterations.begin(start)
        sent_s = time.monotonic()
        gevent.sleep(takes_s)
        node.recorder.on_request("GET", "/", takes_s * 1000, 0, sent_s=sent_s, done_s=sent_s + takes_s)


def counted(node: Node) -> dict[str, int]:
    counts: dict[str, int] = {}
    for piece in node.recorder.drain("n"):
        counts[piece.outcome] = counts.get(piece.outcome, 0) + piece.count
    return counts


@pytest.mark.parametrize("takes_s", [0.001, 0.15, 5.0])
def test_what_was_due_adds_up_whatever_the_target_does(takes_s: float, ended: list[gevent.Greenlet[..., None]]) -> None:
    """Fast enough, too slow for the pool, and never answering: 20 starts were due, and 20 are somewhere."""
    node = Node("r", EXACT)
    ended += [gevent.spawn(user, node, takes_s) for _ in range(2)]
    gevent.sleep(0)
    assert node.parked == 2
    node.begin(plan())
    gevent.sleep(1.05)
    node.drain()
    counts = counted(node)
    assert sum(counts.values()) == 20
    assert counts.get(UNFINISHED, 0) == node.unfinished
    if takes_s < 0.01:
        assert counts == {"ok": 20}
    if takes_s > 1:
        assert counts == {UNFINISHED: 2, UNSERVED: 18}


def late_rush(number: int) -> tuple[dict[str, int], int, int]:
    """500 starts due in the last 100 ms of a run, for a few users or for plenty, slow ones among them; what became of
    them, and how many were due. Every other run has random arrivals, whose number is their seed's."""
    chance = random.Random(number)
    node = Node("r", EXACT)
    count = chance.choice([1, 4, 600])
    users = [gevent.spawn(user, node, chance.choice([0.001, 0.02, 0.2, 9.0])) for _ in range(count)]
    gevent.sleep(0)
    level = Polyline(((0, 0), (0.9, 0), (0.9, 5000), (1, 5000)))
    seed = number if number % 2 else None
    due = sum(1 for _ in due_times(level, seed=seed))
    origin_s = time.monotonic() - 0.9
    node.begin(plan(origin_s=origin_s, level=level, seed=seed, background_users=len(users), drain_s=0.03))
    gevent.sleep(chance.uniform(0.0, 0.099))
    if chance.random() < 0.3:
        stall(chance.uniform(0.0, 0.03))  # the pacer with it
    end_s = origin_s + 1 + chance.uniform(0, 0.004)
    # In a stall the pacer has no turn after some of them are due. Either way it may end early: timers are coarse.
    wait = gevent.sleep if chance.random() < 0.5 else stall
    while (left_s := end_s - time.monotonic()) > 0:
        wait(left_s)
    node.drain(still_answering=chance.random() < 0.7)
    counts = counted(node)
    gevent.killall(users)
    return counts, node.unfinished, due


def test_none_of_500_starts_in_the_last_100_ms_gets_lost_in_the_drain() -> None:
    """A hundred runs, ten at a time, so that they also disturb each other."""
    for batch in range(10):
        runs = [gevent.spawn(late_rush, 10 * batch + number) for number in range(10)]
        gevent.joinall(runs, timeout=30, raise_error=True)
        for number, done in enumerate(runs):
            counts, unfinished, due = done.value
            assert set(counts) <= {"ok", UNSERVED, UNFINISHED}
            assert sum(counts.values()) == due, counts
            assert number % 2 or due == 500, "even arrivals"
            assert counts.get(UNFINISHED, 0) == unfinished


def test_a_node_that_is_drained_at_once_counts_who_was_just_woken(ended: list[gevent.Greenlet[..., None]]) -> None:
    """The herd is out, and the stop comes before the users have had a turn."""
    node = Node("r", EXACT)
    ended += [gevent.spawn(user, node, 5.0) for _ in range(10)]
    gevent.sleep(0)
    level = Polyline(((0, 0), (1, 0)))
    origin_s = time.monotonic()
    node.begin(plan(origin_s=origin_s, level=level, herds=(Herd("herd", 0.1, 10),), background_users=0))
    gate = node._gate
    assert gate is not None
    release_users = gate._release_users
    stopping: list[gevent.Greenlet[..., None]] = []

    def release_and_stop(release: Release, slots: Sequence[Slot]) -> None:
        stopping.append(gevent.spawn(node.drain))  # has its turn before those who are about to be woken
        release_users(release, slots)

    gate._release_users = release_and_stop  # type: ignore[method-assign]
    gevent.sleep(0.3)
    gevent.joinall(stopping, timeout=5, raise_error=True)
    assert len(stopping) == 1
    assert counted(node) == {UNFINISHED: 10}


def test_a_user_that_is_stopped_between_being_woken_and_its_turn_is_counted() -> None:
    node = Node("r", EXACT)
    stopped = gevent.spawn(user, node, 5.0)
    gevent.sleep(0)
    node.begin(plan(level=Polyline(((0, 0), (1, 0)))))
    gevent.sleep(0.01)
    (pacer,) = node._pacers.values()
    assert isinstance(pacer, Arrivals)
    stopped.kill(block=False)  # comes about in the next turn of the loop, as the waking does after it
    pacer._start(0.0)
    stopped.join(timeout=5)
    assert counted(node) == {INTERRUPTED: 1}
    assert node.unfinished == 0, "nobody waited for an answer of the target"


def test_users_that_are_stopped_before_they_have_sent_are_settled_and_not_waited_for() -> None:
    """As Locust stops some when a worker comes or goes: the others go on, and the drain waits for none of these."""
    node = Node("r", EXACT)
    users = [gevent.spawn(user, node, 5.0) for _ in range(5)] + [gevent.spawn(user, node, 0.01) for _ in range(5)]
    gevent.sleep(0)
    level = Polyline(((0, 0), (1, 0)))
    herds = (Herd("herd", 0.1, 10),)
    node.begin(plan(origin_s=time.monotonic(), level=level, herds=herds, background_users=0, drain_s=20.0))
    with gevent.Timeout(10):
        while len(node.recorder.starts) != 5:
            gevent.sleep(0.01)
    gevent.killall(users[:5])
    began_s = time.monotonic()
    node.drain()
    assert time.monotonic() - began_s < 10, "of twenty"
    assert counted(node) == {"ok": 5, INTERRUPTED: 5}
    assert node.unfinished == 0
    gevent.killall(users)


def test_a_hurried_drain_waits_for_no_answer(ended: list[gevent.Greenlet[..., None]]) -> None:
    node = Node("r", EXACT)
    ended += [gevent.spawn(user, node, 30.0) for _ in range(2)]
    gevent.sleep(0)
    node.begin(plan(drain_s=30.0))
    gevent.sleep(0.3)
    gevent.spawn_later(0.1, setattr, node, "stop_draining", True)
    began_s = time.monotonic()
    node.drain()
    assert time.monotonic() - began_s < 10, "of thirty"
    assert counted(node)[UNFINISHED] == 2


def test_users_of_all_nodes_have_numbers_of_their_own() -> None:
    nodes = [Node("r", EXACT, index, 3) for index in range(3)]
    numbers = [node.number_user() for node in nodes for _ in range(4)]
    assert sorted(numbers) == list(range(12))
