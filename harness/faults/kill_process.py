"""Kills processes with SIGKILL: a crash, or the kernel out of memory; with ``machine`` one that has lost its power.

With SIGTERM they are asked to end, as by whoever installs a new version: how long they take is theirs to say.
"""

from __future__ import annotations

import shlex
import signal as signals
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from harness.clients.process_search import is_alive
from harness.faults import FaultError
from harness.faults._processes import ProcessFault, describe, refuse_own
from harness.plugins import parameter

GONE_WITHIN_S = 3.0
STARTED_WITHIN_S = 25.0
SIGNALS = {"KILL": signals.SIGKILL, "TERM": signals.SIGTERM}


@dataclass(frozen=True)
class KillProcess(ProcessFault):
    """There is nothing to undo: to start the process again is the business of its supervisor, if it has one, or else of
    ``start_command``, whose word ``{member}`` stands for the name of the server that was found in a cluster.
    """

    signal: str = parameter("KILL", "KILL, or TERM, which asks it to end", choices=("KILL", "TERM"))
    start_command: str = parameter("", "command that starts it again in the end", secret=True)

    def conflicts(self) -> Iterator[str]:
        yield from super().conflicts()
        try:
            shlex.split(self.start_command)
        except ValueError:
            yield "start_command has a quotation without its end. Close it"

    def below(self, roots: list[psutil.Process]) -> list[psutil.Process]:
        """To end its workers is the business of whom one asks to end."""
        by_itself = self.signal == "TERM" and not self.children and not self.machine
        return [] if by_itself else super().below(roots)

    def inject(self) -> str:
        victims = list(self.pinned())
        if not victims:
            raise FaultError("the process is gone already")
        for process in victims:
            refuse_own(process)
            try:
                process.send_signal(SIGNALS[self.signal])
            except psutil.AccessDenied:
                raise FaultError(f"process {process.pid} may not be killed: run the load as the same user") from None
            except psutil.NoSuchProcess:
                continue
        description = describe(victims)
        if self.signal == "TERM":
            return f"asked {description} to end"
        end_s = time.monotonic() + GONE_WITHIN_S
        while alive := [process for process in victims if is_alive(process)]:
            if time.monotonic() > end_s:
                raise FaultError(f"killed, but still there after {GONE_WITHIN_S:g} s: {describe(alive)}")
            time.sleep(0.002)
        return f"killed {description}"

    def undo(self) -> str:
        if not self.start_command:
            return "nothing to undo: whoever is killed stays so, unless a supervisor starts it again"
        members = self.member.split(",")
        with ThreadPoolExecutor(len(members)) as pool:
            list(pool.map(self._start, members))
        return f"started {self.member} again"

    def _start(self, member: str) -> None:
        words = [word.replace("{member}", member) for word in shlex.split(self.start_command)]
        try:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=STARTED_WITHIN_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = getattr(error, "strerror", None) or f"it takes longer than {STARTED_WITHIN_S:g} s"
            raise FaultError(f"start_command cannot start {member}: {reason}") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise FaultError(f"start_command ended with {done.returncode}{f': {said[-1][:200]}' if said else ''}")
