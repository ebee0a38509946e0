"""One run of two cases: the whole table is ``python -m tests.ground_truth.avalanche``."""

from __future__ import annotations

import pytest

from tests.ground_truth.avalanche import CASES, Case, run

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing]
QUICK = [case for case in CASES if case.name in ("drop_all, unplanned", "lost_messages 10 %")]


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_a_run_finds_what_is_true(case: Case) -> None:
    """The fault's own criterion fails with the figure that the fault accounts for, and nothing else fails."""
    result = run(case)
    assert result.right, result
