"""Database failover: rows are written and read while the primary dies, hangs or steps down. Is any row lost?

Point it at your own service (what it has to answer: harness/load/users/ledger.py) with PostgreSQL under Patroni here:
    springback run locustfiles/database_failover.py --host http://127.0.0.1:8000 --failure switchover \\
        --patroni http://127.0.0.1:8008,http://127.0.0.1:8009
A primary that lives elsewhere is struck by a fault of its kind: --failure none --fault "… at=spike" (docs/faults.md).
What a cluster loses that acknowledges writes before a replica has them: --behind-s 2.
"""

from locust import task

import harness
from harness.commands.reference_target import start_command
from harness.faults import PlannedFault, load
from harness.load.users.ledger import LedgerOptions, LedgerUser
from harness.plugins import parameter
from harness.probes import planned
from harness.recording import CriterionSpec
from shapes import step

FAILURES = "process", "machine", "freeze", "switchover", "none"
KILLED, PROMOTED_S = ("process", "machine"), 4.0
AWAY = "machine", "freeze"  # Patroni is struck as well, so the others wait until its lock has expired (ttl)


class Clerk(LedgerUser):
    @task
    def keep_the_ledger(self):
        self.take_turn()


class PrimaryFailure(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 15, 45, 30, 30, 30, 400  # the spike is the failure


class Options(LedgerOptions):
    failure: str = parameter("process", "what happens to the primary when the spike begins", choices=FAILURES)
    away_s: float = parameter(30.0, "how long a machine that died or froze stays away", lowest=1)
    behind_s: float = parameter(0.0, "how long before it is killed its replicas receive nothing", lowest=0, highest=30)
    patroni: tuple[str, ...] = parameter((), "addresses of the REST API of each node of Patroni", secret=True)
    postgres_nodes: tuple[str, ...] = parameter((), "or all servers, to be asked by SQL who is primary", secret=True)
    start_command: str = parameter("", "command that starts the machine {member} again", secret=True)
    patroni_ttl_s: float = parameter(20.0, "ttl of Patroni's lock, on top of an outage's limit where it is struck")


def checks(options):
    if options.behind_s and options.failure not in KILLED:
        yield f"--behind-s is for a primary that is killed: give --failure {' or '.join(KILLED)}, or leave it away"
    if options.behind_s > options.baseline_s:
        yield f"--behind-s {options.behind_s:g} is longer than --baseline-s {options.baseline_s:g}: make it shorter"


def failure(options):
    if not options.patroni or options.failure == "none":
        return
    if options.failure == "switchover":
        yield PlannedFault(load("patroni_switchover", urls=options.patroni), at="spike", for_s=options.hold_s)
        return
    if options.behind_s:  # until a replica has been promoted: what is on its way to it is not taken any more
        deaf = load("stop_process", patroni=options.patroni, member="replicas", child="walreceiver")
        yield PlannedFault(deaf, at=options.baseline_s - options.behind_s, for_s=options.behind_s + PROMOTED_S)
    struck = {"patroni": options.patroni, "machine": options.failure in AWAY}
    if options.failure == "freeze":
        fault = load("stop_process", **struck)
    else:
        fault = load("kill_process", **struck, start_command=start_command(options) if struck["machine"] else "")
    yield PlannedFault(fault, at="spike", for_s=options.away_s if options.failure in AWAY else options.hold_s)


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


def nodes(options):
    if options.patroni:
        yield planned("patroni", urls=options.patroni)
    elif options.postgres_nodes:
        yield planned("postgres_replication", dsns=options.postgres_nodes)


harness.attach(
    "database-failover",
    suite="ha",
    criteria=criteria,
    probes=nodes,
    faults=failure,
    options=Options,
    reference={"ha": ""},
    checks=checks,
)
