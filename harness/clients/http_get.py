"""One request with one deadline for all of it: name, connection, TLS, answer. For probes, health check and faults.

Not requests: its timeout starts again with each packet, so that an endpoint that drips holds a sample for
ever, and it asks the environment for proxies and ``.netrc``. Plain sockets also wait cooperatively when
gevent has patched them. Redirects are not followed: the answer of another place is no answer.
"""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import httptools

from harness.clients.address import strip_url
from harness.clients.connection import Deadline, NoAnswerError, connect, connect_unix, endpoint, reason_of

USER_AGENT = "springback-probe"
"""By which a target tells what is asked here, health checks too, from the load."""

__all__ = ["Answer", "Deadline", "NoAnswerError", "connect", "endpoint", "get", "get_all", "request"]


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    location: str
    """Where a redirect points to, without user info and query; else empty."""
    body: bytes
    date: str = ""
    """When it was made, by the clock of whoever made it, in his words; empty where he does not say."""

    @property
    def in_words(self) -> str:
        """Its status, and where a redirect points to."""
        to = f" to {self.location}, which is not followed" if self.location else ""
        return f"HTTP {self.status} {self.reason}".rstrip() + to


def get(url: str, timeout_s: float, limit_bytes: int, accept: str = "*/*") -> Answer:
    """Asks ``url`` once, on a connection of its own; sends user info in the URL as basic authentication.

    ``url`` must have no problems by :func:`harness.clients.address.url_problems`. ``limit_bytes`` bounds it all.
    Raises NoAnswerError within about ``timeout_s``, whatever the other side does.
    """
    return request(url, timeout_s, limit_bytes, accept=accept)


def request(
    url: str,
    timeout_s: float,
    limit_bytes: int,
    *,
    method: str = "GET",
    accept: str = "*/*",
    json_body: str = "",
    content_type: str = "application/json",
    bearer_token: str = "",
    ca_file: str = "",
    unix_socket: str = "",
) -> Answer:
    """As :func:`get`, with any method, and with a body where one is given. ``ca_file``: certificates of the authorities
    to trust, PEM; empty: the usual ones. ``unix_socket``: path of the socket of this machine that is spoken over, and
    ``url`` is then only what is asked for.
    """
    deadline = Deadline(timeout_s)
    over = connect_unix(unix_socket, deadline) if unix_socket else connect(*endpoint(url), deadline, ca_file)
    with over as connection:
        try:
            head = _request(urlsplit(url), method, accept, json_body.encode(), content_type, bearer_token)
            connection.sendall(head)
            return _receive(connection, deadline, limit_bytes)
        except TimeoutError:
            raise NoAnswerError(f"timed out: connected, but no whole answer within {timeout_s:g} s") from None
        except ssl.SSLError as error:
            # Python 3.11.2 has no class of its own for it.
            if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":
                raise NoAnswerError("closed without close_notify: the answer may have been cut short") from None
            raise NoAnswerError(f"TLS failed: {reason_of(error)}") from None
        except ConnectionResetError:
            raise NoAnswerError("connection reset by the other side") from None
        except OSError as error:
            raise NoAnswerError(f"connection failed: {reason_of(error)}") from None


def page(url: str, timeout_s: float, limit_bytes: int, accept: str) -> bytes:
    """What :func:`get` brings with status 200. Raises NoAnswerError for any other status as well."""
    answer = get(url, timeout_s, limit_bytes, accept)
    if answer.status != 200:
        raise NoAnswerError(answer.in_words)
    return answer.body


def get_all(urls: Sequence[str], timeout_s: float, limit_bytes: int, accept: str) -> list[Answer | NoAnswerError]:
    """:func:`get` for each URL at the same time, so that one that hangs does not delay the others."""

    def attempt(url: str) -> Answer | NoAnswerError:
        try:
            return get(url, timeout_s, limit_bytes, accept)
        except NoAnswerError as error:
            return error

    if len(urls) == 1:
        return [attempt(urls[0])]
    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        return list(pool.map(attempt, urls))


class _ResponseParser:
    """What the parser calls; holds the answer as it comes."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.complete = False
        self._clear()

    def _clear(self) -> None:
        self.reason = ""
        self.location = ""
        self.date = ""
        self.framed = False
        self.headers_complete = False
        self.body = bytearray()

    def on_status(self, status: bytes) -> None:
        self.reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        self.framed = self.framed or lower in (b"content-length", b"transfer-encoding")
        if lower == b"location":
            self.location = value.decode("latin-1")
        elif lower == b"date":
            self.date = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.headers_complete = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.parser.get_status_code() < 200:  # "continue" and "early hints" precede the answer
            self._clear()
        else:
            self.complete = True


def _receive(connection: socket.socket, deadline: Deadline, limit_bytes: int) -> Answer:
    answer = _ResponseParser()
    received = 0
    while not answer.complete:
        connection.settimeout(deadline.remaining_s())
        data = connection.recv(65536)
        if not data:
            break
        received += len(data)
        if received > limit_bytes:
            raise NoAnswerError(f"the answer is longer than {limit_bytes} bytes")
        try:
            answer.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not answer.complete:
                raise NoAnswerError(f"the answer is not HTTP ({error})") from None
    if received == 0:
        raise NoAnswerError("the connection was closed without an answer")
    if not answer.complete and (answer.framed or not answer.headers_complete):
        raise NoAnswerError("the connection was closed in the middle of the answer")
    status = answer.parser.get_status_code()
    return Answer(status, answer.reason, strip_url(answer.location), bytes(answer.body), answer.date)


def _request(parts: SplitResult, method: str, accept: str, body: bytes, content_type: str, bearer_token: str) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        f"User-Agent: {USER_AGENT}",
        f"Accept: {accept}",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if bearer_token:
        lines.append(f"Authorization: Bearer {bearer_token}")
    elif parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    if body:
        lines.append(f"Content-Type: {content_type}")
    if body or method not in ("GET", "DELETE"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
