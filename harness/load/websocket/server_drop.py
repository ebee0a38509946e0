"""Who drops everybody that is connected to a feed: the server, where it has a switch for it, or else the clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.faults import PlannedFault, load
from harness.load.websocket.feed import FeedOptions
from harness.plugins import parameter
from harness.probes import ProbeData, planned

GAUGE = "target_feed_connections"
"""The server's own count of its connections."""


class DropOptions(FeedOptions):
    """Options of a scenario in which the users of a feed are dropped."""

    cut: str = parameter("", "who drops everybody; empty: the server if it can", choices=("", "client", "server"))
    api_urls: tuple[str, ...] = parameter((), "addresses of the service's processes, whose /metrics have the gauge")
    fault_path: str = parameter("", "path at each of them to which a PUT of the fault drop_all ends all connections")
    fault_token: str = parameter("", "bearer token of that path", secret=True)


def is_possible(options: Any) -> bool:
    """Whether the server does it; otherwise the clients have to."""
    return bool(_switches(options))


def drop_all(options: Any, at: str) -> Iterator[PlannedFault]:
    """Each of the service's processes ends all its connections; none where the clients do."""
    drop = {"body": '{"fault": "drop_all", "parameters": {}}', "token": options.fault_token, "label": "drop_all"}
    for url in _switches(options):
        yield PlannedFault(load("http_toggle", url=url, **drop), at=at, for_s=1)


def gauges(options: Any) -> Iterator[ProbeData]:
    if options.api_urls:
        yield planned("prometheus", urls=[f"{url}/metrics" for url in options.api_urls], metrics=[GAUGE])


def problems(options: Any) -> Iterator[str]:
    """What keeps everybody from being dropped as wanted, with the remedy."""
    if options.cut == "server" and not is_possible(options):
        yield "--cut server: name the target's fault switch with --api-urls and --fault-path, or let the client cut"


def _switches(options: Any) -> list[str]:
    return [url + options.fault_path for url in options.api_urls if options.fault_path and options.cut != "client"]
