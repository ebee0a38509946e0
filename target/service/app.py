"""The application: settings in, ASGI out. A new feature is one module and one line in FEATURES."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from target.service import (
    auth,
    database_route,
    fault_endpoint,
    feed,
    health,
    items,
    ledger,
    limited,
    modules,
    quote,
    tracing,
    work,
)
from target.service.leaving import LeavingMiddleware
from target.service.limited import RateLimitMiddleware
from target.service.metrics import DurationMiddleware
from target.service.request_body import MalformedBody, answer_malformed
from target.service.resources import Resources
from target.service.tracing import TracingMiddleware
from target.service.unavailable import Unavailable, answer_unavailable

FEATURES: tuple[Callable[[Resources], Sequence[BaseRoute]], ...] = (
    health.routes,
    auth.routes,
    feed.routes,
    items.routes,
    work.routes,
    quote.routes,
    ledger.routes,
    modules.routes,
    limited.routes,
    database_route.routes,
    fault_endpoint.routes,
)


def create(shared: Resources) -> ASGIApp:
    """The whole service; connects when the server starts its lifespan. Call inside the event loop."""
    settings = shared.settings
    routes = [*shared.metrics.routes(), *(route for feature in FEATURES for route in feature(shared))]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await shared.open()
        yield
        await shared.close()

    handlers = {Unavailable: answer_unavailable, MalformedBody: answer_malformed}
    app: ASGIApp = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    if settings.rate_limit_paths:
        app = RateLimitMiddleware(app, shared)
    app = DurationMiddleware(LeavingMiddleware(app, shared.leaving), shared.metrics, settings.name)
    traces = tracing.of(settings)
    return TracingMiddleware(app, traces) if traces.is_on else app
