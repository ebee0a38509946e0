"""Autoscaling: the load climbs stair by stair and falls again; replicas have to follow, up and down.

One replica of the reference target is meant to have 4 requests of 400 ms under way, which are 10 starts/s.
How to point it at your own service: docs/autoscaling.md and docs/scenarios.md
"""

from locust import task

import harness
from harness.load.http import PacedHttpUser
from harness.plugins import parameter
from harness.probes import planned
from harness.recording import CriterionSpec
from shapes import staircase


class Visitor(PacedHttpUser):
    @task
    def work(self):
        self.client.get(self.environment.parsed_options.work_path)


class Stairs(staircase.Staircase):
    baseline_s, steps, hold_s, recovery_s, base, peak, pool_users = 12, 2, 16, 30, 6, 26, 200
    capacity_per_replica: float = parameter(
        10.0, "starts per second that one replica takes within its SLO; 0: as far as the run shows"
    )


class Options:
    work_path: str = parameter("/db/work?ms=400", "path of a request that keeps a replica busy", web=True)
    haproxy_socket: str = parameter("", "runtime socket of the HAProxy in front of the replicas")
    haproxy_metrics: str = parameter("", "its statistics page instead: Prometheus exporter, or CSV with ;csv")
    haproxy_backend: str = parameter("api", "backend of the replicas", web=True)
    autoscaler: str = parameter("", "address that answers /autoscaler with numbers ready, desired, current")
    kubernetes: str = parameter("", "address of the API server; in a pod https://kubernetes.default.svc")
    kubernetes_namespace: str = parameter("", "namespace of the deployment; empty: the pod's own, else default")
    kubernetes_deployment: str = parameter("", "deployment whose replicas are counted")
    kubernetes_autoscaler: str = parameter("", "its HorizontalPodAutoscaler; empty: what the deployment asks for")
    kubernetes_token_file: str = parameter("", "file with the bearer token; empty: the pod's own")
    kubernetes_ca_file: str = parameter("", "certificate of the API server's authority; empty: the pod's own")


def replicas(options):
    if options.haproxy_socket:
        yield planned("haproxy", socket_path=options.haproxy_socket, backend=options.haproxy_backend)
    elif options.haproxy_metrics:
        yield planned("haproxy", url=options.haproxy_metrics, backend=options.haproxy_backend)
    if options.autoscaler:
        keys = "now", "ready", "desired", "current"
        yield planned("http_json", url=f"{options.autoscaler}/autoscaler?after=inf", keys=keys)
    if options.kubernetes:
        of_cluster = "namespace", "deployment", "autoscaler", "token_file", "ca_file"
        given = {name: getattr(options, f"kubernetes_{name}") for name in of_cluster}
        yield planned("kubernetes", url=options.kubernetes, **given)


def criteria(options):
    counted = {
        "ready": "ready",
        "wanted": "desired",
        "remedy": "say where replicas can be counted with --haproxy-socket, --kubernetes or --autoscaler",
    }
    elastic = {
        **counted,
        "capacity_per_s": options.capacity_per_replica,
        "capacity_remedy": "give --capacity-per-replica",
    }
    yield CriterionSpec("scaling_lag", {**elastic, "limit_s": 8.0})
    yield CriterionSpec("under_provisioning", {**elastic, "limit": 0.2})
    yield CriterionSpec("over_provisioning", elastic)
    yield CriterionSpec("scaling_stability", elastic)
    yield CriterionSpec("scale_in", {**elastic, "limit_s": 20.0})
    yield CriterionSpec("scaling_errors", {**counted, "limit": 0.01})
    yield CriterionSpec("latency_quantile", {})  # replicas that are ready and serve nobody are no help


SCALING = "metric=in_flight,target=4,max=3,sync_s=1,stabilisation_s=8,drain_s=5"
REFERENCE = {"processes": "1", "autoscale": SCALING, "TARGET_POOL_WAIT_S": "15"}
harness.attach("autoscaling", criteria=criteria, probes=replicas, options=Options, reference=REFERENCE)
