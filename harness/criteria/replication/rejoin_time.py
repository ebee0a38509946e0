"""Rejoin time: until every node follows the primary again, the one that a fault has struck among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.criteria._criterion import Criterion
from harness.criteria._effects import effect_of, nothing_shown
from harness.criteria._injections import Injection, injections, load_end_s, not_injected
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.replication._nodes import NodeSample, nodes_of, primary_before, silent_s
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

TOGETHER_S = 1.0
"""Faults that are no further apart strike together: between them hardly any node is sampled."""


@dataclass(frozen=True)
class _Away:
    """How long a node was away after the fault: at least and at most, infinite where it did not come back."""

    node: str
    low_s: float
    high_s: float
    times: int
    """Samples in which it was."""
    is_primary: bool
    """What it is since."""


@dataclass(frozen=True)
class RejoinTime(Criterion):
    """Every node that led or followed before the fault does so again soon enough after it, or after it was undone.

    One has left when a sample finds that it neither is the primary nor follows one, or cannot be read; and has rejoined
    with the first one from which on it is, or does, again until the end. One that was never seen away has left for less
    than the time between two samples. One that did not come back while it was watched took longer than that: never 0
    and never a pass. Replicas count as well, for they have lost their primary: one that finds no new one is no replica.
    There is no PASS where nobody was seen away and the fault showed in nothing, see :mod:`harness.criteria._effects`.
    Of several faults each is judged by itself, until the next one that does not strike together with it, and the worst
    decides. One is left out where its nodes were sampled throughout, none was away and nothing else showed, unless all
    are such.
    """

    title = "time until the old primary and its replicas have rejoined"
    unit = "s"
    evidence = TARGET

    limit_s: float = parameter(60.0, "longest time in seconds until all have rejoined")
    since: str = parameter("injected", "from when it counts", choices=("injected", "undone"))
    fault: str = parameter("*", "the planned fault that strikes the primary, * for anything")
    seen_every_s: float = parameter(10.0, "at least so often, in seconds, a node has to be sampled")
    remedy: str = parameter("", "what to say when no node was sampled, or no fault injected")

    def judge(self, recording: Recording) -> Finding:
        faults = injections(recording, self.fault)
        if not faults:
            return self.inconclusive(not_injected(self.fault, "no primary had to rejoin", self.remedy))
        nodes = nodes_of(recording)
        if not nodes:
            return self.inconclusive(with_remedy("no node was sampled with its role", self.remedy))
        until_s = {fault: _until_s(recording, faults, fault) for fault in faults}
        found = {fault: self._after(recording, nodes, fault, until_s[fault]) for fault in faults}
        if len(faults) == 1:
            return found[faults[0]]
        struck = [each for each in faults if not self._struck_nothing(recording, nodes, each, until_s[each])]
        fault = max(struck or faults, key=lambda each: (found[each].outcome.rank, (found[each].interval or (-1.0,))[0]))
        worst = found[fault]
        told = {f"after {each.fault} at {seconds(each.at_s)}": finding.reason for each, finding in found.items()}
        reason = f"after {fault.fault} at {seconds(fault.at_s)}: {worst.reason}"
        return replace(worst, reason=reason, evidence={**worst.evidence, **told})

    def _after(
        self, recording: Recording, nodes: dict[str, list[NodeSample]], fault: Injection, until_s: float
    ) -> Finding:
        old = primary_before(nodes, fault.at_s)
        if old is None:
            return self.inconclusive("no node was seen to be primary before the fault")
        begin_s = self._begin_s(fault)
        if math.isinf(begin_s):
            return self.inconclusive(f"{fault.fault} was never undone, so its node could not rejoin")
        after = _samples_after(nodes, old, fault, until_s)
        unseen = [node for node, samples in after.items() if not samples]
        if unseen:
            return self.inconclusive(f"{', '.join(unseen)} was not sampled after the fault")
        return self._judge_nodes(recording, fault, old, [_away(*each, begin_s) for each in after.items()], until_s)

    def _struck_nothing(
        self, recording: Recording, nodes: dict[str, list[NodeSample]], fault: Injection, until_s: float
    ) -> bool:
        """Whether that is known: of a node that nobody has sampled it is not, nor of a fault that is still there."""
        old = primary_before(nodes, fault.at_s)
        return (
            old is not None
            and math.isfinite(self._begin_s(fault))
            and not effect_of(recording, fault)
            and all(
                samples
                and all(one.is_joined for one in samples)
                and silent_s(nodes[node], fault.at_s, until_s) <= self.seen_every_s
                for node, samples in _samples_after(nodes, old, fault, until_s).items()
            )
        )

    def _begin_s(self, fault: Injection) -> float:
        return fault.undone_s if self.since == "undone" else fault.at_s

    def _judge_nodes(
        self, recording: Recording, fault: Injection, old: str, found: list[_Away], until_s: float
    ) -> Finding:
        """The one that took longest decides; of several, the old primary."""
        worst = max(found, key=lambda each: (math.isinf(each.high_s), each.low_s, each.times, each.node == old))
        low_s, interval = worst.low_s, (worst.low_s, max(each.high_s for each in found))
        outcome, limit = against(self.limit_s, interval), f"limit {seconds(self.limit_s)}"
        told: dict[str, Scalar] = {
            "old primary": old,
            **{f"samples in which {each.node} was away": each.times for each in found},
        }
        if math.isinf(worst.high_s):
            reason = f"{worst.node} had not rejoined {seconds(low_s)} after the fault was {self.since}, {limit}"
            if outcome is Outcome.INCONCLUSIVE:
                reason += "; a longer load would settle it"
            return self.finding(outcome, reason, None, interval, told, censored=True)
        what = "was primary again" if worst.is_primary else "followed the primary"
        reason = f"{worst.node} {what} {seconds(low_s)} to {seconds(worst.high_s)} after the fault was {self.since}"
        if not worst.times:
            reason = f"neither {old} nor a node that followed it was seen away in the samples after the fault"
        unknown = self._unknown(recording, fault, found, until_s) if outcome is Outcome.PASS else ""
        if unknown:
            outcome, reason = Outcome.INCONCLUSIVE, f"{reason}, {limit}; {unknown}"
        else:
            reason += f", {limit}"
        figure_s = (low_s + worst.high_s) / 2 if worst.times else low_s
        return self.finding(outcome, reason, figure_s, interval, told)

    def _unknown(self, recording: Recording, fault: Injection, found: list[_Away], until_s: float) -> str:
        """Why all this proves nothing, or nothing."""
        nodes = nodes_of(recording)
        for each in found:
            gap_s = silent_s(nodes[each.node], fault.at_s, until_s)
            if gap_s > self.seen_every_s:
                return f"{each.node} was not sampled for {seconds(gap_s)}, in which it may have been away"
        if not any(each.times for each in found) and not effect_of(recording, fault):
            return nothing_shown([fault])
        return ""


def _until_s(recording: Recording, faults: Sequence[Injection], fault: Injection) -> float:
    """Until when a fault is judged."""
    later_s = (each.at_s for each in faults if each.at_s > fault.at_s + TOGETHER_S)
    return min(load_end_s(recording), next(later_s, math.inf))


def _samples_after(
    nodes: dict[str, list[NodeSample]], old: str, fault: Injection, until_s: float
) -> dict[str, list[NodeSample]]:
    """Of the nodes that have to rejoin after it."""
    return {
        node: [one for one in samples if fault.at_s <= one.from_s < until_s]
        for node, samples in nodes.items()
        if node == old or _was_joined(samples, fault.at_s)
    }


def _was_joined(samples: list[NodeSample], at_s: float) -> bool:
    before = [one for one in samples if one.from_s < at_s]
    return bool(before) and before[-1].is_joined


def _away(node: str, samples: list[NodeSample], begin_s: float) -> _Away:
    """From its samples after the fault."""
    away = [index for index, one in enumerate(samples) if not one.is_joined]
    if away and away[-1] == len(samples) - 1:
        return _Away(node, max(0.0, samples[-1].from_s - begin_s), math.inf, len(away), False)
    back = samples[away[-1] + 1] if away else samples[0]
    low_s = max(0.0, samples[away[-1]].from_s - begin_s) if away else 0.0
    return _Away(node, low_s, max(low_s, back.to_s - begin_s), len(away), bool(back.is_primary))
