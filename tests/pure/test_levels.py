"""The hidden level of a share against what probability theory says of it where that can be worked out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from harness.criteria.recovery import _levels
from harness.criteria.recovery._levels import ABOVE, BELOW, _drift, _grid, posterior

LAST = 0.05
"""How much less likely the last level is above the threshold than below, before anything is known."""


def of(hits: list[float], n: list[float], threshold: float = 0.3) -> tuple[list[float], list[float]]:
    """(within from, above) of each window."""
    found = posterior(np.array(hits, dtype=np.float64), np.array(n, dtype=np.float64), threshold)
    return found.within_from.tolist(), found.above.tolist()


def ways(windows: int, threshold: float = 0.3) -> list[tuple[float, Any]]:
    """How likely each way is in which levels may move, before anything is known, and its probabilities of moving."""
    levels, prior = _grid(threshold)
    change = min(0.1, 0.5 / windows)
    kinds = (0.7, (0.1,), False), (0.3, (0.15, 0.1, 0.05), True)
    return [
        (share, (1 - change) * _drift(levels <= threshold, steps, crossing) + change * prior)
        for share, steps, crossing in kinds
    ]


@pytest.mark.parametrize("windows", [1, 5, 40])
def test_without_requests_nothing_is_known_but_how_levels_move(windows: int) -> None:
    """By powers of the matrix of moves; each way counts as much as it is likely."""
    levels, prior = _grid(0.3)
    within = levels <= 0.3
    last = np.where(within, 1.0, LAST)
    whole = stays = first_above = last_within = 0.0
    for share, moves in ways(windows):
        many = np.linalg.matrix_power(moves, windows - 1)
        inside = np.linalg.matrix_power(moves * np.outer(within, within), windows - 1)
        whole += share * float(prior @ many @ last)
        stays += share * float((prior * within) @ inside @ last)
        first_above += share * float((prior * ~within) @ many @ last)
        last_within += share * float((prior @ many * within) @ last)
    within_from, above = of([0] * windows, [0] * windows)
    assert within_from[0] == pytest.approx(stays / whole) and above[0] == pytest.approx(first_above / whole)
    assert within_from[-1] == pytest.approx(last_within / whole)
    assert above[-1] == pytest.approx(1 - last_within / whole)
    if windows == 1:
        assert within_from[0] == pytest.approx(0.5 / (0.5 + 0.5 * LAST))


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
    moves = _drift(within, (0.1,), crossing=False)
    assert moves.sum(axis=1) == pytest.approx(1)
    assert moves[1].tolist() == pytest.approx([0.1, 0.8, 0.1, 0, 0, 0])
    assert moves[2].tolist() == pytest.approx([0, 0.1, 0.9, 0, 0, 0])
    assert moves[3].tolist() == pytest.approx([0, 0, 0, 0.9, 0.1, 0])


def test_a_level_that_fades_moves_further_and_down_across_the_threshold() -> None:
    moves = _drift(np.array([True] * 3 + [False] * 3), (0.2, 0.1), crossing=True)
    assert moves.sum(axis=1) == pytest.approx(1)
    assert moves[2].tolist() == pytest.approx([0.1, 0.2, 0.7, 0, 0, 0])
    assert moves[3].tolist() == pytest.approx([0, 0.1, 0.2, 0.4, 0.2, 0.1])


def test_all_windows_are_used_forwards_and_backwards() -> None:
    """Every path of levels over three windows, added up one by one."""
    hits, n, threshold = np.array([6.0, 4.0, 0.0]), np.array([10.0, 10.0, 10.0]), 0.3
    levels, prior = _grid(threshold)
    within = levels <= threshold
    like = np.array([levels**h * (1 - levels) ** (m - h) for h, m in zip(hits, n, strict=True)])
    last = np.where(within, 1.0, LAST)
    paths = sum(
        share * np.einsum("i,i,ij,j,jk,k,k->ijk", prior, like[0], moves, like[1], moves, like[2], last)
        for share, moves in ways(3)
    )
    whole = paths.sum()
    found_within, found_above = of(hits.tolist(), n.tolist(), threshold)
    inside = [paths[within][:, within][:, :, within], paths[:, within][:, :, within], paths[:, :, within]]
    assert found_within == pytest.approx([float(each.sum() / whole) for each in inside])
    outside = [paths[~within], paths[:, ~within], paths[:, :, ~within]]
    assert found_above == pytest.approx([float(each.sum() / whole) for each in outside])


@pytest.mark.parametrize("windows", [40, 4000])
def test_windows_that_contradict_each_other_completely_do_not_underflow(windows: int) -> None:
    """Each is a jump from one end of the scale to the other, which takes away the most that a window can."""
    bad = np.arange(windows) % 2 == 0
    within_from, above = of(np.where(bad, 1000.0, 0.0).tolist(), [1000.0] * windows)
    assert np.isfinite(within_from).all() and np.isfinite(above).all()
    assert np.array(above)[bad].min() > 0.999 and np.array(above)[~bad].max() < 0.001


def test_how_often_it_is_scaled_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps small numbers from becoming none; how likely all windows are together is the same."""
    random = np.random.default_rng(1)
    likelihood, within = random.uniform(0.1, 1.0, (20, 4)), np.array([True, True, False, False])
    prior, moves = np.full(4, 0.25), random.dirichlet(np.ones(4), (2, 4))
    found = []
    for scaled in (1, 3, 100):
        monkeypatch.setattr(_levels, "SCALED", scaled)
        found.append(_levels._smoothed(likelihood, within, prior, moves))
    for each in found[1:]:
        for (one, likely), (wanted, wanted_likely) in zip(each, found[0], strict=True):
            assert likely == pytest.approx(wanted_likely)
            assert one.within_from == pytest.approx(wanted.within_from)
            assert one.above == pytest.approx(wanted.above)
