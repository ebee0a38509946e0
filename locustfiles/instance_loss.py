"""Instance loss: an instance behind a balancer is killed, frozen, drained or told to end. Who notices, and when?

Point it at your own service (what it has to answer: harness/load/users/ledger.py), whose instances run here:
    springback run locustfiles/instance_loss.py --host http://127.0.0.1:8000 --failure freeze \\
        --api-urls http://127.0.0.1:8001,http://127.0.0.1:8002 --instance-header X-Instance
"""

import random

from locust import task

import harness
from harness.faults import PlannedFault, load
from harness.load.users.instances import instances
from harness.load.users.ledger import LedgerOptions, LedgerUser
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import step

KINDS = "kill", "freeze", "drain"


class Customer(LedgerUser):
    def on_start(self):
        self.source_header = self.options.instance_header

    @task
    def keep_the_ledger(self):
        self.take_turn()


class InstanceLoss(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 15, 40, 20, 40, 40, 300  # the spike is the failure


class Options(LedgerOptions):
    failure: str = parameter(
        "kill", "what happens to an instance in the spike", choices=(*KINDS, "terminate", "random", "none")
    )
    failure_seed: int = parameter(1, "of random failures: the same seed gives the same ones at the same instants")
    away_s: float = parameter(12.0, "how long an instance is away", lowest=1)
    api_urls: tuple[str, ...] = parameter((), "addresses of the instances past the balancer")
    instance_header: str = parameter("X-Instance", "header of an answer that names the instance", web=True)
    start_command: str = parameter("", "command that starts the instance {member} again", secret=True)
    member: str = parameter("api{number}", "what an instance is called there, and in HAProxy", web=True)
    haproxy_socket: str = parameter("", "runtime socket of the HAProxy before them, for draining")
    haproxy_backend: str = parameter("api", "its backend", web=True)


def failures(options):
    known, chance = instances(options), random.Random(options.failure_seed)
    every_s = options.away_s + 5
    turns = {"random": int(options.hold_s / every_s), "none": 0}.get(options.failure, 1) if known else 0
    for turn in range(turns):  # one after the other
        kind = chance.choice(KINDS) if options.failure == "random" else options.failure
        fault = loss(options, kind, chance.choice(known))
        yield PlannedFault(fault, at=f"spike+{turn * every_s + chance.uniform(0, 4):.2f}", for_s=options.away_s)


def loss(options, kind, instance):
    if kind == "freeze":
        return instance.frozen()
    if kind == "drain":
        server = f"{options.haproxy_backend}/{instance.name}"
        return load("haproxy_drain", socket=options.haproxy_socket, server=server)
    return instance.killed("TERM" if kind == "terminate" else "KILL")


def criteria(options):
    remedy = {"remedy": "name the instances with --api-urls, or plan a fault of your own with --fault"}
    of_all = remedy | {"via": "ledger*"}
    for phase in ("baseline", "recovery"):
        spread = {"members": len(options.api_urls), "phase": phase, "name": f"even_share_{phase}"}
        yield CriterionSpec("even_share", of_all | spread)
    yield CriterionSpec("error_ratio", {"phase": "spike"})
    yield from (CriterionSpec(name, of_all) for name in ("out_of_rotation", "back_in_rotation"))
    yield from (CriterionSpec(name, remedy) for name in ("lost_writes", "doubled_writes"))


harness.attach("instance-loss", suite="ha", criteria=criteria, faults=failures, options=Options, reference={"ha": ""})
