"""Stops, kills or restarts a unit of systemd, by ``systemctl``."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.faults import Fault, FaultError
from harness.plugins import parameter
from harness.safe_text import one_line

ACTIONS = ("stop", "kill", "restart")
SEEN_WITHIN_S = 3.0
ALIVE = ("active", "reloading", "activating")
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,256}")
"""https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html"""
_REMEDIES = (
    ("interactive authentication required", "run the load as root, or as a user that polkit lets manage the unit"),
    ("access denied", "run the load as root, or as a user that polkit lets manage the unit"),
    ("has not been booted with systemd", "systemd does not run here; choose stop_process or docker_container"),
    ("failed to connect to bus", "its bus cannot be reached; with user=yes log in as that user, else run as root"),
)


@dataclass(frozen=True)
class SystemdUnit(Fault):
    """``action`` stop; kill: ``signal`` to all of its processes, after which ``Restart=`` of the unit may start it
    again; restart. Undone: started, where it is down. ``user``: of the user's own manager, ``systemctl --user``.
    """

    unit: str = parameter(help="name of the unit, e.g. postgresql.service")
    action: str = parameter("stop", "what is done to it", choices=ACTIONS)
    signal: str = parameter("SIGKILL", "what kill sends")
    user: bool = parameter(False, "whether it belongs to the user's own manager")
    timeout_s: float = parameter(8.0, "longest time for one command", lowest=0.1, highest=10)

    def conflicts(self) -> Iterator[str]:
        if not _UNIT.fullmatch(self.unit) or self.unit.startswith("-"):
            yield f"unit is {self.unit!r}. Give the name of one unit, as `systemctl list-units` shows it"
        if self.signal != "SIGKILL" and self.action != "kill":
            yield "signal is what kill sends. Leave it away, or choose action=kill"
        if not self.signal.isalnum():
            yield f"signal is {self.signal!r}. Give a name like SIGTERM, or a number"

    def pin(self) -> SystemdUnit:
        """Looks whether there is such a unit, and whether it runs. Raises FaultError, also for the one we run in."""
        state = self._state()
        if state["LoadState"] != "loaded":
            raise FaultError(f"unit {self.unit} is {state['LoadState']}: check its name with `systemctl list-units`")
        if state["ActiveState"] not in ALIVE:
            raise FaultError(f"unit {self.unit} is {state['ActiveState']}: there is nothing to disturb, start it first")
        if self._is_ours(state["Id"]):
            raise FaultError(f"unit {self.unit} is the one that we run in: name another")
        return self

    def inject(self) -> str:
        before = self._state()
        if self.action == "kill":
            self._run("kill", f"--signal={self.signal}", "--", self.unit)
        else:
            self._run(self.action, "--", self.unit)
        after = self._wait_for(before)
        done = {"stop": "stopped", "kill": f"sent {self.signal} to", "restart": "restarted"}[self.action]
        return f"{done} unit {self.unit}, which is {after['ActiveState']} now"

    def undo(self) -> str:
        state = self._state()
        if state["ActiveState"] in ALIVE:
            return f"nothing to undo: unit {self.unit} is {state['ActiveState']}"
        self._run("start", "--", self.unit)
        state = self._state()
        if state["ActiveState"] not in ALIVE:
            raise FaultError(f"unit {self.unit} was to be started, and is {state['ActiveState']}")
        return f"started unit {self.unit}, which is {state['ActiveState']} now"

    def _wait_for(self, before: dict[str, str]) -> dict[str, str]:
        """The state in which the action shows. A signal need not end a unit."""
        end_s = time.monotonic() + SEEN_WITHIN_S
        while True:
            now = self._state()
            is_down = now["ActiveState"] not in ALIVE
            is_new = now["MainPID"] != before["MainPID"]
            if (self.action == "restart" and not is_down) or is_down or is_new or self.signal != "SIGKILL":
                return now
            if time.monotonic() > end_s:
                raise FaultError(
                    f"unit {self.unit} is still {now['ActiveState']} {SEEN_WITHIN_S:g} s after {self.action}"
                )
            time.sleep(0.05)

    def _state(self) -> dict[str, str]:
        words = self._run("show", "--property=Id,LoadState,ActiveState,MainPID", "--", self.unit)
        state = dict(line.split("=", 1) for line in words.splitlines() if "=" in line)
        if missing := {"Id", "LoadState", "ActiveState", "MainPID"} - state.keys():
            raise FaultError(f"systemctl show {self.unit}: no {', '.join(sorted(missing))} in what it says")
        return state

    def _is_ours(self, unit: str) -> bool:
        """A process of a unit has its name in the path of its control group."""
        try:
            return f"/{unit}" in Path("/proc/self/cgroup").read_text(encoding="utf-8")
        except OSError:
            return False

    def _run(self, *words: str) -> str:
        program = shutil.which("systemctl")
        if program is None:
            raise FaultError("there is no systemctl on PATH: systemd does not run here; choose another fault")
        command = [program, "--no-ask-password", "--no-pager", *(["--user"] if self.user else []), *words]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.timeout_s,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise FaultError(f"systemctl {words[0]} {self.unit}: timed out after {self.timeout_s:g} s") from None
        except OSError as error:
            raise FaultError(f"{program}: {error.strerror}; it cannot be run") from None
        if done.returncode:
            said = one_line(done.stderr or done.stdout) or f"ended with {done.returncode}"
            remedy = next((words for part, words in _REMEDIES if part in said.lower()), "")
            raise FaultError(f"systemctl {words[0]} {self.unit}: {said}" + (f"; {remedy}" if remedy else ""))
        return done.stdout
