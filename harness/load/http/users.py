"""Users with the lean client: LeanHttpUser for tasks of any kind, HerdHttpUser for a herd that a gate sends."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from locust import User, task
from locust.user.users import RestMixin

from harness.errors import ConfigurationError
from harness.load.http.client import HttpClient
from harness.load.http.connection import Connection
from harness.load.http.expectation import DEFAULT_STATUSES, Expectation, Statuses
from harness.load.http.gate_connections import ColdConnection, WarmConnection
from harness.load.http.pool import ConnectionPool
from harness.load.http.request import Request, parse_base_url
from harness.load.http.response import Response
from harness.load.http.retries import Counted, Retrier, Retries, retries_of
from harness.load.http.settings import ClientSettings, ResponseLimits, Timeouts, TlsSettings
from harness.load.pacing import Slot
from harness.load.present_node import node_of
from harness.load.users.paced import Paced, UserGreenlet

if TYPE_CHECKING:
    from locust.env import Environment

_retriers: WeakKeyDictionary[Environment, dict[type[User], Retrier]] = WeakKeyDictionary()
_shared: WeakKeyDictionary[Environment, dict[type[User], ConnectionPool]] = WeakKeyDictionary()


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
    expect: Statuses = DEFAULT_STATUSES
    """Statuses of good answers, e.g. ``"2xx,404"``; where redirects are followed, of the last answer."""
    shed: Statuses = ()
    """Statuses with which the service turns requests away on purpose, e.g. 429: they are no failures, and counted by
    the criterion ``shed_ratio``."""
    honours_retry_after: bool = False
    """Whether a user that was turned away stays away for as long as ``Retry-After`` says, at most a minute."""
    retries: int | Retries = 0
    """What is done about a request that has failed: so many attempts more, after a pause that grows, or
    :class:`Retries` with more to say. It counts once, from its intended start to its last answer."""
    expect_text: str | None = None
    """What every answer has to have somewhere in its body."""
    expect_json: Any = None
    """What every answer has to have in its JSON, e.g. ``{"ok": True}``; ``...`` stands for any value."""
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
            _expectation(type(self), *_asked(environment)),
            self.honours_retry_after,
        )
        pool, retrier = self._shared_pool(settings), self._shared_retrier()
        self.client = HttpClient(environment, self.host or "", settings, self, pool, retrier)

    def start(self, group: Any) -> Any:
        """Whatever ends the user, and whether or not a subclass has an ``on_stop``, its connections are closed."""
        group.greenlet_class = UserGreenlet
        greenlet = super().start(group)
        greenlet.link(self._close_client)  # a method takes a quarter of the memory of a function of its own
        return greenlet

    def _close_client(self, _: Any) -> None:
        self.client.close()

    def _shared_pool(self, settings: ClientSettings) -> ConnectionPool | None:
        if not self.shared_connections:
            return None
        pools = _shared.setdefault(self.environment, {})
        pool = pools.get(type(self))
        if pool is None:
            origin = parse_base_url(self.host or "").origin
            pool = pools[type(self)] = ConnectionPool(origin, self.shared_connections, settings.tls, settings.limits)
            # All users of the class use it, so it lives as long as the run.
            self.environment.events.test_stop.add_listener(lambda **_: pool.close())
        return pool

    def _shared_retrier(self) -> Retrier | None:
        """One for all users of the class in this process, because they share a budget."""
        retries = retries_of(self.retries)
        if not retries.count:
            return None
        retriers = _retriers.setdefault(self.environment, {})
        if type(self) not in retriers:
            retriers[type(self)] = Retrier(retries, _counted_by(self.environment))
        return retriers[type(self)]


class PacedHttpUser(Paced, LeanHttpUser):
    """A LeanHttpUser whose iterations begin when the pacer says so. Parked, it connects (TLS handshake included)."""

    abstract = True
    connect_early: bool | None = None
    """False: every start is cold. No connection is open while the user is parked; it is opened when the user starts.
    True: the user stays connected. None: so it does, but for the newcomers beside a herd, who connect anew while they
    are parked."""

    @classmethod
    def conflicts(cls) -> Iterator[str]:
        if cls.shared_connections and cls.connect_early is False:
            yield (
                f"{cls.__name__}.shared_connections: users that connect when they start cannot share connections, "
                "which others would keep open; leave it out, or connect_early"
            )

    def prepare_slot(self) -> Slot:
        self.warm_connection()
        return Slot()

    def away_s(self) -> float:
        return self.client.away_s()

    @property
    def connects_early(self) -> bool:
        """What the run says goes before what the class says."""
        return (self.connect_early if self.node.connect_early is None else self.node.connect_early) is not False

    def _connects_anew_in_s(self) -> float | None:
        """None where it is no newcomer."""
        keeps = self.connect_early is not None or self.shared_connections
        return None if keeps else self.node.connects_anew_in_s()

    def warm_connection(self) -> Connection | None:
        """An open connection while the user may still be started, else none at all; of a newcomer none yet."""
        if not (self.connects_early and self.node.stays_connected):
            self.client.close()
            return None
        if (connects_in_s := self._connects_anew_in_s()) is not None:
            self.client.connect_anew(connects_in_s)
            return None
        try:
            return self.client.warm_up()
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

    @classmethod
    def conflicts(cls) -> Iterator[str]:
        if cls.shared_connections:
            yield (
                f"{cls.__name__}.shared_connections: users of a herd cannot share connections, each has its request "
                "prepared on its own; leave it out"
            )
        if cls.prepare is HerdHttpUser.prepare:
            yield (
                f"{cls.__name__} has no prepare(): give one that returns the request, e.g. "
                'self.client.prepare("GET", "/")'
            )
        # The gate has sent what prepare() gave: any other task would leave it without its answer.
        own = [each for each in (*cls.tasks, cls.send_prepared) if each is not HerdHttpUser.send_prepared]
        for name in dict.fromkeys(getattr(each, "__name__", "tasks") for each in own):  # a functools.partial has none
            yield (
                f"{cls.__name__}.{name}: users of a herd have no tasks but to send what prepare() gives; do in "
                "follow_up() what comes after it, or make the class a PacedHttpUser"
            )

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._request: Request | None = None

    def prepare(self) -> Request:
        """The request of the next iteration, e.g. ``self.client.prepare("GET", "/")``."""
        raise NotImplementedError

    def check(self, response: Response) -> str | Exception | None:  # noqa: ARG002
        """Why an answer with a good status is wrong all the same, or None: in words, or as an exception like
        ``WrongAnswerError("a form again")``, whose cause the report tells by itself.
        """
        return None

    def follow_up(self, response: Response) -> None:
        """What the user does next in the same iteration, once the answer is counted; nothing by default."""

    def prepare_slot(self) -> Slot:
        request = self._request = self.prepare()
        if not self.connects_early and self.node.stays_connected:
            return self._cold_slot(request)
        connection = self.warm_connection()
        # A body that is made while it is sent cannot be sent in one go: such a user is woken and sends for itself.
        if connection is None or request.chunks is not None:
            return Slot()
        return Slot(WarmConnection(connection, self.client.payload(request)))

    def _cold_slot(self, request: Request) -> Slot:
        try:
            pending = self.client.pending_connection()
        except OSError:
            return Slot()  # as in warm_connection()
        # With TLS the gate sends the ClientHello, and nobody can send the request before it is answered.
        return Slot(ColdConnection(pending, b"" if request.chunks is not None else self.client.payload(request)))

    @task
    def send_prepared(self) -> None:
        assert self._request is not None and self.current_start is not None
        self.current_start.name = f"{self._request.method} {self._request.name}"
        # One that is not the user's own looks at nothing, and would make the answers pass for checked ones.
        check = None if type(self).check is HerdHttpUser.check else self.check
        self.follow_up(self.client.send(self._request, self.current_start, check))


@functools.lru_cache(maxsize=100)
def _settings(
    timeouts: tuple[float, float, float | None],
    tls: tuple[bool, str | None],
    limits: tuple[int, int],
    most: tuple[int, int],
    headers: tuple[tuple[str, str], ...],
    expectation: Expectation,
    honours_retry_after: bool,
) -> ClientSettings:
    """Users of a class share one: they would be a kilobyte each."""
    of_client = Timeouts(*timeouts), TlsSettings(*tls), ResponseLimits(*limits)
    return ClientSettings(*of_client, *most, dict(headers), expectation, honours_retry_after)


@functools.lru_cache(maxsize=100)
def _expectation(user: type[LeanHttpUser], expect: str, shed: str) -> Expectation:
    """Of a class, where the options of the run do not say otherwise."""
    return Expectation().but(expect or user.expect, shed or user.shed, user.expect_text, user.expect_json)


def _counted_by(environment: Environment) -> Counted | None:
    """By the node of the present run; by nobody in a locustfile that is no scenario."""
    try:
        return node_of(environment).attempt_ended
    except ConfigurationError:
        return None


def _asked(environment: Environment) -> tuple[str, str]:
    options: Any = environment.parsed_options
    return getattr(options, "expect", ""), getattr(options, "shed", "")
