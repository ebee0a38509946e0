"""GET /healthz (alive, whatever the servers do) and GET /readyz (every dependency by name)."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.service import database_route
from target.service.resources import Resources
from target.service.upstream_client import get_json

CHECK_WITHIN_S = 1.0


class NotThere(Exception):  # noqa: N818
    """The dependency answers, and is not what is needed; the text says how."""


@dataclass(frozen=True)
class Check:
    """The state of one dependency."""

    state: str
    """`ok` or `down`."""
    required: bool
    """Whether login needs it; only those make /readyz answer 503."""
    latency_ms: float
    reason: str | None = None


def routes(resources: Resources) -> list[Route]:
    settings = resources.settings

    async def healthz(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "alive", "name": settings.name, "pid": os.getpid()})

    async def readyz(_request: Request) -> JSONResponse:
        asked = {
            "postgres_primary": _check(True, lambda: _primary_answers(resources)),
            "postgres_replica": _check(False, lambda: _replica_answers(resources)),
            "valkey": _check(True, resources.sessions.ping),
        }
        if settings.upstream_url:
            asked["upstream"] = _check(False, lambda: _upstream_answers(settings.upstream_url))
        checks, valkey_nodes = await asyncio.gather(
            asyncio.gather(*asked.values()), resources.valkey_nodes.described(CHECK_WITHIN_S)
        )
        ready = all(check.state == "ok" for check in checks if check.required)
        return JSONResponse(
            {
                "status": "ready" if ready else "not ready",
                "name": settings.name,
                "dependencies": {name: dataclasses.asdict(check) for name, check in zip(asked, checks, strict=True)},
                "database_nodes": [database_route.described(node) for node in resources.database.monitor.nodes],
                "valkey_nodes": valkey_nodes,
            },
            status_code=200 if ready else 503,
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def _check(required: bool, ask: Callable[[], Awaitable[None]]) -> Check:
    started_s = time.perf_counter()
    reason: str | None = None
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            await ask()
    except TimeoutError:
        reason = f"no answer within {CHECK_WITHIN_S:g} s"
    except NotThere as error:
        reason = str(error)
    except Exception as error:  # whatever a client library raises, the dependency is not usable
        reason = type(error).__name__  # its text may hold an address with a password
    latency_ms = round((time.perf_counter() - started_s) * 1000, 3)
    return Check("ok" if reason is None else "down", required, latency_ms, reason)


async def _upstream_answers(url: str) -> None:
    await get_json(f"{url}/healthz", CHECK_WITHIN_S)


async def _primary_answers(resources: Resources) -> None:
    # A connection of its own: a full pool is a busy service, not a missing database.
    async with await psycopg.AsyncConnection.connect(resources.settings.primary_dsn, autocommit=True) as connection:
        row = await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()
    if row is not None and row[0]:
        raise NotThere("a replica answers")
    if not resources.schema.made:
        raise NotThere("the tables are not made yet")


async def _replica_answers(resources: Resources) -> None:
    await resources.database.monitor.ask_now()
    if not any(node.role == "replica" for node in resources.database.monitor.nodes):
        raise NotThere("no replica answers")
