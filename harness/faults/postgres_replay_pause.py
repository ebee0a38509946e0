"""Lets a replica of PostgreSQL fall behind: what its primary sends is kept, not replayed, and readers see the past."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from harness.clients.postgres import DEFAULT_PORT, PostgresError, Session, address, dsn_problems, hosts
from harness.faults import Fault, FaultError
from harness.plugins import parameter


@dataclass(frozen=True)
class PostgresReplayPause(Fault):
    """``pg_wal_replay_pause()`` on the first of these servers that is a replica when the fault comes, and
    ``pg_wal_replay_resume()`` in the end. It takes a superuser, or whoever may execute the two.

    Patroni resumes what is paused within seconds, and then the end fails: the fault was not there for as long as it was
    planned. Stop the replaying process there, ``stop_process patroni=… member=replica child=startup``.
    """

    dsns: tuple[str, ...] = parameter(help="addresses of the servers, with user and password", secret=True)
    timeout_s: float = parameter(2.0, "longest time for each step", lowest=0.001, highest=5)
    _paused: list[str] = field(default_factory=list, init=False, repr=False, compare=False)
    """Only where it was injected is it known that something was."""

    def conflicts(self) -> Iterator[str]:
        if not self.dsns:
            yield "no address is given. Give that of each server, e.g. postgresql://user:password@127.0.0.1:5432/database"
        for dsn in self.dsns:
            yield from dsn_problems(dsn)

    def addresses(self) -> Iterable[str]:
        for dsn in self.dsns:
            port = address(dsn).rpartition("/")[0].rpartition(":")[2] or DEFAULT_PORT
            yield from (
                f"http://{f'[{host}]' if ':' in host else host}:{port.partition(',')[0]}" for host in hosts(dsn)
            )

    def pin(self) -> Self:
        """Raises FaultError where none is a replica."""
        seen = []
        for dsn in self.dsns:
            try:
                ((is_replica,),) = self._rows(dsn, "SELECT pg_is_in_recovery()")
            except FaultError as error:
                seen.append(str(error))
                continue
            if is_replica:
                return dataclasses.replace(self, dsns=(dsn,))
            seen.append(f"{address(dsn)}: it is the primary")
        raise FaultError(f"no replica to be paused: {'; '.join(seen)}")

    def inject(self) -> str:
        (dsn,) = self.pin().dsns
        self._rows(dsn, "SELECT pg_wal_replay_pause()::text")
        self._paused.append(dsn)
        return f"{address(dsn)} replays nothing any more"

    def undo(self) -> str:
        resumed = []
        for dsn in self.dsns:
            rows = self._rows(dsn, "SELECT pg_is_in_recovery() AND pg_is_wal_replay_paused()")
            if rows[0][0]:
                self._rows(dsn, "SELECT pg_wal_replay_resume()::text")
                resumed.append(address(dsn))
        paused, self._paused[:] = list(self._paused), []
        if paused and not resumed:
            raise FaultError(f"{address(paused[0])} replays already: somebody else has resumed it, as Patroni does")
        return f"{', '.join(resumed)} replays again" if resumed else "nothing to undo: nothing is paused"

    def _rows(self, dsn: str, statement: str) -> list[tuple[object, ...]]:
        try:
            session = Session(dsn, self.timeout_s, "springback fault")
            try:
                return session.rows(statement)
            finally:
                session.close()
        except PostgresError as error:
            raise FaultError(f"{address(dsn)}: {error.outcome}") from None
