"""The run came to its planned end and its recording is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import generator
from harness.criteria._criterion import Guard
from harness.findings import Finding, Outcome
from harness.recording import End, Recording
from harness.recording.marks import LOST
from harness.recording.values import UNSERVED


@dataclass(frozen=True)
class RunComplete(Guard):
    """The run came to its planned end, and its recording is whole.

    Whole: every line that was written is there once, as it was written, and the requests in them are those that the
    load processes counted. Of users that a pacer starts each iteration that began has one; of others nobody counts when
    an iteration begins. It voids nothing: what was proven up
    to the interruption stays proven.
    """

    title = "run complete"
    guarded = ()

    def judge(self, recording: Recording) -> Finding:
        reasons = list(recording.damage)
        end = recording.end
        if end is None or not end.completed:
            reasons.insert(0, generator.end_in_words(recording, "before its time"))
        else:
            reasons += _account(recording, end)
        if not recording.header.phases:
            reasons.append("the header plans no phases")
        named = Counter(phase.name for phase in recording.header.phases)
        twice = [name for name, count in named.items() if count > 1]
        if twice:
            reasons.append(f"several phases are called {', '.join(twice)}, of which criteria look at the first alone")
        outcome = Outcome.INCONCLUSIVE if reasons else Outcome.PASS
        reason = "; ".join(reasons) or "the run came to its planned end and its recording is whole"
        return self.finding(outcome, reason, evidence=_evidence(recording))


def _account(recording: Recording, end: End) -> Iterator[str]:
    """What the lines hold against what was counted apart from them, and planned."""
    planned_s = recording.header.planned_end_s
    if end.t < planned_s:
        yield f"the run says that it is complete {end.t:.0f} s in, and was planned for {planned_s} s"
    pieces = (*recording.slices, *recording.warm_up, *recording.wind_down)
    counted = sum(piece.count for piece in pieces)
    if recording.slices and counted < end.requests:
        yield f"{end.requests:,} requests ended, but only {counted:,} were recorded"
    # A load process that was lost has recorded requests, and never said how many.
    if any(mark.event == LOST for mark in recording.node_events):
        return
    # What ended has a latency; what is counted without one (a message that was lost, say) is counted nowhere else.
    requests = sum(sum(piece.latency.values()) for piece in pieces)
    if requests > end.requests:
        ended = f"{end.requests:,} requests ended"
        yield f"{ended}, but {requests:,} were recorded: some of them twice, or of another run"
    # By the second: requests that are missing there and too many elsewhere add up to what was counted.
    begun, recorded = Counter[int](), Counter[int]()
    for starts in recording.starts:
        begun[int(starts.t // 1)] += sum(starts.starts.values())
    for piece in recording.slices:
        if piece.outcome != UNSERVED:
            recorded[piece.t] += piece.count if piece.starts is None else piece.starts
    if missing := begun - recorded:
        between = f"between {min(missing)} and {max(missing) + 1} s"
        many = missing.total()
        yield f"{many:,} iteration{'s' if many > 1 else ''} began {between} of which no request was recorded"


def _evidence(recording: Recording) -> dict[str, float | str | None]:
    end = recording.end
    return {"ended_s": end.t, "reason": end.reason, "unfinished": end.unfinished} if end else {}
