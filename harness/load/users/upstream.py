"""The upstream of a service with a circuit breaker: what makes it fail for a while, and what tells of both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.faults import PlannedFault, http_toggle
from harness.load.users.guarded import GuardedOptions
from harness.plugins import parameter
from harness.probes.prometheus import Prometheus
from harness.recording.values import Scalar

WITNESSES: Mapping[str, Scalar] = {
    "dependency": "upstream_calls_received_total",
    "state": "target_breaker_state",
    **{name: f"target_breaker_{name}_total" for name in ("opens", "closes", "probes")},
    "fault_remedy": "give --upstream-switch and --upstream-token, or a --fault of your own",
    "dependency_remedy": "give --upstream, where the dependency counts its calls",
    "state_remedy": "give --api-urls",
    "signature_remedy": "give --breaker-signature",
}
"""Parameters of the criteria of a breaker, for the metrics of docs/scenarios.md."""


class UpstreamOptions(GuardedOptions):
    """Options of a scenario that makes the upstream of its users' service fail."""

    failure: str = parameter("errors", "how it fails: errors, slowness, hang, or e.g. errors share=0.5", web=True)
    upstream_switch: str = parameter("", "URL that makes the upstream fail (PUT) and heals it (DELETE)")
    upstream_token: str = parameter("", "bearer token of that URL", secret=True)
    upstream: str = parameter("", "address of the upstream, whose /metrics count the calls it receives")
    api_urls: tuple[str, ...] = parameter((), "addresses of the service's processes, whose /metrics tell the state")


def upstream_failure(options: Any, at: str, for_s: float) -> Iterator[PlannedFault]:
    """Where the upstream has a switch. ``options`` are :class:`UpstreamOptions`."""
    if options.upstream_switch:
        name, *pairs = options.failure.split() or ["errors"]
        usual = {"errors": {"share": "1"}, "slowness": {"ms": "2000"}}.get(name, {})
        body = json.dumps({"failure": name, "parameters": dict(pair.partition("=")[::2] for pair in pairs) or usual})
        switch = {"url": options.upstream_switch, "token": options.upstream_token, "body": body}
        fault = http_toggle.HttpToggle(**switch, label=f"upstream: {options.failure}")
        yield PlannedFault(fault, at=at, for_s=for_s)


def breaker_counters(options: Any) -> Iterator[Prometheus]:
    """What the service says of its breakers, and the upstream of its calls."""
    if options.api_urls:
        yield Prometheus(tuple(f"{url.rstrip('/')}/metrics" for url in options.api_urls), ("target_breaker_*",))
    if options.upstream:
        yield Prometheus((f"{options.upstream.rstrip('/')}/metrics",), ("upstream_calls_*",))
