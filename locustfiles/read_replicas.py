"""Read replicas: one is killed, or all are, or one falls behind. Who answers the reads, and how old is what they see?

Point it at your own service (what it has to answer: harness/load/users/ledger.py) with PostgreSQL under Patroni here:
    springback run locustfiles/read_replicas.py --host http://127.0.0.1:8000 --failure replicas \\
        --patroni http://127.0.0.1:8008,http://127.0.0.1:8009,http://127.0.0.1:8010
A replica that lags: --failure lag; without Patroni: --failure none --fault "postgres_replay_pause …" (docs/faults.md).
"""

from locust import task

import harness
from harness.load.users.ledger import LedgerOptions, LedgerUser
from harness.load.users.patroni import ReplicaOptions, database_nodes, replica_failure
from harness.load.users.pooled import pool_pages
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import step


class Reader(LedgerUser):
    @task
    def keep_the_ledger(self):
        self.take_turn()


class ReplicaLoss(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 15, 35, 25, 40, 40, 400  # the spike is the failure


class Options(ReplicaOptions, LedgerOptions):
    """What happens is ``--failure``: a replica's machine is killed (``replica``), PostgreSQL on all replicas
    (``replicas``), or one replays nothing for a while (``lag``).
    """

    api_urls: tuple[str, ...] = parameter((), "addresses of the service's processes, whose /metrics have its pools")
    pool_size_metric: str = parameter("target_pool_size", "metric of the size of its pools, all that fits added up")
    pool_in_use_metric: str = parameter("target_pool_in_use", "metric of the connections in use")
    pool_waiting_metric: str = parameter("target_pool_waiting", "metric of those who wait for one, or empty")


def criteria(options):
    remedy = {"remedy": "name the nodes with --patroni, or plan a fault of your own with --fault"}
    reads = remedy | {"kind": "read", "via": "ledger*"}
    members = options.replicas or max(0, len(options.patroni) - 1)
    yield CriterionSpec("even_share", reads | {"via": "ledger, replica", "members": members})
    yield CriterionSpec("outage", reads | {"limit_s": 5.0})
    yield CriterionSpec("stale_reads", {"via": "ledger*", "age_limit_s": 5.0})
    yield CriterionSpec("error_ratio", {"phase": "spike", "requests": "GET *"})
    if options.failure == "replicas":
        yield CriterionSpec("fallback_time", remedy | {"via": "ledger, primary", "of": "ledger*"})
    else:
        yield CriterionSpec("out_of_rotation", reads | {"limit_s": 10.0})
        yield CriterionSpec("back_in_rotation", reads)
    if options.api_urls:  # connections to what was away are given back, and nobody waits for them any more
        yield CriterionSpec("pool_stable", {})
    for name in ("lost_writes",) if options.failure == "lag" else ("lost_writes", "replication_lag"):
        yield CriterionSpec(name, remedy)


def probes(options):
    yield from database_nodes(options)
    yield from pool_pages(options, "/metrics")


harness.attach(
    "read-replicas",
    suite="ha",
    criteria=criteria,
    probes=probes,
    faults=replica_failure,
    options=Options,
    reference={"ha": ""},
)
