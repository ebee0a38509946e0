"""How many users each class gets: what keeps one of them from having any is found before the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from locust import User
from locust.dispatch import UsersDispatcher

from shapes._phased import PhasedShape
from shapes._profile import Profile


def count_problems(users: Sequence[type[User]], shape: PhasedShape) -> Iterator[str]:
    """Each with its remedy. The shape's options have been read, and are fine."""
    profile = shape.profile()
    if profile.by_class:
        for user in users:
            for name in ("fixed_count", "weight"):
                if getattr(user, name) != getattr(User, name):
                    yield f"{user.__name__}.{name}: the shape's class_levels() says how many there are; leave it out"
    elif shape.parked and len(users) > 1:
        fixed = sum(user.fixed_count for user in users)
        if fixed > profile.pool_users:
            yield (
                f"the classes' fixed_count add up to {fixed:,} users, and the pool has {profile.pool_users:,}: give "
                "some of them less, or the pool more"
            )
            return
        for name, count in _by_weight(users, profile.pool_users).items():
            if not count:
                yield (
                    f"{name}: of a pool of {profile.pool_users:,} users it would get none, by its weight; give it a "
                    "fixed_count, or a larger pool, or leave the class out"
                )


def spread_problems(profile: Profile, nodes: int) -> Iterator[str]:
    """What keeps a load process from having users of a class that has starts of its own."""
    for each in profile.by_class:
        if each.background_users < nodes and max(each.starts.peak, each.users.peak):
            yield (
                f"{each.user_class}: its level has {each.background_users} of the users, too few for {nodes} load "
                f"processes; give it {nodes} at least"
            )


def _by_weight(users: Sequence[type[User]], total: int) -> dict[str, int]:
    """As Locust spawns them."""
    node: Any = SimpleNamespace(id="_")
    dispatcher = UsersDispatcher([node], list(users))
    dispatcher.new_dispatch(total, max(1, total))
    return next(dispatcher)["_"]
