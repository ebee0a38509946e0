"""Free loopback ports that stay ours until the server has them."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from target.errors import TargetError, UsageError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Reserved:
    """A bound, not listening socket: nobody is given its port, yet a server with SO_REUSEADDR may bind it.

    A server that takes descriptors gets the socket itself. Close it once the server listens: a second holder
    of a listening socket would let connections pile up after the server died.
    """

    socket: socket.socket
    port: int

    def release(self) -> None:
        """Give up our hold."""
        self.socket.close()


def reserve(port: int = 0) -> Reserved:
    """Reserve a free port, or the given one; raises UsageError when somebody has that one."""
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
