"""Figures are written as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import _quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.412, "s", "412 ms"),
        (3.2, "s", "3.2 s"),
        (0.0141, "ratio", "1.41 %"),
        (212e6, "bytes", "212 MB"),
        (-46_300, "bytes", "−46.3 kB"),
        (2.5e9, "bytes", "2.5 GB"),
        (0.000250, "s", "250 µs"),
        (1500, "ms", "1.5 s"),
        (12, "ms", "12 ms"),
        (0.5, "ms", "500 µs"),
        (999, "MB", "999 MB"),
        (1000, "MB", "1 GB"),
        (2500, "MB", "2.5 GB"),
        (1234567, "", "1,234,567"),
        (0, "s", "0 s"),
        (None, "s", "–"),
        (math.nan, "s", "–"),
        (math.inf, "s", "∞ s"),
    ],
)
def test_a_figure_has_its_unit_and_three_digits(value: float | None, unit: str, text: str) -> None:
    assert _quantity.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("bounds", "unit", "text"),
    [
        ((60, math.inf), "s", "> 60 s"),
        ((-math.inf, 0.5), "s", "< 500 ms"),
        ((-math.inf, math.inf), "s", "unbounded"),
        ((0.012, 0.9), "s", "12 – 900 ms"),
        ((0.376, 0.464), "ratio", "37.6 – 46.4 %"),
        ((-1e6, 2e6), "bytes", "−1 to 2 MB"),
        (None, "s", "–"),
        ((math.nan, 1), "s", "–"),
    ],
)
def test_an_interval_says_its_unit_once_and_an_open_end_in_words(
    bounds: tuple[float, float] | None, unit: str, text: str
) -> None:
    assert _quantity.interval(bounds, unit) == text


def test_a_figure_just_above_its_limit_does_not_read_like_the_limit() -> None:
    assert _quantity.against(0.050001, 0.05, "ratio") == ("5.0001 %", "5 %")


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["s", "ms", "bytes", "ratio", "MB", "x"]))
def test_any_float_can_be_written(value: float, unit: str) -> None:
    text = _quantity.quantity(value, unit)
    assert text
    assert "e+" not in text


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        (
            "p95 is at most 1.02 s with 95 % confidence, limit 5 s",
            "p95 is at most 1.02~s with 95~% confidence, limit 5~s",
        ),
        ("> 60 s, 0.5 – 2.4 MB, ± 1 ms", ">~60~s, 0.5 – 2.4~MB, ±~1~ms"),
        ("500 requests, 3 seconds, 4 s/request", "500 requests, 3 seconds, 4 s/request"),
        ("−2.6 to −2.5 MB of 2 cores", "−2.6 to −2.5~MB of 2~cores"),
    ],
)
def test_no_line_ends_between_a_figure_and_its_unit(text: str, apart: str) -> None:
    assert _quantity.with_units(text) == apart.replace("~", "\u00a0")
