"""The application: settings in, ASGI out. A new feature is one module and one line in FEATURES."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from target.service import auth, fault_endpoint, feed, health, items, quote, resources, work
from target.service.metrics import DurationMiddleware
from target.service.resources import Resources
from target.service.settings import ServiceSettings
from target.service.unavailable import Unavailable, answer_unavailable

FEATURES: tuple[Callable[[Resources], Sequence[BaseRoute]], ...] = (
    health.routes,
    auth.routes,
    feed.routes,
    items.routes,
    work.routes,
    quote.routes,
    fault_endpoint.routes,
)


def create(settings: ServiceSettings) -> ASGIApp:
    """The whole service; connects when the server starts its lifespan. Call inside the event loop."""
    shared = resources.build(settings)
    routes = [*shared.metrics.routes(), *(route for feature in FEATURES for route in feature(shared))]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await shared.open()
        yield
        await shared.close()

    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={Unavailable: answer_unavailable})
    return DurationMiddleware(app, shared.metrics)
