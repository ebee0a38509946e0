"""GET /quote: asks the upstream, through a circuit breaker."""

from __future__ import annotations

import dataclasses
import math

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.service.breaker import Breaker, BreakerOpen
from target.service.resources import Resources
from target.service.unavailable import Unavailable
from target.service.upstream_client import UpstreamFailed, get_json

STATUS = {"error": 502, "unreachable": 502, "timeout": 504}


def routes(resources: Resources) -> list[Route]:
    settings, registry = resources.settings, resources.metrics.registry
    breaker = Breaker(settings.breaker_threshold, settings.breaker_rest_s, registry, resources.faults)
    quotes = Counter("target_quotes", "Quotes by outcome.", ["outcome"], registry=registry)
    for outcome in ("ok", "error", "timeout", "unreachable", "fast_fail"):
        quotes.labels(outcome)

    async def quote(_request: Request) -> JSONResponse:
        if not settings.upstream_url:
            raise Unavailable("upstream", "TARGET_UPSTREAM_URL is not set")
        try:
            document = await breaker.call(
                lambda: get_json(settings.upstream_url + "/quote", settings.upstream_timeout_s)
            )
        except BreakerOpen:
            quotes.labels("fast_fail").inc()
            return _answer(503, {"error": "breaker open"}, {"Retry-After": str(math.ceil(settings.breaker_rest_s))})
        except UpstreamFailed as error:
            quotes.labels(error.kind).inc()
            return _answer(STATUS[error.kind], {"error": error.kind, "reason": error.reason}, {})
        quotes.labels("ok").inc()
        return _answer(200, document, {})

    def _answer(status: int, document: dict[str, object], headers: dict[str, str]) -> JSONResponse:
        body = {**document, "breaker": breaker.state, "name": settings.name}
        return JSONResponse(body, status_code=status, headers={**headers, "X-Breaker": breaker.state})

    async def state(_request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "name": settings.name,
                "state": breaker.state,
                "failures_in_a_row": breaker.failures_in_a_row,
                "threshold": breaker.threshold,
                "rest_s": breaker.rest_s,
                "timeout_s": settings.upstream_timeout_s,
                "opens": breaker.opens,
                "closes": breaker.closes,
                "probes": breaker.probes,
                "fast_fails": breaker.fast_fails,
                "transitions": [dataclasses.asdict(transition) for transition in breaker.transitions],
            }
        )

    return [Route("/quote", quote), Route("/quote/breaker", state)]
