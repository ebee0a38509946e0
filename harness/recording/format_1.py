"""Recordings of format 1: what their headers left unsaid is said here, so that they are judged as they always were.

Until format 2 some criteria knew the names of one target's metrics, and the options of one scenario, by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.recording.values import Scalar

_OF_A_BREAKER = ("breaker_opens", "breaker_leak_through", "fast_fail_latency", "breaker_closes", "breaker_flaps")
_POOL = "name the metrics pages of the service's processes with --api-urls"
_BREAKER: Mapping[str, Scalar] = {
    "dependency": "upstream_calls_received_total",
    "state": "target_breaker_state",
    "opens": "target_breaker_opens_total",
    "closes": "target_breaker_closes_total",
    "probes": "target_breaker_probes_total",
    "fault_remedy": "give --upstream-switch and --upstream-token, or a fault of your own",
    "dependency_remedy": "give --upstream, where the dependency counts its calls",
    "state_remedy": "give --api-urls",
    "signature_remedy": "give --breaker-signature",
}
_REPLICAS: Mapping[str, Scalar] = {
    "ready": "ready",
    "wanted": "desired",
    "remedy": "say where replicas can be counted with --haproxy-socket, --kubernetes or --autoscaler",
}
_ELASTICITY = {**_REPLICAS, "capacity_remedy": "give --capacity-per-replica in starts per second"}
_OF_ELASTICITY = ("scaling_lag", "under_provisioning", "over_provisioning", "scaling_stability", "scale_in")
UNSAID: Mapping[str, Mapping[str, Scalar]] = {
    **dict.fromkeys(_OF_A_BREAKER, _BREAKER),
    "connections_agree": {
        "metric": "target_feed_connections",
        "remedy": "give the addresses of all its processes with --api-urls",
    },
    "fail_open": {"remedy": "plan one with --fault"},
    "leaked_connections": {"remedy": _POOL},
    "long_transactions": {"remedy": "name a role that may see them with --postgres-admin"},
    "pool_saturation": {"remedy": _POOL},
    "pool_stable": {"remedy": _POOL},
    "reconnect_time": {"connections": "/feed"},
    **dict.fromkeys(_OF_ELASTICITY, _ELASTICITY),
    "scaling_errors": _REPLICAS,
}
"""Criterion → parameters that were the defaults of its file, and that a scenario gives now."""


def upgraded(header: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a header of format 1 as format 2 has it."""
    criteria = [{**spec, "parameters": _completed(spec, header)} for spec in header["criteria"]]
    faults = [{"description": plan.get("told", ""), **plan} for plan in header.get("faults", ())]
    return {**header, "criteria": criteria, "faults": faults}


def _completed(spec: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a criterion, with what it knew by itself."""
    parameters = {**UNSAID.get(spec["criterion"], {}), **spec["parameters"]}
    # An option of the shape, to which the criteria looked where they were given no capacity.
    capacity_per_s = header.get("parameters", {}).get("capacity_per_replica")
    if spec["criterion"] in _OF_ELASTICITY and isinstance(capacity_per_s, int | float):
        parameters["capacity_per_s"] = parameters.get("capacity_per_s") or capacity_per_s
    return parameters
