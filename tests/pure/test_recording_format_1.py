"""What old headers left unsaid: said once more, and never instead of what they did say."""

from __future__ import annotations

from typing import Any

import pytest

from harness import criteria
from harness.recording import CriterionSpec
from harness.recording.format_1 import UNSAID, upgraded
from harness.recording.values import Scalar

ELASTICITY = ("scaling_lag", "under_provisioning", "over_provisioning", "scaling_stability", "scale_in")


def parameters(criterion: str, given: dict[str, Scalar], options: dict[str, Any]) -> dict[str, Scalar]:
    """Those of a criterion in a run whose shape had these options."""
    header = {"criteria": [{"criterion": criterion, "parameters": given}], "parameters": options}
    (spec,) = upgraded(header)["criteria"]
    found: dict[str, Scalar] = spec["parameters"]
    return found


@pytest.mark.parametrize("criterion", UNSAID)
def test_a_criterion_understands_all_that_was_unsaid(criterion: str) -> None:
    criteria.load(CriterionSpec(criterion, parameters(criterion, {}, {"capacity_per_replica": 10})))


@pytest.mark.parametrize("criterion", UNSAID)
def test_what_a_header_says_stands(criterion: str) -> None:
    for name in UNSAID[criterion]:
        assert parameters(criterion, {name: "mine"}, {})[name] == "mine"


@pytest.mark.parametrize(
    ("given", "option", "capacity_per_s"),
    [({}, 10.0, 10.0), ({"capacity_per_s": 0}, 10.0, 10.0), ({"capacity_per_s": 4.0}, 10.0, 4.0), ({}, 0, 0)],
)
@pytest.mark.parametrize("criterion", ELASTICITY)
def test_the_capacity_was_an_option_of_the_shape(
    criterion: str, given: dict[str, Scalar], option: float, capacity_per_s: float
) -> None:
    """Where the criterion was given none of its own."""
    assert parameters(criterion, given, {"capacity_per_replica": option})["capacity_per_s"] == capacity_per_s


def test_a_shape_without_a_capacity_gives_none() -> None:
    assert "capacity_per_s" not in parameters("scaling_lag", {}, {"peak": 26})
    assert "capacity_per_s" not in parameters("error_ratio", {}, {"capacity_per_replica": 10})
