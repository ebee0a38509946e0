"""One WebSocket connection: opened within a deadline, read without waiting, and what is wrong said in few words."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import websocket
from websocket import ABNF, WebSocketBadStatusException, WebSocketConnectionClosedException, WebSocketException
from websocket import _handshake as library_handshake

from harness.load.http.request import BaseUrl
from harness.load.http.settings import TlsSettings
from harness.load.http.waitable_socket import DeadlineError, WaitableSocket
from harness.load.outcomes import outcome_of
from harness.load.websocket.transport import PendingWebSocket, Transport

CLOSED_NORMALLY = 1000
NO_CODE = 1005
"""Of RFC 6455: the close frame had none."""
CUT_OFF = "cut off"
"""Outcome: the stream ended without a close frame."""
PROTOCOL_ERROR = "protocol error"
REDIRECTS = range(300, 400)


class ConnectionFailedError(Exception):
    """The handshake did not come to its end; ``outcome`` is the short cause."""

    def __init__(self, outcome: str, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class ConnectionEndedError(Exception):
    """The connection is over, and not because we wanted it."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Connection:
    """Open once it is made. At most one greenlet uses it at a time."""

    __slots__ = ("_library", "_longest_bytes", "_socket", "_transport")

    def __init__(
        self,
        pending: PendingWebSocket,
        base: BaseUrl,
        path: str,
        tls_settings: TlsSettings,
        longest_bytes: int,
        deadline_s: float,
    ) -> None:
        """TCP, TLS and WebSocket handshake. Raises ConnectionFailedError, with the socket closed."""
        self._longest_bytes = longest_bytes
        self._socket: WaitableSocket = pending.tcp.socket
        # Its locks are for threads: a connection belongs to one greenlet.
        self._library: Any = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
        secure = base.origin.scheme == "https"
        try:
            self._socket = pending.tcp.finish(deadline_s)
            self._transport = Transport(self._socket, base.origin.host, tls_settings if secure else None, deadline_s)
            self._handshake(f"{'wss' if secure else 'ws'}://{base.origin.authority}{base.prefix}{path}", base)
        except BaseException as error:
            self._socket = pending.tcp.socket  # the latest, whatever became of it
            self.abort()
            if isinstance(error, Exception):
                raise ConnectionFailedError(_cause(error), str(error)[:200]) from None
            raise
        self._transport.blocking = False

    def receive(self) -> str | bytes | None:
        """The next message that is there, text or binary; None when no whole one is. Pings are answered.

        Raises ConnectionEndedError.
        """
        while True:
            try:
                opcode, data = self._library.recv_data(control_frame=True)
            except BlockingIOError:
                if (self._library.frame_buffer.length or 0) > self._longest_bytes:
                    raise ConnectionEndedError("message too large") from None
                return None
            except WebSocketConnectionClosedException:
                raise ConnectionEndedError(CUT_OFF) from None
            except (OSError, WebSocketException, ValueError) as error:
                raise ConnectionEndedError(_cause(error)) from None
            if opcode == ABNF.OPCODE_CLOSE:
                code = int.from_bytes(data[:2]) if len(data) >= 2 else NO_CODE
                raise ConnectionEndedError(f"closed {code}")
            if opcode == ABNF.OPCODE_BINARY:
                return bytes(data)
            if opcode == ABNF.OPCODE_TEXT:
                try:
                    return str(data, "utf-8")
                except UnicodeDecodeError:
                    raise ConnectionEndedError(PROTOCOL_ERROR) from None

    def wait(self, until_s: float) -> None:
        """Returns when there may be something to read, at ``until_s``, or when it is interrupted."""
        with contextlib.suppress(DeadlineError):
            self._socket.wait_readable(until_s)

    def interrupt(self) -> None:
        """Ends a wait. To be called from the event loop."""
        self._socket.interrupt()

    def send(self, data: str | bytes) -> None:
        """One message. Raises ConnectionEndedError."""
        try:
            if isinstance(data, str):
                self._library.send_text(data)
            else:
                self._library.send_binary(data)
        except (OSError, WebSocketException) as error:
            raise ConnectionEndedError(_cause(error)) from None

    def close(self, within_s: float) -> bool:
        """Says goodbye (1000) and waits for the answer; whether it came. What else comes meanwhile is dropped."""
        deadline_s = time.monotonic() + within_s
        try:
            self._library.send_close(CLOSED_NORMALLY)
            while time.monotonic() < deadline_s:
                if self.receive() is None:
                    self.wait(deadline_s)
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

    def _handshake(self, url: str, base: BaseUrl) -> None:
        headers = [f"{name}: {value}" for name, value in base.headers.items()]
        try:
            self._library.connect(url, socket=self._transport, header=headers, redirect_limit=0)
        except WebSocketException:
            answer = self._library.handshake_response
            if answer is not None and answer.status in REDIRECTS:
                # Not followed: load goes where the operator said, and nowhere else.
                raise ConnectionFailedError(f"http {answer.status}", "the target redirects") from None
            raise
        finally:
            # The library would keep the headers of ten thousand answers, and one user's cookies for all of them.
            self._library.handshake_response = None
            library_handshake.CookieJar.jar.clear()


def _cause(error: Exception) -> str:
    """``http 404``, ``timeout``, ``connection refused``, ``tls``, ``cut off``, ``protocol error`` …"""
    if isinstance(error, WebSocketBadStatusException):
        return f"http {error.status_code}"
    if isinstance(error, WebSocketConnectionClosedException):
        return CUT_OFF
    if isinstance(error, OSError | ConnectionFailedError) or "Timeout" in type(error).__name__:
        return "timeout" if isinstance(error, DeadlineError) else outcome_of(error, None)
    if isinstance(error, DeadlineError):
        return "timeout"
    return PROTOCOL_ERROR
