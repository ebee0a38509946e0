"""GET /db/work?ms=N: holds a connection of the primary's pool for a query of N milliseconds."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.faults.contract import KeepsConnection, LeavesTransaction, SlowsQuery
from target.service import tracing
from target.service.database_pools import NodeConnection, Pool
from target.service.resources import Resources
from target.service.unavailable import Unavailable, within

LONGEST_MS = 60_000.0
DEPENDENCY = "postgres_primary"


@dataclass(frozen=True)
class Timed:
    """The two parts of one piece of work."""

    wait_ms: float
    query_ms: float


def routes(resources: Resources) -> list[Route]:
    settings, database, faults = resources.settings, resources.database, resources.faults
    traces = tracing.of(settings)
    kept: list[tuple[Pool, NodeConnection]] = []
    giving_back: set[asyncio.Task[None]] = set()

    def release() -> None:
        """The fault changed: give back what it kept."""
        if kept:
            task = asyncio.get_running_loop().create_task(_give_back(kept[:]))
            kept.clear()
            giving_back.add(task)
            task.add_done_callback(giving_back.discard)

    faults.on_change(release)

    async def work(request: Request) -> JSONResponse:
        try:
            asked_ms = float(request.query_params.get("ms", "10"))
        except ValueError:
            asked_ms = math.nan
        if not 0 <= asked_ms <= LONGEST_MS:
            return JSONResponse({"error": f"ms must be a number from 0 to {LONGEST_MS:g}"}, status_code=400)
        fault = faults.active
        added_ms = fault.added_ms() if isinstance(fault, SlowsQuery) else 0.0
        limit_s = settings.pool_wait_s + settings.query_timeout_s + (asked_ms + added_ms) / 1000
        try:
            with traces.query(database.primary.name, "SELECT pg_sleep(%s)"):
                timed = await within(limit_s, hold(asked_ms + added_ms), DEPENDENCY)
        except PoolTimeout as error:
            reason = f"no connection of the pool was free within {settings.pool_wait_s:g} s"
            raise Unavailable(DEPENDENCY, reason) from error
        except psycopg.Error as error:
            raise Unavailable(DEPENDENCY, f"query failed ({type(error).__name__})") from error
        return JSONResponse(
            {
                "name": settings.name,
                "asked_ms": asked_ms,
                "wait_ms": round(timed.wait_ms, 3),
                "query_ms": round(timed.query_ms, 3),
            }
        )

    async def hold(sleep_ms: float) -> Timed:
        asked = time.perf_counter()
        pool = database.primary
        connection = await pool.getconn(timeout=settings.pool_wait_s)
        keep = False
        try:
            got = time.perf_counter()
            fault = faults.active
            if isinstance(fault, LeavesTransaction) and fault.leaves_transaction():
                keep = True
                await connection.execute("BEGIN")
            await connection.execute("SELECT pg_sleep(%s)", (sleep_ms / 1000,), prepare=True)
            if isinstance(fault, KeepsConnection) and fault.keeps_connection():
                keep = True
            return Timed((got - asked) * 1000, (time.perf_counter() - got) * 1000)
        finally:
            # A fault that was switched off meanwhile has nobody left to release what it keeps.
            if keep and fault is faults.active:
                kept.append((pool, connection))
            else:
                await _give_back([(pool, connection)])

    return [Route("/db/work", work)]


async def _give_back(connections: list[tuple[Pool, NodeConnection]]) -> None:
    for pool, connection in connections:
        await pool.putconn(connection)  # rolls an open transaction back
