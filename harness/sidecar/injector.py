"""Injector: the faults of a run, from the side of the run. They are injected and undone in a process of their own.

Should that process be killed, or stand still, another one is started that only undoes.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence

from harness.faults import Prepared, ScheduledFault
from harness.recording.marks import FAILED, UNDONE, FaultMark
from harness.sidecar.parent import Sidecar

MODULE = "harness.sidecar.injector_process"
PREPARE_S = 20.0
UNDO_S = 35.0
"""All faults are undone at once; one may take three tries of ten seconds."""
ALIVE_INTERVAL_S = 1.0
SILENCE_S = 5.0
"""A process that is stopped, or has no machine to run on, says nothing for so long: it is killed, and rescued."""
STOP_S = SILENCE_S + UNDO_S + 5.0
MAX_RESCUES = 3

READY, BEGUN, FINISHED, ALIVE = "ready", "begun", "finished", "alive"
"""Events that are no marks. BEGUN comes before the injection, with what will be injected; ALIVE all the time, so that a
process that stands still is noticed.
"""
PREPARED = "prepared"
"""Said as a mark is, and not recorded: it happens before there is a run."""


class Injector:
    """The parent's side; without faults it does nothing. ``on_mark`` gets ``prepared``, ``injected``, ``undone`` and
    ``failed``, from one thread or greenlet, with instants of the monotonic clock; each fault that was injected is
    undone or failed when :meth:`stop` is back.
    """

    def __init__(self, faults: Sequence[ScheduledFault], on_mark: Callable[[FaultMark], None]) -> None:
        self._faults = {each.plan.number: each for each in faults}
        """Those that have begun with what they have found, so that the very same is undone by another process."""
        self._begun: set[int] = set()
        self._closed: set[int] = set()
        """They will neither be injected nor undone any more."""
        self._on_mark = on_mark
        self._process: Sidecar | None = None
        self._lock = threading.Lock()
        self._ready, self._done = threading.Event(), threading.Event()
        self._failures: list[str] = []
        self._finished = self._stopping = self._heard = self._silent = False
        self._rescues = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> list[str]:
        """Starts the process and lets the faults prepare. Returns why the run cannot begin; empty when it can."""
        if not self._faults:
            return []
        self._start(rescue=False)
        if not self._ready.wait(PREPARE_S):
            return [f"the faults were not prepared within {PREPARE_S:g} s"]
        return self._failures

    def begin(self, origin_s: float) -> None:
        """The origin is known, on the monotonic clock."""
        if self._process is not None:
            self._process.send({"origin_s": origin_s})

    def begin_undoing(self) -> None:
        """Lets everything be undone now, and does not wait for it."""
        with self._lock:
            self._stopping = True
            if self._process is not None:
                self._process.close_input()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """As :meth:`begin_undoing`, and waits until everything is undone."""
        self.begin_undoing()
        if self._process is None or self._done.wait(timeout_s):
            return
        self._rescues = MAX_RESCUES
        self._process.stop(0.5)
        self._done.wait(timeout_s)

    def _start(self, rescue: bool) -> None:
        faults = [each.to_message() for each in self._faults.values()]
        plan: dict[str, object] = {"rescue": rescue, "faults": faults, "closed": sorted(self._closed)}
        with self._lock:
            self._finished = self._silent = False
            self._process = Sidecar(MODULE, plan, self._on_line, self._on_end)
            threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
            if self._stopping:
                self._process.close_input()

    def _watch(self, process: Sidecar) -> None:
        """Kills a process that says nothing. Counts ticks and not time, for while this very process is held up it hears
        nobody.
        """
        silent_s, limit_s = 0.0, PREPARE_S  # before its first word it has to import, and to prepare
        while process.alive:
            time.sleep(ALIVE_INTERVAL_S)
            if self._heard:
                silent_s, limit_s = 0.0, SILENCE_S
            else:
                silent_s += ALIVE_INTERVAL_S
            self._heard = False
            if silent_s >= limit_s:
                self._silent = True
                process.kill()
                return

    def _on_line(self, line: bytes) -> None:
        self._heard = True
        try:
            said = json.loads(line)
            event = said["event"]
        except (ValueError, TypeError, KeyError):
            return  # the torn last line of a process that was killed
        if event == READY:
            self._ready.set()
        elif event == FINISHED:
            self._finished = True
        elif event == BEGUN:
            self._begun.add(said["number"])
            self._faults[said["number"]] = ScheduledFault.from_message(said["fault"])
        elif event != ALIVE:
            self._take(FaultMark(**said))

    def _take(self, mark: FaultMark) -> None:
        if mark.event == UNDONE or (mark.event == FAILED and mark.number not in self._begun):
            self._closed.add(mark.number)
        if mark.event == FAILED and not self._ready.is_set():
            self._failures.append(mark.detail)
        self._on_mark(mark)

    def _on_end(self, cause: str) -> None:
        if not self._ready.is_set():
            self._failures.append(f"the injecting process could not begin ({cause})")
            self._ready.set()
        elif not self._finished:
            self._on_crash(cause)
            return
        self._done.set()

    def _on_crash(self, cause: str) -> None:
        silence = f"the injecting process said nothing for {SILENCE_S:g} s and was killed"
        reason = silence if self._silent else f"the injecting process ended ({cause})"
        for number in sorted(self._faults.keys() - self._begun - self._closed):
            self._take(self._faults[number].mark(FAILED, f"not injected: {reason}"))
        left = sorted(self._faults.keys() - self._closed)
        to_prepare = any(isinstance(each.fault, Prepared) for each in self._faults.values())
        if self._rescues < MAX_RESCUES and (left or to_prepare):
            self._rescues += 1
            self._start(rescue=True)
            return
        for number in left:
            self._on_mark(self._faults[number].mark(FAILED, f"not undone: {reason}"))
        self._done.set()
