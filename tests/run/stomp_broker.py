"""A broker of STOMP 1.2 for tests, with the frames of stomp.py. With a number above 0, each so manieth message that it
has received is delivered to nobody. Prints its address.
"""

from __future__ import annotations

import itertools
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from stomp.utils import Frame, convert_frame, encode, pack, parse_frame

SUBPROTOCOL, PREFETCH = "v12.stomp", 5


@dataclass
class Subscription:
    name: str
    topic: str
    unacknowledged: set[str] = field(default_factory=set)
    """Of more than PREFETCH of them, the subscriber gets no other message."""


class Broker:
    def __init__(self, loses_each: int) -> None:
        self._loses_each = loses_each
        self._numbers = itertools.count(1)
        self._subscriptions: dict[WebSocket, Subscription] = {}

    async def serve(self, client: WebSocket) -> None:
        if SUBPROTOCOL not in client.scope["subprotocols"]:
            return await client.close()
        await client.accept(SUBPROTOCOL)
        with suppress(WebSocketDisconnect):
            while True:
                frame = parse_frame(encode(await client.receive_text()).rstrip(b"\n").removesuffix(b"\0"))
                await self._answer(client, frame)
                if "receipt" in frame.headers:
                    await _send(client, "RECEIPT", {"receipt-id": frame.headers["receipt"]})
        self._subscriptions.pop(client, None)
        return None

    async def _answer(self, client: WebSocket, frame: Frame) -> None:
        match frame.cmd:
            case "CONNECT":
                await _send(client, "CONNECTED", {"version": "1.2", "heart-beat": "0,0"})
            case "SUBSCRIBE":
                self._subscriptions[client] = Subscription(frame.headers["id"], frame.headers["destination"])
            case "ACK":
                self._subscriptions[client].unacknowledged.remove(frame.headers["id"])
            case "SEND":
                number = next(self._numbers)
                if not self._loses_each or number % self._loses_each:
                    await self._deliver(frame.headers["destination"], f"ID:{number}", frame.body)

    async def _deliver(self, topic: str, message_id: str, body: bytes) -> None:
        for client, subscription in list(self._subscriptions.items()):
            if subscription.topic == topic and len(subscription.unacknowledged) < PREFETCH:
                subscription.unacknowledged.add(message_id)
                named = {"destination": topic, "subscription": subscription.name}
                with suppress(WebSocketDisconnect):
                    await _send(client, "MESSAGE", {**named, "message-id": message_id, "ack": message_id}, body)


async def _send(client: WebSocket, command: str, headers: dict[str, str], body: bytes = b"") -> None:
    escaped = {name: value.replace(":", "\\c") for name, value in headers.items()}
    await client.send_text(pack(convert_frame(Frame(command, escaped, body))).decode())


def main(loses_each: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    application = Starlette(routes=[WebSocketRoute("/ws", Broker(loses_each).serve)])
    uvicorn.Server(uvicorn.Config(application, log_level="critical")).run([listener])


if __name__ == "__main__":
    main(int(sys.argv[1]))
