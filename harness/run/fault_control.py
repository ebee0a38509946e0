"""The faults of a run as its run sees them: prepared before the load, each event a mark and a line, undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.faults import ScheduledFault, name_of
from harness.recording import FaultMark
from harness.run.progress import say
from harness.sidecar.injector import PREPARED, FaultEvent, Injector


class FaultControl:
    """Does nothing at all in a run without faults."""

    def __init__(self, faults: Sequence[ScheduledFault], mark: Callable[[FaultMark, float], None]) -> None:
        self._faults = tuple(faults)
        self._mark = mark
        self._injector = Injector(faults, self._on_event) if faults else None

    def prepare(self) -> str | None:
        """Why the run cannot begin, None when it can."""
        failures = self._injector.start() if self._injector is not None else []
        return f"a fault is {'; '.join(failures)}" if failures else None

    def begin(self, origin_s: float) -> None:
        if self._injector is not None:
            self._injector.begin(origin_s)

    def begin_undoing(self) -> None:
        """Everything is undone from now on: a target that is stopped cannot give its last answers."""
        if self._injector is not None:
            self._injector.begin_undoing()

    def stop(self) -> None:
        """Comes back when everything is undone."""
        if self._injector is not None:
            self._injector.stop()

    def _on_event(self, event: FaultEvent) -> None:
        name = name_of(self._faults[event.number - 1].fault)
        say(f"fault {name} {event.event}: {event.detail}".rstrip(": "))
        if event.event != PREPARED:
            self._mark(FaultMark(0, name, event.event, event.detail, event.number), event.monotonic_s)
