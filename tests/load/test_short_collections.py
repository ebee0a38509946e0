"""A load process looks at all that it has only now and then, and gives back what has become garbage all the same."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from harness.load import short_collections
from harness.load.short_collections import ShortCollections


class Node:
    """Of a circle: no count of references frees it."""

    alive = 0

    def __init__(self) -> None:
        self.me = self
        Node.alive += 1

    def __del__(self) -> None:
        Node.alive -= 1


@pytest.fixture
def collections() -> Iterator[ShortCollections]:
    made = ShortCollections()
    made.begin()
    yield made
    made.end()
    gc.unfreeze()
    gc.collect()


@pytest.mark.usefixtures("collections")
def test_what_a_full_collection_has_looked_at_the_next_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_collections, "prod", lambda _: 1)
    kept: list[Any] = [[] for _ in range(10_000)]
    gc.collect()
    assert len(gc.get_objects(generation=2)) < len(kept)
    gc.collect()
    assert len(gc.get_objects(generation=2)) < len(kept)


@pytest.mark.usefixtures("collections")
def test_garbage_that_was_put_aside_is_given_back_when_as_much_is_new_as_there_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(short_collections, "prod", lambda _: gc.get_freeze_count() // 4)
    Node.alive = 0
    nodes = [Node() for _ in range(100)]
    gc.collect()
    nodes.clear()
    gc.collect()
    assert Node.alive == 100, "it was put aside, or this test shows nothing"
    for _ in range(6):
        gc.collect()
    assert Node.alive == 0


def test_in_the_end_python_collects_as_ever() -> None:
    before, made = list(gc.callbacks), ShortCollections()
    made.begin()
    made.end()
    made.end()
    assert gc.callbacks == before
    gc.unfreeze()


@pytest.mark.usefixtures("collections")
def test_garbage_is_given_back_where_python_has_no_threshold_of_the_last_generation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Python 3.14 says."""
    monkeypatch.setattr(gc, "get_threshold", lambda: (gc.get_freeze_count() // 8, 2, 0))
    Node.alive = 0
    nodes = [Node() for _ in range(100)]
    gc.collect()
    nodes.clear()
    for _ in range(7):
        gc.collect()
    assert Node.alive == 0
