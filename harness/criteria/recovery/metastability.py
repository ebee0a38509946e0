"""A target that stays down although what brought it down is gone."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from harness.analysis import amplification, generator, intervals, phases
from harness.analysis.quality import ServiceLevel, service_level, windows
from harness.analysis.time_series import level_at
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO, JudgesAnswers
from harness.criteria._outcome import no_phase, percent, seconds, titled, with_remedy
from harness.criteria.recovery._queue import Course, Queue, measure_queue
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import Scalar

WATCHED_S = 30
"""So long a queue must be watched to tell what becomes of it. Where there is more, half of it is looked at."""
BACK_S = 10
"""A target that has been good for so long is back, as in ``recovery_time``."""
NOT_OBSERVABLE = "metastable or slow: not observable"
SAME_LOAD = 0.05
"""The load is that of the baseline when it differs by no more than this share of it."""


@dataclass(frozen=True)
class Metastability(JudgesAnswers):
    """After the spike, with the baseline's load alone, the target comes back, or works its queue off.

    A failure is metastable when it outlasts its cause (Bronson et al., HotOS 2021): the queue that the spike has left
    makes clients give up and try again, and their retries keep it long. The figure is goodput ÷ offered load at the
    end of the recovery, as a share of the baseline's. Below the limit the target's own queue decides, over 30 s or
    more: it grows or stands still: FAIL. It falls: a slow recovery, which was not watched to its end. Without a gauge
    of that queue the two cannot be told apart, as time-outs make the latencies that clients see the same.
    """

    title = "comes back by itself"
    unit = "ratio"
    evidence = CLIENTS

    lower_limit: float = parameter(0.9, "smallest share of the baseline's goodput that is back", lowest=0.01, highest=1)
    gauge: str = parameter("", "sampled length of the target's queue, or requests received - handled")
    floor_s: float = parameter(0.1, "how many seconds slower than the baseline is no harm")
    spike: str = parameter("spike", "phase that brings the target down")
    recovery: str = parameter("recovery", "phase in which the target is watched")
    baseline: str = parameter("baseline", "phase that shows what is normal")
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    remedy: str = parameter("", "what to say when there is no gauge")
    only_where_measured: bool = parameter(False, "left out where nothing was measured that could tell")

    def applies(self, recording: Recording) -> bool:
        """By default it is judged where the target was seen to come back, or not to."""
        if not self.only_where_measured:
            return True
        measured = self._measure(recording)
        return not isinstance(measured, str) and measured.is_back(self.lower_limit) is not None

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        return recording.phase(self.baseline), recording.phase(self.recovery)

    def _judge(self, recording: Recording) -> Finding:
        measured = self._measure(recording)
        if isinstance(measured, str):
            return self.inconclusive(measured, title=titled(self.title, self.requests))
        queue = self._queue(recording, measured)
        back = measured.is_back(self.lower_limit)
        if back:
            outcome, reason = Outcome.PASS, "it is back, so nothing is metastable"
        elif back is None:
            low, high = measured.interval
            settle = f"between {percent(low)} and {percent(high)} of it are possible; more requests would tell"
            outcome, reason = Outcome.INCONCLUSIVE, settle
        else:
            outcome, reason = self._judge_queue(queue, measured)
        return self.finding(
            outcome,
            f"{measured.describe(self.baseline)}, limit {percent(self.lower_limit)}: {reason}",
            measured.figure,
            measured.interval,
            _evidence(queue) | _amplification(recording, measured),
            title=titled(self.title, self.requests),
        )

    def _measure(self, recording: Recording) -> Goodput | str:
        """Goodput at the end of the recovery, or in words why it says nothing."""
        recording = phases.only(recording, self.requests)
        for name in (self.baseline, self.spike, self.recovery):
            if recording.phase(name) is None:
                return no_phase(recording, name)
        baseline, recovery = recording.phase(self.baseline), recording.phase(self.recovery)
        assert baseline is not None and recovery is not None
        slo = service_level(recording, baseline, self.floor_s)
        if slo is None:
            return f"the {self.baseline} has no requests, or more than 5 % of them failed, so nothing to come back to"
        end_s = min(recovery.end_s, int(generator.last_trace_s(recording)))
        begin_s = _same_load_from_s(recording, baseline, recovery, end_s)
        if end_s - begin_s < BACK_S:
            return (
                f"with the {self.baseline}'s load the target was watched for {max(0, end_s - begin_s)} s of the "
                f"{self.recovery}: {WATCHED_S} s or more would settle it"
            )
        watched = (BACK_S, WATCHED_S, max(WATCHED_S, (end_s - begin_s) // 2))
        found = [Goodput.of(recording, baseline, slo, max(begin_s, end_s - each_s), end_s) for each_s in watched]
        seen = [goodput for goodput in found if goodput is not None]
        if len(seen) < len(watched):
            return f"no requests in the last {BACK_S} s of the {self.recovery}: a stream of them would settle it"
        return next((goodput for goodput in seen if goodput.is_back(self.lower_limit)), seen[-1])

    def _queue(self, recording: Recording, measured: Goodput) -> Queue | str:
        baseline = recording.phase(self.baseline)
        assert baseline is not None
        if not self.gauge:
            return with_remedy(NOT_OBSERVABLE, self.remedy)
        watched_s = measured.end_s - measured.start_s
        if watched_s < WATCHED_S:
            longer = f"a {self.recovery} phase that is longer would settle it"
            return f"{NOT_OBSERVABLE}, its queue was watched for {watched_s} s: {longer}"
        queue = measure_queue(recording, self.gauge, baseline, measured.start_s, measured.end_s)
        return f"{NOT_OBSERVABLE}, {queue}" if isinstance(queue, str) else queue

    def _judge_queue(self, queue: Queue | str, measured: Goodput) -> tuple[Outcome, str]:
        if isinstance(queue, str):
            return Outcome.INCONCLUSIVE, queue
        low, high = queue.slope_interval_per_s
        length = f"from {queue.begins:,.0f} to {queue.ends:,.0f} in {measured.end_s - measured.start_s} s"
        slope = f"{queue.slope_per_s:+,.3g}/s, {low:+,.3g} to {high:+,.3g}"
        match queue.course:
            case Course.RISING:
                return Outcome.FAIL, f"metastable: its queue still grows {length} ({slope})"
            case Course.STANDING:
                return Outcome.FAIL, f"metastable: its queue does not become shorter, {length} ({slope})"
            case Course.FALLING:
                return Outcome.INCONCLUSIVE, (
                    f"slow, not metastable: its queue falls {length} ({slope}) and would be empty in about "
                    f"{seconds(queue.empty_after_s)}; a {self.recovery} phase longer by that would show it"
                )
            case Course.FULL:
                return Outcome.INCONCLUSIVE, (
                    f"metastable or slow: unclear, its queue stands at a bound of {queue.ends:,.0f}, which hides what "
                    f"is turned away; a longer {self.recovery} phase, or counters of requests received and handled, "
                    "would settle it"
                )
            case Course.AS_BEFORE:
                return Outcome.INCONCLUSIVE, (
                    f"its queue is no longer than in the {self.baseline} ({queue.ends:,.0f}, there up to "
                    f"{queue.baseline:,.0f}), so no backlog keeps it down: something else fails, or waits elsewhere"
                )
        longer = f"a longer {self.recovery} phase would settle it"
        return Outcome.INCONCLUSIVE, f"metastable or slow: unclear, its queue went {length} ({slope}); {longer}"


@dataclass(frozen=True)
class Goodput:
    """Goodput ÷ offered load from ``start_s`` to ``end_s``, as a share of the baseline's."""

    start_s: int
    end_s: int
    good: int
    """Requests that were answered ok within the SLO …"""
    offered: int
    """… of so many."""
    figure: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, recording: Recording, baseline: Phase, slo: ServiceLevel, start_s: int, end_s: int) -> Goodput | None:
        """None where there were no requests."""
        seen = windows(recording, start_s, end_s, 1, slo)
        normal = windows(recording, baseline.start_s, baseline.end_s, 1, slo)
        offered, good = int(seen.intended.sum()), int(seen.good.sum())
        if not offered:
            return None
        normal_ratio = float(normal.good.sum() / normal.intended.sum())
        low, high = intervals.share_of(seen.bad.tolist(), seen.intended.tolist()).interval
        figure = good / offered / normal_ratio
        within = (1 - high) / normal_ratio, (1 - low) / normal_ratio
        return cls(start_s, end_s, good, offered, figure, (min(figure, within[0]), max(figure, within[1])))

    def is_back(self, limit: float) -> bool | None:
        """None: it cannot be told."""
        low, high = self.interval
        return True if low >= limit else False if high < limit else None

    def describe(self, baseline: str) -> str:
        return (
            f"{self.good:,} of {self.offered:,} requests were answered well in the last {self.end_s - self.start_s} s, "
            f"{percent(self.figure)} of what the {baseline} had"
        )


def _same_load_from_s(recording: Recording, baseline: Phase, recovery: Phase, end_s: int) -> int:
    """From when on, to the end, the planned load was that of the baseline."""
    level = recording.header.level
    planned = [level_at(level, t + 0.5) for t in range(baseline.start_s, baseline.end_s)]
    normal = statistics.fmean(planned)
    begin_s = end_s
    while begin_s > recovery.start_s and abs(level_at(level, begin_s - 0.5) - normal) <= SAME_LOAD * normal:
        begin_s -= 1
    return begin_s


def _amplification(recording: Recording, measured: Goodput) -> dict[str, Scalar]:
    """How many attempts there were for a request in the time that is judged, where users try again."""
    found = amplification.between(recording, measured.start_s, measured.end_s)
    return {} if found is None else {"amplification (attempts ÷ requests)": found.ratio}


def _evidence(queue: Queue | str) -> dict[str, Scalar]:
    if isinstance(queue, str):
        return {}
    low, high = queue.slope_interval_per_s
    return {
        "queue": queue.course.value,
        "queue, longest in the baseline": queue.baseline,
        "queue at the end": queue.ends,
        "slope of the queue (per s)": queue.slope_per_s,
        "slope at least (per s)": low,
        "slope at most (per s)": high,
    }
