"""One pool for all the real runs that the selected tests look at, from the first test of the session to the last.

Runs take their time but little of the machine, so several go at once, the longest first: how many, admission.py says.
The tests that look at none of them come first, and use the time; the others find their run done, or wait for it.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from tests.run import admission, runs
from tests.run.together import Case

FEWEST, MOST = 3, 8
"""Runs at once, by how busy the machine is."""
TESTS_AT_ONCE = 2
"""Of those, the ones that are tests: beside them go others of their folder, which have a stack, say."""
PATIENCE_S = 900
"""How long a test may wait for its run; how long the run itself may take, its function says."""
SLOWEST = 10
NAMED_BY = 30
"""Letters of a directory's name, as pytest has it: addresses of sockets below it have to be short."""


class RunPool:
    """The runs of a session by their case; ``seconds`` of those that are done."""

    def __init__(self, cases: Sequence[Case], directories: pytest.TempPathFactory) -> None:
        self.seconds: dict[Case, float] = {}
        self._executor = ThreadPoolExecutor(MOST)
        self._admission = admission.of_this_machine(FEWEST, MOST)
        self._directories = directories
        self._futures: dict[Case, Future[Any]] = {}
        for case in cases:
            self._submit(case)

    def result(self, case: Case) -> Any:
        """What the case's function returned; raises what it raised."""
        return self._submit(case).result()

    def wait(self, case: Case) -> None:
        """Until it has ended, well or not."""
        wait([self._submit(case)])

    def close(self) -> None:
        self._admission.close()
        self._executor.shutdown(cancel_futures=True)

    def _submit(self, case: Case) -> Future[Any]:
        if case not in self._futures:
            directory = self._directories.mktemp(case.function.__name__[:NAMED_BY])
            self._futures[case] = self._executor.submit(self._run, case, directory)
        return self._futures[case]

    def _run(self, case: Case, directory: Path) -> Any:
        with self._admission.turn():
            began_s = time.monotonic()
            try:
                return case.function(directory, **dict(case.arguments))
            finally:
                runs.kill_going()
                self.seconds[case] = time.monotonic() - began_s


def case_of(item: pytest.Item) -> Case | None:
    """The run that a test looks at, or that it is, if there is one."""
    callspec = getattr(item, "callspec", None)
    parameters: dict[str, Any] = callspec.params if callspec is not None else {}
    if isinstance(item, pytest.Function) and item.get_closest_marker("beside"):
        if CASE not in item.stash:
            item.stash[CASE] = Case(_in_its_turn(item), tuple(parameters.items()))
        return item.stash[CASE]
    case = parameters.get("outcome")
    return case if isinstance(case, Case) else None


_turns = threading.Semaphore(TESTS_AT_ONCE)


def _in_its_turn(item: pytest.Function) -> Callable[..., None]:
    test = item.function

    @functools.wraps(test)
    def run(directory: Path, **parameters: Any) -> None:
        with _turns:
            test(**parameters, **({"tmp_path": directory} if "tmp_path" in item.fixturenames else {}))

    return run


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if CASE in item.stash:
        item.config.stash[POOL].wait(item.stash[CASE])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if CASE not in pyfuncitem.stash:
        return None
    pyfuncitem.config.stash[POOL].result(pyfuncitem.stash[CASE])
    return True


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """First the tests that look at no run of the pool, then the others, those of the longest runs first."""
    cases = {item: case for item in items if (case := case_of(item)) is not None}
    for item in cases:
        item.add_marker(pytest.mark.timeout(PATIENCE_S))
    order = {case: place for place, case in enumerate(_longest_first(list(cases.values())))}
    return sorted(items, key=lambda item: order[cases[item]] if item in cases else -1)


def _longest_first(cases: Sequence[Case]) -> list[Case]:
    return sorted(dict.fromkeys(cases), key=lambda case: -case.takes_s)


@pytest.fixture(scope="session", autouse=True)
def run_pool(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunPool]:
    cases = [case for item in request.session.items if (case := case_of(item)) is not None]
    pool = RunPool(_longest_first(cases), tmp_path_factory)
    request.config.stash[POOL] = pool
    yield pool
    pool.close()


@pytest.fixture
def outcome(request: pytest.FixtureRequest, run_pool: RunPool) -> Any:
    return run_pool.result(request.param)


POOL = pytest.StashKey[RunPool]()
CASE = pytest.StashKey[Case]()


def slowest(config: pytest.Config) -> list[str]:
    """A line for each of the longest runs, to see what a session waits for."""
    seconds = config.stash[POOL].seconds if POOL in config.stash else {}
    longest = sorted(seconds, key=lambda case: -seconds[case])[:SLOWEST]
    return [f"{seconds[case]:.1f} s  {case.function.__module__}.{case.function.__name__}  {case}" for case in longest]
