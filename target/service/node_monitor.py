"""Which database node is the primary, which replicas are near enough to read from; asked at an interval."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence

from target.service.database_node import DatabaseNode

ANSWER_WITHIN_S = 0.5
MAX_POSITIONS = 600


class ReplicationLag:
    """How old the oldest write is that a replica has not replayed, by the positions that the primary was seen at.

    PostgreSQL's own `now() - pg_last_xact_replay_timestamp()` grows while nothing is written, and is 0 for a replica
    that has lost its primary. This is right in both cases, to within one interval between two looks at the primary.
    """

    def __init__(self) -> None:
        self._primary: tuple[str, str] | None = None
        self._positions: deque[tuple[float, int]] = deque(maxlen=MAX_POSITIONS)

    def primary_at(self, primary: tuple[str, str], now_s: float, lsn: int) -> None:
        """The primary was seen at `lsn`. Another primary counts from where it stands: what its predecessor wrote and
        it never got is not lag, but lost."""
        if primary != self._primary:
            self._primary = primary
            self._positions.clear()
        if not self._positions or lsn > self._positions[-1][1]:
            self._positions.append((now_s, lsn))

    def of(self, replayed_lsn: int, now_s: float) -> float | None:
        """Seconds; 0 when everything that is known of is there, None before a primary was seen."""
        if not self._positions:
            return None
        return next((now_s - seen_s for seen_s, lsn in self._positions if lsn > replayed_lsn), 0.0)


class NodeMonitor:
    """Asks every node at an interval, or at once; then calls `on_round`."""

    def __init__(self, nodes: Sequence[DatabaseNode], interval_s: float, on_round: Callable[[], None]) -> None:
        self.nodes = nodes
        self._interval_s = interval_s
        self._on_round = on_round
        self._lag = ReplicationLag()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=ANSWER_WITHIN_S)
        for node in self.nodes:
            await node.close()

    async def ask_now(self) -> None:
        """One round that begins after this call."""
        async with self._turn:
            await asyncio.gather(*(node.ask(ANSWER_WITHIN_S) for node in self.nodes))
            self._measure_lag()
            self._on_round()

    def primary(self) -> DatabaseNode | None:
        """The primary; of two (one was cut off, and does not know it yet) the one that was promoted last."""
        primaries = [node for node in self.nodes if node.role == "primary"]
        return max(primaries, key=lambda node: (node.answer and node.answer.timeline) or 0, default=None)

    def _measure_lag(self) -> None:
        now_s, primary = time.monotonic(), self.primary()
        if primary is not None and primary.answer is not None:
            self._lag.primary_at((primary.name, primary.answer.started), now_s, primary.answer.lsn)
        for node in self.nodes:
            is_replica = node.role == "replica" and node.answer is not None
            node.lag_s = self._lag.of(node.answer.lsn, now_s) if is_replica and node.answer is not None else None

    async def _run(self) -> None:
        while True:
            try:
                await self.ask_now()
            except Exception:  # without it nobody would notice a failover any more
                traceback.print_exc()
            await asyncio.sleep(self._interval_s)
