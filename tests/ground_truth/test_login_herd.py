"""One run of each: the whole table, ten runs of each, is `make truth`."""

from __future__ import annotations

import pytest

from tests.ground_truth.cases import HEALTHY, LEAK, Case, run, slow_drain

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing]


@pytest.mark.parametrize("case", [HEALTHY, LEAK, slow_drain(5)], ids=lambda case: case.name)
def test_a_run_finds_what_is_true(case: Case) -> None:
    """The size of the fault is found by its own criterion, no guard objects; see cases.py for what is judged."""
    result = run(case)
    assert result.right, result
