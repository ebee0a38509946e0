"""One run of the healthy pool and of one that leaks; all cases, twice, are ``python -m tests.ground_truth.pool``."""

from __future__ import annotations

import pytest

from tests.ground_truth.pool import HEALTHY, IDLE, Case, run

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing]

SHORTER = {"--baseline-s": "10", "--steps": "6", "--hold-s": "2", "--recovery-s": "22", "--idle-s": "6"}


@pytest.mark.parametrize("case", [HEALTHY, IDLE], ids=lambda case: case.name)
def test_a_run_finds_what_is_true(case: Case) -> None:
    """The fault's own criteria find it, exactly, and nothing else fails."""
    result = run(case, SHORTER)
    assert result.right, result
