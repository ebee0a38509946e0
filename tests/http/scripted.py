"""A server that sends given bytes at given times, in a process of its own: it knows nothing of HTTP or gevent.

A script is a list of connections, the last of which is repeated; a connection is a list of steps.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.forks import Channel, forked

READ, CLOSE, RESET, STOP_READING, END_SESSION = "read", "close", "reset", "stop reading", "end session"
LOOK_EVERY_S, UNCHANGED_LOOKS = 0.005, 20
"""So often nothing more may have come, before the server tells what it has seen. Looks and not seconds: while it has no
turn, nothing is read either.
"""


class Scripted:
    def __init__(self, port: int, channel: Channel) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.handshakes: list[str] = []
        """Version of each TLS handshake that came to its end; known once :meth:`seen` was called."""
        self._channel = channel
        self.is_over = False

    def seen(self) -> list[bytes]:
        """What each connection sent, in the order in which they were accepted. Ends the server."""
        self.is_over = True
        self._channel.tell("over")
        told = json.loads(self._channel.hear())
        self.handshakes = told["handshakes"]
        return [part.encode("latin-1") for part in told["seen"]]


@contextmanager
def scripted(
    *connections: list[bytes | float | str], tls: tuple[str, str] | None = None, ipv6: bool = False
) -> Iterator[Scripted]:
    """Steps: bytes to send, seconds to sleep, READ a request's head and body, CLOSE, RESET; END_SESSION: close TLS with
    a close_notify, and then the connection.

    A connection whose steps are over is held open until the client closes it.
    """
    encoded = [
        [step.decode("latin-1") + "!" if isinstance(step, bytes) else step for step in one] for one in connections
    ]
    arguments = json.dumps({"connections": encoded, "tls": tls, "ipv6": ipv6})
    channel = forked(__name__, "serve")
    try:
        channel.tell(arguments)
        port, pid = json.loads(channel.hear())
        server = Scripted(port, channel)
        yield server
        if not server.is_over:  # else the number may be another's by now
            os.kill(pid, signal.SIGKILL)
        assert not channel.hear(), "it has ended, and its port is free again"
    finally:
        channel.close()


def serve(channel: Channel) -> None:
    """What a fork does: the server."""
    arguments = json.loads(channel.hear())
    host, family = ("::1", socket.AF_INET6) if arguments["ipv6"] else ("127.0.0.1", socket.AF_INET)
    listener = socket.create_server((host, 0), family=family, backlog=1024)
    os.dup(channel.descriptor)  # what is opened last is closed last: who hears the end of it knows that nobody listens
    context = None
    if arguments["tls"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments["tls"])
    channel.tell(json.dumps([listener.getsockname()[1], os.getpid()]))
    seen: list[list[bytes]] = []
    handshakes: list[str | None] = []

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            steps = arguments["connections"][min(len(seen), len(arguments["connections"]) - 1)]
            seen.append([])
            given = (peer, steps, seen[-1], context, handshakes)
            threading.Thread(target=_play, args=given, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    if not channel.hear():
        return
    total, unchanged = -1, 0
    while unchanged < UNCHANGED_LOOKS:
        now = len(seen) + len(handshakes) + sum(len(part) for parts in seen for part in parts)
        total, unchanged = now, unchanged + 1 if now == total else 0
        time.sleep(LOOK_EVERY_S)
    told = {"seen": [b"".join(parts).decode("latin-1") for parts in seen], "handshakes": handshakes}
    channel.tell(json.dumps(told))


def _play(
    peer: socket.socket,
    steps: list[Any],
    seen: list[bytes],
    context: ssl.SSLContext | None,
    handshakes: list[str | None],
) -> None:
    try:
        if context is not None:
            peer = encrypted = context.wrap_socket(peer, server_side=True)
            handshakes.append(encrypted.version())
        for step in steps:
            if isinstance(step, float | int):
                time.sleep(step)
            elif step == READ:
                _read_request(peer, seen)
            elif step == CLOSE:
                peer.close()
                return
            elif step == RESET:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
                return
            elif step == END_SESSION:
                encrypted.unwrap()
                peer.close()
                return
            elif step == STOP_READING:
                time.sleep(3600)
            else:
                peer.sendall(step[:-1].encode("latin-1"))
        while data := peer.recv(65536):
            seen.append(data)
    except OSError:
        pass


def _read_request(peer: socket.socket, seen: list[bytes]) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        part = peer.recv(65536)
        if not part:
            raise OSError
        seen.append(part)
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lower = head.lower()
    while (b"content-length:" in lower and len(body) < int(lower.partition(b"content-length:")[2].split()[0])) or (
        b"chunked" in lower and not body.endswith(b"0\r\n\r\n")
    ):
        part = peer.recv(65536)
        if not part:
            raise OSError
        seen.append(part)
        body += part
