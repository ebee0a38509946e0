"""Ground truth of health pages: a dependency is frozen for some seconds, and the readiness page says so, or does not.

- As it is, everything passes.
- ``always ready``: the page that is taken for it looks at nothing. It goes on to say *ready* for as long as the
  dependency is away, which is from one mark of the fault to the other.
"""

from __future__ import annotations

from tests.ground_truth.frame import FAIL, Case, Compared, Run

KNOWN_S = 2.0
"""Answers are known to the second in which they were asked for: one with an end of the fault in it says nothing."""


def _stayed_ready(found: Run) -> Compared:
    """The figure is how long at least: it never said anything else."""
    low_s, _ = found.finding("readiness").interval or (0.0, 0.0)
    marks = {mark.event: mark.t for mark in found.recording.faults}
    true_s = marks["undone"] - marks["injected"]
    near = true_s - KNOWN_S <= low_s <= true_s
    wrong = [] if near else [f"said 'ready' for {low_s:.3f} s, and the dependency was away for {true_s:.3f} s"]
    return Compared(wrong, low_s, true_s, "s")


CASES = (
    Case("healthy", "health_pages"),
    Case(
        *("always ready", "health_pages"),
        expected={"readiness": FAIL},
        check=_stayed_ready,
        options=("--readiness-path", "/healthz"),
    ),
)
SHORT = ()
