"""Linearizability: every item behaves as if there were only one copy of it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, seconds
from harness.criteria.cache._linearizability import OPERATIONS_CAP, check
from harness.criteria.cache._operations import describe_read, examples, extent, history_of, nothing_read
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.marks import LOST


@dataclass(frozen=True)
class Linearizability(Criterion):
    """Items whose operations fit no order, each taking effect at one instant between its beginning and its end, stay
    within a limit; see :mod:`harness.criteria.cache._linearizability`.

    A read of a version that nobody wrote fits no order either. Where the recording is not whole (a run cut short, a
    load process lost, requests without an end), its write may be missing from it, and that is INCONCLUSIVE.
    """

    unit = "items"
    evidence = CLIENTS

    limit: float = parameter(0.0, "most items that may be not linearizable")
    via: str = parameter("*", "the way of the reads that are judged, * for anything")
    needs: str = parameter("", "what is needed for anything to be read this way, for the reason")
    reads_cap: int = parameter(OPERATIONS_CAP, "reads of one item that are checked", lowest=1)

    def judge(self, recording: Recording) -> Finding:
        title = "items that are not linearizable" + (f", by way of {self.via}" if self.via != "*" else "")
        seen = history_of(recording, self.via)
        reason = nothing_read(recording, seen, self.via, self.needs)
        if reason and (seen.set_aside or not seen.unwritten):
            return self.inconclusive(reason, title=title)
        checked = check(seen, self.reads_cap)
        broken = {violation.key for violation in checked.violations}
        doubtful = {read.operation.key for read in seen.unwritten} - broken
        highest = float(len(broken | doubtful))
        figure = highest if _is_whole(recording) else float(len(broken))
        if not checked.compared and not highest:
            reason = (
                f"none of {seen.reads:,} reads could have shown that an item has no order: items have to be read after "
                "a write of them had a good answer"
            )
            return self.inconclusive(reason, title=title)
        found = [
            f"{violation.key} at {seconds(violation.at_s)}: {violation.reason}" for violation in checked.violations
        ]
        found += [f"{describe_read(read)}, which nobody wrote" for read in seen.unwritten]
        reason = f"{figure:g} of {checked.items:,} items are not linearizable"
        if figure < highest:
            reason += f", and {highest - figure:g} more if no write is missing from the recording, which is not whole"
        scope = f"checked {checked.operations:,} of {checked.operations + checked.left_out:,} operations"
        return self.finding(
            against(self.limit, (figure, highest)),
            f"{reason}; {scope}, limit {self.limit:g}",
            figure,
            (figure, highest),
            {
                "not linearizable": len(broken),
                "operations checked": checked.operations,
                "reads of an item that was certainly there": checked.compared,
                "operations beyond the cap": checked.left_out,
                **extent(seen),
                **examples(found),
            },
            title=title,
        )


def _is_whole(recording: Recording) -> bool:
    """Whether every write of the run is in it."""
    whole = recording.end is not None and recording.end.completed and not recording.end.unfinished
    return whole and not any(event.event == LOST for event in recording.node_events)
