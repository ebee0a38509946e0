"""Prometheus metrics of this process: pools, logins, request durations, memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target.service.database import Pool

DURATION_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)


class PoolCollector(Collector):
    """Reads the pools' own counters at scrape time, so that a login pays nothing for them."""

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        """One gauge or counter per figure, labelled with the pool's name."""
        label = ["pool"]
        size = GaugeMetricFamily("target_pool_size", "Connections the pool may hold.", labels=label)
        opened = GaugeMetricFamily("target_pool_open", "Connections that are open.", labels=label)
        in_use = GaugeMetricFamily("target_pool_in_use", "Connections handed out.", labels=label)
        waiting = GaugeMetricFamily("target_pool_waiting", "Requests waiting for one.", labels=label)
        waits = CounterMetricFamily("target_pool_wait_seconds", "Time spent waiting.", labels=label)
        errors = CounterMetricFamily("target_pool_timeouts", "Waits that got none.", labels=label)
        for name, pool in self._pools.items():
            stats = pool.get_stats()
            open_now = stats.get("pool_size", 0)
            size.add_metric([name], stats.get("pool_max", 0))
            opened.add_metric([name], open_now)
            in_use.add_metric([name], max(0, open_now - stats.get("pool_available", 0)))
            waiting.add_metric([name], stats.get("requests_waiting", 0))
            waits.add_metric([name], stats.get("requests_wait_ms", 0) / 1000)
            errors.add_metric([name], stats.get("requests_errors", 0))
        return [size, opened, in_use, waiting, waits, errors]


class Metrics:
    """This process's registry; a registry of its own, so that tests may build several."""

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(PoolCollector(pools))
        ProcessCollector(registry=self.registry)
        self.logins = Counter("target_logins", "Logins by outcome.", ["outcome"], registry=self.registry)
        self.in_flight = Gauge(
            "target_requests_in_flight",
            "HTTP requests that were received and are not answered yet, but for those for this page.",
            registry=self.registry,
        )
        self.durations = Histogram(
            "target_request_duration_seconds",
            "From the request's arrival in the application to the end of the response.",
            ["route", "status"],
            buckets=DURATION_BUCKETS_S,
            registry=self.registry,
        )
        for outcome in ("ok", "wrong", "malformed", "unavailable"):
            self.logins.labels(outcome)  # present from the start: a missing series is not a zero

    def routes(self) -> list[Route]:
        """GET /metrics."""

        async def metrics(_request: Request) -> Response:
            return Response(generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

        return [Route("/metrics", metrics)]


class DurationMiddleware:
    """Times every HTTP request; unknown paths share one label, so that nobody can flood the registry."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        counted = scope["path"] != "/metrics"  # whoever looks is not what he looks for
        self._metrics.in_flight.inc(counted)
        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.in_flight.dec(counted)
            found = scope.get("route")  # Starlette's router notes it: /items/{key}, not the key
            route = found.path if isinstance(found, Route) else "other"
            self._metrics.durations.labels(route, str(status)).observe(time.perf_counter() - started_s)
