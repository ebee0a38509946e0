"""Freezes processes with SIGSTOP, and lets them go on with SIGCONT: a machine that hangs, a long pause."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from harness.faults import FaultError
from harness.faults._processes import ProcessFault, describe, refuse_own

STOPPED_WITHIN_S = 2.0


@dataclass(frozen=True)
class StopProcess(ProcessFault):
    """Connections to a frozen process stay open and its port still takes new ones; nothing is answered."""

    def inject(self) -> str:
        stopped: dict[int, psutil.Process] = {}
        todo = list(self.pinned())
        while todo:
            for process in todo:
                refuse_own(process)
                try:
                    process.suspend()
                except psutil.AccessDenied:
                    raise FaultError(
                        f"process {process.pid} may not be stopped: run the load as the same user"
                    ) from None
                except psutil.NoSuchProcess:
                    continue
                stopped[process.pid] = process
            # A parent may have had one more child before it was stopped.
            todo = [process for process in self.below(list(stopped.values())) if process.pid not in stopped]
        end_s = time.monotonic() + STOPPED_WITHIN_S
        while running := [process for process in stopped.values() if _is(process, False)]:
            if time.monotonic() > end_s:
                raise FaultError(f"not stopped within {STOPPED_WITHIN_S:g} s: {describe(running)}")
            time.sleep(0.002)
        if not stopped:
            raise FaultError("the process is gone")
        return f"stopped {describe(list(stopped.values()))}"

    def undo(self) -> str:
        roots = list(self.pinned())
        frozen = self._resumed(roots)
        frozen += self._resumed(self.below(roots))  # who they are may not be known: then those at least go on
        return f"continued {describe(frozen)}" if frozen else "nothing to undo: nothing is stopped"

    def _resumed(self, processes: list[psutil.Process]) -> list[psutil.Process]:
        """Those of them that were frozen."""
        frozen = [process for process in processes if _is(process, True)]
        for process in frozen:
            try:
                process.resume()
            except psutil.AccessDenied:
                raise FaultError(f"process {process.pid} may not be woken: run the load as the same user") from None
            except psutil.NoSuchProcess:
                continue
        return frozen


def _is(process: psutil.Process, stopped: bool) -> bool:
    """Whether it is there, and stopped or not."""
    try:
        status = process.status()
    except psutil.Error:
        return False
    return status != psutil.STATUS_ZOMBIE and (status == psutil.STATUS_STOPPED) == stopped
