"""Users that open their connection when they start: every start is cold, and each has its outcome."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent.pool import Group
from gevent.server import StreamServer
from locust import HttpUser, task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.http import HerdHttpUser, PacedHttpUser, connecting
from harness.load.http.connecting import PendingConnection
from harness.load.http.gate_connections import ColdConnection
from harness.load.http.request import Origin
from harness.load.http.settings import TlsSettings
from harness.load.node import Node
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.load.users.class_problems import class_problems
from harness.load.users.paced import Paced
from harness.load.websocket.transport import PendingWebSocket
from shapes._profile import Herd, Polyline
from tests.http.conftest import Certificates
from tests.http.scripted import READ, scripted
from tests.http.sockets import connected_to, unanswered

LATER_S = 3600.0
"""On the time axis of the run: an instant that comes when the test says so, see :class:`SteeredClock`."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
USERS = 8


class ColdHerd(HerdHttpUser):
    abstract = True
    connect_early = False

    def prepare(self) -> Any:
        return self.client.prepare("GET", f"/{self.number}")


class SteeredClock(Clock):
    """The gate sees within half a second that the master's time is another one."""

    def jump_to(self, master_s: float) -> None:
        self._offset_s = master_s - time.monotonic()


@contextmanager
def parked(kind: type[Paced], count: int) -> Iterator[tuple[Node, list[Paced]]]:
    """Users as Locust's runner starts them, parked and waiting for the plan; stopped in the end."""
    environment = Environment()
    node = Node("run", SteeredClock(exact=True))
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    group = Group()
    users = [kind(environment) for _ in range(count)]
    for user in users:
        user.start(group)
    wait_until(lambda: node.parked == count)
    try:
        yield node, users
    finally:
        for user in users:
            user.stop(force=True)
        group.join(timeout=5)


def begin(node: Node, herds: tuple[float, ...] = (), starts_per_s: float = 0.0, held: tuple[Herd, ...] = ()) -> None:
    """Herds of everybody at these seconds, or starts at this rate for one second, while others are ``held``."""
    node.begin(
        Plan(
            run="run",
            origin_s=time.monotonic(),
            duration_s=1,
            pacing="arrivals",
            level=Polyline(((0, starts_per_s), (1, starts_per_s))),
            seed=None,
            herds=held or tuple(Herd("herd", t, USERS) for t in herds),
            background_users=0 if herds else 4 if held else USERS,
            paced=True,
            drain_s=5.0,
        )
    )


def come_to_later(node: Node) -> None:
    """To shortly before it: everybody is back in the gate, however long the herd before took on this machine."""
    assert node.plan is not None and isinstance(node.clock, SteeredClock)
    wait_until(lambda: not node.recorder.starts)
    node.clock.jump_to(node.plan.origin_s + LATER_S - 0.1)


def wait_until(reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline_s, "not in time"
        gevent.sleep(0.01)


def outcomes(node: Node) -> dict[str, int]:
    """What became of every start, once all is over."""
    node.drain()
    counts: Counter[str] = Counter()
    for one in node.recorder.drain("node"):
        counts[one.outcome] += one.count
    return dict(counts)


@pytest.mark.parametrize("encrypted", [False, True])
def test_every_herd_opens_connections_of_its_own(certificates: Certificates, encrypted: bool) -> None:
    """None is open before, between and after; each carries one request; the gate's mark has every user."""
    tls = (certificates.certificate, certificates.key) if encrypted else None
    with scripted([READ, OK] * 4, tls=tls) as server:

        class Cold(ColdHerd):
            host = f"http{'s' if encrypted else ''}://127.0.0.1:{server.port}"
            ca_file = certificates.ca

        with parked(Cold, USERS) as (node, _):
            assert connected_to(server.port) == 0
            begin(node, herds=(0.2, LATER_S))
            wait_until(lambda: node.recorder.requests == USERS)
            wait_until(lambda: connected_to(server.port) == 0)
            come_to_later(node)
            wait_until(lambda: node.recorder.requests == USERS * 2)
            wait_until(lambda: connected_to(server.port) == 0)
            assert outcomes(node) == {"ok": USERS * 2}
            assert [len(mark.sent_us) for mark in node.gate_marks] == [USERS, USERS]
            assert min(min(mark.sent_us) for mark in node.gate_marks) >= 0, "never before the instant"
        seen = server.seen()
        assert [one.count(b"GET /") for one in seen] == [1] * USERS * 2
        assert Counter(one.split()[1] for one in seen) == {b"/%d" % number: 2 for number in range(USERS)}


@pytest.mark.parametrize("kind", [ColdHerd, PacedHttpUser])
def test_every_arrival_opens_a_connection_of_its_own(kind: type[PacedHttpUser]) -> None:
    """Without a gate the user connects for itself; what one iteration sends goes over one connection."""
    with scripted([READ, OK] * 4) as server:

        class Cold(kind):  # type: ignore[misc,valid-type]
            host = server.url
            connect_early = False

            if kind is PacedHttpUser:

                @task
                def read_twice(self) -> None:
                    self.client.get("/a")
                    self.client.get("/b")

        with parked(Cold, USERS) as (node, _):
            begin(node, starts_per_s=20)
            wait_until(lambda: (node.elapsed_s() or 0.0) >= 1.0)
            counts = outcomes(node)
            assert connected_to(server.port) == 0
        each = 2 if kind is PacedHttpUser else 1
        assert counts == {"ok": 20 * each}
        assert [one.count(b"GET /") for one in server.seen()] == [each] * 20


class Canary(HerdHttpUser):
    """Connected while it is parked, as by default."""

    abstract = True

    def prepare(self) -> Any:
        return self.client.prepare("GET", "/")


class Stock(Paced, HttpUser):
    abstract = True

    @task
    def visit(self) -> None:
        self.client.get("/")


class Sharing(PacedHttpUser):
    abstract = True
    shared_connections = 4

    @task
    def visit(self) -> None:
        self.client.get("/")


@pytest.mark.parametrize(
    ("kind", "herd_users", "connect_early", "anew"),
    [
        (Canary, 4, None, 7),
        (Stock, 4, None, 7),
        (Canary, 0, None, 0),  # no herd: the load is theirs
        (Canary, 4, True, 0),  # the run says so
        (Sharing, 4, None, 0),
    ],
)
def test_each_fifth_start_beside_a_herd_is_by_somebody_who_is_new(
    kind: type[Paced], herd_users: int, connect_early: bool | None, anew: int
) -> None:
    """Of 40 starts by four users, who are back in the pacer 36 times before the last of them."""
    came: list[Any] = []

    def answer(connection: socket.socket, peer: Any) -> None:
        came.append(peer)
        while connection.recv(4096):
            connection.sendall(OK)

    server = StreamServer(("127.0.0.1", 0), answer)
    server.start()
    user_class = type("Visitor", (kind,), {"host": f"http://127.0.0.1:{server.server_port}"})
    try:
        with parked(user_class, 4 + herd_users) as (node, _):
            node.connect_early = connect_early
            herds = (Herd("herd", LATER_S, herd_users),) if herd_users else ()
            before = len(came)
            begin(node, starts_per_s=40, held=herds)
            wait_until(lambda: (node.elapsed_s() or 0) > 1.1 and not node.recorder.starts)
            connected, done = len(came) - before, outcomes(node)
    finally:
        server.stop()
    assert done == {"ok": 40}
    # A stock user opens its first connection with its first request.
    assert connected - (4 if issubclass(kind, Stock) else 0) == anew


def test_a_refused_connection_is_an_outcome() -> None:
    """One for each start, however the refusal reached the gate; nobody tries twice."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        class Refused(ColdHerd):
            host = f"http://127.0.0.1:{taken.getsockname()[1]}"

        with parked(Refused, USERS) as (node, _):
            begin(node, herds=(0.1, LATER_S))
            wait_until(lambda: node.recorder.requests == USERS)
            come_to_later(node)
            wait_until(lambda: node.recorder.requests == USERS * 2)
            assert outcomes(node) == {"connection refused": USERS * 2}
            assert [len(mark.sent_us) for mark in node.gate_marks] == [USERS, USERS]


def test_a_connection_that_is_not_there_when_the_gate_would_send() -> None:
    """Its user waits for it and sends."""
    with unanswered() as listener:

        class Late(ColdHerd):
            host = f"http://127.0.0.1:{listener.getsockname()[1]}"

        with parked(Late, 1) as (node, users):
            begin(node, herds=(0.1,))
            wait_until(lambda: users[0].current_start is not None)
            assert connected_to(listener.getsockname()[1]) >= 1 and node.recorder.requests == 0
            listener.settimeout(10)
            request = b""
            while not request:
                peer, _ = listener.accept()  # first those that filled the queue, who have nothing to say
                peer.settimeout(0.05)
                with contextlib.suppress(TimeoutError):
                    request = peer.recv(1000)
            peer.sendall(OK)
            assert request.startswith(b"GET /0 ")
            assert outcomes(node) == {"ok": 1}
            peer.close()


def test_a_connection_that_is_never_taken() -> None:
    """Has its own time limit and its own outcome."""
    with unanswered() as listener:

        class Ignored(ColdHerd):
            host = f"http://127.0.0.1:{listener.getsockname()[1]}"
            connect_timeout_s = 0.2

        with parked(Ignored, 2) as (node, _):
            begin(node, herds=(0.1,))
            wait_until(lambda: node.recorder.requests == 2)
            assert outcomes(node) == {"connect timeout": 2}


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's first address may refuse, as ::1 does where only 127.0.0.1 is listened on."""
    with scripted([READ, OK]) as server, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        both = [(socket.AF_INET, taken.getsockname()), (socket.AF_INET, ("127.0.0.1", server.port))]
        monkeypatch.setattr(connecting, "resolve", lambda *_: list(both))

        class Cold(ColdHerd):
            host = server.url

        with parked(Cold, USERS) as (node, _):
            begin(node, herds=(0.1,))
            wait_until(lambda: node.recorder.requests == USERS)
            assert outcomes(node) == {"ok": USERS}
        assert len(server.seen()) == USERS


def test_a_gate_and_an_address_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate begins with the first; its users go on to the next."""
    with scripted([READ, OK]) as server, unanswered() as silent:
        both = [(socket.AF_INET, silent.getsockname()), (socket.AF_INET, ("127.0.0.1", server.port))]
        monkeypatch.setattr(connecting, "resolve", lambda *_: list(both))

        class Cold(ColdHerd):
            host = server.url

        with parked(Cold, USERS) as (node, _):
            begin(node, herds=(0.1,))
            wait_until(lambda: node.recorder.requests == USERS)
            assert outcomes(node) == {"ok": USERS}
            assert connected_to(server.port) == 0
        assert len(server.seen()) == USERS


def test_a_body_in_chunks() -> None:
    """The gate connects; the user, who makes the body, sends."""
    with scripted([READ, OK]) as server:

        class Chunks(ColdHerd):
            host = server.url

            def prepare(self) -> Any:
                return self.client.prepare("POST", "/", data=iter([b"one", b"two"]))

        with parked(Chunks, USERS) as (node, _):
            begin(node, herds=(0.1,))
            wait_until(lambda: node.recorder.requests == USERS)
            assert outcomes(node) == {"ok": USERS}
        assert all(b"one" in one and b"two" in one for one in server.seen())


def test_connections_that_are_shared_cannot_be_cold() -> None:
    """Others would keep them open."""

    class Shared(PacedHttpUser):
        host = "http://127.0.0.1:1"
        shared_connections = 2
        connect_early = False

    assert ["cannot share connections" in problem for problem in class_problems([Shared])] == [True]


def test_what_could_not_begin_is_left_to_its_user() -> None:
    """As where the guard of this process's connections lets none out to that host: nothing was sent at any instant."""
    origin = Origin("http", "127.0.0.1", 9, "127.0.0.1:9")
    deadline_s = time.monotonic() + 1
    pending, socket_alone = PendingConnection(origin, TlsSettings(), deadline_s), PendingWebSocket(origin, deadline_s)
    try:
        assert ColdConnection(pending, b"").note_begun(None) is False
        assert socket_alone.note_begun(None) is False
    finally:
        pending.close()
        socket_alone.close()
