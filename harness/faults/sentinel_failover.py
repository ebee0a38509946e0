"""Asks Sentinel to make a replica the primary, as before maintenance: a planned failover of Valkey or Redis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.clients.sentinel import EXAMPLE, SentinelError, address_problems, as_http, fail_over
from harness.faults import Fault, FaultError
from harness.plugins import parameter


@dataclass(frozen=True)
class SentinelFailover(Fault):
    """It is injected when Sentinel has been asked. There is nothing to undo: the new primary stays, and the old one
    follows it.
    """

    sentinels: tuple[str, ...] = parameter(
        help="addresses of Sentinels, redis://host:port; the first that answers is asked", secret=True
    )
    service: str = parameter(help="name of the service that they watch")
    timeout_s: float = parameter(2.0, "longest time for an answer of each", lowest=0.001, highest=10)

    def conflicts(self) -> Iterator[str]:
        if not self.sentinels:
            yield f"no address is given. Give that of a Sentinel, e.g. {EXAMPLE}"
        yield from address_problems(self.sentinels)

    def addresses(self) -> Iterable[str]:
        return map(as_http, self.sentinels)

    def inject(self) -> str:
        try:
            fail_over(self.sentinels, self.service, self.timeout_s)
        except SentinelError as error:
            raise FaultError(f"no failover of {self.service}: {error}") from None
        return f"asked Sentinel for another primary of {self.service}"

    def undo(self) -> str:
        return "nothing to undo: the new primary stays"
