"""A target that does next to nothing, so that what is measured is the generator: one epoll loop, one fixed answer.

It notes when each request arrives. ``GET /arrivals`` gives the instants (monotonic clock, seconds) and forgets them.
Run as ``python -m benchmarks._bare_target``; prints its port.
"""

from __future__ import annotations

import json
import select
import socket
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"token":"x"}'


def serve() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=16384)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    poller = select.epoll()
    poller.register(listener.fileno(), select.EPOLLIN)
    peers: dict[int, socket.socket] = {}
    arrivals: list[float] = []
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == listener.fileno():
                while True:
                    try:
                        peer, _ = listener.accept()
                    except BlockingIOError:
                        break
                    peer.setblocking(False)
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    peers[peer.fileno()] = peer
                    poller.register(peer.fileno(), select.EPOLLIN)
                continue
            peer = peers[descriptor]
            now_s = time.monotonic()
            try:
                data = peer.recv(65536)
                if not data:
                    raise ConnectionResetError
                # A request may come in pieces (head, then body): the piece with the request line counts.
                if data.startswith(b"GET /arrivals"):
                    body = json.dumps(arrivals).encode()
                    arrivals.clear()
                    peer.setblocking(True)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    peer.setblocking(False)
                elif data.startswith((b"GET ", b"POST ")):
                    arrivals.append(now_s)
                    if not data.startswith(b"POST ") or not data.endswith(b"\r\n\r\n"):
                        peer.send(ANSWER)
                else:
                    peer.send(ANSWER)
            except OSError:
                poller.unregister(descriptor)
                peers.pop(descriptor).close()


if __name__ == "__main__":
    serve()
