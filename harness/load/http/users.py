"""Users with the lean client: LeanHttpUser for tasks of any kind, HerdHttpUser for a herd that a gate sends."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from locust import User, task
from locust.user.users import RestMixin

from harness.load.http.client import HttpClient
from harness.load.http.connecting import Opening
from harness.load.http.connection import Connection
from harness.load.http.pool import Pool
from harness.load.http.request import Request, parse_base
from harness.load.http.response import Response
from harness.load.http.settings import Deadlines, Limits, Settings, Trust
from harness.load.pacing import Seat
from harness.load.users.paced import Paced

if TYPE_CHECKING:
    from locust.env import Environment

_shared: WeakKeyDictionary[Environment, dict[type[User], Pool]] = WeakKeyDictionary()


class LeanHttpUser(User, RestMixin[Any]):
    """Like FastHttpUser: tasks use ``self.client``. The attributes are read once, when the user is made."""

    abstract = True
    timeout_s: float = 30.0
    """For one request, from the call to the end of the answer, with redirects."""
    connect_timeout_s: float = 10.0
    """For connecting, with the TLS handshake."""
    first_byte_timeout_s: float | None = None
    """From sending to the first byte of the answer; None: only ``timeout_s`` counts."""
    verify_tls: bool = True
    ca_file: str | None = None
    """Certificates of the authorities to trust, PEM; None: those of the system."""
    max_redirects: int = 10
    concurrency: int = 10
    """Most connections of one user at a time: greenlets that a task spawns may share ``self.client``."""
    shared_connections: int = 0
    """So many connections for all users of the class together, as a gateway has them; 0: each has its own."""
    default_headers: ClassVar[Mapping[str, str]] = {}
    max_head_bytes: int = 64 * 1024
    max_body_bytes: int = 64 * 1024 * 1024

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        settings = _settings(
            (self.timeout_s, self.connect_timeout_s, self.first_byte_timeout_s),
            (self.verify_tls, self.ca_file),
            (self.max_head_bytes, self.max_body_bytes),
            (self.max_redirects, self.concurrency),
            tuple(self.default_headers.items()),
        )
        self.client = HttpClient(environment, self.host or "", settings, self, self._shared_pool(settings))

    def start(self, group: Any) -> Any:
        """Whatever ends the user, and whether or not a subclass has an ``on_stop``, its connections are closed."""
        greenlet = super().start(group)
        greenlet.link(lambda _: self.client.close())
        return greenlet

    def _shared_pool(self, settings: Settings) -> Pool | None:
        if not self.shared_connections:
            return None
        pools = _shared.setdefault(self.environment, {})
        pool = pools.get(type(self))
        if pool is None:
            origin = parse_base(self.host or "").origin
            pool = pools[type(self)] = Pool(origin, self.shared_connections, settings.trust, settings.limits)
            # All users of the class use it, so it lives as long as the run.
            self.environment.events.test_stop.add_listener(lambda **_: pool.close())
        return pool


class PacedHttpUser(Paced, LeanHttpUser):
    """A LeanHttpUser whose iterations begin when the pacer says so. Parked, it connects (TLS handshake included)."""

    abstract = True
    connect_early: bool = True
    """False: every start is cold. No connection is open while the user is parked; it is opened when the user starts."""

    def __init__(self, environment: Environment) -> None:
        if self.shared_connections and not self.connect_early:
            raise ValueError("users that connect when they start cannot share connections: others would keep them open")
        super().__init__(environment)

    def seat(self) -> Seat:
        self.get_connected()
        return Seat()

    def get_connected(self) -> Connection | None:
        """An open connection while the user may still be started, else none at all."""
        if not (self.connect_early and self.node.stays_connected):
            self.client.close()
            return None
        try:
            return self.client.ready()
        except OSError:
            # Not an outcome yet: the request itself will try again, and be counted, when it is due.
            return None


class HerdHttpUser(PacedHttpUser):
    """A user with one request per iteration, which a gate can send the instant the herd is due.

    A subclass gives ``prepare()``, which builds the request while the user is parked, and may give ``check()``.
    """

    abstract = True
    concurrency = 1
    """The prepared request is on this one connection."""

    def __init__(self, environment: Environment) -> None:
        if self.shared_connections:
            raise ValueError("users of a herd cannot share connections: each has its request prepared on its own")
        super().__init__(environment)
        self._request: Request | None = None

    def prepare(self) -> Request:
        """The request of the next iteration, e.g. ``self.client.prepare("GET", "/")``."""
        raise NotImplementedError

    def check(self, response: Response) -> str | None:  # noqa: ARG002
        """Why an answer with a good status is wrong all the same, or None."""
        return None

    def seat(self) -> Seat:
        request = self._request = self.prepare()
        if not self.connect_early and self.node.stays_connected:
            return self._cold_seat(request)
        connection = self.get_connected()
        # A body that is made while it is sent cannot be sent in one go: such a user is woken and sends for itself.
        if connection is None or request.chunks is not None:
            return Seat()
        return Seat(PreparedSend(connection, self.client.payload(request)))

    def _cold_seat(self, request: Request) -> Seat:
        try:
            opening = self.client.prepare_connection()
        except OSError:
            return Seat()  # as in get_connected()
        # With TLS the gate sends the greeting, and nobody can send the request before it is answered.
        return Seat(PreparedConnect(opening, b"" if request.chunks is not None else self.client.payload(request)))

    @task
    def send_prepared(self) -> None:
        assert self._request is not None and self.start_given is not None
        self.start_given.name = f"{self._request.method} {self._request.name}"
        self.client.send(self._request, self.start_given, self.check)


class PreparedSend:
    """A request on an open connection, for the gate to send; with TLS it is encrypted by now."""

    __slots__ = ("_connection", "_wire_bytes")

    def __init__(self, connection: Connection, payload: bytes) -> None:
        self._connection = connection
        self._wire_bytes = connection.encrypt_ahead(payload)

    def transmit(self) -> bool:
        return self._connection.is_open and self._connection.send_at_once(self._wire_bytes)

    def follow_up(self) -> None:
        """All is sent."""

    def usable(self) -> bool:
        return self._connection.usable()


class PreparedConnect:
    """A connection for the gate to open, and to send what comes first; its user goes on from where that has led."""

    __slots__ = ("_opening", "_payload")

    def __init__(self, opening: Opening, payload: bytes) -> None:
        self._opening = opening
        self._payload = payload

    def transmit(self) -> bool:
        self._opening.begin()
        return True

    def follow_up(self) -> None:
        self._opening.go_on(self._payload)

    def usable(self) -> bool:
        """Nothing can happen to it before it is begun."""
        return True


@functools.lru_cache(maxsize=100)
def _settings(
    deadlines: tuple[float, float, float | None],
    trust: tuple[bool, str | None],
    limits: tuple[int, int],
    most: tuple[int, int],
    headers: tuple[tuple[str, str], ...],
) -> Settings:
    """Users of a class share one: they would be a kilobyte each."""
    return Settings(Deadlines(*deadlines), Trust(*trust), Limits(*limits), *most, dict(headers))
