"""Module registry: how fast is each thing that the service does, one beside the other, under an open load?

Point it at your own service (its answers: harness/load/users/registry.py) and, if you like, its Valkey:
    springback run locustfiles/module_registry.py --host http://127.0.0.1:8000 --modules-path /modules \\
        --query-path /report --replica-query '?read=replica' --valkey redis://:secret@127.0.0.1:6379
A page of all versions of a module (--versions-path /versions) is asked for after new ones, which have to be there.
"""

import random

from locust import task

import harness
from harness.load.users import valkey
from harness.load.users.registry import RegistryOptions, RegistryUser
from harness.recording import CriterionSpec
from shapes import step

WORK = (
    *("POST [modules]", "POST [modules]/[name]/versions", "module hit", "module miss", "GET [modules]/[name] replica"),
    *("GET query", "GET pool", "VALKEY SET key", "VALKEY GET key"),
)


class Developer(RegistryUser, valkey.ValkeyUser):
    def on_start(self):
        if self.options.valkey:
            self.connect_valkey(self.options.valkey)

    @task
    def take_turn(self):
        """Who has made a module reads one by way of the cache in most of its turns; who has none makes one."""
        turns = [self.read, self.read, self.read, self.publish, self.read_replica, self.query]
        turns += [self.read_versions] if self.options.versions_path else []
        turns += [self.work_on_valkey] if self.options.valkey else []
        random.choice(turns)() if self.made else self.create()

    def work_on_valkey(self):
        key = f"springback:{self.node.run}-{self.number}"
        random.choice([lambda: self.write_key(key, self.number), lambda: self.read_key(key)])()


class RegistryLoad(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 10, 60, 10, 60, 120, 60


class Options(RegistryOptions, valkey.ValkeyOptions):
    """What both kinds of work need."""


def criteria(options):
    yield CriterionSpec("error_ratio", {"requests": "*"})
    yield CriterionSpec("throughput", {"requests": "*", "lower_limit_per_s": 0.9 * options.peak})
    for name in WORK:
        if options.valkey or not name.startswith("VALKEY"):
            label = "p95 " + name.replace("[", "").replace("]", "")
            yield CriterionSpec("latency_quantile", {"requests": name, "limit_s": 0.5, "name": label})
    if options.versions_path:
        yield CriterionSpec("stale_reads", {"via": "registry", "name": "stale_versions"})
        yield CriterionSpec("lost_invalidations", {"via": "registry", "name": "lost_pattern_invalidations"})


harness.attach("module-registry", suite="ha", criteria=criteria, checks=valkey.checks, options=Options)
