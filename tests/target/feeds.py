"""WebSocket clients for the tests."""

from __future__ import annotations

import json
import socket
from typing import Any

import websocket

from tests.target.stacks import Stack


class Client:
    """One connection to /feed, with everything it has received so far."""

    def __init__(self, stack: Stack, name: str, channel: str = "main", url: str | None = None) -> None:
        address = (url or stack.state.url).replace("http://", "ws://")
        self.socket = websocket.create_connection(
            f"{address}/feed?client={name}&channel={channel}", timeout=10, skip_utf8_validation=True
        )
        self.hello = self.next()

    def send(self, **document: Any) -> None:
        """One JSON object."""
        self.socket.send(json.dumps(document))

    def next(self) -> dict[str, Any]:
        """The next message, whatever it is."""
        document = json.loads(self.socket.recv())
        assert isinstance(document, dict)
        return document

    def until(self, kind: str) -> dict[str, Any]:
        """The next message of this type."""
        while (document := self.next())["type"] != kind:
            pass
        return document

    def numbers_until(self, last: int) -> list[int]:
        """Numbers of the broadcasts received up to, and without, an echo numbered `last`."""
        numbers = []
        while (document := self.next())["type"] != "echo" or document["seq"] != last:
            if document["type"] == "message":
                numbers.append(document["seq"])
        return numbers

    def close_code(self) -> int | None:
        """Read until the server closes; the code it gave."""
        while True:
            opcode, data = self.socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2])

    def close(self) -> None:
        """Leave."""
        self.socket.close()


def tiny_buffers(stack: Stack, name: str) -> websocket.WebSocket:
    """A client whose kernel takes hardly anything, connected past the proxy."""
    address = stack.state.apis[0].url.replace("http://", "ws://")
    client = websocket.create_connection(
        f"{address}/feed?client={name}&channel=slow", timeout=10, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)]
    )
    assert isinstance(client, websocket.WebSocket)
    return client
