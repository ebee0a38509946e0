"""The injecting process: injects the faults of a run, each at its time, and undoes them whatever happens.

Started as ``python -m harness.sidecar.injector_process`` by :class:`harness.sidecar.injector.Injector`. The first line
of its standard input is the plan, the second one the origin; each line of its output is a mark or another event. When
its input closes (also because its parent was killed) or on SIGTERM it undoes what is injected, and ends. Started with
``rescue`` it only undoes. This module must import neither locust nor gevent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness.errors import ConfigurationError
from harness.faults import Fault, FaultError, Pinned, Prepared, ScheduledFault
from harness.recording.marks import FAILED, INJECTED, UNDONE
from harness.sidecar.child import LineWriter, ParentLink
from harness.sidecar.injector import ALIVE, ALIVE_INTERVAL_S, BEGUN, FINISHED, PREPARED, READY, UNDO_S

UNDO_TRIES, UNDO_PAUSE_S = 3, 1.0
"""The target may be in a bad way just when a fault ends."""


class FaultTask:
    """In the injecting process: one fault, from its injection to its end. ``emit`` says what is sent to the parent."""

    def __init__(self, scheduled: ScheduledFault, emit: Callable[[Mapping[str, Any]], None]) -> None:
        self._scheduled = scheduled
        self._emit = emit

    @property
    def _fault(self) -> Fault:
        return self._scheduled.fault

    def prepare(self) -> None:
        """Starts what has to be there during the whole run; also after a death, so that a proxy is there again."""
        if isinstance(self._fault, Prepared):
            self._attempt(PREPARED, "not prepared", self._fault.prepare)

    def check(self) -> None:
        """Whether there will be something to disturb, before any load is made."""
        if isinstance(self._fault, Pinned):
            self._attempt("", "not prepared", self._found)

    def run(self, origin_s: float, over: threading.Event) -> None:
        plan = self._scheduled.plan
        if over.wait(max(0.0, origin_s + plan.start_s - time.monotonic())):
            return
        if isinstance(self._fault, Pinned) and not self._attempt("", "not injected", self._pin):
            return
        self._emit({"event": BEGUN, "number": plan.number, "fault": self._scheduled.to_message()})
        if self._attempt(INJECTED, "not injected", self._fault.inject):
            over.wait(max(0.0, origin_s + plan.end_s - time.monotonic()))
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
        self._scheduled = replace(self._scheduled, fault=self._fault.pin())
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
                self._say(event, detail)
            return True
        if failure:
            self._say(FAILED, f"{failure}: {detail}")
        return False

    def _say(self, event: str, detail: str) -> None:
        self._emit(vars(self._scheduled.mark(event, detail)))


def main() -> int:
    """The injecting process. Returns its exit code: 0, or 2 when the first line is no plan."""
    parent = ParentLink()
    writer = LineWriter(parent.output, on_broken=parent.stopping.set)

    def emit(said: Mapping[str, Any]) -> None:
        writer.put(json.dumps(said, separators=(",", ":")).encode())

    def say_alive() -> None:
        while True:
            emit({"event": ALIVE})
            time.sleep(ALIVE_INTERVAL_S)

    threading.Thread(target=say_alive, daemon=True).start()
    try:
        plan = json.loads(parent.line())
        parent.obey(plan)
        faults = [ScheduledFault.from_message(each) for each in plan["faults"]]
        rescue, closed = bool(plan["rescue"]), set(plan.get("closed", ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        print('Standard input: give one line like {"rescue": false, "faults": []}', file=sys.stderr)
        return 2
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    tasks = {fault.plan.number: FaultTask(fault, emit) for fault in faults}
    for task in tasks.values():
        task.prepare()
        if not rescue:
            task.check()
    emit({"event": READY})
    if rescue:
        threads = [threading.Thread(target=task.undo) for number, task in tasks.items() if number not in closed]
    else:
        origin_s = _origin_s(parent.line())
        threads = [
            threading.Thread(target=task.run, args=(origin_s, parent.stopping))
            for task in tasks.values()
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
        emit({"event": FINISHED})
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
