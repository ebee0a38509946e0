"""One plain line for each phase, and for what happens."""

from __future__ import annotations

from collections.abc import Mapping

from harness.live.state import LiveState
from harness.run.console.plan import Course, ShownPlan, note
from harness.safe_text import say


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
