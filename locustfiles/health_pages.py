"""Health pages: a dependency goes away. Does the liveness page stay good, does the readiness page say so, and is it
true again afterwards?

Point it at your own service, with a dependency of it that may be frozen here:
    springback run locustfiles/health_pages.py --host http://127.0.0.1:8000 --liveness-path /livez \\
        --readiness-path /readyz --fault "stop_process port=6379 at=spike for=10"
"""

from locust import task

import harness
from harness.load.http import PacedHttpUser
from harness.load.users.reference_target import outage_of
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import step

LIVENESS, READINESS = "GET liveness", "GET readiness"


class Prober(PacedHttpUser):
    """Half of them ask one page, half the other, as an orchestrator does."""

    @task
    def ask(self):
        options = self.environment.parsed_options
        pages = [("liveness", options.liveness_path, "2xx"), ("readiness", options.readiness_path, "2xx,503")]
        name, path, expect = pages[self.number % 2]
        self.client.get(path, name=name, expect=expect)


class DependencyAway(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 8, 10, 12, 30, 30, 100  # the spike is the failure


class Options:
    liveness_path: str = parameter("/healthz", "page that says whether the process lives", web=True)
    readiness_path: str = parameter("/readyz", "page that says whether it can serve: 503 while it cannot", web=True)
    dependency: str = parameter("valkey", "role of the reference target's server that is frozen; empty: none")


harness.attach(
    "health-pages",
    criteria=[
        *(
            CriterionSpec("error_ratio", {"requests": LIVENESS, "phase": phase, "name": f"live_{phase}"})
            for phase in ("spike", "recovery")
        ),
        CriterionSpec("latency_quantile", {"requests": LIVENESS, "limit_s": 1.0, "name": "live_latency"}),
        CriterionSpec("readiness", {"requests": READINESS, "remedy": "plan one with --fault"}),
    ],
    faults=lambda options: outage_of(options, options.dependency, at="spike", for_s=options.hold_s),
    options=Options,
)
