"""What connecting costs by itself: one loop on bare sockets, without Locust, gevent, or a user to wake.

Run as ``python -m benchmarks._connecting URL CONNECTIONS``: opens them all at once, shaking hands where the URL is
https, and prints the seconds from the first connect() until the last connection is ready for a request.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit


def measure(url: str, count: int) -> float:
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
    return time.monotonic() - begun_s


if __name__ == "__main__":
    print(measure(sys.argv[1], int(sys.argv[2])), flush=True)
