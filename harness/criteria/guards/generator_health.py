"""Guard: the load generator was able to measure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import generator
from harness.criteria._criterion import Guard
from harness.criteria._outcome import no_phase, percent, phases_under_load, seconds
from harness.criteria.guards._delivery import silences
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.marks import FINISHED, LATE, LOST
from harness.recording.values import Scalar


@dataclass(frozen=True)
class GeneratorHealth(Guard):
    """Guard: no load process was saturated, lost, late or silent in the spike and after it, or stopped making load.

    Lag and CPU are means over any three seconds. Arrivals that were planned and never due are looked for as far as
    their number cannot be chance, see :mod:`harness.criteria.guards._delivery`. A saturated generator makes a good
    target look bad and hides a bad one, so latency, errors and recovery are void, PASS and FAIL alike.
    """

    title = "load generator healthy"
    unit = "s"
    guarded = (CLIENTS,)
    of_generator = True

    loop_lag_limit_s: float = parameter(0.25, "largest event-loop lag in seconds, mean of 3 s")
    cpu_limit_ratio: float = parameter(0.9, "largest CPU use of a load process, mean of 3 s, 1 = one core")
    phase: str = parameter("spike", "judged from the beginning of this phase")

    def judge(self, recording: Recording) -> Finding:
        absent = list(_attendance(recording))
        evidence: dict[str, Scalar] = {"load processes lost, late or missing": len(absent)} if absent else {}
        stretch = phases_under_load(recording, self.phase)
        if not stretch:
            return self._about([*absent, no_phase(recording, self.phase)], evidence)
        start_s = stretch[0].start_s
        # What came after the recording broke off is not known; run_complete says so, and no node is to blame.
        end_s = min(stretch[-1].end_s, generator.last_trace_s(recording))
        if end_s <= start_s:
            return self._about([*absent, f"the run ended before the {self.phase}"], evidence)
        nodes = generator.health(recording, start_s, end_s)
        reasons = [*absent]
        for node in nodes:
            reasons += self._objections(node)
        if stopped := list(silences(recording, start_s, end_s)):
            evidence["stretches without an arrival"] = len(stopped)
        for silence in stopped:
            begun = f"from {silence.from_s} s to {silence.to_s} s, when about {silence.planned:,.0f} were planned"
            reasons.append(f"{silence.node} had no arrival {begun}")
        worst_cpu = max((node.cpu_ratio for node in nodes if node.cpu_ratio is not None), default=None)
        worst_lag_s = max((node.loop_lag_s for node in nodes if node.loop_lag_s is not None), default=None)
        if worst_lag_s is not None:
            evidence |= {"load processes": len(nodes), "cpu_ratio": worst_cpu}
        return self._about(reasons, evidence, worst_lag_s)

    def _objections(self, node: generator.NodeHealth) -> Iterator[str]:
        if node.loop_lag_s is None or node.cpu_ratio is None:
            yield f"{node.node} has no samples of its own health"
            return
        if node.longest_gap_s > generator.LARGEST_GAP_S:
            yield f"{node.node} sent no sample of its own health for {seconds(node.longest_gap_s)}"
        if node.loop_lag_s > self.loop_lag_limit_s:
            lag = f"{seconds(node.loop_lag_s)} late from {node.loop_lag_at_s:.0f} s on"
            limit = f"limit {seconds(self.loop_lag_limit_s)}: more load processes would help"
            yield f"event loop of {node.node} was {lag}, {limit}"
        if node.cpu_ratio > self.cpu_limit_ratio:
            used = f"{percent(node.cpu_ratio)} of a core from {node.cpu_at_s:.0f} s on"
            yield f"{node.node} used {used}, limit {percent(self.cpu_limit_ratio)}: more load processes would help"

    def _about(self, reasons: list[str], evidence: dict[str, Scalar], lag_s: float | None = None) -> Finding:
        outcome = Outcome.INCONCLUSIVE if reasons else Outcome.PASS
        text = "; ".join(reasons) or "no load process was saturated, lost or late"
        return self.finding(outcome, text, lag_s, evidence=evidence)


def _attendance(recording: Recording) -> Iterator[str]:
    """Nodes that were lost or late, that sent no final report, or that never came."""
    nodes = generator.load_nodes(recording)
    events: dict[str, dict[str, str]] = {node: {} for node in nodes}
    for mark in sorted(recording.node_events, key=lambda mark: mark.t):
        events[mark.node][mark.event] = f"{mark.node} was {mark.event} at {mark.t:.0f} s" + (
            f" ({mark.detail})" if mark.detail else ""
        )
    for node, seen in events.items():
        if LOST in seen:
            yield f"{seen[LOST]}: what it printed last tells why; mend that, and make the run again"
        elif FINISHED not in seen and recording.end is not None:
            yield f"{node} sent no final report"
        if LATE in seen:
            yield seen[LATE]
    if len(nodes) < recording.header.nodes:
        yield f"{recording.header.nodes} load processes were planned, {len(nodes)} took part"
