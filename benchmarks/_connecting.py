"""What connecting, and sending, costs by itself: one loop on bare sockets, without Locust, gevent, or a user to wake.

Run as ``python -m benchmarks._connecting URL CONNECTIONS [send]``: opens them all at once, shaking hands where the URL
is https, and prints the seconds from the first connect() until the last connection is ready for a request. With
``send`` one request goes out on each then, one right after another.
"""

from __future__ import annotations

import gc
import select
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit

from benchmarks._contest import descriptors

SETTLES_S = 1.0
"""For the target to have accepted all, and to have read what was sent."""


def connect(url: str, count: int) -> tuple[list[socket.socket], float]:
    """The connections, and how long it took."""
    parts = urlsplit(url)
    address = parts.hostname or "", parts.port or 0
    context = None
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    poller = select.epoll()
    opening: dict[int, socket.socket] = {}
    raw = [socket.socket() for _ in range(count)]
    begun_s = time.monotonic()
    for one in raw:
        one.setblocking(False)
        one.connect_ex(address)
    for one in raw:
        opened = one if context is None else context.wrap_socket(one, do_handshake_on_connect=False)
        opening[opened.fileno()] = opened
        poller.register(opened.fileno(), select.EPOLLOUT)
    ready: list[socket.socket] = []
    while opening:
        for descriptor, _ in poller.poll():
            opened = opening[descriptor]
            if isinstance(opened, ssl.SSLSocket):
                try:
                    opened.do_handshake()
                except ssl.SSLWantReadError:
                    poller.modify(descriptor, select.EPOLLIN)
                    continue
            elif problem := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(problem, "not connected")
            poller.unregister(descriptor)
            ready.append(opening.pop(descriptor))
    return ready, time.monotonic() - begun_s


def send(url: str, connections: list[socket.socket]) -> None:
    request = f"POST / HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    time.sleep(SETTLES_S)
    gc.disable()
    for connection in connections:
        connection.send(request)
    time.sleep(SETTLES_S)


if __name__ == "__main__":
    wanted = int(sys.argv[2])
    descriptors(2 * wanted)
    opened, took_s = connect(sys.argv[1], wanted)
    print(took_s, flush=True)
    if sys.argv[3:] == ["send"]:
        send(sys.argv[1], opened)
