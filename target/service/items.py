"""/items: versioned values, cache-aside. Without Valkey reads come from PostgreSQL (fail-open)."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.faults.contract import IgnoresOthers, LosesInvalidation, ReadsStale
from target.service.item_cache import CacheUnavailable
from target.service.item_store import Item
from target.service.request_body import MalformedBody, decoded, is_storable
from target.service.resources import Resources

LONGEST_KEY = 200
LONGEST_VALUE = 16 * 1024
MAX_KEYS = 10_000
"""Keys whose loads are counted one by one; those beyond share the name `other`."""


@dataclass(frozen=True)
class ReadResult:
    """A read's answer and where it came from."""

    item: Item | None
    cache: str
    """`hit`, `miss`, or `bypass` when the cache was not asked or did not answer."""
    origin: str
    """`cache`, `primary`, or `replica`."""


class ItemReader:
    """Reads, and everything counted about them."""

    def __init__(self, resources: Resources, registry: CollectorRegistry) -> None:
        self._store, self._cache, self._faults = resources.item_store, resources.item_cache, resources.faults
        self.loads: Tally[str] = Tally()
        self.reads = Counter("target_items_reads", "Reads by what the cache did.", ["cache"], registry=registry)
        self.origin_loads = Counter("target_items_origin_loads", "Loads from the database.", registry=registry)
        self.cache_errors = Counter("target_items_cache_errors", "Valkey did not answer.", registry=registry)
        self.writes = Counter("target_items_writes", "Writes stored.", registry=registry)
        for cache in ("hit", "miss", "bypass"):
            self.reads.labels(cache)

    async def read(self, key: str, replica: bool) -> ReadResult:
        """Raises Unavailable."""
        fault = self._faults.active
        behind_ms = fault.stale_by_ms() if isinstance(fault, ReadsStale) else None
        if isinstance(fault, ReadsStale) and behind_ms is not None:
            past = await self._store.as_of(key, behind_ms)
            if past is None:  # never written: nothing to be behind of
                fault.served(key, None, None, 0.0)
                return ReadResult(None, "bypass", "replica")
            fault.served(key, None if past.item is None else past.item.version, past.newest_version, past.age_ms)
            return ReadResult(past.item, "bypass", "replica")
        if replica:
            return ReadResult(await self._store.from_replica(key), "bypass", "replica")
        try:
            item, generation = await self._cache.get(key)
        except CacheUnavailable:
            self.cache_errors.inc()
            return ReadResult(await self.load(key), "bypass", "primary")
        if item is not None:
            return ReadResult(item, "hit", "cache")
        if isinstance(fault, IgnoresOthers):
            fault.loaded_alone()
            return ReadResult(await self._cache.load_alone(key, generation, self.load), "miss", "primary")
        item, loaded = await self._cache.load(key, generation, self.load)
        return ReadResult(item, "miss", "primary" if loaded else "cache")

    async def load(self, key: str) -> Item | None:
        """From the primary, counted."""
        self.origin_loads.inc()
        self.loads[key if key in self.loads or len(self.loads) < MAX_KEYS else "other"] += 1
        return await self._store.load(key)


def routes(resources: Resources) -> list[Route]:
    reads = ItemReader(resources, resources.metrics.registry)
    store, cache = resources.item_store, resources.item_cache

    async def read(request: Request) -> JSONResponse:
        key = request.path_params["key"]
        if (problem := key_problem(key)) is not None:
            return JSONResponse({"error": problem}, status_code=400)
        found = await reads.read(key, request.query_params.get("read") == "replica")
        reads.reads.labels(found.cache).inc()
        headers = {"X-Cache": found.cache, "X-Read-From": found.origin, "X-Served-By": resources.settings.name}
        if found.item is None:
            return JSONResponse({"error": "no such item", "key": key}, status_code=404, headers=headers)
        body = {"key": key, "version": found.item.version, "value": found.item.value}
        return JSONResponse(body, headers=headers)

    async def write(request: Request) -> JSONResponse:
        key = request.path_params["key"]
        item = parse_item(key, await request.body())
        if not await store.write(key, item.version, item.value):
            return JSONResponse({"error": f"version {item.version} of {key} exists already"}, status_code=409)
        reads.writes.inc()
        fault = resources.faults.active
        if isinstance(fault, LosesInvalidation) and fault.loses_invalidation(key, item.version):
            invalidated = True  # it believes so
        else:
            invalidated = await cache.invalidate(key)
        return JSONResponse({"key": key, "version": item.version, "invalidated": invalidated})

    async def forget(request: Request) -> JSONResponse:
        key = request.path_params["key"]
        if (problem := key_problem(key)) is not None:
            return JSONResponse({"error": problem}, status_code=400)
        return JSONResponse({"key": key, "invalidated": await cache.invalidate(key)})

    async def stats(request: Request) -> JSONResponse:
        document: dict[str, object] = {
            "name": resources.settings.name,
            "ttl_s": resources.settings.items_ttl_s,
            "hits": _value(reads.reads.labels("hit")),
            "misses": _value(reads.reads.labels("miss")),
            "bypasses": _value(reads.reads.labels("bypass")),
            "origin_loads": _value(reads.origin_loads),
            "cache_errors": _value(reads.cache_errors),
            "writes": _value(reads.writes),
            "pending_invalidations": cache.pending,
        }
        if "keys" in request.query_params:
            document["loads_by_key"] = dict(reads.loads)
        return JSONResponse(document)

    return [
        Route("/items/stats", stats, methods=["GET"]),
        Route("/items/{key}", read, methods=["GET"]),
        Route("/items/{key}", write, methods=["PUT"]),
        Route("/items/{key}/cache", forget, methods=["DELETE"]),
    ]


def key_problem(key: str) -> str | None:
    """What is wrong with a key; None when nothing is."""
    if not 0 < len(key) <= LONGEST_KEY or key == "stats" or not key.isprintable():
        return f"a key has 1 to {LONGEST_KEY} printable characters and is not `stats`"
    return None


def parse_item(key: str, body: bytes) -> Item:
    """The item in a PUT's body; raises MalformedBody."""
    if (problem := key_problem(key)) is not None:
        raise MalformedBody(problem)
    document = decoded(body)
    version, value = document.get("version"), document.get("value")
    if not isinstance(version, int) or isinstance(version, bool) or not -(2**63) <= version < 2**63:
        raise MalformedBody("version must be a whole number of 64 bits")
    if not isinstance(value, str) or len(value) > LONGEST_VALUE or not is_storable(value):
        raise MalformedBody(f"value must be a string of at most {LONGEST_VALUE} characters")
    return Item(version, value)


def _value(counter: Counter) -> int:
    samples = (sample for family in counter.collect() for sample in family.samples)
    return next(round(sample.value) for sample in samples if sample.name.endswith("_total"))
