"""Connections of a process that was told where it may connect: whatever opens them, and whatever it was told by."""

from __future__ import annotations

import errno
import http.client
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import geventhttpclient
import pytest
import redis
import requests
import websocket

from harness.clients import connection_guard, http_get, postgres
from harness.clients.connection_guard import BlockedError
from harness.load.outcomes import outcome_of
from harness.recording.values import BLOCKED

FOREIGN = "192.0.2.7"
"""Of TEST-NET-1 (RFC 5737): nobody's."""
OWN = "staging.example"


class Names:
    """A name server whose answers change."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}

    def __call__(self, name: str) -> Sequence[str]:
        try:
            return self.known[name]
        except KeyError:
            raise socket.gaierror(socket.EAI_NONAME, "unknown") from None


@pytest.fixture
def names() -> Iterator[Names]:
    before, names = connection_guard._guard, Names()
    connection_guard._guard = connection_guard._Guard()  # the hook itself cannot be taken away
    names.known = {OWN: ["192.0.2.1"], "elsewhere.example": [FOREIGN], "me.example": ["127.0.0.1"]}
    connection_guard.arm([OWN], names)
    yield names
    connection_guard._guard = before


def attempt(address: tuple[object, ...], family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> int:
    """The error number of a connection that is not waited for. Raises BlockedError."""
    with socket.socket(family, kind) as connection:
        connection.setblocking(False)
        return connection.connect_ex(address)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("address", "family"),
    [
        ((FOREIGN, 80), socket.AF_INET),
        (("192.0.2.2", 80), socket.AF_INET),
        (("2001:db8::7", 80, 0, 0), socket.AF_INET6),
        ((f"::ffff:{FOREIGN}", 80, 0, 0), socket.AF_INET6),
    ],
)
def test_a_foreign_address_is_blocked_however_it_is_written(address: tuple[object, ...], family: int) -> None:
    with pytest.raises(BlockedError, match=r"consent with --allow-host") as raised:
        attempt(address, family)
    assert raised.value.errno == errno.EACCES and outcome_of(raised.value, None) == BLOCKED


@pytest.mark.usefixtures("names")
def test_a_name_is_what_its_addresses_are() -> None:
    connection_guard.require("me.example", 80)
    connection_guard.require(OWN, 80)
    connection_guard.require("unknown.example", 80)
    with pytest.raises(BlockedError):
        connection_guard.require("elsewhere.example", 80)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "0.0.0.0", "192.0.2.1", "localhost"])
def test_this_machine_and_who_was_consented_to_are_not(host: str) -> None:
    attempt((host, 9))
    assert connection_guard.take() == []


@pytest.mark.usefixtures("names")
def test_datagrams_are_guarded_too() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        with pytest.raises(BlockedError):
            sender.sendto(b"x", (FOREIGN, 9))
        with pytest.raises(BlockedError):
            sender.sendmsg([b"x"], [], 0, (FOREIGN, 9))
        with pytest.raises(BlockedError):
            sender.connect((FOREIGN, 9))
        sender.sendto(b"x", ("127.0.0.1", 9))
        sender.connect((FOREIGN, connection_guard.DNS))
    assert {place for _, place, _ in connection_guard.take()} == {f"{FOREIGN}:9"}, "a name server may be asked"


def test_a_name_that_was_consented_to_is_pinned_to_its_first_addresses(names: Names) -> None:
    names.known[OWN] = [FOREIGN]
    attempt(("192.0.2.1", 9))
    with pytest.raises(BlockedError):
        attempt((FOREIGN, 9))


def test_a_name_that_has_no_address_yet_is_asked_for_again(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_guard, "AGAIN_S", 0.0)
    connection_guard.arm(["late.example"], names)
    names.known["late.example"] = ["192.0.2.9"]
    attempt(("192.0.2.9", 9))


@pytest.mark.usefixtures("names")
def test_what_was_blocked_is_counted_by_address_once_taken() -> None:
    for port in (1, 1, 2):
        with pytest.raises(BlockedError):
            attempt((FOREIGN, port))
    taken = connection_guard.take()
    assert {place: sum(n for _, other, n in taken if other == place) for _, place, _ in taken} == {
        f"{FOREIGN}:1": 2,
        f"{FOREIGN}:2": 1,
    }
    assert connection_guard.take() == []


@pytest.mark.usefixtures("names")
def test_addresses_without_number_do_not_fill_the_memory() -> None:
    for port in range(1, connection_guard.MOST_KEPT + 50):
        with pytest.raises(BlockedError):
            attempt((FOREIGN, port))
    taken = connection_guard.take()
    assert len({place for _, place, _ in taken}) == connection_guard.MOST_KEPT + 1
    assert sum(count for _, _, count in taken) == connection_guard.MOST_KEPT + 49


def through_requests() -> None:
    requests.get(f"http://{FOREIGN}/", timeout=5)


def through_http_client() -> None:
    http.client.HTTPConnection(FOREIGN, timeout=5).request("GET", "/")


def through_fast_http() -> None:
    geventhttpclient.HTTPClient(FOREIGN, 80, connection_timeout=5).get("/")


def through_redis() -> None:
    redis.Redis(FOREIGN, socket_connect_timeout=5).ping()


def through_websocket() -> None:
    websocket.create_connection(f"ws://{FOREIGN}/", timeout=5)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    "way", [through_requests, through_http_client, through_fast_http, through_redis, through_websocket]
)
def test_every_library_is_held(way: object) -> None:
    assert callable(way)
    with pytest.raises(Exception) as raised:
        way()
    assert outcome_of(raised.value, None) == BLOCKED


@pytest.mark.usefixtures("names")
def test_a_health_check_says_how_to_consent() -> None:
    with pytest.raises(http_get.NoAnswerError, match=rf"--allow-host {FOREIGN}"):
        http_get.get(f"http://{FOREIGN}/", timeout_s=5, limit_bytes=100)


# PostgreSQL: libpq opens its sockets in C


@pytest.mark.usefixtures("names")
def test_the_hosts_of_a_dsn_are_pinned() -> None:
    assert postgres.pinned_hosts("postgresql://u@127.0.0.1:1/d") == {"host": "127.0.0.1", "hostaddr": "127.0.0.1"}
    assert postgres.pinned_hosts("host=localhost hostaddr=127.0.0.1") == {"host": "localhost", "hostaddr": "127.0.0.1"}
    two = postgres.pinned_hosts("postgresql://u@127.0.0.1:1,127.0.0.2:2/d")
    assert two == {"host": "127.0.0.1,127.0.0.2", "hostaddr": "127.0.0.1,127.0.0.2", "port": "1,2"}
    assert postgres.pinned_hosts("host=/run/postgresql") == {"host": "/run/postgresql", "hostaddr": ""}


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("dsn", [f"postgresql://u@{FOREIGN}/d", f"host=localhost hostaddr={FOREIGN}"])
def test_a_dsn_that_goes_elsewhere_is_blocked(dsn: str) -> None:
    with pytest.raises(postgres.PostgresError, match=BLOCKED):
        postgres.pinned_hosts(dsn)
    assert connection_guard.take()


@pytest.mark.usefixtures("names")
def test_variables_of_libpq_lead_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.2", 0)) as other:
        server.settimeout(5)
        other.settimeout(0.2)
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.2")
        monkeypatch.setenv("PGPORT", str(other.getsockname()[1]))
        accepted = threading.Thread(target=lambda: server.accept()[0].close())
        accepted.start()
        with pytest.raises(postgres.PostgresError, match="server closed"):
            postgres.Session(f"postgresql://u@127.0.0.1:{server.getsockname()[1]}/d", limit_s=5)
        accepted.join()
        with pytest.raises(TimeoutError):
            other.accept()
