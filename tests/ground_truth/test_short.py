"""Short runs of some cases of every scenario; the whole table is `make truth`, and frame.py says what is judged.

One scenario's: `python -m tests.ground_truth SCENARIO --short`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ground_truth import autoscaling, cache_coherence, circuit_breaker, db_pool, login_herd, websocket_avalanche
from tests.ground_truth.frame import Case, run

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing]
AT_ONCE = 3


@pytest.mark.timeout(300)
def test_runs_that_mostly_wait_find_what_is_true() -> None:
    """Judged are counts, orders and instants by the target's own clock, so these runs may be under way together."""
    waiting = (*circuit_breaker.SHORT, *autoscaling.SHORT, *websocket_avalanche.SHORT, *cache_coherence.SHORT)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(run, waiting))
    assert not [str(result) for result in results if not result.right]


@pytest.mark.parametrize(
    "case",
    (*login_herd.SHORT, *db_pool.SHORT),
    ids=lambda case: f"{case.scenario}-{case.name}",
)
def test_a_run_finds_what_is_true(case: Case) -> None:
    """The fault's own criteria find it with the figure that it accounts for, and nothing else fails."""
    result = run(case)
    assert result.right, result
