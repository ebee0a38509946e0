"""Changes of level are found where they are, and seldom where there are none; how seldom is in docs/calibration.md."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from harness.analysis.change_points import (
    EXPONENT,
    FEWEST,
    FEWEST_BESIDE,
    _candidates,
    _cut,
    _divergences,
    change_points,
)


def noisy(level: list[float], seed: int = 1, noise: float = 0.05) -> list[float]:
    random = np.random.default_rng(seed)
    return [value * (1 + noise * random.standard_normal()) for value in level]


def test_a_step_is_found_where_it_is() -> None:
    assert change_points(noisy([100.0] * 20 + [130.0] * 10)) == (20,)


def test_two_steps_are_two() -> None:
    assert change_points(noisy([100.0] * 15 + [140.0] * 15 + [100.0] * 15, seed=2)) == (15, 30)


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 50, [1.0, 2.0] * 25, noisy([100.0] * 40, seed=3)])
def test_none_is_found_where_there_is_none(values: list[float]) -> None:
    assert change_points(values) == ()


def test_few_runs_show_nothing_and_say_nothing() -> None:
    assert change_points([1.0] * 5 + [9.0] * 6) == ()
    assert len([1.0] * 6 + [9.0] * 6) == FEWEST
    assert change_points([1.0] * 6 + [9.0] * 6) == (6,)


def test_one_outlier_is_no_change_and_hides_none() -> None:
    level = noisy([100.0] * 20 + [130.0] * 20)
    level[7] = 1e9
    assert change_points(level) == (20,)
    assert change_points([*noisy([100.0] * 20), 1e9, *noisy([100.0] * 20, seed=2)]) == ()


def test_what_never_ended_is_the_highest_level() -> None:
    assert change_points([5.0, 6.0, 5.5, 5.2, 5.9, 5.1, 6.2, 5.4] + [math.inf] * 6) == (8,)


def test_the_same_values_give_the_same_places() -> None:
    values = noisy([100.0] * 20 + [108.0] * 20)
    assert change_points(values) == change_points(list(values))


def test_the_divergence_is_that_of_the_definition() -> None:
    """m·n ÷ (m + n) · (2 E|X − Y|^a − E|X − X′|^a − E|Y − Y′|^a)."""
    values = np.random.default_rng(2).exponential(1, 12)
    cuts, ends = _candidates(len(values))
    assert min(cuts) == min(ends - cuts) == FEWEST_BESIDE and max(ends) == 12
    for cut, end, found in zip(cuts, ends, _divergences(values, cuts, ends), strict=True):
        x, y = values[:cut], values[cut:end]
        across = (np.abs(x[:, None] - y) ** EXPONENT).mean()
        within = sum((np.abs(z[:, None] - z) ** EXPONENT).mean() for z in (x, y))
        assert found == pytest.approx(len(x) * len(y) / end * (2 * across - within))


@pytest.mark.parametrize(
    ("before_all", "before_a_part", "cut"),
    [(4, 1, 6), (4, 2, 6), (0, 399, 6), (5, 1, 8), (399, 0, 8), (5, 2, None), (399, 399, None)],
)
def test_a_cut_stands_where_so_few_of_399_orders_have_one_as_large(
    before_all: int, before_a_part: int, cut: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four may before all that follows, one before a part of it, which is looked at second. ``before_all`` and
    ``before_a_part`` orders have one that is as large as those of the figures themselves, at 6 and, to 12 of 14, at 8.
    """
    cuts, ends = np.array([6, 8]), np.array([14, 12])
    calls = iter(range(-1, 399))

    def divergences(*_: object) -> np.ndarray:
        order = next(calls)
        return np.array([1.0 if order < before_all else 0.5, 2.0 if order < before_a_part else 0.5])

    module = importlib.import_module("harness.analysis.change_points")
    monkeypatch.setattr(module, "_divergences", divergences)
    monkeypatch.setattr(module, "_candidates", lambda _: (cuts, ends))
    assert _cut(np.arange(14.0), np.random.default_rng(1)) == cut
    assert cut is None or next(calls, None) is None, "all orders were seen"


def test_a_level_that_was_left_again_is_found_by_what_follows_in_part() -> None:
    """Six of sixty, in the middle: before and after any one cut lie figures of the same kind."""
    assert change_points(noisy([100.0] * 27 + [140.0] * 6 + [100.0] * 27)) == (27, 33)
