"""The end of the process: at once, as it should be, or later where a fault has it so."""

from __future__ import annotations

import sys
import time

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from target.faults.contract import Fault, LeavesSlowly
from target.faults.switchboard import Switchboard

ALWAYS_ANSWERED = ("/healthz", "/_fault", "/metrics")


class Leaving:
    """Whether this process was told to end and is still here."""

    def __init__(self, faults: Switchboard) -> None:
        self._faults = faults
        self._told_at_s: float | None = None

    @property
    def fault(self) -> LeavesSlowly | None:
        """What keeps it; None in the normal course of its life."""
        fault = self._faults.active
        return fault if self._told_at_s is not None and isinstance(fault, LeavesSlowly) else None

    def stays(self) -> bool:
        """Asked again and again once it was told to end: whether it is to stay for now."""
        now_s = time.monotonic()
        self._told_at_s = now_s if self._told_at_s is None else self._told_at_s
        fault = self.fault
        if fault is None:
            return False
        if now_s < self._told_at_s + fault.leave_after_s():
            return True
        if isinstance(fault, Fault):  # nobody can ask it any more
            print(f"left late: {dict(fault.status())}", file=sys.stderr, flush=True)
        return False


class LeavingServer(uvicorn.Server):
    """Ends when it is told to, and `leaving` has nothing against it."""

    def __init__(self, config: uvicorn.Config, leaving: Leaving) -> None:
        super().__init__(config)
        self._leaving = leaving

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        told = self.should_exit
        self.should_exit = told and not self._leaving.stays()
        try:
            return await super().on_tick(counter)
        finally:
            self.should_exit = told


class LeavingMiddleware:
    """While it stays although it was told to end, the process is alive for whoever checks, and 503 for all others."""

    def __init__(self, app: ASGIApp, leaving: Leaving) -> None:
        self._app, self._leaving = app, leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._leaving.fault
        if fault is None or scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        fault.refused_leaving()
        await JSONResponse({"error": "this process is leaving"}, status_code=503)(scope, receive, send)
