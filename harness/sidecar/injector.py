"""Injects the faults of a run, each at its time, in a process of its own, and undoes them whatever happens.

Started as ``python -m harness.sidecar.injector``. The first line of its standard input is the plan, the second one the
origin; each line of its output is an event. When its input closes (also because its parent was killed) or on SIGTERM
it undoes what is injected, and ends. Should it be killed itself, or stand still, the parent's side starts another one
that only undoes. This module must import neither locust nor gevent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.errors import ConfigurationError
from harness.faults import Fault, FaultData, FaultError, Pinned, Prepared, ScheduledFault, as_data, from_data
from harness.recording import FAILED, INJECTED, UNDONE
from harness.sidecar.child import LineWriter, ParentLink
from harness.sidecar.parent import Sidecar

MODULE = "harness.sidecar.injector"
PREPARE_S = 20.0
UNDO_TRIES, UNDO_PAUSE_S = 3, 1.0
"""The target may be in a bad way just when a fault ends."""
UNDO_S = 35.0
"""All faults are undone at once; one may take three tries of ten seconds."""
ALIVE_INTERVAL_S = 1.0
SILENCE_S = 5.0
"""A process that is stopped, or has no machine to run on, says nothing for so long: it is killed, and rescued."""
STOP_S = SILENCE_S + UNDO_S + 5.0
MAX_RESCUES = 3

READY, PREPARED, BEGUN, FINISHED, ALIVE = "ready", "prepared", "begun", "finished", "alive"
"""Events beside those that become marks. BEGUN comes before the injection, with the data of what will be injected;
ALIVE all the time, so that a process that stands still is noticed.
"""


@dataclass(frozen=True)
class FaultEvent:
    """What happened to fault ``number`` (its place in the plan, from 1; 0: to none of them)."""

    monotonic_s: float
    event: str
    number: int = 0
    detail: str = ""
    data: FaultData = field(default_factory=dict)


class Injector:
    """The parent's side. ``on_event`` gets ``prepared``, ``injected``, ``undone`` and ``failed``, from one thread or
    greenlet; each fault that was injected is undone or failed when :meth:`stop` is back.
    """

    def __init__(self, faults: Sequence[ScheduledFault], on_event: Callable[[FaultEvent], None]) -> None:
        self._entries = {
            number: _PlanEntry(number, as_data(timed.fault), timed.start_s, timed.end_s)
            for number, timed in enumerate(faults, start=1)
        }
        self._prepared = any(isinstance(timed.fault, Prepared) for timed in faults)
        self._on_event = on_event
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
        plan: dict[str, object] = {"rescue": rescue, "faults": [asdict(entry) for entry in self._entries.values()]}
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
        silent_s = 0.0
        while process.alive:
            time.sleep(ALIVE_INTERVAL_S)
            silent_s = 0.0 if self._heard else silent_s + ALIVE_INTERVAL_S
            self._heard = False
            if silent_s >= SILENCE_S:
                self._silent = True
                process.kill()
                return

    def _on_line(self, line: bytes) -> None:
        self._heard = True
        try:
            event = FaultEvent(**json.loads(line))
        except (ValueError, TypeError):
            return  # the torn last line of a process that was killed
        if event.event == ALIVE:
            return
        if event.event == READY:
            self._ready.set()
        elif event.event == FINISHED:
            self._finished = True
        elif event.event == BEGUN:
            self._entries[event.number].begun, self._entries[event.number].fault = True, event.data
        else:
            entry = self._entries[event.number]
            entry.closed = entry.closed or event.event == UNDONE or (event.event == FAILED and not entry.begun)
            if event.event == FAILED and not self._ready.is_set():
                self._failures.append(event.detail)
            self._on_event(event)

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
        for entry in self._entries.values():
            if not entry.begun and not entry.closed:
                entry.closed = True
                self._on_event(FaultEvent(time.monotonic(), FAILED, entry.number, f"not injected: {reason}"))
        open_entries = [entry for entry in self._entries.values() if not entry.closed]
        if self._rescues < MAX_RESCUES and (open_entries or self._prepared):
            self._rescues += 1
            self._start(rescue=True)
            return
        for entry in open_entries:
            self._on_event(FaultEvent(time.monotonic(), FAILED, entry.number, f"not undone: {reason}"))
        self._done.set()


@dataclass
class _PlanEntry:
    """One line of the plan, and what is known of it."""

    number: int
    fault: FaultData
    start_s: float
    end_s: float
    begun: bool = False
    closed: bool = False
    """It will neither be injected nor undone any more."""


class _FaultTask:
    """In the injecting process: one fault, from its injection to its end."""

    def __init__(self, entry: _PlanEntry, emit: Callable[[FaultEvent], None]) -> None:
        self.entry = entry
        self._fault: Fault = from_data(entry.fault)
        self._emit = emit

    def prepare(self) -> None:
        """Starts what has to be there during the whole run; also after a death, so that a proxy is there again."""
        if isinstance(self._fault, Prepared):
            self._attempt(PREPARED, "not prepared", self._fault.prepare)

    def check(self) -> None:
        """Whether there will be something to disturb, before any load is made."""
        if isinstance(self._fault, Pinned):
            self._attempt("", "not prepared", self._found)

    def run(self, origin_s: float, over: threading.Event) -> None:
        if over.wait(max(0.0, origin_s + self.entry.start_s - time.monotonic())):
            return
        if isinstance(self._fault, Pinned) and not self._attempt("", "not injected", self._pin):
            return
        self._emit(FaultEvent(time.monotonic(), BEGUN, self.entry.number, data=as_data(self._fault)))
        if self._attempt(INJECTED, "not injected", self._fault.inject):
            over.wait(max(0.0, origin_s + self.entry.end_s - time.monotonic()))
        self.undo()  # also after a failure: something may have been injected all the same

    def undo(self) -> None:
        for left in reversed(range(UNDO_TRIES)):
            if self._attempt(UNDONE, "not undone" if left == 0 else "", self._fault.undo):
                return
            time.sleep(UNDO_PAUSE_S if left else 0)

    def _found(self) -> str:
        assert isinstance(self._fault, Pinned)
        self._fault.pin()
        return ""

    def _pin(self) -> str:
        assert isinstance(self._fault, Pinned)
        self._fault = self._fault.pin()
        return ""

    def _attempt(self, event: str, failure: str, act: Callable[[], str]) -> bool:
        """Says ``event`` when it succeeds, and a failure where it is not followed by another try."""
        try:
            detail = act()
        except FaultError as error:
            detail = str(error)
        except Exception as error:  # a defect of the fault must show in the recording, and all others be undone
            detail = f"defect in the fault: {type(error).__name__}: {error}"
        else:
            if event:
                self._emit(FaultEvent(time.monotonic(), event, self.entry.number, detail))
            return True
        if failure:
            self._emit(FaultEvent(time.monotonic(), FAILED, self.entry.number, f"{failure}: {detail}"))
        return False


def main() -> int:
    """The injecting process. Returns its exit code: 0, or 2 when the first line is no plan."""
    parent = ParentLink()
    writer = LineWriter(parent.output, on_broken=parent.stopping.set)

    def emit(event: FaultEvent) -> None:
        writer.put(json.dumps(asdict(event), separators=(",", ":")).encode())

    def say_alive() -> None:
        while True:
            emit(FaultEvent(time.monotonic(), ALIVE))
            time.sleep(ALIVE_INTERVAL_S)

    threading.Thread(target=say_alive, daemon=True).start()
    try:
        plan = json.loads(parent.line())
        parent.set_parent(int(plan.get("parent_pid", os.getppid())))
        tasks = [_FaultTask(_PlanEntry(**entry), emit) for entry in plan["faults"]]
        rescue = bool(plan["rescue"])
    except (ValueError, KeyError, TypeError, AttributeError):
        print('Standard input: give one line like {"rescue": false, "faults": []}', file=sys.stderr)
        return 2
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    for task in tasks:
        task.prepare()
        if not rescue:
            task.check()
    emit(FaultEvent(time.monotonic(), READY))
    if rescue:
        threads = [threading.Thread(target=task.undo) for task in tasks if not task.entry.closed]
    else:
        origin_s = _origin_s(parent.line())
        threads = [
            threading.Thread(target=task.run, args=(origin_s, parent.stopping))
            for task in tasks
            if origin_s is not None
        ]
    for thread in threads:
        thread.daemon = True
        thread.start()
    parent.stopping.wait()
    end_s = time.monotonic() + UNDO_S
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
    if not any(thread.is_alive() for thread in threads):
        emit(FaultEvent(time.monotonic(), FINISHED))
    writer.close(timeout_s=1.0)
    return 0


def _origin_s(line: bytes) -> float | None:
    try:
        message: Any = json.loads(line)
        return float(message["origin_s"])
    except (ValueError, KeyError, TypeError):
        return None  # it is time to end before anything has begun


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a fault that hangs in a thread must not keep the process
