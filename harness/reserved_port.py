"""A port for a server that is yet to start."""

from __future__ import annotations

import socket


def reserved_port() -> socket.socket:
    """A free port of 127.0.0.1, in the name of the socket: while that is bound nobody who asks for any free port is
    given it, and no connection leaves from it. It does not listen, so a server may bind the port too, with SO_REUSEADDR
    as servers do.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder
