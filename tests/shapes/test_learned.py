"""The size of a spike by what was learned: ``--spike expected:30d --learned FILE``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.shapes import every

TOLD = {
    "learned": 1,
    "spikes": {"largest_m": 6.5},
    "expected": {
        "inconclusive": "",
        "horizons": [{"days": 7, "low_m": 1, "middle_m": 3, "high_m": 4}, {"days": 30, "low_m": 2, "high_m": 8.25}],
    },
}
NOTHING = {
    "learned": 1,
    "spikes": {"largest_m": None},
    "expected": {"inconclusive": "3 days are known", "horizons": []},
}


def shape(path: Path, told: Any, spike: str, name: str = "flash_crowd", **more: Any) -> Any:
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return every.shape(name, spike=spike, learned=str(path), **{"base": 20.0, **more})


@pytest.mark.parametrize(
    ("spike", "peak"),
    [("expected:30d", 165), ("expected:7d", 80), ("expected:8d", 165), ("expected:1d", 80), ("largest", 130)],
)
@pytest.mark.parametrize("name", ["flash_crowd", "step", "stress_peak", "staircase"])
def test_the_peak_is_so_many_times_the_level(tmp_path: Path, name: str, spike: str, peak: float) -> None:
    """Its upper end; and of the next longer time where just this one is not told."""
    made = shape(tmp_path / "learned.json", TOLD, spike, name)
    assert made.problems() == [] and made.peak == peak
    assert made.profile().users.peak == pytest.approx(peak, rel=0.001)


@pytest.mark.parametrize(
    ("told", "spike", "problem"),
    [
        (
            TOLD,
            "expected:31d",
            "--spike expected:31d: 1 to 30 days can be told from what was learned, no longer",
        ),
        (TOLD, "expected:0d", "--spike expected:0d: 1 to 30 days"),
        (TOLD, "huge", "--spike 'huge': give expected:30d, with any number of days, or largest"),
        (NOTHING, "expected:7d", "is INCONCLUSIVE: 3 days are known; give --peak, or largest"),
        (NOTHING, "largest", "no spike was found in what was learned"),
        ({}, "largest", "not what `springback learn` of this version writes; write it again"),
        ({"learned": 1}, "largest", "damaged; write it again with `springback learn`"),
        ({"learned": 1, "expected": []}, "expected:7d", "damaged; write it again"),
        ("hush", "largest", "cannot be read: not what `springback learn` writes"),
        ("[" * 100_000, "largest", "cannot be read: not what `springback learn` writes"),
    ],
)
def test_what_cannot_be_told_is_one_problem(tmp_path: Path, told: Any, spike: str, problem: str) -> None:
    (found,) = shape(tmp_path / "learned.json", told, spike).problems()
    assert problem in found and "hush" not in found


def test_a_file_has_to_be_named_and_to_be_one(tmp_path: Path) -> None:
    for learned, problem in (
        ("", "name with --learned"),
        ("/dev/zero", "not a file"),
        (str(tmp_path / "x"), "no such"),
    ):
        (found,) = every.shape("step", spike="largest", learned=learned).problems()
        assert problem in found


def test_so_many_times_nothing_is_nothing(tmp_path: Path) -> None:
    (found,) = shape(tmp_path / "learned.json", TOLD, "largest", base=0.0).problems()
    assert "so many times --base, which is 0" in found
