"""What every feature of the service shares; built once for the process, closed once."""

from __future__ import annotations

from dataclasses import dataclass

from target.faults.switchboard import Switchboard
from target.service import tracing
from target.service.database import Database
from target.service.hub import Hub
from target.service.item_cache import ItemCache
from target.service.item_store import ItemStore
from target.service.leaving import Leaving
from target.service.metrics import Metrics
from target.service.passwords import Passwords
from target.service.pattern_cache import PatternCache
from target.service.rate_limit import RateLimit
from target.service.schema import Schema
from target.service.sessions import Sessions
from target.service.settings import ServiceSettings
from target.service.valkey_nodes import ValkeyNodes


@dataclass(frozen=True)
class Resources:
    """Handed to each feature's `routes`."""

    settings: ServiceSettings
    database: Database
    sessions: Sessions
    passwords: Passwords
    metrics: Metrics
    faults: Switchboard
    hub: Hub
    item_store: ItemStore
    item_cache: ItemCache
    module_cache: PatternCache
    rate_limit: RateLimit
    schema: Schema
    leaving: Leaving
    valkey_nodes: ValkeyNodes

    async def open(self) -> None:
        await self.database.open()
        await self.hub.open()
        self.item_cache.open()
        self.module_cache.open()
        self.schema.open()

    async def close(self) -> None:
        self.faults.switch_off()
        self.passwords.close()
        await self.hub.close()
        await self.schema.close()
        await self.item_cache.close()
        await self.module_cache.close()
        await self.rate_limit.close()
        await self.valkey_nodes.close()
        await self.sessions.close()
        await self.database.close()
        tracing.of(self.settings).close()


def build(settings: ServiceSettings) -> Resources:
    """Create (not yet open) everything; must run inside the event loop."""
    faults = Switchboard()
    database = Database(settings, faults)
    metrics = Metrics(database)
    return Resources(
        settings=settings,
        database=database,
        sessions=Sessions(settings),
        passwords=Passwords(settings.hash_threads, settings.hash_memory_kib, settings.hash_time_cost),
        metrics=metrics,
        faults=faults,
        hub=Hub(settings, metrics.registry, faults),
        item_store=ItemStore(database, settings.items_load_ms),
        item_cache=ItemCache(settings),
        module_cache=PatternCache(settings),
        rate_limit=RateLimit(settings, metrics.registry, faults),
        schema=Schema(database),
        leaving=Leaving(faults),
        valkey_nodes=ValkeyNodes(settings),
    )
