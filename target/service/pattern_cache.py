"""Answers in Valkey, forgotten by pattern: what SCAN finds is deleted, and nothing that was read before gets in later.

Every invalidation raises one number, the generation, before it deletes. Who loads after a miss has noted the number
before he read the database, and may store only while it is the same: neither an answer from before a write, nor one
that SCAN has passed by, is there afterwards. Without Valkey everything is read from the database (fail-open).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from target.service import valkey_client
from target.service.settings import ServiceSettings

CONNECTIONS = 16
ANSWER_WITHIN_S = 0.25
"""Short: the database has the answer too."""

RETRY_AFTER_S = 1.0
"""After a failure the cache is left alone this long, so that not every read pays the wait."""

PENDING_RETRY_S = 0.05
SCAN_COUNT = 1000
PREFIX = "modules"
GENERATION = f"{PREFIX}-generation"

FILL = """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


@dataclass(frozen=True)
class Cached:
    """A document, and what the cache did for it: `hit`, `miss` or `bypass`."""

    document: Any
    cache: str


class PatternCache:
    """Cache-aside for JSON documents."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._client = valkey_client.connect(settings, CONNECTIONS, ANSWER_WITHIN_S, ANSWER_WITHIN_S)
        self._fill = self._client.register_script(FILL)
        self._ttl_ms = max(1, round(settings.modules_ttl_s * 1000))
        self._retry_at_s = 0.0
        self._pending: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.errors = 0
        """Times that Valkey did not answer."""
        self.forgotten = 0
        """Keys that were deleted."""

    def open(self) -> None:
        """Start making up for invalidations that Valkey did not take."""
        self._task = asyncio.create_task(self._retry())

    async def close(self) -> None:
        await valkey_client.finish(self._task, self._client)

    @property
    def pending(self) -> int:
        """Patterns still to be forgotten; until then every read bypasses the cache."""
        return len(self._pending)

    async def read(self, key: str, load: Callable[[], Awaitable[Any]]) -> Cached:
        """The document of `key`; None is not kept. Raises what `load` raises."""
        if self._pending or time.monotonic() < self._retry_at_s:
            return Cached(await load(), "bypass")
        name = f"{PREFIX}:{key}"
        try:
            text, generation = await self._client.mget(name, GENERATION)
        except valkey_client.UNAVAILABLE_ERRORS:
            self._failed()
            return Cached(await load(), "bypass")
        if text is not None:
            return Cached(json.loads(text), "hit")
        document = await load()
        if document is not None:
            try:
                await self._fill(keys=[name, GENERATION], args=[generation or "", json.dumps(document), self._ttl_ms])
            except valkey_client.UNAVAILABLE_ERRORS:
                self._failed()
        return Cached(document, "miss")

    async def forget(self, *patterns: str) -> bool:
        """Forget all keys of these patterns (`*` is any text). False when Valkey did not take it: then it is tried
        again until it does."""
        try:
            await self._client.incr(GENERATION)
            for pattern in patterns:
                async for key in self._client.scan_iter(match=f"{PREFIX}:{pattern}", count=SCAN_COUNT):
                    self.forgotten += await self._client.unlink(key)
        except valkey_client.UNAVAILABLE_ERRORS:
            self._failed()
            self._pending.update(patterns)
            return False
        self._pending.difference_update(patterns)
        return True

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(PENDING_RETRY_S)
            if self._pending:
                await self.forget(*self._pending)

    def _failed(self) -> None:
        self.errors += 1
        self._retry_at_s = time.monotonic() + RETRY_AFTER_S
