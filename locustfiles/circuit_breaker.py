"""Circuit breaker: the service's upstream fails for a while. Does the service stop calling it, and come back?

Point it at your own service, whose upstream has a switch (PUT makes it fail, DELETE heals it):
    springback run locustfiles/circuit_breaker.py --host http://127.0.0.1:8000 --quote-path /price \
        --breaker-signature "503 circuit open" --upstream-switch http://127.0.0.1:9000/fail --upstream-token …
or let it fail in another way, at the same time: --fault "… at=spike for=15" (docs/faults.md).
"""

import json

from locust import task

import harness
from harness.criteria.breaker._clients import BREAKER_OPEN
from harness.faults import PlannedFault
from harness.faults.http_toggle import HttpToggle
from harness.load.http import PacedHttpUser
from harness.load.users.measured import WrongAnswerError
from harness.probes.prometheus import Prometheus
from harness.recording import CriterionSpec
from shapes import step

FAILURES = {"errors": {"share": "1"}, "slowness": {"ms": "2000"}, "hang": {}}


class Customer(PacedHttpUser):
    @task
    def quote(self):
        options = self.environment.parsed_options
        with self.client.get(options.quote_path, catch_response=True) as answer:
            if is_refused(answer, options.breaker_signature):
                answer.failure(WrongAnswerError(BREAKER_OPEN))


def is_refused(answer, signature):
    """Whether an answer has the status of the signature, and its text in a header or in the body."""
    status, _, text = signature.partition(" ")
    told = "\n".join([*(f"{name}: {value}" for name, value in answer.headers.pairs), answer.text])
    return str(answer.status_code) == status and text.lower() in told.lower()


class UpstreamFailure(step.Step):
    baseline_s, hold_s, recovery_s = 30, 15, 30
    base = peak = 40  # the spike is the failure, not the load


def failure(options):
    if options.upstream_switch:
        name, *pairs = options.failure.split() or ["errors"]
        parameters = dict(pair.partition("=")[::2] for pair in pairs) or FAILURES.get(name, {})
        body = json.dumps({"failure": name, "parameters": parameters})
        switch = HttpToggle(options.upstream_switch, body, options.upstream_token, label=f"upstream: {options.failure}")
        yield PlannedFault(switch, at="spike", for_s=float(options.hold_s))


def counters(options):
    apis = [url.strip().rstrip("/") + "/metrics" for url in options.api_urls.split(",") if url.strip()]
    if apis:
        yield Prometheus(tuple(apis), ("target_breaker_*",))
    if options.upstream:
        yield Prometheus((options.upstream.rstrip("/") + "/metrics",), ("upstream_calls_*",))


harness.attach(
    "circuit-breaker",
    criteria=[
        CriterionSpec("breaker_opens"),
        CriterionSpec("breaker_leak_through"),
        CriterionSpec("fast_fail_latency"),
        CriterionSpec("breaker_closes"),
        CriterionSpec("breaker_flaps"),
        CriterionSpec("error_ratio", {"phase": "baseline", "name": "error_ratio_baseline"}),
        # Until it closes again, a breaker fails what it is asked: a quarter of the recovery is what it may take.
        CriterionSpec("error_ratio", {"phase": "recovery", "limit": 0.25, "name": "error_ratio_recovery"}),
        CriterionSpec("recovery_time"),
    ],
    probes=counters,
    faults=failure,
    options={
        "quote_path": ("/quote", "path that is answered with the help of the upstream"),
        "breaker_signature": ("503 X-Breaker", "status of a fast failure, and text of its headers or body"),
        "failure": ("errors", "how the upstream fails: errors, slowness or hang, e.g. 'errors share=0.5'"),
        "upstream_switch": ("", "URL that makes the upstream fail (PUT) and heals it (DELETE)"),
        "upstream_token": ("", "bearer token of that URL"),
        "upstream": ("", "address of the upstream, whose /metrics count the calls it receives"),
        "api_urls": ("", "addresses of the service's processes, whose /metrics tell the breaker's state"),
    },
)
