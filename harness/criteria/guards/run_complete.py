"""The run came to its planned end and its recording is whole."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import generator
from harness.criteria._criterion import Guard
from harness.findings import Finding, Outcome
from harness.recording import Recording


@dataclass(frozen=True)
class RunComplete(Guard):
    """The run came to its planned end, and every line of its recording can be read.

    Judged for every run. It voids nothing: what was proven up to the interruption stays proven.
    """

    title = "run complete"
    guarded = ()

    def judge(self, recording: Recording) -> Finding:
        reasons = list(recording.damage)
        end = recording.end
        if end is None:
            last = max(0.0, generator.last_trace_s(recording))
            reasons.insert(0, f"the recording has no end: the run was killed about {last:.0f} s in")
        elif not end.completed:
            reasons.insert(0, f"the run ended {end.t:.0f} s in, before its time: {end.reason}")
        else:
            counted = sum(piece.count for piece in (*recording.slices, *recording.warm_up))
            if recording.slices and counted < end.requests:
                reasons.append(f"{end.requests:,} requests ended, but only {counted:,} were recorded")
        if not recording.header.phases:
            reasons.append("the header plans no phases")
        outcome = Outcome.INCONCLUSIVE if reasons else Outcome.PASS
        reason = "; ".join(reasons) or "the run came to its planned end and its recording is whole"
        return self.finding(outcome, reason, evidence=_evidence(recording))


def _evidence(recording: Recording) -> dict[str, float | str | None]:
    end = recording.end
    return {"ended_s": end.t, "reason": end.reason, "unfinished": end.unfinished} if end else {}
