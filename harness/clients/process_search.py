"""Finds processes: by the port on which they listen, or in the status file of the target."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import psutil

from harness.regular_file import regular

CHILDREN_ARE_LISTED = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()
"""By Linux, where it is built for that, as it is nearly everywhere."""


class SearchError(Exception):
    """Not found. ``str()`` says why and what to do."""


def listeners(ports: Collection[int]) -> dict[int, list[int]]:
    """Port → pids that listen on it; of a supervisor and workers that share a socket, the supervisor.

    Reads the open files of all processes: 4 to 25 ms. Raises SearchError where that is not permitted.
    """
    found: dict[int, set[int]] = {port: set() for port in ports}
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        raise SearchError("the system hides who listens on a port: give pids instead") from None
    for connection in connections:
        port = _port(connection)
        if connection.pid and port in found:
            found[port].add(_supervisor(connection.pid, port))
    return {port: sorted(pids) for port, pids in found.items()}


def _supervisor(pid: int, port: int) -> int:
    """The topmost ancestor that holds the port too: the table names any one of those that share."""
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
