"""PostgreSQL as both sides of the harness see it: which DSN can be used, how it is shown, why a server refused, and a
session whose every step has a deadline of its own.

The sampling process uses this, so it imports neither gevent nor Locust. In a Locust process it waits cooperatively,
because ``select`` is patched there.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg2
from psycopg2 import extensions

from harness.clients import connection_guard
from harness.clients.address import allowed_hosts, is_literal, require_allowed, userinfo_problem
from harness.clients.connection_guard import BlockedError
from harness.clients.remedies import with_remedy
from harness.errors import ConfigurationError

EXAMPLE = "postgresql://user:password@127.0.0.1:5432/database"
DEFAULT_PORT = "5432"
APPLICATION = "springback"
USABLE_WITHIN_S = 3.0

_BY_STATE = (
    ("57014", "query canceled"),
    ("53300", "too many connections"),
    ("28", "authentication failed"),
    ("3D000", "unknown database"),
    ("40P01", "deadlock"),
    ("40001", "serialization failure"),
    ("55P03", "lock not available"),
    ("57P03", "server starting"),
    ("57P", "server closed"),
    ("08", "server closed"),
)
"""Beginning of the SQLSTATE (PostgreSQL, appendix A) → cause; the first that fits."""

_BY_WORDS = (
    ("broken pipe", "connection reset"),  # first: it is said of what could not be sent, such as a "negotiation packet"
    ("reset by peer", "connection reset"),
    ("connection abort", "connection reset"),
    ("too many clients", "too many connections"),
    ("remaining connection slots", "too many connections"),
    ("too many connections", "too many connections"),
    ("no encryption", "tls"),  # "no pg_hba.conf entry for host …, no encryption"
    ("does not support ssl", "tls"),
    ("certificate", "tls"),
    ("ssl error", "tls"),
    ("authentication failed", "authentication failed"),
    ("no password supplied", "authentication failed"),
    ("no pg_hba.conf entry", "authentication failed"),
    ("role ", "authentication failed"),
    ("database ", "unknown database"),
    ("negotiation", "not postgresql"),
    ("expected authentication request", "not postgresql"),
    ("connection refused", "connection refused"),
    ("timeout expired", "timeout"),
    ("timed out", "timeout"),
    ("translate host name", "name not resolved"),
    ("closed the connection", "server closed"),
    ("terminating connection", "server closed"),
    ("connection already closed", "server closed"),
    ("eof detected", "server closed"),
    ("write to server failed", "server closed"),
    ("no connection to the server", "server closed"),
    ("connection not open", "server closed"),
)
"""While connecting there is no SQLSTATE to be had from libpq, only these words."""

_BROKEN = ("connection reset", "server closed")
"""Causes that say the least: libpq tries again after these, with another host or without TLS."""


class PostgresError(Exception):
    """A query or a connection that failed; ``outcome`` is the short cause that a recording counts it under. Its text is
    the cause alone: what libpq says may quote the DSN.
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def cause_of(error: psycopg2.Error) -> str:
    """Why, in a word or two: few different values, and never a part of the DSN."""
    state = error.pgcode or ""
    for beginning, cause in _BY_STATE:
        if state.startswith(beginning):
            return cause
    if state:
        return f"sql {state}"
    message = str(error).lower()
    if "starting up" in message or "shutting down" in message or "not yet accepting" in message:
        return "server starting" if "shutting" not in message else "server closed"
    causes = [cause for line in message.splitlines() if (cause := _by_words(line))]  # a line or more for each try
    telling = [cause for cause in causes if cause not in _BROKEN]
    return next(iter(telling or causes), "connection failed")


def _by_words(line: str) -> str:
    return next((cause for words, cause in _BY_WORDS if words in line), "")


def dsn_problems(dsn: str) -> list[str]:
    """What keeps ``dsn`` from being used, each with its remedy; empty if nothing."""
    if problem := userinfo_problem(dsn):
        return [problem]
    try:
        parts = _parts(dsn)
    except (psycopg2.Error, ValueError):  # its text may quote the password; the latter of what cannot be encoded
        return [f"the PostgreSQL address cannot be read. Give one like {EXAMPLE}"]
    problems = []
    if not parts.get("host") and not parts.get("hostaddr"):
        problems.append(f"the PostgreSQL address names no host. Give one like {EXAMPLE}")
    if "service" in parts:
        problems.append(f"the PostgreSQL address names a service file's entry. Write it out, like {EXAMPLE}")
    ports = [port for port in parts.get("port", "").split(",") if port]
    if any(not port.isdigit() or not 0 < int(port) < 65536 for port in ports):
        problems.append(f"the port of the PostgreSQL address is no number from 1 to 65535. Give one like {EXAMPLE}")
    return problems


def address(dsn: str) -> str:
    """``127.0.0.1:5432/database``: fit for a recording and for a message."""
    parts = _parts(dsn)
    host = parts.get("host") or parts.get("hostaddr", "")
    return f"{host}:{parts.get('port', DEFAULT_PORT)}/{parts.get('dbname') or parts.get('user', '')}"


def hosts(dsn: str) -> tuple[str, ...]:
    """Every host that a connection may go to; a socket's directory is none."""
    parts = _parts(dsn)
    named = [name for key in ("host", "hostaddr") for name in parts.get(key, "").split(",")]
    return tuple(name for name in named if name and not name.startswith(("/", "@")))


def require_usable(dsn: str, option: str, allow_host: str | Iterable[str] = ()) -> None:
    """Returns when load may go to ``dsn`` and a session can be had there. An empty ``dsn`` is not asked for.
    ``allow_host``: other hosts that load may go to.

    Raises ConfigurationError.
    """
    if not dsn:
        return
    allowed = allowed_hosts(allow_host)
    problems = [f"{option}: {problem}" for problem in dsn_problems(dsn)]
    for host in hosts(dsn) if not problems else ():
        try:
            require_allowed(f"http://{f'[{host}]' if ':' in host else host}", allowed)
        except ConfigurationError as error:
            problems += [f"{option}: {message.replace('http://', '')}" for message in error.messages]
    if not problems:
        try:
            Session(dsn, USABLE_WITHIN_S).close()
        except PostgresError as error:
            problems.append(f"{option} {address(dsn)}: {with_remedy(error.outcome)}")
    if problems:
        raise ConfigurationError(problems)


class Session:
    """One connection, autocommit. Connecting and each query have to end within ``limit_s``, also when the server is
    frozen, where neither its ``statement_timeout`` nor the ``connect_timeout`` of libpq would help.

    Everything raises PostgresError; the session is closed then.
    """

    def __init__(self, dsn: str, limit_s: float, application: str = APPLICATION) -> None:
        self._limit_s = limit_s
        self._connection: Any = None
        try:
            self._connection = psycopg2.connect(
                dsn, async_=True, fallback_application_name=application, **pinned_hosts(dsn)
            )
            self._wait()
        except psycopg2.Error as error:
            self.close()
            raise PostgresError(cause_of(error)) from None

    @property
    def server_version(self) -> int:
        return int(self._connection.server_version)

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                self._wait()
                found: list[tuple[Any, ...]] = cursor.fetchall()
                return found
        except psycopg2.Error as error:
            self.close()
            raise PostgresError(cause_of(error)) from None

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()

    def _wait(self) -> None:
        deadline_s = time.monotonic() + self._limit_s
        while (state := self._connection.poll()) != extensions.POLL_OK:
            ready = select.poll()  # afresh: libpq may go on to another of the host's addresses
            ready.register(
                self._connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT
            )
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not ready.poll(left_s * 1000):
                self.close()
                raise PostgresError("timeout")


def pinned_hosts(dsn: str) -> dict[str, Any]:
    """``host`` and ``hostaddr`` for a connection to ``dsn``: each of its hosts with its addresses, looked up here and
    held to the :mod:`harness.clients.connection_guard`. libpq's sockets are made in C, where the guard does not see
    them; it would also take an address from ``PGHOSTADDR`` or from a service file before the DSN's own, and hold up the
    whole process while it looks a name up.

    Raises PostgresError, also for what is blocked.
    """
    parts = _parts(dsn)
    names, addresses, ports = (parts.get(key, "").split(",") for key in ("host", "hostaddr", "port"))
    pinned: list[tuple[str, str, str]] = []
    for place in range(max(len(names), len(addresses))):
        name, address, port = (
            each[place] if place < len(each) else each[0] if len(each) == 1 else ""
            for each in (names, addresses, ports)
        )
        if name.startswith(("/", "@")) and not address:
            pinned.append((name, "", port))
            continue
        for found in [address] if address else _addresses(name):
            try:
                connection_guard.require(found, port or DEFAULT_PORT)
            except BlockedError as error:
                raise PostgresError(error.outcome) from error
            pinned.append((name or found, found, port))
    keys = ("host", "hostaddr", "port") if len(ports) > 1 else ("host", "hostaddr")  # one port is for all of them
    return {key: ",".join(each) for key, each in zip(keys, zip(*pinned, strict=True), strict=False)}


def _addresses(host: str) -> list[str]:
    if is_literal(host):
        return [host]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise PostgresError("name not resolved") from None
    return [str(entry[4][0]) for entry in found]


def _parts(dsn: str) -> dict[str, str]:
    return {key: str(value) for key, value in extensions.parse_dsn(dsn).items()}
