"""A user of a feed with channels: whatever it says is answered, and what it publishes reaches its whole channel.

Each message is a JSON object. The service begins with ``{"type": "hello", "seq"}``, the number that the channel has
reached (null: not known). The user says ``{"seq": n, …}``, which comes back as ``{"type": "echo", "seq": n}``, or
``{"seq": n, "publish": …}``, which is answered ``{"type": "published", "client_seq": n, "seq": number in the channel}``
and comes to everybody in the channel as ``{"type": "message", "seq", "publish"}``. Any other answer is a refusal, of
the message ``client_seq`` where it names one. A user of another protocol has a ``say`` and an ``on_message`` of its
own.

No other user says ``n``, and what is published is stamped with its channel, so an answer or a message for somebody else
is not taken for one's own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet
from zlib import crc32

from harness.clients.address import url_problems
from harness.load.descriptors import shortage
from harness.load.http.request import parse_base_url
from harness.load.http.settings import TlsSettings
from harness.load.node import Node
from harness.load.websocket import handshake
from harness.load.websocket.attribute_problems import header_problems, subprotocol_problems
from harness.load.websocket.connection import Connection
from harness.load.websocket.deliveries import LOST, Deliveries, channel_of
from harness.load.websocket.handshake import ConnectionFailedError
from harness.load.websocket.reconnection import JITTERS, POLICIES
from harness.load.websocket.transport import PendingWebSocket
from harness.load.websocket.users import WebSocketUser
from harness.plugins import parameter

if TYPE_CHECKING:
    from locust.env import Environment

ECHO, PUBLISHED = "echo", "published"
GREETING = "greeting"
GREETED_WITHIN_S = 1.0
"""So long a hello is waited for before anything else is done: a service that speaks otherwise has none."""
ALL_DROPPED_AFTER_S = 0.5
"""So long after the instant of a drop nothing is said: on a busy machine not everybody has been dropped before, and the
service sends to connections of which nobody reads any more."""
PUBLISH_EVERY = 4
"""Of so many messages one is published, the others are for the echo."""
NUMBERS_EACH = 100_000
"""Each user's messages have so many numbers of their own. Those of ten thousand users fit into 32 bits with a sign."""
GOLDEN_RATIO = 0.618
"""Multiples of it are spread evenly over 0 to 1, however many there are."""


class FeedOptions:
    """Options of a scenario with such users. Those of the connection are the attributes of
    :class:`harness.load.websocket.WebSocketUser`.
    """

    feed_path: str = parameter(
        "/feed?client={number}&channel={channel}", "path of the WebSocket; {channel} is shared by few", web=True
    )
    say_every_s: float = parameter(
        5.0, "from one message of a user to its next; each fourth is published to its channel", lowest=0.01, highest=1e6
    )
    channel_users: int = parameter(
        50, "users of a channel, so what is published is delivered as often", lowest=1, highest=1_000_000
    )
    quiet_s: float = parameter(
        3.0, "before the drop and the end nothing is said for so long; what has not come then is lost", highest=1e6
    )
    feed_headers: tuple[str, ...] = parameter(
        (), "headers of the handshake, NAME: VALUE, e.g. 'Cookie: session=…'", secret=True
    )
    feed_subprotocols: tuple[str, ...] = parameter((), "subprotocols that are offered; the server has to choose one")
    reconnect: str = parameter("exponential", "how who was dropped comes back", choices=POLICIES)
    jitter: str = parameter("full", "what of a pause before a reconnection is left to chance", choices=JITTERS)
    first_pause_s: float = parameter(0.5, "pause before the first attempt to come back", highest=86_400)
    longest_pause_s: float = parameter(10.0, "longest pause before an attempt to come back", highest=86_400)
    stable_s: float = parameter(
        1.0, "a connection that stays for so long is back, and its next pause a first one", highest=86_400
    )
    ping_every_s: float = parameter(0.0, "from one ping of a user to its next; 0: none", highest=86_400)


OF_CONNECTION = ("reconnect", "jitter", "first_pause_s", "longest_pause_s", "stable_s", "ping_every_s")


def _header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name.strip(), value.strip()


class FeedUser(WebSocketUser):
    """A user with :class:`FeedOptions`. Recorded beside the connection: ``message echo``, ``message published`` and
    ``message broadcast``, see :class:`harness.load.websocket.Deliveries`; and ``greeting /feed``, the service's hello,
    ``lost`` where it did not come. Who has not been greeted says nothing: it would be said to a service that speaks
    otherwise, which may answer by closing the connection.
    """

    abstract = True

    def __init__(self, environment: Environment) -> None:
        self.options: Any = environment.parsed_options
        for name in OF_CONNECTION:
            setattr(self, name, getattr(self.options, name, getattr(self, name)))
        self.headers = {**self.headers, **dict(map(_header, getattr(self.options, "feed_headers", ())))}
        self.subprotocols = getattr(self.options, "feed_subprotocols", ()) or self.subprotocols
        super().__init__(environment)
        self.said = 0
        self._greeted = False

    def path(self) -> str:
        """Neighbours in one load process share a channel, so that its numbers are known there."""
        place = self.number // self.node.nodes // self.options.channel_users if self.in_herd else "canary"
        self.channel = f"{self.node.run}-{self.node.index}-{place}"
        path: str = self.options.feed_path.format(number=self.number, channel=self.channel)
        return path

    def look_in(self, connection_name: str) -> None:
        """Opens a connection, which is recorded by that name, says one thing, hears its echo, and leaves."""
        self.connection_name = connection_name
        if self.open():
            until_s = time.monotonic() + self.options.say_every_s
            self.listen(min(until_s, time.monotonic() + GREETED_WITHIN_S))  # until the hello
            if self._greeted:
                self.say(ECHO)
                self.listen(until_s)
        self.disconnect()

    def stay_and_talk(self, quiet_before: str) -> None:
        """Opens a connection, talks until the run is over, and leaves. Nothing is said shortly before the phase
        ``quiet_before`` and the end, nor while these come about: whatever was said is delivered by then, or lost.
        """
        if self.open():
            self.listen(time.monotonic() + GREETED_WITHIN_S)  # until the hello
        drop_s, end_s, quiet_s = self.phase_start_s(quiet_before), self.run_end_s(), self.options.quiet_s
        turn_s = time.monotonic() + self.options.say_every_s * (self.number * GOLDEN_RATIO % 1)
        while self.stay_connected(turn_s):
            now_s = time.monotonic()
            is_quiet = drop_s - quiet_s < now_s < drop_s + ALL_DROPPED_AFTER_S or now_s > end_s - quiet_s
            if self._greeted and not is_quiet:
                self.say(ECHO if (self.said + self.number) % PUBLISH_EVERY else PUBLISHED)
            turn_s += self.options.say_every_s
        self.disconnect()

    def say(self, kind: str) -> None:
        """``kind``: the answer that is wanted, ``echo`` or ``published``."""
        self.said += 1
        number, sent_s = self.number * NUMBERS_EACH + self.said, time.monotonic()
        document = {"seq": number, "sent_s": sent_s}
        self.deliveries.sent(kind, number, sent_s)
        published = {"seq": number, "publish": {**document, "channel": stamp_of(self.channel)}}
        self.send(json.dumps(published if kind == PUBLISHED else document))

    def on_open(self) -> None:
        self._greeted, self._opened_s = False, time.monotonic()
        self.deliveries = Deliveries(self, channel_of(self, self.channel))

    def on_message(self, message: str | bytes) -> bool:
        """True when the hello has come, and when an echo has to a user who only looks in."""
        now_s, answer = self.arrived_s, json.loads(message)
        match answer.get("type"):
            case "hello":
                self.deliveries.start_after(answer["seq"] or 0)
                self._greeted = True
                _greeted.add(self.node)
                self.observe(GREETING, self.name, self._opened_s, max(now_s, self._opened_s))
                return True
            case "echo":
                self.deliveries.answered(ECHO, answer["seq"], now_s)
                return not self.in_herd
            case "published":
                self.deliveries.published(answer["seq"], answer["client_seq"], now_s)
            case "message" if self._is_of_another(answer["publish"].get("channel")):
                self.deliveries.misdelivered(now_s)
            case "message":
                self.deliveries.delivered(answer["seq"], answer["publish"]["sent_s"], now_s)
            case _:
                self.deliveries.refused(answer.get("client_seq"), now_s)
        return False

    def _is_of_another(self, channel: object) -> bool:
        """Not where the service is told of no channel, as it may have one for all, or does not pass on the stamp."""
        return "{channel}" in self.options.feed_path and channel not in (None, stamp_of(self.channel))

    def on_end(self, ended_s: float) -> None:
        if not self._greeted and self._opened_s < ended_s - self.options.quiet_s:
            self._note_missing_greeting()
        self.deliveries.settle(ended_s - self.options.quiet_s)

    def _note_missing_greeting(self) -> None:
        """Once, where nobody here has ever been greeted: such a service speaks otherwise, and each of its connections
        would look like something that it has lost.
        """
        if self.node in _greeted or self.node not in _never_greeted:
            self.missing(f"{GREETING} {self.name}", LOST, self._opened_s)
        _never_greeted.add(self.node)


def stamp_of(channel: str) -> str:
    """Of a channel, for its messages: its name is that of the run, too, and would be most of each message."""
    return f"{crc32(channel.encode()):08x}"


_greeted: WeakSet[Node] = WeakSet()
"""Load processes in a run that have heard a hello …"""
_never_greeted: WeakSet[Node] = WeakSet()
"""… and those that have noted that one was missing."""


def problems(options: Any, connections: int) -> Iterator[str]:
    """What keeps so many users from connecting, with the remedy."""
    wrong = list(_connection_problems(options))
    yield from wrong
    if not options.feed_path.startswith("/"):
        yield f"--feed-path {options.feed_path}: give a path that begins with /"
    elif not wrong and (refusal := _refusal(options)):
        yield f"--feed-path {options.feed_path}: {refusal}"
    if missing := shortage(connections, abs(options.processes or options.expect_workers or 1)):
        yield missing


def _connection_problems(options: Any) -> Iterator[str]:
    """By the names of the options."""
    first_s, longest_s = getattr(options, "first_pause_s", 0.0), getattr(options, "longest_pause_s", 0.0)
    if longest_s < first_s:
        yield f"--longest-pause-s {longest_s:g} is less than --first-pause-s {first_s:g}: give one as long or longer"
    yield from (f"--feed-{problem}" for problem in subprotocol_problems(getattr(options, "feed_subprotocols", ())))
    for text in getattr(options, "feed_headers", ()):
        name, value = _header(text)
        if ":" not in text or not name:
            yield "--feed-headers: each is NAME: VALUE, with a comma between two of them"
        else:
            yield from (f"--feed-{problem}" for problem in header_problems({name: value}))


def _refusal(options: Any) -> str | None:
    path = options.feed_path.format(number=0, channel="springback-check")
    headers = dict(map(_header, getattr(options, "feed_headers", ())))
    return handshake_refusal(options.host, path, headers, getattr(options, "feed_subprotocols", ()))


TRIED_FOR_S = 3.0


def handshake_refusal(
    host: str, path: str, headers: Mapping[str, str] = {}, subprotocols: Sequence[str] = ()
) -> str | None:
    """How the server refuses a WebSocket at ``path``, with the remedy. None where it does not, or is not there at all:
    whether the target is well is for the health check to say.
    """
    if not host or url_problems(host):
        return None
    base, deadline_s = parse_base_url(host), time.monotonic() + TRIED_FOR_S
    try:
        pending = PendingWebSocket(base.origin, deadline_s)
        opening = handshake.Opening(base, path, headers, "", subprotocols)
        Connection(pending, opening, TlsSettings(True, None), 1 << 20, deadline_s).close(0.0)
    except (ConnectionFailedError, OSError) as error:
        if getattr(error, "outcome", "") == handshake.NO_SUBPROTOCOL:
            return f"{error}; correct --feed-subprotocols"
        status = getattr(error, "outcome", "").removeprefix("http ")
        if status in REFUSALS:
            return f"the handshake is answered HTTP {status}; {REFUSALS[status]}"
    return None


REFUSALS = {
    **dict.fromkeys(("401", "403"), "it wants a login: give the path what it needs, e.g. a token"),
    **dict.fromkeys(("400", "404", "405", "410", "426"), "there is no WebSocket: correct the path"),
}
"""Statuses that no waiting cures; others may be those of a service that is starting, or busy."""
