"""Error ratio of a phase: the criterion to copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis import herd, intervals, phases, tallies
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO, SHORTER_THAN_HELP, JudgesAnswers
from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, most_common_cause, no_phase, percent, titled, unanswered, with_remedy
from harness.criteria._seen import Seen, in_phase
from harness.findings import CLIENTS, Basis, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase


@dataclass(frozen=True)
class ErrorRatio(JudgesAnswers, Estimate):
    """Failed requests ÷ intended requests of a phase stay within a limit.

    Unfinished and unserved requests count as failed; where the run was cut off, they may have failed or not, and the
    interval goes from none of them to all of them. The figure of a herd is a census of it, see
    :mod:`harness.analysis.herd`; any other is an estimate, see :func:`harness.analysis.intervals.error_ratio`.
    Good answers that are far shorter than those of the baseline may be an error page with status 200: then there is no
    PASS.
    """

    unit = "ratio"
    evidence = CLIENTS
    compared_with = ("shorter_than",)

    limit: float = parameter(0.05, "largest share of failed requests that is accepted", highest=1)
    phase: str = parameter("spike", "phase that is judged")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when there are none of them")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    shorter_than: str = parameter("baseline", SHORTER_THAN_HELP)

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """A limit of 100 % shows none: it is kept by a service that answers nobody."""
        if self.limit < 1:
            yield from in_phase(recording, self.phase, self.requests)

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        return recording.phase(self.shorter_than), recording.phase(self.phase)

    def _judge(self, recording: Recording) -> Finding:
        recording = phases.judged(recording, self.requests)
        title = titled(f"error ratio in the {self.phase}", self.requests)
        phase = recording.phase(self.phase)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.phase), title=title)
        tally = phases.of_phase(recording, phase)
        if tally.error_ratio is None:
            reason = f"no requests in the {self.phase}, so there is nothing to judge"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        is_herd, only = herd.is_herd(recording, phase), ""
        if is_herd:
            interval = herd.error_ratio([tally])
        else:
            found = intervals.error_ratio(phases.by_second(recording, phase), self.confidence)
            interval, only = found.interval, found.only
        outcome = against(self.limit, interval)
        reason = self._reason(outcome, tally, interval, is_herd) + (f" ({only})" if only else "")
        return self.finding(
            outcome,
            reason,
            tally.error_ratio,
            interval,
            {"requests": tally.intended, "failed": tally.failed, **unanswered(tally.unknown), **tally.causes},
            title=title,
            basis=Basis.CENSUS if is_herd else Basis.ESTIMATE,
        )

    def _reason(self, outcome: Outcome, tally: tallies.Tally, interval: tuple[float, float], is_herd: bool) -> str:
        low, high = interval
        seen = f"{tally.failed:,} of {tally.intended:,} requests{' of this herd' if is_herd else ''} failed"
        if tally.causes:
            seen += f", {most_common_cause(tally.causes)}"
        if tally.unknown:
            seen += f", and {tally.unknown:,} had no answer when the run was cut off"
        limit, sure = percent(self.limit), f"with {percent(self.confidence)} confidence"
        if is_herd and low == high:
            return f"{seen}; {percent(low)}, limit {limit}"
        if is_herd and outcome is not Outcome.INCONCLUSIVE:
            return f"{seen}; {percent(low)} to {percent(high)}, limit {limit}"
        match outcome:
            case Outcome.PASS:
                return f"{seen}; at most {percent(high)} {sure}, limit {limit}"
            case Outcome.FAIL:
                return f"{seen}; at least {percent(low)} {sure}, limit {limit}"
        return f"{seen}, which leaves {percent(low)} to {percent(high)} possible around the limit of {limit}; " + (
            "a run to its end would settle it" if tally.unknown else "more requests or a longer phase would settle it"
        )
