"""What a user class says and nobody would read: a misspelt attribute or hook, a pause of its own where a pacer starts
it. Found before the run: nothing of it would be an error in Python, and the run would go on without it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from locust import FastHttpUser, HttpUser, TaskSet, User

from harness.errors import nearest
from harness.load.http.expectation import statuses
from harness.load.http.retries import retries_of
from harness.load.http.users import LeanHttpUser
from harness.load.users.paced import Paced

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
            if meant := nearest(name, [*among, *OF_LOCUST], LIKE):
                yield (
                    f"{cls.__name__}.{name}: nothing reads it; did you mean {meant}? "
                    "(One of your own may begin with an underscore.)"
                )


def _attributes(cls: type) -> dict[str, object]:
    return {name: value for name, value in vars(cls).items() if not name.startswith("_") and not inspect.isclass(value)}


def _task_sets(tasks: object) -> Iterator[type[TaskSet]]:
    for task in dict.fromkeys(tasks) if isinstance(tasks, list | tuple | dict) else ():
        if inspect.isclass(task) and issubclass(task, TaskSet):
            yield task
            yield from _task_sets(task.tasks)
