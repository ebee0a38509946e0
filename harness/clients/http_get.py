"""One request with one deadline for all of it: name, connection, TLS, answer. For probes, health check and faults.

Not requests: its timeout starts again with each packet, so that an endpoint that drips holds a sample for
ever, and it asks the environment for proxies and ``.netrc``. Plain sockets also wait cooperatively when
gevent has patched them. Redirects are not followed: the answer of another place is no answer.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import certifi
import httptools

from harness.clients.address import strip_url
from harness.clients.connection_guard import BlockedError

_Address: TypeAlias = tuple[int, Any]
"""Address family, and the address as a socket of that family takes it."""


class NoAnswerError(Exception):
    """No complete HTTP answer came. ``str()`` is the cause in words, without the URL."""


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    location: str
    """Where a redirect points to, without user info and query; else empty."""
    body: bytes


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
    bearer_token: str = "",
    ca_file: str = "",
) -> Answer:
    """As :func:`get`, with any method, and with a body where one is given. ``ca_file``: certificates of the authorities
    to trust, PEM; empty: the usual ones.
    """
    deadline = Deadline(timeout_s)
    with connect(*endpoint(url), deadline, ca_file) as connection:
        try:
            connection.sendall(_request(urlsplit(url), method, accept, json_body.encode(), bearer_token))
            return _receive(connection, deadline, limit_bytes)
        except TimeoutError:
            raise NoAnswerError(f"timed out: connected, but no whole answer within {timeout_s:g} s") from None
        except ssl.SSLError as error:
            raise NoAnswerError(f"TLS failed: {_reason(error)}") from None
        except ConnectionResetError:
            raise NoAnswerError("connection reset by the other side") from None
        except OSError as error:
            raise NoAnswerError(f"connection failed: {_reason(error)}") from None


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


def endpoint(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether it speaks TLS."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if tls else 80), tls


def connect(host: str, port: int, tls: bool, deadline: Deadline, ca_file: str = "") -> socket.socket:
    """A connection to the first address of ``host`` that takes it.

    Raises NoAnswerError, which tells name, refusal, time and TLS apart.
    """
    failure = NoAnswerError(f"name not resolved: {host} has no address")
    addresses = _resolve(host, port, deadline)
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.remaining_s() / left)
            connection.connect(address)
            connection.settimeout(deadline.remaining_s())
            return _tls(ca_file).wrap_socket(connection, server_hostname=host) if tls else connection
        except BlockedError as error:
            failure = NoAnswerError(str(error.strerror))
        except TimeoutError:
            failure = NoAnswerError(f"timed out: not connected to port {port} within {deadline.timeout_s:g} s")
        except ConnectionRefusedError:
            failure = NoAnswerError(f"connection refused: nothing listens on port {port}")
        except ssl.SSLCertVerificationError as error:
            failure = NoAnswerError(f"TLS failed: the certificate is not valid ({error.verify_message})")
        except ssl.SSLError as error:
            failure = NoAnswerError(f"TLS failed: {_reason(error)}")
        except OSError as error:
            failure = NoAnswerError(f"connection failed: {_reason(error)}")
        connection.close()
    raise failure


class Deadline:
    """One budget of time for several steps."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        """Raises TimeoutError when nothing is left."""
        remaining = self._end_s - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return remaining


class _ResponseParser:
    """What the parser calls; holds the answer as it comes."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.complete = False
        self._clear()

    def _clear(self) -> None:
        self.reason = ""
        self.location = ""
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
    return Answer(status, answer.reason, strip_url(answer.location), bytes(answer.body))


def _request(parts: SplitResult, method: str, accept: str, body: bytes, bearer_token: str) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "User-Agent: springback-probe",
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
        lines.append("Content-Type: application/json")
    if body or method not in ("GET", "DELETE"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _resolve(host: str, port: int, deadline: Deadline) -> list[_Address]:
    """Addresses of ``host``. Looks a name up in a thread, because the system's look-up knows no deadline."""
    found: list[_Address] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((entry[0], entry[4]) for entry in entries)
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(str(error)))

    if _is_literal(host):
        look_up()
    else:
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(deadline.timeout_s)
        if thread.is_alive():
            raise NoAnswerError(f"name not resolved: no answer for {host} within {deadline.timeout_s:g} s")
    if failed:
        raise NoAnswerError(f"name not resolved: {host} ({_reason(failed[0])})")
    return found


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error) or type(error).__name__


def _tls(ca_file: str) -> ssl.SSLContext:
    # Read anew each time, because such a file is replaced when its authority is; ours are not.
    return ssl.create_default_context(cafile=ca_file) if ca_file else _usual_tls()


@functools.cache
def _usual_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())  # a slim container has no certificates of its own
    return context
