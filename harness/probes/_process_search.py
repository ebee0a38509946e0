"""Finds processes: by the port on which they listen, or in the status file of the target."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil


class SearchError(Exception):
    """Not found. ``str()`` says why and what to do."""


def listeners(ports: Collection[int]) -> dict[int, list[int]]:
    """Port → pids that listen on it, without those whose parent does too (workers of one supervisor).

    Reads the table of all open sockets: 4 ms and more. Raises SearchError where that is not permitted.
    """
    found: dict[int, set[int]] = {port: set() for port in ports}
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        raise SearchError("the system hides who listens on a port: give pids instead") from None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.pid:
            found.get(connection.laddr.port, set()).add(connection.pid)
    return {port: sorted(pid for pid in pids if _parent(pid) not in pids) for port, pids in found.items()}


def in_status_file(path: Path, roles: Iterable[str]) -> list[tuple[str, int]]:
    """Name and pid of each process in the file that has one of these roles. Raises SearchError."""
    try:
        entries = json.loads(path.read_bytes())["processes"]
        known = [(str(entry["role"]), str(entry["name"]), int(entry["pid"])) for entry in entries]
    except OSError as error:
        raise SearchError(f"the status file cannot be read ({error.strerror}): is the target up?") from None
    except (ValueError, KeyError, TypeError):
        raise SearchError(
            'the status file has no list "processes" of objects with role, name and pid: '
            "name the file given to python -m target up --state"
        ) from None
    wanted = set(roles)
    chosen = [(name, pid) for role, name, pid in known if role in wanted]
    if not chosen:
        there = ", ".join(sorted({role for role, _, _ in known})) or "none"
        raise SearchError(f"no process with role {', '.join(sorted(wanted))}; roles there: {there}")
    return chosen


def _parent(pid: int) -> int | None:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return None
