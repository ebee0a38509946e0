"""A WebSocket server that does next to nothing, so that what is measured is the generator: one epoll loop.

It takes every handshake, says hello as the feed of the reference target does, answers every JSON object as that answers
an echo, and a close frame with a close frame. Run as ``python -m benchmarks._websocket_target``; prints its port.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import resource
import select
import socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
HELLO = b'{"type": "hello", "seq": 0}'
TEXT, CLOSE = 1, 8


def frame(text: bytes, opcode: int = TEXT) -> bytes:
    """Unmasked, of less than 126 bytes."""
    return bytes((0x80 | opcode, len(text))) + text


def answer(data: bytes) -> bytes:
    """To a whole handshake, or to whole masked frames of less than 126 bytes."""
    if data.startswith(b"GET "):
        key = data.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        return SWITCH + base64.b64encode(hashlib.sha1(key + GUID).digest()) + b"\r\n\r\n" + frame(HELLO)
    answers = b""
    while len(data) >= 6:
        opcode, length = data[0] & 0xF, data[1] & 0x7F
        mask, masked, data = data[2:6], data[6 : 6 + length], data[6 + length :]
        plain = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
        answers += frame(b'{"type": "echo", ' + plain[1:] if opcode == TEXT else plain, opcode)
        if opcode == CLOSE:
            break
    return answers


def serve() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", 0), backlog=16384)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    poller = select.epoll()
    poller.register(listener.fileno(), select.EPOLLIN)
    peers: dict[int, socket.socket] = {}
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == listener.fileno():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        peer, _ = listener.accept()
                        peer.setblocking(False)
                        peers[peer.fileno()] = peer
                        poller.register(peer.fileno(), select.EPOLLIN)
                continue
            peer = peers[descriptor]
            try:
                data = peer.recv(65536)
                if not data:
                    raise ConnectionResetError
                peer.send(answer(data))
            except OSError:
                poller.unregister(descriptor)
                peers.pop(descriptor).close()


if __name__ == "__main__":
    serve()
