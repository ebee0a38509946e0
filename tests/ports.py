"""Ports for tests: free, and given to nobody else."""

from __future__ import annotations

import socket

_HELD: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens. Until this process ends no connection leaves from it and nobody who
    asks for any free port is given it; a server that is told this port may bind it, with SO_REUSEADDR as servers do.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _HELD.append(holder)
    return int(holder.getsockname()[1])
