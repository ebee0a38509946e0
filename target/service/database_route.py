"""GET /database: what this process knows of the database nodes, and how it uses them."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.service.database_node import DatabaseNode
from target.service.resources import Resources


def routes(resources: Resources) -> list[Route]:
    database, settings = resources.database, resources.settings

    async def show(_request: Request) -> JSONResponse:
        primary = database.monitor.primary()
        return JSONResponse(
            {
                "instance": settings.name,
                "primary": None if primary is None else primary.name,
                "readable": [node.name for node in database.readable()],
                "max_lag_s": settings.replica_max_lag_s,
                "nodes": [described(node) | {"reads": database.reads[node.name]} for node in database.monitor.nodes],
                "fallbacks": database.fallbacks,
                "pools_renewed": database.pools.renewed,
                "pools": {name: dataclasses.asdict(figures) for name, figures in database.pools.figures().items()},
            }
        )

    return [Route("/database", show, methods=["GET"])]


def described(node: DatabaseNode) -> dict[str, Any]:
    """One node, as of the last question."""
    age_s = None if node.answered_at_s is None else round(time.monotonic() - node.answered_at_s, 3)
    return {
        "name": node.name,
        "role": node.role,
        "state": "ok" if node.reachable else "down",
        "lag_s": None if node.lag_s is None else round(node.lag_s, 3),
        "timeline": node.answer.timeline if node.reachable and node.answer is not None else None,
        "answered_ago_s": age_s,
        "reason": node.reason,
    }
