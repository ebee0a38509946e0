"""Memory and CPU of the containers of pods, by Kubernetes' metrics API or by the kubelets of their nodes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from harness.analysis.target_memory import WORKING_SET
from harness.clients.connection import NoAnswerError
from harness.clients.kubernetes import ApiServer, RefusedError, list_in, part_of, path_of, quantity

METRICS_API = "apis/metrics.k8s.io/v1beta1"
FIGURES = {
    "container_memory_working_set_bytes": WORKING_SET,
    "container_cpu_usage_seconds_total": "cpu_s",
    "container_cpu_cfs_periods_total": "periods",
    "container_cpu_cfs_throttled_periods_total": "throttled_periods",
    "container_cpu_cfs_throttled_seconds_total": "throttled_s",
    "container_oom_events_total": "oom_kills",
}
_LINE = re.compile(r"(\w+)\{([^}]*)\}\s+(\S+)(?:\s+(\d+))?")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class Usage:
    """Of one container."""

    read_at: float | str = 0.0
    """When it was read, its CPU at least: the words of the metrics API, or Unix time by the clock of a kubelet's node,
    every ten seconds or so.
    """
    values: dict[str, float] = field(default_factory=dict)
    told_s: float = 0.0
    """Unix time at which it was told, by the clock of whoever did; 0: he does not say."""


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
            server.clock.unix_s,
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
        for (of_namespace, pod, container), usage in on_page(page).items():
            if of_namespace == namespace:
                usage.told_s = server.clock.unix_s
                found[pod, container] = usage
    return found


def on_page(page: str) -> Mapping[tuple[str, str, str], Usage]:
    """What the page that cAdvisor draws up in each kubelet says, by namespace, pod and container. What stands for a pod
    as a whole, and its sandbox, has no container's name.

    A page may have megabytes and is read each second: so not by a parser of all that such a page may hold. Names of
    Kubernetes have neither quotes nor braces.
    """
    found: dict[tuple[str, str, str], Usage] = {}
    newest_s: dict[tuple[str, str, str], float] = {}
    for key, name, value, at_s in _lines(page):
        of_one = found.setdefault(key, Usage())
        # One that was restarted may be there twice for a while, the old and the new.
        if at_s >= newest_s.get(key, 0.0) or name not in of_one.values:
            of_one.values[name] = value
            if name == "cpu_s":
                newest_s[key] = of_one.read_at = at_s
    return found


def _lines(page: str) -> Iterator[tuple[tuple[str, str, str], str, float, float]]:
    for line in page.splitlines():
        name = FIGURES.get(line.partition("{")[0])
        if name is None or (found := _LINE.match(line)) is None:
            continue
        labels = dict(_LABEL.findall(found[2]))
        key = (labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", ""))
        try:
            value = float(found[3])
        except ValueError:
            continue
        # The CPU is told for each core where the node is set up so.
        if all(key) and key[2] != "POD" and labels.get("cpu", "total") == "total":
            yield key, name, value, int(found[4]) / 1000 if found[4] else 0.0
