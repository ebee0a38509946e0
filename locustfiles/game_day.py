"""Game day: a spike, while faults drawn from a seed hit any part of the service. Is anything lost, is it always back?

Point it at your own service (what it has to answer: harness/load/users/ledger.py), with the parts that you name here:
    springback run locustfiles/game_day.py --host http://127.0.0.1:8000 --seed 7 \\
        --api-urls http://127.0.0.1:8001,http://127.0.0.1:8002 --patroni http://127.0.0.1:8008,http://127.0.0.1:8009
Faults of your own kind are drawn from, too: --day-faults "docker_container container=api1 action=pause".
"""

from urllib.parse import urlsplit

from locust import task

import harness
from harness.commands.reference_target import start_command
from harness.config.game_day import Day, drawn, read
from harness.faults import load
from harness.load.users.ledger import LedgerOptions, LedgerUser
from harness.plugins import parameter
from harness.probes import planned
from harness.recording import CriterionSpec
from shapes import step


class Player(LedgerUser):
    @task
    def keep_the_ledger(self):
        self.take_turn()


class GameDay(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 30, 20, 160, 30, 60, 400


class Options(LedgerOptions):
    day_faults: str = parameter(
        "", "further faults that are drawn from, as for --fault, without at and for", secret=True
    )
    day_budget: int = parameter(1, "faults at once at the most", lowest=1, highest=5)
    fault_s: float = parameter(10.0, "longest time that a fault lasts, half of it is the shortest", lowest=2)
    calm_s: float = parameter(35.0, "least time of calm after each fault: it is the limit of a recovery", lowest=5)
    stale_limit_s: float = parameter(10.0, "largest age of a row that is read too old", lowest=0)
    api_urls: tuple[str, ...] = parameter((), "addresses of the instances past the balancer")
    member: str = parameter("api{number}", "what an instance is called for start_command", web=True)
    start_command: str = parameter("", "command that starts the node {member} again", secret=True)
    patroni: tuple[str, ...] = parameter((), "addresses of the REST API of each node of Patroni", secret=True)
    sentinels: tuple[str, ...] = parameter((), "addresses of the Sentinels", secret=True)
    sentinel_service: str = parameter("", "what the Sentinels call the service", web=True)


def choices(options):
    """Each part that is named: frozen, or killed and started again by whoever looks after it."""
    for place, url in enumerate(options.api_urls, 1):
        port, member = urlsplit(url).port, options.member.replace("{number}", str(place))
        yield load("stop_process", port=port)
        yield load("kill_process", port=port, start_command=start_command(options, member))
    if options.patroni:
        yield load("kill_process", patroni=options.patroni)
        yield load("stop_process", patroni=options.patroni, member="replica")
    if options.sentinels:
        yield load("stop_process", sentinels=options.sentinels, service=options.sentinel_service)
    yield from read(options.day_faults)


def faults(options):
    found = tuple(choices(options))
    over_s = options.baseline_s + options.hold_s + options.recovery_s
    lasts = {"shortest_s": options.fault_s / 2, "longest_s": options.fault_s}
    calm = {"calm_s": options.calm_s, "longest_calm_s": options.calm_s + 5}
    return (
        drawn(found, Day(options.baseline_s, over_s, options.day_budget, **lasts, **calm), options.seed)
        if found
        else ()
    )


def criteria(options):
    remedy = {"remedy": "name the parts with --api-urls, --patroni and --sentinels, or faults with --day-faults"}
    yield CriterionSpec("recovers_from_each_fault", {"limit_s": options.calm_s - 10, "hold_s": 5})
    yield from (CriterionSpec(name, remedy) for name in ("lost_writes", "doubled_writes"))
    yield CriterionSpec("stale_reads", {"age_limit_s": options.stale_limit_s, "via": "ledger*"})
    yield CriterionSpec("error_ratio", {"phase": "baseline"})


def nodes(options):
    if options.patroni:
        yield planned("patroni", urls=options.patroni)


HA = {"ha": ""}
harness.attach("game-day", suite="ha", criteria=criteria, probes=nodes, faults=faults, options=Options, reference=HA)
