"""A connection on its way: from the host's name to the end of the TLS handshake, in steps that a gate can do."""

from __future__ import annotations

from harness.load.http.connecting import Dialling, shake_hands
from harness.load.http.request import Origin
from harness.load.http.settings import Trust
from harness.load.http.tls import TlsLayer, tls_context
from harness.load.http.waitable_socket import WaitableSocket


class Opening:
    """Begin, go on and finish, in this order; a gate may do the first two, which wait for nothing."""

    __slots__ = ("_closed", "_dialling", "_greeting", "tls", "unsent")

    def __init__(self, origin: Origin, trust: Trust, deadline_s: float) -> None:
        """The host's name is looked up, the first words of TLS are made. Raises OSError."""
        self.tls: TlsLayer | None = None
        self._greeting = b""
        if origin.scheme == "https":
            self.tls = TlsLayer(tls_context(trust.verify, trust.ca_file), origin.host)
            self._greeting, _ = self.tls.shake_hands(b"")
        self.unsent: bytes | None = None
        """Rest of the request that :meth:`go_on` has begun to send; None when it has not."""
        self._dialling = Dialling(origin, deadline_s)
        self._closed = False

    def begin(self) -> None:
        """Without giving other greenlets a turn. Nothing happens to one that was given up."""
        if not self._closed:
            self._dialling.begin()

    def go_on(self, payload: bytes) -> None:
        """Sends what comes first, if the peer has taken the connection by now; gives no other greenlet a turn."""
        if self._closed:
            return
        if self.tls is not None:
            self._greeting = self._greeting[self._dialling.send(self._greeting) :]
        elif sent := self._dialling.send(payload):
            self.unsent = payload[sent:]

    def finish(self, deadline_s: float) -> WaitableSocket:
        """Goes on from where it is, to the end of the TLS handshake. Raises OSError; it is closed then."""
        try:
            opened = self._dialling.finish(deadline_s)
            if self.tls is not None:
                shake_hands(opened, self.tls, self._greeting, deadline_s)
        except BaseException:
            self.close()
            raise
        return opened

    def close(self) -> None:
        """Gives it up."""
        self._closed = True
        self._dialling.socket.close()
