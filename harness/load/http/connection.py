"""One connection to the target: it sends and receives, each within a deadline."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable

from harness.load.http.connecting import READ_BYTES, PendingConnection
from harness.load.http.errors import FirstByteTimeoutError, ResponseTimeoutError, StaleConnectionError, TruncatedError
from harness.load.http.request import LAST_CHUNK, Request, encode_chunk
from harness.load.http.response import Response
from harness.load.http.response_parser import ResponseParser
from harness.load.http.settings import ResponseLimits
from harness.load.http.tls import TlsLayer
from harness.load.http.waitable_socket import DeadlineError


class Connection:
    """An open connection, used for one request at a time. Closed for good once it is closed."""

    __slots__ = (
        *("_ahead", "_reader", "_socket", "_tls", "_unsent"),
        *("awaits_response", "is_new", "idle_since_s", "is_open"),
    )

    def __init__(self, pending: PendingConnection, limits: ResponseLimits, deadline_s: float) -> None:
        """Finishes ``pending``, with whatever of a request was sent on it. Raises OSError; it is closed then."""
        self._socket = pending.finish(deadline_s)
        self._tls = pending.tls
        self._reader = ResponseParser(limits.max_head_bytes, limits.max_body_bytes)
        self._ahead: tuple[bytes, bytes] | None = None
        """A request that was encrypted while its user is parked: plain, encrypted."""
        self._unsent = pending.unsent or b""
        """Rest of a request that a gate has begun to send."""
        self.awaits_response = pending.unsent is not None
        """Whether a gate has sent the request, or begun to."""
        self.is_new = True
        """Whether no request has been sent on it."""
        self.is_open = True
        self.idle_since_s = time.monotonic()

    def close(self) -> None:
        if self.is_open:
            self._socket.close()
            self.is_open = False
            self._reader.close()

    def is_alive(self) -> bool:
        """Open, and the peer has sent nothing that matters: an idle connection with news has been closed."""
        if not self.is_open:
            return False
        try:
            while received := self._socket.raw.recv(READ_BYTES):
                # Session tickets of TLS 1.3 come when they like; anything else means that it is over.
                if self._tls is None or self._tls.decrypt(received) or self._tls.closed:
                    return False
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    @property
    def keep_alive(self) -> bool:
        """Whether the latest answer leaves the connection fit for another request."""
        return self._reader.keep_alive

    def encrypt_ahead(self, payload: bytes) -> bytes:
        """Bytes for :meth:`prepared_send`. TLS numbers what it encrypts, so they must be the next to go."""
        if self._tls is None:
            return payload
        if self._ahead is None or self._ahead[0] != payload:
            if self._ahead is not None:
                self.close()  # what was encrypted before can neither be sent nor be taken back
                return b""
            self._ahead = payload, self._tls.encrypt(payload)
        return self._ahead[1]

    def prepared_send(self, wire_bytes: bytes) -> Callable[[], int]:
        """To be called once, by any thread; gives other greenlets no turn. Its outcome is for :meth:`note_sent`."""
        return functools.partial(self._socket.raw.send, wire_bytes)

    def note_sent(self, wire_bytes: bytes, sent: int | None) -> bool:
        """``sent``: so many bytes, None after an OSError. The rest goes with :meth:`exchange`.

        False when the connection is gone; nothing was sent then.
        """
        if sent is None:
            self.close()
            return False
        self._ahead = None
        self.awaits_response = True
        if sent != len(wire_bytes):
            self._unsent = wire_bytes[sent:]
        return True

    def exchange(
        self, request: Request, payload: bytes | None, deadline_s: float, first_byte_s: float | None
    ) -> Response:
        """Sends ``payload`` (None: a gate has sent it) and reads the answer.

        Raises TimeoutError, another OSError or ProtocolError; StaleConnectionError when the connection was closed
        before any byte was sent, which is the one case in which the request may be sent again.
        """
        if payload is not None and self.awaits_response:
            raise StaleConnectionError  # the answer that comes next is that of another request
        reader = self._reader
        reader.begin(request.method)
        self.awaits_response = False
        early = None
        try:
            if payload is None:
                if self._unsent:
                    rest, self._unsent = self._unsent, b""
                    early = self._send_wire(rest, deadline_s)
            else:
                early = self._send(payload, request.chunks, deadline_s)
            if early is not None:
                reader.keep_alive = False  # the answer came before the request was complete
                return early
            return self._receive(deadline_s, first_byte_s)
        except DeadlineError:
            raise ResponseTimeoutError("no complete answer in time") from None

    # Receiving

    def _receive(self, deadline_s: float, first_byte_s: float | None) -> Response:
        wait, recv, feed, tls = self._socket.wait_readable, self._socket.raw.recv, self._reader.feed, self._tls
        until_s = deadline_s
        if first_byte_s is not None and not self._reader.begun:
            until_s = min(deadline_s, time.monotonic() + first_byte_s)
        try:
            response = None
            while response is None:
                wait(until_s)
                try:
                    data = recv(READ_BYTES)
                except BlockingIOError:
                    continue  # woken for nothing
                if not data:
                    return self._end()
                if tls is not None:
                    data = tls.decrypt(data)
                    if not data:
                        if tls.closed:
                            return self._end()
                        continue  # a session ticket, or part of a record: no byte of an answer
                until_s = deadline_s
                response = feed(data)
                if response is None and tls is not None and tls.closed:
                    return self._end()
        except DeadlineError:
            if until_s < deadline_s:
                raise FirstByteTimeoutError("no byte of an answer in time") from None
            raise
        return response

    def _end(self) -> Response:
        if not self._reader.begun:
            raise ConnectionResetError("the peer closed the connection without an answer")
        answer = self._reader.end()
        if self._tls is not None and not self._tls.closed:
            # Where its end is that of the connection, only a close_notify tells it from one cut short (RFC 9112, 9.8).
            raise TruncatedError("the peer closed the connection, and not the TLS session, in the answer's body")
        return answer

    # Sending

    def _send(self, payload: bytes, chunks: Iterable[bytes | str] | None, deadline_s: float) -> Response | None:
        """The answer, where it came before all was sent."""
        wire_bytes = payload if self._tls is None else self._encrypted(self._tls, payload)
        try:
            sent = self._socket.raw.send(wire_bytes)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            if self.is_new:
                raise
            raise StaleConnectionError from error
        if sent != len(wire_bytes):
            early = self._send_wire(wire_bytes[sent:], deadline_s)
            if early is not None:
                return early
        return None if chunks is None else self._send_chunks(chunks, deadline_s)

    def _send_chunks(self, chunks: Iterable[bytes | str], deadline_s: float) -> Response | None:
        for chunk in chunks:
            if time.monotonic() > deadline_s:
                raise DeadlineError
            if (early := self._response_so_far()) is not None:
                return early
            content = encode_chunk(chunk)
            if self._tls is not None and content:
                content = self._tls.encrypt(content)
            if (early := self._send_wire(content, deadline_s)) is not None:
                return early
        return self._send_wire(LAST_CHUNK if self._tls is None else self._tls.encrypt(LAST_CHUNK), deadline_s)

    def _encrypted(self, tls: TlsLayer, payload: bytes) -> bytes:
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return tls.encrypt(payload)
        if ahead[0] != payload:
            raise StaleConnectionError  # encrypted for a request that was not sent: a new connection is needed
        return ahead[1]

    def _send_wire(self, wire_bytes: bytes, deadline_s: float) -> Response | None:
        """Sends all of it, listening meanwhile: a peer that refuses a request says so, closes and reads no more."""
        rest = memoryview(wire_bytes)
        while rest:
            try:
                rest = rest[self._socket.raw.send(rest) :]
            except BlockingIOError:
                self._socket.wait_writable(deadline_s, or_readable=True)
                if (early := self._response_so_far()) is not None:
                    return early
            except (ConnectionResetError, BrokenPipeError):
                early = self._response_so_far()
                if early is None:
                    raise
                return early
        return None

    def _response_so_far(self) -> Response | None:
        """Takes what has arrived without waiting; the answer when it is complete."""
        while True:
            try:
                data = self._socket.raw.recv(READ_BYTES)
            except BlockingIOError:
                return None
            if not data:
                return self._end()
            if self._tls is not None:
                data = self._tls.decrypt(data)
            if data and (response := self._reader.feed(data)) is not None:
                return response
