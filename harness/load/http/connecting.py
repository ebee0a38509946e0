"""Opening a socket to the target, with the TLS handshake: both within one deadline."""

from __future__ import annotations

import _socket
import contextlib
import errno
import ipaddress
import os
import ssl
import time
from typing import Any

from gevent import Timeout
from gevent import socket as gevent_socket

from harness.load.http.errors import ConnectTimeoutError
from harness.load.http.request import Origin
from harness.load.http.tls import TlsLayer
from harness.load.http.waiting import DeadlineError, WaitableSocket

IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK)
READ_BYTES = 65536


def connected(origin: Origin, deadline_s: float) -> WaitableSocket:
    """A connected socket, to the first of the host's addresses that takes it. Raises OSError."""
    problem: OSError = ConnectTimeoutError("no connection in time")
    for family, address in addresses(origin, deadline_s):
        opened = WaitableSocket(family)
        try:
            _connect(opened, address, deadline_s)
            return opened
        except OSError as error:
            opened.close()
            problem = error
        except DeadlineError:
            opened.close()
            raise ConnectTimeoutError("no connection in time") from None
        except BaseException:
            opened.close()
            raise
    raise problem


def _connect(opened: WaitableSocket, address: tuple[Any, ...], deadline_s: float) -> None:
    raw = opened.raw
    raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    code = raw.connect_ex(address)
    if code in IN_PROGRESS:
        opened.wait_writable(deadline_s)
        code = raw.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def shake_hands(opened: WaitableSocket, tls: TlsLayer, deadline_s: float) -> None:
    """Raises OSError (ssl.SSLError)."""
    received = b""
    try:
        while True:
            try:
                wire_bytes, finished = tls.shake_hands(received)
            except ssl.SSLError:
                _send_last_words(opened, tls)
                raise
            _send_all(opened, wire_bytes, deadline_s)
            if finished:
                return
            received = _receive(opened, deadline_s)
    except DeadlineError:
        raise ConnectTimeoutError("no TLS handshake in time") from None


def _receive(opened: WaitableSocket, deadline_s: float) -> bytes:
    while True:
        opened.wait_readable(deadline_s)
        try:
            received = opened.raw.recv(READ_BYTES)
        except BlockingIOError:
            continue
        if not received:
            raise ssl.SSLError("the peer closed the connection in the middle of the TLS handshake")
        return received


def _send_all(opened: WaitableSocket, wire_bytes: bytes, deadline_s: float) -> None:
    rest = memoryview(wire_bytes)
    while rest:
        try:
            rest = rest[opened.raw.send(rest) :]
        except BlockingIOError:
            opened.wait_writable(deadline_s)


def _send_last_words(opened: WaitableSocket, tls: TlsLayer) -> None:
    """The alert that says what was wrong, for the peer's log."""
    with contextlib.suppress(OSError):
        opened.raw.send(tls.alert())


def addresses(origin: Origin, deadline_s: float) -> list[tuple[int, tuple[Any, ...]]]:
    """Family and address of the origin's host, best first. Raises OSError (gaierror) when there are none."""
    try:
        # A name that is an address already need not wait for gevent's resolver, which is a pool of threads.
        family = _socket.AF_INET6 if ipaddress.ip_address(origin.host).version == 6 else _socket.AF_INET
        return [(family, (origin.host, origin.port))]
    except ValueError:
        pass
    with Timeout(max(0.001, deadline_s - time.monotonic()), ConnectTimeoutError("host name not resolved in time")):
        found = gevent_socket.getaddrinfo(origin.host, origin.port, type=_socket.SOCK_STREAM)
    return [(int(family), tuple(address)) for family, _, _, _, address in found]
