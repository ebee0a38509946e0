"""A target that does next to nothing, so that what is measured is the generator: one epoll loop, one fixed answer.

It notes when each connection is accepted and when each request arrives: by the kernel's time stamp of the packet, but
with TLS when it is read. ``GET /arrivals`` gives the instants of the requests (monotonic clock, seconds), ``GET
/connections`` those of the connections; each forgets what it gave.
Run as ``python -m benchmarks._bare_target``, with a file of certificate and key for TLS; prints its port.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import sys
import time

from harness.clients.http_get import USER_AGENT

SO_TIMESTAMPNS = 35
"""Linux, asm-generic/socket.h; what comes with it is a timespec of the real-time clock."""
HEALTH_CHECK = f"User-Agent: {USER_AGENT}".encode()
"""Before and after the load; of what the load itself sends none has this."""
TIMESPEC = struct.Struct("ll")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"token":"x"}'


class Peer:
    def __init__(self, accepted: socket.socket, context: ssl.SSLContext | None) -> None:
        self.accepted_s = time.monotonic()
        self.has_asked = False
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = accepted
        self.stamped = context is None
        if context is None:
            accepted.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        else:
            # It shakes hands by itself, in the first recv().
            self.socket = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)

    def receive(self) -> tuple[bytes, float]:
        """What has come, and when."""
        if not self.stamped:
            return self.socket.recv(65536), time.monotonic()
        data, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(TIMESPEC.size))
        now_s = time.monotonic()
        for level, kind, stamp in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = TIMESPEC.unpack(stamp)
                now_s -= time.time() - (seconds + nanoseconds / 1e9)
        return data, now_s


class Target:
    """What has arrived so far."""

    def __init__(self) -> None:
        self.connections: list[float] = []
        self.requests: list[float] = []

    def receive(self, peer: Peer) -> None:
        """Raises OSError when the peer has gone; BlockingIOError or ssl.SSLWantReadError when there is nothing."""
        data, at_s = peer.receive()
        if not data:
            if not peer.has_asked:
                self._leave_out(peer)  # whether the port is open is no load either
            raise ConnectionResetError
        peer.has_asked = True
        # A request may come in pieces (head, then body): the piece with the request line counts.
        if data.startswith((b"GET /arrivals", b"GET /connections")):
            self._leave_out(peer)  # who asks is no part of the load
            instants = self.requests if b"/arrivals" in data else self.connections
            body = json.dumps(instants).encode()
            instants.clear()
            peer.socket.setblocking(True)
            peer.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            peer.socket.setblocking(False)
        elif HEALTH_CHECK in data:
            self._leave_out(peer)
            peer.socket.send(ANSWER)
        elif data.startswith((b"GET ", b"POST ")):
            self.requests.append(at_s)
            if not data.startswith(b"POST ") or not data.endswith(b"\r\n\r\n"):
                peer.socket.send(ANSWER)
        else:
            peer.socket.send(ANSWER)

    def _leave_out(self, peer: Peer) -> None:
        with contextlib.suppress(ValueError):  # it has been given and forgotten
            self.connections.remove(peer.accepted_s)


def serve(certificate_file: str | None) -> None:
    context = None
    if certificate_file is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_file)
    listener = socket.create_server(("127.0.0.1", 0), backlog=16384)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    poller = select.epoll()
    poller.register(listener.fileno(), select.EPOLLIN)
    peers: dict[int, Peer] = {}
    target = Target()
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == listener.fileno():
                while True:
                    try:
                        accepted, _ = listener.accept()
                    except BlockingIOError:
                        break
                    peer = Peer(accepted, context)
                    peers[peer.socket.fileno()] = peer
                    poller.register(peer.socket.fileno(), select.EPOLLIN)
                    target.connections.append(peer.accepted_s)
                continue
            peer = peers[descriptor]
            try:
                target.receive(peer)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except OSError:
                poller.unregister(descriptor)
                peers.pop(descriptor).socket.close()


if __name__ == "__main__":
    serve(sys.argv[1] if len(sys.argv) > 1 else None)
