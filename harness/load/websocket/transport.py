"""What websocket-client takes for a socket.

It reads in large pieces, and it keeps every wait within a deadline. Once it is no longer ``blocking``, reading never
waits: it raises BlockingIOError, websocket-client keeps the part of the frame that has come, and goes on with it at the
next call. Reading is then the event loop's, which may not wait when it answers a ping, nor answer it in the middle of
what the user sends.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from gevent import get_hub, getcurrent

from harness.load.http.connecting import READ_BYTES, PendingSocket, tls_handshake
from harness.load.http.request import Origin
from harness.load.http.settings import TlsSettings
from harness.load.http.tls import TlsLayer, tls_context
from harness.load.http.waitable_socket import DeadlineError, WaitableSocket
from harness.load.turns import end_long_turn

SEND_TIMEOUT_S = 10.0
"""A peer that takes nothing for so long is as good as gone."""


MOST_UNSENT_BYTES = 1 << 16
"""Of answers to pings that a peer does not read."""


class ConnectionEndedEarlyError(Exception):
    """The peer hung up before it had answered."""


class PendingWebSocket:
    """A TCP connection about to be opened, in the form that a gate takes: it opens all of them in one loop."""

    __slots__ = ("tcp",)

    def __init__(self, origin: Origin, deadline_s: float) -> None:
        """Looks up the host's name. Raises OSError."""
        self.tcp = PendingSocket(origin, deadline_s)

    @property
    def begin(self) -> Callable[[], int]:
        return self.tcp.begin

    def note_begun(self, outcome: int | None) -> bool:
        self.tcp.note_begun(outcome)
        return outcome is not None

    def continue_request(self) -> None:
        """The rest of the handshake is the user's."""

    def is_alive(self) -> bool:
        """Nothing can happen to it before it is begun."""
        return True

    def close(self) -> None:
        self.tcp.socket.close()


class Transport:
    """An open connection, encrypted where ``tls_settings`` are given."""

    __slots__ = ("_buffer", "_offset", "_sending", "_socket", "_tls", "_unsent", "blocking", "deadline_s")

    def __init__(self, opened: WaitableSocket, host: str, tls_settings: TlsSettings | None, deadline_s: float) -> None:
        """With the TLS handshake, if any. Raises OSError (ssl.SSLError)."""
        self._socket = opened
        self._buffer, self._offset = b"", 0
        self._sending, self._unsent = False, b""
        self.blocking = True
        self.deadline_s = deadline_s
        """Of waits as long as it is blocking."""
        self._tls: TlsLayer | None = None
        if tls_settings is not None:
            tls = TlsLayer(tls_context(tls_settings.verify, tls_settings.ca_file), host)
            tls_handshake(opened, tls, tls.handshake(b"")[0], deadline_s)
            self._tls = tls

    def recv(self, size: int) -> bytes:
        """At least one byte; none at all when the peer has ended its side. Raises BlockingIOError, OSError."""
        if self._offset == len(self._buffer):
            self._buffer, self._offset = self._read(), 0
        piece = self._buffer[self._offset : self._offset + size]
        self._offset += len(piece)
        if self._offset == len(self._buffer):
            self._buffer, self._offset = b"", 0
        return piece

    def read_head(self, most_bytes: int) -> bytes:
        """All up to an empty line, which is taken, and is no part of it; none of it when there was no such line within
        so many bytes. Raises ConnectionEndedEarlyError, OSError.
        """
        head = b""
        while len(head) <= most_bytes:
            piece = self._read()
            if not piece:
                raise ConnectionEndedEarlyError
            head += piece
            found = head.find(b"\r\n\r\n")
            if found >= 0:
                self._buffer = head[found + 4 :]
                return head[:found]
        return b""

    def send(self, data: bytes) -> int:
        """Sends all of it; in the event loop what can be sent without waiting, and the rest before anything else.

        Raises TimeoutError when the peer takes nothing, another OSError when it is gone.
        """
        self._unsent += data if self._tls is None else self._tls.encrypt(data)
        if self._sending or getcurrent() is get_hub():
            if not self._sending and not self._send_some():
                if len(self._unsent) > MOST_UNSENT_BYTES:
                    raise TimeoutError("the peer does not read")
                self._socket.watch_writable(self._send_rest)
            return len(data)
        deadline_s = self.deadline_s if self.blocking else time.monotonic() + SEND_TIMEOUT_S
        self._sending = True
        try:
            while not self._send_some():
                self._socket.wait_writable(deadline_s)
        except DeadlineError:
            # Also when the run ends in mid-frame: the connection cannot be used any more.
            raise TimeoutError("the peer does not read") from None
        finally:
            self._sending = False
        return len(data)

    def _send_rest(self) -> None:
        """Called by the event loop when the peer reads again; that it has gone is seen by whoever reads."""
        with contextlib.suppress(OSError):
            if not self._sending and not self._send_some():
                return
        self._socket.stop_watching_writable()

    def _send_some(self) -> bool:
        """Whether all is sent that was to be."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.raw.send(self._unsent) :]
        except BlockingIOError:
            return False
        return True

    def gettimeout(self) -> float:
        """0 keeps websocket-client from waiting by means of its own."""
        return 0.0

    def settimeout(self, seconds: float | None) -> None:
        """Deadlines are kept here."""

    def fileno(self) -> int:
        return self._socket.raw.fileno()

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> bytes:
        while True:
            try:
                data = self._socket.raw.recv(READ_BYTES)
            except BlockingIOError:
                if not self.blocking:
                    raise
                try:
                    self._socket.wait_readable(self.deadline_s)
                except DeadlineError:
                    raise TimeoutError("no answer in time") from None
                end_long_turn()
                continue
            if not data or self._tls is None:
                return data
            plain = self._tls.decrypt(data)
            if plain or self._tls.closed:
                return plain
