"""Guard: what should have been disturbed was disturbed, when it should have been, and no longer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.criteria._criterion import Guard
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import FaultPlan
from harness.recording.marks import FAILED, INJECTED, UNDONE, WITHOUT_EFFECT, FaultMark


@dataclass(frozen=True)
class FaultsInjected(Guard):
    """Guard: every planned fault was injected and undone as planned; without planned faults there is nothing to guard.

    Otherwise the run was not the one that was planned, and everything else is void: figures of a fault that was not
    there prove nothing, nor do those of a recovery while it still was.
    """

    title = "faults as planned"
    may_guard_nothing = True
    unit = "s"

    late_limit_s: float = parameter(2.0, "how far from its planned instant a fault may be injected or undone")

    def judge(self, recording: Recording) -> Finding:
        plans = recording.header.faults
        wrong = [fault for plan in plans for fault in self._faults(plan, recording.faults)]
        shifts = [shift for plan in plans for shift in _shifts_s(plan, recording.faults)]
        if wrong:
            outcome, reason = Outcome.INCONCLUSIVE, "; ".join(wrong)
        elif plans:
            outcome = Outcome.PASS
            reason = f"{len(plans)} planned, all injected and undone, at most {max(shifts):.2f} s from their instants"
        else:
            outcome, reason = Outcome.PASS, "no fault was planned"
        return self.finding(outcome, reason, max(shifts) if shifts else None)

    def _faults(self, plan: FaultPlan, marks: Iterable[FaultMark]) -> Iterable[str]:
        """What was not as planned, in words."""
        text = f"{plan.fault}, planned from {plan.start_s:g} to {plan.end_s:g} s,"
        mine = [mark for mark in marks if mark.number == plan.number]
        failed = [mark.detail for mark in mine if mark.event == FAILED]
        if failed:
            yield f"{text} failed: {'; '.join(dict.fromkeys(failed))}"
            return
        for event, planned_s in ((INJECTED, plan.start_s), (UNDONE, plan.end_s)):
            t = _t_of(event, mine)
            if t is None:
                yield f"{text} was not {event}"
                return
            if abs(t - planned_s) > self.late_limit_s:
                yield f"{text} was {event} at {t:.1f} s"
        if idle := next((mark.detail for mark in mine if mark.detail.startswith(WITHOUT_EFFECT)), ""):
            yield f"{text} was {idle}"


def _t_of(event: str, marks: Iterable[FaultMark]) -> float | None:
    return next((mark.t for mark in marks if mark.event == event), None)


def _shifts_s(plan: FaultPlan, marks: Iterable[FaultMark]) -> Iterable[float]:
    mine = [mark for mark in marks if mark.number == plan.number]
    for event, planned_s in ((INJECTED, plan.start_s), (UNDONE, plan.end_s)):
        t = _t_of(event, mine)
        if t is not None and math.isfinite(t):
            yield abs(t - planned_s)
