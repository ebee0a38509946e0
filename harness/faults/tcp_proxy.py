"""A small proxy in front of a TCP address, through which the load goes: a slow, narrow, dead or broken network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from harness.clients.address import url_problems
from harness.faults import Fault, FaultError
from harness.faults._proxy import Conditions, Proxy
from harness.plugins import parameter
from harness.recording.marks import WITHOUT_EFFECT

_running: dict[int, tuple[str, Proxy]] = {}
"""Port → where its proxy leads, and the proxy: several faults of one run may use the same."""


@dataclass
class _Session:
    proxy: Proxy | None = None
    accepted_before: int = 0
    """Connections that there had been when the fault came."""
    open_then: int = 0
    """Those of them that were still there."""


@dataclass(frozen=True)
class TcpProxy(Fault):
    """Listens on 127.0.0.1, port ``listen`` (0: a free one, which is said at the start), for the whole run, and passes
    everything on to ``to`` (host:port) as it is, except between injection and undoing:

    ``latency_ms`` delays what comes back from ``to``, so that a round trip takes this much longer; ``jitter_ms`` adds
    up to that much more, at random; order is kept. ``bandwidth_bytes_per_s`` bounds what all connections together
    carry in each direction. ``blackhole``: nothing passes any more, connections stay open and new ones are taken, and
    what was under way arrives afterwards. ``reset``: all connections are reset, new ones as soon as they are there.

    A fault in which nobody was connected is not as planned. Faults with the same ``listen`` share the
    proxy, and add up.
    """

    to: str = parameter(help="host:port to which it leads")
    listen: int = parameter(0, "port on 127.0.0.1; 0: a free one", highest=65535)
    latency_ms: float = parameter(0.0, "delay of what comes back")
    jitter_ms: float = parameter(0.0, "up to so much more delay, at random")
    bandwidth_bytes_per_s: float = parameter(0.0, "bound of all connections in each direction; 0: none")
    blackhole: bool = parameter(False, "whether nothing passes any more")
    reset: bool = parameter(False, "whether connections are reset")
    _session: _Session = field(default_factory=_Session, init=False, repr=False, compare=False)

    def conflicts(self) -> Iterator[str]:
        problems = [f"to: {problem}" for url in self.addresses() for problem in url_problems(url)]
        yield from problems
        if not problems and (urlsplit(f"http://{self.to}").port is None or set(self.to) & set("/?#@")):
            yield f"to is {self.to!r}. Give host:port, e.g. 127.0.0.1:8000"
        if not (self.latency_ms or self.jitter_ms or self.bandwidth_bytes_per_s or self.blackhole or self.reset):
            yield (
                "nothing would be disturbed. Give latency_ms, jitter_ms, bandwidth_bytes_per_s, blackhole=true or "
                "reset=true"
            )

    def addresses(self) -> Iterable[str]:
        return (f"http://{self.to}",)

    def fronts(self) -> tuple[int, str]:
        return self.listen, self.to

    def prepare(self) -> str:
        """Starts the proxy, or finds the one that another fault has started."""
        to, proxy = _running.get(self.listen, ("", None)) if self.listen else ("", None)
        if proxy is None:
            parts = urlsplit(f"http://{self.to}")
            proxy = Proxy(parts.hostname or "", parts.port or 0)
            try:
                port = proxy.start(self.listen)
            except OSError as error:
                reason = error.strerror or str(error)
                raise FaultError(f"port {self.listen} cannot be listened on ({reason}): choose another") from None
            _running[port] = (self.to, proxy)
        elif to != self.to:
            raise FaultError(f"port {self.listen} leads to {to} already: choose another for {self.to}")
        self._session.proxy = proxy
        return f"listening on 127.0.0.1:{proxy.port} for {self.to}"

    def inject(self) -> str:
        proxy = self._session.proxy
        if proxy is None:
            raise FaultError("the proxy was not started")
        conditions = Conditions(
            latency_s=self.latency_ms / 1000,
            jitter_s=self.jitter_ms / 1000,
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            blackhole=self.blackhole,
            reset=self.reset,
        )
        self._session.accepted_before = proxy.accepted
        connections = self._session.open_then = proxy.disturb(id(self), conditions)
        return f"{conditions.description} on 127.0.0.1:{proxy.port}, which has {connections} connections"

    def undo(self) -> str:
        proxy = self._session.proxy
        if proxy is None:
            return "nothing to undo: the proxy is not there"
        proxy.disturb(id(self), None)
        if proxy.accepted == self._session.accepted_before and not self._session.open_then:
            return (
                f"{WITHOUT_EFFECT}nobody was connected to 127.0.0.1:{proxy.port}; let the load go there (--host), "
                f"or the service that uses {self.to}"
            )
        return f"127.0.0.1:{proxy.port} passes everything on again"
