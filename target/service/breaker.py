"""The circuit breaker in front of the upstream: purgatory's, with one probe at a time, and its account.

It belongs to this process: with n API processes there are n breakers, which open and close on their own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import CLOSED, HALF_OPENED, OPENED, Context, OpenedState

from target.faults.contract import BypassesBreaker, HoldsOpen
from target.faults.switchboard import Switchboard

NAME = "upstream"
MAX_TRANSITIONS = 1000
STATES = {CLOSED: "closed", OPENED: "open", HALF_OPENED: "half_open"}
STATE_NUMBERS = {"closed": 0, "open": 1, "half_open": 2}
T = TypeVar("T")


class BreakerOpen(Exception):  # noqa: N818
    """The breaker is open: the call was not made."""


@dataclass(frozen=True)
class Transition:
    """A change of state, at CLOCK_MONOTONIC seconds."""

    at: float
    state: str


class Breaker:
    """Opens after `threshold` failures in a row, rests, lets one call through, and closes when that succeeds."""

    def __init__(self, threshold: int, rest_s: float, registry: CollectorRegistry, faults: Switchboard) -> None:
        self.threshold, self.rest_s = threshold, rest_s
        self._factory = AsyncCircuitBreakerFactory(default_threshold=threshold, default_ttl=rest_s)
        self._faults = faults
        self._probing = False
        self.state = "closed"
        self.failures_in_a_row = 0
        self.opens = self.closes = self.probes = self.fast_fails = 0
        self.transitions: deque[Transition] = deque(maxlen=MAX_TRANSITIONS)
        state = Gauge("target_breaker_state", "0 closed, 1 open, 2 half-open.", registry=registry)
        state.set_function(lambda: STATE_NUMBERS[self.state])
        self._opens = Counter("target_breaker_opens", "Times it opened.", registry=registry)
        self._closes = Counter("target_breaker_closes", "Times it closed.", registry=registry)
        self._probes = Counter("target_breaker_probes", "Calls let through half-open.", registry=registry)
        self._fast_fails = Counter("target_breaker_fast_fails", "Calls not made.", registry=registry)

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, unless open; raises BreakerOpen, or what `work` raises, which counts as a failure."""
        fault = self._faults.active
        if isinstance(fault, BypassesBreaker):
            return await _bypass_breaker(fault, work)
        breaker = await self._factory.get_breaker(NAME)
        context = breaker.context
        if isinstance(fault, HoldsOpen) and fault.holds_open(context.state != CLOSED):
            raise self._fast_fail()
        if context.state != CLOSED and self._probing:
            raise self._fast_fail()
        probe = False
        try:
            async with breaker:
                probe = context.state == HALF_OPENED
                if probe:
                    self._probing = True
                    self.probes += 1
                    self._probes.inc()
                    self._record(context)
                return await work()
        except OpenedState:
            raise self._fast_fail() from None
        finally:
            if probe:
                self._probing = False
            self._record(context)

    def _fast_fail(self) -> BreakerOpen:
        self.fast_fails += 1
        self._fast_fails.inc()
        return BreakerOpen()

    def _record(self, context: Context) -> None:
        self.failures_in_a_row = context.failure_count or 0
        state = STATES[context.state]
        if state == self.state:
            return
        self.state = state
        self.transitions.append(Transition(time.monotonic(), state))
        self.opens += state == "open"
        self.closes += state == "closed"
        if state == "open":
            self._opens.inc()
        if state == "closed":
            self._closes.inc()


async def _bypass_breaker(fault: BypassesBreaker, work: Callable[[], Awaitable[T]]) -> T:
    try:
        result = await work()
    except Exception:
        fault.bypassed(failed=True)
        raise
    fault.bypassed(failed=False)
    return result
