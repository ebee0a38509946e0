"""Memory and CPU of the containers of pods, by Kubernetes' metrics API or by the kubelets of their nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from harness.analysis.target_memory import WORKING_SET
from harness.clients.connection import NoAnswerError
from harness.clients.kubernetes import ApiServer, RefusedError, list_in, part_of, path_of, quantity
from harness.probes import _kubelet

METRICS_API = "apis/metrics.k8s.io/v1beta1"


@dataclass(frozen=True)
class Usage:
    """Of one container."""

    read_at: float | str
    """When it was read: Unix time of a kubelet, or the words of the metrics API."""
    values: Mapping[str, float]


def of_metrics(server: ApiServer, namespace: str, selector: str) -> dict[tuple[str, str], Usage]:
    """By pod and container. Raises NoAnswerError."""
    try:
        items = server.items(path_of(METRICS_API, namespace, "pods"), selector, f"metrics of the pods of {namespace}")
    except RefusedError as error:
        if error.status not in (404, 503):
            raise
        raise NoAnswerError(
            f"the metrics API is not served (HTTP {error.status}): install metrics-server, or give usage=kubelet or "
            "usage=none"
        ) from None
    return {
        (str(part_of(item, "metadata").get("name")), str(container.get("name"))): Usage(
            str(item.get("timestamp")),
            {
                WORKING_SET: quantity(part_of(container, "usage").get("memory")),
                "cpu_ratio": quantity(part_of(container, "usage").get("cpu")),
            },
        )
        for item in items
        for container in list_in(item, "containers")
    }


def of_kubelets(server: ApiServer, namespace: str, nodes: Collection[str]) -> dict[tuple[str, str], Usage]:
    """The same of the pods that are on these nodes."""
    found: dict[tuple[str, str], Usage] = {}
    for node in sorted(nodes):
        path = f"/api/v1/nodes/{quote(node, safe='')}/proxy/metrics/cadvisor"
        page = server.text(path, f"nodes/proxy {node}")
        for (of_namespace, pod, container), told in _kubelet.told(page).items():
            if of_namespace == namespace:
                found[pod, container] = Usage(told.at_s, told.values)
    return found
