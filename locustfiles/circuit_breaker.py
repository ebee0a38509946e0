"""Circuit breaker: the service's upstream fails for a while. Does the service stop calling it, and come back?

Point it at your own service, whose upstream has a switch (PUT makes it fail, DELETE heals it) and counts its calls:
    springback run locustfiles/circuit_breaker.py --host http://127.0.0.1:8000 --quote-path /price \\
        --breaker-signature "503 circuit open" --upstream-switch http://127.0.0.1:9000/fail --upstream-token secret \\
        --upstream http://127.0.0.1:9000 --without breaker_flaps
which needs the metrics of docs/scenarios.md; or let it fail in another way, at the same time:
--fault "… at=spike for=15" (docs/faults.md).
"""

import harness
from harness.load.users.guarded import QuotingUser
from harness.load.users.upstream import WITNESSES, UpstreamOptions, breaker_counters, upstream_failure
from harness.recording import CriterionSpec
from shapes import step


class Customer(QuotingUser):
    """Asks for a quote, which the service answers with the help of its upstream."""


class UpstreamFailure(step.Step):
    baseline_s, hold_s, recovery_s, base, peak = 30, 15, 30, 40, 40  # the spike is the failure, not the load


BREAKER = "breaker_opens", "breaker_leak_through", "fast_fail_latency", "breaker_closes", "breaker_flaps"
CRITERIA = [
    *(CriterionSpec(name, WITNESSES) for name in BREAKER),
    CriterionSpec("error_ratio", {"phase": "baseline", "name": "error_ratio_baseline"}),
    # Until it closes again, a breaker fails what it is asked: a quarter of the recovery is what it may take.
    CriterionSpec("error_ratio", {"phase": "recovery", "limit": 0.25, "name": "error_ratio_recovery"}),
    "recovery_time",
]

harness.attach(
    "circuit-breaker",
    criteria=CRITERIA,
    probes=breaker_counters,
    faults=lambda options: upstream_failure(options, at="spike", for_s=options.hold_s),
    options=UpstreamOptions,
)
