"""Sessions of a PostgreSQL server: what they do, how long their transactions are open, and how many there may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.clients.postgres import PostgresError, Session, address, dsn_problems
from harness.plugins import parameter
from harness.probes import Probe, Reading

# Ages count from the beginning of the transaction, and of the statement that waits for a lock.
STATEMENT = """
SELECT count(*) FILTER (WHERE state = 'active') AS active,
       count(*) FILTER (WHERE state = 'idle') AS idle,
       count(*) FILTER (WHERE state LIKE 'idle in transaction%%') AS idle_in_transaction,
       count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting,
       max(extract(epoch FROM clock_timestamp() - xact_start)) AS oldest_transaction_s,
       max(extract(epoch FROM clock_timestamp() - xact_start))
           FILTER (WHERE state LIKE 'idle in transaction%%') AS oldest_idle_in_transaction_s,
       max(extract(epoch FROM clock_timestamp() - query_start))
           FILTER (WHERE wait_event_type = 'Lock') AS oldest_wait_s,
       (SELECT sum(numbackends) FROM pg_stat_database) AS numbackends,
       current_setting('max_connections')::int AS max_connections,
       count(*) FILTER (WHERE state IS NULL) AS hidden
FROM pg_stat_activity
WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
  AND pid <> pg_backend_pid() AND (application_name LIKE %s OR state IS NULL)
"""
KEYS = (
    *("active", "idle", "idle_in_transaction", "waiting"),
    *("oldest_transaction_s", "oldest_idle_in_transaction_s", "oldest_wait_s"),
    *("numbackends", "max_connections"),
)


@dataclass(frozen=True)
class Postgres(Probe):
    """Client sessions of the whole server by ``pg_stat_activity``, without the probe's own.

    ``application_name`` selects sessions, with ``*`` for anything; empty: all. ``numbackends`` and
    ``max_connections`` are of the whole server whatever is selected. An age is 0 when nothing has one. The role has to
    be a superuser or a member of ``pg_monitor``: what other roles do is hidden from anybody else.
    """

    dsn: str = parameter(help="address of the server, with user and password", secret=True)
    application_name: str = parameter("", "application_name of the sessions, with * for anything; empty: all")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)
    _session: list[Session] = field(default_factory=list, init=False, compare=False, repr=False)
    """At most one: kept from sample to sample, so that sampling costs the server one session and no logins."""

    def conflicts(self) -> Iterable[str]:
        return dsn_problems(self.dsn)

    def sample(self) -> Iterator[Reading]:
        source = address(self.dsn)
        try:
            if not self._session:
                self._session.append(Session(self.dsn, self.timeout_s, "springback probe"))
            (row,) = self._session[0].rows(STATEMENT, (_like(self.application_name),))
        except PostgresError as error:
            self._session.clear()
            yield Reading.failed(source, error.outcome)
            return
        *figures, hidden = row
        if hidden:
            yield Reading.failed(source, f"{hidden} sessions of other roles are hidden: GRANT pg_monitor to this role")
        else:
            yield Reading.of(source, {key: float(value or 0) for key, value in zip(KEYS, figures, strict=True)})


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return escaped.replace("*", "%") or "%"
