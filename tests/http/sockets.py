"""Sockets of this process, and a listener that leaves whoever connects without an answer."""

from __future__ import annotations

import _socket
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import psutil


def sockets() -> frozenset[str]:
    """Those of this process that speak IP, by their inodes. Others may go while a test runs: earlier tests' are closed
    when they are collected, or when a thread of theirs has ended.
    """
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            inode = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
            if inode.startswith("socket:") and _speaks_ip(int(name)):
                found.add(inode)
    return frozenset(found)


def _speaks_ip(descriptor: int) -> bool:
    with contextlib.closing(_socket.socket(fileno=os.dup(descriptor))) as one:
        return one.family in (socket.AF_INET, socket.AF_INET6)


def new_sockets(before: frozenset[str]) -> int:
    return len(sockets() - before)


def connected_to(port: int) -> int:
    """Connections of this process that are open, or on their way."""
    there = [one for one in psutil.Process().net_connections("tcp") if one.raddr and one.raddr.port == port]
    return sum(one.status in (psutil.CONN_ESTABLISHED, psutil.CONN_SYN_SENT) for one in there)


def until_idle_ends(port: int) -> None:
    """The peer has closed all connections to this port, and here nobody has noticed."""
    with gevent.Timeout(20):
        while connected_to(port):
            gevent.sleep(0.01)


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
