"""Whether anything of a user's code looks at the body of an answer: an error page may come with status 200."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

from locust import FastHttpUser, HttpUser, TaskSet, User

from harness.load.http import HerdHttpUser, LeanHttpUser

LOOKS = frozenset({"failure", "json", "text", "content", "iter_lines", "iter_content"})
"""Names by which the body of an answer is asked for, or the answer declared wrong."""
DECLARES = frozenset({"catch_response", "expect_text", "expect_json"})
"""Keywords of a request, and but for the first attributes of a class, that say what a good answer has in it."""


def judged_by_status(users: Iterable[type[User]]) -> tuple[str, ...]:
    """The names of the HTTP user classes in whose code nothing looks at a body. Read from the code as it is written:
    what a function of another module does with an answer that it is handed is not seen.
    """
    http = [user for user in users if issubclass(user, LeanHttpUser | HttpUser | FastHttpUser)]
    return tuple(user.__name__ for user in http if not _looks(user))


def _looks(user: type[User]) -> bool:
    if issubclass(user, LeanHttpUser) and any(getattr(user, name, None) is not None for name in DECLARES):
        return True
    if issubclass(user, HerdHttpUser) and user.check is not HerdHttpUser.check:
        return True
    return any(_asks(function, set()) for function in _functions(user))


def _functions(user: type[User] | type[TaskSet]) -> Iterator[FunctionType]:
    """Methods and tasks, those of our own scenario users among them, not those of a client."""
    for cls in user.__mro__:
        if cls is object or cls.__module__.startswith(("locust.", "harness.load.http.")):
            continue
        yield from (value for value in vars(cls).values() if isinstance(value, FunctionType))
    for each in dict.fromkeys(user.tasks):
        if isinstance(each, FunctionType):
            yield each
        elif inspect.isclass(each) and issubclass(each, TaskSet):
            yield from _functions(each)


def _asks(function: FunctionType, seen: set[FunctionType]) -> bool:
    """Whether it, or a function that it names in its own module, asks for a body."""
    if function in seen:
        return False
    seen.add(function)
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    keywords = {
        word
        for code in _codes(function.__code__)
        for constant in code.co_consts
        if isinstance(constant, tuple)
        for word in constant
    }
    if names & LOOKS or keywords & DECLARES:
        return True
    called = (function.__globals__.get(name) for name in names)
    return any(_asks(each, seen) for each in called if isinstance(each, FunctionType))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """With those of its inner functions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
