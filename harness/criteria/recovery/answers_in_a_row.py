"""Answers in a row: when so many good and quick answers followed each other for the first time after the spike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.analysis import histogram, phases
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO, SHORTER_THAN_HELP, JudgesAnswers
from harness.criteria._injections import load_end_s
from harness.criteria._outcome import against, no_phase, seconds, titled, with_remedy
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import Scalar


@dataclass(frozen=True)
class Second:
    """Requests of one second, by intended start, whose order in it is not known."""

    t: int
    good: int
    """Answered ok, and quickly enough."""
    other: int
    unknown: int = 0
    """Cut off on the way: they may have been either."""


@dataclass(frozen=True)
class AnswersInARow(JudgesAnswers):
    """A rule of thumb for "recovered": so many answers in a row, each good and within so many seconds, come soon.

    The figure is the time from the end of the spike to the start of the last of them. In which order the requests of
    one second came a recording does not say: the interval goes from the first second in which the row may have been
    full to the end of the first one by which it was, whatever the order. A few answers in a row come by chance to a
    service that fails one request in three, so this is beside ``recovery_time``, never in place of it.
    """

    unit = "s"
    evidence = CLIENTS
    compared_with = ("shorter_than",)

    limit_s: float = parameter(30.0, "largest time in seconds from the end of the spike to the row")
    answers: int = parameter(5, "so many in a row", lowest=1)
    within_s: float = parameter(1.0, "each within so many seconds of its intended start", lowest=0.001)
    spike: str = parameter("spike", "phase after whose end it is looked for")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when there are none of them")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    shorter_than: str = parameter("baseline", SHORTER_THAN_HELP)

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        spike = recording.phase(self.spike)
        return recording.phase(self.shorter_than), None if spike is None else _after(recording, spike)

    def _judge(self, recording: Recording) -> Finding:
        rule = f"{self.answers} answers in a row within {seconds(self.within_s)}"
        title = titled(f"{self.spike} over to {rule}", self.requests)
        spike = recording.phase(self.spike)
        if spike is None:
            return self.inconclusive(no_phase(recording, self.spike), title=title)
        watched_s = load_end_s(recording) - spike.end_s
        found = list(self._seconds(phases.judged(recording, self.requests), _after(recording, spike)))
        if not found or watched_s <= 0:
            reason = f"no requests after the {self.spike}, so there is nothing to judge"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        low_s, high_s = (t - spike.end_s for t in first_row(found, self.answers))
        if math.isinf(low_s):
            low_s = max(0.0, watched_s)
        outcome = against(self.limit_s, (low_s, high_s))
        evidence: dict[str, Scalar] = {
            "requests after the spike": sum(each.good + each.other + each.unknown for each in found),
            "good and quick": sum(each.good for each in found),
            "watched (s)": round(watched_s, 3),
        }
        is_censored = math.isinf(high_s)
        return self.finding(
            outcome,
            self._reason(rule, low_s, high_s, watched_s, outcome),
            None if is_censored else high_s,
            (low_s, high_s),
            evidence,
            title=title,
            censored=is_censored,
        )

    def _seconds(self, recording: Recording, stretch: Phase) -> Iterator[Second]:
        for t, tally in enumerate(phases.by_second(recording, stretch), start=stretch.start_s):
            if tally.intended:
                good = min(tally.ok, histogram.within(tally.latency, self.within_s))
                yield Second(t, good, tally.intended - good - tally.unknown, tally.unknown)

    def _reason(self, rule: str, low_s: float, high_s: float, watched_s: float, outcome: Outcome) -> str:
        limit = f"limit {seconds(self.limit_s)}"
        if math.isfinite(high_s):
            reason = f"{rule} came {seconds(low_s)} to {seconds(high_s)} after the {self.spike}, {limit}"
            close = (
                "too close to tell with whole seconds"
                if high_s <= low_s + 1
                else "more requests a second would settle it"
            )
            return reason + (f"; {close}" if outcome is Outcome.INCONCLUSIVE else "")
        if low_s < watched_s:
            reason = f"{rule} may have come from {seconds(low_s)} after the {self.spike} on, among others: {limit}"
            return reason + ("; more requests a second would settle it" if outcome is Outcome.INCONCLUSIVE else "")
        reason = f"no {rule} in the {seconds(watched_s)} after the {self.spike}, {limit}"
        return reason + ("; a longer recovery would settle it" if outcome is Outcome.INCONCLUSIVE else "")


def _after(recording: Recording, spike: Phase) -> Phase:
    """All that was watched after the spike."""
    return Phase("time after the spike", spike.end_s, max(spike.end_s, math.ceil(load_end_s(recording))))


def first_row(found: Iterable[Second], answers: int) -> tuple[float, float]:
    """The earliest instant at which so many good ones can have come in a row, and the one by which they have, whatever
    the order inside of each second; infinite for what did not come.
    """
    earliest = math.inf
    longest = 0
    """Good ones that can have come last so far."""
    surest = 0
    """Good ones that have come last so far in any order without a whole row."""
    for each in found:
        possible = each.good + each.unknown
        if math.isinf(earliest) and longest + possible >= answers:
            earliest = float(each.t)
        longest = possible + (0 if each.other else longest)
        bad = each.other + each.unknown
        # Whoever wants no row has a bad one follow each ``answers`` - 1 good ones, as long as there are some.
        parted = answers - 1 - surest + (bad - 1) * (answers - 1)
        left = max(0, each.good - parted) if bad else surest + each.good
        if left >= answers:
            return earliest, each.t + 1.0
        surest = left
    return earliest, math.inf
