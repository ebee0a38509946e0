"""Circuit breaker: the service's upstream fails for a while. Does the service stop calling it, and come back?

Point it at your own service, whose upstream has a switch (PUT makes it fail, DELETE heals it) and counts its calls:
    springback run locustfiles/circuit_breaker.py --host http://127.0.0.1:8000 --quote-path /price \\
        --breaker-signature "503 circuit open" --upstream-switch http://127.0.0.1:9000/fail --upstream-token secret \\
        --upstream http://127.0.0.1:9000 --without breaker_flaps
which needs the metrics of docs/scenarios.md; or let it fail in another way, at the same time:
--fault "… at=spike for=15" (docs/faults.md).
"""

import json

from locust import task

import harness
from harness.faults import PlannedFault, http_toggle
from harness.load.users.guarded import GuardedHttpUser, GuardedOptions
from harness.plugins import parameter
from harness.probes.prometheus import Prometheus
from harness.recording import CriterionSpec
from shapes import step


class Customer(GuardedHttpUser):
    @task
    def quote(self):
        self.ask_for_quote()


class UpstreamFailure(step.Step):
    baseline_s, hold_s, recovery_s, base, peak = 30, 15, 30, 40, 40  # the spike is the failure, not the load


class Options(GuardedOptions):
    failure: str = parameter("errors", "how it fails: errors, slowness, hang, or e.g. errors share=0.5", web=True)
    upstream_switch: str = parameter("", "URL that makes the upstream fail (PUT) and heals it (DELETE)")
    upstream_token: str = parameter("", "bearer token of that URL", secret=True)
    upstream: str = parameter("", "address of the upstream, whose /metrics count the calls it receives")
    api_urls: tuple[str, ...] = parameter((), "addresses of the service's processes, whose /metrics tell the state")


def failure(options):
    if options.upstream_switch:
        name, *pairs = options.failure.split() or ["errors"]
        usual = {"errors": {"share": "1"}, "slowness": {"ms": "2000"}}.get(name, {})
        body = json.dumps({"failure": name, "parameters": dict(pair.partition("=")[::2] for pair in pairs) or usual})
        switch = {"url": options.upstream_switch, "token": options.upstream_token, "body": body}
        fault = http_toggle.HttpToggle(**switch, label=f"upstream: {options.failure}")
        yield PlannedFault(fault, at="spike", for_s=options.hold_s)


def counters(options):
    if options.api_urls:
        yield Prometheus(tuple(f"{url.rstrip('/')}/metrics" for url in options.api_urls), ("target_breaker_*",))
    if options.upstream:
        yield Prometheus((f"{options.upstream.rstrip('/')}/metrics",), ("upstream_calls_*",))


WITNESSES = {
    "dependency": "upstream_calls_received_total",
    "state": "target_breaker_state",
    **{name: f"target_breaker_{name}_total" for name in ("opens", "closes", "probes")},
    "fault_remedy": "give --upstream-switch and --upstream-token, or a --fault of your own",
    "dependency_remedy": "give --upstream, where the dependency counts its calls",
    "state_remedy": "give --api-urls",
    "signature_remedy": "give --breaker-signature",
}
BREAKER = "breaker_opens", "breaker_leak_through", "fast_fail_latency", "breaker_closes", "breaker_flaps"
CRITERIA = [
    *(CriterionSpec(name, WITNESSES) for name in BREAKER),
    CriterionSpec("error_ratio", {"phase": "baseline", "name": "error_ratio_baseline"}),
    # Until it closes again, a breaker fails what it is asked: a quarter of the recovery is what it may take.
    CriterionSpec("error_ratio", {"phase": "recovery", "limit": 0.25, "name": "error_ratio_recovery"}),
    "recovery_time",
]

harness.attach("circuit-breaker", criteria=CRITERIA, probes=counters, faults=failure, options=Options)
