"""Prometheus metrics of this process: pools, logins, request durations, memory."""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target.service.database import Database

DURATION_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)


class DatabaseCollector(Collector):
    """Reads the pools' and the connection manager's own counters at scrape time, so that a login pays nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        """One gauge or counter per figure, labelled with the pool's or the node's name."""
        yield from self._pools()
        label = ["node"]
        role = GaugeMetricFamily("target_database_role", "1 primary, 0 replica, -1 unknown.", labels=label)
        lag = GaugeMetricFamily("target_replication_lag_seconds", "Age of the oldest write not there.", labels=label)
        reads = CounterMetricFamily("target_database_reads", "Reads answered.", labels=label)
        for node in self._database.monitor.nodes:
            role.add_metric([node.name], {"primary": 1, "replica": 0}.get(node.role, -1))
            if node.lag_s is not None:
                lag.add_metric([node.name], node.lag_s)
            reads.add_metric([node.name], self._database.reads[node.name])
        fallbacks, renewed = self._database.fallbacks, self._database.pools.renewed
        yield from (role, lag, reads)
        yield CounterMetricFamily("target_database_fallbacks", "Reads for want of a replica.", value=fallbacks)
        yield CounterMetricFamily("target_pools_renewed", "Pools replaced by new ones.", value=renewed)

    def _pools(self) -> Iterable[Metric]:
        label = ["pool"]
        size = GaugeMetricFamily("target_pool_size", "Connections the pool may hold.", labels=label)
        opened = GaugeMetricFamily("target_pool_open", "Connections that are open.", labels=label)
        in_use = GaugeMetricFamily("target_pool_in_use", "Connections handed out.", labels=label)
        waiting = GaugeMetricFamily("target_pool_waiting", "Requests waiting for one.", labels=label)
        waits = CounterMetricFamily("target_pool_wait_seconds", "Time spent waiting.", labels=label)
        errors = CounterMetricFamily("target_pool_timeouts", "Waits that got none.", labels=label)
        for name, figures in self._database.pools.figures().items():
            size.add_metric([name], figures.size)
            opened.add_metric([name], figures.open)
            in_use.add_metric([name], figures.in_use)
            waiting.add_metric([name], figures.waiting)
            waits.add_metric([name], figures.wait_s)
            errors.add_metric([name], figures.timeouts)
        return [size, opened, in_use, waiting, waits, errors]


class Metrics:
    """This process's registry; a registry of its own, so that tests may build several."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(DatabaseCollector(database))
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

        async def metrics(_request: Request) -> Response:
            return Response(generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

        return [Route("/metrics", metrics)]


class DurationMiddleware:
    """Times every HTTP request, and puts this process's name on its answer (`X-Instance`); unknown paths share one
    label, so that nobody can flood the registry."""

    def __init__(self, app: ASGIApp, metrics: Metrics, name: str) -> None:
        self._app = app
        self._metrics = metrics
        self._instance = (b"x-instance", name.encode("latin-1", "replace"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), self._instance]}
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
