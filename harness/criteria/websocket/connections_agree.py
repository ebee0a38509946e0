"""Whether the target holds as many connections as its clients do."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, percent, with_remedy
from harness.criteria.websocket import _connections as connections
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase


@dataclass(frozen=True)
class ConnectionsAgree(Criterion):
    """Connections open by the target's own gauge and by the clients' count differ by no more than a limit.

    Compared in the last ``window_s`` seconds before the drop and before the end of the run, when nobody comes or
    goes: the median of the gauge, summed over the target's processes, with the clients' count at the middle of the
    window. A target that holds more than its clients leaks connections; one that holds fewer has clients that
    believe to be connected and are not.
    """

    title = "connections that only clients or target count"
    unit = "ratio"
    evidence = CLIENTS

    limit: float = parameter(0.01, "largest difference, as a share of the clients' count", highest=1)
    metric: str = parameter("", "name of the target's own gauge, as a probe gives it; without it nothing is judged")
    phases: str = parameter("steady,recovery", "phases at whose end the counts are compared")
    window_s: int = parameter(3, "length in seconds of the comparison", lowest=2)
    remedy: str = parameter("", "what to say when the gauge was not read from all processes")

    def judge(self, recording: Recording) -> Finding:
        if not self.metric:
            return self.inconclusive("a gauge has to be named: the metric in which the target counts its connections")
        if not any(self.metric in sample.values for sample in recording.probes):
            reason = f"the target's own count ({self.metric}) was never read"
            return self.inconclusive(with_remedy(reason, self.remedy))
        named = [name.strip() for name in self.phases.split(",")]
        compared = [phase for name in named if (phase := recording.phase(name)) is not None]
        worst, evidence, missing, silent = 0.0, dict[str, float](), list[str](), set[str]()
        for phase in compared:
            end_s = min(phase.end_s, recording.end.t if recording.end is not None else phase.end_s)
            ours = connections.open_at(recording, phase.end_s - self.window_s // 2)
            theirs, unread = self._read_gauge(recording, phase)
            silent |= unread
            if unread or not ours or end_s < phase.end_s:
                missing.append(phase.name)
                continue
            worst = max(worst, abs(theirs - ours) / ours)
            evidence |= {f"clients, end of {phase.name}": ours, f"target, end of {phase.name}": theirs}
        if missing or not compared:
            at = ", ".join(missing) or self.phases
            who = f" ({', '.join(sorted(silent))} could not be read)" if silent else ""
            reason = f"at the end of {at} there is no count of all processes{who}, or nobody was connected"
            return self.inconclusive(with_remedy(reason, self.remedy), evidence)
        counts = ", ".join(f"{side} {count:g}" for side, count in evidence.items())
        reason = f"{counts}; limit {percent(self.limit)}"
        return self.finding(against(self.limit, (worst, worst)), reason, worst, (worst, worst), evidence)

    def _read_gauge(self, recording: Recording, phase: Phase) -> tuple[float, set[str]]:
        """Median of the gauge in the window, summed over all sources, and those that are silent there."""
        values: dict[str, list[float]] = defaultdict(list)
        for sample in recording.probes:
            if self.metric in sample.values and phase.end_s - self.window_s <= sample.t < phase.end_s:
                values[sample.source].append(sample.values[self.metric])
        return sum(statistics.median(found) for found in values.values()), self._sources_of_gauge(recording) - set(
            values
        )

    def _sources_of_gauge(self, recording: Recording) -> set[str]:
        """All that have the gauge, and what the same probe could never read: that may have it, too."""
        counting = [sample for sample in recording.probes if self.metric in sample.values]
        probes = {sample.probe for sample in counting}
        asked = {sample.source for sample in recording.probes if sample.probe in probes and not sample.was_left_out}
        read = {sample.source for sample in recording.probes if sample.probe in probes and sample.error is None}
        return {sample.source for sample in counting} | (asked - read)
