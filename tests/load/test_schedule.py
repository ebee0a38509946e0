"""When starts are due, and how they are dealt out: nothing is lost between nodes, and nothing twice."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.load.run_plan import Plan, split
from harness.load.schedule import active_changes, due_times
from shapes._profile import Herd, Polyline


@st.composite
def polylines(draw: st.DrawFn, highest: float = 40.0) -> Polyline:
    """Up to six points in up to 12 s, steps among them."""
    gaps = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=5))
    levels = st.one_of(st.just(0.0), st.floats(0.01, highest))
    points, t = [(0.0, draw(levels))], 0.0
    for gap in gaps:
        t += gap
        points.append((t, draw(levels)))
    return Polyline(tuple(points))


@given(line=polylines())
def test_each_start_is_due_where_the_area_reaches_its_number_and_a_half(line: Polyline) -> None:
    for number, due in enumerate(due_times(line)):
        assert math.isclose(line.area_to(due), number + 0.5, rel_tol=1e-9, abs_tol=1e-9)


@given(line=polylines(), shares=st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_the_area_never_falls(line: Polyline, shares: list[float]) -> None:
    areas = [line.area_to(share * 14 - 1) for share in sorted(shares)]
    assert all(less <= more + 1e-9 for less, more in pairwise(areas))
    assert line.area_to(-1) == 0 and math.isclose(line.area_to(100), line.total)


@given(line=polylines(), nodes=st.integers(1, 100))
def test_the_starts_of_all_nodes_together_are_those_of_one(line: Polyline, nodes: int) -> None:
    alone = list(due_times(line))
    dealt = sorted(t for share in range(nodes) for t in due_times(line, share, nodes))
    assert dealt == alone
    assert abs(len(alone) - line.total) <= 0.5 + 1e-6
    assert all(line.points[0][0] <= t < line.points[-1][0] for t in alone), "none at the very end, when all is over"


@given(line=polylines(), nodes=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_random_starts_are_the_same_however_many_nodes_share_them(line: Polyline, nodes: int, seed: int) -> None:
    alone = list(due_times(line, seed=seed))
    assert sorted(t for share in range(nodes) for t in due_times(line, share, nodes, seed)) == alone
    assert alone == sorted(alone)


STEP = Polyline(((0, 20), (10, 20), (10, 200), (20, 200), (20, 20), (30, 20)))
"""A spike of ten times the load: 200 + 2,000 + 200 starts are to be expected."""
SEEDS = range(100)


def per_second(seed: int) -> np.ndarray:
    return np.bincount([int(t) for t in due_times(STEP, seed=seed)], minlength=30)


@pytest.fixture(scope="module")
def poisson() -> np.ndarray:
    """Starts in each second, a row a seed."""
    return np.array([per_second(seed) for seed in SEEDS])


def test_random_starts_are_as_many_as_the_area_says(poisson: np.ndarray) -> None:
    """The standard deviation of a Poisson count is the root of its mean; 4.5 of them is 1 in 150,000."""
    assert STEP.total == 2400
    assert poisson.shape == (len(SEEDS), 30)
    assert np.all(np.abs(poisson.sum(axis=1) - STEP.total) <= 4.5 * math.sqrt(STEP.total))
    # All seeds together are a Poisson count, too, and so are those of each step.
    for seconds, mean in ((slice(0, 10), 200), (slice(10, 20), 2000), (slice(20, 30), 200)):
        expected = mean * len(SEEDS)
        assert abs(int(poisson[:, seconds].sum()) - expected) <= 4.5 * math.sqrt(expected)


def test_random_starts_of_each_second_spread_as_a_poisson_process_does(poisson: np.ndarray) -> None:
    """Neither too regular nor too clustered: the sum of (n − λ)²/λ is χ² with one degree of freedom a cell."""
    means = np.array([STEP.area_to(t + 1) - STEP.area_to(t) for t in range(30)])
    cells = (poisson - means) ** 2 / means
    for squares in (cells, cells[:, 10:20], cells[:, :10]):
        assert 1e-5 < stats.chi2.sf(squares.sum(), squares.size) < 1 - 1e-5
    # Seconds next to each other know nothing of one another.
    ahead = ((poisson - means) / np.sqrt(means))[:, :-1].ravel()
    after = ((poisson - means) / np.sqrt(means))[:, 1:].ravel()
    assert abs(np.corrcoef(ahead, after)[0, 1]) < 4.5 / math.sqrt(ahead.size)


def test_gaps_between_random_starts_are_exponential() -> None:
    level = Polyline(((0, 100), (50, 100)))
    gaps = np.diff(list(due_times(level, seed=1)))
    assert stats.kstest(gaps, stats.expon(scale=0.01).cdf).pvalue > 1e-4


def test_another_seed_gives_other_starts_and_the_same_one_the_same() -> None:
    all_starts = [tuple(due_times(STEP, seed=seed)) for seed in range(20)]
    for one, other in pairwise(all_starts):
        assert not set(one) & set(other)
    assert tuple(due_times(STEP, seed=7)) == all_starts[7]


@pytest.mark.parametrize("nodes", [1, 2, 3, 7, 16])
def test_a_seed_gives_the_same_starts_over_any_number_of_nodes(nodes: int) -> None:
    shares = [list(due_times(STEP, share, nodes, seed=42)) for share in range(nodes)]
    assert sorted(t for own in shares for t in own) == list(due_times(STEP, seed=42))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_level_of_whole_starts_gives_exactly_as_many_in_every_second() -> None:
    line = Polyline(((0, 10), (2, 10), (2, 50), (3, 50), (3, 10), (5, 10)))
    starts = list(due_times(line))
    assert [sum(int(t) == second for t in starts) for second in range(5)] == [10, 10, 50, 10, 10]


@given(total=st.integers(0, 10_000), nodes=st.integers(1, 100))
def test_split_deals_out_everything_and_evenly(total: int, nodes: int) -> None:
    parts = [split(total, share, nodes) for share in range(nodes)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1
    assert parts == sorted(parts, reverse=True)


@given(line=polylines(), nodes=st.integers(1, 10))
def test_active_users_of_all_nodes_follow_the_level(line: Polyline, nodes: int) -> None:
    """At every change, the nodes' numbers add up to the rounded level, and differ by one at most."""
    of_all = [(t, share, count) for share in range(nodes) for t, count in active_changes(line, share, nodes)]
    changes = sorted(of_all, key=lambda change: change[0])
    now = [0] * nodes
    for (t, share, count), following in pairwise([*changes, (math.inf, 0, 0)]):
        now[share] = count
        if following[0] > t:
            assert max(now) - min(now) <= 1
            middle = min((t + following[0]) / 2, t + 1e-3)
            if middle < line.points[-1][0]:
                assert abs(sum(now) - line.at(middle)) <= 0.5 + 0.1


def test_a_plan_survives_the_way_to_a_worker() -> None:
    plan = Plan(
        run="r",
        origin_s=12.5,
        duration_s=9,
        pacing="arrivals",
        level=Polyline(((0, 1.5), (9, 3))),
        seed=7,
        herds=(Herd("herd", 3.0, 20), Herd("second", 6.0, 20)),
        background_users=5,
        paced=True,
        drain_s=10.0,
    ).for_node(1, 3)
    message = plan.to_message()
    message["level"]["points"] = [list(point) for point in message["level"]["points"]]  # as msgpack hands tuples over
    assert Plan.from_message(message) == plan
    assert plan.own_background_users(plan.loads[0]) == 2
