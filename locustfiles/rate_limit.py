"""Rate limit: a stream over the limit on several keys and all instances, a herd on another, and the counters go away.

Point it at your own service (what its answers say: harness/load/users/rate_limited.py) and its counters:
    springback run locustfiles/rate_limit.py --host http://127.0.0.1:8000 --limited-path /api --allowed 100 \\
        --window-s 10 --api-keys one,two,three,four,five,six,seven,eight \\
        --fault "stop_process port=6379 at=recovery+20 for=8"
"""

import random

from locust import task

import harness
from harness.load.users.rate_limited import RateLimitedUser, RateLimitOptions
from harness.load.users.reference_target import outage_of
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import herd


class Caller(RateLimitedUser):
    @task
    def call(self):
        if self.in_herd:
            self.take(*self.key(0), via="herd")
        elif self.place < self.options.sole_keys:
            self.wait_as_told(*self.key(1 + self.options.stream_keys + self.place))
        else:
            self.take(*self.key(1 + random.randrange(self.options.stream_keys)), via="stream")

    def key(self, number):
        """What the recording calls it, and what the service gets."""
        known = self.options.api_keys
        return f"key {number}", known[number] if known else f"{self.node.run}-{number}"


class RateLimit(herd.Herd):
    baseline_s, herd_users, recovery_s, canary_per_s, canary_users = 15, 400, 45, 60, 40


class Options(RateLimitOptions):
    stream_keys: int = parameter(3, "keys of the stream", lowest=2)
    sole_keys: int = parameter(4, "keys of one caller each, who waits as long as Retry-After says")
    api_keys: tuple[str, ...] = parameter((), "keys that the service knows; none: made up", secret=True)
    outage_s: float = parameter(8.0, "how long the reference target's counters are away; 0: not at all")


def outage(options):
    return outage_of(options, "valkey", at="recovery+20", for_s=options.outage_s)


def checks(options):
    needed = 1 + options.stream_keys + options.sole_keys
    if options.api_keys and len(options.api_keys) < needed:
        yield f"--api-keys names {len(options.api_keys)}: the herd, the stream and the sole callers need {needed}"


def criteria(options):
    limit = {"allowed": options.allowed, "window_s": options.window_s}
    counted = {**limit, "algorithm": options.algorithm}
    yield CriterionSpec("error_ratio", {"requests": "GET *"})
    yield CriterionSpec("latency_quantile", {"requests": "GET *"})
    yield CriterionSpec("shed_ratio", {"limit": 1.0})  # whether rightly, the others say
    yield CriterionSpec("over_admission", counted)
    yield CriterionSpec("wrong_refusals", {**limit, "via": "stream"})
    # One list in a shared cache is not quite in order.
    yield CriterionSpec("remaining_told", {**counted, "limit": 0.01})
    yield CriterionSpec("retry_after", limit)
    yield CriterionSpec("key_fairness", {**limit, "via": "stream"})
    yield CriterionSpec("fail_open", {"remedy": "plan one with --fault"})


REFERENCE = {"TARGET_RATE_LIMIT": "100", "TARGET_RATE_LIMIT_WINDOW_S": "10", "processes": "3"}
harness.attach(
    "rate-limit", suite="ha", criteria=criteria, options=Options, reference=REFERENCE, faults=outage, checks=checks
)
