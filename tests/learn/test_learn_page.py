"""The page of what was learned, as far as words are drawn under its curves."""

from __future__ import annotations

import pytest

from reports.learn_page import _round_times, _since_start


@pytest.mark.parametrize(
    ("low_s", "high_s", "told"),
    [
        (-1200.0, 4800.0, ["−15 min", "0 s", "15 min", "30 min", "45 min", "1 h", "1.25 h"]),
        (-3.0, 12.0, ["−2 s", "0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s"]),
        (-400_000.0, 2_600_000.0, ["0 s", "5 days", "10 days", "15 days", "20 days", "25 days", "30 days"]),
    ],
)
def test_times_are_as_a_clock_has_them(low_s: float, high_s: float, told: list[str]) -> None:
    found = [_since_start(each) for each in _round_times(low_s, high_s)]
    assert found[: len(told)] == told and len(found) <= 9
