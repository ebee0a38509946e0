"""Short runs of some cases of every scenario; the whole table is `make truth`, and frame.py says what is judged.

One scenario's: `python -m tests.ground_truth SCENARIO --short`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.ground_truth import autoscaling, cache_coherence, circuit_breaker, db_pool, login_herd, websocket_avalanche
from tests.ground_truth.frame import Case, Result, run

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing, pytest.mark.timeout(600)]
AT_ONCE = 2
ONE_BY_ONE = (*login_herd.SHORT, *db_pool.SHORT)
"""A herd or a full pool of theirs takes all of the machine for a moment: no other of these may be under way then."""
BESIDE = (*circuit_breaker.SHORT, *autoscaling.SHORT, *websocket_avalanche.SHORT, *cache_coherence.SHORT)
"""These mostly wait, and judged are counts, orders and instants by the target's own clock: they go beside the others,
some at once.
"""


def _name(case: Case) -> str:
    return f"{case.scenario}-{case.name}"


@pytest.fixture(scope="module", autouse=True)
def going(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Result]]]:
    """Those of the selected cases that go beside the others, begun with the first test."""
    selected = [item.callspec.params.get("beside") for item in request.session.items if hasattr(item, "callspec")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {_name(case): pool.submit(run, case) for case in BESIDE if case in selected}


@pytest.mark.parametrize("case", ONE_BY_ONE, ids=_name)
def test_a_run_finds_what_is_true(case: Case) -> None:
    """The fault's own criteria find it with the figure that it accounts for, and nothing else fails."""
    result = run(case)
    assert result.right, result


@pytest.mark.parametrize("beside", BESIDE, ids=_name)
def test_a_run_that_mostly_waits_finds_what_is_true(beside: Case, going: dict[str, Future[Result]]) -> None:
    """The same of those that were under way meanwhile."""
    result = going[_name(beside)].result()
    assert result.right, result
