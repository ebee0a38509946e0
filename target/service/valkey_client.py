"""Clients of Valkey: bounded pools, one retry, deadlines; the primary that the Sentinels name, where there are any."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import redis.asyncio as valkey
from redis.asyncio.connection import BlockingConnectionPool, parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from target.service import tracing
from target.service.settings import ServiceSettings

CLOSED_WITHIN_S = 0.5
SENTINEL_ANSWERS_WITHIN_S = 0.25
"""One after the other is asked: a frozen one may not cost more than this."""

FAILOVER_ANSWER_WITHIN_S = 0.5
"""Where another primary may be found there is no sense in waiting long for this one."""

UNAVAILABLE_ERRORS = (RedisError, OSError, TimeoutError)
"""Whatever the client raises when the server does not answer."""


class BlockingSentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the primary that the Sentinels name when they are opened; waits when all are taken.

    A connection that fails, or whose server says that it is a replica now, is closed, and the next one asks anew.
    """


class TracedValkey(valkey.Redis):
    """A client with a span around each command."""

    traces: tracing.Tracing

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        with self.traces.valkey(str(args[0])):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # the library's


async def finish(task: asyncio.Task[None] | None, *clients: valkey.Redis) -> None:
    """Cancel a background task and close its clients. Bounded: a client may swallow the one cancellation, and
    closing a connection to a server that is just dying may wait."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSED_WITHIN_S)
    for client in clients:
        with suppress(*UNAVAILABLE_ERRORS):
            await asyncio.wait_for(client.aclose(), CLOSED_WITHIN_S)


def connect(settings: ServiceSettings, connections: int, wait_s: float, answer_s: float | None) -> valkey.Redis:
    """A client with at most `connections`; `answer_s` None waits for ever, as a subscriber has to."""
    traces = tracing.of(settings)
    if not traces.is_on:
        return valkey.Redis.from_pool(pool(settings, connections, wait_s, answer_s))
    client = TracedValkey.from_pool(pool(settings, connections, wait_s, answer_s))
    assert isinstance(client, TracedValkey)  # its annotation says Redis
    client.traces = traces
    return client


def pool(
    settings: ServiceSettings, connections: int, wait_s: float, answer_s: float | None
) -> valkey.BlockingConnectionPool:
    """The pool of such a client."""
    sentinel = sentinels(settings)
    if sentinel is not None and answer_s is not None:
        answer_s = min(answer_s, FAILOVER_ANSWER_WITHIN_S)
    options = {
        "max_connections": connections,
        "timeout": wait_s,
        "socket_timeout": answer_s,
        "socket_connect_timeout": 2.0 if answer_s is None else answer_s,
        "retry": Retry(NoBackoff(), 1),
        "decode_responses": True,
    }
    if sentinel is None:
        return valkey.BlockingConnectionPool.from_url(settings.valkey_url, **options)
    account = {key: value for key, value in parse_url(settings.valkey_url).items() if key in ACCOUNT}
    return BlockingSentinelPool(  # type: ignore[no-untyped-call]  # the library's
        settings.valkey_service, sentinel, is_master=True, **account, **options
    )


ACCOUNT = ("username", "password", "db")
"""Parts of the URL that hold for whichever server is the primary."""


def sentinels(settings: ServiceSettings) -> Sentinel | None:
    """The Sentinels of the settings; None when there are none. Each is `host:port`, or `:password@host:port`."""
    if not settings.valkey_sentinels:
        return None
    parts = [urlsplit(f"//{address}") for address in settings.valkey_sentinels.split()]
    password = next((unquote(part.password) for part in parts if part.password), None)
    return Sentinel(  # type: ignore[no-untyped-call]  # the library's
        [(part.hostname, part.port) for part in parts],
        sentinel_kwargs={
            "socket_timeout": SENTINEL_ANSWERS_WITHIN_S,
            "socket_connect_timeout": SENTINEL_ANSWERS_WITHIN_S,
            "retry": Retry(NoBackoff(), 0),
            "decode_responses": True,
            "password": password,
        },
    )
