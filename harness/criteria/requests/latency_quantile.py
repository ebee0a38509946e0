"""A latency quantile of a phase."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import herd, histogram, intervals, phases, tallies
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO, SHORTER_THAN_HELP, JudgesAnswers
from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, no_phase, percent, seconds, titled, unanswered, with_remedy
from harness.criteria._seen import Seen, in_phase
from harness.criteria._unmeasured import unmeasured
from harness.findings import CLIENTS, Basis, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase

SHOWS_FAILURES = 0.95
"""The least quantile that has no figure where more requests failed than any other criterion accepts by default."""


@dataclass(frozen=True)
class LatencyQuantile(JudgesAnswers, Estimate):
    """A quantile of the latency of a phase, from the intended start, stays within a limit.

    A request that failed is slower than any answer: a service that answers 503 at once must not look quick. Nor must
    one that sends an error page with status 200: where good answers are far shorter than in the baseline, there is no
    PASS.
    So when more than 1 − quantile of the requests failed, the quantile has no figure, and its interval is
    open upwards. A request that had no answer when the run was cut off took longer than it had waited by then, nobody
    knows how much.

    The figure of a herd is a census of it, see :mod:`harness.analysis.herd`; any other is an estimate, with the
    interval of :func:`harness.analysis.intervals.latency_quantile_us`.
    """

    unit = "s"
    evidence = CLIENTS
    compared_with = ("shorter_than",)

    limit_s: float = parameter(5.0, "largest latency in seconds that is accepted")
    quantile: float = parameter(0.95, "quantile that is judged, 0.95 for p95", lowest=0.01, highest=0.9999)
    phase: str = parameter("spike", "phase that is judged")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when there are none of them")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    shorter_than: str = parameter("baseline", SHORTER_THAN_HELP)

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """A median does not show the failures of a third."""
        if self.quantile >= SHOWS_FAILURES:
            yield from in_phase(recording, self.phase, self.requests)

    def slowness_seen(self, recording: Recording) -> Iterator[Seen]:
        yield from in_phase(recording, self.phase, self.requests)

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        return recording.phase(self.shorter_than), recording.phase(self.phase)

    def _judge(self, recording: Recording) -> Finding:
        recording = phases.judged(recording, self.requests)
        p = f"p{self.quantile * 100:g}"
        title = titled(f"{p} latency in the {self.phase}", self.requests)
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase), title=title)
        tally = phases.of_phase(recording, phase)
        if not tally.intended:
            reason = f"no requests in the {self.phase}, so there is nothing to judge"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        figure_us = histogram.quantile_us(tally.latency, self.quantile, tally.failed + tally.unknown)
        is_herd = herd.is_herd(recording, phase)
        if is_herd:
            (low_us, high_us), only = herd.latency_quantile_us(tally, self.quantile), ""
        else:
            seconds_of = phases.by_second(recording, phase)
            found = intervals.latency_quantile_us(seconds_of, self.quantile, self.confidence)
            (low_us, high_us), only = found.interval, found.only
        interval = (low_us / 1e6, high_us / 1e6)
        outcome = against(self.limit_s, interval)
        if outcome is Outcome.PASS and (reason := unmeasured(tally.latency, f"good requests of the {self.phase}")):
            return self.inconclusive(reason, title=title)
        words = self._of_herd if is_herd else self._reason
        reason = words(outcome, p, tally, interval) + (f" ({only})" if only and not math.isinf(high_us) else "")
        return self.finding(
            outcome,
            reason,
            None if figure_us is None or math.isinf(figure_us) else figure_us / 1e6,
            interval,
            {
                "requests": tally.intended,
                "failed, counted as slower than any answer": tally.failed,
                **unanswered(tally.unknown),
                **({} if is_herd else {"samples needed": intervals.samples_needed(self.quantile, self.confidence)}),
            },
            title=title,
            basis=Basis.CENSUS if is_herd else Basis.ESTIMATE,
        )

    def _of_herd(self, outcome: Outcome, p: str, tally: tallies.Tally, interval: tuple[float, float]) -> str:
        low, high = interval
        limit = f"limit {seconds(self.limit_s)}{self._failed(tally)}"
        if math.isinf(low):
            return f"too many of the {tally.intended:,} requests of this herd failed for {p} to have a bound, {limit}"
        if low == high:
            return f"{p} of the {tally.intended:,} requests of this herd is {seconds(low)}, {limit}"
        reason = f"{p} of this herd lies between {seconds(low)} and {seconds(high)}, {limit}"
        return reason if outcome is not Outcome.INCONCLUSIVE else f"{reason}; a run to its end would settle it"

    def _failed(self, tally: tallies.Tally) -> str:
        failed = f" ({percent(tally.failed / tally.intended)} of the requests failed)" if tally.failed else ""
        if tally.unknown:
            failed += f", and {tally.unknown:,} had no answer when the run was cut off"
        return failed

    def _reason(self, outcome: Outcome, p: str, tally: tallies.Tally, interval: tuple[float, float]) -> str:
        low, high = interval
        limit = seconds(self.limit_s)
        failed, sure = self._failed(tally), f"with {percent(self.confidence)} confidence"
        if outcome is Outcome.PASS:
            return f"{p} is at most {seconds(high)} {sure}, limit {limit}{failed}"
        if outcome is Outcome.FAIL and math.isinf(low):
            return f"too many requests failed for {p} to have a bound{failed}; limit {limit}"
        if outcome is Outcome.FAIL:
            return f"{p} is at least {seconds(low)} {sure}, limit {limit}{failed}"
        needed = intervals.samples_needed(self.quantile, self.confidence)
        if tally.intended < needed:
            return f"{needed:,} samples needed for {p}, {tally.intended:,} seen"
        return f"{p} lies between {seconds(low)} and {seconds(high)}, around the limit of {limit}{failed}; " + (
            "a run to its end would narrow it" if tally.unknown else "more requests would narrow it"
        )
