"""How fast requests fail while the circuit breaker is open."""

from __future__ import annotations

from dataclasses import dataclass

from harness.analysis import histogram, intervals
from harness.analysis.tallies import Tally
from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, percent, seconds, with_remedy
from harness.criteria._unmeasured import unmeasured
from harness.criteria.breaker._clients import Second
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, measure
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class FastFailLatency(BreakerCriterion, Estimate):
    """A quantile of the latency of the requests that an open breaker failed stays within a limit.

    They are told by their signature. Where they are told by their speed, they are fast by definition, and nothing
    is proven.
    """

    unit = "s"

    limit_s: float = parameter(0.1, "largest latency in seconds of a fast failure")
    quantile: float = parameter(0.95, "quantile that is judged, 0.95 for p95", lowest=0.01, highest=0.9999)

    def _judge(self, recording: Recording) -> Finding:
        p = f"p{self.quantile * 100:g}"
        title = f"{p} latency of fast failures"
        measured = measure(recording, self)
        if missing := measured.missing or self._missing(measured):
            return self.inconclusive(missing, title=title)
        tallies = [_tally(second) for second in measured.seconds if second.fast]
        merged = histogram.merge(tally.latency for tally in tallies)
        figure_us = histogram.quantile_us(merged, self.quantile)
        found = intervals.latency_quantile_us(tallies, self.quantile, self.confidence)
        interval = (found.low / 1e6, found.high / 1e6)
        outcome = against(self.limit_s, interval)
        if outcome is Outcome.PASS and (reason := unmeasured(merged, "fast failures")):
            return self.inconclusive(reason, title=title)
        return self.finding(
            outcome,
            self._reason(outcome, p, measured.failed_fast, interval) + (f" ({found.only})" if found.only else ""),
            None if figure_us is None else figure_us / 1e6,
            interval,
            {
                **measured.describe_witnesses(),
                "samples needed": intervals.samples_needed(self.quantile, self.confidence),
            },
            title=title,
        )

    def _missing(self, measured: BreakerBehaviour) -> str:
        """Why there is no latency to judge; empty when there is."""
        if not measured.failed_fast:
            return "no request failed fast, so there is nothing to judge"
        if not measured.signature:
            by_speed = "fast failures were told by their speed, so they are fast by definition"
            return with_remedy(by_speed, self.signature_remedy)
        return ""

    def _reason(self, outcome: Outcome, p: str, count: int, interval: tuple[float, float]) -> str:
        low, high = interval
        limit = f"limit {seconds(self.limit_s)}"
        sure = f"with {percent(self.confidence)} confidence"
        match outcome:
            case Outcome.PASS:
                return f"{p} of {count:,} fast failures is at most {seconds(high)} {sure}, {limit}"
            case Outcome.FAIL:
                return f"{p} of {count:,} fast failures is at least {seconds(low)} {sure}, {limit}"
        needed = intervals.samples_needed(self.quantile, self.confidence)
        if count < needed:
            return f"{needed:,} fast failures needed for {p}, {count:,} seen: send more, or let it fail for longer"
        return (
            f"{p} of {count:,} fast failures lies between {seconds(low)} and {seconds(high)}, {limit}; more would tell"
        )


def _tally(second: Second) -> Tally:
    """The fast failures of a second as if they were what was asked for, which here they are."""
    return Tally(second.failed_fast, second.failed_fast, {}, 0, second.fast)
