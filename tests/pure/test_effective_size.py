"""What requests that are alike are worth, on seconds few enough to be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, t

from harness.analysis.effective_size import (
    effective_size,
    is_one_event,
    lasting,
    only_these,
    persistence_of,
    stretch_of_failures,
)

FloatArray = NDArray[np.float64]
REQUESTS = np.full(96, 100.0)
IN_FOURS = np.tile([20.0] * 4 + [0.0] * 4, 12)
"""A tenth of 9,600 requests were hits: ten more than the mean for four seconds, ten fewer for the next four."""


def test_what_lasts_is_freed_of_chance_and_of_its_bias() -> None:
    """Of 96 neighbours 72 are alike and 23 differ, and Σ excess² = 9,600."""
    seen = (72 - 23) * 100 / 9600
    by_chance = 9600 * 0.1 * 0.9 * 95 / 96 / 9600
    freed = seen / (1 - by_chance)
    assert persistence_of(IN_FOURS, REQUESTS) == pytest.approx(freed + (1 + 4 * freed) / 96)
    halves = np.repeat([20.0, 0.0], 48)
    assert persistence_of(halves, REQUESTS) == 0.97, "no larger than can be told from a trend"


def in_runs(*lengths: int) -> FloatArray:
    """20 hits for so many seconds, none for so many, and so on."""
    return np.concatenate([np.full(length, 20.0 * (k % 2 == 0)) for k, length in enumerate(lengths)])


def test_little_correlation_is_taken_for_chance() -> None:
    """Significant from 1.645 standard errors on, 1.645 ÷ √16 = 0.411."""
    requests = np.full(16, 100.0)
    # Of 15 pairs of neighbours 4 differ, so it is 7 ÷ 16 = 0.44; with 5 it is 0.31.
    assert 0.5 < persistence_of(in_runs(3, 4, 3, 4, 2), requests) < 0.8
    assert persistence_of(in_runs(3, 3, 3, 3, 2, 2), requests) == 0
    assert persistence_of(in_runs(*[1] * 16), requests) == 0
    assert persistence_of(np.full(16, 10.0), requests) == 0 and persistence_of(np.zeros(16), np.zeros(16)) == 0


def worth(variance: float, freedom: float, independent: float) -> float:
    """Of 9,600 requests, when the larger variance of their hits is this one, with so many degrees of freedom."""
    return 9600 * independent * float(norm.ppf(0.975)) ** 2 / (variance * float(t.ppf(0.975, freedom)) ** 2)


def test_what_lasts_divides_the_requests_by_their_design_effect() -> None:
    """Between-second variance counts as often as it lasts."""
    r = 0.5
    between = 96 / 95 * 9600 - 864
    assert lasting(r) == 3
    expected = worth(864 + between * 3, 96 / 3 - 1, 864)
    assert effective_size(IN_FOURS, REQUESTS, r, 0.95) == pytest.approx(expected)


def test_what_lasts_for_nearly_all_of_them_has_few_degrees_of_freedom() -> None:
    """With r = 0.95 thirty-nine seconds are one independent one: 96 ÷ 39 − 1 degrees."""
    between = 96 / 95 * 9600 - 864
    expected = worth(864 + between * 39, 96 / 39 - 1, 864)
    assert expected > 1 and effective_size(IN_FOURS, REQUESTS, 0.95, 0.95) == pytest.approx(expected)


def test_blocks_of_seconds_see_what_an_autoregression_does_not() -> None:
    """Five seconds, the cube root of 96 upwards, in each block: ±10, ±30, ±30, ±10 …, 500 in the mean of squares."""
    expected = worth(500 * 96 / 5 * 96 / 91, 96 / 5 - 1, 864)
    assert effective_size(IN_FOURS, REQUESTS, 0.0, 0.95) == pytest.approx(expected)


def test_a_block_of_64_seconds_is_4() -> None:
    """The cube root exactly. Blocks of four are 40, 20, 0, −20, −40 … off: 600 in the mean of squares."""
    fours = IN_FOURS[:64]
    variance = 600 * 64 / 4 * 64 / 60
    expected = 6400 * 576 * float(norm.ppf(0.975)) ** 2 / (variance * float(t.ppf(0.975, 64 / 4 - 1)) ** 2)
    assert effective_size(fours, REQUESTS[:64], 0.0, 0.95) == pytest.approx(expected)


def test_requests_that_differ_by_chance_only_are_worth_what_they_are() -> None:
    """And never more, however even; nor fewer than one. Of few seconds, and of hits always or never, nobody knows."""
    even = np.full(96, 10.0)
    assert effective_size(even, REQUESTS, 0.0, 0.95) == 9600
    assert effective_size(even, REQUESTS, 0.5, 0.95) == 9600
    assert effective_size(np.ones(20), np.full(20, 10.0), 0.9, 0.95) == 200, "what lasts is nothing where none is there"
    for hits in (np.zeros(96), REQUESTS):
        assert effective_size(hits, REQUESTS, 0.9, 0.95) == 9600
    assert effective_size(np.array([100.0] * 4 + [0.0] * 3), np.full(7, 100.0), 0.0, 0.95) == 700
    assert effective_size(np.array([100.0] * 4 + [0.0] * 4), np.full(8, 100.0), 0.0, 0.95) < 100
    assert effective_size(np.array([1.0] * 4 + [0.0] * 4), np.full(8, 1.0), 0.97, 0.999) == 1
    assert effective_size(np.zeros(0), np.zeros(0), 0.0, 0.95) == 0


@pytest.mark.parametrize(
    ("seconds", "persistence", "is_one"), [(30, 0.5, False), (29, 0.5, True), (9, 0.0, False), (1, 0.01, True)]
)
def test_ten_independent_seconds_are_a_sample(seconds: int, persistence: float, is_one: bool) -> None:
    """With r = 0.5 three of them tell as much as one."""
    assert is_one_event(seconds, persistence) is is_one


def test_why_requests_say_nothing_of_others_is_said() -> None:
    assert only_these(30, 0.0) == "" and only_these(30, 0.5) == ""
    assert only_these(29, 0.0) == "of these requests only: 29 s with requests are too few to show how seconds differ"
    alike = (
        "of these requests only: neighbouring seconds are alike (correlation about 0.5), so that 27 of them amount to 9"
    )
    assert only_these(27, 0.5) == alike
    assert only_these(1, 0.97).endswith("1 of them amount to 1")
    assert "nearly all failures came within 3 s" in only_these(60, 0.9, 3)


@pytest.mark.parametrize(
    ("outage", "elsewhere", "stretch_s"),
    [
        ([40.0] * 10, 0, 10),
        ([40.0] * 11, 0, 0),  # more than a fourth of 40 s
        ([20.0] * 10, 0, 10),  # half of what was asked then
        ([19.0] * 10, 0, 0),
        ([40.0, 0.0, 40.0], 0, 3),
        ([40.0] * 9, 40, 9),  # nine failures of ten
        ([40.0] * 9, 41, 0),
        ([0.0], 0, 0),
    ],
)
def test_an_outage_and_its_end_is_one_stretch(outage: list[float], elsewhere: int, stretch_s: int) -> None:
    """40 requests a second for 40 s; what failed elsewhere lies thin over the other seconds."""
    failed = np.zeros(40)
    failed[5 : 5 + len(outage)] = outage
    others = [*range(5), *range(5 + len(outage), 40)]
    for k in range(elsewhere):
        failed[others[k % len(others)]] += 1
    assert stretch_of_failures(failed, np.full(40, 40.0)) == stretch_s
    assert math.isclose(failed.sum(), sum(outage) + elsewhere)
