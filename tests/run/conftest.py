"""Ends what failed tests have left running. The runs that tests share are made in pool.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.run import runs


@pytest.fixture(scope="module", autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    runs.kill_going()
