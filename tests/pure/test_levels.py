"""The hidden level of a share against what probability theory says of it where that can be worked out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from harness.criteria.recovery._levels import ABOVE, BELOW, _drift, _grid, posterior

LAST = 0.05
"""How much less likely the last level is above the threshold than below, before anything is known."""


def of(hits: list[float], n: list[float], threshold: float = 0.3) -> tuple[list[float], list[float]]:
    """(within from, above) of each window."""
    found = posterior(np.array(hits, dtype=np.float64), np.array(n, dtype=np.float64), threshold)
    return found.within_from.tolist(), found.above.tolist()


@pytest.mark.parametrize("windows", [1, 5, 40])
def test_without_requests_a_half_lies_on_each_side_and_half_a_change_is_expected(windows: int) -> None:
    """A jump comes with 0.5 ÷ windows, at most 0.1, and half of them lead across the threshold."""
    across = min(0.1, 0.5 / windows) / 2
    stays = (1 - across) ** (windows - 1)
    in_all = (0.5 + 0.5 * LAST) * 1.0
    within_from, above = of([0] * windows, [0] * windows)
    assert within_from[0] == pytest.approx(0.5 * stays / in_all)
    assert within_from[-1] == pytest.approx(0.5 / in_all) and above[-1] == pytest.approx(0.5 * LAST / in_all)
    # Above in the first: the last is above as often as the number of crossings is even.
    even = (1 + (1 - 2 * across) ** (windows - 1)) / 2
    assert above[0] == pytest.approx(0.5 * (even * LAST + (1 - even)) / in_all)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (5, 10), (30, 100), (2.5, 7.5), (10, 10)])
@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_one_window_is_bayess_rule(hits: float, n: float, threshold: float) -> None:
    """The levels lie densely at 0 and on both sides of the threshold: θ u² below, θ + (1 − θ) sin²(π v ÷ 2) above."""

    def likelihood(level: float) -> float:
        return math.pow(level, hits) * math.pow(1 - level, n - hits)

    below, _ = quad(lambda u: likelihood(threshold * u**2), 0, 1)
    beyond, _ = quad(lambda v: likelihood(threshold + (1 - threshold) * math.sin(math.pi * v / 2) ** 2), 0, 1)
    within_from, above = of([hits], [n], threshold)
    expected = below / (below + LAST * beyond)
    assert within_from[0] == pytest.approx(expected, rel=0.02, abs=5e-4)
    assert above[0] == pytest.approx(1 - expected, rel=0.05, abs=1e-4)


def test_levels_lie_on_both_sides_with_half_of_the_probability_each() -> None:
    levels, prior = _grid(0.3)
    assert (BELOW, ABOVE) == (16, 32) and len(levels) == 48 and np.all(np.diff(levels) > 0)
    assert (levels <= 0.3).sum() == 16 and 0 < levels[0] < 0.001 and 0.999 < levels[-1] < 1
    assert prior[:16].sum() == pytest.approx(0.5) and prior.sum() == pytest.approx(1)


def test_a_level_drifts_to_its_neighbours_on_the_same_side_without_a_jump() -> None:
    within = np.array([True] * 3 + [False] * 3)
    moves = _drift(within)
    assert moves.sum(axis=1) == pytest.approx(1)
    assert moves[1].tolist() == pytest.approx([0.1, 0.8, 0.1, 0, 0, 0])
    assert moves[2].tolist() == pytest.approx([0, 0.1, 0.9, 0, 0, 0])
    assert moves[3].tolist() == pytest.approx([0, 0, 0, 0.9, 0.1, 0])


def test_all_windows_are_used_forwards_and_backwards() -> None:
    """Every path of levels over three windows, added up one by one."""
    hits, n, threshold = np.array([6.0, 4.0, 0.0]), np.array([10.0, 10.0, 10.0]), 0.3
    levels, prior = _grid(threshold)
    within = levels <= threshold
    moves = 0.9 * _drift(within) + 0.1 * prior
    like = np.array([levels**h * (1 - levels) ** (m - h) for h, m in zip(hits, n, strict=True)])
    last = np.where(within, 1.0, LAST)
    paths = np.einsum("i,i,ij,j,jk,k,k->ijk", prior, like[0], moves, like[1], moves, like[2], last)
    whole = paths.sum()
    found_within, found_above = of(hits.tolist(), n.tolist(), threshold)
    inside = [paths[within][:, within][:, :, within], paths[:, within][:, :, within], paths[:, :, within]]
    assert found_within == pytest.approx([float(each.sum() / whole) for each in inside])
    outside = [paths[~within], paths[:, ~within], paths[:, :, ~within]]
    assert found_above == pytest.approx([float(each.sum() / whole) for each in outside])
