"""TCP sockets that listen, as Linux tells of them alone.

Its files ``/proc/net/tcp`` and ``tcp6`` say the same, but whoever reads one to its end has the kernel look through all
places for connections, used or not: a quarter of a million, for each of the two, on a machine with 24 GiB.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
REQUEST, DUMP = 0x001, 0x300
"""Flags: an answer of many messages is asked for."""
ERROR, DONE = 2, 3
LISTENS = 1 << 10
"""Of the states of TCP, the one to be told of."""
HEADER = struct.Struct("=LHHLL")
"""Length of the message, its type, flags, number, sender."""
QUESTION = struct.Struct("=BBBBL48x")
"""Family, protocol, more to be told, nothing, states; and any address."""
RESULT = struct.Struct("=i")
"""With ``DONE``: 0, or the error, below 0, that ended the answer, as where this kernel has nobody who answers."""
SOCKET = struct.Struct("!4xH62xL")
"""As much as is wanted of one that is told of: its port, and its inode, which is in the machine's order of bytes."""
MOST_BYTES = 1 << 16
PATIENCE_S = 1.0


def listening() -> list[tuple[int, int]] | None:
    """Port and inode of each; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(PATIENCE_S)
            return [found for family in (socket.AF_INET, socket.AF_INET6) for found in _of_family(kernel, family)]
    except (OSError, struct.error):  # the second where an answer is shorter than Linux's, as an emulated one may be
        return None


def _of_family(kernel: socket.socket, family: int) -> Iterator[tuple[int, int]]:
    """Raises OSError where the kernel refuses."""
    length = HEADER.size + QUESTION.size
    asked = HEADER.pack(length, SOCK_DIAG_BY_FAMILY, REQUEST | DUMP, family, 0)
    kernel.sendto(asked + QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, LISTENS), (0, 0))
    while True:
        answer = kernel.recv(MOST_BYTES)
        at = 0
        while at + HEADER.size <= len(answer):
            length, kind, _, _, _ = HEADER.unpack_from(answer, at)
            if kind == ERROR or length < HEADER.size:
                raise OSError("it is not told")
            if kind == DONE:
                (result,) = RESULT.unpack_from(answer, at + HEADER.size)
                if result < 0:
                    raise OSError(-result, os.strerror(-result))
                return
            if kind == SOCK_DIAG_BY_FAMILY:
                port, inode = SOCKET.unpack_from(answer, at + HEADER.size)
                yield port, socket.ntohl(inode)
            at += (length + 3) & ~3
