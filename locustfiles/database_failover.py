"""Database failover: rows are written and read while the primary dies, hangs or steps down. Is any row lost?

Point it at your own service (what it has to answer: harness/load/users/ledger.py) with PostgreSQL under Patroni here:
    springback run locustfiles/database_failover.py --host http://127.0.0.1:8000 --failure switchover \\
        --patroni http://127.0.0.1:8008,http://127.0.0.1:8009
A primary that lives elsewhere is struck by a fault of its kind: --failure none --fault "… at=spike" (docs/faults.md).
What a cluster loses that acknowledges writes before a replica has them: --behind-s 2.
"""

from locust import task

import harness
from harness.load.users.ledger import LedgerOptions, LedgerUser
from harness.load.users.patroni import AWAY, PrimaryOptions, database_nodes, primary_failure, primary_problems
from harness.recording import CriterionSpec
from shapes import step


class Clerk(LedgerUser):
    @task
    def keep_the_ledger(self):
        self.take_turn()


class PrimaryFailure(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 15, 45, 30, 30, 30, 400  # the spike is the failure


class Options(PrimaryOptions, LedgerOptions):
    """What happens to the primary is ``--failure``: PostgreSQL is killed (``process``), together with Patroni
    (``machine``), both stand still (``freeze``), or Patroni is asked to put another in its place (``switchover``).
    """


def criteria(options):
    remedy = {"remedy": "name the nodes of Patroni with --patroni, or plan a fault of your own with --fault"}
    killed = remedy | {"fault": "kill_process" if options.behind_s else "*"}
    ttl_s = options.patroni_ttl_s if options.failure in AWAY else 0.0
    since = "undone" if options.failure in AWAY else "injected"
    rows = "lost_writes", "recovery_point", "doubled_writes", "single_primary"
    yield from (CriterionSpec(name, killed) for name in rows)
    yield CriterionSpec("replication_lag", remedy)
    if not options.patroni and not options.postgres_nodes:  # only readers can tell how far replicas are behind
        yield CriterionSpec("stale_reads", {"via": "ledger*", "age_limit_s": 15.0 + ttl_s})
    for kind in ("write", "read"):
        outage = {"kind": kind, "via": "ledger*", "limit_s": 15.0, "on_top_s": ttl_s, "name": f"{kind}_outage"}
        yield CriterionSpec("outage", killed | outage)
    yield CriterionSpec("rejoin_time", killed | {"since": since})
    for phase in ("baseline", "recovery"):
        yield CriterionSpec("error_ratio", {"phase": phase, "name": f"error_ratio_{phase}"})


harness.attach(
    "database-failover",
    suite="ha",
    criteria=criteria,
    probes=database_nodes,
    faults=primary_failure,
    checks=primary_problems,
    options=Options,
    reference={"ha": ""},
)
