"""Which Valkey server is the primary, and which replicas it has: from the server itself, or from its Sentinels."""

from __future__ import annotations

import asyncio
from typing import Any

from target.service import valkey_client
from target.service.settings import ServiceSettings


class ValkeyNodes:
    """Asks when somebody wants to know."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._service = settings.valkey_service
        self._sentinel = valkey_client.sentinels(settings)
        self._client = valkey_client.connect(settings, 1, 0.5, 0.5) if self._sentinel is None else None

    async def described(self, limit_s: float) -> list[dict[str, Any]]:
        """Each server with `name` (`host:port`), `role` and `state`; empty when nobody answers in time."""
        try:
            async with asyncio.timeout(limit_s):
                return await (self._from_server() if self._sentinel is None else self._from_sentinels())
        except valkey_client.UNAVAILABLE_ERRORS:
            return []

    async def close(self) -> None:
        clients = [] if self._client is None else [self._client]
        await valkey_client.finish(None, *clients, *([] if self._sentinel is None else self._sentinel.sentinels))

    async def _from_server(self) -> list[dict[str, Any]]:
        assert self._client is not None
        info = await self._client.info("replication")
        options = self._client.connection_pool.connection_kwargs
        name = f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        return [{"name": name, "role": _role(info.get("role")), "state": "ok"}]

    async def _from_sentinels(self) -> list[dict[str, Any]]:
        assert self._sentinel is not None
        for sentinel in self._sentinel.sentinels:
            try:
                primary: Any = await sentinel.sentinel_master(self._service)
                replicas: Any = await sentinel.sentinel_slaves(self._service)
            except valkey_client.UNAVAILABLE_ERRORS:
                continue
            return [_described(primary, "primary"), *(_described(replica, "replica") for replica in replicas)]
        return []


def _described(server: dict[str, Any], role: str) -> dict[str, Any]:
    down = server.get("is_odown") or server.get("is_sdown")
    return {"name": f"{server['ip']}:{server['port']}", "role": role, "state": "down" if down else "ok"}


def _role(said: object) -> str:
    return {"master": "primary", "slave": "replica"}.get(str(said), "unknown")
