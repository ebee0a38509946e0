"""Outage: the longest time without a good answer after a fault, from the last one to the first one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._effects import effect_of
from harness.criteria._injections import Injection, injections, load_end_s, not_injected
from harness.criteria._outcome import against, seconds
from harness.criteria._seen import Seen
from harness.criteria.recovery._gaps import Gap, gaps, tries_of
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import READ, WRITE, Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class Outage(Criterion):
    """The longest stretch without a good answer to any of the reads, or writes, after a fault stays within a limit.

    The figure goes from the last good answer to the first one, on the clients' clock. Clients that had asked all the
    time would have found it shorter: at least from the first sign of trouble to the last one, see
    :mod:`harness.criteria.recovery._gaps`. Tries that are further apart make the interval wider; where they are further
    apart than the limit, nobody could have seen it kept. A service that did not come back while it was watched took
    longer than that: never 0 and never a pass. A service that needs nothing of what was struck has no outage: the
    evidence tells whether a fault showed in anything, see :mod:`harness.criteria._effects`.
    """

    unit = "s"
    evidence = CLIENTS

    limit_s: float = parameter(30.0, "longest time in seconds without a good answer")
    on_top_s: float = parameter(0.0, "time in seconds that comes on top of the limit, e.g. until a lock expires")
    kind: str = parameter(WRITE, "what is asked", choices=(READ, WRITE))
    via: str = parameter("*", "the way of what is asked, * for anything")
    fault: str = parameter("*", "the planned fault after which it is judged, * for anything")
    remedy: str = parameter("", "what to say when there was no such fault")

    @property
    def limit_value(self) -> float:
        return self.limit_s + self.on_top_s

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """For as long after each fault as is accepted, what fails is meant."""
        yield from (Seen(each.at_s, each.at_s + self.limit_value) for each in injections(recording, self.fault))

    def judge(self, recording: Recording) -> Finding:
        title = f"longest time without a good answer to a {self.kind}"
        faults = injections(recording, self.fault)
        if not faults:
            reason = not_injected(self.fault, "nothing was to be survived", self.remedy)
            return self.inconclusive(reason, title=title)
        tries, from_s, until_s = tries_of(recording, self.kind, self.via), faults[0].at_s, load_end_s(recording)
        if not tries.count:
            reason = f"no {self.kind} came by way of {self.via}: users keep them with self.operation(...)"
            return self.inconclusive(reason, title=title)
        if not tries.good or (tries.good[0].return_s or 0.0) > from_s:
            reason = f"no {self.kind} had a good answer before the fault, so nobody knows when there was none any more"
            return self.inconclusive(reason, title=title)
        found = list(gaps(tries, from_s, until_s))
        if not found:
            reason = f"no {self.kind} was asked for after the fault; a longer load would show what it does"
            return self.inconclusive(reason, title=title)
        worst = max(found, key=lambda gap: (gap.shortest_s, gap.length_s))
        low_s = max(0.0, worst.shortest_s - tries.uncertainty_s)
        high_s = max(gap.length_s for gap in found) + tries.uncertainty_s
        failing = [gap for gap in found if gap.in_vain]
        evidence: dict[str, Scalar] = {
            "tries": tries.count,
            "tries in vain after the fault": sum(gap.in_vain for gap in failing),
            "stretches with tries in vain": len(failing),
            **{
                f"fault {number}, {fault.fault} at {seconds(fault.at_s)}": _of_fault(found, fault, faults)
                for number, fault in enumerate(faults, start=1)
            },
            **{
                f"effect of fault {number}": effect_of(recording, fault) or "none was seen"
                for number, fault in enumerate(faults, start=1)
            },
        }
        watched_s = until_s - faults[-1].at_s
        outcome = against(self.limit_value, (low_s, high_s))
        is_censored = math.isinf(high_s)
        if outcome is Outcome.PASS and watched_s < self.limit_value:
            outcome = Outcome.INCONCLUSIVE
        return self.finding(
            outcome,
            self._reason(worst, low_s, high_s, watched_s, outcome, until_s),
            None if is_censored and math.isinf(worst.length_s) else worst.length_s,
            (low_s, high_s),
            evidence,
            title=title,
            censored=is_censored,
        )

    def _reason(
        self, worst: Gap, low_s: float, high_s: float, watched_s: float, outcome: Outcome, until_s: float
    ) -> str:
        limit = f"limit {seconds(self.limit_value)}"
        if math.isinf(worst.length_s):
            lasted = f"in the {seconds(until_s - worst.start_s)} that were left of the load"
            reason = f"no good answer to a {self.kind} came after {seconds(worst.start_s)}, {lasted}, {limit}"
            return reason + ("; a longer load would settle it" if outcome is Outcome.INCONCLUSIVE else "")
        reason = (
            f"{seconds(worst.length_s)} without a good answer to a {self.kind}, from {seconds(worst.start_s)} to "
            f"{seconds(worst.end_s)}, with {worst.in_vain:,} tries in vain; clients that had asked all the time would "
            f"have found at least {seconds(low_s)}; {limit}"
        )
        if outcome is Outcome.INCONCLUSIVE and watched_s < self.limit_value and high_s <= self.limit_value:
            reason += f"; only {seconds(watched_s)} were watched after the last fault, a longer load would settle it"
        elif outcome is Outcome.INCONCLUSIVE:
            reason += "; tries at shorter intervals would settle it"
        return reason


def _of_fault(found: list[Gap], fault: Injection, faults: tuple[Injection, ...]) -> str:
    """The longest until the next fault, in words."""
    until_s = min((other.at_s for other in faults if other.at_s > fault.at_s), default=math.inf)
    mine = [gap for gap in found if gap.end_s > fault.at_s and gap.start_s < until_s]
    worst = max(mine, key=lambda gap: (gap.shortest_s, gap.length_s), default=None)
    return "not watched" if worst is None else f"{seconds(worst.length_s)}, {worst.in_vain:,} in vain"
