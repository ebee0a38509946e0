"""How to scale: `--autoscale` alone takes the defaults, `--autoscale metric=in_flight,target=5,max=3` some others."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

METRICS: Mapping[str, float] = {"cpu": 0.6, "in_flight": 8.0}
"""Per ready replica: share of one core, or requests under way in it; with the target by default."""


@dataclass(frozen=True)
class Policy:
    """Short times by default, fit for a test of a few minutes; Kubernetes has 15 s and 300 s."""

    min: int
    """The processes that the stack starts with; they are never stopped."""
    max: int = 4
    metric: str = "cpu"
    target: float = METRICS["cpu"]
    sync_s: float = 2.0
    tolerance: float = 0.1
    stabilisation_s: float = 20.0
    """Scaling down takes the highest recommendation of this window."""
    drain_s: float = 30.0
    """How long a replica on its way out may keep its sessions; then they are cut, which the log says."""


_RANGES: Mapping[str, tuple[float, float]] = {
    "max": (1, 64),
    "target": (0.001, 1e6),
    "sync_s": (0.1, 3600),
    "tolerance": (0, 10),
    "stabilisation_s": (0, 86_400),
    "drain_s": (0, 86_400),
}


def parse(text: str, least: int) -> tuple[Policy, list[str]]:
    """The policy, and everything that is wrong with the text; `least` replicas are there from the start."""
    keys = {field.name for field in dataclasses.fields(Policy)} - {"min"}
    given: dict[str, str] = {}
    problems = []
    for part in filter(None, text.split(",")):
        key, separator, value = part.partition("=")
        if key in keys and separator:
            given[key] = value
        else:
            problems.append(f"--autoscale {part!r} is not KEY=VALUE with one of {', '.join(sorted(keys))}")
    metric = given.pop("metric", "cpu")
    if metric not in METRICS:
        problems.append(f"--autoscale metric={metric} is not one of {', '.join(METRICS)}")
    values: dict[str, float] = {"target": METRICS.get(metric, 1.0), "max": max(4, least)}
    for key, value in given.items():
        low, high = _RANGES[key]
        try:
            values[key] = int(value) if key == "max" else float(value)
        except ValueError:
            problems.append(f"--autoscale {key}={value} is not a number")
            continue
        if not low <= values[key] <= high or math.isnan(values[key]):
            problems.append(f"--autoscale {key}={value} is not between {low:g} and {high:g}")
    most = int(values.pop("max"))
    if most < least:
        problems.append(f"--autoscale max={most} is below --processes {least}")
    return Policy(min=least, max=most, metric=metric, **values), problems
