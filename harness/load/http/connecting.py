"""A connection on its way: from the host's name over a TCP socket to the end of the TLS handshake, in steps that a gate
can do, and within one deadline.
"""

from __future__ import annotations

import _socket
import contextlib
import errno
import functools
import ipaddress
import math
import os
import ssl
import time
from collections.abc import Callable
from typing import Any

from gevent import Timeout
from gevent import socket as gevent_socket

from harness.load.http.errors import ConnectTimeoutError
from harness.load.http.request import Origin
from harness.load.http.settings import TlsSettings
from harness.load.http.tls import TlsLayer, tls_context
from harness.load.http.waitable_socket import DEADLINE_TOLERANCE_S, DeadlineError, WaitableSocket

IN_PROGRESS = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)
READ_BYTES = 65536
NEXT_ADDRESS_AFTER_S = 0.25
"""The Connection Attempt Delay that RFC 8305 recommends."""


class ConnectAttempt:
    """A socket on its way to one address."""

    __slots__ = ("_code", "begin", "socket")

    def __init__(self, family: int, address: tuple[Any, ...]) -> None:
        self._code: int | None = None
        """What the kernel said of it last; None before it was asked."""
        self.socket = WaitableSocket(family)
        self.socket.raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.begin: Callable[[], int] = functools.partial(self.socket.raw.connect_ex, address)
        """May be called by any thread; what it returns is for :meth:`note_begun`."""

    def note_begun(self, code: int | None) -> None:
        self._code = code

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

    def connected(self) -> bool:
        """Whether it is there by now; begins where that was not done. Raises OSError when the peer refuses."""
        if self._code is None or self._code in IN_PROGRESS:
            self.note_begun(self.begin())  # asked again, the kernel says what has become of it
        if self._code in IN_PROGRESS:
            return False
        if self._code not in (0, errno.EISCONN):
            raise OSError(self._code, os.strerror(self._code or 0))
        return True


class PendingSocket:
    """A socket on its way to the first of the host's addresses that takes it.

    In steps, so that a gate can do for its users what does not wait: begin, and send if there is a connection by then.
    """

    __slots__ = ("_addresses_left", "_attempt")

    def __init__(self, origin: Origin, deadline_s: float) -> None:
        """Looks up the host's name. Raises OSError."""
        self._addresses_left = resolve(origin, deadline_s)
        self._attempt = self._next()

    @property
    def socket(self) -> WaitableSocket:
        """The one in hand, its owner's to close whatever becomes of the connection."""
        return self._attempt.socket

    @property
    def begin(self) -> Callable[[], int]:
        return self._attempt.begin

    def note_begun(self, code: int | None) -> None:
        self._attempt.note_begun(code)

    def send(self, first: bytes) -> int:
        """How many of these bytes are sent: none unless the first address has taken the connection."""
        return self._attempt.send(first)

    def finish(self, deadline_s: float) -> WaitableSocket:
        """The connected socket, which is ``socket`` from now on. Raises OSError.

        An address that refuses makes room for the next one at once. One that says nothing is not given up, but after
        ``NEXT_ADDRESS_AFTER_S``, or its share of a short time limit, the next is tried beside it, and the first that
        answers is taken: RFC 8305, section 5.
        """
        pending = [self._attempt]
        try:
            self._attempt = self._first_connected(pending, deadline_s)
        finally:
            for attempt in pending:
                if attempt is not self._attempt:
                    attempt.socket.close()
        return self._attempt.socket

    def _next(self) -> ConnectAttempt:
        while True:
            try:
                return ConnectAttempt(*self._addresses_left.pop(0))
            except OSError:  # a family of addresses that this machine does not speak
                if not self._addresses_left:
                    raise

    def _first_connected(self, pending: list[ConnectAttempt], deadline_s: float) -> ConnectAttempt:
        next_due_s = self._next_due_s(deadline_s)
        while True:
            refusal: OSError | None = None
            for attempt in tuple(pending):
                try:
                    if attempt.connected():
                        return attempt
                except OSError as problem:
                    refusal = problem
                    pending.remove(attempt)
                    attempt.socket.close()
            if self._addresses_left and (refusal is not None or time.monotonic() >= next_due_s):
                pending.append(self._next())
                next_due_s = self._next_due_s(deadline_s)
                continue
            if refusal is not None and not pending:
                raise refusal
            first, *others = (attempt.socket for attempt in pending)
            try:
                first.wait_writable(min(deadline_s, next_due_s), others=others)
            except DeadlineError:
                if time.monotonic() >= deadline_s - DEADLINE_TOLERANCE_S:
                    raise ConnectTimeoutError("no connection in time") from None

    def _next_due_s(self, deadline_s: float) -> float:
        if not self._addresses_left:
            return math.inf
        now_s = time.monotonic()
        return now_s + min(NEXT_ADDRESS_AFTER_S, (deadline_s - now_s) / (1 + len(self._addresses_left)))


class PendingConnection:
    """Begin, send early and finish, in this order; a gate may do the first two, which wait for nothing."""

    __slots__ = ("_client_hello", "_pending_socket", "tls", "unsent")

    def __init__(self, origin: Origin, tls_settings: TlsSettings, deadline_s: float) -> None:
        """The host's name is looked up, the ClientHello of TLS is made. Raises OSError."""
        self.tls: TlsLayer | None = None
        self._client_hello = b""
        if origin.scheme == "https":
            self.tls = TlsLayer(tls_context(tls_settings.verify, tls_settings.ca_file), origin.host)
            self._client_hello, _ = self.tls.handshake(b"")
        self.unsent: bytes | None = None
        """Rest of the request that :meth:`send_early` has begun to send; None when it has not."""
        self._pending_socket = PendingSocket(origin, deadline_s)

    @property
    def begin(self) -> Callable[[], int]:
        """Without giving other greenlets a turn. Nothing happens to one that was given up."""
        return self._pending_socket.begin

    def note_begun(self, code: int | None) -> None:
        self._pending_socket.note_begun(code)

    def send_early(self, payload: bytes) -> None:
        """Sends what comes first, if the peer has taken the connection by now; gives no other greenlet a turn. Nothing
        happens to one that was given up.
        """
        if self.tls is not None:
            self._client_hello = self._client_hello[self._pending_socket.send(self._client_hello) :]
        elif sent := self._pending_socket.send(payload):
            self.unsent = payload[sent:]

    def finish(self, deadline_s: float) -> WaitableSocket:
        """Goes on from where it is, to the end of the TLS handshake. Raises OSError; it is closed then."""
        try:
            opened = self._pending_socket.finish(deadline_s)
            if self.tls is not None:
                tls_handshake(opened, self.tls, self._client_hello, deadline_s)
        except BaseException:
            self.close()
            raise
        return opened

    def close(self) -> None:
        self._pending_socket.socket.close()


def tls_handshake(opened: WaitableSocket, tls: TlsLayer, client_hello: bytes, deadline_s: float) -> None:
    """Raises OSError (ssl.SSLError)."""
    try:
        _send_all(opened, client_hello, deadline_s)
        while True:
            received = _receive(opened, deadline_s)
            try:
                wire_bytes, finished = tls.handshake(received)
            except ssl.SSLError:
                _send_alert(opened, tls)
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


def _send_alert(opened: WaitableSocket, tls: TlsLayer) -> None:
    """The alert that says what was wrong, for the peer's log."""
    with contextlib.suppress(OSError):
        opened.raw.send(tls.alert())


@functools.lru_cache(maxsize=100)
def _family_of_literal(host: str) -> int | None:
    try:
        return int(_socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else _socket.AF_INET)
    except ValueError:
        return None


def resolve(origin: Origin, deadline_s: float) -> list[tuple[int, tuple[Any, ...]]]:
    """Family and address of the origin's host, best first. Raises OSError (gaierror) when there are none."""
    # A name that is an address already need not wait for gevent's resolver, which is a pool of threads.
    if (literal := _family_of_literal(origin.host)) is not None:
        return [(literal, (origin.host, origin.port))]
    with Timeout(max(0.001, deadline_s - time.monotonic()), ConnectTimeoutError("host name not resolved in time")):
        found = gevent_socket.getaddrinfo(origin.host, origin.port, type=_socket.SOCK_STREAM)
    return [(int(family), tuple(address)) for family, _, _, _, address in found]
