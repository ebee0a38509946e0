"""Spawning exactly so many users of each class as a shape says, over all workers.

Locust's own dispatcher spawns by weight: what a class has is what its weight makes of each increase, users who leave
are those who came last, whatever their class, and two classes of one weight may be dealt out to two workers so that
each has one of them only.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from locust import User
from locust.dispatch import UsersDispatcher


class ClassDispatcher(UsersDispatcher):
    """``tick()`` gives the counts in the place of Locust's classes: ``(users, rate, (("Buyer", 20), ("Reader", 80)))``.

    User number i of the class of rank r is on worker r + i, counted round and round: so each worker has each class by
    its share, and nobody moves when a count changes. The rate is that of Locust's grid: all at once.
    """

    def __init__(self, worker_nodes: list[Any], user_classes: list[type[User]]) -> None:
        super().__init__(worker_nodes, user_classes)
        self._counts: Mapping[str, int] = {}

    def new_dispatch(self, target_user_count: int, spawn_rate: float, user_classes: Any = None) -> None:
        """Without counts, as when a worker has come or gone, those that were given last."""
        if user_classes is not None:
            self._counts = dict(user_classes)
        super().new_dispatch(target_user_count, spawn_rate)

    def add_worker(self, worker_node: Any) -> None:
        self._worker_nodes = [*self._worker_nodes, worker_node]

    def remove_worker(self, worker_node: Any) -> None:
        self._worker_nodes = [each for each in self._worker_nodes if each.id != worker_node.id]

    def _dispatcher(self) -> Generator[dict[str, dict[str, int]]]:
        classes = [each.__name__ for each in self._original_user_classes]
        nodes = [each.id for each in sorted(self._worker_nodes, key=attrgetter("id"))]
        self._users_on_workers = placed(classes, self._counts, nodes)
        self._current_user_count = self.get_current_user_count()
        yield self._users_on_workers


def dispatcher(of: type[UsersDispatcher], by_class: bool) -> type[UsersDispatcher]:
    """``of`` with counts of classes or without. What it does with workers who come and go stays as it is."""
    if issubclass(of, ClassDispatcher):
        return of if by_class else of.__bases__[0]
    if not by_class:
        return of
    return ClassDispatcher if of is UsersDispatcher else type(f"Class{of.__name__}", (of, ClassDispatcher), {})


def placed(classes: Sequence[str], counts: Mapping[str, int], nodes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Node → class → users, all classes for each node."""
    spread = len(nodes)
    return {
        node: {
            name: (counts.get(name, 0) + spread - 1 - (place - rank) % spread) // spread
            for rank, name in enumerate(classes)
        }
        for place, node in enumerate(nodes)
    }
