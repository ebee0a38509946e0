"""A limit for each caller over all API processes: a moving window in Valkey, by `limits`; without Valkey all may pass.

Headers: `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-10, the older
`X-RateLimit-Limit`, `-Remaining` and `-Reset` (Unix time, seconds), `Retry-After` with a refusal, and
`X-RateLimit-State`: `enforced`, `fail-open` or `fail-closed`.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from prometheus_client import CollectorRegistry, Counter

from target.faults.contract import CountsAlone, FailsClosed, MisstatesRemaining
from target.faults.switchboard import Switchboard
from target.service import tracing, valkey_client
from target.service.settings import ServiceSettings

POLICY = "default"
CONNECTIONS = 16
ANSWER_WITHIN_S = 0.5
"""Short: who waits longer for permission is slowed by the limit itself."""

RETRY_AFTER_S = 1.0
"""After a failure Valkey is left alone this long, so that not every request pays the wait."""


@dataclass(frozen=True)
class Decision:
    """Whether a request may pass, and what its caller is told."""

    admitted: bool
    state: str
    """`enforced`, `fail-open` or `fail-closed`."""
    limit: int
    window_s: int
    remaining: int | None
    """None while Valkey is away."""
    reset_after_s: float
    """Until the oldest request leaves the window and another may pass."""

    def headers(self) -> dict[str, str]:
        """What the caller is told."""
        told = {
            "X-RateLimit-State": self.state,
            "RateLimit-Policy": f'"{POLICY}";q={self.limit};w={self.window_s}',
            "X-RateLimit-Limit": str(self.limit),
        }
        after_s = math.ceil(self.reset_after_s)
        if self.remaining is not None:
            told["RateLimit"] = f'"{POLICY}";r={self.remaining};t={after_s}'
            told["X-RateLimit-Remaining"] = str(self.remaining)
            told["X-RateLimit-Reset"] = str(math.ceil(time.time() + self.reset_after_s))
        if not self.admitted:
            told["Retry-After"] = str(max(1, after_s))
        return told


class RateLimit:
    """One policy for all callers."""

    def __init__(self, settings: ServiceSettings, registry: CollectorRegistry, faults: Switchboard) -> None:
        self._name, self._faults, self._tracing = settings.name, faults, tracing.of(settings)
        self.limit, self.window_s = settings.rate_limit, settings.rate_limit_window_s
        self._item = RateLimitItemPerSecond(self.limit, self.window_s)
        pool = valkey_client.pool(settings, CONNECTIONS, ANSWER_WITHIN_S, ANSWER_WITHIN_S)
        options: dict[str, Any] = {"connection_pool": pool}  # its annotation knows of plain values only
        storage = RedisStorage(settings.valkey_url, implementation="redispy", **options)
        self._limiter = MovingWindowRateLimiter(storage)
        self._pool = pool
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._retry_at_s = 0.0
        self._decisions = Counter(
            "target_rate_limit_decisions", "Requests by what the limit said.", ["outcome"], registry=registry
        )
        for outcome in ("admitted", "refused", "fail_open", "fail_closed"):
            self._decisions.labels(outcome)

    async def close(self) -> None:
        await asyncio.wait({asyncio.ensure_future(self._pool.disconnect())}, timeout=valkey_client.CLOSED_WITHIN_S)

    async def decide(self, caller: str) -> Decision:
        """Count one request of `caller`; never raises because of Valkey."""
        async with self._turns:  # a herd waits here: that a connection is not free does not mean that Valkey is away
            if time.monotonic() >= self._retry_at_s:
                try:
                    return await self._enforced(caller)
                except valkey_client.UNAVAILABLE_ERRORS:
                    self._retry_at_s = time.monotonic() + RETRY_AFTER_S
        fault = self._faults.active
        if isinstance(fault, FailsClosed):
            fault.refused_closed()
            self._decisions.labels("fail_closed").inc()
            return Decision(False, "fail-closed", self.limit, self.window_s, None, RETRY_AFTER_S)
        self._decisions.labels("fail_open").inc()
        return Decision(True, "fail-open", self.limit, self.window_s, None, 0.0)

    async def _enforced(self, caller: str) -> Decision:
        fault = self._faults.active
        scope = f"{self._name}:{caller}" if isinstance(fault, CountsAlone) else caller
        with self._tracing.valkey("EVALSHA"):
            admitted = await self._limiter.hit(self._item, scope)
        if admitted and isinstance(fault, CountsAlone):
            # The common limit goes on counting beside it, and so tells which of these it would have refused.
            fault.admitted_alone(extra=not await self._limiter.hit(self._item, caller))
        with self._tracing.valkey("EVALSHA"):
            stats = await self._limiter.get_window_stats(self._item, scope)
        remaining = max(0, stats.remaining)
        if isinstance(fault, MisstatesRemaining):
            remaining = fault.misstate(remaining, self.limit)
        self._decisions.labels("admitted" if admitted else "refused").inc()
        reset_after_s = min(max(0.0, stats.reset_time - time.time()), float(self.window_s))
        return Decision(admitted, "enforced", self.limit, self.window_s, remaining, reset_after_s)
