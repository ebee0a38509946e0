"""The one way in which the service says that it cannot serve right now: 503, Retry-After, and who is away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

RETRY_AFTER_S = 1
T = TypeVar("T")


class Unavailable(Exception):  # noqa: N818  # reads as what it is: 503 Unavailable
    """A dependency did not answer, or its pool stayed full."""

    def __init__(self, dependency: str, reason: str) -> None:
        super().__init__(f"{dependency}: {reason}")
        self.dependency = dependency
        self.reason = reason


async def within(limit_s: float, work: Coroutine[Any, Any, T], dependency: str) -> T:
    """Await `work` for at most `limit_s`, then raise Unavailable.

    The work is left running: cancelling a psycopg query waits for the server, which is what we must not do
    when the server is frozen. It ends, and gives its connection back, when the server answers or goes away.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=limit_s)
    if not done:
        task.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody awaits it any more
        raise Unavailable(dependency, f"no answer within {limit_s:g} s")
    return task.result()


async def answer_unavailable(_request: Request, error: Exception) -> Response:
    """Starlette's handler for Unavailable."""
    dependency = error.dependency if isinstance(error, Unavailable) else "service"
    reason = error.reason if isinstance(error, Unavailable) else "unavailable"
    return JSONResponse(
        {"error": "unavailable", "dependency": dependency, "reason": reason},
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
