"""Figures of containers on the page that cAdvisor draws up in each kubelet, ``/metrics/cadvisor``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.analysis.target_memory import WORKING_SET

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
class Told:
    """Of one container."""

    at_s: float = 0.0
    """When its CPU was read, Unix time by the node's clock, every ten seconds or so."""
    values: dict[str, float] = field(default_factory=dict)
    """By the names in :data:`FIGURES`."""


def told(page: str) -> Mapping[tuple[str, str, str], Told]:
    """By namespace, pod and container. What stands for a pod as a whole, and its sandbox, has no container's name.

    A page may have megabytes and is read each second: so not by a parser of all that such a page may hold. Names of
    Kubernetes have neither quotes nor braces.
    """
    found: dict[tuple[str, str, str], Told] = {}
    for key, name, value, at_s in _lines(page):
        of_one = found.setdefault(key, Told())
        # One that was restarted may be there twice for a while, the old and the new.
        if at_s >= of_one.at_s or name not in of_one.values:
            of_one.values[name] = value
            if name == "cpu_s":
                of_one.at_s = at_s
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
