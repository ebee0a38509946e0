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


class Dialling:
    """A socket on its way to the first of the host's addresses that takes it.

    In steps, so that a gate can do for its users what does not wait: begin, and send if there is a connection by then.
    """

    __slots__ = ("_address", "_code", "_left", "socket")

    def __init__(self, origin: Origin, deadline_s: float) -> None:
        """Looks up the host's name. Raises OSError."""
        self._left = addresses(origin, deadline_s)
        self._code: int | None = None
        """What connect() said of the present address; None before."""
        self._open_next()

    def begin(self) -> None:
        self._code = self.socket.raw.connect_ex(self._address)

    def send(self, first: bytes) -> int:
        """How many of these bytes are sent: none while the peer has not taken the connection, or when it refuses."""
        if self._code not in IN_PROGRESS:
            return 0
        try:
            sent = self.socket.raw.send(first)
        except BlockingIOError:
            return 0
        except OSError as problem:
            self._code = problem.errno or errno.EIO  # the kernel tells it only once
            return 0
        self._code = 0
        return sent

    def finish(self, deadline_s: float) -> WaitableSocket:
        """The connected socket. Raises OSError; the latest socket is the owner's to close."""
        while True:
            try:
                self._finish(deadline_s)
                return self.socket
            except DeadlineError:
                raise ConnectTimeoutError("no connection in time") from None
            except OSError:
                if not self._left:
                    raise
            self.socket.close()
            self._open_next()

    def _open_next(self) -> None:
        family, self._address = self._left.pop(0)
        self.socket = WaitableSocket(family)
        self.socket.raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._code = None

    def _finish(self, deadline_s: float) -> None:
        if self._code is None:
            self.begin()
        if self._code in IN_PROGRESS:
            self.socket.wait_writable(deadline_s)
            self._code = self.socket.raw.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if self._code:
            raise OSError(self._code, os.strerror(self._code))


def shake_hands(opened: WaitableSocket, tls: TlsLayer, greeting: bytes, deadline_s: float) -> None:
    """Raises OSError (ssl.SSLError)."""
    try:
        _send_all(opened, greeting, deadline_s)
        while True:
            received = _receive(opened, deadline_s)
            try:
                wire_bytes, finished = tls.shake_hands(received)
            except ssl.SSLError:
                _send_last_words(opened, tls)
                raise
            _send_all(opened, wire_bytes, deadline_s)
            if finished:
                return
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
