"""Guard: the herd was released together."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Guard
from harness.criteria._outcome import seconds
from harness.criteria.guards import _skew as skew
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar


@dataclass(frozen=True)
class ReleaseSkew(Guard):
    """Guard: the requests of a gate, over all nodes, left within a short time of each other.

    Judged on last − first with the clocks' uncertainty added. A herd that was spread out is no herd, so what
    latency, errors and recovery say about one is void.
    """

    title = "release skew"
    may_guard_nothing = True
    unit = "s"
    guarded = (CLIENTS,)
    of_generator = True

    limit_s: float = parameter(0.25, "largest time in seconds from the first to the last send of a gate")

    def judge(self, recording: Recording) -> Finding:
        releases = skew.releases(recording)
        if not releases:
            if recording.gates:
                return self._about("a gate was released that the shape had not planned")
            why = "the run was cut off before its gate" if recording.header.gates else "the shape plans no gate"
            return self._about(f"not applicable: {why}", outcome=Outcome.PASS)
        silent = [found.gate.gate for found in releases if found.skew_interval_s is None]
        if silent:
            return self._about(f"gate {', '.join(silent)}: no load process reported a send, so the skew is not known")
        worst = max(releases, key=lambda found: found.skew_interval_s or ())
        assert worst.skew_interval_s is not None
        high = worst.skew_interval_s[1]
        text = f"{worst.sent:,} requests of gate {worst.gate.gate} left within {seconds(high)}"
        if high <= self.limit_s:
            return self._about(f"{text}, clock uncertainty included", worst, Outcome.PASS)
        reason = f"{text}, limit {seconds(self.limit_s)}; more load processes would tighten it"
        return self._about(reason, worst)

    def _about(
        self, reason: str, worst: skew.Release | None = None, outcome: Outcome = Outcome.INCONCLUSIVE
    ) -> Finding:
        evidence: dict[str, Scalar] = {}
        if worst is not None:
            evidence = {
                "p5 to p95 (s)": worst.p5_to_p95_s,
                "first (s)": worst.first_s,
                "last (s)": worst.last_s,
            }
            evidence["load processes"] = worst.nodes
        if worst is None:
            return self.finding(outcome, reason)
        return self.finding(outcome, reason, worst.skew_s, worst.skew_interval_s, evidence)
