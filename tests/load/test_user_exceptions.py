"""Exceptions in users' code, as one load process counts them; whole runs are in tests/run/test_user_exceptions.py."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import gevent
import locust
import pytest
from gevent.pool import Group
from locust.env import Environment
from locust.exception import StopUser

from harness.load.http.errors import NotJsonError
from harness.load.user_exceptions import UserExceptions


@pytest.fixture
def environment() -> Environment:
    return Environment()


@pytest.fixture
def exceptions(environment: Environment) -> Iterator[UserExceptions]:
    noted = UserExceptions(lambda: None)
    noted.listen(environment)
    yield noted
    noted.close()


def counted(exceptions: UserExceptions) -> dict[str, int]:
    """Over all seconds."""
    counts = Counter[str]()
    for mark in exceptions.take(lambda _: 0.0, "n"):
        counts[mark.where] += mark.count
    return dict(counts)


def test_lines_that_users_log_about_errors_they_have_caught_are_all_printed_and_count_as_nothing(
    exceptions: UserExceptions, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        try:
            int("x")
        except ValueError:
            logging.error("order %s was refused", number)
    assert [record.getMessage() for record in caplog.records] == [f"order {n} was refused" for n in range(3)]
    assert not counted(exceptions)


def test_a_listener_that_raises_is_counted_each_time_and_printed_once(
    exceptions: UserExceptions, environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    def listener(**_: object) -> None:
        raise ValueError("no such order")

    environment.events.spawning_complete.add_listener(listener)
    for _ in range(3):
        environment.events.spawning_complete.fire(user_count=1)
    assert counted(exceptions) == {"event listener": 3}
    assert len(caplog.records) == 1


def test_an_answer_by_which_its_request_has_failed_is_no_exception_of_users_code(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the request had not failed by it, nobody else counts it."""

    class Buyer(locust.User):
        in_block = True

        @locust.task
        def buy(self) -> None:
            if hasattr(self, "has_bought"):
                raise StopUser
            self.has_bought = True
            error = NotJsonError("Expecting value", "", 0)
            error.counts_as_answer = self.in_block
            raise error

        def wait_time(self) -> float:
            return 0

    cut_short: list[None] = []
    noted = UserExceptions(lambda: cut_short.append(None))
    noted.listen(environment)
    for Buyer.in_block, counts in ((True, {}), (False, {"task": 1})):
        Buyer(environment).start(Group()).join(5)
        assert counted(noted) == counts
        assert len(caplog.records) == len(counts)
    noted.close()
    assert len(cut_short) == 2, "the rest of either task was not done"


def test_an_error_that_is_made_once_counts_each_time_that_it_is_raised(
    exceptions: UserExceptions, environment: Environment
) -> None:
    prebuilt = ValueError("no stock left")

    def execute_next_task() -> None:
        """Of the user's own, and called as something of Locust's is."""
        raise prebuilt

    class Visitor(locust.User):
        tasks = ()

        @locust.task
        def visit(self) -> None:
            self.visits = getattr(self, "visits", 0) + 1
            if self.visits > 3:
                raise StopUser
            execute_next_task()

        def wait_time(self) -> float:
            return 0

    Visitor(environment).start(Group()).join(5)
    assert counted(exceptions) == {"task": 3}
    for _ in range(2):
        gevent.spawn(execute_next_task).join(5)
    assert counted(exceptions) == {"greenlet": 2}


def test_an_error_that_comes_by_two_ways_counts_once(exceptions: UserExceptions, environment: Environment) -> None:
    prebuilt = ValueError("no stock left")

    class Waiting(locust.User):
        tasks = ()

        @locust.task
        def visit(self) -> None:
            if hasattr(self, "visited"):
                raise StopUser
            self.visited = True
            gevent.spawn(int, "x").get()

        def wait_time(self) -> float:
            return 0

    class NotReady(locust.User):
        tasks = (lambda _: None,)

        def on_start(self) -> None:
            raise prebuilt

    class NotDone(locust.User):
        tasks = (lambda _: None,)

        def on_start(self) -> None:
            raise StopUser

        def on_stop(self) -> None:
            raise KeyError("session")

    for kind, where in ((Waiting, "greenlet"), (NotReady, "on_start"), (NotReady, "on_start"), (NotDone, "on_stop")):
        kind(environment).start(Group()).join(5)
        assert counted(exceptions) == {where: 1}


def test_nothing_is_left_of_it_when_it_is_closed(environment: Environment) -> None:
    before = environment.events.user_error._handlers[:]
    loggers = [logging.getLogger(name) for name in (None, "locust.user.task", "locust.user.users")]
    filters = [logger.filters[:] for logger in loggers]
    noted = UserExceptions(lambda: None)
    noted.listen(environment)
    assert "handle_error" in vars(gevent.get_hub())
    noted.close()
    noted.close()
    assert environment.events.user_error._handlers == before
    assert [logger.filters for logger in loggers] == filters
    assert "handle_error" not in vars(gevent.get_hub())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("401 for http://me:hush@host/path?token=abc", "401 for http://host/path"),
        ("no login with password=hush!, user=me", "no login with password=…, user=me"),
        ("Authorization: Bearer abc.def refused", "Authorization: Bearer … refused"),
        ("{'api_key': 'k-123', 'a': 1}", "{'api_key': …, 'a': 1}"),
        ("the service said open-sesame", "the service said …"),
        ("KeyError in basket 17", "KeyError in basket 17"),
    ],
)
def test_a_message_shows_no_secret(text: str, kept: str) -> None:
    exceptions = UserExceptions(lambda: None)
    exceptions.secrets = ("open-sesame",)
    exceptions.note(ValueError(text), "task")
    (mark,) = exceptions.take(lambda instant_s: instant_s, "w")
    assert mark.message == kept


def test_only_a_user_who_fails_twice_to_get_ready_prevents_the_run() -> None:
    """One hiccup each for many of them is none: they try again."""
    exceptions = UserExceptions(lambda: None)
    first, second = object(), object()
    for user in (first, second):
        exceptions.note(ValueError("busy"), "prepare", user)
    assert exceptions.prevents is None
    exceptions.note_ready(first)
    exceptions.note(ValueError("busy"), "prepare", first)
    assert exceptions.prevents is None, "not twice in a row"
    exceptions.note(ValueError("busy"), "prepare", first)
    assert exceptions.prevents is not None and exceptions.prevents.count == 4


def test_refusals_of_a_service_hide_no_exception_of_users_code() -> None:
    exceptions = UserExceptions(lambda: None)
    user = object()
    exceptions.note_not_ready(ValueError("http 503"), user)
    exceptions.note(KeyError("token"), "prepare", user)
    exceptions.note(KeyError("token"), "prepare", user)
    exceptions.note_not_ready(ValueError("http 503"), user)
    assert exceptions.prevents is not None and exceptions.prevents.exception == "KeyError"
