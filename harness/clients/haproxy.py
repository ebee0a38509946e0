"""HAProxy's runtime socket, and the statistics that it and the statistics page give.

https://docs.haproxy.org/2.8/management.html#9.1 (format of the CSV), #9.3 (commands)
"""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.clients.http_get import Deadline

LIMIT_BYTES = 4_000_000
CSV_HEADER = "# pxname,"
BACKEND = "BACKEND"
"""In place of a server's name: the row of the backend itself."""
BACKEND_TYPE, SERVER_TYPE = "1", "2"


class HaproxyError(Exception):
    """There was no answer, or none that can be read. ``str()`` is the cause in words."""


@dataclass(frozen=True)
class ServerStatus:
    """A server's row of the statistics; or the backend's own, whose queue may go to any of its servers."""

    backend: str
    name: str
    status: str
    """In HAProxy's words: ``UP``, ``UP 1/3``, ``no check``, ``DRAIN``, ``MAINT (via x)`` …"""
    sessions: float
    """Requests under way."""
    queue: float
    """Requests that wait."""

    @property
    def is_backend(self) -> bool:
        return self.name == BACKEND


def run_command(address: str, command: str, timeout_s: float) -> str:
    """HAProxy's answer to ``command``. ``address`` is the path of the runtime socket, or host:port.

    Raises HaproxyError within about ``timeout_s``, whatever the other side does.
    """
    deadline = Deadline(timeout_s)
    answer = bytearray()
    try:
        with _connect(address, deadline) as connection:
            connection.sendall(command.encode() + b"\n")
            while chunk := connection.recv(65536):
                answer += chunk
                if len(answer) > LIMIT_BYTES:
                    raise HaproxyError(f"the answer is longer than {LIMIT_BYTES} bytes")
                connection.settimeout(deadline.remaining_s())
    except TimeoutError:
        raise HaproxyError(f"timed out: no whole answer of {address} within {timeout_s:g} s") from None
    except OSError as error:
        raise HaproxyError(_reason(address, error)) from None
    return answer.decode(errors="replace")


def parse_statistics(text: str) -> Iterator[ServerStatus]:
    """The rows of servers and backends in the CSV of ``show stat`` or of a statistics page. Raises HaproxyError."""
    for row in csv.DictReader(text.removeprefix("# ").splitlines()):
        name = row.get("svname")
        if name in (None, "FRONTEND") or row.get("type") not in (None, "", BACKEND_TYPE, SERVER_TYPE):
            continue
        try:
            sessions, queue = float(row.get("scur") or 0), float(row.get("qcur") or 0)
        except ValueError:
            raise HaproxyError(f"the statistics of {name} cannot be read") from None
        yield ServerStatus(str(row.get("pxname")), str(name), str(row.get("status")), sessions, queue)


def _connect(address: str, deadline: Deadline) -> socket.socket:
    host, _, port = address.rpartition(":")
    if "/" not in address and host and port.isdecimal():
        return socket.create_connection((host.strip("[]"), int(port)), deadline.remaining_s())
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(deadline.remaining_s())
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _reason(address: str, error: OSError) -> str:
    path = Path(address)
    try:
        if path.exists() and not path.is_socket():
            return f"{path} is no socket; name the one of `stats socket` in haproxy.cfg"
    except OSError:
        pass
    return f"{address}: {error.strerror or error}"
