"""The TCP proxy: what comes through it, when, and how connections end."""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from harness.faults.tcp_proxy import TcpProxy
from harness.recording.marks import INJECTED, UNDONE, WITHOUT_EFFECT
from tests.faults.victims import Watched, connected, injecting
from tests.ports import free_port
from tests.probes.loopback import wait_for

NEVER_S = 300.0
MEGABYTE = 1_000_000


@contextmanager
def target(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that lets ``handle`` have each connection; yields host:port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 600

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def round_trip_ms(connection: socket.socket, data: bytes = b"x") -> float:
    began_s = time.monotonic()
    connection.sendall(data)
    got = 0
    while got < len(data):
        piece = connection.recv(65536)
        assert piece, "the connection has ended"
        got += len(piece)
    return (time.monotonic() - began_s) * 1000


def is_reset(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b"" and False
    except ConnectionResetError:
        return True


def resets_who_comes(port: int) -> bool:
    try:
        with connected(port) as connection:
            return is_reset(connection)
    except ConnectionResetError:  # so soon that connect() itself says it
        return True


@contextmanager
def proxied(
    to: str, start_s: float = NEVER_S, end_s: float = NEVER_S, **parameters: object
) -> Iterator[tuple[Watched, int]]:
    """The injector, and the port of its proxy."""
    port = free_port()
    fault = TcpProxy(to=to, listen=port, **(parameters or {"reset": True}))  # type: ignore[arg-type]
    with injecting((fault, start_s, end_s)) as injector:
        yield injector, port


def test_everything_passes_as_it_is_before_the_fault() -> None:
    data = os.urandom(3 * MEGABYTE)
    with target(echo) as to, proxied(to) as (_, port), connected(port) as connection:
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(read_all(connection)))
        reader.start()
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        reader.join(20)
        assert got == [data]


def test_one_side_may_end_and_the_other_goes_on() -> None:
    """The server answers only when the client's side has ended, and then ends its own."""

    def sum_up(connection: socket.socket) -> None:
        size = len(read_all(connection))
        for _ in range(3):
            connection.sendall(f"{size};".encode())
            time.sleep(0.05)

    with target(sum_up) as to, proxied(to) as (_, port), connected(port) as connection:
        connection.sendall(b"x" * 100_000)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"100000;" * 3


def test_a_server_that_ends_first_still_gets_what_the_client_sends() -> None:
    got: list[bytes] = []
    over = threading.Event()

    def end_first(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_WR)
        got.append(read_all(connection))
        over.set()

    with target(end_first) as to, proxied(to) as (_, port), connected(port) as connection:
        assert connection.recv(1) == b""
        connection.sendall(b"late")
        connection.close()
        assert over.wait(5)
    assert got == [b"late"]


def test_a_reset_by_one_side_is_one_for_the_other() -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()

    with target(reset) as to, proxied(to) as (_, port), connected(port) as connection:
        connection.sendall(b"x")
        assert is_reset(connection)


def test_a_target_that_is_away_resets() -> None:
    with proxied(f"127.0.0.1:{free_port()}") as (_, port):
        assert resets_who_comes(port)


@pytest.mark.parametrize("latency_ms", [0.0, 50.0])
def test_a_slow_reader_holds_up_the_sender(latency_ms: float) -> None:
    """What nobody reads is not collected: the sender comes to a stop after what the buffers hold."""
    sent = [0]
    more = threading.Event()

    def send(connection: socket.socket) -> None:
        connection.settimeout(60)
        while sent[0] < 400 * MEGABYTE:
            sent[0] += connection.send(b"x" * 65536)
        more.set()

    with target(send) as to, proxied(to, 0, latency_ms=latency_ms or 0.001) as (injector, port):
        injector.until(INJECTED)
        with connected(port) as connection:
            before = -1
            while sent[0] != before:
                before = sent[0]
                time.sleep(0.5)
            assert MEGABYTE / 10 < sent[0] < 60 * MEGABYTE
            connection.recv(65536)
            assert not more.is_set()


def test_latency_is_added_to_a_round_trip_and_taken_away_again() -> None:
    trips = list[tuple[float, float, float]]()
    with target(echo) as to, proxied(to, 1.0, 2.5, latency_ms=100) as (injector, port), connected(port) as connection:
        while not injector.said(UNDONE) or len(trips) < 20 or trips[-20][0] <= injector.said(UNDONE)[0].t:
            sent_s, took_ms = time.monotonic(), round_trip_ms(connection)
            trips.append((sent_s, time.monotonic(), took_ms))
            time.sleep(0.02)
    (injected,), (undone,) = injector.said(INJECTED), injector.said(UNDONE)
    before = [took_ms for _, back_s, took_ms in trips if back_s < injector.origin_s + 1.0]
    during = [took_ms for sent_s, back_s, took_ms in trips if sent_s > injected.t and back_s < injector.origin_s + 2.5]
    after = [took_ms for sent_s, _, took_ms in trips if sent_s > undone.t]
    assert before and during, "both have had their time, or this test shows nothing"
    assert min(during) >= 100
    assert min(during) - min(before) < 140, "of those that the machine has added the least to"
    assert statistics.median(after) < 50


def test_latency_delays_and_does_not_narrow() -> None:
    """A thousand messages sent at once come back after one delay, not after a thousand."""
    with target(echo) as to, proxied(to, 0, latency_ms=150) as (injector, port), connected(port) as connection:
        injector.until(INJECTED)
        took_ms = [round_trip_ms(connection, b"x" * 200_000) for _ in range(3)]
    assert 150 <= min(took_ms) < 450


def test_jitter_spreads_and_keeps_the_order() -> None:
    with (
        target(echo) as to,
        proxied(to, 0, jitter_ms=60) as (injector, port),
        proxied(to) as (_, port_beside),
        connected(port) as connection,
        connected(port_beside) as beside,
    ):
        injector.until(INJECTED)
        times_ms, besides_ms = [], []
        for _ in range(25):
            times_ms.append(round_trip_ms(connection))
            besides_ms.append(round_trip_ms(beside))
        got = b""
        for number in range(50):
            connection.sendall(bytes([number]))
            time.sleep(0.002)
        while len(got) < 50:
            got += connection.recv(100)
    assert got == bytes(range(50))
    assert max(times_ms) - min(times_ms) > 20
    added_ms = statistics.median(times_ms) - statistics.median(besides_ms)
    assert added_ms < 100, "60 on the way there and back, and 120 if it were twice as much"


def test_bandwidth_is_shared_by_all_connections() -> None:
    """Three connections fetch 100 kB each over a link of 200 kB/s: together 1.5 s, and each its share all along."""

    arrived = threading.Barrier(4)

    def send(connection: socket.socket) -> None:
        arrived.wait(20)
        connection.sendall(b"x" * 100_000)

    ended_s: list[float] = []
    with target(send) as to, proxied(to, 0, bandwidth_bytes_per_s=200_000) as (injector, port):
        injector.until(INJECTED)

        def fetch() -> None:
            with connected(port, 20) as connection:
                assert len(read_all(connection)) == 100_000
            ended_s.append(time.monotonic() - began_s)

        threads = [threading.Thread(target=fetch) for _ in range(3)]
        for thread in threads:
            thread.start()
        began_s = time.monotonic()  # those who send wait for this thread, too
        arrived.wait(20)
        for thread in threads:
            thread.join(20)
    assert len(ended_s) == 3
    assert 1.45 < max(ended_s) < 2.9, "3 s if they had half of it"
    assert min(ended_s) > 1.2


def test_a_link_that_is_wide_again_holds_nothing_back() -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(b"x" * MEGABYTE)

    with target(send) as to, proxied(to, 0, 1, bandwidth_bytes_per_s=1000) as (injector, port):
        injector.until(INJECTED)
        with connected(port) as connection:
            injector.until(UNDONE)
            began_s = time.monotonic()
            assert len(read_all(connection)) == MEGABYTE
            assert time.monotonic() - began_s < 30, "of a thousand"


def test_a_black_hole_keeps_what_was_sent_and_lets_it_through_afterwards() -> None:
    with target(echo) as to, proxied(to, 0, 3, blackhole=True) as (injector, port), connected(port) as before:
        injector.until(INJECTED)
        before.sendall(b"old")
        with connected(port) as new:
            new.sendall(b"new")
            for connection in (before, new):
                connection.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
                connection.settimeout(5)
            injector.until(UNDONE)
            assert (before.recv(3), new.recv(3)) == (b"old", b"new")


def test_reset_ends_what_is_there_and_what_comes() -> None:
    ended = threading.Event()

    def watch(connection: socket.socket) -> None:
        try:
            echo(connection)
        finally:
            ended.set()

    with target(watch) as to, proxied(to, 1, 3, reset=True) as (injector, port), connected(port) as connection:
        round_trip_ms(connection)
        injector.until(INJECTED)
        assert is_reset(connection)
        assert ended.wait(5), "the target's side is reset, too"
        assert resets_who_comes(port)
        injector.until(UNDONE)
        with connected(port) as new:
            round_trip_ms(new)


def test_two_faults_on_one_port_share_the_proxy_and_add_up() -> None:
    port = free_port()
    with target(echo) as to:
        slow = TcpProxy(to=to, listen=port, latency_ms=60)
        slower = TcpProxy(to=to, listen=port, latency_ms=90)
        with injecting((slow, 0, NEVER_S), (slower, 0, 2.0)) as injector, connected(port) as connection:
            injector.until(INJECTED, 2)
            assert round_trip_ms(connection) >= 150
            injector.until(UNDONE, 2)
            assert 60 <= min(round_trip_ms(connection) for _ in range(5)) < 150


def test_a_free_port_is_said() -> None:
    with target(echo) as to:
        injector = Watched((TcpProxy(to=to, reset=True), NEVER_S, NEVER_S))
        assert injector.start() == []
        (said,) = injector.said("prepared")
        port = int(said.detail.split()[2].rpartition(":")[2])
        with connected(port) as connection:
            round_trip_ms(connection)
        injector.stop()


def test_a_proxy_that_nobody_uses_says_so() -> None:
    """A fault that the load does not meet is none that it has survived."""
    with target(echo) as to:
        fault = TcpProxy(to=to, latency_ms=1)
        port = int(fault.prepare().split()[2].rpartition(":")[2])
        fault.inject()
        assert fault.undo().startswith(WITHOUT_EFFECT)
        with connected(port) as connection:
            round_trip_ms(connection)
            fault.inject()
            assert fault.undo() == f"127.0.0.1:{port} passes everything on again"
        wait_for(lambda: "has 0 connections" in fault.inject())
        assert fault.undo().startswith(WITHOUT_EFFECT), "whoever was there before has not met it"
        fault.inject()
        with connected(port) as connection:
            round_trip_ms(connection)
        assert fault.undo() == f"127.0.0.1:{port} passes everything on again"


def test_after_the_death_of_the_injecting_process_the_proxy_is_there_again() -> None:
    with target(echo) as to, proxied(to, 0, blackhole=True) as (injector, port):
        injector.until(INJECTED)
        assert injector.pid is not None
        os.kill(injector.pid, signal.SIGKILL)
        injector.until(UNDONE)
        with connected(port) as connection:
            round_trip_ms(connection)


def test_five_hundred_clients_at_once_get_their_answers() -> None:
    with target(echo) as to, proxied(to) as (_, port):
        clients = []
        for _ in range(500):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            clients.append(client)
        for client in clients:
            client.setblocking(True)
            client.settimeout(20)
            client.sendall(b"hello")
        assert all(client.recv(5) == b"hello" for client in clients)
        for client in clients:
            client.close()


def test_connections_that_have_ended_are_forgotten() -> None:
    """Their number is in what the fault says of itself."""
    with target(echo) as to, proxied(to, 2.5, latency_ms=1) as (injector, port):
        for _ in range(20):
            with connected(port) as connection:
                round_trip_ms(connection)
        with connected(port) as connection:
            round_trip_ms(connection)
            wait_for(lambda: bool(injector.said(INJECTED)))
    assert injector.said(INJECTED)[0].detail.endswith("which has 1 connections")
