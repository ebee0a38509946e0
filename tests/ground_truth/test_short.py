"""Short runs of some cases of every scenario; the whole table is `make truth`, and frame.py says what is judged.

One scenario's: `python -m tests.ground_truth SCENARIO --short`.
"""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from harness.commands import reference_target
from tests.ground_truth import (
    autoscaling,
    cache_coherence,
    circuit_breaker,
    database_failover,
    db_pool,
    login_herd,
    websocket_avalanche,
)
from tests.ground_truth.frame import Case, Result, Stack, compare, load, run, stack_for
from tests.run.preloaded import ForkedModule

pytestmark = [pytest.mark.ground_truth, pytest.mark.spike_testing, pytest.mark.timeout(600)]
AT_ONCE = 3
ONE_BY_ONE = (*login_herd.SHORT, *db_pool.SHORT)
"""A herd or a full pool of theirs takes all of the machine for a moment: no other of these may be under way then."""
BESIDE = (
    *(*circuit_breaker.SHORT, *autoscaling.SHORT, *websocket_avalanche.SHORT, *cache_coherence.SHORT),
    *database_failover.SHORT,
)
"""These mostly wait, and judged are counts, orders and instants by the target's own clock: they go beside the others,
some at once.
"""


def _name(case: Case) -> str:
    return f"{case.scenario}-{case.name}"


@pytest.fixture(scope="session", autouse=True)
def stacks_are_forks() -> Iterator[None]:
    """Of a process that has imported what they need: most of what a stack takes to come up are its imports."""
    processes = SimpleNamespace(**{**vars(subprocess), "Popen": ForkedModule})
    with mock.patch.object(reference_target, "subprocess", processes):
        yield


@pytest.fixture(scope="module", autouse=True)
def going(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Result]]]:
    """Those of the selected cases that go beside the others, begun with the first test."""
    selected = _selected(request, "beside")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {_name(case): pool.submit(run, case) for case in BESIDE if case in selected}


@pytest.fixture(scope="module")
def one_by_one(request: pytest.FixtureRequest) -> Iterator[Callable[[Case], Result]]:
    """Runs a case, in the order of the tests. Its stack has come up in the first seconds of the one before, as those of
    the cases that go beside do at any time, and goes down in the first seconds of the next.
    """
    selected = _selected(request, "case")
    waiting = [case for case in ONE_BY_ONE if case in selected]
    stacks: dict[str, tuple[ExitStack, Future[Stack]]] = {}
    with ThreadPoolExecutor(1) as beside:

        def bring_up_next() -> None:
            if waiting:
                case, opened = waiting.pop(0), ExitStack()
                stacks[_name(case)] = opened, beside.submit(opened.enter_context, stack_for(case))

        def run_next(case: Case) -> Result:
            opened, stack = stacks.pop(_name(case))
            try:
                ready = stack.result()
                bring_up_next()
                return compare(load(case, ready))
            finally:
                beside.submit(opened.close)

        bring_up_next()
        yield run_next
        for opened, _ in stacks.values():
            beside.submit(opened.close)


def _selected(request: pytest.FixtureRequest, parameter: str) -> list[Any]:
    return [item.callspec.params.get(parameter) for item in request.session.items if hasattr(item, "callspec")]


@pytest.mark.parametrize("case", ONE_BY_ONE, ids=_name)
def test_a_run_finds_what_is_true(case: Case, one_by_one: Callable[[Case], Result]) -> None:
    """The fault's own criteria find it with the figure that it accounts for, and nothing else fails."""
    decided(one_by_one(case), case)


@pytest.mark.parametrize("beside", BESIDE, ids=_name)
def test_a_run_that_mostly_waits_finds_what_is_true(beside: Case, going: dict[str, Future[Result]]) -> None:
    """The same of those that were under way meanwhile."""
    decided(going[_name(beside)].result(), beside)


def decided(result: Result, case: Case) -> None:
    """A run that only says INCONCLUSIVE where it should have passed or failed is made once more, as it asks for: the
    machine may have been busy. That is told; what is wrong stays wrong.
    """
    if result.undecided:
        warnings.warn(f"made once more: {result}", stacklevel=2)
        result = run(case)
    assert result.right, str(result)
