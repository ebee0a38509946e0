"""Whether bad requests come by turns: the chances are exact, and worked out by hand where there are few of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from harness.analysis.intervals import chance_of_more
from harness.criteria.recovery._bursts import (
    _pairs,
    chance_of_closeness,
    is_by_turns,
    standing_out,
)


def counts(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def test_pairs_are_counted_in_all_windows_but_the_fullest() -> None:
    assert _pairs(counts(3, 2, 2)) == 2 and _pairs(counts(1, 1, 5)) == 0
    assert _pairs(np.array([[2, 2, 0], [4, 3, 2]])).tolist() == [1, 4]


def test_how_close_they_come_is_held_against_all_ways_to_deal_them_out() -> None:
    """Four of ten requests in windows of two: in 10 of 210 ways two windows have both of theirs."""
    assert chance_of_closeness(counts(2, 2, 0, 0, 0), counts(2, 2, 2, 2, 2)) == pytest.approx(10 / 210, abs=0.02)
    assert chance_of_closeness(counts(1, 1, 1, 1, 0), counts(2, 2, 2, 2, 2)) == 1
    assert chance_of_closeness(counts(4, 0, 0), counts(9, 9, 9)) == 1, "once is no turn"
    seldom = chance_of_closeness(counts(*[3] * 4, *[0] * 96), np.full(100, 10))
    assert seldom == pytest.approx(1 / 2001), "none of 2,000 was as close"


@pytest.mark.parametrize(("hits", "n", "before", "n_before"), [(6, 600, 0, 300), (6, 600, 6, 300), (3, 60, 1, 600)])
def test_how_many_more_there_are_is_the_conditional_test_of_two_rates(
    hits: int, n: int, before: int, n_before: int
) -> None:
    wanted = binom.sf(hits - 1, hits + before, n / (n + n_before))
    assert chance_of_more(hits, n, before, n_before) == pytest.approx(wanted)
    assert chance_of_more(0, n, before, n_before) == 1


@pytest.mark.parametrize(
    ("hits", "before", "by_turns"),
    [
        ((2, 2, 2), 0, True),
        ((1, 1, 1, 1, 1, 1), 0, False),
        ((6,), 0, False),  # once
        ((3, 3, 3, 3), 12, True),
    ],
)
def test_by_turns_is_close_together_and_more_than_before(hits: tuple[int, ...], before: int, by_turns: bool) -> None:
    """600 requests in sixty windows, and 300 before."""
    windows = counts(*hits, *[0] * (60 - len(hits)))
    assert is_by_turns(windows, np.full(60, 10), before, 300) is by_turns


def test_five_windows_are_the_fewest() -> None:
    hits = counts(9, 9, 0, 0, 0)
    assert is_by_turns(hits, np.full(5, 20), 0, 1000)
    assert not is_by_turns(hits[:4], np.full(4, 20), 0, 1000)


def test_a_window_stands_out_that_chance_fills_in_one_of_a_hundred() -> None:
    """A sixtieth of all are bad: two of eight come with 0.7 %, two of ten with 1.2 %, and one is never much."""
    n = np.full(62, 10)
    n[1] = 8
    n[3] = 1
    hits = np.zeros(62, dtype=np.int64)
    hits[[0, 1, 2, 3]] = (5, 2, 2, 1)
    share = hits.sum() / n.sum()
    assert binom.sf(1, 8, share) < 0.01 < binom.sf(1, 10, share)
    assert standing_out(hits, n).tolist() == [0, 1]
    assert standing_out(counts(0, 0), counts(0, 0)).tolist() == standing_out(counts(0), counts(9)).tolist() == []
