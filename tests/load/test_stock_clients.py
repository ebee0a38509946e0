"""Locust's own HTTP clients: every request that was sent is counted, whatever the task does with its answer."""

from __future__ import annotations

import _thread
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment
from locust.exception import RescheduleTask

from harness.load.outcomes import ExpectedStatuses
from harness.load.stock_clients import count_all_requests, count_without_block, lock_cookies_natively
from tests.http.scripted import CLOSE, READ, RESET, scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"


@pytest.fixture(params=[HttpSession, FastHttpSession])
def session(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One of a paced user, whose base URL the test gives; ``outcomes`` are those of its events."""
    count_all_requests()
    count_all_requests()
    environment = Environment()
    user = SimpleNamespace(current_start=None, context=dict, environment=environment)
    if request.param is HttpSession:
        made: Any = HttpSession("", environment.events.request, user)  # type: ignore[arg-type]
    else:
        made = FastHttpSession("", environment.events.request, user)  # type: ignore[arg-type]
    made.outcomes = []

    def keep(exception: Any, response: Any, **_: Any) -> None:
        status = getattr(response, "status_code", 0)
        made.outcomes.append(ExpectedStatuses().outcome(exception, response, status))

    environment.events.request.add_listener(keep)
    yield made


def test_an_exception_in_a_block_is_a_wrong_answer(session: Any) -> None:
    """The task may catch it: then nobody else would know."""
    with scripted([READ, OK, READ, OK, READ, BAD, READ, OK]) as server:
        session.base_url = server.url
        with pytest.raises(KeyError), session.get("/", catch_response=True):
            raise KeyError("no field")
        with pytest.raises(KeyError), session.get("/", catch_response=True) as answer:
            answer.success()
            raise KeyError("afterwards")
        with pytest.raises(RescheduleTask), session.get("/", catch_response=True):
            raise RescheduleTask
        with session.get("/", catch_response=True) as answer:
            answer.failure("said")
        count_without_block(session)
    assert session.outcomes == ["wrong answer", "ok", "http 500", "wrong answer"]


def test_a_forgotten_block_counts_as_it_is_when_the_iteration_is_over(session: Any) -> None:
    with scripted([READ, BAD, READ, OK, READ, OK]) as server:
        session.base_url = server.url
        session.get("/", catch_response=True)
        session.get("/", catch_response=True)
        with session.get("/", catch_response=True):
            pass
        assert session.outcomes == ["ok"]
        count_without_block(session)
        assert session.outcomes == ["ok", "http 500", "ok"]
        count_without_block(session)
    assert len(session.outcomes) == 3


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("script", [[READ, 0.5, OK], [READ, OK[:-1], 0.5]], ids=["no answer", "half of one"])
def test_the_users_own_timeout_ends_the_request_and_is_a_failure(session: Any, method: str, script: list[Any]) -> None:
    """By itself, FastHttpSession takes it for one of its own, asks again, and lets nobody know."""
    went_on = False
    with scripted(script, [READ, OK]) as server:
        session.base_url = server.url
        with gevent.Timeout(0.1, False):
            getattr(session, method)("/", data="x")
            went_on = True
        assert not went_on
        assert session.outcomes == ["timeout"]
        assert session.get("/").text == "ok", "what was on its way is not taken for the next answer"
    assert session.outcomes == ["timeout", "ok"]


@pytest.mark.parametrize("ends", [CLOSE, RESET])
def test_a_connection_that_ends_without_an_answer_is_a_failure(session: Any, ends: str) -> None:
    """FastHttpSession asks again, up to eleven times, and lets nobody know: half of a service may be gone."""
    with scripted([READ, OK, READ, ends], [READ, ends], [READ, OK, CLOSE], [READ, OK]) as server:
        session.base_url = server.url
        for _ in range(4):
            session.get("/")
        gevent.sleep(0.05)
        session.get("/")  # a connection that was closed while it was idle is none of these
    assert session.outcomes == ["ok", "connection reset", "connection reset", "ok", "ok"]


def test_a_request_without_a_name_is_called_by_its_address_without_secrets(session: Any) -> None:
    names = []
    session.request_event.add_listener(lambda name, **_: names.append(name))
    with scripted([READ, OK] * 4) as server:
        session.base_url = server.url
        session.get("/items?token=hush")
        session.get(f"{server.url.replace('://', '://user:hush@')}/items?token=hush")
        session.get("/items?page=2", name="/items?page=[page]")
        session.request_name = "all items"
        session.get("/items?page=3")
    assert names == ["/items", f"{server.url}/items", "/items?page=[page]", "all items"]


def test_cookies_are_kept_without_asking_gevent_who_holds_their_lock(session: Any) -> None:
    """Python asks six times a request, and each time the guard of connections has a look."""
    lock_cookies_natively()
    lock_cookies_natively()
    made = type(session)("", session.request_event, session.user)
    jar = made.cookiejar if isinstance(made, FastHttpSession) else made.cookies
    assert type(jar._cookies_lock) is _thread.RLock
    with scripted([READ, OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"), READ, OK]) as server:
        made.base_url = server.url
        made.get("/")
        made.get("/")
        assert b"".join(server.seen()).count(b"Cookie: a=b") == 1
