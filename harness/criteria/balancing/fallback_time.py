"""Fallback time: until somebody else answers what those who are gone used to answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.criteria._criterion import Criterion
from harness.criteria._injections import injections, load_end_s, not_injected, not_judged
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria._single_operations import tries
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import READ, Operation, Recording
from harness.recording.values import Scalar

CHANCE = 0.01


@dataclass(frozen=True)
class FallbackTime(Criterion):
    """From a fault that takes all replicas away to the first good answer of the primary stays within a limit.

    It lies between the beginning of the last try that was in vain, or that a replica answered, before it, and its own
    return; where more tries were in vain after it, at most the return of its first answer after the last of them. A
    primary that answered nothing while that was watched took longer: never 0 and never a pass. Where it has answered a
    share of all even before, more of its answers have to follow each other, with none of a replica between, than chance
    would make (1 %): otherwise the replicas went on, and none had to fall back.
    Where replicas are back before it has answered, it took longer than the longest stretch in which every try was in
    vain. It is judged by the first fault, so there is no PASS where others came when that was over.
    """

    title = "time until reads fall back to the primary"
    unit = "s"
    evidence = CLIENTS
    may_be_absent = ("via",)

    limit_s: float = parameter(5.0, "longest time in seconds until the primary answers")
    kind: str = parameter(READ, "what is asked")
    via: str = parameter("*primary", "the way of answers of the primary")
    of: str = parameter("*", "the way of all that is asked")
    fault: str = parameter("*", "the planned fault that takes the replicas away, * for anything")
    remedy: str = parameter("", "what to say when there was no such fault, or no answer tells who gave it")

    def judge(self, recording: Recording) -> Finding:
        faults = injections(recording, self.fault)
        if not faults:
            return self.inconclusive(not_injected(self.fault, "no replica was away", self.remedy))
        asked, of_primary = tries(recording, self.kind, self.of), tries(recording, self.kind, self.via)
        at_s, until_s = faults[0].at_s, min(load_end_s(recording), faults[0].undone_s)
        counted = {id(one) for one in of_primary}
        if not any(one.return_s is not None and one.invoke_s < at_s and id(one) not in counted for one in asked):
            reason = f"no {self.kind} was answered by a replica before the fault, so none had to fall back"
            return self.inconclusive(with_remedy(reason, self.remedy))
        good = [one for one in asked if one.return_s is not None]
        answers_s = [_returned_s(one) for one in of_primary if one.return_s is not None and one.invoke_s >= at_s]
        first_s = min(answers_s, default=math.inf)
        first_s = first_s if first_s <= until_s else math.inf
        before = [one for one in asked if at_s <= one.invoke_s < min(first_s, until_s) and id(one) not in counted]
        in_vain = sum(one.return_s is None for one in before)
        low_s = max((one.invoke_s - at_s for one in before), default=0.0)
        calm = [id(one) in counted for one in good if one.invoke_s < at_s]
        watched = [one for one in good if at_s <= one.invoke_s < until_s]
        share, on_end = sum(calm) / len(calm), _longest_run([id(one) in counted for one in watched])
        # Where the primary answers nothing but for lost replicas, these are back when one of them answers again.
        back_s = min(
            (one.invoke_s for one in watched if id(one) not in counted and one.invoke_s > first_s), default=until_s
        )
        vain_until_s = until_s if share else back_s
        vain_s = [one.invoke_s for one in asked if one.return_s is None and first_s < one.invoke_s < vain_until_s]
        for_good_s = min((t for t in answers_s if not vain_s or t > vain_s[-1]), default=math.inf)
        interval = min(low_s, first_s - at_s), max(first_s, for_good_s) - at_s
        told: dict[str, Scalar] = {
            "tries in vain before": in_vain,
            "tries in vain after": len(vain_s),
            "answers of a replica before": len(before) - in_vain,
            "answers of the primary": len(answers_s),
        }
        limit = f"limit {seconds(self.limit_s)}"
        went_on = math.isfinite(first_s) and len(watched) * share**on_end > CHANCE
        is_answered = any(one.return_s is not None and one.invoke_s >= (at_s + until_s) / 2 for one in before)
        if went_on or (is_answered and not in_vain):
            reason = f"replicas went on answering a {self.kind} while the fault was watched, so none had to fall back"
            return self.inconclusive(reason, told)
        if is_answered:
            low_s = _longest_in_vain_s(before)
            outcome = against(self.limit_s, (low_s, math.inf))
            reason = (
                f"every {self.kind} was in vain for {seconds(low_s)}, {in_vain:,} in all, until a replica was back, "
                f"and the primary answered none; {limit}"
            )
            if outcome is Outcome.INCONCLUSIVE:
                reason += "; replicas that stay away for longer would settle it"
            return self.finding(outcome, reason, None, (low_s, math.inf), told, censored=True)
        outcome = against(self.limit_s, interval)
        if math.isinf(first_s):
            reason = f"the primary answered no {self.kind} in the {seconds(until_s - at_s)} that the fault was watched"
            reason += f", with {in_vain:,} tries in vain, {limit}"
            if outcome is Outcome.INCONCLUSIVE:
                reason += "; a longer fault, or more requests, would settle it"
            return self.finding(outcome, reason, None, interval, told, censored=True)
        reason = f"the primary answered {seconds(interval[0])} to {seconds(interval[1])} after the fault, "
        reason += f"after {in_vain:,} tries in vain, with {len(vain_s):,} more after its first answer; {limit}"
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; an error ratio of that time would settle it"
        if outcome is Outcome.PASS and (later := not_judged(faults)):
            outcome = Outcome.INCONCLUSIVE
            reason += f"; {later}: name with fault the one that takes the replicas away"
        return self.finding(outcome, reason, first_s - at_s, interval, told, censored=math.isinf(interval[1]))


def _longest_in_vain_s(tried: Sequence[Operation]) -> float:
    """From the first to the last of those that were in vain one after the other, in the order of their beginning."""
    longest_s, since_s = 0.0, math.inf
    for one in tried:
        since_s = min(since_s, one.invoke_s) if one.return_s is None else math.inf
        longest_s = max(longest_s, one.invoke_s - since_s)
    return longest_s


def _longest_run(flags: Sequence[bool]) -> int:
    return max((len(list(run)) for flag, run in groupby(flags) if flag), default=0)


def _returned_s(one: Operation) -> float:
    return math.inf if one.return_s is None else one.return_s
