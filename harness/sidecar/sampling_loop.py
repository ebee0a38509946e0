"""Samples probes on a fixed grid of the monotonic clock, each in a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from harness.probes import Probe, Reading, name_of

SKIPPED = "skipped:"
"""How the error of a sample begins that was not taken, because the one before had not ended."""

Emit = Callable[[float, str, Reading], None]
"""Takes the instant on the monotonic clock in seconds, the probe's name, and the reading; from any thread."""


class _Worker:
    """A probe and its thread. A probe that hangs holds up itself only."""

    def __init__(self, probe: Probe, emit: Emit) -> None:
        self.name = name_of(probe)
        self._probe = probe
        self._emit = emit
        self._turns: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._busy_since_s: float | None = None
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def busy(self) -> bool:
        return self._busy_since_s is not None

    def begin(self, now_s: float) -> None:
        """Lets the thread take a sample, or says that the one before has not ended."""
        since_s = self._busy_since_s
        if since_s is not None:
            late = f"{SKIPPED} the sample begun {now_s - since_s:.1f} s ago has not ended"
            self._emit(now_s, self.name, Reading.failed(self.name, late))
        else:
            self._busy_since_s = now_s
            self._turns.put(now_s)

    def _run(self) -> None:
        while True:
            began_s = self._turns.get()
            try:
                for reading in self._probe.sample():
                    self._emit(began_s, self.name, reading)
            except Exception as error:  # a defect of the probe must show in the recording, and sampling go on
                defect = f"defect in the probe: {type(error).__name__}: {error}"
                self._emit(began_s, self.name, Reading.failed(self.name, defect))
            self._busy_since_s = None


def sample_until(stop: threading.Event, probes: Sequence[Probe], interval_s: float, emit: Emit) -> None:
    """Samples every ``interval_s`` until ``stop``; then gives samples under way half a second to end.

    Instants that passed while the machine was stopped or too busy are not made up for: they are said.
    """
    workers = [_Worker(probe, emit) for probe in probes]
    origin_s, turn = time.monotonic(), 0
    while not stop.wait(max(0.0, origin_s + turn * interval_s - time.monotonic())):
        now_s = time.monotonic()
        for worker in workers:
            worker.begin(now_s)
        next_turn = int((now_s - origin_s) / interval_s) + 1
        if next_turn > turn + 1:
            missed = f"{next_turn - turn - 1} samples missed: the sampler was not running"
            for worker in workers:
                emit(now_s, worker.name, Reading.failed(worker.name, missed))
        turn = next_turn
    end_s = time.monotonic() + 0.5
    while any(worker.busy for worker in workers) and time.monotonic() < end_s:
        time.sleep(0.01)
