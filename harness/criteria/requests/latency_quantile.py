"""A latency quantile of a phase."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.analysis import histogram, intervals, phases
from harness.criteria._criterion import Criterion
from harness.criteria._outcome import against, no_phase, percent, seconds, unanswered, with_remedy
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class LatencyQuantile(Criterion):
    """A quantile of the latency of a phase, from the intended start, stays within a limit.

    A request that failed is slower than any answer: a service that answers 503 at once must not look quick.
    So when more than 1 − quantile of the requests failed, the quantile has no figure, and its interval is
    open upwards. A request that had no answer when the run was cut off took longer than it had waited by then, nobody
    knows how much.
    """

    unit = "s"
    evidence = CLIENTS

    limit_s: float = parameter(5.0, "largest latency in seconds that is accepted")
    quantile: float = parameter(0.95, "quantile that is judged, 0.95 for p95", lowest=0.01, highest=0.9999)
    phase: str = parameter("spike", "phase that is judged")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when there are none of them")

    def judge(self, recording: Recording) -> Finding:
        recording = phases.judged(recording, self.requests)
        p = f"p{self.quantile * 100:g}"
        title = f"{p} latency in the {self.phase}" + (f", {self.requests}" if self.requests else "")
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase), title=title)
        tally = phases.of_phase(recording, phase)
        if not tally.intended:
            reason = f"no requests in the {self.phase}, so there is nothing to judge"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        figure_us = histogram.quantile_us(tally.latency, self.quantile, tally.failed + tally.unknown)
        low_us, high_us = intervals.latency_quantile_us(phases.by_second(recording, phase), self.quantile)
        interval = (low_us / 1e6, high_us / 1e6)
        outcome = against(self.limit_s, interval)
        return self.finding(
            outcome,
            self._reason(outcome, p, tally, interval),
            None if figure_us is None or math.isinf(figure_us) else figure_us / 1e6,
            interval,
            {
                "requests": tally.intended,
                "failed, counted as slower than any answer": tally.failed,
                **unanswered(tally.unknown),
                "samples needed": intervals.samples_needed(self.quantile),
            },
            title=title,
        )

    def _reason(self, outcome: Outcome, p: str, tally: phases.Tally, interval: tuple[float, float]) -> str:
        low, high = interval
        limit = seconds(self.limit_s)
        failed = f" ({percent(tally.failed / tally.intended)} of the requests failed)" if tally.failed else ""
        if tally.unknown:
            failed += f", and {tally.unknown:,} had no answer when the run was cut off"
        if outcome is Outcome.PASS:
            return f"{p} is at most {seconds(high)} with 95 % confidence, limit {limit}{failed}"
        if outcome is Outcome.FAIL and math.isinf(low):
            return f"too many requests failed for {p} to have a bound{failed}; limit {limit}"
        if outcome is Outcome.FAIL:
            return f"{p} is at least {seconds(low)} with 95 % confidence, limit {limit}{failed}"
        needed = intervals.samples_needed(self.quantile)
        if tally.intended < needed:
            return f"{needed:,} samples needed for {p}, {tally.intended:,} seen"
        return f"{p} lies between {seconds(low)} and {seconds(high)}, around the limit of {limit}{failed}; " + (
            "a run to its end would narrow it" if tally.unknown else "more requests would narrow it"
        )
