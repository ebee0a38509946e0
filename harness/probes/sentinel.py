"""Servers of Valkey or Redis under Sentinel: who is primary, and who follows it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from harness.clients.sentinel import EXAMPLE, SentinelError, address_problems, named_primaries, replication_of, servers
from harness.plugins import parameter
from harness.probes import Probe, Reading


@dataclass(frozen=True)
class Sentinel(Probe):
    """For each server ``primary`` and ``streaming`` (1 or 0), and ``offset_bytes`` of the stream of commands;
    ``answered_s``: how long after the beginning of the sample all had answered. The source is ``host:port``.

    Primary is who says so of itself and is named by at least one of the ``sentinels``, which are all asked: a client
    can be led there. One that was primary and is back, of which no Sentinel tells any more, is none.
    """

    sentinels: tuple[str, ...] = parameter(help="addresses of the Sentinels, redis://host:port", secret=True)
    service: str = parameter(help="name of the service that they watch")
    password: str = parameter("", "password of the servers", secret=True)
    timeout_s: float = parameter(1.0, "longest time for an answer of each", lowest=0.001)
    _known: dict[str, None] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Every server that was ever named."""

    def conflicts(self) -> Iterable[str]:
        if not self.sentinels:
            yield f"no address is given. Give that of each Sentinel, e.g. {EXAMPLE}"
        yield from address_problems(self.sentinels)

    def sample(self) -> Iterator[Reading]:
        begun_s = time.monotonic()
        try:
            self._known.update((each.name, None) for each in servers(self.sentinels, self.service, self.timeout_s))
        except SentinelError as error:
            if not self._known:
                yield Reading.failed(self.service, str(error))
                return
        with ThreadPoolExecutor(len(self._known) + 1) as pool:
            naming = pool.submit(named_primaries, self.sentinels, self.service, self.timeout_s)
            asking = {name: pool.submit(self._read, name) for name in self._known}
            named, found = naming.result(), {name: asked.result() for name, asked in asking.items()}
        answered_s = time.monotonic() - begun_s
        for name, said in found.items():
            if isinstance(said, str):
                yield Reading.failed(name, said)
                continue
            primary, streaming, offset_bytes = said
            figures = {"primary": float(primary and name in named), "streaming": float(streaming)}
            yield Reading.of(name, figures | {"offset_bytes": offset_bytes, "answered_s": answered_s})

    def _read(self, name: str) -> tuple[bool, bool, float] | str:
        try:
            said = replication_of(name, self.password, self.timeout_s)
        except SentinelError as error:
            return str(error)
        return said.is_primary, said.is_linked, said.offset_bytes
