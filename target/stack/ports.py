"""Free loopback ports that stay ours until the server has them."""

from __future__ import annotations

import errno
import random
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from target.errors import TargetError, UsageError

LOOPBACK = "127.0.0.1"
LEFT_FROM = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""First and last port from which connections leave, see ip(7)."""
BELOW, TRIES = 12_000, 200
"""So many ports below these are tried, and so often."""


@dataclass(frozen=True)
class Reserved:
    """A bound, not listening socket: nobody is given its port, yet a server with SO_REUSEADDR may bind it.

    A server that takes descriptors gets the socket itself. Close it once the server listens: a second holder
    of a listening socket would let connections pile up after the server died.
    """

    socket: socket.socket
    port: int

    def release(self) -> None:
        self.socket.close()


def reserve(port: int = 0) -> Reserved:
    """Reserve a free port, or the given one; raises UsageError when somebody has that one.

    A free one is, where the system tells, one that no connection leaves from: a server that has died can have it again
    however many connections were made meanwhile.
    """
    if not port and (reserved := _below_those_of_connections()) is not None:
        return reserved
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((LOOPBACK, port))
    except OSError as error:
        holder.close()
        if port and error.errno in (errno.EADDRINUSE, errno.EACCES):
            why = "is taken" if error.errno == errno.EADDRINUSE else "needs privileges"
            raise UsageError(f"port {port} {why}", "choose another, or leave --port out for a free one") from error
        raise TargetError(f"no loopback port could be bound ({error.strerror})", "see `ss -ltn`") from error
    return Reserved(holder, holder.getsockname()[1])


def _below_those_of_connections() -> Reserved | None:
    try:
        first = int(LEFT_FROM.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    there = range(max(1024, first - BELOW), first)
    for port in random.sample(there, min(TRIES, len(there))):
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with suppress(OSError):
            holder.bind((LOOPBACK, port))  # shared with nobody yet: another stack may hold it
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return Reserved(holder, port)
        holder.close()
    return None
