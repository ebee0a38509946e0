"""Two faults in short runs; all of them: `python -m tests.ground_truth.coherence`."""

from __future__ import annotations

import pytest

from tests.ground_truth.coherence import LOST, STALE, Case, run

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing]


@pytest.mark.parametrize("case", [LOST, STALE], ids=lambda case: case.fault)
def test_a_run_finds_what_the_fault_says_it_did(case: Case) -> None:
    """Write by write and read by read; see coherence.py for what has to be equal."""
    assert not run(case)
