"""Recordings of format 1: what their headers left unsaid is said here, so that they are judged as they always were.

Until format 2 some criteria knew the names of one target's metrics, and the options of one scenario, by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.recording import Scalar

_POOL = "name the metrics pages of the service's processes with --api-urls"
UNSAID: Mapping[str, Mapping[str, Scalar]] = {
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
}
"""Criterion → parameters that were the defaults of its file, and that a scenario gives now."""


def upgraded(header: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a header of format 1 as format 2 has it."""
    criteria = [
        {**spec, "parameters": {**UNSAID.get(spec["criterion"], {}), **spec["parameters"]}}
        for spec in header["criteria"]
    ]
    faults = [{"description": plan.get("told", ""), **plan} for plan in header.get("faults", ())]
    return {**header, "criteria": criteria, "faults": faults}
