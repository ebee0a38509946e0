"""Runs the functions that the selected tests of a file want, several at a time; see together.py."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.run import runs
from tests.run.together import Case

AT_ONCE = 5


@pytest.fixture(scope="module", autouse=True)
def nobody_left() -> Iterator[None]:
    """Ends what failed tests have left running."""
    yield
    runs.kill_going()


@pytest.fixture(scope="module")
def _futures(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Case, Future[Any]]]:
    futures: dict[Case, Future[Any]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for item in request.session.items:
            case = item.callspec.params.get("outcome") if hasattr(item, "callspec") else None
            if isinstance(case, Case) and item.path == request.path and case not in futures:
                directory = tmp_path_factory.mktemp(case.function.__name__)
                futures[case] = pool.submit(case.function, directory, **dict(case.arguments))
        yield futures
        for future in futures.values():
            future.cancel()


@pytest.fixture
def outcome(request: pytest.FixtureRequest, _futures: dict[Case, Future[Any]]) -> Any:
    return _futures[request.param].result()
