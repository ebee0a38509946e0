"""Every WebSocket handshake waits before it is accepted; it costs no CPU meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class SlowAccept:
    """Delays each handshake by `delay_ms`."""

    delay_ms: float
    delayed: int = field(default=0, init=False)

    async def before_accept(self) -> None:
        self.delayed += 1
        await asyncio.sleep(self.delay_ms / 1000)

    def status(self) -> Mapping[str, Reading]:
        """Handshakes that waited."""
        return {"delayed": self.delayed}
