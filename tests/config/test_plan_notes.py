"""What ``springback plan`` says of a plan by which a recovery cannot be judged, and of a library that is not there."""

from __future__ import annotations

import pytest

from harness.commands.loaded_scenario import _where
from harness.commands.plan import _baselines_wanted
from harness.recording.header import CriterionSpec
from shapes import step

RECOVERY = CriterionSpec("recovery_time", {})


class Sale(step.Step):
    base, peak, baseline_s, hold_s, recovery_s = 10, 30, 30, 10, 30


@pytest.mark.parametrize(
    ("changes", "criteria", "said"),
    [
        ({}, [RECOVERY], []),
        ({"baseline_s": 10}, [CriterionSpec("error_ratio", {})], []),
        ({"baseline_s": 10}, [RECOVERY], ["baseline: 10 s are too few to judge the recovery by, 30 are needed"]),
        (
            {"base": 2},
            [RECOVERY, CriterionSpec("recovery_time", {"name": "again", "limit_s": 5.0})],
            [
                "baseline: 2 starts/s are too few to judge the recovery by, unless each makes several requests: "
                "3 requests are needed every 1 s"
            ],
        ),
        ({"base": 2, "baseline_s": 60}, [CriterionSpec("recovery_time", {"window_s": 2})], []),
        (
            {"baseline_s": 10},
            [CriterionSpec("recovers_from_each_fault", {})],
            ["baseline: 10 s are too few to judge the recovery by, 30 are needed"],
        ),
        ({"base": 2, "pacing": "users"}, [RECOVERY], []),
    ],
)
def test_a_baseline_that_is_too_little_is_told_before_the_run(
    changes: dict[str, object], criteria: list[CriterionSpec], said: list[str]
) -> None:
    shape = Sale()  # type: ignore[no-untyped-call]
    shape.parked = True
    for name, value in changes.items():
        setattr(shape, name, value)
    assert list(_baselines_wanted(shape, criteria)) == said


def test_a_library_that_is_not_there_is_to_be_installed() -> None:
    error = ModuleNotFoundError("No module named 'grpc'")
    said = "ModuleNotFoundError: No module named 'grpc'; install what has it where Springback is installed"
    assert _where(error, "calls.py") == said
    assert _where(ValueError("no"), "calls.py") == "ValueError: no"
