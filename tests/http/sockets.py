"""Sockets of this process, and a listener that leaves whoever connects without an answer."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager


def open_sockets() -> int:
    """By the descriptors of this process, without those of objects that nobody has any more: earlier tests' sockets
    would else be closed between two counts.
    """
    gc.collect()
    found = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")  # noqa: PTH115
        except OSError:
            continue
    return found


@contextmanager
def unanswered() -> Iterator[socket.socket]:
    """A listener whose queue is full: the kernel leaves whoever connects without an answer, and they ask again."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        filling = [socket.socket() for _ in range(4)]
        for one in filling:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        time.sleep(0.05)
        try:
            yield listener
        finally:
            for one in filling:
                one.close()
