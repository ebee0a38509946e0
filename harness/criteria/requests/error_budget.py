"""Error budget of a service level objective: would this traffic have woken somebody?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter

from harness.analysis import histogram, phases
from harness.analysis.error_budget import Objective, Rule, rules, weight_before_run
from harness.analysis.intervals import clopper_pearson
from harness.analysis.tallies import Tally
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO, SHORTER_THAN_HELP, JudgesAnswers
from harness.criteria._criterion import Estimate
from harness.criteria._outcome import against, percent, titled, with_remedy
from harness.criteria._seen import Seen, after
from harness.criteria._unmeasured import unmeasured
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import Scalar

CLOSE = 0.8
"""Of the limit: nearer to it the requests that would tell are too many to be asked for."""


@dataclass(frozen=True)
class _Burn:
    """The highest burn rate of one rule: at each instant the lower one of its two windows."""

    rule: Rule
    rate: float
    low: float
    high: float
    at_s: int
    open_rate: float
    """Of the window that leaves most open: the one whose upper end is ``high``."""
    open_requests: float
    """That it stands for."""

    @property
    def outcome(self) -> Outcome:
        return against(self.rule.burn_rate, (self.low, self.high))

    @property
    def words(self) -> str:
        interval = f"{self.low:.3g} to {self.high:.3g}"
        return f"{self.rate:.3g} times ({interval}) at {self.at_s} s, over {self.rule.windows}"


@dataclass(frozen=True)
class ErrorBudget(JudgesAnswers, Estimate):
    """The burn rate of the error budget stays below those for which the SRE Workbook pages somebody.

    Objective, burn rate, windows and how they shrink with the run: :mod:`harness.analysis.error_budget`. Good is what
    was answered ok and, where ``latency_s`` is given, within it; unfinished and unserved requests are bad. Looked at is
    each instant at which a short window ends. Of a window that began before the first request of the run, that part
    counts as good, see :func:`harness.analysis.error_budget.weight_before_run`. Each ratio has the interval of Clopper
    & Pearson: what other requests would have met at the same instants of this run. How another spike would have gone it
    does not say; for that a run is repeated.

    PASS where at each instant one of the two windows is below for certain: that errs only where it errs at the very
    worst instant, so each interval has the confidence itself. FAIL where both are above for certain at some instant:
    with n instants to choose from, each lower end is at 1 − (1 − confidence)/n (Bonferroni).
    """

    unit = "times"
    evidence = CLIENTS
    compared_with = ("shorter_than",)

    objective: float = parameter(0.999, "share of requests that has to be good", lowest=0.5, highest=0.999999)
    window_days: float = parameter(30.0, "days for which the objective holds", lowest=1, highest=366)
    latency_s: float = parameter(0.0, "an answer is good only within so many seconds; 0: whenever it comes")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    remedy: str = parameter("", "what to say when there are none of them")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    shorter_than: str = parameter("baseline", SHORTER_THAN_HELP)

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        yield from after(recording, 0, self.requests)

    def slowness_seen(self, recording: Recording) -> Iterator[Seen]:
        if self.latency_s:
            yield from self.failures_seen(recording)

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        planned = recording.header.phases
        whole = Phase("rest of the run", planned[0].start_s, planned[-1].end_s) if planned else None
        return recording.phase(self.shorter_than), whole

    def _judge(self, recording: Recording) -> Finding:
        aim = Objective(self.objective, self.window_days, self.latency_s)
        title = titled(f"error budget of {self.objective * 100:.6g} % in {self.window_days:g} days", self.requests)
        planned = recording.header.phases
        if not planned:
            return self.inconclusive("the run planned no phases, so there is nothing to judge", title=title)
        whole = Phase("whole run", planned[0].start_s, planned[-1].end_s)
        recording = phases.judged(recording, self.requests)
        seconds = [self._as_good(each) for each in phases.by_second(recording, whole)]
        requests = sum(each.intended for each in seconds)
        if not requests:
            reason = "no requests in the run, so there is nothing to judge"
            return self.inconclusive(with_remedy(reason, self.remedy), title=title)
        followed = rules(aim, whole.duration_s)
        bad = sum(each.failed for each in seconds)
        spent = aim.spent(bad / requests, whole.duration_s)
        evidence: dict[str, Scalar] = {
            "requests": requests,
            "bad": bad,
            "error budget (ratio)": aim.budget,
            f"of the budget of {self.window_days:g} days the run spent (ratio)": spent,
        }
        if not followed:
            reason = (
                f"a budget of {percent(aim.budget)} cannot be spent as fast as the workbook's pages ask; "
                "a higher objective would settle it"
            )
            return self.inconclusive(reason, evidence, title=title)
        instants = sum(len(_ends(rule, len(seconds))) for rule in followed)
        burns = [self._highest(rule, seconds, aim, instants) for rule in followed]
        evidence |= {f"burn rate, {each.rule.name}, limit {each.rule.burn_rate:g}": each.words for each in burns}
        if self.latency_s and all(each.outcome is Outcome.PASS for each in burns):
            latency = phases.of_phase(recording, whole).latency
            if reason := unmeasured(latency, "good requests of the run"):
                return self.inconclusive(reason, evidence, title=title)
        worst = max(burns, key=lambda each: (each.outcome.rank, each.rate / each.rule.burn_rate))
        return self.finding(
            worst.outcome,
            self._reason(worst, aim, spent, requests / len(seconds)),
            worst.rate,
            (worst.low, worst.high),
            evidence,
            title=title,
            limit=worst.rule.burn_rate,
        )

    def _as_good(self, second: Tally) -> Tally:
        """With what came too late counted as failed."""
        if not self.latency_s:
            return second
        return replace(second, ok=histogram.within(second.latency, self.latency_s))

    def _highest(self, rule: Rule, seconds: Sequence[Tally], aim: Objective, instants: int) -> _Burn:
        sure = 1 - (1 - self.confidence) / instants
        first = next(t for t, each in enumerate(seconds) if each.intended)
        windows = {
            end: [
                (seconds[max(0, end - length_s) : end], weight_before_run(length_s, end - first))
                for length_s in (rule.long_s, rule.short_s)
            ]
            for end in _ends(rule, len(seconds))
            if end > first
        }
        rates = {end: min(_bad_ratio(*each) for each in both) for end, both in windows.items()}
        at_s = max(rates, key=lambda end: rates[end])
        uppers = [
            min(((_interval(*each, self.confidence)[1], each) for each in both), key=itemgetter(0))
            for both in windows.values()
        ]
        upper, most_open = max(uppers, key=itemgetter(0))
        lower = max(min(_interval(*each, sure)[0] for each in both) for both in windows.values())
        low, high = min(lower, rates[at_s]) / aim.budget, max(upper, rates[at_s]) / aim.budget
        return _Burn(rule, rates[at_s] / aim.budget, low, high, at_s, _bad_ratio(*most_open), _requests(*most_open))

    def _reason(self, worst: _Burn, aim: Objective, spent: float, per_s: float) -> str:
        limit, cost = f"limit {worst.rule.burn_rate:g}", f"the run spent {percent(spent)} of the budget of the period"
        seen = f"the budget burns at most {worst.words}, {limit}"
        match worst.outcome:
            case Outcome.FAIL:
                return f"the budget burns {worst.words}, {limit}, which pages somebody; {cost}"
            case Outcome.PASS:
                return f"{seen}; {cost}"
        ratio = worst.rule.burn_rate * aim.budget
        needed = math.ceil(math.log((1 - self.confidence) / 2) / math.log(1 - ratio))
        there = per_s * worst.rule.long_s
        if there < needed:
            return (
                f"{seen}; {needed:,} requests needed in each {worst.rule.long_s} s to tell, {there:,.0f} seen on "
                "average: more load, a longer run or a lower objective would settle it"
            )
        return f"{seen}, which leaves both possible; {self._settled_by(worst, ratio, per_s)}"

    def _settled_by(self, worst: _Burn, limit_ratio: float, per_s: float) -> str:
        """The rate at which the window that leaves most open would be below its limit for certain, as bad as it was;
        half as much again, since another run has a worse one by chance.
        """
        if worst.open_rate > CLOSE * limit_ratio or not worst.open_requests:
            return "so near to its limit another run, or --repeat, would tell more than more requests in one"
        needed = worst.open_requests
        while clopper_pearson(worst.open_rate * needed, needed, self.confidence)[1] > limit_ratio:
            needed *= 1.1
        rate = math.ceil(1.5 * per_s * needed / worst.open_requests)
        return f"{rate} requests/s would settle it ({per_s:.3g}/s seen)"


def _ends(rule: Rule, run_s: int) -> range:
    """Where a short window ends that lies in the run; the end of the run always."""
    first = run_s - (run_s - rule.short_s) // rule.short_s * rule.short_s
    return range(first, run_s + 1, rule.short_s)


def _interval(seconds: Sequence[Tally], times: float, confidence: float) -> tuple[float, float]:
    """From none to all bad of the requests that nobody knows about, of ``times`` as many requests."""
    requests, bad, unknown = (sum(of(each) for each in seconds) for of in (_intended, _failed, _unknown))
    low = clopper_pearson(bad, requests * times, confidence)[0]
    return low, clopper_pearson(bad + unknown, requests * times, confidence)[1]


def _requests(seconds: Sequence[Tally], times: float) -> float:
    """That the window stands for."""
    return times * sum(each.intended for each in seconds)


_intended, _failed, _unknown = attrgetter("intended"), attrgetter("failed"), attrgetter("unknown")


def _bad_ratio(seconds: Sequence[Tally], times: float) -> float:
    requests = sum(each.intended for each in seconds)
    return sum(each.failed for each in seconds) / requests / times if requests else 0.0
