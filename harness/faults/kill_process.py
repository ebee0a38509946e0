"""Kills processes with SIGKILL: a crash, or the kernel out of memory."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from harness.faults import FaultError
from harness.faults._processes import ProcessFault, describe, refuse_own

GONE_WITHIN_S = 3.0


@dataclass(frozen=True)
class KillProcess(ProcessFault):
    """There is nothing to undo: to start the process again is the business of its supervisor, if it has one."""

    def inject(self) -> str:
        victims = list(self.pinned())
        if not victims:
            raise FaultError("the process is gone already")
        for process in victims:
            refuse_own(process)
            try:
                process.kill()
            except psutil.AccessDenied:
                raise FaultError(f"process {process.pid} may not be killed: run the load as the same user") from None
            except psutil.NoSuchProcess:
                continue
        description = describe(victims)
        end_s = time.monotonic() + GONE_WITHIN_S
        while alive := [process for process in victims if _is_alive(process)]:
            if time.monotonic() > end_s:
                raise FaultError(f"killed, but still there after {GONE_WITHIN_S:g} s: {describe(alive)}")
            time.sleep(0.002)
        return f"killed {description}"

    def undo(self) -> str:
        return "nothing to undo: whoever is killed stays so, unless a supervisor starts it again"


def _is_alive(process: psutil.Process) -> bool:
    """False also for a zombie: it waits for its parent, and does nothing any more."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
