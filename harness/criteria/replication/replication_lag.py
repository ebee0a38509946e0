"""Replication lag: how far replicas are behind their primary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._injections import load_end_s
from harness.criteria._outcome import against, seconds, with_remedy
from harness.criteria.replication._nodes import LAG_S, PRIMARY, NodeSample, nodes_of, silent_s
from harness.findings import TARGET, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

LAG_UP_TO_S = "lag_up_to_s"


@dataclass(frozen=True)
class ReplicationLag(Criterion):
    """The largest lag of a replica that was sampled while it followed its primary stays within a limit.

    A replica lags by the age of what it has not replayed. Its position is held against those that the primary had at
    the samples before, so a lag is known to a sample: from ``lag_s`` to ``lag_up_to_s``. One that follows nobody has no
    lag, and is judged by ``rejoin_time``; where it still follows nobody in the end, how far it is behind is not known,
    and there is no PASS. Nor is there one where nothing was sampled for longer than ``seen_every_s``.
    """

    title = "largest replication lag"
    unit = "s"
    evidence = TARGET

    limit_s: float = parameter(5.0, "largest lag in seconds")
    seen_every_s: float = parameter(10.0, "at least so often, in seconds, a node has to be sampled")
    remedy: str = parameter("", "what to say when no replica was sampled")

    def judge(self, recording: Recording) -> Finding:
        nodes = nodes_of(recording)
        lags = [
            (one.values[LAG_S], one.values.get(LAG_UP_TO_S, one.values[LAG_S]), node, one.from_s)
            for node, samples in nodes.items()
            for one in samples
            if LAG_S in one.values and one.is_joined and not one.values.get(PRIMARY)
        ]
        if not lags:
            return self.inconclusive(with_remedy("no replica was sampled that followed its primary", self.remedy))
        low_s, _, node, at_s = max(lags)
        high_s = max(up_to_s for _, up_to_s, _, _ in lags)
        outcome = against(self.limit_s, (low_s, high_s))
        evidence: dict[str, Scalar] = {"samples": len(lags), "replicas": len({one[2] for one in lags})}
        evidence |= {f"largest of {name}": _longest(lags, name) for name in sorted({one[2] for one in lags})}
        reason = (
            f"at most {seconds(high_s)} in {len(lags):,} samples, at least {seconds(low_s)} ({node} at "
            f"{seconds(at_s)}); limit {seconds(self.limit_s)}"
        )
        unknown = self._unknown(recording, nodes) if outcome is Outcome.PASS else ""
        if unknown:
            return self.finding(Outcome.INCONCLUSIVE, f"{reason}; {unknown}", low_s, (low_s, high_s), evidence)
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; samples at shorter intervals would settle it"
        return self.finding(outcome, reason, low_s, (low_s, high_s), evidence)

    def _unknown(self, recording: Recording, nodes: Mapping[str, Sequence[NodeSample]]) -> str:
        """What of the lags nobody knows, or nothing."""
        for node, samples in nodes.items():
            if samples[-1].error is None and not samples[-1].is_joined:
                return f"{node} follows nobody in the end, so how far it is behind is not known"
            gap_s = silent_s(samples, samples[0].from_s, load_end_s(recording))
            if gap_s > self.seen_every_s:
                return f"{node} was not sampled for {seconds(gap_s)}, in which it may have been further behind"
        return ""


def _longest(lags: list[tuple[float, float, str, float]], node: str) -> str:
    return seconds(max(low_s for low_s, _, name, _ in lags if name == node))
