"""Users that open their connection when they start: every start is cold, and each has its outcome."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from typing import Any

import pytest
from locust import task

from harness.load.http import HerdHttpUser, PacedHttpUser, connecting
from harness.load.http.connecting import PendingConnection
from harness.load.http.gate_connections import ColdConnection
from harness.load.http.request import Origin
from harness.load.http.settings import TlsSettings
from harness.load.users.class_problems import class_problems
from harness.load.websocket.transport import PendingWebSocket
from tests.http.conftest import Certificates
from tests.http.parked import LATER_S, OK, USERS, begin, come_to_later, outcomes, parked, wait_until
from tests.http.scripted import READ, scripted
from tests.http.sockets import connected_to, unanswered


class ColdHerd(HerdHttpUser):
    abstract = True
    connect_early = False

    def prepare(self) -> Any:
        return self.client.prepare("GET", f"/{self.number}")


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
