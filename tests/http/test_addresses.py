"""Hosts with several addresses, of which some refuse, say nothing, or are not spoken here."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest

from harness.load.http import Timeouts, TlsSettings, connecting
from tests.http.conftest import Certificates, Make
from tests.http.scripted import READ, scripted
from tests.http.sockets import new_sockets, sockets, unanswered
from tests.ports import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Resolve = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """``resolve(port, "::1", …)`` makes these the addresses of every host, in this order."""

    def to(*found: tuple[str, int]) -> None:
        answer = [
            (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host, port in found
        ]
        monkeypatch.setattr(connecting.gevent_socket, "getaddrinfo", lambda *_, **__: answer)

    return to


@contextmanager
def took(least_s: float, most_s: float) -> Iterator[None]:
    begun_s = time.monotonic()
    yield
    assert least_s <= time.monotonic() - begun_s < most_s


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_an_address_that_refuses_makes_room_at_once(
    make: Make, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ::1 does where only 127.0.0.1 is listened on."""
    monkeypatch.setattr(connecting, "NEXT_ADDRESS_AFTER_S", 60)
    with scripted([READ, OK]) as server:
        resolve(("::1", server.port), ("127.0.0.1", server.port))
        made = make("http://two.example", timeouts=Timeouts(total_s=80, connect_s=70))
        with took(0, 20):
            assert made.get("/").text == "ok"
        assert len(server.seen()) == 1


def test_an_address_that_says_nothing_gets_company(make: Make, resolve: Resolve) -> None:
    """After a quarter of a second, not after the whole time limit; and no socket of it is left."""
    with unanswered() as silent, scripted([READ, OK]) as server:
        resolve(("127.0.0.1", port_of(silent)), ("127.0.0.1", server.port))
        made = make("http://two.example", timeouts=Timeouts(total_s=60, connect_s=40))
        before = sockets()
        with took(connecting.NEXT_ADDRESS_AFTER_S, 8):
            assert made.get("/").text == "ok"
        assert new_sockets(before) == 1


def test_over_tls(make: Make, resolve: Resolve, certificates: Certificates) -> None:
    """The handshake goes to the address that answered."""
    tls = (certificates.certificate, certificates.key)
    with unanswered() as silent, scripted([READ, OK], tls=tls) as server:
        resolve(("127.0.0.1", port_of(silent)), ("127.0.0.1", server.port))
        assert make("https://localhost", tls=TlsSettings(ca_file=certificates.ca)).get("/").text == "ok"


def test_a_time_limit_is_shared(make: Make, resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address has its turn within ``connect_timeout_s``, however long one may have otherwise."""
    monkeypatch.setattr(connecting, "NEXT_ADDRESS_AFTER_S", 60)
    with unanswered() as silent, scripted([READ, OK]) as server:
        resolve(*[("127.0.0.1", port_of(silent))] * 2, ("127.0.0.1", server.port))
        made = make("http://three.example", timeouts=Timeouts(connect_s=3))
        with took(1.99, 5):
            assert made.get("/").text == "ok"


def test_the_first_address_is_not_given_up(make: Make, resolve: Resolve) -> None:
    """It answers late, the others never: the kernel asks it again after a second."""

    def answer(listener: socket.socket) -> None:
        gevent.sleep(0.5)
        while True:
            peer, _ = listener.accept()  # first those that filled the queue, who have nothing to say
            gevent.spawn(lambda peer: peer.recv(1000) and peer.sendall(OK), peer)

    with unanswered() as late, unanswered() as silent:
        resolve(("127.0.0.1", port_of(late)), ("127.0.0.1", port_of(silent)), ("127.0.0.1", free_port()))
        answering = gevent.spawn(answer, late)
        made = make("http://three.example")
        try:
            with took(0.9, 5):
                assert made.get("/").text == "ok"
        finally:
            answering.kill()


@pytest.mark.parametrize("killed", [False, True])
def test_nobody_answers(make: Make, resolve: Resolve, killed: bool) -> None:
    """An outcome at the time limit; nothing is left of it, nor when the user is killed meanwhile."""
    with unanswered() as one, unanswered() as other:
        resolve(("127.0.0.1", port_of(one)), ("127.0.0.1", port_of(other)))
        made = make("http://two.example", timeouts=Timeouts(connect_s=20 if killed else 0.8))
        before = sockets()
        if killed:
            request = gevent.spawn(made.get, "/")
            gevent.sleep(0.4)
            assert new_sockets(before) == 2
            request.kill()
        else:
            with took(0.79, 3):
                made.get("/")
        assert made.outcomes == ([] if killed else ["connect timeout"])
        assert new_sockets(before) == 0


def test_all_refuse(make: Make, resolve: Resolve) -> None:
    """One outcome for the one request."""
    resolve(("::1", free_port()), ("127.0.0.1", free_port()))
    made = make("http://two.example")
    before = sockets()
    made.get("/")
    assert made.outcomes == ["connection refused"] and new_sockets(before) == 0


def test_a_family_that_is_not_spoken_here(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """As IPv6 where it is switched off: the next address is taken."""
    with scripted([READ, OK]) as server:
        spoken: tuple[int, tuple[Any, ...]] = (socket.AF_INET, ("127.0.0.1", server.port))
        monkeypatch.setattr(connecting, "resolve", lambda *_: [(12345, ("::1", server.port)), spoken])
        assert make(server.url).get("/").text == "ok"
        monkeypatch.setattr(connecting, "resolve", lambda *_: [(12345, ("::1", server.port))])
        made = make(server.url)
        assert made.get("/").status_code == 0 and len(made.outcomes) == 1
