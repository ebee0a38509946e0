"""Readiness: does its page say so while a dependency is away, and when it is back?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.analysis import histogram, phases
from harness.criteria._criterion import Criterion
from harness.criteria._injections import Injection, injections, load_end_s, not_injected
from harness.criteria._outcome import against, seconds, titled, with_remedy
from harness.criteria._seen import Seen
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import OK, Scalar, Sparse

GOOD_STATUS = range(200, 300)


@dataclass(frozen=True)
class AnswersAlike:
    """Answers of the page that say one thing, in one second by intended start."""

    count: int = 0
    latency: Sparse = field(default_factory=dict)

    def __add__(self, piece: Slice) -> AnswersAlike:
        return AnswersAlike(self.count + piece.count, histogram.merge((self.latency, piece.latency)))

    def surely_by(self, t: int, until_s: float) -> int:
        """How many of those asked for in second ``t`` had come by that instant for certain. One without a latency is
        the page's silence, which says the same at any time.
        """
        late = histogram.total(self.latency) - histogram.within(self.latency, max(0.0, until_s - t - 1))
        return self.count - late

    @property
    def longest_s(self) -> float:
        return histogram.bucket_bounds_us(max(self.latency))[1] / 1e6 if self.latency else 0.0


@dataclass(frozen=True)
class Answers:
    """Of the page, in one second by intended start."""

    ready: AnswersAlike = AnswersAlike()
    other: AnswersAlike = AnswersAlike()
    """Another status than 2xx, or no answer: whoever looks at the page takes the instance out for either."""


@dataclass(frozen=True)
class Readiness(Criterion):
    """The readiness page follows what the service depends on, within a limit.

    After each fault it is the time until all answers say *not ready*, and after its end until all say *ready* again, to
    the next fault or the end; the figure is the longest of all these. Faults that overlap are one, from the first to
    the last of them. Requests are known to the second, so each time lies between the last second with an answer that
    says otherwise and the last answer of the next; without a next one it has no upper end. An answer that may have come
    after the stretch that it was asked in says nothing of that. There is nothing to judge where the page does not say
    *ready*, and nothing else, before the first fault.
    """

    unit = "s"
    evidence = CLIENTS

    limit_s: float = parameter(5.0, "largest time in seconds until the page says what is the case")
    requests: str = parameter("GET readiness", "the requests for the page, * for anything")
    fault: str = parameter("*", "the planned faults that it has to tell of, * for anything")
    remedy: str = parameter("", "what to say when there was no such fault, or no such request")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """That the page says *not ready* while a dependency is away is what it is for."""
        for each in injections(recording, self.fault):
            yield Seen(each.at_s, each.undone_s + self.limit_s, self.requests)

    def judge(self, recording: Recording) -> Finding:
        title = titled("a dependency away, or back, to the readiness page saying so", self.requests)
        faults, end_s = injections(recording, self.fault), load_end_s(recording)
        if not faults:
            reason = not_injected(self.fault, "the page had nothing to tell", self.remedy)
            return self.inconclusive(reason, title=title)
        answers = _by_second(recording, self.requests)
        before = [each for t, each in answers.items() if t + 1 <= faults[0].at_s]
        if not before or any(each.other.count for each in before):
            bad = sum(each.other.count for each in before)
            of = bad + sum(each.ready.count for each in before)
            reason = f"{bad:,} of {of:,} answers before the first fault did not say that the service is ready"
            reason = reason if before else f"no {self.requests} was asked before the first fault"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        waits = list(_waits(answers, _away(faults), end_s))
        low_s, high_s = max(each.low_s for each in waits), max(each.high_s for each in waits)
        worst = max(waits, key=lambda each: (against(self.limit_s, each.interval).rank, each.high_s, each.low_s))
        is_censored = math.isinf(high_s)
        outcome = against(self.limit_s, (low_s, high_s))
        reason = f"{worst.words}, limit {seconds(self.limit_s)}"
        if outcome is Outcome.INCONCLUSIVE:
            reason += f"; {worst.settled_by}"
        evidence: dict[str, Scalar] = {each.label: each.words for each in waits}
        figure = None if is_censored else (low_s + high_s) / 2
        return self.finding(outcome, reason, figure, (low_s, high_s), evidence, title=title, censored=is_censored)


@dataclass(frozen=True)
class _Wait:
    """Until the page says what is the case."""

    label: str
    said: str
    lasts_s: float
    """As long as it is the case."""
    low_s: float
    high_s: float
    asked_s: float
    """So long the page was asked, in whole seconds."""

    @property
    def interval(self) -> tuple[float, float]:
        return self.low_s, self.high_s

    @property
    def is_asked(self) -> bool:
        """Whether to the end of it, as far as whole seconds tell."""
        return self.asked_s > self.lasts_s - 2

    @property
    def words(self) -> str:
        if not math.isinf(self.high_s):
            return f"{self.label}: the page said {self.said!r} after {seconds(self.low_s)} to {seconds(self.high_s)}"
        if not self.asked_s:
            return f"{self.label}: the page was not asked in the {seconds(self.lasts_s)} of it"
        reason = f"{self.label}: the page did not keep saying {self.said!r} in the {seconds(self.lasts_s)} of it"
        return reason if self.is_asked else f"{reason}, and was not asked after {seconds(self.asked_s)}"

    @property
    def settled_by(self) -> str:
        if math.isinf(self.high_s) and self.is_asked:
            return "a fault, and a time after it, longer than the limit would settle it"
        if self.high_s - self.low_s > 3:
            return "requests for the page in every second would settle it"
        return "too close to tell with whole seconds"


@dataclass(frozen=True)
class _Away:
    """A stretch in which some fault was there, all the time."""

    label: str
    at_s: float
    undone_s: float


def _away(faults: tuple[Injection, ...]) -> list[_Away]:
    """Faults that overlap are one stretch: while one of them is there, the page has no reason to say *ready*."""
    found: list[_Away] = []
    for number, fault in enumerate(faults, start=1):
        label = f"fault {number}, {fault.fault} at {seconds(fault.at_s)}"
        if found and fault.at_s <= found[-1].undone_s:
            last = found.pop()
            found.append(_Away(f"{last.label}, and {label}", last.at_s, max(last.undone_s, fault.undone_s)))
        else:
            found.append(_Away(label, fault.at_s, fault.undone_s))
    return found


def _waits(answers: Mapping[int, Answers], away: Sequence[_Away], end_s: float) -> Iterator[_Wait]:
    """For each stretch until it is told, and until its end is."""
    for number, each in enumerate(away):
        next_s = away[number + 1].at_s if number + 1 < len(away) else end_s
        yield _wait(answers, f"{each.label}, there", "not ready", each.at_s, min(each.undone_s, next_s))
        if each.undone_s < next_s:
            yield _wait(answers, f"{each.label}, gone", "ready", each.undone_s, next_s)


def _wait(answers: Mapping[int, Answers], label: str, said: str, from_s: float, until_s: float) -> _Wait:
    """From an instant to the second from which on all answers say it; no answer says nothing. Of a second in which the
    next instant lies nobody knows what its answers should say.
    """
    whole = {t: each for t, each in answers.items() if t >= math.floor(from_s) and t + 1 <= until_s}
    right, wrong = ("other", "ready") if said == "not ready" else ("ready", "other")
    last = max((t for t, each in whole.items() if getattr(each, wrong).surely_by(t, until_s)), default=None)
    after = math.floor(from_s) - 1 if last is None else last
    first = min((t for t, each in whole.items() if t > after and getattr(each, right).count), default=None)
    told_s = math.inf if first is None else first + 1 + getattr(whole[first], right).longest_s
    asked_s = max(whole, default=from_s - 1) + 1 - from_s
    return _Wait(label, said, max(0.0, until_s - from_s), max(0.0, after - from_s), told_s - from_s, asked_s)


def _by_second(recording: Recording, requests: str) -> dict[int, Answers]:
    found: dict[int, Answers] = {}
    settled = phases.judged(recording, requests)
    planned = recording.header.phases
    load = Phase("load", planned[0].start_s, planned[-1].end_s) if planned else Phase("load", 0, 0)
    for piece in phases.slices_of(settled, load):
        before = found.get(piece.t, Answers())
        is_ready = piece.outcome == OK and (not piece.status or piece.status in GOOD_STATUS)
        found[piece.t] = (
            replace(before, ready=before.ready + piece) if is_ready else replace(before, other=before.other + piece)
        )
    return found
