"""Replicas of a Deployment and what its HorizontalPodAutoscaler wants, from Kubernetes' API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.clients.connection import NoAnswerError
from harness.clients.kubernetes import ApiServer, access_problems, namespace_of, part_of, path_of
from harness.plugins import parameter
from harness.probes import Probe, Reading


@dataclass(frozen=True)
class Kubernetes(Probe):
    """``ready``, ``current`` and ``updated`` replicas of the Deployment ``deployment``; ``desired`` of the autoscaler
    ``autoscaler`` (autoscaling/v2) with its ``min`` and ``max``, or without one that of the Deployment itself.

    ``token_file`` and ``ca_file`` are read for each sample, because Kubernetes replaces them; empty: those of a pod,
    where there are any. The account may ``get`` deployments and horizontalpodautoscalers of the namespace. The source
    is ``namespace/deployment``; no token ever enters a reading.
    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
    """

    url: str = parameter("https://kubernetes.default.svc", "address of the API server")
    deployment: str = parameter("", "name of the Deployment that is scaled")
    autoscaler: str = parameter("", "name of its HorizontalPodAutoscaler; empty: without one")
    namespace: str = parameter("", "namespace of both; empty: the pod's own, else default")
    token_file: str = parameter("", "file with the bearer token; empty: the pod's, if there is one")
    ca_file: str = parameter("", "certificates of the authorities, PEM; empty: the pod's, else the system's")
    timeout_s: float = parameter(2.0, "longest time for one sample", lowest=0.001)

    def conflicts(self) -> Iterator[str]:
        yield from access_problems(self.url, self.token_file)
        if not self.deployment:
            yield "deployment is empty. Give the name of the Deployment that is scaled"

    def sample(self) -> Iterator[Reading]:
        source = f"{self.namespace or 'the pod'}/{self.deployment}"
        try:
            namespace = namespace_of(self.namespace)
            source = f"{namespace}/{self.deployment}"
            values = _of_deployment(self._get("apis/apps/v1", namespace, "deployments", self.deployment))
            if self.autoscaler:
                kind = "horizontalpodautoscalers"
                values |= _of_autoscaler(self._get("apis/autoscaling/v2", namespace, kind, self.autoscaler))
        except NoAnswerError as error:
            yield Reading.failed(source, str(error))
            return
        yield Reading.of(source, values)

    def _get(self, group: str, namespace: str, kind: str, name: str) -> Mapping[str, Any]:
        server = ApiServer(self.url, self.token_file, self.ca_file, self.timeout_s)
        return server.ask("get", path_of(group, namespace, kind, name), f"{kind[:-1]} {namespace}/{name}")


def _of_deployment(document: Mapping[str, Any]) -> dict[str, float]:
    """Kubernetes leaves a count out where it is 0."""
    status, spec = part_of(document, "status"), part_of(document, "spec")
    return {
        "ready": _number(status, "readyReplicas"),
        "current": _number(status, "replicas"),
        "updated": _number(status, "updatedReplicas"),
        "desired": _number(spec, "replicas", 1.0),
    }


def _of_autoscaler(document: Mapping[str, Any]) -> dict[str, float]:
    status, spec = part_of(document, "status"), part_of(document, "spec")
    return {
        "desired": _number(status, "desiredReplicas"),
        "min": _number(spec, "minReplicas", 1.0),
        "max": _number(spec, "maxReplicas"),
    }


def _number(part: Mapping[str, Any], key: str, absent: float = 0.0) -> float:
    value = part.get(key, absent)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoAnswerError(f"{key} is no number: is this the API server?")
    return float(value)
