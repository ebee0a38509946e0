"""How many runs of the tests go at once."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace
from unittest import mock

import psutil
import pytest

from tests.run.admission import BUSY_RATIO, FULL_RATIO, WATCHED_S, Admission, of_this_machine, used_s

CORES = 2


class Machine:
    """Its clock, and what was used of its cores."""

    def __init__(self) -> None:
        self.now_s = self.used_s = 0.0
        self.admission = Admission(2, 4, lambda: self.used_s, CORES, lambda: self.now_s)

    def let_pass(self, seconds: float, busy_ratio: float) -> None:
        self.now_s += seconds
        self.used_s += seconds * busy_ratio * CORES


def test_the_fewest_begin_however_busy_the_machine_is_and_more_do_not() -> None:
    machine = Machine()
    with machine.admission.turn(), machine.admission.turn():
        for _ in range(3):
            machine.let_pass(WATCHED_S, BUSY_RATIO + 0.01)
            assert not machine.admission.may_begin()
    assert machine.admission.may_begin()


def test_one_more_begins_where_the_machine_has_turns_and_the_next_when_it_was_watched_with_it() -> None:
    machine = Machine()
    with machine.admission.turn(), machine.admission.turn(), ExitStack() as others:
        for _ in range(2):
            machine.let_pass(WATCHED_S - 0.1, 0.1)
            assert not machine.admission.may_begin()
            machine.let_pass(0.1, 0.1)
            others.enter_context(machine.admission.turn())
        machine.let_pass(10 * WATCHED_S, 0.0)
        assert not machine.admission.may_begin(), "so many are the most"


def test_who_takes_the_place_of_one_that_has_ended_begins_at_once() -> None:
    machine = Machine()
    with machine.admission.turn(), machine.admission.turn():
        machine.let_pass(WATCHED_S, 0.1)
        for _ in range(5):
            with machine.admission.turn():
                machine.let_pass(WATCHED_S, (BUSY_RATIO + FULL_RATIO) / 2)
        with machine.admission.turn():
            for _ in range(9):
                machine.let_pass(WATCHED_S / 10, 0.1)
                assert not machine.admission.may_begin()
            machine.let_pass(WATCHED_S / 10, 0.1)
            assert machine.admission.may_begin()


def test_one_fewer_goes_where_the_machine_is_full() -> None:
    machine = Machine()
    with machine.admission.turn(), machine.admission.turn():
        machine.let_pass(WATCHED_S, 0.1)
        with machine.admission.turn():
            machine.let_pass(WATCHED_S, FULL_RATIO + 0.01)
            assert not machine.admission.may_begin()
        assert not machine.admission.may_begin()
        machine.let_pass(WATCHED_S, 0.1)
        assert machine.admission.may_begin()


def test_what_was_long_ago_does_not_count() -> None:
    machine = Machine()
    with machine.admission.turn(), machine.admission.turn():
        machine.let_pass(100, 1.0)
        assert not machine.admission.may_begin()
        machine.let_pass(WATCHED_S, 0.1)
        assert machine.admission.may_begin()


def test_who_waits_when_it_is_closed_does_not_begin() -> None:
    machine = Machine()
    waits = threading.Event()

    def begin() -> None:
        waits.set()
        with machine.admission.turn():
            raise AssertionError("it has begun")

    with ThreadPoolExecutor(1) as pool, machine.admission.turn(), machine.admission.turn():
        third = pool.submit(begin)
        waits.wait()
        machine.admission.close()
        with pytest.raises(CancelledError):
            third.result(60)


def test_who_waits_begins_when_another_has_ended() -> None:
    machine = Machine()

    def begin() -> str:
        with machine.admission.turn():
            return "begun"

    with ThreadPoolExecutor(1) as pool, machine.admission.turn():
        with machine.admission.turn():
            third = pool.submit(begin)
        assert third.result(60) == "begun"


def test_who_gives_way_to_others_counts_also_those_that_do() -> None:
    times = SimpleNamespace(user=1.0, nice=10.0, system=100.0, idle=1000.0, iowait=10_000.0, steal=0.5)
    with mock.patch.object(psutil, "cpu_times", return_value=times):
        assert used_s(0) == 101.5
        assert used_s(19) == 111.5


def test_this_machine_has_cores_of_which_some_were_used() -> None:
    assert used_s() > 0
    with of_this_machine(1, 1).turn():
        pass
