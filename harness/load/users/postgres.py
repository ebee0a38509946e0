"""Users that query PostgreSQL themselves: psycopg2 made to wait like gevent, and a bounded number of connections."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import gevent
import gevent.socket
import psycopg2
from gevent.queue import Empty, LifoQueue
from locust import User
from psycopg2 import extensions

from harness.clients.postgres import APPLICATION, PostgresError, cause_of, pinned_hosts, require_usable
from harness.errors import ConfigurationError
from harness.load.users.measured import Measured
from harness.load.users.paced import Paced
from harness.plugins import parameter

if TYPE_CHECKING:
    from locust.env import Environment

_shared: WeakKeyDictionary[Environment, dict[type[User], PostgresPool]] = WeakKeyDictionary()


def wait_cooperatively(connection: Any) -> None:
    """psycopg2's wait callback: lets other greenlets run while libpq waits for the server.

    What a deadline or a kill raises in here makes psycopg2 close the connection, so nobody reads half an answer.
    """
    while (state := connection.poll()) != extensions.POLL_OK:
        if state == extensions.POLL_READ:
            gevent.socket.wait_read(connection.fileno())
        else:
            gevent.socket.wait_write(connection.fileno())


def install_wait_callback() -> None:
    """Without it psycopg2 would hold up the whole process. One that is there already is left: it does the same."""
    if extensions.get_wait_callback() is None:
        extensions.set_wait_callback(wait_cooperatively)


@dataclass(frozen=True)
class PoolTimeouts:
    """How long each step may take, in seconds. The server's ``statement_timeout`` does not help while it is frozen."""

    acquire_s: float
    connect_s: float
    query_s: float


class PostgresPool:
    """At most ``size`` connections to one server, opened when they are needed. Who finds none free waits for one."""

    def __init__(self, dsn: str, size: int, timeouts: PoolTimeouts) -> None:
        if size < 1:
            raise ValueError(f"{size} connections: at least one is needed")
        install_wait_callback()
        self._dsn = dsn
        self._timeouts = timeouts
        self._closed = False
        # Last in, first out: what is used often stays open, and no more is opened than is needed.
        self._slots: LifoQueue[Any] = LifoQueue()
        for _ in range(size):
            self._slots.put(None)

    @contextlib.contextmanager
    def acquire(self) -> Iterator[Any]:
        """An open connection in autocommit mode. It goes back unless it is broken or in a transaction then.

        Raises PostgresError when none was free or could be opened in time.
        """
        try:
            connection = self._slots.get(timeout=self._timeouts.acquire_s)
        except Empty:
            raise PostgresError("no free connection") from None
        try:
            if connection is None or not _is_usable(connection):
                _close(connection)
                connection = None
                connection = self._open()
            yield connection
        finally:
            if connection is not None and (self._closed or not _is_idle(connection)):
                _close(connection)
                connection = None
            self._slots.put(connection)

    def rows(self, connection: Any, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """All rows of one query. Raises PostgresError."""
        with (
            _translated_errors(),
            gevent.Timeout(self._timeouts.query_s, PostgresError("timeout")),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """Closes what is idle; what is in use is closed when it comes back."""
        self._closed = True
        for _ in range(self._slots.qsize()):
            _close(self._slots.get_nowait())
            self._slots.put(None)

    def _open(self) -> Any:
        with _translated_errors(), gevent.Timeout(self._timeouts.connect_s, PostgresError("timeout")):
            where = pinned_hosts(self._dsn)
            connection = psycopg2.connect(self._dsn, fallback_application_name=APPLICATION, **where)
            connection.autocommit = True
            return connection


class PostgresOptions:
    """Options of a scenario with such users."""

    postgres: str = parameter(
        "", "PostgreSQL address for direct operations: postgresql://user:password@host:port/database", secret=True
    )


class PostgresUser(Paced, Measured):
    """A user whose tasks call ``self.query(…)``. All users of the class in one load process share its connections, as
    the threads of a service do. The server is that of :class:`PostgresOptions`, unless the class says otherwise.
    """

    abstract = True
    # With names of their own: the class may be an HTTP user as well.
    postgres_dsn: str = ""
    postgres_connections: int = 16
    """For all users of the class together, in each load process."""
    postgres_turn_timeout_s: float = 10.0
    """For one of them to be free."""
    postgres_connect_timeout_s: float = 5.0
    postgres_query_timeout_s: float = 10.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        options: Any = environment.parsed_options
        self.postgres_dsn = self.postgres_dsn or getattr(options, "postgres", "")
        self.postgres = self._connections() if self.postgres_dsn else None

    def query(self, name: str, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]] | None:
        """One request ``SQL name``, from the wait for a connection on; None when it failed. Beside it, ``direct wait``
        and ``direct query`` tell how long it waited for a connection, and what it took once it had one.
        """
        if self.postgres is None:
            raise ValueError("a query without an address: give the option postgres, or the class a postgres_dsn")
        asked_s, got_s = time.monotonic(), None
        rows: list[tuple[Any, ...]] | None = None
        with self.measure("SQL", name) as request, self.postgres.acquire() as connection:
            got_s = time.monotonic()
            rows = self.postgres.rows(connection, statement, parameters)
        if got_s is not None:
            self.observe("direct", "wait", asked_s, got_s)
            if rows is not None:
                self.observe("direct", "query", got_s, request.done_s)
        return rows

    def _connections(self) -> PostgresPool:
        shared = _shared.setdefault(self.environment, {})
        kind = type(self)
        if kind not in shared:
            timeouts = PoolTimeouts(
                self.postgres_turn_timeout_s, self.postgres_connect_timeout_s, self.postgres_query_timeout_s
            )
            connections = shared[kind] = PostgresPool(self.postgres_dsn, self.postgres_connections, timeouts)

            def close(**_: Any) -> None:
                shared.pop(kind, None)
                connections.close()
                self.environment.events.test_stop.remove_listener(close)

            self.environment.events.test_stop.add_listener(close)
        return shared[kind]


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        raise PostgresError(cause_of(error)) from None


def _is_usable(connection: Any) -> bool:
    """An idle connection on which something can be read was closed by the server, or is about to be."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _is_idle(connection: Any) -> bool:
    idle: bool = connection.closed == 0 and connection.status == extensions.STATUS_READY
    return idle and connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


def _close(connection: Any) -> None:
    if connection is not None:
        with contextlib.suppress(psycopg2.Error):
            connection.close()


def problems(dsn: str, allow_host: str | Iterable[str] = (), flag: str = "--postgres") -> tuple[str, ...]:
    """What keeps users from querying ``dsn``, with the remedy; asks the server. Never a password. An empty ``dsn`` is
    not asked for. ``allow_host``: other hosts that load may go to.
    """
    try:
        require_usable(dsn, flag, allow_host)
    except ConfigurationError as error:
        return error.messages
    return ()
