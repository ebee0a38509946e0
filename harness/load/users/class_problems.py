"""Mistakes in a user class that are no errors in Python, so that a run would go on without a word: a misspelt attribute
or hook, a pause of its own where a pacer starts it, a task with the name of a method that it inherits. And whatever
keeps a class from having any users. All are found before the run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from locust import FastHttpUser, HttpUser, TaskSet, User
from locust.dispatch import UsersDispatcher

from harness.errors import nearest
from harness.load.http.expectation import statuses
from harness.load.http.retries import retries_of
from harness.load.http.users import LeanHttpUser
from harness.load.users.paced import Paced
from shapes._phased import PhasedShape
from shapes._profile import Profile

HOOKS = ("prepare", "check", "get_ready", "path", "on_open", "on_message", "on_end", "on_start", "on_stop")
"""Methods that a class gives for others to call."""
OF_LOCUST = ("wait_time", "fixed_count")
OF_LEAN_CLIENT = ("expect", "expect_text", "expect_json", "shed", "honours_retry_after")
"""What says which answers are good, and only the lean client reads."""
LIKE = 0.8
"""How alike a name has to be to one of ours to be a slip: users have attributes of their own."""
SHORTEST = 5


def class_problems(users: Iterable[type[User]]) -> list[str]:
    """Everything that is wrong with these classes, once each, with its remedy."""
    return list(dict.fromkeys(problem for user in users for problem in _problems(user)))


def _problems(user: type[User]) -> Iterator[str]:
    yield from _misspelt(user)
    yield from _hidden(user, User)
    for tasks in _task_sets(getattr(user, "tasks", ())):
        yield from _hidden(tasks, TaskSet)
    if issubclass(user, HttpUser | FastHttpUser):
        for name in OF_LEAN_CLIENT:
            if hasattr(user, name):
                yield (
                    f"{user.__name__}.{name}: only the lean client reads it; make the class a LeanHttpUser, or say in "
                    "a catch_response block what is wrong (--expect and --shed hold for every client)"
                )
    if issubclass(user, LeanHttpUser):
        yield from _no_statuses(user)
        try:
            retries_of(user.retries)
        except ValueError as error:
            yield f"{user.__name__}.retries: {error}"
    if issubclass(user, Paced):
        yield from user.conflicts()
        if inspect.getattr_static(user, "wait_time") is not vars(Paced)["wait_time"]:
            yield f"{user.__name__}.wait_time: the shape decides when these users start; leave wait_time out"
        for tasks in _task_sets(getattr(user, "tasks", ())):
            if inspect.getattr_static(tasks, "wait_time") is not vars(TaskSet)["wait_time"]:
                yield f"{tasks.__name__}.wait_time: the shape decides when {user.__name__} starts; leave wait_time out"


def _no_statuses(user: type[LeanHttpUser]) -> Iterator[str]:
    for name in ("expect", "shed"):
        try:
            statuses(getattr(user, name))
        except (ValueError, TypeError) as error:
            yield f"{user.__name__}.{name}: {error}"


def _misspelt(user: type[User]) -> Iterator[str]:
    ours = [cls for cls in user.__mro__ if cls.__module__.startswith("harness.")]
    if not ours:
        return
    known = {name for cls in ours for name, value in _attributes(cls).items() if not callable(value)} | set(OF_LOCUST)
    hooks = [name for name in HOOKS if hasattr(user, name)]
    for cls in user.__mro__:
        if cls.__module__.startswith(("harness.", "locust.")) or cls is object:
            continue
        for name, value in _attributes(cls).items():
            if any(hasattr(parent, name) for parent in (*ours, User)) or hasattr(value, "locust_task_weight"):
                continue
            # Data may be meant for data, and a method for a hook; a wait_time is either.
            among = hooks if inspect.isroutine(value) else [each for each in known if len(each) >= SHORTEST]
            if name in among:
                yield (
                    f"{cls.__name__}.{name}: only users of another kind are asked for it, no {ours[0].__name__} is; "
                    "let it be a task, or one of your own that begins with an underscore"
                )
            elif meant := nearest(name, [*among, *OF_LOCUST], LIKE):
                yield (
                    f"{cls.__name__}.{name}: nothing reads it; did you mean {meant}? "
                    "(One of your own may begin with an underscore.)"
                )


def _hidden(cls: type[User] | type[TaskSet], of_locust: type) -> Iterator[str]:
    """Methods in the place of inherited ones that are called by others: a task that is none of them, one of the same
    name as an inner one of ours, and one that cannot be called as the one that it replaces is. A task that extends what
    it replaces is called as a task and in its place.
    """
    for place, own in enumerate(cls.__mro__):
        if own.__module__.startswith(("harness.", "locust.")) or own is object:
            continue
        behind = cls.__mro__[place + 1 :]
        inherited = [parent for parent in behind if parent.__module__.startswith("harness.") or parent is of_locust]
        for name, value in vars(own).items():
            replaced = next((vars(parent)[name] for parent in inherited if name in vars(parent)), None)
            if not inspect.isfunction(value) or not callable(replaced) or name.startswith("__"):
                continue
            is_task = hasattr(value, "locust_task_weight") and not hasattr(replaced, "locust_task_weight")
            if (is_task and not _extends(value, name)) or name.startswith("_"):
                yield f"{own.__name__}.{name}: it takes the place of a method that is called so; give it another name"
            elif inspect.isfunction(replaced) and (arguments := _unfit(value, replaced)):
                also = " or, as a task, with nothing" if is_task else ""
                yield f"{own.__name__}.{name}: it is called with {arguments}{also}; take that, or give it another name"
            elif is_task and _takes_more(value):
                yield f"{own.__name__}.{name}: Locust calls a task with nothing; give its arguments defaults"


def _extends(given: Callable[..., object], name: str) -> bool:
    """Whether it calls the one that it replaces, by ``super()``."""
    return {"super", name} <= set(given.__code__.co_names)


def _takes_more(given: Callable[..., object]) -> bool:
    """Than the user, which is all that Locust gives a task."""
    try:
        inspect.signature(given).bind(None)
    except TypeError:
        return True
    return False


def _unfit(given: Callable[..., object], replaced: Callable[..., object]) -> str:
    """What the replaced one is called with, where the given one cannot be; else empty."""
    required = [each for each in inspect.signature(replaced).parameters.values() if each.default is each.empty]
    by_place = [each.name for each in required if each.kind is each.POSITIONAL_OR_KEYWORD]
    by_name = [each.name for each in required if each.kind is each.KEYWORD_ONLY]
    try:
        inspect.signature(given).bind(*by_place, **dict.fromkeys(by_name))
    except TypeError:
        told = [name for name in (*by_place, *by_name) if name != "self"]
        return f"({', '.join(told)})"
    return ""


def _attributes(cls: type) -> dict[str, object]:
    return {name: value for name, value in vars(cls).items() if not name.startswith("_") and not inspect.isclass(value)}


def _task_sets(tasks: object) -> Iterator[type[TaskSet]]:
    for task in dict.fromkeys(tasks) if isinstance(tasks, list | tuple | dict) else ():
        if inspect.isclass(task) and issubclass(task, TaskSet):
            yield task
            yield from _task_sets(task.tasks)


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
