"""Elasticity's step functions: exact figures for known ones, and what samples leave open contains the truth."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.criteria.scaling._step_function import (
    READING_S,
    Provisioning,
    Steps,
    demand,
    instability,
    provisioning,
    sampled,
)

STAIRS = ((0.0, 6.0), (10.0, 6.0), (10.0, 16.0), (20.0, 16.0), (20.0, 26.0), (30.0, 26.0), (30.0, 6.0), (40.0, 6.0))


def steps(*points: tuple[float, float], end_s: float = 40.0) -> Steps:
    return Steps.of(points, end_s)


def test_demand_of_a_staircase() -> None:
    assert demand(STAIRS, 10.0, 0.0, 40.0).points == ((0, 1), (10, 2), (20, 3), (30, 1))
    assert demand(STAIRS, 26.0, 0.0, 40.0).points == ((0, 1),)
    assert demand(STAIRS, 10.0, 15.0, 25.0) == Steps(((15, 2), (20, 3)), 25)
    with pytest.raises(ValueError, match="capacity"):
        demand(STAIRS, 0.0, 0.0, 40.0)


def test_demand_of_a_ramp_is_crossed_where_the_line_crosses() -> None:
    """From 0 to 40 starts/s in 20 s at 10 a replica: every 5 s one more."""
    ramp = ((0.0, 0.0), (20.0, 40.0), (30.0, 40.0), (50.0, 0.0))
    found = demand(ramp, 10.0, 0.0, 50.0)
    assert found.points == ((0, 1), (5, 2), (10, 3), (15, 4), (35, 3), (40, 2), (45, 1))


@pytest.mark.parametrize("replicas", range(1, 60))
def test_a_rate_of_just_so_many_replicas_needs_no_more(replicas: int) -> None:
    """Whatever the rounding: 0.1 a replica, and three times 0.1 is 0.30000000000000004."""
    rate_per_s = 0.1 * replicas
    assert demand(((0.0, rate_per_s), (10.0, rate_per_s)), 0.1, 0.0, 10.0).points == ((0, replicas),)


def test_provisioning_of_known_functions() -> None:
    """Two missing of two for 3 s … of 40 s, and two too many of one for 8 s."""
    needed = steps((0, 1), (10, 2), (20, 3), (30, 1))
    ready = steps((0, 1), (13, 2), (26, 3), (38, 1))
    found = provisioning(needed, ready)
    assert found.under_ratio == pytest.approx((3 * 1 / 2 + 6 * 1 / 3) / 40)
    assert found.over_ratio == pytest.approx(8 * 2 / 1 / 40)
    assert (found.under_time_ratio, found.over_time_ratio) == pytest.approx((9 / 40, 8 / 40))
    # Four changes of each, none in the same second.
    assert instability(needed, ready) == pytest.approx(6 / 40)
    with pytest.raises(ValueError, match="in common"):
        provisioning(needed, steps((50, 1), end_s=60))


values = st.integers(1, 9).map(float)
functions = st.lists(st.tuples(st.floats(0, 39.9), values), max_size=8).map(
    lambda points: steps((0.0, 1.0), *sorted(points, key=lambda point: point[0]))
)


@given(functions)
def test_a_supply_that_is_the_demand_is_neither_too_small_nor_too_large_nor_unstable(needed: Steps) -> None:
    assert provisioning(needed, needed) == Provisioning(0, 0, 0, 0)
    assert instability(needed, needed) == 0


@given(functions, functions)
def test_provisioning_is_the_integral(needed: Steps, ready: Steps) -> None:
    """Against a plain sum over a fine grid, which is off by at most one cell at each step."""
    cell_s = 0.01
    middles = [(i + 0.5) * cell_s for i in range(4000)]
    pairs = [(needed.at(t), ready.at(t)) for t in middles]
    under = sum(max(d - s, 0) / d for d, s in pairs) / len(pairs)
    over = sum(max(s - d, 0) / d for d, s in pairs) / len(pairs)
    off = 9 * (len(needed.points) + len(ready.points)) / len(pairs)
    found = provisioning(needed, ready)
    assert found.under_ratio == pytest.approx(under, abs=off)
    assert found.over_ratio == pytest.approx(over, abs=off)


@given(
    st.lists(st.tuples(st.floats(0.05, 0.95), values), min_size=1, max_size=18),
    st.lists(st.floats(0, READING_S), min_size=50, max_size=50),
    functions,
    st.floats(-1, -READING_S),
)
def test_what_samples_leave_open_contains_the_truth(
    changes: list[tuple[float, float]], late_s: list[float], needed: Steps, first_s: float
) -> None:
    """The truth changes at most once in 2 s; it is sampled every second, each reading a little later than it says."""
    truth = Steps.of([(-5.0, 1.0), *((2 * i + part_s, value) for i, (part_s, value) in enumerate(changes))], 45.0)
    samples = [(first_s + i, truth.at(first_s + i + late_s[i])) for i in range(43)]
    found = sampled(samples, 0.0, 40.0)
    inside = Steps.of([(max(0.0, t), value) for t, value in truth.points], 40.0)
    for t in [i / 20 for i in range(800)]:
        assert found.low.at(t) <= inside.at(t) <= found.high.at(t)
        assert found.low.at(t) <= found.middle.at(t) <= found.high.at(t)
    least, most = provisioning(needed, found.high), provisioning(needed, found.low)
    true = provisioning(needed, inside)
    assert least.under_ratio - 1e-9 <= true.under_ratio <= most.under_ratio + 1e-9
    assert most.over_ratio - 1e-9 <= true.over_ratio <= least.over_ratio + 1e-9
    for replicas in (2, 5):
        ready_s = inside.first(replicas, 0.0)
        earliest_s, latest_s = found.high.first(replicas, 0.0), found.low.first(replicas, 0.0)
        assert (earliest_s if earliest_s is not None else math.inf) <= (math.inf if ready_s is None else ready_s)
        assert latest_s is None or (ready_s is not None and ready_s <= latest_s)
    assert 0.9 < found.longest_gap_s < 1.1


def test_a_supply_that_moves_against_the_demand_is_unstable() -> None:
    """In one second of forty; where both rise in the same second it is not."""
    rises, falls = steps((0, 2), (10.5, 3)), steps((0, 2), (10.2, 1))
    assert instability(rises, falls) == pytest.approx(1 / 40)
    assert instability(rises, steps((0, 1), (10.2, 2))) == 0
    assert instability(steps((0, 2)), falls) == pytest.approx(1 / 40)


def test_a_sampler_that_was_away() -> None:
    found = sampled([(1.0, 1.0), (2.0, 1.0), (9.0, 3.0), (10.0, 3.0)], 0.0, 12.0)
    assert found.longest_gap_s == 7
    assert (found.low.at(5), found.middle.at(5), found.middle.at(6), found.high.at(5)) == (1, 1, 3, 3)


def test_reversals() -> None:
    assert steps((0, 1), (1, 2), (2, 3), (3, 1)).reversals() == 1
    assert steps((0, 1), (1, 3), (2, 1), (3, 3), (4, 1)).reversals() == 3
    assert steps((0, 1), (1, 1), (2, 1)).reversals() == 0


def test_a_capacity_that_needs_thousands_of_replicas_is_a_slip_and_no_hang() -> None:
    with pytest.raises(ValueError, match="need more than 5,000 replicas"):
        demand([(0, 0), (10, 1e9)], 10.0, 0, 10)
    assert len(demand([(0, 0), (10, 50_000)], 10.0, 0, 10).points) == 5_000


def test_only_the_time_that_both_have_in_common_is_looked_at() -> None:
    """From 10 s to 30 s: in two of these twenty seconds one of them moves alone."""
    needed, ready = Steps(((0.0, 1), (5.0, 2), (15.5, 3)), 30.0), Steps(((10.0, 2), (20.5, 3), (35.5, 4)), 40.0)
    assert instability(needed, ready) == instability(ready, needed) == pytest.approx(2 / 20)
    again = Steps((*needed.points, (25.2, 4)), 30.0)
    assert instability(again, ready) == instability(ready, again) == pytest.approx(3 / 20)


def test_of_several_points_at_one_instant_the_last_counts_and_none_at_the_end() -> None:
    assert steps((0, 1), (0, 2), (10, 3), (10, 2), (40, 9)).points == ((0, 2),)
    assert steps((0, 1), (39.9, 9)).points == ((0, 1), (39.9, 9))


def test_a_change_lies_between_two_samples_however_far_they_are_apart() -> None:
    """A sample may be read 100 ms late: what is read at 1 s may have come just after it, and is there by 3.1 s."""
    found = sampled([(1.0, 1.0), (3.0, 2.0), (5.0, 2.0)], 0.0, 8.0)
    assert (found.high.points, found.low.points) == (((0, 1), (1, 2)), ((0, 1), (3 + READING_S, 2)))
    assert found.middle.points == ((0, 1), (2, 2))
    at_start = sampled([(-1.0, 1.0), (1.0, 2.0)], 0.0, 8.0)
    assert at_start.middle.points == ((0, 2),)


@pytest.mark.parametrize(("times", "usual_s"), [((1.0,), 0.0), ((1.0, 3.0), 2.0), ((1.0, 3.0, 4.0, 5.0), 1.0)])
def test_samples_are_usually_as_far_apart_as_most_are(times: tuple[float, ...], usual_s: float) -> None:
    assert sampled([(t, 1.0) for t in times], 0.0, 8.0).usual_gap_s == usual_s


@pytest.mark.parametrize(
    ("start_s", "end_s", "turn_s"), [(0, 8, 3), (1, 7, 3), (1.01, 8, math.inf), (0, 6.99, math.inf)], ids=str
)
def test_a_turn_is_one_of_changes_that_lie_between_samples_of_the_run(
    start_s: float, end_s: float, turn_s: float
) -> None:
    """Seen up at 4 s, after a sample at 1 s, and down at 7 s."""
    samples = [(0.0, 1.0), (1.0, 1.0), (4.0, 2.0), (7.0, 1.0), (8.0, 1.0)]
    assert sampled(samples, start_s, end_s).shortest_turn_s == turn_s
