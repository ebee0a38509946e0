"""Finds processes: by the port on which they listen, or in the status file of the target."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

from harness.clients import socket_diag
from harness.regular_file import regular

CHILDREN_ARE_LISTED = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()
"""By Linux, where it is built for that, as it is nearly everywhere."""
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Linux's own, of all sockets, for where it does not answer :mod:`harness.clients.socket_diag`. psutil takes ten times
as long to read them: it makes an object of each connection.
"""
LISTENS = "0A"
_to_search = Lock()
_searches: dict[frozenset[int], Future[dict[int, list[int]]]] = {}
"""Those under way, by their ports."""
HIDDEN = "the system hides who listens on a port: give pids instead"


class SearchError(Exception):
    """Not found. ``str()`` says why and what to do."""


def listeners(ports: Collection[int]) -> dict[int, list[int]]:
    """Port → pids that listen on it; of a supervisor and workers that share a socket, the supervisor.

    Reads the open files of all processes: 4 to 25 ms. Who asks the same meanwhile, as two probes do when they begin,
    has the same answer. Raises SearchError where it is not permitted.
    """
    wanted = frozenset(ports)
    with _to_search:
        begun, search = _searches.get(wanted), Future[dict[int, list[int]]]()
        if begun is None:
            _searches[wanted] = search
    if begun is not None:
        return begun.result()
    try:
        search.set_result(_topmost(_holders(ports) if TABLES[0].exists() else _holders_by_psutil(ports)))
    except BaseException as error:  # nobody may wait for ever
        search.set_exception(error)
    finally:
        with _to_search:
            del _searches[wanted]
    return search.result()


def sharing(port: int) -> set[int]:
    """Pids of all that have a socket open which listens there, workers beside their supervisor; where the system tells
    of one alone, that. Raises SearchError.
    """
    return (_holders if TABLES[0].exists() else _holders_by_psutil)([port])[port]


def _topmost(holders: Mapping[int, Collection[int]]) -> dict[int, list[int]]:
    """Of those that share a socket."""
    return {port: sorted(pid for pid in pids if not _is_below(pid, pids)) for port, pids in holders.items()}


def sockets_on(ports: Collection[int]) -> dict[int, frozenset[str]]:
    """Port → the sockets that listen on it, as descriptors name them. 0.1 ms; empty where no table tells of them.
    Raises SearchError.
    """
    found = _listening(ports) if ports and TABLES[0].exists() else {}
    return {port: frozenset(socket for socket, of_port in found.items() if of_port == port) for port in ports}


def holds(pid: int, sockets: Collection[str]) -> bool:
    """Whether the process has one of them open. A service opens these first, so the first few of its descriptors tell
    as a rule. True where it may not be asked.
    """
    try:
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            for each in descriptors:
                with contextlib.suppress(OSError):  # it has just been closed
                    if os.readlink(each.path) in sockets:  # noqa: PTH115
                        return True
    except OSError:  # of another user, or it has just ended
        return True
    return False


def _holders(ports: Collection[int]) -> dict[int, set[int]]:
    """Port → whoever has a socket open that listens there, as far as this user may see."""
    sockets = _listening(ports)
    found: dict[int, set[int]] = {port: set() for port in ports}
    for process in os.scandir("/proc") if sockets else ():
        if not process.name.isdigit():
            continue
        try:
            descriptors = os.listdir(f"{process.path}/fd")  # noqa: PTH208  thousands: this and the next
        except OSError:  # of another user, or it has just ended
            continue
        for descriptor in descriptors:
            try:
                port = sockets.get(os.readlink(f"{process.path}/fd/{descriptor}"))  # noqa: PTH115
            except OSError:  # it has just been closed
                continue
            if port is not None:
                found[port].add(int(process.name))
    return found


def _listening(ports: Collection[int]) -> dict[str, int]:
    """Where a descriptor of each socket points that listens on one of the ports → that port. Raises SearchError."""
    told = socket_diag.listening()
    if told is None:
        return _in_tables(ports)
    return {f"socket:[{inode}]": port for port, inode in told if port in ports}


def _in_tables(ports: Collection[int]) -> dict[str, int]:
    """Raises SearchError where they are hidden."""
    found: dict[str, int] = {}
    for wholly in (False, True):  # what only behaves like Linux, as a sandbox, need not have its order
        for table in TABLES:
            try:
                with table.open() as lines:
                    next(lines, None)  # the heading
                    found |= listening_in(lines, ports, wholly)
            except FileNotFoundError:  # a kernel without IPv6
                continue
            except PermissionError:
                raise SearchError(HIDDEN) from None
        if set(found.values()) >= set(ports):
            break
    return found


def listening_in(lines: Iterable[str], ports: Collection[int], wholly: bool) -> dict[str, int]:
    """Of a table of sockets, those that listen on one of the ports. Linux lists all that listen first, so it is read up
    to there unless ``wholly``: a machine under load has tens of thousands of others.
    """
    found: dict[str, int] = {}
    for line in lines:
        _, local, _, state, _, _, _, _, _, inode, *_ = line.split()
        if state == LISTENS and (port := int(local.rpartition(":")[2], 16)) in ports:
            found[f"socket:[{inode}]"] = port
        elif state != LISTENS and not wholly:
            break
    return found


def _holders_by_psutil(ports: Collection[int]) -> dict[int, set[int]]:
    """The same on other systems. Of those that share a socket it names any one."""
    found: dict[int, set[int]] = {port: set() for port in ports}
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        raise SearchError(HIDDEN) from None
    for connection in connections:
        port = _port(connection)
        if connection.pid and port in found:
            found[port].add(_supervisor(connection.pid, port))
    return found


def _is_below(pid: int, pids: Collection[int]) -> bool:
    """Whether one of them is its ancestor."""
    try:
        return len(pids) > 1 and any(parent.pid in pids for parent in psutil.Process(pid).parents())
    except psutil.Error:  # ended, or of another user: as far up as we can see
        return False


def _supervisor(pid: int, port: int) -> int:
    """The topmost ancestor that holds the port too."""
    try:
        process: psutil.Process | None = psutil.Process(pid)
        while process and port in map(_port, process.net_connections("tcp")):
            pid = process.pid
            process = process.parent()
    except psutil.Error:
        pass  # ended, or of another user: as far up as we can see
    return pid


def _port(connection: Any) -> int:
    """The port on which this socket listens; 0 when it does not."""
    listens = connection.status == psutil.CONN_LISTEN and connection.laddr
    return int(connection.laddr.port) if listens else 0


def is_alive(process: psutil.Process) -> bool:
    """False also for a zombie, which waits for its parent and does nothing any more, and where its pid is another
    process now.
    """
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def descendants(pid: int, *, recursive: bool = True) -> list[int]:
    """Pids of the children of ``pid`` and of theirs, zombies among them; none when it has ended.

    Reads what the system lists of each thread, 0.05 ms a process; elsewhere the table of all processes, 20 µs for each
    on the machine. That list may lack one whose sibling ends while it is read: ask again where it has to be whole.
    """
    if not CHILDREN_ARE_LISTED:
        try:
            return [each.pid for each in psutil.Process(pid).children(recursive=recursive)]
        except psutil.Error:
            return []
    found, left = dict[int, None](), [pid]
    while left:
        children = [child for child in _children(left.pop()) if child not in found and child != pid]
        found |= dict.fromkeys(children)
        left += children if recursive else []
    return list(found)


def _children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return []
    found: list[int] = []
    for thread in threads:
        with contextlib.suppress(OSError), (thread / "children").open("rb", buffering=0) as listed:
            found += map(int, listed.read().split())
    return found


def in_status_file(path: Path, roles: Iterable[str]) -> list[tuple[str, int]]:
    """Name and pid of each process in the file that has one of these roles; of all without any. Raises SearchError."""
    try:
        entries = json.loads(regular(path).read_bytes())["processes"]
        known = [(str(entry["role"]), str(entry["name"]), int(entry["pid"])) for entry in entries]
    except OSError as error:
        raise SearchError(f"the status file cannot be read ({error.strerror}): is the target up?") from None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise SearchError(
            'the status file has no list "processes" of objects with role, name and pid: '
            "name the file given to python -m target up --state"
        ) from None
    wanted = set(roles)
    chosen = [(name, pid) for role, name, pid in known if not wanted or role in wanted]
    if not chosen:
        there = ", ".join(sorted({role for role, _, _ in known})) or "none"
        raise SearchError(f"no process with role {', '.join(sorted(wanted))}; roles there: {there}")
    return chosen
