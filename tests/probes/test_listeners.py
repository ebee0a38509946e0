"""Who listens on a port: found in Linux's own tables, as psutil finds it elsewhere."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clients import process_search, socket_diag
from harness.clients.process_search import SearchError, listeners, listening_in
from tests.ports import free_port
from tests.probes.loopback import python, said

LISTENS = """
import socket, sys, time
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=getattr(socket, sys.argv[3]))
print("ready", flush=True)
time.sleep(60)
"""
SHARES = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
pids = []
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        sys.stdin.read()
        os._exit(0)
    pids.append(pid)
print(*pids, flush=True)
time.sleep(60)
"""
TABLE = """\
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0 20 4 0 10 -1
   3: 00000000:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 444 1 0 100 0 0 10 0
"""

search_of = pytest.mark.parametrize(
    "holders", [process_search._holders, process_search._holders_by_psutil], ids=["linux", "psutil"]
)
Holders = Callable[[Collection[int]], dict[int, set[int]]]


@search_of
@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("::1", "AF_INET6")])
def test_whoever_listens_is_found(holders: Holders, host: str, family: str) -> None:
    port, other = free_port(), free_port()
    with python(LISTENS, host, str(port), family) as process:
        said(process)
        assert holders((port, other)) == {port: {process.pid}, other: set()}


@pytest.mark.skipif(not process_search.TABLES[0].exists(), reason="this system has no tables of sockets")
def test_whether_somebody_still_listens_is_asked_of_its_own_descriptors() -> None:
    port, other = free_port(), free_port()
    with python(LISTENS, "127.0.0.1", str(port), "AF_INET") as process:
        said(process)
        sockets = process_search.sockets_on((port, other))
        assert (len(sockets[port]), sockets[other]) == (1, frozenset())
        assert process_search.holds(process.pid, sockets[port])
        with socket.create_connection(("127.0.0.1", port)):
            assert not process_search.holds(os.getpid(), sockets[port])
    assert process_search.holds(process.pid, sockets[port]), "who may not be asked is not looked for anew each time"


@search_of
def test_who_has_only_a_connection_to_the_port_is_not_found(holders: Holders) -> None:
    port = free_port()
    with python(LISTENS, "127.0.0.1", str(port), "AF_INET") as process:
        said(process)
        with socket.create_connection(("127.0.0.1", port)):
            assert holders((port,)) == {port: {process.pid}}


def test_of_those_that_share_a_socket_it_is_their_supervisor() -> None:
    port = free_port()
    with python(SHARES, str(port)) as process:
        said(process)
        assert listeners((port,)) == {port: [process.pid]}


def test_who_asks_while_another_one_searches_has_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """And who asks later, or for others, has one of his own."""
    searched: list[tuple[int, ...]] = []
    begun, asked = Event(), Event()

    def search(ports: Collection[int]) -> dict[int, set[int]]:
        searched.append(tuple(ports))
        begun.set()
        assert asked.wait(60)
        return {port: {len(searched)} for port in ports}

    class Waited(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            asked.set()
            return super().result(timeout)

    monkeypatch.setattr(process_search, "_holders", search)
    monkeypatch.setattr(process_search, "_holders_by_psutil", search)
    monkeypatch.setattr(process_search, "Future", Waited)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(listeners, (8000,))
        assert begun.wait(60)
        assert listeners([8000]) == first.result() == {8000: [1]}
    assert listeners((8000,)) == {8000: [2]}
    assert listeners((8001,)) == {8001: [3]}
    assert searched == [(8000,), (8000,), (8001,)]


def test_when_the_supervisor_has_gone_it_is_all_that_share() -> None:
    port = free_port()
    with python(SHARES, str(port)) as process:
        workers = [int(pid) for pid in said(process).split()]
        process.kill()
        process.wait()
        assert listeners((port,)) == {port: sorted(workers)}


@pytest.mark.skipif(not process_search.TABLES[0].exists(), reason="this system has no tables of sockets")
def test_the_kernel_and_its_tables_name_the_same_sockets() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as second,
        socket.create_connection(first.getsockname()) as connected,
    ):
        ports = [each.getsockname()[1] for each in (first, second, connected)]
        links = [os.readlink(f"/proc/self/fd/{each.fileno()}") for each in (first, second)]  # noqa: PTH115
        found = dict(zip(links, ports, strict=False))
        assert socket_diag.listening() is not None
        assert process_search._listening(ports) == process_search._in_tables(ports) == found


@pytest.mark.parametrize(
    "answer",
    [
        OSError("no such family"),
        struct.pack("=LHHLLi", 20, socket_diag.ERROR, 0, 0, 0, -2),
        struct.pack("=LHHLLi", 20, socket_diag.DONE, 0, 0, 0, -2),
        struct.pack("=LHHLL", 16, socket_diag.DONE, 0, 0, 0),
    ],
    ids=["no such family", "refused", "nobody answers", "no result"],
)
def test_where_the_kernel_does_not_tell_it_is_its_tables(
    monkeypatch: pytest.MonkeyPatch, answer: OSError | bytes
) -> None:
    """As in a sandbox that has no such sockets, or where it was built without what answers."""

    class Kernel(socket.socket):
        def __init__(self, *_: object) -> None:
            if isinstance(answer, OSError):
                raise answer
            super().__init__()

        def sendto(self, *_: Any) -> int:
            return 0

        def recv(self, *_: Any) -> bytes:
            assert isinstance(answer, bytes)
            return answer

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(socket_diag, "socket", SimpleNamespace(**{**vars(socket), "socket": Kernel}))
        assert socket_diag.listening() is None
        port = server.getsockname()[1]
        assert len(process_search.sockets_on((port,))[port]) == 1


def test_of_a_table_no_more_is_read_than_those_that_listen() -> None:
    lines = iter(TABLE.splitlines())
    assert listening_in(lines, (0x1F90, 0x1F91, 0x1F92), wholly=False) == {
        "socket:[111]": 0x1F90,
        "socket:[222]": 0x1F91,
    }
    assert len(list(lines)) == 1, "the last one is left"


def test_where_they_do_not_come_first_the_whole_table_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text("heading\n" + TABLE)
    monkeypatch.setattr(process_search, "TABLES", (table, tmp_path / "no IPv6"))
    assert process_search._in_tables((0x1F92,)) == {"socket:[444]": 0x1F92}


def test_a_system_that_hides_its_tables_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden:
        def open(self) -> None:
            raise PermissionError

        def exists(self) -> bool:
            return True

    monkeypatch.setattr(process_search, "TABLES", (Hidden(), tmp_path / "away"))
    monkeypatch.setattr(socket_diag, "listening", lambda: None)
    with pytest.raises(SearchError, match="give pids instead"):
        listeners([8000])
