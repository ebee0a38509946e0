"""Cache coherence: items are written, removed and read, while one of them is hot and expires, and the cache goes away.

Point it at your own service (its answers: harness/load/users/items.py), and at its Valkey or Redis:
    springback run locustfiles/cache_coherence.py --host http://127.0.0.1:8000 --valkey redis://:PASSWORD@127.0.0.1:6379
"""

import random

from locust import task

import harness
from harness.faults import PlannedFault, load
from harness.load.users import valkey
from harness.load.users.items import ItemUser
from harness.load.users.valkey import ValkeyUser
from harness.recording import CriterionSpec
from shapes import step

HOT = 0
HOT_SHARE = 0.8


class Visitor(ItemUser, ValkeyUser):
    """The first users own an item each: only they write it, so its versions follow each other. The others read."""

    def on_start(self):
        options = self.environment.parsed_options
        self.items_path, self.forget_path = options.items_path, options.forget_path
        self.items, self.kept_as = int(float(options.keys)), options.cached_as
        self.version = 0
        self.turn = self.write_mine if self.number < self.items else self.read_any
        self.place = self.number - self.items
        if self.place >= 0 and self.place % 5 == 0 and options.valkey:
            self.connect_valkey(options.valkey)
            self.turn = self.work_on_valkey
        elif self.place >= 0 and self.place % 10 == 1:
            self.turn = self.read_replica

    @task
    def take_turn(self):
        self.turn()

    def write_mine(self):
        """In the cache before, written, and read back at once: an invalidation that gets lost shows here."""
        mine = self.key(self.number)
        if self.version and self.number == HOT:
            self.read_any()
            return
        away = not self.forget_item(mine) or self.read_item(mine, via="service, own").cache == "bypass"
        if not away:
            self.version += 1
            self.write_item(mine, self.version)
            self.read_item(mine, via="service, own")

    def read_any(self):
        hot = random.random() < HOT_SHARE
        self.read_item(self.key(HOT if hot else random.randrange(self.items)))

    def read_replica(self):
        self.read_item(self.key(random.randrange(self.items)), via="replica", query="?read=replica")

    def work_on_valkey(self):
        """Plain keys of our own, and what the cache has of the service's items."""
        self.version += 1
        self.write_key(f"springback:{self.key(self.place)}", self.version)
        self.read_key(f"springback:{self.key(random.randrange(0, self.place + 1, 5))}")
        self.peek_cache(self.key(random.randrange(self.items)), self.kept_as)

    def key(self, number):
        return f"{self.node.run}-{number}"


class ManyReaders(step.Step):
    baseline_s, base, hold_s, peak, recovery_s = 15, 30, 20, 100, 30
    pool_users = 100


def outage(options):
    """The reference target's Valkey is frozen for a while after the crowd. With your own, plan it with --fault."""
    for_s = float(options.outage_s)
    if options.target_state and for_s:
        frozen = load("stop_process", status_file=options.target_state, role="valkey")
        yield PlannedFault(frozen, at="recovery+5", for_s=for_s)


def checks(options):
    faults = [] if float(options.keys) >= 1 else ["--keys 0: give at least 1 item to read and write"]
    if options.valkey:
        faults += valkey.problems(options.valkey, options.allow_host)
    return faults


harness.attach(
    "cache-coherence",
    criteria=[
        CriterionSpec("error_ratio", {"requests": "* /items*"}),
        CriterionSpec("latency_quantile", {"requests": "GET /items*"}),
        CriterionSpec("stale_reads", {"via": "service*"}),
        CriterionSpec("stale_reads", {"via": "replica", "age_limit_s": 5.0, "name": "replica_lag"}),
        CriterionSpec("monotonic_reads", {"via": "service*"}),
        CriterionSpec("read_your_writes", {"via": "service*"}),
        CriterionSpec("lost_invalidations", {"via": "service*"}),
        CriterionSpec("linearizability", {"via": "service*"}),
        CriterionSpec("linearizability", {"via": "valkey", "needs": "--valkey", "name": "valkey_linearizability"}),
        CriterionSpec("stampede", {"via": "service*"}),
        CriterionSpec("hit_ratio", {"via": "service"}),
        CriterionSpec("fail_open", {"via": "service"}),
    ],
    options={
        "items_path": ("/items", "path of the items; they are read, written and removed below it"),
        "forget_path": ("/cache", "what follows an item's path to remove it from the cache; empty: nothing can"),
        "keys": ("20", "items, each with a user who writes it"),
        "valkey": ("", "Valkey or Redis to work on directly, redis://:PASSWORD@HOST:PORT; empty: only the service"),
        "cached_as": ("item:{key}", "key under which the service caches an item as JSON"),
        "outage_s": ("8", "how long the cache is kept away after the crowd, in seconds; 0: not at all"),
    },
    reference={"TARGET_ITEMS_TTL_S": "3", "TARGET_ITEMS_LOAD_MS": "100"},
    faults=outage,
    checks=checks,
)
