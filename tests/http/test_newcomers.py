"""Newcomers: users of a stream beside a herd who connect anew while they are parked."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer
from locust import HttpUser, task
from urllib3 import PoolManager

from harness.load.arrivals import Arrivals
from harness.load.clock import Clock
from harness.load.http import HerdHttpUser, PacedHttpUser
from harness.load.http.settings import TlsSettings
from harness.load.newcomers import BEFORE_START_S, NEWCOMERS, Newcomers
from harness.load.node import Node
from harness.load.outcomes import outcome_of
from harness.load.users.paced import Paced
from shapes._profile import Herd
from tests.http.conftest import Certificates, Make
from tests.http.parked import LATER_S, OK, begin, outcomes, parked, wait_until
from tests.http.sockets import connected_to

FOR_EVER_S = 3600.0


class Canary(HerdHttpUser):
    """Connected while it is parked, as by default."""

    abstract = True
    timeout_s = connect_timeout_s = 0.3

    def prepare(self) -> Any:
        return self.client.prepare("GET", "/")


class Patient(Canary):
    """However late it has its turn."""

    abstract = True
    timeout_s = connect_timeout_s = 10


class Kept(Canary):
    abstract = True
    connect_early = True


class Stock(Paced, HttpUser):
    """Users who share Locust's pool of connections, in which closing one session closes everybody's."""

    abstract = True
    pool_manager = PoolManager(maxsize=10, block=True)

    @task
    def visit(self) -> None:
        self.client.get("/")


class Sharing(PacedHttpUser):
    abstract = True
    shared_connections = 4

    @task
    def visit(self) -> None:
        self.client.get("/")


class Target:
    """Serves everybody whom it has taken, for ever."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.server = StreamServer(("127.0.0.1", 0), self._serve)
        self.server.start()
        self.port: int = self.server.server_port
        self.handshake_s = 0.0
        self.came = 0
        self._tls = tls

    def _serve(self, connection: Any, _: Any) -> None:
        self.came += 1
        if self._tls is not None:
            gevent.sleep(self.handshake_s)
            connection = self._tls.wrap_socket(connection, server_side=True)
        while connection.recv(4096):
            connection.sendall(OK)

    def takes_nobody_new(self, how: str) -> None:
        if how == "refuses":
            self.server.close()
        elif how == "queues":
            self.server.stop_accepting()
        else:
            self.handshake_s = FOR_EVER_S


@contextmanager
def serving(certificates: Certificates | None = None) -> Iterator[Target]:
    tls = None
    if certificates is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificates.certificate, certificates.key)
    target = Target(tls)
    try:
        yield target
    finally:
        target.server.stop(timeout=0)


def asking(kind: type[Paced], target: Target, certificates: Certificates | None = None) -> type[Paced]:
    if certificates is None:
        return type("Visitor", (kind,), {"host": f"http://127.0.0.1:{target.port}"})
    return type("Visitor", (kind,), {"host": f"https://127.0.0.1:{target.port}", "ca_file": certificates.ca})


def told_by(user: Paced) -> list[tuple[str, float]]:
    """(Outcome, seconds) of each request of these users, as they end."""
    told: list[tuple[str, float]] = []

    def note(*, response_time: float, exception: Any, response: Any, **_: Any) -> None:
        told.append((outcome_of(exception, response), response_time / 1000))

    user.environment.events.request.add_listener(note)
    return told


def over(node: Node, duration_s: float = 1.0) -> bool:
    return (node.elapsed_s() or 0) > duration_s + 0.05 and not node.recorder.starts


@pytest.mark.parametrize(
    ("kind", "herd_users", "connect_early", "anew"),
    [
        (Canary, 4, None, 8),
        (Kept, 4, None, 0),  # the class says so
        (Canary, 4, True, 0),  # the run says so
        (Canary, 0, None, 0),  # no herd: the load is theirs
        (Sharing, 4, None, 0),
    ],
)
def test_each_fifth_user_who_parks_beside_a_herd_connects_anew(
    kind: type[Paced], herd_users: int, connect_early: bool | None, anew: int
) -> None:
    connected = connected_anew(kind, herd_users, connect_early)
    assert connected == anew


def test_stock_users_stay_with_the_connections_that_they_share() -> None:
    """Those that their first requests have opened."""
    assert 1 <= connected_anew(Stock) <= 4


def connected_anew(kind: type[Paced], herd_users: int = 4, connect_early: bool | None = None) -> int:
    """How often, where four users park 40 times after their first start."""
    with serving() as target, parked(asking(kind, target), 4 + herd_users) as (node, _):
        node.connect_early = connect_early
        before = target.came
        held = (Herd("herd", LATER_S, herd_users),) if herd_users else ()
        begin(node, starts_per_s=80, held=held, duration_s=0.5)
        wait_until(lambda: over(node, 0.5))
        gevent.sleep(0.05)  # whoever parked last connects as well
        assert outcomes(node) == {"ok": 40}
        return target.came - before


@pytest.mark.parametrize(
    ("how", "outcome"),
    [("refuses", "connection refused"), ("queues", "timeout"), ("hangs in the handshake", "connect timeout")],
)
def test_a_target_that_takes_nobody_new_fails_them_and_holds_up_nobody_else(
    certificates: Certificates, how: str, outcome: str
) -> None:
    of_tls = certificates if how == "hangs in the handshake" else None
    with serving(of_tls) as target:
        with parked(asking(Canary, target, of_tls), 10 + 1) as (node, users):
            told = told_by(users[0])
            begin(node, starts_per_s=40, held=(Herd("herd", LATER_S, 1),), users=10)
            target.takes_nobody_new(how)
            wait_until(lambda: over(node))
            done = outcomes(node)
        assert connected_to(target.port) == 0, "whoever was still connecting is gone"
    assert done.pop(outcome) >= 4, "a fifth of the 30 starts that follow the first of each"
    assert list(done) == ["ok"] and done["ok"] >= 20
    assert max(seconds for how, seconds in told if how == "ok") < 0.2


def test_a_slow_handshake_is_no_part_of_their_latency(certificates: Certificates) -> None:
    """It would be most of what the baseline takes, and hide a service that becomes slower."""
    with serving(certificates) as target, parked(asking(Patient, target, certificates), 20 + 1) as (node, users):
        told, before = told_by(users[0]), target.came
        target.handshake_s = 0.2
        begin(node, starts_per_s=40, held=(Herd("herd", LATER_S, 1),), users=20)
        wait_until(lambda: over(node))
        connected, done = target.came - before, outcomes(node)
    assert done == {"ok": 40} and connected >= 4
    assert sum(seconds >= 0.2 for _, seconds in told) < 4, "of those who had connected each would have taken so long"


def test_who_is_started_before_it_has_begun_to_connect_stays_with_its_connection(make: Make) -> None:
    with serving() as target:
        client = make(f"http://127.0.0.1:{target.port}")
        client.warm_up()
        client.connect_anew(FOR_EVER_S)
        gevent.sleep(0)
        begun_s = time.monotonic()
        assert client.get("/").status_code == 200
        assert time.monotonic() - begun_s < 0.2
        assert target.came == 1
        client.close()


def test_who_is_started_while_it_connects_waits_for_the_rest(make: Make, certificates: Certificates) -> None:
    """In place of beginning again."""
    with serving(certificates) as target:
        target.handshake_s = 0.1
        client = make(f"https://127.0.0.1:{target.port}", tls=TlsSettings(ca_file=certificates.ca))
        client.connect_anew(0)
        gevent.sleep(0.05)
        assert client.get("/").status_code == 200
        assert target.came == 1
        client.close()


def test_who_has_no_connection_waits_for_no_instant(make: Make) -> None:
    """The target closes after each answer: nobody would be connected until shortly before the start."""
    with serving() as target:
        client = make(f"http://127.0.0.1:{target.port}")
        client.connect_anew(FOR_EVER_S)
        begun_s = time.monotonic()
        assert client.get("/").status_code == 200
        assert time.monotonic() - begun_s < 0.2
        client.close()


def test_they_connect_shortly_before_their_start() -> None:
    """Else a target that takes nobody for as long as they are parked would go unseen."""
    pacer, other = (Arrivals(iter(()), 0.0, Clock(exact=True)) for _ in range(2))
    newcomers = Newcomers()
    newcomers.come_to(pacer)

    def of_ten(kind: str) -> list[float]:
        asked = [newcomers.connects_in_s(pacer, kind) for _ in range(2 * NEWCOMERS)]
        return [each for each in asked if each is not None]

    assert of_ten("Visitor") == [0.0, 0.0], "how long they will be parked is not known yet"
    newcomers.note_started(pacer, "Visitor", 5.0)
    newcomers.note_started(other, "Visitor", math.inf)
    assert of_ten("Visitor") == [5.0 - BEFORE_START_S] * 2
    assert of_ten("Buyer") == [0.0, 0.0]
    newcomers.note_started(pacer, "Visitor", BEFORE_START_S / 2)
    assert of_ten("Visitor") == [0.0, 0.0]
    assert all(newcomers.connects_in_s(each, "Visitor") is None for each in (other, None) for _ in range(NEWCOMERS))
