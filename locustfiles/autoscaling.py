"""Autoscaling: the load climbs stair by stair and falls again; replicas have to follow, up and down.

One replica of the reference target is meant to have 4 requests of 400 ms under way, which are 10 starts/s.
How to point it at your own service: docs/autoscaling.md
"""

from locust import task

import harness
from harness.load.http import PacedHttpUser
from harness.probes import planned
from harness.recording import CriterionSpec
from shapes import staircase


class Visitor(PacedHttpUser):
    @task
    def work(self):
        self.client.get(self.environment.parsed_options.work_path)


class Stairs(staircase.Staircase):
    options = staircase.Staircase.options | {
        "capacity_per_replica": "starts per second that one replica takes within its SLO; 0: as far as the run shows",
    }
    capacity_per_replica = 10.0
    baseline_s, steps, hold_s, recovery_s = 12, 2, 16, 30
    base, peak, pool_users = 6, 26, 200


def replicas(options):
    if options.haproxy_socket:
        yield planned("haproxy", socket_path=options.haproxy_socket, backend=options.haproxy_backend)
    elif options.haproxy_metrics:
        yield planned("haproxy", url=options.haproxy_metrics, backend=options.haproxy_backend)
    if options.autoscaler:
        keys = "now", "ready", "desired", "current"
        yield planned("http_json", url=f"{options.autoscaler}/autoscaler?after=inf", keys=keys)
    if options.kubernetes:
        yield planned(
            "kubernetes",
            url=options.kubernetes,
            namespace=options.kubernetes_namespace,
            deployment=options.kubernetes_deployment,
            autoscaler=options.kubernetes_autoscaler,
            token_file=options.kubernetes_token_file,
            ca_file=options.kubernetes_ca_file,
        )


harness.attach(
    "autoscaling",
    criteria=[
        CriterionSpec("scaling_lag", {"limit_s": 8.0}),
        CriterionSpec("under_provisioning", {"limit": 0.2}),
        CriterionSpec("over_provisioning"),
        CriterionSpec("scaling_stability"),
        CriterionSpec("scale_in", {"limit_s": 20.0}),
        CriterionSpec("scaling_errors", {"limit": 0.01}),
    ],
    probes=replicas,
    options={
        "work_path": ("/db/work?ms=400", "path of a request that keeps a replica busy"),
        "haproxy_socket": ("", "runtime socket of the HAProxy in front of the replicas"),
        "haproxy_metrics": ("", "its statistics page instead: Prometheus exporter, or CSV with ;csv"),
        "haproxy_backend": ("api", "backend of the replicas"),
        "autoscaler": ("", "address of an autoscaler that answers /autoscaler with numbers ready, desired, current"),
        "kubernetes": ("", "address of the API server; in a pod https://kubernetes.default.svc"),
        "kubernetes_namespace": ("", "namespace of the deployment; empty: the pod's own, else default"),
        "kubernetes_deployment": ("", "deployment whose replicas are counted"),
        "kubernetes_autoscaler": ("", "its HorizontalPodAutoscaler; empty: what the deployment itself asks for"),
        "kubernetes_token_file": ("", "file with the bearer token; empty: the pod's own"),
        "kubernetes_ca_file": ("", "certificate of the API server's authority; empty: the pod's own"),
    },
    reference={
        "processes": "1",
        "autoscale": "metric=in_flight,target=4,max=3,sync_s=1,stabilisation_s=8,drain_s=5",
        "TARGET_POOL_WAIT_S": "15",
    },
)
