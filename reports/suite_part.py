"""What became of one scenario of several that were run together: its verdict, or why there is none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.findings import Finding, Outcome, Verdict
from harness.verdict import DEMO
from reports import _rows, verdict_json

NOT_RUN = "NOT RUN"
MOST_BYTES = 16_000_000
"""Of a file whose verdict is read: the largest of our own has some hundred kilobytes."""


@dataclass(frozen=True)
class Part:
    """One scenario. One that was not run is INCONCLUSIVE, whatever else is said of it."""

    scenario: str
    outcome: Outcome
    reason: str
    lasted_s: float
    run: str = ""
    """Name of its run directory, inside the suite's; empty when it left no verdict."""
    suite: str = ""
    """The group of the scenario; empty where it did not come to name one."""
    was_run: bool = True
    """Whether any load was made for it, or it has failed without any."""
    findings: tuple[Finding, ...] = ()
    target: str = ""
    on_demo: bool = False
    """Whether the target was our own demo."""
    started_utc: str = ""
    stopped_early: bool = False
    """By a rule of ``--stop-when`` or a safety limit."""

    def __post_init__(self) -> None:
        if not self.was_run:
            object.__setattr__(self, "outcome", max(self.outcome, Outcome.INCONCLUSIVE, key=lambda each: each.rank))

    @staticmethod
    def not_run(scenario: str, reason: str, suite: str = "") -> Part:
        return Part(scenario, Outcome.INCONCLUSIVE, reason or "nobody said why", 0.0, suite=suite, was_run=False)

    @property
    def word(self) -> str:
        """Its outcome; of one that was not run, that."""
        return self.outcome.value if self.was_run else NOT_RUN

    @property
    def own_reason(self) -> str:
        """Without what holds for all that were run on the demo, and is said once."""
        return self.reason.removesuffix(f" {DEMO}.")

    @cached_property
    def judged(self) -> list[_rows.FindingRow]:
        """The findings about the target, worst first; none of a part that was not run."""
        return _rows.judged(self._verdict) if self.was_run else []

    @cached_property
    def guards(self) -> list[_rows.FindingRow]:
        """The findings about the measurement itself, worst first."""
        return _rows.guards(self._verdict) if self.was_run else []

    @property
    def _verdict(self) -> Verdict:
        return Verdict(self.outcome, self.reason, self.findings)


def of_verdict(path: Path, scenario: str, lasted_s: float, suite: str) -> Part | None:
    """From the ``verdict.json`` of its run; None where that cannot be read, whatever is in it. The run lies in the
    directory of that file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        said = json.loads(path.read_text(encoding="utf-8"))
        return Part(
            scenario,
            Outcome(said["outcome"]),
            str(said["reason"]),
            lasted_s,
            path.parent.name,
            suite,
            bool(said.get("load_began", True)) or said["outcome"] == Outcome.FAIL.value,
            tuple(verdict_json.finding_of(body) for body in said["findings"]),
            str(said["target"]),
            bool(said["reference_target"]),
            str(said["started_utc"]),
            bool(said.get("stopped_early", False)),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
