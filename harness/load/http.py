"""A lean HTTP/1.1 client on gevent sockets, and the user that a gate can send for.

It fires Locust's ``request`` event like the stock clients, so Locust's statistics and web UI show it as usual.
"""

from __future__ import annotations

import base64
import functools
import select
import socket as socket_module
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from gevent import socket, ssl
from locust import task

from harness.load.paced import Paced
from harness.load.pacing import Seat, Start
from harness.load.wire import AnswerReader, ProtocolError, Request, Response, build

if TYPE_CHECKING:
    from locust.env import Environment

READ_BYTES = 65536


@functools.cache
def _tls_context(verify: bool) -> ssl.SSLContext:
    """One for the process: loading the certificates of the authorities takes tens of milliseconds."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Connection:
    """One keep-alive connection to the target. Used by one user at a time."""

    def __init__(self, base: SplitResult, verify: bool) -> None:
        self._base = base
        self._verify = verify
        self._socket: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self, timeout_s: float) -> None:
        """Connects, with the TLS handshake where the scheme asks for it. Raises OSError."""
        host, port = (
            self._base.hostname or "",
            self._base.port or (443 if self._base.scheme == "https" else 80),
        )
        connected = socket.create_connection((host, port), timeout=timeout_s)
        connected.setsockopt(socket_module.IPPROTO_TCP, socket_module.TCP_NODELAY, 1)
        if self._base.scheme == "https":
            try:
                connected = _tls_context(self._verify).wrap_socket(connected, server_hostname=host)
            except BaseException:
                connected.close()
                raise
        self._socket = connected

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def usable(self) -> bool:
        """Open, and the peer has sent nothing: an idle connection that is readable has been closed."""
        if self._socket is None:
            return False
        poller = select.poll()
        poller.register(self._socket.fileno(), select.POLLIN)
        return not poller.poll(0)

    def send(self, payload: bytes, timeout_s: float) -> None:
        assert self._socket is not None
        self._socket.settimeout(timeout_s)
        self._socket.sendall(payload)

    def send_at_once(self, payload: bytes) -> bool:
        """Writes without giving other greenlets a turn. False when the kernel did not take it all."""
        if self._socket is None:
            return False
        # Beneath gevent's socket, whose send would wait in the hub when the kernel's buffer is full.
        raw: Any = self._socket if isinstance(self._socket, ssl.SSLSocket) else self._socket._sock  # type: ignore[attr-defined]
        try:
            sent: int = raw.send(payload)
        except OSError:
            sent = 0
        if sent != len(payload):
            self.close()  # a request cut in two would spoil the connection
            return False
        return True

    def receive(self, method: str, deadline_s: float) -> Response:
        """Reads one answer. Raises TimeoutError at the deadline (monotonic clock), OSError or ProtocolError."""
        assert self._socket is not None
        reader = AnswerReader(method)
        response = None
        while response is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("no complete answer in time")
            self._socket.settimeout(left_s)
            try:
                data = self._socket.recv(READ_BYTES)
            except TimeoutError:
                raise TimeoutError("no complete answer in time") from None
            if not data and not reader.begun:
                raise ConnectionResetError("the peer closed the connection without an answer")
            response = reader.feed(data)
        if not reader.keep_alive:
            self.close()
        return response


class HttpError(Exception):
    """The answer's status is 400 or higher, or the user's own check of the answer failed."""


class HttpClient:
    """Requests of one user to ``host``, over one connection that is kept alive. Redirects are not followed."""

    def __init__(self, environment: Environment, host: str, timeout_s: float, verify: bool) -> None:
        base = urlsplit(host)
        if base.scheme not in ("http", "https") or not base.hostname:
            raise ValueError(f"host {host!r}: give a URL such as http://127.0.0.1:8000")
        self._environment = environment
        self._timeout_s = timeout_s
        self._prefix = base.path.rstrip("/")
        self._authority = base.netloc.rpartition("@")[2]
        self._headers: dict[str, str] = {}
        if base.username:
            login = f"{unquote(base.username)}:{unquote(base.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        self.connection = Connection(base, verify)

    def prepare(self, method: str, path: str, **arguments: Any) -> Request:
        """Builds a request without sending it; arguments as for :func:`harness.load.wire.build`."""
        headers = {**self._headers, **(arguments.pop("headers", None) or {})}
        return build(self._authority, method, self._prefix + path, headers=headers, **arguments)

    def connect(self) -> None:
        """Makes sure that the connection is open and alive. Raises OSError."""
        if not self.connection.usable():
            self.connection.close()
            self.connection.open(self._timeout_s)

    def send(self, request: Request, start: Start | None = None, check: Any = None) -> Response | None:
        """Sends a request (unless a gate has sent it already) and reads the answer. Fires Locust's event.

        ``check(response)`` may return the reason for which an answer is wrong. Never raises for what the target
        does: a failed request is an outcome, and gives None when there was no answer.
        """
        sent_s = start.sent_s if start is not None else None
        response: Response | None = None
        error: BaseException | None = None
        begun_s = sent_s if sent_s is not None else time.monotonic()
        deadline_s = begun_s + self._timeout_s
        try:
            if sent_s is None:
                self.connect()
                sent_s = time.monotonic()
                self.connection.send(request.payload, self._timeout_s)
            response = self.connection.receive(request.method, deadline_s)
            if not response.ok:
                error = HttpError(f"{request.method} {request.name}: status {response.status_code}")
            elif check is not None and (reason := check(response)):
                error = HttpError(f"{request.method} {request.name}: {reason}")
        except (OSError, ProtocolError) as problem:
            error = problem
        finally:
            # Also after a kill in mid-request: half an answer on the connection would spoil the next one.
            if response is None:
                self.connection.close()
        done_s = time.monotonic()
        self._environment.events.request.fire(
            request_type=request.method,
            name=request.name,
            response_time=(done_s - (sent_s or begun_s)) * 1000,
            response_length=len(response.content) if response is not None else 0,
            exception=error,
            response=response,
            context={},
            start_time=time.time() - (done_s - begun_s),
            url=request.name,
            sent_s=sent_s or begun_s,
            done_s=done_s,
        )
        return response

    def request(self, method: str, path: str, **arguments: Any) -> Response | None:
        return self.send(self.prepare(method, path, **arguments))

    def get(self, path: str, **arguments: Any) -> Response | None:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> Response | None:
        return self.request("POST", path, **arguments)


class HerdHttpUser(Paced):
    """A user with one request per iteration, which a gate can send the instant the herd is due.

    A subclass gives ``prepare()``, which builds the request while the user is parked, and may give ``check()``.
    """

    abstract = True
    timeout_s: float = 30.0
    """For connecting, and for the whole answer."""
    verify_tls: bool = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.client = HttpClient(environment, self.host or "", self.timeout_s, self.verify_tls)
        self._request: Request | None = None

    def prepare(self) -> Request:
        """The request of the next iteration, e.g. ``self.client.prepare("GET", "/")``."""
        raise NotImplementedError

    def check(self, response: Response) -> str | None:  # noqa: ARG002
        """Why an answer with a good status is wrong all the same, or None."""
        return None

    def seat(self) -> Seat:
        self._request = self.prepare()
        if not self.node.stays_connected:
            self.client.connection.close()
            return Seat()
        try:
            self.client.connect()
        except OSError:
            # Not an outcome yet: the request itself will try again, and be counted, when it is due.
            return Seat()
        return Seat(PreparedSend(self.client.connection, self._request))

    @task
    def send_prepared(self) -> None:
        assert self._request is not None and self.start_given is not None
        self.start_given.name = f"{self._request.method} {self._request.name}"
        self.client.send(self._request, self.start_given, self.check)

    def on_stop(self) -> None:
        self.client.connection.close()


class PreparedSend:
    """A request on an open connection, for the gate to send."""

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self._payload = request.payload

    def transmit(self) -> bool:
        return self._connection.send_at_once(self._payload)

    def usable(self) -> bool:
        return self._connection.usable()
