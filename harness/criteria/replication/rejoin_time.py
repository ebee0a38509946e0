"""Rejoin time: until a node that a fault has struck follows the new primary."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._injections import Injection, injections, load_end_s, not_injected
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.replication._nodes import NodeSample, nodes_of, primary_before
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording_values import Scalar


@dataclass(frozen=True)
class RejoinTime(Criterion):
    """The old primary follows the new one, or is primary again, soon enough after the fault, or after it was undone.

    It has left when a sample finds that it neither is the primary nor follows one, or cannot be read; and has rejoined
    with the first one from which on it is, or does, again until the end. One that was never seen away has left for less
    than the time between two samples. One that did not come back while it was watched took longer than that: never 0
    and never a pass.
    """

    title = "time until the old primary has rejoined"
    unit = "s"
    evidence = TARGET

    limit_s: float = parameter(60.0, "longest time in seconds until it has rejoined")
    since: str = parameter("injected", "from when it counts", choices=("injected", "undone"))
    fault: str = parameter("*", "the planned fault that strikes the primary, * for anything")
    remedy: str = parameter("", "what to say when no node was sampled, or no fault injected")

    def judge(self, recording: Recording) -> Finding:
        faults = injections(recording, self.fault)
        if not faults:
            return self.inconclusive(not_injected(self.fault, "no primary had to rejoin", self.remedy))
        nodes = nodes_of(recording)
        if not nodes:
            return self.inconclusive(with_remedy("no node was sampled with its role", self.remedy))
        fault = faults[0]
        old = primary_before(nodes, fault.at_s)
        if old is None:
            return self.inconclusive("no node was seen to be primary before the fault")
        begin_s = self._begin_s(fault)
        if math.isinf(begin_s):
            return self.inconclusive(f"{fault.fault} was never undone, so its node could not rejoin")
        until_s = min([load_end_s(recording), *(other.at_s for other in faults[1:])])
        return self._judge_node(old, nodes[old], fault, begin_s, until_s)

    def _begin_s(self, fault: Injection) -> float:
        return fault.undone_s if self.since == "undone" else fault.at_s

    def _judge_node(
        self, node: str, samples: list[NodeSample], fault: Injection, begin_s: float, until_s: float
    ) -> Finding:
        mine = [one for one in samples if fault.at_s <= one.from_s < until_s]
        if not mine:
            return self.inconclusive(f"{node}, the old primary, was not sampled after the fault")
        away = [index for index, one in enumerate(mine) if not one.is_joined]
        evidence: dict[str, Scalar] = {
            "old primary": node,
            "samples after the fault": len(mine),
            "samples in which it was away": len(away),
        }
        limit = f"limit {seconds(self.limit_s)}"
        if away and away[-1] == len(mine) - 1:
            low_s = max(0.0, mine[-1].from_s - begin_s)
            outcome = against(self.limit_s, (low_s, math.inf))
            reason = f"{node} had not rejoined {seconds(low_s)} after the fault was {self.since}, {limit}"
            if outcome is Outcome.INCONCLUSIVE:
                reason += "; a longer load would settle it"
            return self.finding(outcome, reason, None, (low_s, math.inf), evidence, censored=True)
        back = mine[away[-1] + 1] if away else mine[0]
        low_s = max(0.0, mine[away[-1]].from_s - begin_s) if away else 0.0
        high_s = max(low_s, back.to_s - begin_s)
        figure_s = (low_s + high_s) / 2 if away else low_s
        outcome = against(self.limit_s, (low_s, high_s))
        what = "was primary again" if back.is_primary else "followed the primary"
        reason = f"{node} {what} {seconds(low_s)} to {seconds(high_s)} after the fault was {self.since}, {limit}"
        if not away:
            reason = f"{node} was never seen away: {what} in each of {len(mine)} samples after the fault, {limit}"
        return self.finding(outcome, reason, figure_s, (low_s, high_s), evidence)
