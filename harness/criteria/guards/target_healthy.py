"""Guard: the target was healthy before the load, and is healthy after it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from harness.criteria._criterion import Guard
from harness.findings import Finding, Outcome
from harness.recording import Recording
from harness.recording_marks import HealthMark


@dataclass(frozen=True)
class TargetHealthy(Guard):
    """Guard: the target's health checks answered before the load and again after it.

    A target that was down before proves nothing, so everything else is void. One that is down afterwards did
    not come back: that is a FAIL of its own, and voids nothing.
    """

    title = "target healthy before and after"

    def judge(self, recording: Recording) -> Finding:
        # A check may be repeated until it answers: the last answer of each counts.
        before = _last(recording, "before")
        after = _last(recording, "after")
        sick = [mark for mark in before if not mark.ok]
        if sick:
            return self.inconclusive(f"unhealthy before the load: {_told(sick)}")
        gone = [mark for mark in after if not mark.ok]
        if gone:
            return self._voids_nothing(Outcome.FAIL, f"did not come back: after the load {_told(gone)}")
        if not before:
            reason = "no health check before the load, so it is not known whether the target was up"
            return self._voids_nothing(Outcome.INCONCLUSIVE, reason)
        if not after:
            reason = "no health check after the load, so it is not known whether the target came back"
            return self._voids_nothing(Outcome.INCONCLUSIVE, reason)
        checks = ", ".join(sorted({mark.check for mark in (*before, *after)}))
        return self.finding(Outcome.PASS, f"{checks} answered before and after the load")

    def _voids_nothing(self, outcome: Outcome, reason: str) -> Finding:
        """What was measured stays measured."""
        return dataclasses.replace(self.finding(outcome, reason), voids=())


def _last(recording: Recording, when: str) -> list[HealthMark]:
    latest: dict[str, HealthMark] = {}
    for mark in sorted(recording.health, key=lambda mark: mark.t):
        if mark.when == when:
            latest[mark.check] = mark
    return list(latest.values())


def _told(marks: list[HealthMark]) -> str:
    return "; ".join(f"{mark.check} failed ({mark.detail})" if mark.detail else mark.check for mark in marks)
