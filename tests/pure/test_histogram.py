"""Histogram of microseconds: buckets, merging, quantiles."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import histogram
from harness.recording.slices import Packed

values = st.integers(min_value=0, max_value=histogram.HIGHEST_US)
histograms = st.dictionaries(st.integers(0, 20_000), st.integers(1, 1000), max_size=30)


def recorded(latencies_us: list[int]) -> dict[int, int]:
    return histogram.merge({histogram.bucket_index(value): 1} for value in latencies_us)


@given(values)
def test_a_value_lies_in_its_bucket_and_the_bucket_is_narrow(value: int) -> None:
    low, high = histogram.bucket_bounds_us(histogram.bucket_index(value))
    assert low <= value <= high
    assert high - low <= max(0, value / 1024)


@given(values)
def test_buckets_are_in_the_order_of_their_values_and_leave_no_gap(value: int) -> None:
    index = histogram.bucket_index(value)
    assert histogram.bucket_bounds_us(index)[1] + 1 == histogram.bucket_bounds_us(index + 1)[0]


def test_buckets_are_those_of_the_format() -> None:
    """A microsecond each below 2,048, and 1,024 for each doubling above."""
    assert [histogram.bucket_index(value) for value in (0, 1, 2047, 2048, 2049, 2050, 4096)] == [
        *(0, 1, 2047, 2048, 2048, 2049),
        3072,
    ]
    assert histogram.bucket_index(histogram.HIGHEST_US) == 23_220
    assert [histogram.bucket_bounds_us(index) for index in (2047, 2048, 3071, 3072)] == [
        *((2047, 2047), (2048, 2049)),
        *((4094, 4095), (4096, 4099)),
    ]
    assert histogram.bucket_bounds_us(23_220)[0] <= 3_600_000_000 <= histogram.bucket_bounds_us(23_220)[1]


def test_a_bucket_that_ends_above_a_value_is_not_at_most_that() -> None:
    counts = {5: 1, 6: 2, 2048: 4, 23_220: 8}
    for value_us, known in ((4.9, 0), (5, 1), (5.5, 1), (6, 3), (2048, 3), (2049, 7), (1e12, 15)):
        assert histogram.count_at_most(counts, value_us) == known
        assert histogram.count_at_most(Packed.of(counts), value_us) == known


def test_a_mean_is_that_of_the_middles_of_buckets() -> None:
    assert histogram.mean_us({10: 1, 20: 3}) == 17.5 and histogram.mean_us({2048: 2}) == 2048.5
    assert histogram.mean_us({}) is None


def test_values_out_of_range_saturate() -> None:
    assert histogram.bucket_index(-5) == 0
    assert histogram.bucket_index(10**12) == histogram.bucket_index(histogram.HIGHEST_US)


@given(histograms, histograms)
def test_merging_is_commutative(a: dict[int, int], b: dict[int, int]) -> None:
    assert histogram.merge([a, b]) == histogram.merge([b, a])


@given(histograms, histograms, histograms)
def test_merging_is_associative_and_keeps_the_total(a: dict[int, int], b: dict[int, int], c: dict[int, int]) -> None:
    merged = histogram.merge([a, b, c])
    assert merged == histogram.merge([histogram.merge([a, b]), c])
    assert histogram.total(merged) == sum(histogram.total(one) for one in (a, b, c))


@given(st.lists(values, min_size=1, max_size=200), st.floats(0.01, 0.9999))
def test_a_quantile_is_the_order_statistic_rounded_up_within_its_bucket(us: list[int], q: float) -> None:
    exact = sorted(us)[min(len(us), max(1, math.ceil(q * len(us) - 1e-9))) - 1]
    found = histogram.quantile_us(recorded(us), q)
    assert found is not None
    assert exact <= found <= exact * (1 + 1 / 1024)


@given(st.lists(values, min_size=1), st.integers(1, 50), st.floats(0.01, 0.99))
def test_failed_requests_never_make_latency_look_better(us: list[int], slower: int, q: float) -> None:
    without, with_failed = (
        histogram.quantile_us(recorded(us), q),
        histogram.quantile_us(recorded(us), q, slower),
    )
    assert without is not None
    assert with_failed is not None
    assert with_failed >= without


def test_quantiles_of_nothing_are_none_and_of_failures_only_infinite() -> None:
    assert histogram.quantiles_us({}, (0.5, 0.95)) == (None, None)
    assert histogram.quantile_us({}, 0.5, slower=3) == math.inf


def test_a_quantile_that_falls_on_a_whole_rank_takes_that_rank() -> None:
    assert histogram.quantile_us(recorded(list(range(1, 21))), 0.95) == 19


@given(st.lists(values, max_size=100), values)
def test_counting_at_most_counts_whole_buckets(us: list[int], limit: int) -> None:
    counted = histogram.count_at_most(recorded(us), limit)
    assert sum(value < limit * (1 - 1 / 1024) for value in us) <= counted <= sum(value <= limit for value in us)


@given(st.lists(st.dictionaries(st.integers(0, 23_220), st.integers(1, 2**33), max_size=4), max_size=40))
def test_what_was_read_adds_up_to_the_same(parts: list[dict[int, int]]) -> None:
    """By numpy, where there are many."""
    assert histogram.merge(map(Packed.of, parts)) == histogram.merge(parts)


@given(
    st.dictionaries(st.integers(0, 23_220), st.integers(1, 9), max_size=6),
    st.floats(-2, 4e9) | st.integers(0, 5000).map(float),
)
def test_what_was_read_is_counted_up_to_a_value(counts: dict[int, int], value_us: float) -> None:
    known = sum(n for index, n in counts.items() if histogram.bucket_bounds_us(index)[1] <= value_us)
    assert histogram.count_at_most(counts, value_us) == histogram.count_at_most(Packed.of(counts), value_us) == known
    merged = dict(counts)
    histogram.add(merged, {7: 3})
    histogram.subtract(merged, {7: 3})
    assert merged == counts


def test_what_was_read_is_added_to_what_was_not() -> None:
    parts = [Packed.of({3: 1, 700: 2})] * histogram.MANY
    assert histogram.merge(parts) == {3: 16, 700: 32}
    assert histogram.merge([*parts, {3: 4}]) == {3: 20, 700: 32}


@pytest.mark.parametrize("many", [histogram.MANY - 1, histogram.MANY])
def test_histograms_without_values_add_up_to_one_without_values(many: int) -> None:
    """However many: a recording may hold nothing but failures."""
    merged = histogram.merge([Packed.of({})] * many)
    assert dict(merged.items()) == {} and histogram.quantile_us(merged, 0.5) is None
