"""What the terminal shows while a run goes: a progress bar on a TTY, else one plain line per phase."""

from __future__ import annotations

import contextlib
import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from harness.live.state import LiveState
from harness.safe_text import say
from shapes._profile import Profile


class PhaseProgress:
    """Call ``show`` about once a second. Writes to standard error, so that standard output stays a report."""

    def __init__(self, profile: Profile, live: LiveState) -> None:
        self._profile = profile
        self._nodes = live.nodes
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
            self._task = self._bar.add_task("warm-up", total=profile.duration_s, note="")
            self._bar.start()

    def show(self, t: float | None) -> None:
        """``t`` is seconds after the origin, None or negative in the warm-up."""
        in_warm_up = t is None or t < 0
        phase = None if t is None else self._profile.phase_at(t)
        name = "warm-up" if in_warm_up else phase.name if phase else "drain"
        end_s, note = self._profile.duration_s, self._note()
        with contextlib.suppress(OSError):
            if self._bar is not None and self._task is not None:
                done_s = min(max(t or 0.0, 0.0), end_s)
                self._bar.update(self._task, description=name, completed=done_s, note=note, refresh=True)
            elif name != self._said:
                span = f" ({phase.start_s}–{phase.end_s} s of {end_s} s)" if phase else ""
                say(f"{name}{span} {note}".rstrip())
        self._said = name

    def _note(self) -> str:
        if not self._nodes.joined:
            return f"{self._nodes.parked_users} of {self._profile.pool_users} users parked"
        lost = f", {len(self._nodes.lost)} lost" if self._nodes.lost else ""
        return f"{len(self._nodes.joined)} load processes{lost}" if self._nodes.wanted > 1 else ""

    def close(self) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.stop()
            self._bar = None
