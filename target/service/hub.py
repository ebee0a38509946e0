"""The feed's connections of this process, and Valkey's publish/subscribe, which joins the processes."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge
from redis.asyncio.client import PubSub

from target.faults.contract import DropsConnections, LosesMessages
from target.faults.switchboard import Switchboard
from target.service import valkey_client
from target.service.settings import ServiceSettings
from target.service.unavailable import Unavailable

CONNECTIONS = 8
SUBSCRIBED_WITHIN_S = 1.0
RESUBSCRIBE_AFTER_S = 0.1
PING_EVERY_S, SILENT_FOR_S = 0.5, 1.5
"""Under Sentinels."""

SERVICE_RESTART, TRY_AGAIN_LATER = 1012, 1013
"""Close codes of RFC 6455's registry."""

# Numbering and sending in one step: a channel's messages arrive everywhere in the order of their numbers.
PUBLISH = """
local seq = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', KEYS[2], ARGV[1] .. seq .. ARGV[2])
return seq
"""


class Connection:
    """One client: a bounded queue of texts to send; `ended` holds the close code once we want it gone."""

    def __init__(self, number: int, client: str, channel: str, queue_size: int) -> None:
        self.number, self.client, self.channel = number, client, channel
        self.queue: asyncio.Queue[str] = asyncio.Queue(queue_size)
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(self, code: int) -> None:
        """Have the connection closed; what is still queued is not sent."""
        if not self.ended.done():
            self.ended.set_result(code)


class Hub:
    """Who is connected to which channel of this process."""

    def __init__(self, settings: ServiceSettings, registry: CollectorRegistry, faults: Switchboard) -> None:
        self._queue_size = settings.feed_queue
        self._has_sentinels = bool(settings.valkey_sentinels)
        self._faults = faults
        self._publisher = valkey_client.connect(settings, CONNECTIONS, settings.pool_wait_s, 2.0)
        self._subscriber = valkey_client.connect(settings, 1, settings.pool_wait_s, None)
        self._publish = self._publisher.register_script(PUBLISH)
        self._channels: dict[str, dict[int, Connection]] = {}
        self._last: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.subscribed = asyncio.Event()
        self.open_now = Gauge("target_feed_connections", "WebSocket connections now.", registry=registry)
        self.accepted = Counter("target_feed_accepted", "Handshakes completed.", registry=registry)
        self.closed = Counter("target_feed_closed", "Connections ended, by who did it.", ["by"], registry=registry)
        self.messages = Counter("target_feed_messages", "Messages by kind.", ["kind"], registry=registry)
        self.resubscribed = Counter("target_feed_resubscribed", "Subscriptions lost and remade.", registry=registry)
        for by in ("client", "slow", "fault"):
            self.closed.labels(by)
        for kind in ("echo", "published", "delivered"):
            self.messages.labels(kind)
        faults.on_change(self._fault_changed)

    async def open(self) -> None:
        """Subscribe; without Valkey go on and try again for ever."""
        self._task = asyncio.create_task(self._listen())
        with suppress(TimeoutError):
            await asyncio.wait_for(self.subscribed.wait(), SUBSCRIBED_WITHIN_S)

    async def close(self) -> None:
        """End the subscription; the server ends the connections."""
        self._closing = True
        await valkey_client.finish(self._task, self._subscriber, self._publisher)

    def join(self, client: str, channel: str) -> tuple[Connection, int | None]:
        """A new connection, and the last number it will not get (None: this process has seen none yet)."""
        connection = Connection(next(self._numbers), client, channel, self._queue_size)
        self._channels.setdefault(channel, {})[connection.number] = connection
        self.open_now.inc()
        self.accepted.inc()
        return connection, self._last.get(channel)

    def leave(self, connection: Connection) -> None:
        members = self._channels[connection.channel]
        del members[connection.number]
        if not members:
            del self._channels[connection.channel]
        self.open_now.dec()

    async def publish(self, channel: str, message: dict[str, Any]) -> int:
        """Send to every connection of the channel in every process; gives its number. Raises Unavailable."""
        text = json.dumps(message)
        try:
            seq = await self._publish(
                keys=[f"feed:seq:{channel}", f"feed:{channel}"], args=['{"seq": ', f", {text[1:]}"]
            )
        except valkey_client.UNAVAILABLE_ERRORS as error:
            raise Unavailable("valkey", f"not published ({type(error).__name__})") from error
        self.messages.labels("published").inc()
        return int(seq)

    async def _listen(self) -> None:
        while not self._closing:
            with suppress(*valkey_client.UNAVAILABLE_ERRORS):
                async with self._subscriber.pubsub() as subscription:
                    await subscription.psubscribe("feed:*")
                    async for message in self._messages(subscription):
                        if message["type"] == "psubscribe":
                            self.subscribed.set()
                        elif message["type"] == "pmessage":
                            self._deliver(message["channel"].removeprefix("feed:"), message["data"])
            self.subscribed.clear()
            self.resubscribed.inc()
            await asyncio.sleep(RESUBSCRIBE_AFTER_S)

    async def _messages(self, subscription: PubSub) -> AsyncIterator[dict[str, Any]]:
        """What the server sends. Under Sentinels a silent server is given up: another may be the primary by now."""
        heard_s = time.monotonic()
        while True:
            message = await subscription.get_message(timeout=PING_EVERY_S if self._has_sentinels else None)
            now_s = time.monotonic()
            if message is not None:
                heard_s = now_s
                yield message
            elif self._has_sentinels:
                if now_s - heard_s > SILENT_FOR_S:
                    raise TimeoutError
                await subscription.ping()

    def _deliver(self, channel: str, text: str) -> None:
        try:
            seq = self._last[channel] = int(json.loads(text)["seq"])
        except (ValueError, KeyError, TypeError):
            return  # somebody else's message on our channel
        fault = self._faults.active
        loses = fault if isinstance(fault, LosesMessages) else None
        delivered = 0
        for connection in list(self._channels.get(channel, {}).values()):
            if connection.ended.done() or (
                loses is not None and loses.loses_message(connection.number, connection.client, seq)
            ):
                continue
            try:
                connection.queue.put_nowait(text)
            except asyncio.QueueFull:
                connection.end(TRY_AGAIN_LATER)
                self.closed.labels("slow").inc()
            else:
                delivered += 1
        self.messages.labels("delivered").inc(delivered)

    def _fault_changed(self) -> None:
        fault = self._faults.active
        if isinstance(fault, DropsConnections):
            everyone = [one for members in self._channels.values() for one in members.values() if not one.ended.done()]
            for connection in everyone:
                connection.end(SERVICE_RESTART)
            self.closed.labels("fault").inc(len(everyone))
            fault.dropped(len(everyone))
