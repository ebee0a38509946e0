"""Guard: the users got ready for the load."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.analysis import phases
from harness.criteria._criterion import Guard
from harness.criteria._outcome import percent
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording_values import OK


@dataclass(frozen=True)
class WarmUpHealthy(Guard):
    """Guard: of the requests that users sent before the first phase (logins in ``on_start``, what ``prepare`` asks), no
    more failed than the limit allows.

    They are in no phase, so nothing else judges them. Users whose logins failed ask what was not planned: often they
    are answered quickly and well that they have to log in.
    """

    title = "users got ready"
    unit = "ratio"

    limit: float = parameter(0.05, "largest error ratio of the requests before the first phase", highest=1)

    def judge(self, recording: Recording) -> Finding:
        begin_s = min((phase.start_s for phase in recording.header.phases), default=0)
        early = tuple(piece for piece in phases.settled(recording).slices if piece.t < begin_s)
        tally = phases.tally(early)
        if tally.error_ratio is None:
            return self.finding(Outcome.PASS, "no user sent anything before the first phase")
        failed = Counter({piece.name: 0 for piece in early})
        for piece in early:
            failed[piece.name] += 0 if piece.outcome == OK else piece.count
        told = f"{tally.failed:,} of {tally.intended:,} requests before the first phase failed"
        if tally.error_ratio <= self.limit:
            return self.finding(Outcome.PASS, told, tally.error_ratio)
        name, count = failed.most_common(1)[0]
        cause = next(iter(tally.causes))
        reason = (
            f"{told}, most of them {name} ({count:,}), with {cause}; limit {percent(self.limit)}: these users were not "
            "ready for what they were to do, so mend that first"
        )
        return self.finding(Outcome.INCONCLUSIVE, reason, tally.error_ratio)
