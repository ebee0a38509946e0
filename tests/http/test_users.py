"""Users and their connections: bounded, shared only when asked, and gone when the user is."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, ClassVar

import gevent
import pytest
from gevent.pool import Group
from locust import task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.http import HerdHttpUser, LeanHttpUser, PacedHttpUser, Timeouts
from harness.load.node import Node
from harness.load.outcomes import outcome_of
from harness.load.pacing import Start
from harness.load.present_node import node_of, set_node
from harness.load.users.class_problems import class_problems
from tests.http.conftest import Certificates, Make
from tests.http.scripted import READ, scripted
from tests.http.sockets import new_sockets, sockets

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SLOW = [READ, 0.2, OK] * 5


def run_users(
    kind: type[LeanHttpUser],
    count: int,
    enough: Callable[[list[Any]], bool],
    environment: Environment | None = None,
    limit_s: float = 20,
) -> list[Any]:
    """Runs users as Locust's runner does, kills them when their events are enough, and gives the events."""
    environment = environment or Environment()
    events: list[Any] = []
    environment.events.request.add_listener(lambda **event: events.append(event))
    group = Group()
    users = [kind(environment) for _ in range(count)]
    for user in users:
        user.start(group)
    deadline = time.monotonic() + limit_s
    while not enough(events) and time.monotonic() < deadline:
        gevent.sleep(0.01)
    for user in users:
        user.stop(force=True)
    group.join(timeout=limit_s)
    assert len(group) == 0
    return events


def after(seconds: float) -> Callable[[list[Any]], bool]:
    """Enough is when this time has passed."""
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() >= end


def test_no_socket_is_left_when_users_are_gone() -> None:
    """Killed while they work, while they wait for an answer, with an on_stop of their own that calls nobody."""
    before = sockets()
    with scripted(SLOW, [READ, OK] * 1000) as server:

        class Reader(LeanHttpUser):
            host = server.url

            @task
            def read(self) -> None:
                self.client.get("/")

            def on_stop(self) -> None:
                pass

        events = run_users(Reader, 20, lambda events: len(events) > 100)
        assert len(events) > 100
        assert new_sockets(before) == 0


@pytest.mark.parametrize("kind", [LeanHttpUser, PacedHttpUser])
def test_users_do_not_keep_where_they_were_spawned(kind: type[LeanHttpUser]) -> None:
    """Ten thousand times the same place; which greenlet has spawned another is another matter, and stays known."""

    class Waiting(kind):  # type: ignore[misc, valid-type]
        host = "http://127.0.0.1:9"

        @task
        def wait_long(self) -> None:
            gevent.sleep(60)

    group: Any = Group()
    user = Waiting(attached())
    greenlet = user.start(group)
    assert greenlet.spawning_stack is None and greenlet.spawning_greenlet() is gevent.getcurrent()
    user.stop(force=True)
    group.join(timeout=20)


def test_connections_of_one_user_are_bounded(make: Make) -> None:
    """Greenlets of a task share the client: so many connections and no more, the others wait their turn."""
    with scripted(SLOW) as server:
        made = make(server.url, concurrency=2)
        gevent.joinall([gevent.spawn(made.get, "/") for _ in range(6)])
        assert made.outcomes == ["ok"] * 6 and len(server.seen()) == 2


def test_waiting_for_a_connection_has_a_deadline(make: Make) -> None:
    """The target was not asked, so it has not kept anybody waiting to connect."""
    with scripted(SLOW) as server:
        made = make(server.url, concurrency=1, timeouts=Timeouts(connect_s=0.05))
        gevent.joinall([gevent.spawn(made.get, "/") for _ in range(3)])
        assert sorted(made.outcomes) == ["no free connection", "no free connection", "ok"]


@pytest.mark.parametrize("shared", [0, 3])
def test_connections_are_shared_only_when_asked(shared: int) -> None:
    """Each user has its own, unless the class says how many there are for all; these are closed with the run."""
    before = sockets()
    with scripted([READ, 0.02, OK] * 1000) as server:

        class Reader(LeanHttpUser):
            host = server.url
            shared_connections = shared

            @task
            def read(self) -> None:
                self.client.get("/")

        environment = Environment()
        wanted = shared or 8
        events = run_users(Reader, 8, lambda events: len(events) > 100 and new_sockets(before) >= wanted, environment)
        assert {outcome_of(event["exception"], event["response"]) for event in events} == {"ok"}
        environment.events.test_stop.fire(environment=environment)
        assert new_sockets(before) == 0
        # A place that a killed user leaves goes to one that waits, which may connect, but is killed before it sends.
        assert len([one for one in server.seen() if one]) == (shared or 8)


def test_cookies_are_never_shared() -> None:
    """Not even by users that share connections."""
    with scripted([READ, b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"] * 9) as server:

        class Reader(LeanHttpUser):
            host = server.url
            shared_connections = 1

        one, other = (Reader(Environment()) for _ in range(2))
        one.client.get("/")
        assert one.client.cookies.get("a") == "1" and not other.client.cookies


def test_a_user_without_a_host() -> None:
    """Says what to give."""
    with pytest.raises(ValueError, match="give a URL"):
        LeanHttpUser(Environment())


def test_settings_of_a_class() -> None:
    """Time limits and default headers are read from the class."""
    with scripted([READ, 0.5, OK]) as server:

        class Reader(LeanHttpUser):
            host = server.url
            timeout_s = 0.1
            default_headers: ClassVar[dict[str, str]] = {"X-A": "b"}

        user = Reader(Environment())
        assert isinstance(user.client.get("/").error, TimeoutError)
        assert b"\r\nX-A: b\r\n" in server.seen()[0]


def test_locust_s_rest_helper() -> None:
    """``rest()`` of the stock classes works on the lean client."""
    with scripted([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + b'{"a": 11}', READ, OK]) as server:

        class Reader(LeanHttpUser):
            host = server.url

        environment = Environment()
        events: list[Any] = []
        environment.events.request.add_listener(lambda **event: events.append(event))
        user = Reader(environment)
        with user.rest("POST", "/", json={}) as response:
            assert response.js == {"a": 11}
        with user.rest("GET", "/") as response:
            pass
        assert [outcome_of(event["exception"], event["response"]) for event in events] == ["ok", "wrong answer"]


def attached() -> Environment:
    environment = Environment()
    set_node(environment, Node("run", Clock(exact=True)))
    return environment


def test_a_paced_user_connects_while_it_is_parked() -> None:
    """Before any request is due; and no connection is left when it is stopped there."""
    before = sockets()
    with scripted([READ, OK]) as server:

        class Parked(PacedHttpUser):
            host = server.url

            @task
            def read(self) -> None:
                self.client.get("/")

        parked = after(0.2)
        assert run_users(Parked, 3, lambda events: parked(events) and new_sockets(before) >= 3, attached()) == []
        assert len(server.seen()) == 3 and new_sockets(before) == 0


def test_a_parked_user_has_shaken_hands(certificates: Certificates) -> None:
    """No request pays for it: with TLS the session is there before any is due."""
    with scripted([READ, OK], tls=(certificates.certificate, certificates.key)) as server:

        class Parked(PacedHttpUser):
            host = f"https://localhost:{server.port}"
            ca_file = certificates.ca

            @task
            def read(self) -> None:
                self.client.get("/")

        environment = attached()
        node = node_of(environment)
        settled = after(0.2)
        assert run_users(Parked, 3, lambda events: settled(events) and node.parked == 3, environment) == []
        server.seen()
        assert server.handshakes == ["TLSv1.3"] * 3


def test_a_herd_parks_when_the_target_is_down() -> None:
    """A refused connection is not an outcome before the request is due."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        class Parked(HerdHttpUser):
            host = f"http://127.0.0.1:{taken.getsockname()[1]}"

            def prepare(self) -> Any:
                return self.client.prepare("GET", "/")

        assert run_users(Parked, 2, after(0.1), attached()) == []


@pytest.mark.parametrize("looks", [False, True])
def test_the_answers_to_a_herd_are_unchecked_unless_it_has_a_check_of_its_own(looks: bool) -> None:
    """They would not be doubted where they are far shorter than before."""

    class Visitor(HerdHttpUser):
        def prepare(self) -> Any:
            return self.client.prepare("GET", "/")

    class Looking(Visitor):
        def check(self, response: Any) -> str | None:
            return None if response.text == "ok" else "not ok"

    with scripted([READ, OK]) as server:
        environment, events = attached(), list[dict[str, Any]]()
        environment.events.request.add_listener(lambda **event: events.append(event))
        kind = Looking if looks else Visitor
        kind.host = server.url
        user = kind(environment)
        user._request, user.current_start = user.prepare(), Start(0.0, time.monotonic())
        user.send_prepared()
        user.client.close()
    assert [event["unchecked_bytes"] for event in events] == [None if looks else 2]


def test_the_answer_to_what_a_gate_has_sent_is_never_taken_for_that_of_another_request(make: Make) -> None:
    """As where a user, whatever its code, asks for something else before it has read that answer."""
    late = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"
    with scripted([READ, 0.2, late], [READ, OK]) as server:
        client = make(server.url)
        gate = client.warm_up()
        wire_bytes = client.payload(client.prepare("GET", "/of-the-gate"))
        assert gate.note_sent(wire_bytes, gate.prepared_send(wire_bytes)())
        assert client.get("/of-the-user").text == "ok"
        client.close()


def test_a_herd_cannot_share_connections() -> None:
    """Its requests are prepared on connections of their own."""

    class Shared(HerdHttpUser):
        host = "http://127.0.0.1:1"
        shared_connections = 2

        def prepare(self) -> Any:
            return self.client.prepare("GET", "/")

    assert ["cannot share connections" in problem for problem in class_problems([Shared])] == [True]
