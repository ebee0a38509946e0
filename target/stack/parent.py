"""Notices that those for whom we are here are gone, even when they were killed."""

from __future__ import annotations

import os
import select
import sys
import time

from target.errors import UsageError

OWN_PARENT = "0"
"""What `--with-parent` without a pid means: whoever our parent is."""


class ParentWatch:
    """Waits for the end of one process, or of the input, or just for time to pass."""

    def __init__(self, pid: int | None, with_input: bool = False) -> None:
        self._pid = pid
        self._descriptor: int | None = sys.stdin.fileno() if with_input else None
        if pid is not None and hasattr(os, "pidfd_open"):
            try:
                self._descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                raise UsageError(f"the parent process {pid} is gone", "nothing was started") from None
            except OSError:
                self._descriptor = None  # an old kernel: ask for our parent instead

    def parent_ended(self, within_s: float) -> bool:
        """True as soon as it ended; False after `within_s` seconds."""
        if self._descriptor is not None:
            readable, _, _ = select.select([self._descriptor], [], [], within_s)
            return bool(readable)
        time.sleep(within_s)
        return self._pid is not None and os.getppid() != self._pid


def watch(pid: int | None, with_input: bool = False) -> ParentWatch:
    """Watch `pid` (0: our parent); it must be our parent, so that a pid given too late is noticed. Or watch standard
    input, to which nobody writes: it ends when the last process is gone that has its other end.
    """
    if pid is None:
        return ParentWatch(None, with_input)
    own = os.getppid()
    if pid not in (0, own):
        raise UsageError(f"process {pid} is not our parent (any more)", "nothing was started")
    return ParentWatch(own)
