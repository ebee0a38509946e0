"""Single primary: no two nodes take writes at once."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._effects import effect_of, nothing_shown
from harness.criteria._injections import injections, load_end_s, not_injected
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.replication._nodes import NodeSample, nodes_of, primary_before, silent_s
from harness.criteria.replication._reigns import Overlap, evidence_of, overlaps
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class SinglePrimary(Criterion):
    """Times at which a second node was primary beside one that was before and afterwards stay within a limit.

    Seen by samples of a probe, and by who has acknowledged writes, where the answers name a node of the probe, see
    :mod:`harness.criteria.replication._reigns`. Each one is certain. Two primaries for less than the time between two
    samples show only when both of them take writes. There is no PASS where a node was not sampled for longer than
    ``seen_every_s``, nor where the fault showed in nothing, see :mod:`harness.criteria._effects`: then no primary was
    replaced. One that takes writes, and acknowledges none because no replica has them, is a primary: a client that asks
    for less than its replicas is acknowledged, and loses what it wrote. The reason says whether both acknowledged some.
    """

    title = "two primaries at once"
    unit = "times"
    evidence = TARGET

    limit: float = parameter(0.0, "how often two nodes may be primary at once")
    fault: str = parameter("*", "the planned fault after which a primary is replaced, * for anything")
    seen_every_s: float = parameter(5.0, "at least so often, in seconds, a node has to be sampled")
    remedy: str = parameter("", "what to say when no node was sampled, or no fault injected")

    def judge(self, recording: Recording) -> Finding:
        nodes = nodes_of(recording)
        if len(nodes) < 2:
            reason = f"{len(nodes) or 'no'} node was sampled with its role, and two of them are needed"
            return self.inconclusive(with_remedy(reason, self.remedy))
        evidence, writes = evidence_of(recording, nodes)
        found = sorted(overlaps(evidence), key=lambda overlap: overlap.from_s)
        told: dict[str, Scalar] = {
            "nodes": ", ".join(nodes),
            "samples of a primary": sum(bool(one.is_primary) for samples in nodes.values() for one in samples),
            "acknowledged writes that name their node": writes,
            **{
                f"example {number}": f"{one.other} while {one.node} was, at {seconds(one.from_s)}, for "
                f"{seconds(one.length_s)} at least"
                for number, one in enumerate(found[:3], start=1)
            },
        }
        figure = float(len(found))
        outcome = against(self.limit, (figure, figure))
        missing = "" if outcome is Outcome.FAIL else self._missing(recording, nodes)
        if missing:
            return self.inconclusive(missing, told)
        reason = f"{len(found)} times a second node was primary while another one was; limit {self.limit:g}"
        if found:
            longest = max(found, key=lambda overlap: overlap.length_s)
            reason += f"; {longest.other} beside {longest.node} for at least {seconds(longest.length_s)}"
            reason += _who_wrote(longest) if writes else ""
        elif not writes:
            reason += "; no write says which node took it, so less than the time between two samples would not show"
        return self.finding(outcome, reason, figure, (figure, figure), told)

    def _missing(self, recording: Recording, nodes: dict[str, list[NodeSample]]) -> str:
        """Why it could not have been seen, or nothing."""
        faults = injections(recording, self.fault)
        if not faults:
            return not_injected(self.fault, "no primary was to be replaced", self.remedy)
        at_s = faults[0].at_s
        old = primary_before(nodes, at_s)
        if old is None:
            return "no node was seen to be primary before the fault"
        after = {node: [one for one in samples if one.from_s >= at_s] for node, samples in nodes.items()}
        if not any(one.is_primary for samples in after.values() for one in samples):
            return "no node was seen to be primary after the fault; a longer run would show who is"
        silent = [node for node, samples in after.items() if all(one.is_primary is None for one in samples)]
        if silent:
            return f"nobody knows what {', '.join(silent)} was after the fault: it could not be sampled any more"
        longest_s, node = max((silent_s(samples, at_s, load_end_s(recording)), node) for node, samples in nodes.items())
        if longest_s > self.seen_every_s:
            return f"{node} was not sampled for {seconds(longest_s)} after the fault, in which it may have been primary"
        return "" if any(effect_of(recording, fault) for fault in faults) else nothing_shown(faults)


def _who_wrote(overlap: Overlap) -> str:
    silent = [node for node in (overlap.node, overlap.other) if node not in overlap.wrote]
    if not silent:
        return ", and both acknowledged writes meanwhile"
    return f", though {' and '.join(silent)} acknowledged no write meanwhile"
