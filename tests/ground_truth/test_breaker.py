"""Each failure and each defect once; all combinations, twice, are `python -m tests.ground_truth.breaker`."""

from __future__ import annotations

import pytest

from tests.ground_truth.breaker import Case, run

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing]
CASES = (Case("hang"), Case("errors", "breaker_never_opens"), Case("slowness", "breaker_never_closes"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_run_finds_what_is_true(case: Case) -> None:
    """Outcomes as expected, instants and counts as the target itself reports them; see breaker.py."""
    assert run(case) == []
