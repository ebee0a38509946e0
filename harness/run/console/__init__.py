"""What a run shows to whoever started it while it goes, by ``--console``:

``screen``  on a terminal: one screen that is drawn anew in its place, with what is told in words above it
``lines``   anywhere else: a line for each phase, and what is told in words
``quiet``   nothing
``json``    one JSON document a line, on standard output

Problems are not part of this: they go to standard error whatever is wanted here. So is the verdict, which is printed
when the run has been judged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Protocol

from harness.live.state import LiveState
from harness.run.console.plan import Course, ShownPlan, note
from harness.safe_text import say


class Display(Protocol):
    def tell(self, text: str, event: Mapping[str, object]) -> None:
        """Something has happened: in words, on one line, and as data with its name in ``event``."""
        ...

    def show(self, t: float | None) -> None:
        """Called a few times a second. ``t`` is seconds after the origin; None or negative in the warm-up."""
        ...

    def close(self) -> None:
        """The run is over; what comes next is printed as usual."""
        ...


class Quiet:
    def tell(self, text: str, event: Mapping[str, object]) -> None:
        """Nothing."""

    def show(self, t: float | None) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """Writes to standard error, so that standard output stays a report."""

    def __init__(self, plan: ShownPlan, live: LiveState) -> None:
        self._plan = plan
        self._nodes = live.nodes
        self._course = Course(plan.profile)

    def tell(self, text: str, event: Mapping[str, object]) -> None:  # noqa: ARG002
        say(text)

    def show(self, t: float | None) -> None:
        for name, phase in self._course.begun(t):
            span = f" ({phase.start_s}–{phase.end_s} s of {self._plan.profile.duration_s} s)" if phase else ""
            say(f"{name}{span} {note(self._plan, self._nodes)}".rstrip())

    def close(self) -> None:
        """Nothing is left open."""


def display(wanted: str, plan: ShownPlan, live: LiveState) -> Display:
    """``wanted`` as the option says it; ``auto`` is a screen where there is a terminal that can draw one."""
    if wanted == "quiet":
        return Quiet()
    if wanted == "json":
        from harness.run.console.events import Events

        return Events(plan, live, sys.stdout)
    if wanted == "screen" or (wanted == "auto" and can_draw()):
        from harness.run.console.screen import Screen

        return Screen(plan, live)
    return Lines(plan, live)


def can_draw() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
