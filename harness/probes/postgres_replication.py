"""Servers of PostgreSQL that replicate: who is primary, who follows it, and how far behind; asked by SQL."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from harness.clients.postgres import PostgresError, Session, address, dsn_problems
from harness.plugins import parameter
from harness.probes import Probe, Reading
from harness.probes._lag import LagMeter

STATEMENT = """
SELECT pg_is_in_recovery(),
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END) - '0/0'::pg_lsn,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
       (SELECT timeline_id FROM pg_control_checkpoint())
"""


@dataclass(frozen=True)
class Seen:
    """One server, and how long after the beginning of the sample it had answered."""

    is_primary: bool
    position_bytes: float
    is_streaming: bool
    timeline: float
    answered_s: float


@dataclass(frozen=True)
class PostgresReplication(Probe):
    """The same figures as the probe ``patroni``, of servers that nobody or somebody else looks after.

    ``dsns`` are those of each server, all asked at the same time; the source is ``host:port``. The roles have to be
    superusers or members of ``pg_monitor``: whether a replica is connected is hidden from anybody else.
    """

    dsns: tuple[str, ...] = parameter(help="addresses of the servers, with user and password", secret=True)
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)
    _sessions: dict[str, Session] = field(default_factory=dict, init=False, compare=False, repr=False)
    _lag: LagMeter = field(default_factory=LagMeter, init=False, compare=False, repr=False)

    def conflicts(self) -> Iterable[str]:
        if not self.dsns:
            yield "no address is given. Give that of each server, e.g. postgresql://user:password@127.0.0.1:5432/shop"
        for dsn in self.dsns:
            yield from dsn_problems(dsn)

    def sample(self) -> Iterator[Reading]:
        begun_s = time.monotonic()
        with ThreadPoolExecutor(len(self.dsns)) as pool:
            found = dict(zip(self.dsns, pool.map(lambda dsn: self._ask(dsn, begun_s), self.dsns), strict=True))
        for dsn, seen in found.items():
            if isinstance(seen, Seen) and seen.is_primary:
                self._lag.note_primary(dsn, begun_s, seen.position_bytes)
        for dsn, seen in found.items():
            source = address(dsn).rpartition("/")[0]
            if isinstance(seen, str):
                yield Reading.failed(source, seen)
                continue
            figures = {"primary": float(seen.is_primary), "streaming": float(seen.is_streaming)}
            figures |= {"timeline": seen.timeline, "answered_s": seen.answered_s}
            yield Reading.of(
                source, figures | (self._lag.lag(begun_s, seen.position_bytes) if seen.is_streaming else {})
            )

    def _ask(self, dsn: str, begun_s: float) -> Seen | str:
        try:
            if dsn not in self._sessions:
                self._sessions[dsn] = Session(dsn, self.timeout_s, "springback probe")
            ((follows, position, is_streaming, timeline),) = self._sessions[dsn].rows(STATEMENT)
        except PostgresError as error:
            self._sessions.pop(dsn, None)
            return error.outcome
        answered_s = time.monotonic() - begun_s
        return Seen(not follows, float(position or 0), bool(follows and is_streaming), float(timeline), answered_s)
