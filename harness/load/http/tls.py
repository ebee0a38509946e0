"""TLS between a connection and its socket, on buffers in memory: encrypting and sending are two steps.

So a request can be encrypted while its user is parked, and the gate only writes bytes, as it does without TLS.
"""

from __future__ import annotations

import ssl

from harness.clients import tls

RECORD_BYTES = 16384 + 256


def tls_context(verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """As a client's settings and the run say. Raises ValueError when ``ca_file`` has no certificates to offer."""
    try:
        return tls.context(ca_file or "", verify)
    except OSError as error:
        raise ValueError(f"ca_file {ca_file!r}: {error}") from None


class TlsLayer:
    """One session. It never touches a socket: whoever owns it moves the bytes."""

    __slots__ = ("_in", "_out", "_session", "closed")

    def __init__(self, made: ssl.SSLContext, host: str) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._session = made.wrap_bio(self._in, self._out, server_hostname=host)
        self.closed = False
        """Whether the peer has closed the session; its socket may still be open."""

    def handshake(self, received: bytes) -> tuple[bytes, bool]:
        """Goes on with the handshake; the bytes to be sent, and whether it is finished. Raises ssl.SSLError."""
        self._in.write(received)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return self._out.read(), False
        return self._out.read(), True

    def alert(self) -> bytes:
        """What a failed handshake still has to say to the peer."""
        return self._out.read()

    def encrypt(self, payload: bytes) -> bytes:
        """The bytes must be sent in the order in which they were encrypted."""
        self._session.write(payload)
        return self._out.read()

    def decrypt(self, received: bytes) -> bytes:
        """What has arrived; possibly nothing yet (part of a record, or a session ticket). Raises ssl.SSLError."""
        self._in.write(received)
        parts: list[bytes] = []
        try:
            while self._in.pending or self._session.pending():
                part = self._session.read(RECORD_BYTES)
                if not part:
                    self.closed = True
                    break
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        return b"".join(parts)
