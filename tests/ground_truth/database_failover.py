"""Ground truth of a database failover: the run's figures beside those of a client of the test's own, and of the fault.

- Healthy (``noop``): PostgreSQL is killed, the whole machine, frozen, or replaced as planned, and everything passes;
  but for ``single_primary`` where a machine is thawed: for about two seconds, until its Patroni has seen that it is
  primary no more, it takes writes beside the new one, and whether a sample of a second meets that is chance. A
  client of the test's own writes to the same service meanwhile, every few milliseconds. What it
  sees between its last good answer and its first one has to lie within 0.3 s of the run's write outage.
- ``acknowledge_before_commit``: the writes that the run calls lost are those of which the fault says it, one by one;
  and the outage is that of the test's own client, some of whose writes the fault has struck as well.
- ``asynchronous``: a write is acknowledged before a replica has it. The replicas receive nothing for two seconds before
  the primary is killed, and the writes that the run calls lost are those that the new primary does not have, by a look
  of the test's own at its table.
- ``double_write``: the writes that are there more than once are those that the fault has written again.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import psycopg

from harness.criteria.replication._ledger import ledger_of
from tests.ground_truth._own_client import asking, outage_as_seen
from tests.ground_truth.frame import FAIL, Case, Compared, Run, flags

ANSWER_S = 3.0
OWN = "own-"
"""Begins the ids of its rows."""
OPTIONS = (
    *flags(baseline_s=8, hold_s=15, recovery_s=8, base=30, peak=30),
    *flags(generator_health_loop_lag_limit_s=2, generator_health_cpu_limit_ratio=2),
)
AWAY = flags(hold_s=40, away_s=26, recovery_s=22)


def watch(target: Mapping[str, Any], over: threading.Event) -> list[float]:
    """When this client's writes had good answers, by the monotonic clock, while the run is there."""
    address = urlsplit(target["url"])

    def write(number: int) -> bool:
        document = {"id": f"{OWN}{number}", "client": "own", "value": "x"}
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_S)
        try:
            connection.request("POST", "/ledger", json.dumps(document), {"Content-Type": "application/json"})
            return connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return asking(write, over)


def _outage(found: Run) -> Compared:
    return outage_as_seen(found, "write_outage")


def _lost(found: Run) -> Compared:
    true = {record["id"] for record in found.records}
    mine = {row.key for row in ledger_of(found.recording, "ledger", "audit").acknowledged if row.rows == 0}
    figure = found.finding("lost_writes").figure
    wrong = [f"{only} only in one account" for only in sorted(true ^ mine)]
    if figure != len(true):
        wrong.append(f"{figure} lost writes found, {len(true)} by the fault's account")
    if found.account["pending"] or len(found.records) != found.account["lost"]:
        wrong.append("the fault has dropped some of its records, or does not know yet what became of some writes")
    return Compared(wrong, figure, len(true), "writes")


def rows(target: Mapping[str, Any]) -> set[str]:
    """Ids of all that the primary of now has."""
    with psycopg.connect(target["ha"]["postgres"]["admin"], connect_timeout=5) as connection:
        return {str(row[0]) for row in connection.execute("SELECT id FROM ledger").fetchall()}


def _not_there(found: Run) -> Compared:
    acknowledged = ledger_of(found.recording, "ledger", "audit").acknowledged
    true = {row.key for row in acknowledged} - found.answer
    mine = {row.key for row in acknowledged if row.rows == 0}
    wrong = [f"{only} only in one account" for only in sorted(true ^ mine)]
    if not true:
        wrong.append("nothing was lost, so nothing was to be found")
    return Compared(wrong, found.finding("lost_writes").figure, len(true), "writes")


def _doubled(found: Run) -> Compared:
    finding, doubled = found.finding("doubled_writes"), found.account["doubled"]
    wrong = []
    if finding.evidence["rows too many"] != doubled:
        wrong.append(f"{finding.evidence['rows too many']} rows too many, {doubled} by the fault's account")
    return Compared(wrong, finding.figure, len({record["id"] for record in found.records}), "writes")


def _healthy(failure: str, *more: str, follow: frozenset[str] = frozenset()) -> Case:
    return Case(
        *(failure, "database_failover"),
        follow=follow,
        check=_outage,
        meanwhile=watch,
        options=(*OPTIONS, "--failure", failure, *more),
    )


PROCESS = _healthy("process")
SWITCHOVER = _healthy("switchover")
MACHINE = _healthy("machine", *AWAY)
FREEZE = _healthy("freeze", *AWAY, follow=frozenset({"single_primary"}))
LOST = Case(
    "acknowledge_before_commit 0.1",
    *("database_failover", "acknowledge_before_commit", {"share": 0.1}, {"lost_writes": FAIL, "recovery_point": FAIL}),
    check=_lost,  # not the outage: what is acknowledged too early breaks it up, for each client elsewhere
    options=(*OPTIONS, *flags(resend_every=0)),
)
DOUBLED = dataclasses.replace(
    LOST,
    name="double_write 0.5",
    fault="double_write",
    parameters={"share": 0.5},
    expected={"doubled_writes": FAIL},
    check=_doubled,
    options=OPTIONS,
)
ASYNCHRONOUS = Case(
    *("asynchronous", "database_failover", "noop", {}, {"lost_writes": FAIL, "recovery_point": FAIL}),
    check=_not_there,
    ask=rows,
    options=(*OPTIONS, *flags(behind_s=2)),
    reference={"asynchronous": ""},
)
CASES = (PROCESS, SWITCHOVER, MACHINE, FREEZE, LOST, DOUBLED, ASYNCHRONOUS)
SHORT = (LOST,)
