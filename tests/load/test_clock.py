"""The clock of a worker, against simulated messages whose true offset is known."""

from __future__ import annotations

import math
import random

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.clock import DRIFT_RATIO, Clock, ClockPings


def exchange(clock: Clock, at_s: float, true_offset_s: float, out_s: float, back_s: float) -> None:
    """A ping sent at ``at_s`` of the node's clock that takes ``out_s`` there and ``back_s`` back."""
    clock.exchanged(at_s, at_s + out_s + true_offset_s, at_s + out_s + back_s)


def test_the_master_knows_its_own_time_exactly() -> None:
    clock = Clock(exact=True)
    assert clock.uncertainty_s() == 0
    assert clock.to_master(5.0) == clock.to_local(5.0) == 5.0


def test_before_the_first_exchange_nothing_is_known() -> None:
    assert math.isinf(Clock(exact=False).uncertainty_s())


DELAYS = st.floats(0.0001, 0.5)


@given(offset_s=st.floats(-1e5, 1e5), delays=st.lists(st.tuples(DELAYS, DELAYS), min_size=1, max_size=30))
def test_the_error_is_within_the_bound_however_messages_are_delayed(
    offset_s: float, delays: list[tuple[float, float]]
) -> None:
    clock, now_s = Clock(exact=False), 1000.0
    for out_s, back_s in delays:
        exchange(clock, now_s, offset_s, out_s, back_s)
        now_s += out_s + back_s + 0.05
    error_s = abs(clock.to_master(now_s) - (now_s + offset_s))
    assert error_s <= clock.uncertainty_s(now_s) + 1e-9 * max(1.0, abs(offset_s))
    assert math.isclose(clock.to_local(clock.to_master(now_s)), now_s)


def test_the_shortest_round_trip_decides_and_a_held_up_one_changes_nothing() -> None:
    clock = Clock(exact=False)
    exchange(clock, 10.0, 3.0, 0.0002, 0.0002)
    known_s = clock.uncertainty_s(10.001)
    exchange(clock, 10.1, 3.0, 0.25, 0.0001)
    assert clock.uncertainty_s(10.36) == pytest.approx(known_s + 0.36 * DRIFT_RATIO, abs=1e-5)
    assert clock.to_master(11.0) == pytest.approx(14.0, abs=0.0003)


def test_an_old_measurement_loses_its_certainty_until_a_worse_one_is_better() -> None:
    """After 100 s two crystals may be 2 ms apart, so a round trip of 2 ms tells more than the old one of 0.2 ms."""
    clock = Clock(exact=False)
    exchange(clock, 0.0, 0.0, 0.0001, 0.0001)
    drifted_s = 100 * DRIFT_RATIO
    assert clock.uncertainty_s(100.0) == pytest.approx(0.0001 + drifted_s, rel=0.01)
    exchange(clock, 100.0, drifted_s, 0.001, 0.001)
    assert clock.to_master(100.002) == pytest.approx(100.002 + drifted_s, abs=1e-6)


def test_drifting_clocks_under_a_load_that_holds_messages_up_stay_within_the_bound() -> None:
    chance = random.Random(3)
    clock, local_s = Clock(exact=False), 0.0
    for _ in range(500):
        local_s += 2.0
        offset_s = 40.0 + local_s * DRIFT_RATIO * 0.9
        exchange(clock, local_s, offset_s, 0.0002 + chance.expovariate(200), 0.0002 + chance.expovariate(50))
        now_s = local_s + 1.0
        truth_s = now_s + 40.0 + now_s * DRIFT_RATIO * 0.9
        assert abs(clock.to_master(now_s) - truth_s) <= clock.uncertainty_s(now_s)
    assert clock.uncertainty_s(local_s) < 0.005


def test_a_master_that_is_busy_at_first_is_asked_again_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was out meanwhile has taken as long as that; the first questions count when they are answered."""
    monkeypatch.setattr("harness.load.clock.FIRST_PINGS_INTERVAL_S", 0.0)
    monkeypatch.setattr("harness.load.clock.FIRST_PINGS", 5)
    sent: list[float] = []
    clock = Clock(exact=False)
    pings = ClockPings(clock, sent.append)
    asking = gevent.spawn(pings.run)
    try:
        for _ in range(100):
            gevent.sleep(0)
        assert len(sent) == 1, "one at a time"
        pings.answered(sent[0] - 3.0, 7.0)
        assert clock.uncertainty_s() >= 1.5
        for number in range(2, 6):
            with gevent.Timeout(10):
                while len(sent) < number:
                    gevent.sleep(0)
            pings.answered(sent[-1], sent[-1] + 7.0)
        assert clock.uncertainty_s() < 1.5
        for _ in range(100):
            gevent.sleep(0)
        assert len(sent) == 5, "from now on seldom"
    finally:
        asking.kill()
