"""A connection pool under load, level by level: how busy it is, how long one waits, and from where on it is full.

Little's law (J. D. C. Little, 1961), L = λW, holds for any stable system: requests under way = throughput × latency,
connections busy = throughput × time for which one is held. So a pool of n connections that are held for S seconds each
can serve n ÷ S requests a second, whatever its users do. The knee is where the two bounds of a closed system cross,
N* = throughput limit × latency without any waiting (Lazowska et al., *Quantitative System Performance*, 1984, ch. 5).
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass

from harness.analysis import histogram, phases, tallies
from harness.recording import ProbeSample, Recording
from harness.recording.header import Phase

PROBE = "pool"
IN_USE, SIZE, WAITING = "in_use", "size", "waiting"
NOT_SAMPLED = "the pool was not sampled"
WAIT, HELD = "pool wait", "pool query"
"""Observations: how long a request waited for a connection, and for how long it held it."""
FAR = 3.0
"""Standard errors that are no chance."""
FEWEST_SAMPLES = 5
"""Of a phase, for its mean use to be known: a herd is over between two of them."""


@dataclass(frozen=True)
class Instant:
    """The whole pool at one instant: the sum over all processes, each of which was read."""

    t: float
    in_use: float
    size: float | None
    """None where a process does not tell it."""
    waiting: float | None
    """None where the service does not export it."""

    @property
    def use_ratio(self) -> float:
        """0 where the size is not known."""
        return self.in_use / self.size if self.size else 0.0


@dataclass(frozen=True)
class Level:
    """One phase of steady load. Means are over the seconds and samples of the phase without its first ones."""

    phase: str
    throughput_per_s: float
    """Requests that began in a second, failed ones too."""
    good_per_s: float
    """Those of them that were answered ok."""
    latency_s: float
    concurrency: float
    """Requests under way, by Little's law: throughput × latency."""
    wait_s: float | None
    """For a connection; None where nothing tells of it."""
    held_s: float | None
    """For which a connection was held."""
    use_ratio: float | None
    """In use ÷ size, as sampled."""
    size: float | None
    waiting: float | None

    @property
    def busy(self) -> float | None:
        """Connections in use, by Little's law; None where nothing tells for how long one is held."""
        return None if self.held_s is None else self.throughput_per_s * self.held_s

    @property
    def capacity_per_s(self) -> float | None:
        """Requests a second that the pool can serve at most: size ÷ time held."""
        return self.size / self.held_s if self.size and self.held_s else None


def instants(recording: Recording, phase: Phase) -> tuple[Instant, ...]:
    """The pool over a phase, in order. An instant at which a process could not be read is left out: what it held then
    is not known.
    """
    taken: dict[float, list[ProbeSample]] = defaultdict(list)
    for sample in recording.probes:
        if phase.start_s <= sample.t < phase.end_s and tells_use(sample):
            taken[sample.t].append(sample)
    sources = sources_of(recording)
    return tuple(
        _add_up(t, samples) for t, samples in sorted(taken.items()) if {sample.source for sample in samples} == sources
    )


def tells_use(sample: ProbeSample) -> bool:
    """Whether it is of the pool and tells how many connections are in use."""
    return sample.probe == PROBE and sample.error is None and IN_USE in sample.values


def sources_of(recording: Recording) -> set[str]:
    """All processes of the service, also those that could never be read: what they hold is part of the pool."""
    return {sample.source for sample in recording.probes if sample.probe == PROBE and not sample.was_left_out}


def unread(recording: Recording, start_s: float, end_s: float) -> str:
    """Processes that were not read once between two instants, with the reason where there is one; empty: none."""
    inside = [sample for sample in recording.probes if sample.probe == PROBE and start_s <= sample.t < end_s]
    silent = sources_of(recording) - {sample.source for sample in inside if tells_use(sample)}
    errors = {sample.source: f" ({sample.error})" for sample in inside if sample.error is not None}
    return ", ".join(f"{source}{errors.get(source, '')}" for source in sorted(silent))


def _add_up(t: float, samples: list[ProbeSample]) -> Instant:
    def total(key: str) -> float | None:
        told = [sample.values[key] for sample in samples if key in sample.values]
        return sum(told) if len(told) == len(samples) else None

    return Instant(t, total(IN_USE) or 0.0, total(SIZE), total(WAITING))


def levels(recording: Recording, requests: str, settle_s: int, baseline: str, spike: str) -> tuple[Level, ...]:
    """Every phase from ``baseline`` to ``spike`` that had such requests after its first ``settle_s`` seconds."""
    first, last = recording.phase(baseline), recording.phase(spike)
    if first is None or last is None:
        return ()
    climbing = [phase for phase in recording.header.phases if first.start_s <= phase.start_s <= last.start_s]
    found = [_measure(recording, Phase(p.name, p.start_s + settle_s, p.end_s), requests) for p in climbing]
    return tuple(level for level in found if level is not None)


def in_use(recording: Recording, start_s: float, end_s: float) -> dict[str, list[float]]:
    """Source → its connections in use in each of its samples between two instants."""
    found: dict[str, list[float]] = defaultdict(list)
    for sample in recording.probes:
        if tells_use(sample) and start_s <= sample.t < end_s:
            found[sample.source].append(sample.values[IN_USE])
    return found


def permanent(recording: Recording, baseline: Phase) -> dict[str, tuple[float, float]]:
    """Source → at least and at most so many connections that are out all the time, for a listener, say: no leak,
    however long they stay out.

    At most the fewest in use at any time up to the end of the baseline. Part of these may be the load's: where the
    service tells for how long a connection is held, that part is throughput × time held (Little's law), and is taken
    off. Where it does not, and was never looked at before any load, it may be all of them.
    """
    before = in_use(recording, -math.inf, baseline.end_s)
    during = in_use(recording, baseline.start_s, baseline.end_s)
    quiet = _in_use_without_load(recording, baseline.end_s)
    means = {source: statistics.fmean(values) for source, values in during.items()}
    busy, total = _held(recording, baseline), sum(means.values())
    share = max(0.0, 1 - busy / total) if total else 0.0
    whole = in_use(recording, -math.inf, math.inf)
    found = {}
    for source, mean in means.items():
        fewest = most = min(before[source])
        if min(whole[source]) != max(whole[source]):  # what is the same under every load is none of the load's
            most = min(most, round(mean * share))
            fewest = most if busy else min([most, *quiet.get(source, [0.0])])
        found[source] = (fewest, most)
    return found


def _in_use_without_load(recording: Recording, end_s: float) -> dict[str, list[float]]:
    """As :func:`in_use`, of the samples up to an instant at which no request can have been under way."""
    sent = [piece for piece in (*recording.warm_up, *recording.slices) if piece.count and piece.t < end_s]
    longest = max((index for piece in sent for index in piece.latency), default=0)
    over_s = [(t, t + 1 + histogram.bucket_bounds_us(longest)[1] / 1e6) for t in {piece.t for piece in sent}]
    found: dict[str, list[float]] = defaultdict(list)
    for sample in recording.probes:
        busy = sample.t >= end_s or any(begun <= sample.t < ended for begun, ended in over_s)
        if tells_use(sample) and not busy:
            found[sample.source].append(sample.values[IN_USE])
    return found


def contradiction(recording: Recording) -> str:
    """Why the metric cannot be the use of the pool that the load was on; empty where nothing speaks against it.

    Little's law tells how many connections were held in each phase: throughput × time held, as the answers tell it,
    and never more than the pool has, for what is sent beyond that is held later. A metric that says less than half of
    that, by more than samples of so many scatter (Poisson), stands still, is another pool's, or is not that of all
    processes, and would look just as good with a leak. The phase in which most were held is looked at first; where
    only part of the pool is read, its size is too small as well, and a phase that does not fill it tells.
    """
    told = []
    for phase in recording.header.phases:
        seen = instants(recording, phase)
        if len(seen) >= FEWEST_SAMPLES and (held := _held(recording, phase)):
            most = max(each.size or math.inf for each in seen)
            told.append((min(held, most), phase.name, [each.in_use for each in seen]))
    told.sort(key=lambda each: -each[0])
    # Fewer than one may come, and be held, at even distances that the samples miss.
    for held, name, seen_in_use in [*told[:1], *(each for each in told[1:] if each[0] >= 1)]:
        mean = statistics.fmean(seen_in_use)
        if mean < held / 2 and mean + FAR * math.sqrt(held / len(seen_in_use)) < held:
            return (
                f"the metric says that {mean:.1f} connections were in use in the {name}, where the answers tell of "
                f"{held:.1f} (Little's law): it stands still, is that of another pool, or not of all processes; name "
                "the right one, and the pages of all processes"
            )
    return ""


def _held(recording: Recording, phase: Phase) -> float:
    """Connections in use in the mean, by what the answers tell; 0 where they do not."""
    pieces = phases.slices_of(recording, phase, HELD)
    return (_mean_s(recording, phase, HELD) or 0.0) * sum(piece.count for piece in pieces) / phase.duration_s


def _measure(recording: Recording, phase: Phase, requests: str) -> Level | None:
    if phase.duration_s < 1:
        return None
    pieces = phases.slices_of(phases.only(recording, requests), phase)
    latency_us = histogram.mean_us(histogram.merge(piece.latency for piece in pieces))
    if latency_us is None:
        return None
    throughput_per_s = sum(piece.count for piece in pieces) / phase.duration_s
    seen = instants(recording, phase)
    waits = [instant.waiting for instant in seen if instant.waiting is not None]
    return Level(
        phase=phase.name,
        throughput_per_s=throughput_per_s,
        good_per_s=tallies.tally(pieces).ok / phase.duration_s,
        latency_s=latency_us / 1e6,
        concurrency=throughput_per_s * latency_us / 1e6,
        wait_s=_mean_s(recording, phase, WAIT),
        held_s=_mean_s(recording, phase, HELD),
        use_ratio=sum(each.use_ratio for each in seen) / len(seen)
        if seen and all(each.size for each in seen)
        else None,
        size=seen[-1].size if seen else None,
        waiting=sum(waits) / len(waits) if waits else None,
    )


def _mean_s(recording: Recording, phase: Phase, name: str) -> float | None:
    mean_us = histogram.mean_us(phases.of_phase(recording, phase, name).latency)
    return None if mean_us is None else mean_us / 1e6


def saturated(climb: tuple[Level, ...], use_limit: float) -> tuple[Level, ...]:
    """The levels at which more than that share of the pool was in use and one waited longer than at any level below:
    full alone is well used, full with a growing queue is saturated.
    """
    full = []
    longest_s = climb[0].wait_s if climb else None
    for level in climb[1:]:
        if level.wait_s is None or longest_s is None or level.use_ratio is None:
            continue
        if level.use_ratio > use_limit and level.wait_s > longest_s:
            full.append(level)
        longest_s = max(longest_s, level.wait_s)
    return tuple(full)


def knee(climb: tuple[Level, ...]) -> float | None:
    """Requests under way from which on some of them must wait: the highest capacity × the latency without waiting of
    the lowest level. None where the pool's size or the time held is not known.
    """
    capacities = [level.capacity_per_s for level in climb if level.capacity_per_s is not None]
    if not capacities:
        return None
    return max(capacities) * (climb[0].latency_s - (climb[0].wait_s or 0.0))
