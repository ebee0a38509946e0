"""What the criteria about the rotation of a balancer have in common: the worst of all faults, against a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.criteria._criterion import Criterion
from harness.criteria._injections import Injection, injections, load_end_s, not_injected
from harness.criteria._outcome import against, seconds
from harness.criteria._single_operations import ANY, by_source, nobody_named, tries, unnamed
from harness.criteria.balancing._rotation import Struck, struck
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Operation, Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class RotationCriterion(Criterion):
    """The longest time of all faults that have struck one of several who answer."""

    unit = "s"
    evidence: ClassVar[str] = CLIENTS
    done: ClassVar[str]
    """What had happened when the time was over, for the reason."""

    limit_s: float = parameter(10.0, "longest time in seconds")
    kind: str = parameter(ANY, "read or write, * for both")
    via: str = parameter(ANY, "the way of the operations that are judged, * for anything")
    fault: str = parameter(ANY, "the planned fault that strikes one of them, * for anything")
    remedy: str = parameter("", "what to say when there was no such fault, or no answer tells who gave it")

    def time_of(self, operations: Sequence[Operation], of: Struck, end_s: float) -> tuple[float, float] | None:
        """At least and at most; None where this fault has none."""
        raise NotImplementedError

    def judge(self, recording: Recording) -> Finding:
        faults = injections(recording, self.fault)
        if not faults:
            return self.inconclusive(not_injected(self.fault, "nobody was to be taken out", self.remedy))
        operations = tries(recording, self.kind, self.via)
        if not by_source(operations):
            return self.inconclusive(nobody_named(self.via, self.remedy))
        return self._judge_faults(operations, faults, load_end_s(recording))

    def _judge_faults(self, operations: Sequence[Operation], faults: Sequence[Injection], end_s: float) -> Finding:
        told: dict[str, Scalar] = {}
        times: list[tuple[tuple[float, float], str]] = []
        nobody = 0
        for number, of in enumerate(struck(operations, faults, end_s), start=1):
            found = self.time_of(operations, of, end_s) if of.names else None
            who = ", ".join(of.names) or "nobody"
            nobody += not of.names
            told[f"fault {number}, {of.fault.fault} at {seconds(of.fault.at_s)}"] = f"{who}: {_in_words(found)}"
            if found is not None:
                times.append((found, who))
        if not times:
            reason = "every one that answered before a fault answered during it, or the fault had no end"
            return self.inconclusive(f"{reason}, so nobody was taken out and put back", told)
        (low_s, _), who = max(times, key=lambda each: each[0])
        high_s = max(high for (_, high), _ in times)
        outcome = against(self.limit_s, (low_s, high_s))
        is_censored = math.isinf(high_s)
        reason = f"{who} {self.done} {_in_words((low_s, high_s))}, limit {seconds(self.limit_s)}"
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; more requests, or a longer load, would settle it"
        doubts = [unnamed(operations)]
        if nobody:
            doubts.append(
                f"{nobody} of {len(faults)} faults struck nobody who had answered: name with fault those that do"
            )
        if outcome is Outcome.PASS and any(doubts):
            outcome, reason = Outcome.INCONCLUSIVE, f"{reason}; {'; '.join(filter(None, doubts))}"
        figure_s = None if is_censored else (low_s + high_s) / 2
        return self.finding(outcome, reason, figure_s, (low_s, high_s), told, censored=is_censored)


def _in_words(found: tuple[float, float] | None) -> str:
    if found is None:
        return "not to be seen"
    low_s, high_s = found
    if math.isinf(high_s):
        return f"not within {seconds(low_s)}"
    return f"after {seconds(low_s)} to {seconds(high_s)}"
