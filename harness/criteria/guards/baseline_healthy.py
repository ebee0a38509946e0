"""Guard: the baseline is fit to be compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from harness.analysis import alerts, histogram, phases, tallies
from harness.analysis.alert_episodes import in_words
from harness.analysis.distributions import beta_probability
from harness.analysis.lazy import IntArray, np
from harness.criteria._criterion import Guard
from harness.criteria._injections import injections
from harness.criteria._outcome import most_common_cause, no_phase, percent, seconds
from harness.criteria.guards._silent import in_words as nothing_sent
from harness.criteria.guards._silent import silent
from harness.criteria.recovery._trend import trend
from harness.findings import BASELINE, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import SHED, SHED_WITHOUT_DELAY

MINIMUM_SECONDS = 10
"""A shorter baseline shows neither stalls that come again nor a trend."""
STALL_FACTOR, STALL_FLOOR_S = 10.0, 0.1
"""A second is one of a stall when most of its requests took more than so many times the usual median, and so long.
Those which come while a service stands still wait for what is left of it, and the seconds of the clock cut it in two:
of a stall of a second no second has most requests wait for half of one.
"""
STALLED = ((1, 1 / 2), (2, 1 / 3))
"""So many seconds on end are ones of a stall when more than such a share of their requests is slow. Two of them hold
all of a stall of a second: where it begins in the second half of one, neither has most of it.
"""
STALL_CHANCE = 0.001
"""And there are more of these than slow ones that are spread by chance would make, as sure as this: a mix of quick and
slow requests is no stall.
"""
TREND_P, TREND_RATIO, TREND_FLOOR_S = 0.01, 0.5, 0.05
"""The median latency trends when it is so sure to change, over the whole baseline by more than this share of it, and
by so much.
"""
BY_LOAD = (408, 425, 429, 502, 503, 504)
"""Statuses that a service, or what stands before it, may answer everybody with because there is too much to do."""
ANSWERED = (
    *("http 3", "http 4", "http 500", "wrong answer", "grpc invalid", "grpc not found", "grpc already exists"),
    *("grpc permission denied", "grpc unauthenticated", "grpc unimplemented", "grpc failed precondition"),
)
"""Beginnings of the outcomes of requests that have been read and answered, where no status is recorded: by clients
that have none, and in old recordings.
"""
CUT_SHORT = ("timeout", "truncated answer", "connection reset", "given up", SHED, SHED_WITHOUT_DELAY)
"""Outcomes of which a status says no more than that an answer had begun, or that there was too much to do."""
FEWEST = 5
"""Requests of a class of users that say how it is served: fewer may all fail by bad luck …"""
FEWEST_OF_NAME = 20
"""… and of a class and a name: some may be there to fail."""
CORRECT_REQUEST = "correct the request (path, method, body, login), or the check of its answer"
EDGE_S = 0.5
"""A fault that comes with the end of the baseline is none in it."""


@dataclass(frozen=True)
class BaselineHealthy(Guard):
    """Guard: in the baseline the target is well by the run's own limits, and steady.

    It is not when more requests fail, or a quantile of the latency is longer, than the run's own criteria accept in any
    phase; when a class of users, of several, gets nothing but failures; when an alert holds for half of it; when it
    stalls again and again (seconds in which most requests fail or take ten times the usual median); when a fault was
    there in it; or when the latency trends (Mann–Kendall with the correction of Hamed & Rao, and the bounds of the
    Theil–Sen slope). What is compared with such a baseline would look well because *it* was not. Latency counts from
    the send here: what arrivals wait for users of ours is the matter of ``enough_users``.
    """

    title = "failures in the baseline"
    unit = "ratio"
    guarded: ClassVar[tuple[str, ...]] = (BASELINE,)

    limit: float = parameter(0.05, "largest error ratio, where no criterion of the run has a limit for it", highest=1)
    baseline: str = parameter(BASELINE, "phase that shows what is normal")

    @classmethod
    def is_about_target(cls, finding: Finding) -> bool:
        """Failures are. What is slow, stalls or drifts may be the machine, and a fault is ours."""
        return finding.figure is not None and finding.limit is not None and finding.figure > finding.limit

    def judge(self, recording: Recording) -> Finding:
        phase = recording.phase(self.baseline)
        if phase is None:
            return self.inconclusive(no_phase(recording, self.baseline))
        answered = phases.from_the_send(phases.judged(recording, ""))
        tally = phases.of_phase(answered, phase)
        idle = silent(recording, phase)
        if tally.error_ratio is None:
            why = f" ({nothing_sent(idle)})" if idle else ""
            return self.inconclusive(f"no requests in the {self.baseline}, so there is nothing to compare with{why}")
        error_limit = self._error_limit(recording)
        problems = [
            *_beyond_limits(recording, tally, error_limit),
            *_refused_classes(answered, phase),
            *self._alerts(recording, phase),
            *_faults(recording, phase),
            *_unsteady(phases.by_second(answered, phase)),
        ]
        if problems:
            # An alert counts what sent nothing, which no smaller load makes less.
            many = idle.total() > self.limit * (tally.intended + idle.total())
            if not many and _is_never_well_whatever_the_load(tally, phases.slices_of(answered, phase)):
                problems = [*_faults(recording, phase), _never_well(tally)]  # latency and alerts tell nothing more
                remedy = CORRECT_REQUEST
            else:
                remedy = nothing_sent(idle) if many else "mend that, or begin with less load"
                remedy += ", before anything is compared with it"
            reason = f"{'; '.join(problems)}: {remedy}"
            return self.finding(Outcome.INCONCLUSIVE, reason, tally.error_ratio, limit=error_limit)
        reason = "well within the run's own limits, and steady"
        return self.finding(Outcome.PASS, reason, tally.error_ratio, limit=error_limit)

    def _error_limit(self, recording: Recording) -> float:
        of_errors: list[float] = []
        of_others: list[float] = []
        for spec in _of_all_requests(recording, "error_ratio"):
            of_baseline = spec.parameters.get("phase") == self.baseline
            (of_errors if of_baseline else of_others).append(_number(spec, "limit", self.limit))
        # What is accepted in a spike is not what is normal.
        return max(of_errors, default=min(self.limit, max(of_others, default=self.limit)))

    def _alerts(self, recording: Recording, phase: Phase) -> Iterator[str]:
        for episode in alerts.episodes(phases.from_the_send(recording)):
            end_s = phase.end_s if episode.end_s is None else min(phase.end_s, episode.end_s)
            if end_s - max(phase.start_s, episode.start_s) >= phase.duration_s / 2:
                yield f"the alert {episode.alert} held for most of it ({in_words(episode.worst)})"


def _of_all_requests(recording: Recording, criterion: str) -> Iterator[CriterionSpec]:
    for spec in recording.header.criteria:
        if spec.criterion == criterion and not spec.parameters.get("requests"):
            yield spec


def _beyond_limits(recording: Recording, tally: tallies.Tally, error_limit: float) -> Iterator[str]:
    assert tally.error_ratio is not None
    if tally.error_ratio > error_limit:
        cause = next(iter(tally.causes), "")
        yield f"{percent(tally.error_ratio)} of the requests failed ({cause}), limit {percent(error_limit)}"
    for spec in _of_all_requests(recording, "latency_quantile"):
        quantile, limit_s = _number(spec, "quantile", 0.95), _number(spec, "limit_s", 5.0)
        figure_us = histogram.quantile_us(tally.latency, quantile, tally.failed)
        if figure_us is not None and figure_us / 1e6 > limit_s:
            yield f"p{quantile * 100:g} was {seconds(figure_us / 1e6)}, limit {seconds(limit_s)}"


def _is_never_well_whatever_the_load(tally: tallies.Tally, pieces: Iterable[Slice]) -> bool:
    """Less load helps no request that is answered, and never well: by its status, or by the user's own check."""
    return not tally.ok and all(_answered_whatever_the_load(piece) for piece in pieces if piece.count)


def _never_well(tally: tallies.Tally) -> str:
    causes = ", ".join(list(tally.causes)[:3])
    return f"not one of {tally.intended:,} requests was answered well ({causes}), so load is not the cause"


def _answered_whatever_the_load(piece: Slice) -> bool:
    if piece.outcome in CUT_SHORT or piece.outcome in {f"http {status}" for status in BY_LOAD}:
        return False
    return piece.status not in BY_LOAD if piece.status else piece.outcome.startswith(ANSWERED)


def _faults(recording: Recording, phase: Phase) -> Iterator[str]:
    """Only where something is compared with it: a scenario may let replicas fall behind before it kills the primary."""
    from harness.criteria import rests_on  # which lists the criteria, this one among them

    if not any(BASELINE in rests_on(spec.criterion) for spec in recording.header.criteria):
        return
    for each in injections(recording):
        if each.at_s < phase.end_s - EDGE_S and each.undone_s > phase.start_s + EDGE_S:
            yield f"{each.fault} was there from {seconds(each.at_s)} on, while this was to show what is normal"


def _refused_classes(recording: Recording, phase: Phase) -> Iterator[str]:
    """Classes of users of whom nobody got anything, or nothing of what others get by the same name: a small class is no
    large share of all requests. The end of a connection is no request.
    """
    of_class: dict[str, list[Slice]] = defaultdict(list)
    of_name: dict[str, dict[str, list[Slice]]] = defaultdict(lambda: defaultdict(list))
    for piece in phases.slices_of(recording, phase):
        if not phases.is_of_connection(piece.name):
            user_class = phases.class_of(recording, piece)
            of_class[user_class].append(piece)
            of_name[piece.name][user_class].append(piece)
    for user_class in sorted(of_class) if len(of_class) > 1 else ():
        tally = tallies.tally(tuple(of_class[user_class]))
        if user_class and tally.intended >= FEWEST and not tally.ok and not tally.unknown:
            told = f"all {tally.intended:,} requests of the class {user_class} failed"
            yield f"{told}, {most_common_cause(tally.causes)}"
    for name in sorted(name for name, by_class in of_name.items() if len(by_class) > 1):
        of_each = {user_class: tallies.tally(tuple(pieces)) for user_class, pieces in of_name[name].items()}
        if not any(tally.ok for tally in of_each.values()):
            continue
        for user_class, tally in of_each.items():
            if user_class and tally.intended >= FEWEST_OF_NAME and not tally.ok and not tally.unknown:
                told = f"all {tally.intended:,} requests {name} of the class {user_class} failed"
                yield f"{told}, {most_common_cause(tally.causes)}, and others are answered by that name"


def _number(spec: CriterionSpec, name: str, default: float) -> float:
    value = spec.parameters.get(name)
    return default if value is None or isinstance(value, tuple) else float(value)


def _unsteady(windows: tuple[tallies.Tally, ...]) -> Iterator[str]:
    """``windows`` are the seconds of the baseline."""
    if len(windows) < MINIMUM_SECONDS:
        return
    usual_us = histogram.quantile_us(histogram.merge(window.latency for window in windows), 0.5)
    if usual_us is None:
        return
    limit_us = max(STALL_FACTOR * usual_us, STALL_FLOOR_S * 1e6)
    intended = np.array([window.intended for window in windows])
    slow = intended - np.array([histogram.count_at_most(window.latency, limit_us) for window in windows])
    times = max((_stalls(slow, intended, *rule) for rule in STALLED), key=len)
    if len(times) > 1:
        told = ", ".join(str(number) for number in times[:5])
        longer = f"each time most requests failed or took longer than {seconds(limit_us / 1e6)}"
        yield f"it stalled {len(times)} times (in second {told} of it), {longer}"
    known = [(float(number), histogram.quantile_us(window.latency, 0.5)) for number, window in enumerate(windows)]
    points = [(x, value_us / 1e6) for x, value_us in known if value_us is not None]
    found = trend(np.array([x for x, _ in points]), np.array([y for _, y in points])) if points else None
    if found is None or found.p >= TREND_P:
        return
    rise_s = min(map(abs, found.slope_interval)) * len(windows) if np.prod(np.sign(found.slope_interval)) > 0 else 0.0
    if rise_s > max(TREND_RATIO * usual_us / 1e6, TREND_FLOOR_S):
        way = "rose" if found.slope > 0 else "fell"
        yield f"the median latency {way} by {seconds(abs(found.slope) * len(windows))} in the course of it"


def _stalls(slow: IntArray, intended: IntArray, length: int, share: float) -> list[int]:
    """In which seconds a stall begins, where there are more of them than chance would make."""
    slow, intended = (np.convolve(counts, np.ones(length, dtype=np.int64), "valid") for counts in (slow, intended))
    stalled = np.flatnonzero(slow > share * intended).tolist()
    used = intended[intended > 0]
    beyond = np.floor(share * used).astype(np.int64) + 1
    by_chance = float(beta_probability(float(slow.sum() / used.sum()), beyond, used - beyond + 1).mean())
    # Windows that overlap tell as much as those that do not.
    seen, of = len(stalled) / length, len(used) / length
    if not stalled or beta_probability(by_chance, seen, of - seen + 1) > STALL_CHANCE:
        return []
    return [number for number in stalled if number - 1 not in stalled]
