"""WebSocket /feed: what a client sends is echoed; what it publishes reaches everybody, in every process.

`/feed?client=NAME&channel=NAME`. Every message is one JSON object in a text frame.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from target.faults.contract import BeforeAccept
from target.service.hub import Connection
from target.service.resources import Resources
from target.service.unavailable import Unavailable

LONGEST_NAME = 100
CLOSED_WITHIN_S = 0.5
"""A client that does not read cannot be told that it is closed: after this long it just is."""


def routes(resources: Resources) -> list[WebSocketRoute]:
    hub, name = resources.hub, resources.settings.name

    async def feed(socket: WebSocket) -> None:
        fault = resources.faults.active
        if isinstance(fault, BeforeAccept):
            await fault.before_accept()
        client = socket.query_params.get("client", "")[:LONGEST_NAME]
        channel = socket.query_params.get("channel", "main")[:LONGEST_NAME]
        try:
            await socket.accept()
        except WebSocketDisconnect:
            return
        connection, last = hub.join(client, channel)
        hello = {"type": "hello", "server": name, "client": client, "channel": channel, "seq": last}
        connection.queue.put_nowait(json.dumps(hello | {"subscribed": hub.subscribed.is_set()}))
        reader = asyncio.create_task(read(socket, connection))
        writer = asyncio.create_task(write(socket, connection))
        try:
            ends: set[asyncio.Future[Any]] = {reader, writer, connection.ended}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if connection.ended.done():
                writer.cancel()
                with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):  # RuntimeError: it is closed already
                    await asyncio.wait_for(socket.close(connection.ended.result()), CLOSED_WITHIN_S)
            else:
                hub.closed.labels("client").inc()
        finally:
            hub.leave(connection)
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)

    async def read(socket: WebSocket, connection: Connection) -> None:
        while True:
            try:
                text = await socket.receive_text()
            except KeyError:
                await connection.queue.put(_error("text frames only"))
                continue
            except WebSocketDisconnect:
                return
            # Waits when the queue is full: a client that does not read is not read from either.
            await connection.queue.put(await answer(connection, text))

    async def answer(connection: Connection, text: str) -> str:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return _error("not JSON")
        if not isinstance(document, dict):
            return _error("not a JSON object")
        if "publish" not in document:
            hub.messages.labels("echo").inc()
            return json.dumps(document | {"type": "echo", "server": name})
        message: dict[str, Any] = {
            "type": "message",
            "channel": connection.channel,
            "client": connection.client,
            "client_seq": document.get("seq"),
            "publish": document["publish"],
        }
        try:
            seq = await hub.publish(connection.channel, message)
        except Unavailable as error:
            return _error(error.reason, dependency=error.dependency, client_seq=document.get("seq"))
        return json.dumps({"type": "published", "seq": seq, "client_seq": document.get("seq"), "server": name})

    return [WebSocketRoute("/feed", feed)]


async def write(socket: WebSocket, connection: Connection) -> None:
    """Send what is queued, in order, for ever."""
    while True:
        await socket.send_text(await connection.queue.get())


def _error(text: str, **more: object) -> str:
    return json.dumps({"type": "error", "error": text, **more})
