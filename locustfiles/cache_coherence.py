"""Cache coherence: items are written, removed and read, while one of them is hot and expires, and the cache goes away.

Point it at your own service (its answers: harness/load/users/items.py; with fewer: docs/scenarios.md) and its cache:
    springback run locustfiles/cache_coherence.py --host http://127.0.0.1:8000 \\
        --valkey redis://:secret@127.0.0.1:6379 --fault "stop_process port=6379 at=recovery+5 for=8"
"""

import random

from locust import task

import harness
from harness.load.users import valkey
from harness.load.users.items import ItemOptions, ItemUser
from harness.load.users.reference_target import outage_of
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import step


class Visitor(ItemUser, valkey.ValkeyUser):
    """The first users own an item each, and write it. The others read, most of them the hot one; a few read from a
    replica, and some work on the cache itself.
    """

    def on_start(self):
        self.place = self.number - self.options.keys  # among those who own none
        self.is_direct = self.options.valkey and self.place >= 0 and self.place % 5 == 0
        if self.is_direct:
            self.connect_valkey(self.options.valkey)

    @task
    def take_turn(self):
        if self.renew_own_item(self.number):
            return
        if self.is_direct:
            self.work_on_valkey()
        elif self.place > 0 and self.place % 10 == 1:
            self.read_item(self.any_key(), via="replica", query="?read=replica")
        else:
            self.read_hot_or_any_item()

    def work_on_valkey(self):
        self.version += 1  # of a plain key of our own
        self.write_key(f"springback:{self.key(self.place)}", self.version)
        self.read_key(f"springback:{self.key(random.randrange(0, self.place + 1, 5))}")
        self.peek_cache(self.any_key(), self.options.cached_as)  # where the service keeps its items


class ManyReaders(step.Step):
    baseline_s, base, hold_s, peak, recovery_s, pool_users = 15, 30, 20, 100, 30, 100


class Options(ItemOptions, valkey.ValkeyOptions):
    outage_s: float = parameter(8.0, "how long the reference target's cache is away after the crowd; 0: not at all")


READERS = ("stale_reads", "monotonic_reads", "read_your_writes", "linearizability", "stampede")
harness.attach(
    "cache-coherence",
    criteria=[
        CriterionSpec("error_ratio", {"requests": "* /items*"}),
        CriterionSpec("latency_quantile", {"requests": "GET /items*"}),
        *(CriterionSpec(criterion, {"via": "service*"}) for criterion in READERS),
        CriterionSpec("lost_invalidations", {"via": "*service*"}),  # looks into the cache are among them
        CriterionSpec("stale_reads", {"via": "replica", "age_limit_s": 5.0, "name": "replica_lag"}),
        CriterionSpec("linearizability", {"via": "valkey", "needs": "--valkey", "name": "valkey_linearizability"}),
        CriterionSpec("hit_ratio", {"via": "service"}),
        CriterionSpec("fail_open", {"via": "service", "remedy": "plan one with --fault"}),
    ],
    options=Options,
    reference={"TARGET_ITEMS_TTL_S": "3", "TARGET_ITEMS_LOAD_MS": "100"},
    faults=lambda options: outage_of(options, "valkey", at="recovery+5", for_s=options.outage_s),
    checks=valkey.checks,
)
