"""What the breakers of a service say of themselves: state and counters of each instance, sampled about once a second.

A sample is dated to its beginning, and what it read was true at some instant between then and its end. The next sample
of a source begins after the end of the one before (:mod:`harness.probes`), so the beginning of the next bounds it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.criteria._outcome import seconds
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.recording import Recording

READ_S = 2.0
"""How long the last sample of a source may have taken: the probes' time-out."""
GAP_S = 3.5
"""A source that was not read for longer than this was silent."""


@dataclass(frozen=True)
class Moment:
    """An instant that lies between ``after_s`` and ``by_s``; ``by_s`` is infinite when it was not seen."""

    after_s: float
    by_s: float

    @classmethod
    def last(cls, moments: Iterable[Moment]) -> Moment:
        """Of the latest of several instants."""
        moments = tuple(moments)
        return cls(max(moment.after_s for moment in moments), max(moment.by_s for moment in moments))

    def since(self, zero_s: float) -> tuple[float, float]:
        """As seconds after an instant before it."""
        return max(0.0, self.after_s - zero_s), max(0.0, self.by_s - zero_s)


UNSEEN = Moment(math.inf, math.inf)


def middle_of(interval: tuple[float, float]) -> float | None:
    """The figure of an interval; None when it is open."""
    return (interval[0] + interval[1]) / 2 if math.isfinite(interval[1]) else None


def in_words(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"between {seconds(low)} and {seconds(high)}" if math.isfinite(high) else f"not within {seconds(low)}"


@dataclass(frozen=True)
class Sample:
    """One figure, read at some instant between ``begun_s`` and ``ended_s``."""

    begun_s: float
    ended_s: float
    value: float


Samples: TypeAlias = tuple[Sample, ...]


@dataclass(frozen=True)
class Instance:
    """One breaker: when it opened and closed, by its own account, and what it counted since the failure began."""

    source: str
    opened: Moment
    closed: Moment | None
    """After the failure; None when it never opened, so that there was nothing to close. Of one that went silent before
    it was seen to open nobody knows: then the end is infinite."""
    was_open: bool
    """It was open before the failure."""
    opens: float | None
    """None: not counted."""
    closes: float | None
    probes: float | None
    ends_closed: bool
    silent_from_s: float | None
    """From when on it could not be read any more."""
    openings_seen: int
    """From closed to open, as far as samples show them."""

    @property
    def openings(self) -> float | None:
        """How often it went from closed to open: each but the last ended in a closing."""
        return None if self.closes is None else self.closes + (not self.ends_closed)

    @property
    def half_opens(self) -> float | None:
        """Periods half-open that have ended: in a closing, or in opening again."""
        if self.opens is None or self.closes is None or self.openings is None:
            return None
        return self.opens - self.openings + self.closes


def series_by_source(recording: Recording, key: str) -> dict[str, Samples]:
    """The samples of one figure by source, in order of time. A restarted process goes on under its source."""
    found: dict[str, list[tuple[float, float | None]]] = {}
    for sample in recording.probes:
        if key in sample.values:
            found.setdefault(sample.source, []).append((sample.t, sample.values[key]))
    made = {}
    for source, pairs in found.items():
        pairs.sort()
        ends = [t for t, _ in pairs[1:]] + [pairs[-1][0] + READ_S]
        made[source] = tuple(
            Sample(t, min(end, t + READ_S), value)
            for (t, value), end in zip(pairs, ends, strict=True)
            if value is not None
        )
    return made


def longest_series(recording: Recording, key: str) -> Samples:
    """The samples of a counter that one source has; where several have it, of the one with most samples."""
    return max(series_by_source(recording, key).values(), key=len, default=())


def increase(values: Sequence[float]) -> float:
    """By how much a counter rose; where it falls, its process was started anew and counts from 0."""
    steps = itertools.pairwise(values)
    return sum((after - before if after >= before else after for before, after in steps), 0.0)


def read_instances(
    recording: Recording, names: BreakerCriterion, injected_s: float, until_s: float
) -> tuple[Instance, ...]:
    """The breakers that could be read when the dependency failed, from ``injected_s`` to ``until_s``."""
    counters = {key: series_by_source(recording, key) for key in (names.opens, names.closes, names.probes)}
    last_s = max((sample.t for sample in recording.probes), default=0.0)
    made = []
    for source, states in sorted(series_by_source(recording, names.state).items()):
        # Also one that was read shortly before, and died when the failure began.
        if not any(injected_s - GAP_S <= sample.begun_s <= until_s for sample in states):
            continue
        opens = counters[names.opens].get(source, ())
        read = _with_openings(states, opens)
        during = [pair for pair in read if pair[0].ended_s > injected_s]
        before = [sample for sample, _ in read if sample.ended_s <= injected_s]
        is_open = [_is_open(sample) or reopened for sample, reopened in during]
        opened = _find_opening([sample for sample, _ in during], is_open, injected_s, until_s)
        silent = last_s - states[-1].begun_s > GAP_S
        may_close = math.isfinite(opened.by_s) or silent
        made.append(
            Instance(
                source=source,
                opened=opened,
                closed=_find_closing([sample for sample, _ in during], is_open, until_s) if may_close else None,
                was_open=bool(before) and _is_open(before[-1]),
                opens=_increase_since(opens, injected_s),
                closes=_increase_since(counters[names.closes].get(source, ()), injected_s),
                probes=_increase_since(counters[names.probes].get(source, ()), injected_s),
                ends_closed=not _is_open(states[-1]),
                silent_from_s=states[-1].begun_s if silent else None,
                openings_seen=sum(now and not was for was, now in zip([False, *is_open], is_open, strict=False)),
            )
        )
    return tuple(made)


def _is_open(sample: Sample) -> bool:
    """Open or half-open: not every call is let through."""
    return sample.value != 0


def _with_openings(states: Samples, opens: Samples) -> list[tuple[Sample, bool]]:
    """Each sample of the state, and whether the counter shows an opening since the one before it."""
    by_instant = {sample.begun_s: sample.value for sample in opens}
    marked: list[tuple[Sample, bool]] = []
    before: float | None = None
    for sample in states:
        now = by_instant.get(sample.begun_s)
        marked.append((sample, before is not None and now is not None and now > before))
        before = now if now is not None else before
    return marked


def _find_opening(samples: Sequence[Sample], is_open: Sequence[bool], injected_s: float, until_s: float) -> Moment:
    """Between the last sample that was closed and the first that was not, both after the failure began."""
    known_s = injected_s
    for sample, opened in zip(samples, is_open, strict=True):
        if opened and known_s < until_s:
            return Moment(known_s, sample.ended_s)
        known_s = max(known_s, sample.begun_s)
        if known_s >= until_s:
            break
    return Moment(min(known_s, until_s), math.inf)


def _find_closing(samples: Sequence[Sample], is_open: Sequence[bool], healed_s: float) -> Moment:
    """Between the last sample that was not closed and the first after it that was."""
    known_s, by_s = healed_s, math.inf
    after = [pair for pair in zip(samples, is_open, strict=True) if pair[0].ended_s > healed_s]
    previous_s = healed_s
    for sample, opened in after:
        if _is_open(sample):
            known_s, by_s = max(known_s, sample.begun_s), math.inf
        elif opened:  # closed now, and it had opened since the sample before
            known_s, by_s = max(known_s, previous_s), sample.ended_s
        elif math.isinf(by_s) and sample.begun_s >= healed_s:
            by_s = sample.ended_s
        previous_s = sample.begun_s
    return Moment(known_s, by_s)


def _increase_since(samples: Samples, from_s: float) -> float | None:
    """How much a counter rose from its last sample that ended before ``from_s`` on; None without samples."""
    before = [sample for sample in samples if sample.ended_s <= from_s][-1:]
    values = [sample.value for sample in (*before, *(one for one in samples if one.ended_s > from_s))]
    return increase(values) if values else None
