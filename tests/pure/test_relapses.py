"""Windows outside the band after a return: what is passed over, what is a relapse, and which return lasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.analysis.quality import Windows
from harness.criteria.recovery._baseline_band import Band
from harness.criteria.recovery._relapses import RETURN, is_lasting, passed_over, relapses
from tests.pure.test_baseline_band import learned, windows

FIRST_AFTER, COUNT, K = 5, 60, 10
"""Of 60 windows the first five are the spike's; a recovery holds for ten."""
STEADY = learned([0] * 30)


def at(positions: Iterable[int]) -> NDArray[np.bool_]:
    found = np.zeros(COUNT, dtype=np.bool_)
    found[list(positions)] = True
    return found


def varying(outside_before: int) -> Band:
    """A baseline whose windows differ by more than chance, so many of which were outside."""
    return replace(STEADY, bad=replace(STEADY.bad, inflation=2.0, outside_before=outside_before, windows=30))


def passed(outside: Iterable[int], normal: Band = STEADY, failed: Iterable[int] = ()) -> list[int]:
    seen: Windows = windows([0] * COUNT, failed=(10.0 * at(failed)).tolist())
    return np.flatnonzero(passed_over(seen, at(outside), FIRST_AFTER, K, normal)).tolist()


@pytest.mark.parametrize(
    ("outside", "is_passed"),
    [
        ([40], [40]),
        ([15], [15]),  # ten windows after the spike
        ([14], []),
        ([3, 40], [40]),  # those of the spike are none of them
        ([29, 40], []),  # two are more than one
        ([40, 41], []),  # nor two together
        ([4, 5, 6, 8, 40], [40]),  # nor those that go on from it
        ([4, 14, 40], []),  # 14 is too near to the spike to be passed over, and so the target had relapsed
        ([7, 40], [40]),  # two windows are no return, so 7 is the spike's
        ([8, 40], []),
        ([], []),
    ],
)
def test_one_window_that_is_alone_is_passed_over_where_the_baseline_is_steady(
    outside: list[int], is_passed: list[int]
) -> None:
    assert passed(outside) == is_passed


@pytest.mark.parametrize(("other", "is_passed"), [(29, True), (30, False)])
def test_alone_is_more_than_ten_windows_from_any_other(other: int, is_passed: bool) -> None:
    """The other one is the end of the spike's own, which is never passed over."""
    assert passed([*range(FIRST_AFTER, other + 1), 40]) == ([40] if is_passed else [])


@pytest.mark.parametrize("second", [31, 45, 59])
def test_an_outage_and_a_single_window_later_are_two(second: int) -> None:
    """However far apart: an outage of a second every half a minute leaves no more than two in a minute."""
    assert passed([18, 19, second]) == []
    assert passed([10, second]) == []


@pytest.mark.parametrize(
    ("outside", "outside_before", "is_passed"),
    [
        # Of 55 windows after, as many as a baseline with one more of 30 would have: 2 · 1 · 55 ÷ 30 = 3.7, and one.
        ([20, 22, 24, 26], 0, True),
        ([20, 22, 24, 26, 28], 0, False),
        ([20, 22, 24, 26, 28, 30, 32, 34], 1, True),  # 7.3
        ([20, 22, 24, 26, 28, 30, 32, 34, 36], 1, False),
        ([20, 21, 24, 25], 0, True),  # in twos
        ([20, 21, 22], 0, False),  # in threes
    ],
)
def test_where_the_baseline_has_slow_windows_as_many_are_passed_over(
    outside: list[int], outside_before: int, is_passed: bool
) -> None:
    assert passed(outside, varying(outside_before)) == (outside if is_passed else [])
    slow = replace(STEADY, slow=varying(outside_before).bad)
    assert passed(outside, slow) == (outside if is_passed else [])


def test_failures_are_what_no_slow_window_does() -> None:
    assert passed([20, 22], varying(0), failed=[22]) == [20]
    assert passed([20, 21], varying(0), failed=[21]) == []
    # One that is alone may be failures.
    assert passed([40], varying(0), failed=[40]) == [40]


@pytest.mark.parametrize(
    ("not_normal", "found"),
    [
        ([0, 1, 2, 3, 4, 8], (8,)),  # three windows within the band after the spike
        ([0, 1, 2, 3, 4, 7], ()),  # two
        ([0, 1, 2, 3, 4, 5, 6, 10, 11, 30, 33], (10, 30)),
        ([3, 40], (40,)),
        ([40], (40,)),
        ([5], ()),
        ([], ()),
    ],
)
def test_a_relapse_follows_a_return_of_three_windows(not_normal: list[int], found: tuple[int, ...]) -> None:
    assert relapses(at(not_normal), FIRST_AFTER) == found


@pytest.mark.parametrize(
    ("not_normal", "lasts"),
    [
        ([], True),
        ([4], True),
        ([59], False),
        ([10, 31], False),  # back for 20 windows, then for 28
        ([10, 24], True),  # 13, then 35
        ([10, 28], False),  # 17, then 31
        ([10, 25, 26, 27, 28], True),  # 14, then 31
        ([10, 26, 27, 28, 29, 30], False),  # 15, then 29
        ([5, 8, 11, 14, 58], False),
        ([5, 8, 11, 59], False),
        ([5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35, 38, 41, 44, 47, 50, 53, 56, 59], True),  # returns of two are none
    ],
)
def test_a_return_counts_when_it_lasts_for_more_than_twice_the_longest_before(
    not_normal: list[int], lasts: bool
) -> None:
    assert bool(is_lasting(at(not_normal), FIRST_AFTER)) is lasts


@pytest.mark.parametrize(
    ("bad", "again"),
    [
        ((), ()),
        ((2, 3), ()),
        ((4 + RETURN,), ()),
        ((5 + RETURN,), (5 + RETURN,)),
        ((2, 5 + RETURN), (5 + RETURN,)),
        ((5,), ()),
        ((6, 6 + RETURN), ()),
        ((6, 7 + RETURN), (7 + RETURN,)),
        ((6, 7 + RETURN, 8 + RETURN, 9 + 2 * RETURN), (7 + RETURN, 9 + 2 * RETURN)),
    ],
)
def test_it_has_left_the_band_again_after_windows_that_were_good(bad: tuple[int, ...], again: tuple[int, ...]) -> None:
    """Window 5 is the first after the spike: as many good ones make a return as lie between two bad ones, or before."""
    assert relapses(at(bad), FIRST_AFTER) == again
