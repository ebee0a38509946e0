"""Module registry: how fast is each thing that the service does, one beside the other, under an open load?

Point it at your own service (modules below --modules-path, with X-Cache in the answer) and, if you like, its Valkey:
    springback run locustfiles/module_registry.py --host http://127.0.0.1:8000 --modules-path /modules \\
        --query-path /report --replica-query '?read=replica' --valkey redis://:secret@127.0.0.1:6379
A page of all versions of a module (--versions-path /versions) is asked for after new ones, which have to be there.
"""

import random
import re
import time

from locust import task

import harness
from harness.load.http import PacedHttpUser
from harness.load.users import valkey
from harness.plugins import parameter
from harness.recording import READ, WRITE, CriterionSpec
from shapes import step

WORK = (
    *("POST [modules]", "POST [modules]/[name]/versions", "module hit", "module miss", "GET [modules]/[name] replica"),
    *("GET query", "GET pool", "VALKEY SET key", "VALKEY GET key"),
)
VERSION = re.compile(r"\b1\.0\.(\d+)\b")
MOST_VERSIONS = 10  # of a module: of more, a service may list the oldest alone, and the newest one would look lost


class Developer(valkey.ValkeyUser, PacedHttpUser):
    def on_start(self):
        self.options, self.made = self.environment.parsed_options, []
        if self.options.valkey:
            self.connect_valkey(self.options.valkey)

    @task
    def take_turn(self):
        turns = [self.read, self.read, self.read, self.publish, self.read_replica, self.query]
        turns += [self.read_versions] if self.options.versions_path else []
        random.choice([*turns, self.work_on_valkey] if self.options.valkey else turns)() if self.made else self.create()

    def create(self):
        name = f"m{self.node.run}-{self.number}-{len(self.made)}".lower()
        body = {"name": name, "description": "made by a test"}
        if self.client.post(self.options.modules_path, json=body, name="[modules]").is_success:
            self.made.append([name, 0])

    def publish(self):
        """A new version, or a new module; what the cache has of it is forgotten."""
        not_full = [module for module in self.made if module[1] < MOST_VERSIONS]
        if not_full:
            self.add_version(random.choice(not_full))
        if not not_full or random.random() < 0.5:
            self.create()

    def add_version(self, module):
        module[1] += 1
        body = {"version": f"1.0.{module[1]}", "checksum": "0" * 64, "size_bytes": 1000}
        sent_s = time.monotonic()
        response = self.client.post(f"{self.path_of(module)}/versions", json=body, name="[modules]/[name]/versions")
        known = response.is_success and response.json_object().get("invalidated") is not False
        self.keep(WRITE, module, module[1], sent_s, known)

    def read(self):
        sent_s = time.monotonic()
        response = self.find("", "[modules]/[name]")
        cache = response.headers.get("X-Cache", "").strip().lower()
        if response.is_success and cache in ("hit", "miss"):
            self.observe("module", cache, sent_s, time.monotonic())

    def read_versions(self):
        """All that is cached of a module's versions is forgotten by pattern: the newest one has to be there at once."""
        module, sent_s = random.choice(self.made), time.monotonic()
        path = self.path_of(module) + self.options.versions_path
        response = self.client.get(path, name="[modules]/[name]/versions")
        newest = max(map(int, VERSION.findall(response.text)), default=None) if response.is_success else None
        self.keep(READ, module, newest, sent_s, response.is_success, response.headers.get("X-Cache", ""))

    def keep(self, kind, module, version, sent_s, answered, cache=""):
        done_s = time.monotonic() if answered else None
        self.operation(
            kind, module[0], str(self.number), version, sent_s, done_s, "registry", "", cache.strip().lower()
        )

    def read_replica(self):
        self.find(self.options.replica_query, "[modules]/[name] replica")

    def find(self, query, name):
        """A page that a service has for every path, or an error with status 200, is no module."""
        module = random.choice(self.made)
        with self.client.get(self.path_of(module) + query, name=name, catch_response=True) as response:
            if response.is_success and module[0] not in response.text:
                response.failure("no such module in the answer")
        return response

    def query(self):
        kind = random.choice(["query", "pool"])
        self.client.get(self.options.query_path if kind == "query" else self.options.pool_path, name=kind)

    def work_on_valkey(self):
        key = f"springback:{self.node.run}-{self.number}"
        random.choice([lambda: self.write_key(key, self.number), lambda: self.read_key(key)])()

    def path_of(self, module):
        return f"{self.options.modules_path}/{module[0]}"


class RegistryLoad(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 10, 60, 10, 60, 120, 60


class Options(valkey.ValkeyOptions):
    modules_path: str = parameter("/modules", "path of the modules", web=True)
    replica_query: str = parameter("?read=replica", "what follows a module's path to read it from a replica", web=True)
    versions_path: str = parameter("", "what follows it for the page of all its versions; empty: none", web=True)
    query_path: str = parameter("/db/work?ms=0", "path of a request with one short query", web=True)
    pool_path: str = parameter("/db/work?ms=20", "path of a request that holds a connection a while", web=True)


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


harness.attach(
    "module-registry",
    suite="ha",
    criteria=criteria,
    options=Options,
    checks=lambda options: valkey.problems(options.valkey, options.allow_host) if options.valkey else (),
)
