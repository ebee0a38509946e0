"""Clients of Valkey: bounded pools, one retry, deadlines."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import redis.asyncio as valkey
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

CLOSED_WITHIN_S = 0.5
UNAVAILABLE_ERRORS = (RedisError, OSError, TimeoutError)
"""Whatever the client raises when the server does not answer."""


async def finish(task: asyncio.Task[None] | None, *clients: valkey.Redis) -> None:
    """Cancel a background task and close its clients. Bounded: a client may swallow the one cancellation, and
    closing a connection to a server that is just dying may wait."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSED_WITHIN_S)
    for client in clients:
        with suppress(*UNAVAILABLE_ERRORS):
            await asyncio.wait_for(client.aclose(), CLOSED_WITHIN_S)


def connect(url: str, connections: int, wait_s: float, answer_s: float | None) -> valkey.Redis:
    """A client with at most `connections`; `answer_s` None waits for ever, as a subscriber has to."""
    pool: valkey.BlockingConnectionPool = valkey.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=wait_s,
        socket_timeout=answer_s,
        socket_connect_timeout=2.0 if answer_s is None else answer_s,
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )
    return valkey.Redis.from_pool(pool)
