"""One WebSocket connection: opened within a deadline, read by the event loop, and what is wrong said in few words.

The loop reads whenever something has come, whatever the user is at: so pings are answered in time, and each message has
the instant at which it came. A second greenlet for that would cost as much memory as all the rest.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, NamedTuple

import websocket
from websocket import ABNF, WebSocketConnectionClosedException, WebSocketException

from harness.load.http.settings import TlsSettings
from harness.load.http.waitable_socket import DeadlineError, WaitableSocket
from harness.load.outcomes import outcome_of
from harness.load.turns import call_in_later_turn, end_long_turn, turn_is_long
from harness.load.websocket import handshake
from harness.load.websocket.handshake import PROTOCOL_ERROR, Answer, ConnectionFailedError, Opening
from harness.load.websocket.transport import ConnectionEndedEarlyError, PendingWebSocket, Transport

CLOSED_NORMALLY = 1000
NO_CODE = 1005
"""Of RFC 6455: the close frame had none."""
CUT_OFF = "cut off"
"""Outcome: the stream ended without a close frame."""
MOST_UNREAD = 1000
"""So many messages wait for a user who is busy; then nothing is read until it has taken them, as TCP means it to be."""


class ConnectionEndedError(Exception):
    """The connection is over, and not because we wanted it; since ``at_s`` (``time.monotonic()``)."""

    def __init__(self, outcome: str, at_s: float | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.at_s = time.monotonic() if at_s is None else at_s


class _TurnOverError(Exception):
    """There may be more, for a later turn of the loop: also of frames that are no messages, which nobody counts."""


class Message(NamedTuple):
    """What came, and when."""

    data: str | bytes
    arrived_s: float


class Connection:
    """Open once it is made. At most one greenlet uses it at a time."""

    __slots__ = (
        "_ended",
        "_library",
        "_paused",
        "_socket",
        "_transport",
        "_unread",
        "answer",
        "pong",
        "reading_since_s",
    )

    def __init__(
        self,
        pending: PendingWebSocket,
        opening: Opening,
        tls_settings: TlsSettings,
        longest_bytes: int,
        deadline_s: float,
    ) -> None:
        """TCP, TLS and WebSocket handshake. Raises ConnectionFailedError, with the socket closed, and ValueError for
        what cannot be sent.
        """
        self._socket: WaitableSocket = pending.tcp.socket
        self._library = _new_library_socket(longest_bytes)
        self._ended: ConnectionEndedError | None = None
        self._unread: list[Message] | None = None
        self._paused = False
        self.pong: Message | None = None
        """The latest one."""
        self.reading_since_s = time.monotonic()
        """The instant since which nothing has kept us from reading; before it, the user was too far behind."""
        try:
            self._socket = pending.tcp.finish(deadline_s)
            end_long_turn()
            origin = opening.base.origin
            tls = tls_settings if origin.scheme == "https" else None
            self._transport = Transport(self._socket, origin.host, tls, deadline_s)
            self.answer: Answer = self._handshake(opening)
        except BaseException as error:
            self._socket = pending.tcp.socket  # the latest, whatever became of it
            self.abort()
            # ssl has an error that is both.
            cannot_be_sent = isinstance(error, ValueError) and not isinstance(error, OSError)
            if isinstance(error, Exception) and not cannot_be_sent:
                raise ConnectionFailedError(_cause(error), str(error)[:200]) from None
            raise
        self._transport.blocking = False
        self._library.sock, self._library.connected = self._transport, True
        self._socket.watch(self._read)
        self._take()  # what came with the handshake

    def receive(self) -> Message | None:
        """The next message that is there; None when no whole one is. Raises ConnectionEndedError."""
        if self._unread:
            message = self._unread.pop(0)
            if not self._unread:
                self._unread = None
                if self._ended is None and self._paused:
                    self._paused = False
                    self.reading_since_s = time.monotonic()
                    self._socket.watch(self._read)
                    self._take()  # the rest of what was read with the last one
            return message
        if self._ended is not None:
            raise self._ended
        return None

    def wait(self, until_s: float) -> None:
        """Returns when something has come, at ``until_s``, or when it is interrupted."""
        if self._unread or self._ended is not None:
            return
        with contextlib.suppress(DeadlineError):
            self._socket.wait(until_s)
        end_long_turn()

    def interrupt(self) -> None:
        """Ends a wait. To be called from the event loop."""
        self._socket.interrupt()

    def send(self, data: str | bytes) -> bool:
        """One message. False when the connection is over, and what came before its end is still to be taken. Raises
        ConnectionEndedError.
        """
        return self._send(ABNF.OPCODE_TEXT if isinstance(data, str) else ABNF.OPCODE_BINARY, data)

    def ping(self, data: bytes) -> None:
        """Of at most 125 bytes, which come back in a ``pong``. Raises ConnectionEndedError."""
        self._send(ABNF.OPCODE_PING, data)

    def close(self, within_s: float) -> bool:
        """Says goodbye (1000) and waits for the answer; whether it came. What else comes meanwhile is dropped."""
        deadline_s = time.monotonic() + within_s
        try:
            self._library.send_close(CLOSED_NORMALLY)
            while time.monotonic() < deadline_s:
                if self.receive() is None:
                    self.wait(deadline_s)
                else:
                    end_long_turn()
        except ConnectionEndedError as ended:
            return ended.outcome == f"closed {CLOSED_NORMALLY}"
        except (OSError, WebSocketException):
            pass
        finally:
            self.abort()
        return False

    def abort(self) -> None:
        """Closes the socket and says nothing."""
        self._library.sock = None
        self._socket.close()

    def _handshake(self, opening: Opening) -> Answer:
        key = handshake.new_key()
        self._transport.send(opening.encode(key))
        return handshake.read_answer(self._transport.read_head(handshake.MAX_HEAD_BYTES), key, opening.subprotocols)

    def _send(self, opcode: int, data: str | bytes) -> bool:
        if self._ended is not None:
            if self._unread:
                return False
            raise self._ended
        try:
            self._library.send(data, opcode)
        except (OSError, WebSocketException) as error:
            raise ConnectionEndedError(_cause(error)) from None
        return True

    def _read(self) -> None:
        """Called by the event loop, and again in a later turn where nothing is read in this one."""
        if not turn_is_long():
            self._take()

    def _take(self) -> None:
        """Takes what has come, and answers pings."""
        try:
            while (message := self._next()) is not None:
                if self._unread is None:
                    self._unread = []
                self._unread.append(message)
                if len(self._unread) >= MOST_UNREAD:
                    self._paused = True
                    self._socket.stop_watching()
                    break
        except ConnectionEndedError as ended:
            self._ended = ended
            self._socket.stop_watching()
        except _TurnOverError:
            self._socket.stop_watching()
            call_in_later_turn(self._go_on)
        self._socket.wake()

    def _go_on(self) -> None:
        """What was read already may be all there is, and the loop does not tell of it."""
        if self._library.sock is not None:
            self._socket.watch(self._read)
            self._take()

    def _next(self) -> Message | None:
        """The next message, or None when no whole one is there. Raises ConnectionEndedError, and _TurnOverError."""
        while True:
            try:
                opcode, data = self._library.recv_data(control_frame=True)
            except BlockingIOError:
                self._library.check_length(self._library.frame_buffer.length or 0)
                return None
            except WebSocketConnectionClosedException:
                raise ConnectionEndedError(CUT_OFF) from None
            except (OSError, WebSocketException, ValueError) as error:
                raise ConnectionEndedError(_cause(error)) from None
            now_s = time.monotonic()
            if opcode == ABNF.OPCODE_CLOSE:
                code = int.from_bytes(data[:2]) if len(data) >= 2 else NO_CODE
                raise ConnectionEndedError(f"closed {code}", now_s)
            if opcode == ABNF.OPCODE_PONG:
                self.pong = Message(bytes(data), now_s)
            if opcode == ABNF.OPCODE_BINARY:
                return Message(bytes(data), now_s)
            if opcode == ABNF.OPCODE_TEXT:
                try:
                    return Message(str(data, "utf-8"), now_s)
                except UnicodeDecodeError:
                    raise ConnectionEndedError(PROTOCOL_ERROR, now_s) from None


class _LibrarySocket(websocket.WebSocket):
    longest_bytes = 0

    def recv_frame(self) -> ABNF:
        if turn_is_long():
            raise _TurnOverError
        frame: ABNF = super().recv_frame()  # type: ignore[no-untyped-call]
        if frame.opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY, ABNF.OPCODE_CONT):
            self.check_length(len(frame.data))
        return frame

    def check_length(self, more_bytes: int) -> None:
        """Of a message, with the fragments of it that have come before. Raises ConnectionEndedError."""
        before = self.cont_frame.cont_data
        if more_bytes + (len(before[1]) if before else 0) > self.longest_bytes:
            raise ConnectionEndedError("message too large")

    def send_close(self, status: int = CLOSED_NORMALLY, reason: str | bytes = b"") -> None:
        """Also the answer to a goodbye: a peer that has hung up by then has said why all the same."""
        with contextlib.suppress(OSError):
            super().send_close(status, reason)


def _new_library_socket(longest_bytes: int) -> Any:
    """websocket-client's. Its locks are for threads, and a connection belongs to one greenlet; none of them and nothing
    of its options is ever changed, so ten thousand share what would be a tenth of their memory.
    """
    made: Any = _LibrarySocket(enable_multithread=False, skip_utf8_validation=True)
    made.sock_opt, made.lock, made.readlock = _shared.sock_opt, _shared.lock, _shared.lock
    made.frame_buffer.lock = _shared.lock
    made.longest_bytes = longest_bytes
    return made


_shared: Any = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)


def _cause(error: Exception) -> str:
    """``http 404``, ``timeout``, ``connection refused``, ``tls``, ``cut off``, ``protocol error`` …"""
    if isinstance(error, WebSocketConnectionClosedException | ConnectionEndedEarlyError):
        return CUT_OFF
    if isinstance(error, OSError | ConnectionFailedError) or "Timeout" in type(error).__name__:
        return "timeout" if isinstance(error, DeadlineError) else outcome_of(error, None)
    if isinstance(error, DeadlineError):
        return "timeout"
    return PROTOCOL_ERROR
