"""Whether the target comes back after each fault of the run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.quality import MINIMUM_REQUESTS
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO
from harness.criteria._criterion import BaselineWanted, Criterion
from harness.criteria._outcome import seconds, titled
from harness.criteria._seen import Seen
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.marks import INJECTED, UNDONE, FaultMark


@dataclass(frozen=True)
class _Disturbance:
    """Faults that overlap: only together can the target recover from them."""

    name: str
    start_s: int
    end_s: int


@dataclass(frozen=True)
class RecoversFromEachFault(Criterion):
    """The target is back in the band of its baseline within the limit after each fault has ended.

    Each is judged as :mod:`harness.criteria.recovery.recovery_time` judges a spike: the time counts from the end of the
    fault, and the target is watched until the next one begins, or to the end of the run. Faults that overlap, or follow
    each other within a second, are one. Where the next one came before the target was back, and before the limit,
    nobody knows. The figure is the longest of the times.
    """

    unit = "s"
    evidence = CLIENTS
    title = "recovery after each fault"

    limit_s: float = parameter(30.0, "largest time in seconds from the end of a fault to recovery")
    hold_s: int = parameter(10, "seconds for which a recovery must hold", lowest=1)
    slo_s: float = parameter(0.0, "latency in seconds of a good answer; 0 takes it from the baseline")
    floor_s: float = parameter(0.1, "how many seconds slower than the baseline is no harm")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    baseline: str = parameter("baseline", "phase that shows what is normal")
    baseline_windows: int = parameter(30, "windows that the baseline must have", lowest=5)
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """From the first fault on; what was shed is not answered either."""
        for each in _disturbances(recording.faults)[:1]:
            yield Seen(each.start_s, math.inf, self.requests)

    def slowness_seen(self, recording: Recording) -> Iterator[Seen]:
        yield from self.failures_seen(recording)

    @property
    def baseline_wanted(self) -> BaselineWanted:
        return BaselineWanted(self.baseline, self.baseline_windows, 1, MINIMUM_REQUESTS, "the recovery")

    def judge(self, recording: Recording) -> Finding:
        planned = len(recording.header.faults)
        if not planned:
            return self.inconclusive(
                "no fault was planned, so there was nothing to recover from: plan one with --fault",
                title=titled(self.title, self.requests),
            )
        found = _disturbances(recording.faults)
        done = len({mark.number for mark in recording.faults if mark.event == INJECTED})
        judged = [self._after(recording, each, following) for each, following in _with_next(recording, found)]
        missing = planned - done
        outcome = max((each.outcome for each in judged), key=lambda each: each.rank, default=Outcome.INCONCLUSIVE)
        if missing and outcome is Outcome.PASS:
            outcome = Outcome.INCONCLUSIVE
        words = [f"{each.name}: {finding.reason}" for each, finding in zip(found, judged, strict=True)]
        worst = [text for text, finding in zip(words, judged, strict=True) if finding.outcome is outcome]
        reason = f"{missing} of {planned} planned faults were not injected; " if missing else ""
        if outcome is Outcome.PASS:
            reason += (
                f"back after each of {len(found)} within {seconds(self.limit_s)}; longest: {_longest(words, judged)}"
            )
        else:
            reason += "; ".join(worst) or "a run to its end would settle it"
        return self.finding(
            outcome,
            reason,
            _figure(judged),
            _interval(judged, outcome),
            {f"after {each.name}": finding.reason for each, finding in zip(found, judged, strict=True)},
            title=titled(self.title, self.requests),
            censored=any(each.censored for each in judged),
        )

    def _after(self, recording: Recording, each: _Disturbance, following_s: int) -> Finding:
        """Judged as a spike that is followed by a recovery phase."""
        baseline = recording.phase(self.baseline)
        calm = f"calm after {each.name}"
        before = () if baseline is None else (baseline,)
        phases = (*before, Phase(each.name, each.start_s, each.end_s), Phase(calm, each.end_s, following_s))
        alone = dataclasses.replace(recording, header=dataclasses.replace(recording.header, phases=phases))
        return RecoveryTime(
            limit_s=self.limit_s,
            hold_s=self.hold_s,
            slo_s=self.slo_s,
            floor_s=self.floor_s,
            shorter_ratio=self.shorter_ratio,
            spike=each.name,
            recovery=calm,
            baseline=self.baseline,
            baseline_windows=self.baseline_windows,
            requests=self.requests,
        ).judge(alone)


def _disturbances(marks: Sequence[FaultMark]) -> list[_Disturbance]:
    """In the order of time. One that was never undone lasts for ever."""
    ended = {mark.number: mark.t for mark in marks if mark.event == UNDONE}
    found: list[_Disturbance] = []
    for mark in sorted((mark for mark in marks if mark.event == INJECTED), key=lambda mark: mark.t):
        start_s, end = math.floor(mark.t), ended.get(mark.number, math.inf)
        end_s = math.ceil(min(end, 1e9))
        if found and start_s <= found[-1].end_s:
            before = found[-1]
            name = f"{before.name} and {mark.fault} at {start_s} s"
            found[-1] = _Disturbance(name, before.start_s, max(before.end_s, end_s))
        else:
            found.append(_Disturbance(f"{mark.fault} at {start_s} s", start_s, end_s))
    return found


def _with_next(recording: Recording, found: Sequence[_Disturbance]) -> list[tuple[_Disturbance, int]]:
    """Each with the second until which the target can be watched."""
    planned = recording.header.phases
    end_s = planned[-1].end_s if planned else 0
    following = [*(each.start_s for each in found[1:]), end_s][: len(found)]
    bounded = [dataclasses.replace(each, end_s=min(each.end_s, max(end_s, each.start_s))) for each in found]
    return [(each, max(next_s, each.end_s)) for each, next_s in zip(bounded, following, strict=True)]


def _figure(judged: Sequence[Finding]) -> float | None:
    figures = [each.figure for each in judged if each.figure is not None]
    return max(figures) if figures and len(figures) == len(judged) else None


def _interval(judged: Sequence[Finding], outcome: Outcome) -> tuple[float, float] | None:
    """Of the longest time; none where one of them is not known, unless another is too long already."""
    known = [each.interval for each in judged if each.interval is not None]
    if not known or (len(known) < len(judged) and outcome is not Outcome.FAIL):
        return None
    return max(low for low, _ in known), max(high for _, high in known)


def _longest(words: Sequence[str], judged: Sequence[Finding]) -> str:
    place = max(range(len(judged)), key=lambda each: judged[each].figure or 0.0)
    return words[place]
