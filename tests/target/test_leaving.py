"""How a process ends: at once, or late where a fault has it so."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.target.services import servers_of, serving
from tests.target.stacks import PATIENCE_S, Stack, until

STAYS_S = 3
"""Long enough for some requests meanwhile."""


def test_slow_to_leave_is_alive_for_the_balancer_and_nobody_else(stack: Stack, tmp_path: Path) -> None:
    """Told to end: for a while /healthz says 200 and everything else 503, as many as it counts; then it has gone."""
    settings = servers_of(stack)
    with serving(tmp_path, settings) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        service.switch("slow_to_leave", seconds=STAYS_S)
        assert service.get("/ledger/l1").status in (200, 404)
        told = time.monotonic()
        os.kill(service.process.pid, signal.SIGTERM)
        until(lambda: service.get("/ledger/l1").status == 503, "leaving")
        assert [service.get("/limited").status for _ in range(3)] == [503] * 3
        assert service.get("/healthz").status == 200
        assert service.account()["status"] == {"refused": 4}
        assert service.process.wait(PATIENCE_S) == -signal.SIGTERM
        assert time.monotonic() - told >= STAYS_S
        assert "left late: {'refused': 4}" in service.log.read_text()
    with serving(tmp_path, settings) as service:
        until(lambda: service.get("/readyz").status == 200, "ready")
        told = time.monotonic()
        os.kill(service.process.pid, signal.SIGTERM)
        assert service.process.wait(PATIENCE_S) == -signal.SIGTERM
        assert time.monotonic() - told < STAYS_S
