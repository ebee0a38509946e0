"""Items in Valkey, beside PostgreSQL: nothing stale gets in, and one miss loads for all.

Each key has a generation, which every invalidation changes before it is answered. A loader notes the
generation before it reads the database and may store only while that is unchanged: a value read before a
write cannot be stored after it. For the same reason a reader joins only loads of the generation it saw.

A Valkey that was frozen does on waking what it was told before: there the store may come before an invalidation that
nobody answered. So a store is void once its loader has given it up, by Valkey's own clock.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from target.service import valkey_client
from target.service.item_store import Item
from target.service.settings import ServiceSettings

CONNECTIONS = 16
ANSWER_WITHIN_S = 0.25
"""Short: the database has the answer too."""

RETRY_AFTER_S = 1.0
"""After a failure reads leave the cache alone this long, so that not every read pays the wait."""

POLL_S = 0.005
PENDING_RETRY_S = 0.05

# What is there; else the generation, whether the caller is the one to load, and the time in ms.
CLAIM = """
local value = redis.call('GET', KEYS[1])
if value then return {value, '', 0, 0} end
local generation = redis.call('GET', KEYS[2]) or ''
local mine = redis.call('SET', KEYS[3] .. generation, ARGV[1], 'NX', 'PX', ARGV[2])
local time = redis.call('TIME')
return {false, generation, mine and 1 or 0, time[1] * 1000 + math.floor(time[2] / 1000)}
"""

# Give the claim back; store, if nothing was invalidated since and the loader still waits for it.
FILL = """
if redis.call('GET', KEYS[3] .. ARGV[2]) == ARGV[1] then redis.call('DEL', KEYS[3] .. ARGV[2]) end
if ARGV[3] == '' or (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[5]) then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
"""

INVALIDATE = """
redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
"""

Load = Callable[[str], Awaitable[Item | None]]


class CacheUnavailable(Exception):  # noqa: N818
    """Valkey did not answer: read the database."""


class ItemCache:
    """Cache-aside with single flight in this process and across processes."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._client = valkey_client.connect(settings, CONNECTIONS, ANSWER_WITHIN_S, ANSWER_WITHIN_S)
        self._claim, self._fill, self._invalidate = map(self._client.register_script, (CLAIM, FILL, INVALIDATE))
        self._ttl_ms = max(1, round(settings.items_ttl_s * 1000))
        slowest_s = settings.pool_wait_s + settings.query_timeout_s + settings.items_load_ms / 1000
        self._claim_s = slowest_s
        self._generation_ms = round(max(60.0, 4 * slowest_s) * 1000)
        self._flights: dict[tuple[str, str], asyncio.Task[tuple[Item | None, bool]]] = {}
        self._retry_at_s = 0.0
        self._pending: set[str] = set()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start retrying invalidations that Valkey did not take."""
        self._task = asyncio.create_task(self._retry_invalidations())

    async def close(self) -> None:
        self._closing = True
        await valkey_client.finish(self._task, self._client)

    @property
    def pending(self) -> int:
        """Invalidations still to be retried."""
        return len(self._pending)

    async def get(self, key: str) -> tuple[Item | None, str]:
        """The cached item, and the generation for a miss; raises CacheUnavailable."""
        if key in self._pending or time.monotonic() < self._retry_at_s:
            raise CacheUnavailable
        try:
            found: list[Any] = await self._client.mget(_item(key), _generation(key))
        except valkey_client.UNAVAILABLE_ERRORS as error:
            raise self._mark_unavailable() from error
        return _decoded(found[0]), found[1] or ""

    async def load(self, key: str, generation: str, load: Load) -> tuple[Item | None, bool]:
        """After a miss: the item, and whether this call is the one that loaded it. Raises what `load` raises."""
        flight = self._flights.get((key, generation))
        if flight is not None:
            item, _ = await asyncio.shield(flight)
            return item, False
        flight = asyncio.ensure_future(self._load_once(key, load))
        self._flights[key, generation] = flight
        flight.add_done_callback(lambda _: self._flights.pop((key, generation), None))
        return await asyncio.shield(flight)

    async def _load_once(self, key: str, load: Load) -> tuple[Item | None, bool]:
        token, deadline = secrets.token_hex(8), time.monotonic() + self._claim_s
        while time.monotonic() < deadline:
            try:
                text, generation, mine, told_ms = await self._claim(
                    keys=_names(key), args=[token, round(self._claim_s * 1000)]
                )
            except valkey_client.UNAVAILABLE_ERRORS:
                self._mark_unavailable()
                break
            told_s = time.monotonic()
            if text:
                return _decoded(text), False
            if mine:
                item: Item | None = None
                try:
                    item = await load(key)
                finally:
                    await self._store(key, token, generation, item, told_ms, told_s)
                return item, True
            await asyncio.sleep(POLL_S)
        return await load(key), True

    async def load_alone(self, key: str, generation: str, load: Load) -> Item | None:
        """After a miss, without looking whether somebody else is loading."""
        try:
            seconds, microseconds = await self._client.time()
        except valkey_client.UNAVAILABLE_ERRORS:
            self._mark_unavailable()
            return await load(key)
        told_s = time.monotonic()
        item = await load(key)
        await self._store(key, "", generation, item, seconds * 1000 + microseconds // 1000, told_s)
        return item

    async def _store(
        self, key: str, token: str, generation: str, item: Item | None, told_ms: int, told_s: float
    ) -> None:
        """Valkey's clock had said ``told_ms`` before ours said ``told_s``: the last instant is early, never late."""
        text = "" if item is None else json.dumps([item.version, item.value])
        until_ms = told_ms + round((time.monotonic() - told_s + ANSWER_WITHIN_S) * 1000)
        with suppress(*valkey_client.UNAVAILABLE_ERRORS):
            await self._fill(keys=_names(key), args=[token, generation, text, self._ttl_ms, until_ms])

    async def invalidate(self, key: str) -> bool:
        """Forget the item; False when Valkey did not take it: then it is tried again until it does."""
        try:
            await self._invalidate(keys=_names(key)[:2], args=[self._generation_ms])
        except valkey_client.UNAVAILABLE_ERRORS:
            self._mark_unavailable()
            self._pending.add(key)
            return False
        self._pending.discard(key)
        return True

    async def _retry_invalidations(self) -> None:
        while not self._closing:
            await asyncio.sleep(PENDING_RETRY_S)
            for key in list(self._pending):
                if not await self.invalidate(key):
                    break

    def _mark_unavailable(self) -> CacheUnavailable:
        self._retry_at_s = time.monotonic() + RETRY_AFTER_S
        return CacheUnavailable()


def _item(key: str) -> str:
    return f"item:{key}"


def _generation(key: str) -> str:
    return f"item-generation:{key}"


def _names(key: str) -> list[str]:
    return [_item(key), _generation(key), f"item-claim:{key}:"]


def _decoded(text: str | None) -> Item | None:
    return Item(*json.loads(text)) if text else None
