"""Guard: the users got ready for the load."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from harness.analysis import phases
from harness.criteria._criterion import Guard
from harness.criteria.guards._outside_of_phases import failures
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class WarmUpHealthy(Guard):
    """Guard: of the requests that users sent to get ready (logins in ``on_start``, what ``prepare`` asks) or that were
    sent before the first phase for another reason, no more failed than the limit allows.

    They are in no phase, so nothing else judges them. Users whose logins failed ask what was not planned: often they
    are answered quickly and well that they have to log in. So failures before the first phase void everything. Those in
    the course of the run void nothing: they may be the very thing that the load has done to the target.
    """

    title = "failures while users got ready"
    may_guard_nothing = True
    unit = "ratio"
    of_target = True

    limit: float = parameter(0.05, "largest error ratio of the requests with which users get ready", highest=1)

    def judge(self, recording: Recording) -> Finding:
        begin_s = min((phase.start_s for phase in recording.header.phases), default=0)
        pieces = (*phases.settled(recording).slices, *recording.warm_up)
        before = failures([piece for piece in pieces if piece.t < begin_s], "before the first phase")
        later = failures([piece for piece in recording.warm_up if piece.t >= begin_s], "to get ready again")
        if before.ratio > self.limit:
            remedy = "these users were not ready for what they were to do, so mend that first"
            return self.finding(Outcome.INCONCLUSIVE, before.beyond(self.limit, remedy), before.ratio)
        if later.ratio > self.limit:
            remedy = "no phase has these requests, so make them in the task if they are to be judged"
            found = self.finding(Outcome.INCONCLUSIVE, later.beyond(self.limit, remedy), later.ratio)
            return dataclasses.replace(found, voids=())
        told = "; ".join(each.told for each in (before, later) if each.told)
        if not told:
            return self.finding(Outcome.PASS, "no user sent anything to get ready")
        return self.finding(Outcome.PASS, told, max(before.ratio, later.ratio))
