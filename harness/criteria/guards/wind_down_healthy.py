"""Guard: the users came to their end as they should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.analysis import phases
from harness.criteria._criterion import Guard
from harness.criteria.guards._outside_of_phases import failures
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.marks import CUT_OFF, STOPPING

MOST_NAMED = 5


@dataclass(frozen=True)
class WindDownHealthy(Guard):
    """Guard: of the requests that users sent after the last phase (logouts in ``on_stop``, the rest of an iteration),
    no more failed than the limit allows, and all of them are known.

    They are in no phase, so nothing else judges them. It voids nothing: what was measured before stays measured.
    """

    title = "failures after the last phase"
    may_guard_nothing = True
    unit = "ratio"
    guarded: ClassVar[tuple[str, ...]] = ()

    limit: float = parameter(0.05, "largest error ratio of the requests after the last phase", highest=1)

    def judge(self, recording: Recording) -> Finding:
        end_s = recording.header.planned_end_s
        late = (piece for piece in phases.settled(recording).slices if piece.t >= end_s)
        found = failures([*recording.wind_down, *late], "after the last phase")
        reasons = []
        if found.ratio > self.limit:
            remedy = "no phase has these requests, so make them in a task, within a phase, if they are to be judged"
            reasons.append(found.beyond(self.limit, remedy))
        if stopping := sorted({mark.node for mark in recording.node_events if mark.event == STOPPING}):
            reasons.append(
                f"users of {', '.join(stopping)} had not come to their end when the run was over, so nobody knows what "
                "became of it; a longer wait for answers at the end would tell"
            )
        told = (f"{mark.detail} ({mark.node})" for mark in recording.node_events if mark.event == CUT_OFF)
        if cut_off := list(dict.fromkeys(told)):  # in mid-run, too, where users are fewer from then on
            where = ", ".join(cut_off[:MOST_NAMED])
            more = f" and {len(cut_off) - MOST_NAMED} more" if len(cut_off) > MOST_NAMED else ""
            reasons.append(
                f"{where}{more} was cut off before it had come to its end, so nobody knows what became of it; a time "
                "limit for its requests would tell, or a longer on_stop_s of the users"
            )
        figure = found.ratio if found.told else None
        if reasons:
            return self.finding(Outcome.INCONCLUSIVE, "; ".join(reasons), figure)
        return self.finding(Outcome.PASS, found.told or "no user sent anything after the last phase", figure)
