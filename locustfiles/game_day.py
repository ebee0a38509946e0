"""Game day: a spike, while faults drawn from a seed hit any part of the service. Is anything lost, is it always back?

Point it at your own service (what it has to answer: harness/load/users/ledger.py), with the parts that you name here:
    springback run locustfiles/game_day.py --host http://127.0.0.1:8000 --seed 7 \\
        --api-urls http://127.0.0.1:8001,http://127.0.0.1:8002 --patroni http://127.0.0.1:8008,http://127.0.0.1:8009
Faults of your own kind are drawn from, too: --day-faults "docker_container container=api1 action=pause".
"""

from locust import task

import harness
from harness.config.game_day import DayOptions, day_of, drawn, read
from harness.faults import load
from harness.load.users.instances import instances
from harness.load.users.ledger import LedgerOptions, LedgerUser
from harness.load.users.patroni import database_nodes
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import step


class Player(LedgerUser):
    @task
    def keep_the_ledger(self):
        self.take_turn()


class GameDay(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 30, 20, 160, 30, 60, 400


class Options(DayOptions, LedgerOptions):
    stale_limit_s: float = parameter(10.0, "largest age of a row that is read too old", lowest=0)
    api_urls: tuple[str, ...] = parameter((), "addresses of the instances past the balancer")
    member: str = parameter("api{number}", "what an instance is called for start_command", web=True)
    start_command: str = parameter("", "command that starts the node {member} again", secret=True)
    patroni: tuple[str, ...] = parameter((), "addresses of the REST API of each node of Patroni", secret=True)
    sentinels: tuple[str, ...] = parameter((), "addresses of the Sentinels", secret=True)
    sentinel_service: str = parameter("", "what the Sentinels call the service", web=True)


def choices(options):
    """Each part that is named: frozen, or killed and started again by whoever looks after it."""
    for instance in instances(options):
        yield instance.frozen()
        yield instance.killed()
    if options.patroni:
        yield load("kill_process", patroni=options.patroni)
        yield load("stop_process", patroni=options.patroni, member="replica")
    if options.sentinels:
        yield load("stop_process", sentinels=options.sentinels, service=options.sentinel_service)
    yield from read(options.day_faults)


def faults(options):
    """The whole of the spike and of the recovery is the day."""
    found = tuple(choices(options))
    day = day_of(options, options.baseline_s, options.hold_s + options.recovery_s)
    return drawn(found, day, options.seed) if found else ()


def criteria(options):
    remedy = {"remedy": "name the parts with --api-urls, --patroni and --sentinels, or faults with --day-faults"}
    yield CriterionSpec("recovers_from_each_fault", {"limit_s": options.calm_s - 10, "hold_s": 5})
    yield from (CriterionSpec(name, remedy) for name in ("lost_writes", "doubled_writes"))
    yield CriterionSpec("stale_reads", {"age_limit_s": options.stale_limit_s, "via": "ledger*"})
    yield CriterionSpec("error_ratio", {"phase": "baseline"})


harness.attach(
    "game-day",
    suite="ha",
    criteria=criteria,
    probes=database_nodes,
    faults=faults,
    options=Options,
    reference={"ha": ""},
)
