"""WebSocketUser: connects, stays connected, comes back when the connection is lost, and says goodbye at the end.

A user is one greenlet, which also reads: a second one for reading would cost as much memory as all the rest.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gevent.event import Event

from harness.load.descriptors import raise_limit
from harness.load.http.cookies import Cookies
from harness.load.http.request import BaseUrl, parse_base_url
from harness.load.http.settings import TlsSettings
from harness.load.pacing import Slot
from harness.load.turns import end_long_turn
from harness.load.users.measured import Measured
from harness.load.users.paced import Paced
from harness.load.websocket.attribute_problems import attribute_problems
from harness.load.websocket.connection import Connection, ConnectionEndedError, Message
from harness.load.websocket.handshake import ConnectionFailedError, Opening
from harness.load.websocket.pings import Pings
from harness.load.websocket.reconnection import EXPONENTIAL, FULL, KICKED, NONE, Reconnection
from harness.load.websocket.transport import PendingWebSocket
from harness.recording.values import OK

if TYPE_CHECKING:
    from locust.env import Environment

RESOLVED_WITHIN_S = 5.0
LONGEST_WAIT_S = 3600.0
JUST_AFTER_S = 0.01


class WebSocketUser(Paced, Measured):
    """Recorded, with ``name`` in the place of the path:

    - ``WS /feed connect``: from the intended start to the end of the handshake;
    - ``WS /feed reconnect``: from the instant at which the connection was lost until there is one again that stays for
      ``stable_s`` or answers a message of ours, however many attempts that took; ``unfinished`` when there was none
      until the end of the run;
    - ``attempt /feed reconnect``: each attempt of these that failed, ``kicked`` where it was ended again before that;
    - ``ping /feed``: from a ping of ours to its pong, with ``ping_every_s``; ``no pong`` where it did not come in time;
    - ``connection /feed opened`` and ``connection /feed ended``: instants, so without a latency. The outcome of an end
      is ``ok`` when we wanted it, else ``closed CODE``, ``cut off``, ``connection reset``, ``protocol error`` …, with
      ``kicked, `` before it where nobody had been back.

    A subclass gives ``path`` and ``on_message``, and a task that opens, stays and leaves.
    """

    abstract = True
    name: str = "/feed"
    connection_name: str = ""
    """In the place of ``name`` for what is recorded of the connection itself; empty: ``name``."""
    connect_timeout_s: float = 10.0
    """For TCP, TLS and WebSocket handshake together, from the instant at which the connection is begun; what a start
    has waited for a free user of ours is no time of the server's."""
    close_timeout_s: float = 2.0
    """How long the answer to our goodbye is waited for."""
    headers: Mapping[str, str] = {}
    """Of the handshake, beside its own; a user with one of its own (a token, say) sets it on itself."""
    subprotocols: Sequence[str] = ()
    """Offered in the handshake; a server that chooses none of them has refused (``no subprotocol``)."""
    reconnect: str = EXPONENTIAL
    """``exponential``: attempt n to come back is made after a pause of ``first_pause_s`` · 2ⁿ, at most
    ``longest_pause_s``; ``fixed``: always after the first; ``none``: whoever has lost the connection stays away."""
    jitter: str = FULL
    """What of each pause is left to chance, so that not everybody who was dropped at one instant is back at one:
    ``full`` (it is 0 to the whole), ``equal`` (half to the whole), ``none``."""
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0
    stable_s: float = 1.0
    """So long a connection has to stay for a user to be back, and for the next pause to be a first one again; a
    handshake alone says nothing of the service behind it. A message that answers one of ours says as much."""
    ping_every_s: float = 0.0
    """From one ping of ours to the next, while the user listens; 0: none. Pings of the server are always answered."""
    ping_timeout_s: float = 10.0
    """A connection on which a pong has not come for so long is given up (``no pong``)."""
    longest_message_bytes: int = 1 << 20
    verify_tls: bool = True
    ca_file: str | None = None

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        _raise_descriptor_limit()
        self.connection: Connection | None = None
        self.arrived_s = 0.0
        """When the message that is being handled came, on ``time.monotonic()``; the user may have been busy since."""
        self._cookies: Cookies | None = None
        self._pings = Pings(self) if self.ping_every_s else None
        self._pending: PendingWebSocket | None = None
        self._reconnection = Reconnection(self)
        self._abort_s = math.inf
        self._ending: Event | None = None
        """While the user waits to come back: set when the run ends."""
        self._ended_s = math.inf
        """When the run came to its end."""
        self.node.on_ending.append(self._on_run_ending)

    @classmethod
    def conflicts(cls) -> Iterator[str]:
        yield from super().conflicts()
        yield from (f"{cls.__name__}.{problem}" for problem in attribute_problems(cls))

    # What a subclass gives

    def path(self) -> str:
        """Path and query of the next connection."""
        return self.name

    def on_open(self) -> None:
        """The handshake is over."""

    def on_message(self, message: str | bytes) -> bool | None:
        """A whole message has come. True ends :meth:`listen`.

        What it raises of the kind that a wrong message causes (ValueError, LookupError, TypeError, AttributeError) is
        counted as ``message (unreadable)``, with the outcome ``malformed message``.
        """

    def on_end(self, ended_s: float) -> None:
        """The connection is over, at ``ended_s``, whoever ended it."""

    # What a task calls

    @property
    def ending(self) -> bool:
        """Whether the run comes to its end, so that connections have to."""
        return self.node.ending

    def phase_start_s(self, phase: str) -> float:
        """The instant at which a phase begins, on this process's clock; infinity when the run has no such phase."""
        plan = self.node.plan
        t = plan.phase_start_s(phase) if plan is not None else None
        return math.inf if t is None else self.node.instant_s(t)

    def run_end_s(self) -> float:
        """The instant at which the last phase ends."""
        plan = self.node.plan
        return math.inf if plan is None else self.node.instant_s(plan.duration_s)

    @property
    def cookies(self) -> Cookies:
        """Sent with each handshake, and kept from its answer. A user that has logged in by HTTP may put its client's
        here.
        """
        if self._cookies is None:
            origin = _base(self.host or "").origin
            self._cookies = Cookies(origin.host, origin.scheme == "https")
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: Cookies) -> None:
        self._cookies = cookies

    @property
    def subprotocol(self) -> str | None:
        """What the server has chosen; None without a connection, and where nothing was offered."""
        return None if self.connection is None else self.connection.answer.subprotocol

    def open(self) -> bool:
        """Connects; False when it could not."""
        start = self.current_start
        if start is not None:
            start.name = f"WS {self.name} connect"
        with self.measure("WS", f"{self.name} connect") as request:
            if start is not None and start.sent_s is not None:
                request.sent_s = start.sent_s  # a gate has done it
            self._connect(request.sent_s + self.connect_timeout_s)
        self._reconnection.lost_s = request.done_s
        if request.error is None:
            self._opened(request.done_s)
        return request.error is None

    def stay_connected(self, until_s: float) -> bool:
        """Takes messages until then, and comes back whenever the connection is lost. False once the run is over, or the
        connection is lost and nobody comes back.
        """
        while not self.ending:
            now_s = time.monotonic()
            if self.connection is None:
                if self.reconnect == NONE:
                    self._reconnection.not_tried()
                    return False
                self._reconnect()
            elif now_s >= self._abort_s:
                self._connection_ended(OK, self._abort_s)
                self._abort_s = math.inf
            elif now_s >= until_s:
                return True
            else:
                proven_s = self._reconnection.proven_s()
                if proven_s is not None and now_s >= proven_s:
                    self._reconnection.back()
                else:
                    self.listen(min(until_s, self._abort_s, math.inf if proven_s is None else proven_s))
        self._reconnection.settle(time.monotonic())
        return False

    def listen(self, until_s: float) -> None:
        """Takes what comes until then, until the connection is lost, or the run is over; what came later is left."""
        while self.connection is not None and not self.ending:
            try:
                while self.connection is not None and (message := self.connection.receive()) is not None:
                    if self._handle_message(message) or message.arrived_s >= min(until_s, self._ended_s):
                        return
                    end_long_turn()  # a peer may send as fast as this reads
                now_s = time.monotonic()
                if now_s >= until_s or self.connection is None:
                    return
                wake_s = min(until_s, now_s + LONGEST_WAIT_S)
                if self._pings is not None:
                    wake_s = min(wake_s, self._pings.next_s(self.connection, now_s))
                self.connection.wait(wake_s)
            except ConnectionEndedError as ended:
                self._connection_ended(ended.outcome, ended.at_s)

    def send(self, data: str | bytes) -> bool:
        """Sends one message; False when there is no connection for it."""
        if self.connection is None:
            return False
        try:
            if not self.connection.send(data):
                return False
        except ConnectionEndedError as ended:
            self._connection_ended(ended.outcome, ended.at_s)
            return False
        self._reconnection.asked()
        return True

    def abort_at(self, instant_s: float) -> None:
        """:meth:`stay_connected` cuts the connection then, without a close frame, as a failing network does, and comes
        back.
        """
        self._abort_s = instant_s

    def abort_in(self, phase: str) -> None:
        """:meth:`abort_at`, so soon after the phase has begun that it certainly lies in its first second."""
        self.abort_at(self.phase_start_s(phase) + JUST_AFTER_S)

    def give_up(self, outcome: str) -> None:
        """Ends the connection as one that is lost, with the reason as its outcome, e.g. ``no heart-beat``: what a
        protocol of the scenario's own says of it. :meth:`stay_connected` comes back.
        """
        self._connection_ended(outcome)

    def disconnect(self) -> None:
        """Says goodbye (1000)."""
        connection = self._connection_ended(OK, abort=False)
        if connection is not None:
            connection.close(self.close_timeout_s)

    over = ending
    stay, leave, cut_at = stay_connected, disconnect, abort_at
    """As they were called at first; locustfiles may still do so."""

    # Inside

    def prepare_slot(self) -> Slot:
        self._close_sockets()
        try:
            self._pending = self._new_pending()
        except OSError:
            return Slot()  # the connection will fail the same way, and be counted, when it is due
        return Slot(self._pending)

    def start(self, group: Any) -> Any:
        """Whatever ends the user, its socket is closed."""
        greenlet = super().start(group)
        greenlet.link(self._close_sockets)  # a method takes a quarter of the memory of a function of its own
        return greenlet

    def _connect(self, deadline_s: float) -> None:
        """Raises ConnectionFailedError, or OSError when there are no descriptors or no address."""
        pending, self._pending = self._pending or self._new_pending(), None
        base, tls_settings = _base(self.host or ""), _tls_settings(self.verify_tls, self.ca_file)
        path, cookies = self.path(), ""
        if self._cookies is not None:
            cookies = self._cookies.header(base.prefix + path)
        opening = Opening(base, path, self.headers, cookies, self.subprotocols)
        connection = Connection(pending, opening, tls_settings, self.longest_message_bytes, deadline_s)
        self.connection = connection
        if connection.answer.set_cookies:
            self.cookies.store(connection.answer.set_cookies, base.prefix + path)

    def _new_pending(self) -> PendingWebSocket:
        return PendingWebSocket(_base(self.host or "").origin, time.monotonic() + RESOLVED_WITHIN_S)

    def _reconnect(self) -> None:
        """Tries again and again, until there is a connection or the run is over."""
        reconnection = self._reconnection
        self._ending = Event()
        while not self._ending.wait(reconnection.next_pause_s()):
            end_long_turn()
            sent_s = time.monotonic()
            try:
                self._connect(sent_s + self.connect_timeout_s)
            except (ConnectionFailedError, OSError) as error:
                reconnection.attempt_failed(sent_s, error)
                continue
            self._ending = None
            now_s = time.monotonic()
            reconnection.opened(sent_s, now_s)
            self._opened(now_s)
            return
        reconnection.never_back(reconnection.lost_s)

    def _opened(self, opened_s: float) -> None:
        if self.current_start is not None:
            self.current_start.name = f"connection {self.name}"
        if opened_s >= self._abort_s:
            self._abort_s = math.inf
        if self._pings is not None:
            self._pings.begin(opened_s)
        self.observe("connection", f"{self.connection_name or self.name} opened", opened_s, opened_s)
        self.on_open()

    def _connection_ended(self, outcome: str, ended_s: float | None = None, abort: bool = True) -> Connection | None:
        """The connection, which is this user's no more; its socket is closed unless ``abort`` is False."""
        connection, self.connection = self.connection, None
        if connection is not None:
            ended_s = time.monotonic() if ended_s is None else ended_s
            if abort:
                connection.abort()
            if self._reconnection.ended(ended_s, outcome):
                outcome = f"{KICKED}, {outcome}"
            self.observe("connection", f"{self.connection_name or self.name} ended", ended_s, ended_s, outcome)
            self.on_end(ended_s)
        return connection

    def _handle_message(self, message: Message) -> bool:
        self._reconnection.heard(message.arrived_s)
        self.arrived_s = message.arrived_s
        try:
            return bool(self.on_message(message.data))
        except (ValueError, LookupError, TypeError, AttributeError):
            now_s = time.monotonic()
            self.observe("message", "(unreadable)", now_s, now_s, "malformed message")
            return False

    def _on_run_ending(self) -> None:
        """From the event loop, where nothing may block: listeners of an event might."""
        if self._ending is not None:
            self._ending.set()
        self._ended_s = time.monotonic()
        if self.connection is not None:
            self.connection.interrupt()

    def _close_sockets(self, _: Any = None) -> None:
        """Closes what an iteration that was cut short has left."""
        if self._pending is not None:
            self._pending.close()
            self._pending = None
        if self.connection is not None:
            self.connection.abort()
            self.connection = None


_raise_descriptor_limit = functools.cache(raise_limit)


@functools.lru_cache(maxsize=100)
def _tls_settings(verify: bool, ca_file: str | None) -> TlsSettings:
    return TlsSettings(verify, ca_file)


@functools.lru_cache(maxsize=100)
def _base(host: str) -> BaseUrl:
    return parse_base_url(host)
