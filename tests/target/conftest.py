"""One stack for the whole folder; tests that break a stack start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.target import stacks


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    """The shared stack; whoever changes it puts it back."""
    impatient = {
        "TARGET_POOL_WAIT_S": "3",  # frozen servers: do not wait long
        "TARGET_QUERY_TIMEOUT_S": "2",
        "TARGET_ITEMS_TTL_S": "60",
        "TARGET_BREAKER_REST_S": "1",
        "TARGET_UPSTREAM_TIMEOUT_S": "1",
    }
    state_file = tmp_path_factory.mktemp("stack") / "state.json"
    with stacks.started(state_file, "--with-parent", "--users", "300", **impatient) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def healthy(stack: stacks.Stack) -> Iterator[stacks.Stack]:
    """The shared stack, with every fault off afterwards."""
    yield stack
    stack.switch(None)
    stack.fail(None)
