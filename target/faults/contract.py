"""What a fault is: a dataclass whose fields are its parameters, one required method, optional hooks.

The hooks of a feature stand together. A feature asks `isinstance(faults.active, Hook)` where the hook matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

Reading = int | float | None
"""One figure of a fault's own account; numbers carry their unit in the name."""

Record = Mapping[str, int | float | str | None]
"""One event that a fault caused."""
Combine = Mapping[str, Callable[[Iterable[float]], float]]
"""How figures of several processes make one, where they are not added up."""


@runtime_checkable
class Fault(Protocol):
    """Required. A fault may also have `combine: ClassVar[Combine]`, and `where: ClassVar[str] = "autoscaler"` when it
    belongs to the controller instead of the API processes.
    """

    def status(self) -> Mapping[str, Reading]:
        """What this fault did in this process since it was switched on: the ground truth of a test."""


@runtime_checkable
class HasRecords(Protocol):
    """Optional: the single events behind the counts, the newest MAX_RECORDS of them (see `share.py`)."""

    def records(self) -> Sequence[Record]:
        """Oldest first."""


@runtime_checkable
class BeforeLogin(Protocol):
    """Optional: runs when a login arrives, before anything else is touched."""

    async def before_login(self) -> None:
        """May wait; must not raise."""


@runtime_checkable
class AfterLogin(Protocol):
    """Optional: runs after each successful login, before its response."""

    def after_login(self) -> None:
        """Must not raise."""


@runtime_checkable
class QueuesLogins(Protocol):
    """Optional: with such a fault each login waits for its turn, whether or not its client still does."""

    async def turn(self, is_on: Callable[[], bool]) -> bool:
        """Returns when it has come, or `is_on` says no; False: the queue is full, and the login is answered 503."""


# feed


@runtime_checkable
class BeforeAccept(Protocol):
    """Optional: runs when a WebSocket handshake arrives."""

    async def before_accept(self) -> None:
        """May wait; must not raise."""


@runtime_checkable
class DropsConnections(Protocol):
    """Optional: the feed closes all its connections when such a fault is switched on."""

    def dropped(self, connections: int) -> None:
        """So many were open, and were closed."""


@runtime_checkable
class LosesMessages(Protocol):
    """Optional: asked for each broadcast and each of its receivers."""

    def loses_message(self, connection: int, client: str, seq: int) -> bool:
        """Whether this one does not get it."""


# items


@runtime_checkable
class LosesInvalidation(Protocol):
    """Optional: asked after each write, before the cache is told."""

    def loses_invalidation(self, key: str, version: int) -> bool:
        """Whether the cache is not told."""


@runtime_checkable
class ReadsStale(Protocol):
    """Optional: asked for each read of an item."""

    def stale_by_ms(self) -> float | None:
        """How old the answer is to be; None for a normal read."""

    def served(self, key: str, version: int | None, newest: int | None, age_ms: float) -> None:
        """What that read was answered: `version` was replaced `age_ms` ago, 0 when it is the newest."""


@runtime_checkable
class IgnoresOthers(Protocol):
    """Optional: with such a fault every miss loads from the database by itself."""

    def loaded_alone(self) -> None:
        """A miss that did not look whether somebody else was loading."""


# db


@runtime_checkable
class KeepsConnection(Protocol):
    """Optional: asked when /db/work is about to give a connection back."""

    def keeps_connection(self) -> bool:
        """Whether it stays out of the pool until the fault is off."""


@runtime_checkable
class LeavesTransaction(Protocol):
    """Optional: asked when /db/work has got its connection."""

    def leaves_transaction(self) -> bool:
        """Whether a transaction is begun on it and left open, out of the pool, until the fault is off."""


@runtime_checkable
class SlowsQuery(Protocol):
    """Optional: asked for each query of /db/work."""

    def added_ms(self) -> float:
        """How much longer the query runs."""


@runtime_checkable
class ForbidsFallback(Protocol):
    """Optional: with such a fault no read goes to the primary because there is no replica."""

    def refused_fallback(self) -> None:
        """A read that is answered 503 instead."""


@runtime_checkable
class PicksReplica(Protocol):
    """Optional: asked for each read of a replica."""

    def pick(self, in_turn: str, replicas: Sequence[str]) -> str:
        """Which of `replicas` it is to be, where it would be the turn of `in_turn`."""


# ledger


@runtime_checkable
class AcknowledgesEarly(Protocol):
    """Optional: asked for each new entry of the ledger."""

    def acknowledges_early(self, entry: str) -> float | None:
        """How many seconds after its acknowledgement the entry is written (inf: never); None: before, as it should."""

    def settled(self, entry: str, written: bool) -> None:
        """What became of such an entry."""


@runtime_checkable
class ForgetsIdempotency(Protocol):
    """Optional: asked for each entry of the ledger that was written before."""

    def writes_again(self, entry: str) -> bool:
        """Whether it is written once more."""


# rate limit


@runtime_checkable
class CountsAlone(Protocol):
    """Optional: with such a fault each process counts for itself."""

    def admitted_alone(self, extra: bool) -> None:
        """A request that this process admitted; `extra` where the common limit would have refused it."""


@runtime_checkable
class MisstatesRemaining(Protocol):
    """Optional: asked for each answer that says how many requests remain."""

    def misstate(self, remaining: int, limit: int) -> int:
        """What it says instead."""


@runtime_checkable
class FailsClosed(Protocol):
    """Optional: with such a fault requests are refused while Valkey does not answer."""

    def refused_closed(self) -> None:
        """One of them."""


# health


@runtime_checkable
class LeavesSlowly(Protocol):
    """Optional: asked when the process is told to end."""

    def leave_after_s(self) -> float:
        """How long it stays: alive for whoever checks, and of no use to anybody else."""

    def refused_leaving(self) -> None:
        """A request that it answered 503 meanwhile."""


# quote


@runtime_checkable
class BypassesBreaker(Protocol):
    """Optional: with such a fault /quote calls the upstream whatever the breaker says."""

    def bypassed(self, failed: bool) -> None:
        """A call past the breaker, and how it went."""


@runtime_checkable
class HoldsOpen(Protocol):
    """Optional: asked before each call of /quote."""

    def holds_open(self, is_open: bool) -> bool:
        """Whether the call fails fast, although the breaker might let it through."""


# autoscaler


@runtime_checkable
class DelaysStart(Protocol):
    """Optional: asked for each replica that is started."""

    def start_delay_s(self) -> float:
        """How long after its start it may be ready at the earliest."""


@runtime_checkable
class OverridesDesired(Protocol):
    """Optional: asked at each sync."""

    def overrides(self, now: float, current: int, desired: int, least: int, most: int) -> int:
        """How many replicas there shall be instead of `desired`."""
