"""Exceptions in users' code, as one load process counts them; whole runs are in tests/run/test_user_exceptions.py."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import gevent
import pytest
from locust.env import Environment

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
    return {mark.where: mark.count for mark in exceptions.take(lambda _: 0.0, "n")}


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
    exceptions.note(ValueError("busy"), "prepare", first)
    assert exceptions.prevents is not None and exceptions.prevents.count == 3
