"""Cache failover: Valkey's primary is killed or frozen under Sentinel. Who takes its place, what is lost, who notices?

Point it at your own service (its answers: harness/load/users/items.py) and its Valkey or Redis under Sentinel here:
    springback run locustfiles/cache_failover.py --host http://127.0.0.1:8000 --failure freeze \\
        --sentinels redis://127.0.0.1:26379,redis://127.0.0.1:26380 --sentinel-service cache --valkey-password secret
"""

from locust import task

import harness
from harness.faults import PlannedFault, load
from harness.load.users.items import ItemOptions, ItemUser
from harness.load.users.sentinel import SentinelOptions, SentinelUser
from harness.plugins import parameter
from harness.probes import planned
from harness.recording import CriterionSpec
from shapes import step

FAULTS = {"kill": "kill_process", "freeze": "stop_process", "failover": "sentinel_failover", "none": ""}


class Visitor(ItemUser, SentinelUser):
    """Half of the users own an item of the service each; the others work on Valkey itself, as Sentinel leads them."""

    def on_start(self):
        self.version, self.turns = 0, self.number  # not all of them write at the same time

    @task
    def take_turn(self):
        self.turns += 1
        if self.number % 2:
            self.work_on_keys()
        elif self.turns % 5 == 1:
            self.version += 1
            self.write_item(self.key(self.number), self.version)
        else:
            self.read_item(self.key(self.number))

    def on_stop(self):
        self.look_for_keys()


class CacheFailure(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 15, 30, 15, 60, 60, 200  # the spike is the failure


class Options(ItemOptions, SentinelOptions):
    failure: str = parameter("kill", "what happens to the primary when the spike begins", choices=tuple(FAULTS))
    away_s: float = parameter(15.0, "how long a frozen one stays so", lowest=1)


def failure(options):
    if options.sentinels and (name := FAULTS[options.failure]):
        fault = load(name, sentinels=options.sentinels, service=options.sentinel_service)
        yield PlannedFault(fault, at="spike", for_s=options.away_s)


def criteria(options):
    remedy = {"remedy": "name the Sentinels with --sentinels and --sentinel-service, or plan a fault with --fault"}
    direct = remedy | {"via": "valkey"}
    yield CriterionSpec("outage", direct | {"limit_s": 10.0, "name": "time_to_new_primary"})
    yield CriterionSpec("lost_writes", direct | {"audit": "valkey audit", "name": "lost_keys"})
    yield CriterionSpec("single_primary", remedy)
    yield CriterionSpec("fail_open", {"fault": "*", "via": "service", "answer_within_s": 2.5})
    if options.failure == "freeze":
        yield CriterionSpec("rejoin_time", remedy | {"since": "undone"})
    for phase in ("baseline", "recovery"):
        yield CriterionSpec("error_ratio", {"phase": phase, "name": f"error_ratio_{phase}"})


def servers(options):
    if options.sentinels:
        of = {"service": options.sentinel_service, "password": options.valkey_password}
        yield planned("sentinel", sentinels=options.sentinels, **of)


HA = {"ha": ""}
harness.attach(
    "cache-failover", suite="ha", criteria=criteria, probes=servers, faults=failure, options=Options, reference=HA
)
