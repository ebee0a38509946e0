"""Fail open: reads are answered although the cache is away."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.analysis import intervals
from harness.criteria._criterion import Estimate
from harness.criteria._injections import injections, not_injected
from harness.criteria._outcome import against, percent, seconds
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import ADMITTED, BYPASS, READ, TAKE, Operation, Recording

FEWEST_BEFORE = 5
"""Answers that went past the cache before it was away, for their share to be that of any time."""


@dataclass(frozen=True)
class FailOpen(Estimate):
    """Reads without a good answer in time ÷ reads, while a planned fault keeps the cache away, stay within a limit.

    A request under a rate limit counts as a read: refused while nobody can count, it has no good answer. A read has
    failed when its good answer took longer than ``answer_within_s``, or never came. One that was in time, but came only
    after the cache was back, is left out: it does not tell what would have become of it. That the cache was away has to
    show: answers say ``X-Cache: bypass``, more of them than before it, or none was good. The interval is that of an
    error ratio: what fails until a connection is given up comes in a few seconds together.
    """

    title = "failed reads while the cache is away"
    unit = "ratio"
    evidence = CLIENTS

    limit: float = parameter(0.05, "largest share of reads without a good answer that is accepted", highest=1)
    fault: str = parameter("stop_process", "the planned fault that takes the cache away, * for anything")
    answer_within_s: float = parameter(2.0, "a good answer that takes longer, in seconds, counts as none")
    via: str = parameter("*", "the way of the reads that are judged, * for anything")
    remedy: str = parameter("", "what to say when there was no such fault")

    def judge(self, recording: Recording) -> Finding:
        outages = _outages(recording, self.fault)
        if not outages:
            return self.inconclusive(not_injected(self.fault, "the cache was never away", self.remedy))
        reads = [
            operation
            for batch in recording.operations
            for operation in batch.operations
            if operation.kind in (READ, TAKE)
            and fnmatchcase(operation.via, self.via)
            and self._is_judged(operation, outages)
        ]
        if not reads:
            return self.inconclusive(
                f"nothing was read while {self.fault} lasted; a longer one, or more readers, would show it"
            )
        good = [read for read in reads if self._is_in_time(read)]
        if good and not self._went_past(recording, reads, outages[0][0]):
            return self.inconclusive(
                f"no more answers than before went past the cache while {self.fault} lasted, so it does not show that "
                "it was away"
            )
        failed = len(reads) - len(good)
        refused = sum(_is_refused(read) for read in reads)
        late = sum(read.return_s is not None for read in reads) - len(good) - refused
        caches = Counter(read.cache for read in good)
        found = self._estimated(reads)
        low, high = interval = found.low, found.high
        outcome = against(self.limit, interval)
        lasted = " and ".join(f"from {seconds(begin_s)} to {seconds(end_s)}" for begin_s, end_s in outages)
        reason = (
            f"{failed:,} of {len(reads):,} reads had no good answer within {seconds(self.answer_within_s)} {lasted}, "
            f"{caches[BYPASS]:,} went past the cache; "
            f"{percent(low)} to {percent(high)} with {percent(self.confidence)} confidence, limit {percent(self.limit)}"
        )
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; more reads in that time, or a longer one, would settle it"
        reason += f" ({found.only})" if found.only else ""
        return self.finding(
            outcome,
            reason,
            failed / len(reads),
            interval,
            {
                "reads": len(reads),
                "failed": failed,
                "answered too late": late,
                **({"refused": refused} if refused else {}),
                **{cache or "not said": count for cache, count in caches.items()},
            },
        )

    def _estimated(self, reads: Sequence[Operation]) -> intervals.Estimated:
        every = Counter(math.floor(read.invoke_s) for read in reads)
        failed = Counter(math.floor(read.invoke_s) for read in reads if not self._is_in_time(read))
        seconds = sorted(every)
        return intervals.share_of([failed[t] for t in seconds], [every[t] for t in seconds], self.confidence)

    def _went_past(self, recording: Recording, reads: Sequence[Operation], before_s: float) -> bool:
        """Whether more of the answers than before the first outage did: some services let a few past at any time."""
        calm = [
            one
            for batch in recording.operations
            for one in batch.operations
            if one.kind in (READ, TAKE) and fnmatchcase(one.via, self.via) and one.invoke_s < before_s
        ]
        (past, answered), (past_before, before) = _past(reads), _past(calm)
        low = intervals.clopper_pearson(past, answered, self.confidence)[0]
        return low > (past_before / before if past_before >= FEWEST_BEFORE else 0.0)

    def _is_in_time(self, read: Operation) -> bool:
        return (
            read.return_s is not None
            and read.return_s - read.invoke_s <= self.answer_within_s
            and not _is_refused(read)
        )

    def _is_judged(self, read: Operation, outages: tuple[tuple[float, float], ...]) -> bool:
        """Whether it began in an outage and, if its answer was in time, was also answered in it."""
        return any(
            begin_s <= read.invoke_s < end_s
            and (read.return_s is None or read.return_s <= end_s or not self._is_in_time(read))
            for begin_s, end_s in outages
        )


def _past(reads: Sequence[Operation]) -> tuple[int, int]:
    """Answers that went past the cache, and all answers."""
    answered = [read.cache for read in reads if read.return_s is not None]
    return answered.count(BYPASS), len(answered)


def _is_refused(read: Operation) -> bool:
    return read.kind == TAKE and read.return_s is not None and read.cache not in (ADMITTED, BYPASS)


def _outages(recording: Recording, fault: str) -> tuple[tuple[float, float], ...]:
    """From each injection to its undoing, or to the end of the run; those that overlap are one."""
    end_s = recording.end.t if recording.end is not None else math.inf
    found: list[tuple[float, float]] = []
    for each in injections(recording, fault):
        begin_s, undone_s = each.at_s, min(each.undone_s, end_s)
        if found and begin_s <= found[-1][1]:
            earlier_s, ended_s = found.pop()
            begin_s, undone_s = earlier_s, max(ended_s, undone_s)
        found.append((begin_s, undone_s))
    return tuple(found)
