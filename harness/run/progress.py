"""What the terminal shows while a run goes: a progress bar on a TTY, else one plain line per phase."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from shapes._profile import Phase


def say(text: str) -> None:
    """One line on standard error. When nobody reads that any more (``2>&1 | head``), the run goes on all the same."""
    with contextlib.suppress(OSError):
        print(f"springback: {text}", file=sys.stderr, flush=True)


class PhaseProgress:
    """Call ``show`` about once a second. Writes to standard error, so that standard output stays a report."""

    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases = phases
        self._end_s = phases[-1].end_s
        self._said = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description:<12}"),
                BarColumn(),
                TextColumn("{task.completed:>4.0f} of {task.total:.0f} s"),
                TextColumn("{task.fields[note]}"),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False)
            self._task = self._bar.add_task("warm-up", total=self._end_s, note="")
            self._bar.start()

    def show(self, t: float | None, note: str) -> None:
        """``t`` is seconds after the origin, None in the warm-up; ``note`` a few words on what is going on."""
        phase = None if t is None else next((p for p in self._phases if p.start_s <= t < p.end_s), None)
        name = "warm-up" if t is None else phase.name if phase else "drain"
        with contextlib.suppress(OSError):
            if self._bar is not None and self._task is not None:
                done_s = min(max(t or 0.0, 0.0), self._end_s)
                self._bar.update(self._task, description=name, completed=done_s, note=note, refresh=True)
            elif name != self._said:
                span = f" ({phase.start_s}–{phase.end_s} s of {self._end_s} s)" if phase else ""
                say(f"{name}{span} {note}".rstrip())
        self._said = name

    def close(self) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.stop()
            self._bar = None
