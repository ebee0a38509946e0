"""The target's processes as the probe ``process`` sampled them: their memory, and where one of them was restarted.

A source is a name (``api1``, ``port-8000``) under which there may be one process after another. They are told apart by
pid and create time. Recordings from before these were sampled show a restart only as memory that falls at once to
about where it began, which a collector may do as well: such a restart is *possible*, not certain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.analysis.lazy import LazyModule
from harness.recording import ProbeSample, Recording
from harness.recording_marks import INJECTED, FaultMark

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = LazyModule("numpy")

FloatArray: TypeAlias = "NDArray[np.float64]"
PROBE = "process"
VALUE = "rss_bytes"
MOST_BYTES = 2.0**63
"""No process has more memory, nor less than none."""
DROP_SHARE = 0.3
"""Memory that falls by more from one sample to the next may be that of a new process."""
SAME_CREATION_S = 1.0
"""The system derives the time of creation from its clock, which may be set."""
REPLACED_WITHIN_S = 5.0
"""A worker that comes so soon after another has ended takes its place."""
SILENT_S = 3.0
"""A source that the probe was no longer told of for longer, and that had not failed, was taken away on purpose."""
STRIKING = ("kill_process", "stop_process")
"""Faults of ours after which a supervisor starts a process again."""
STRUCK_WITHIN_S = 5.0
"""A supervisor that finds its process frozen starts another within this time."""
SAMPLING_S = 1.5
"""A process may be gone for so long before a sample says so."""


@dataclass(frozen=True, eq=False)
class ProcessSeries:
    """One source over time, instants in seconds and increasing; every array but ``failed_s`` has the shape of ``t``."""

    source: str
    t: FloatArray
    rss_bytes: FloatArray
    pid: FloatArray
    """NaN where it was not sampled; so of those below."""
    create_time_s: FloatArray
    oom_kills: FloatArray
    """In its cgroup, counted since that began."""
    failed_s: FloatArray
    """Instants at which it could not be read."""
    memory_limit_bytes: float
    """The least that it was allowed to have; infinite where that is not known."""

    @property
    def is_identified(self) -> bool:
        """Whether each sample says which process it is of."""
        return bool(np.isfinite(self.pid).all() and len(self.pid))

    @property
    def known_until_s(self) -> float:
        """The last reading, also one that failed."""
        return float(max([self.t[-1], *self.failed_s[-1:]]))

    @property
    def root(self) -> str:
        """Of a worker (``port-8000/4711``) the source that it belongs to; of any other the source itself."""
        return re.sub(r"/\d+$", "", self.source)

    @property
    def is_worker(self) -> bool:
        return self.root != self.source

    def between(self, start_s: float, end_s: float) -> tuple[FloatArray, FloatArray]:
        """Instants and memory of the samples in that stretch."""
        inside = (self.t >= start_s) & (self.t < end_s)
        return self.t[inside], self.rss_bytes[inside]


@dataclass(frozen=True)
class Restart:
    """Another process under the same name, or in the place of a worker."""

    source: str
    before_s: float
    """Last sample of the process that was there before."""
    t: float
    """First sample of the new one."""
    how: str
    """By what it shows: ``pid 4711, then 4713``."""
    is_certain: bool
    fault: str = ""
    """The fault of ours that struck the process before, in words; empty where none did."""
    is_oom: bool = False
    """The kernel killed a process of its cgroup for want of memory meanwhile."""

    def __str__(self) -> str:
        cause = ", out of memory" if self.is_oom else f", by our {self.fault}" if self.fault else ""
        return f"{self.source} at {self.t:.0f} s ({self.how}{cause})"


def processes(recording: Recording) -> Mapping[str, ProcessSeries]:
    """By source, those of which memory was read at least once; a reading that can be none counts as failed."""
    read: dict[str, dict[float, ProbeSample]] = {}
    failed: dict[str, list[float]] = {}
    for sample in recording.probes:
        if sample.probe != PROBE:
            continue
        if 0 <= sample.values.get(VALUE, -1) <= MOST_BYTES:
            read.setdefault(sample.source, {}).setdefault(sample.t, sample)
        elif sample.error or VALUE in sample.values:
            failed.setdefault(sample.source, []).append(sample.t)
    return {source: _series(source, by_t.values(), failed.get(source, ())) for source, by_t in read.items()}


def _series(source: str, readings: Iterable[ProbeSample], failed_s: Iterable[float]) -> ProcessSeries:
    samples = sorted(readings, key=lambda sample: sample.t)
    columns = {
        key: np.array([sample.values.get(key, math.nan) for sample in samples], dtype=np.float64)
        for key in (VALUE, "pid", "create_time_s", "oom_kills")
    }
    limits = [sample.values["memory_limit_bytes"] for sample in samples if "memory_limit_bytes" in sample.values]
    return ProcessSeries(
        source,
        np.array([sample.t for sample in samples], dtype=np.float64),
        columns[VALUE],
        columns["pid"],
        columns["create_time_s"],
        columns["oom_kills"],
        np.array(sorted(failed_s), dtype=np.float64),
        min((limit for limit in limits if limit > 0), default=math.inf),
    )


def restarts(recording: Recording) -> tuple[Restart, ...]:
    """All that show from the origin on, certain and possible ones, those that faults of ours brought about included.

    No restart: a replica that was taken away and came again under its name, unnamed and without a failed reading in
    between.
    """
    known = processes(recording)
    sampled_s = np.unique(np.concatenate([np.empty(0), *(one.t for one in known.values())]))
    found = [restart for one in known.values() for restart in _under_one_name(one, sampled_s, recording.faults)]
    found += _of_workers(known, [each.before_s for each in found])
    return tuple(sorted((each for each in found if each.t >= 0), key=lambda each: each.t))


def oom_kills(recording: Recording) -> int:
    """Processes killed for want of memory in the cgroups of the target's, from the first sample to the last. A cgroup
    may be that of several sources, so it is the largest count of them.
    """
    rises = [np.diff(one.oom_kills[np.isfinite(one.oom_kills)]) for one in processes(recording).values()]
    return int(max((float(rise[rise > 0].sum()) for rise in rises if len(rise)), default=0.0))


def gone(recording: Recording) -> tuple[tuple[str, float], ...]:
    """Sources that could not be read any more when the run ended, and since when. Workers may come and go."""
    known = processes(recording)
    end_s = max((one.known_until_s for one in known.values()), default=0.0)
    return tuple(
        (one.source, float(one.failed_s[one.failed_s > one.t[-1]][0]))
        for one in known.values()
        if not one.is_worker and one.known_until_s > max(float(one.t[-1]), end_s - SILENT_S)
    )


def _under_one_name(one: ProcessSeries, sampled_s: FloatArray, faults: Iterable[FaultMark]) -> Iterator[Restart]:
    level_bytes = float(np.median(one.rss_bytes[:5]))
    fell = one.rss_bytes[1:] < (1 - DROP_SHARE) * one.rss_bytes[:-1]
    created_anew = np.abs(np.diff(one.create_time_s)) > SAME_CREATION_S
    for i in map(int, np.flatnonzero(fell | created_anew | (np.abs(np.diff(one.pid)) > 0))):
        how, is_certain = _change(one, i, level_bytes)
        if not how:
            continue
        before_s, t = float(one.t[i]), float(one.t[i + 1])
        if is_certain and _was_taken_away(one, before_s, t, sampled_s):
            continue
        rise = one.oom_kills[i + 1] - one.oom_kills[i]
        yield Restart(one.source, before_s, t, how, is_certain, _fault(faults, before_s, t, one.pid[i]), bool(rise > 0))


def _change(one: ProcessSeries, i: int, level_bytes: float) -> tuple[str, bool]:
    """By what sample i + 1 shows to be of another process than sample i, and whether that is certain."""
    pid, then = one.pid[i], one.pid[i + 1]
    if np.isfinite(pid) and np.isfinite(then):
        if pid != then:
            return f"pid {pid:.0f}, then {then:.0f}", True
        later_s = abs(one.create_time_s[i + 1] - one.create_time_s[i])
        return (f"pid {pid:.0f} was created anew", True) if later_s > SAME_CREATION_S else ("", True)
    before, after = one.rss_bytes[i], one.rss_bytes[i + 1]
    # And stays there: a single sample that is low is noise, and so is one that is high, also where it is the first.
    lately, from_then_on = (
        np.sort(one.rss_bytes[max(0, i - 2) : i + 1])[-2:][0],
        np.median(one.rss_bytes[i + 1 : i + 4]),
    )
    if i > 0 and from_then_on < (1 - DROP_SHARE) * lately and after < (1 + DROP_SHARE) * level_bytes:
        return f"memory fell from {before / 1e6:,.0f} to {after / 1e6:,.0f} MB", False
    return "", False


def _was_taken_away(one: ProcessSeries, before_s: float, t: float, sampled_s: FloatArray) -> bool:
    """Nobody had expected it there: the probe went on, and neither read it nor failed to for a while."""
    told_s = np.concatenate([[before_s], one.failed_s[(one.failed_s > before_s) & (one.failed_s < t)], [t]])
    longest = int(np.argmax(np.diff(told_s)))
    start_s, end_s = told_s[longest], told_s[longest + 1]
    others = sampled_s[(sampled_s > start_s) & (sampled_s < end_s)]
    return bool(end_s - start_s > SILENT_S and len(others) >= (end_s - start_s) / 2)


def _fault(faults: Iterable[FaultMark], before_s: float, t: float, pid: float) -> str:
    """The fault of ours that struck the process; by its pid, where both are told."""
    for mark in faults:
        if mark.fault not in STRIKING or mark.event != INJECTED:
            continue
        ended_s = [other.t for other in faults if other.number == mark.number and other.t > mark.t]
        # Who is killed is gone; who was stopped, or asked to end, may be there for a while.
        is_gone = mark.fault == "kill_process" and mark.detail.startswith("killed")
        until_s = mark.t if is_gone else max([mark.t, *ended_s]) + STRUCK_WITHIN_S
        if not (mark.t <= t and until_s >= before_s - SAMPLING_S):
            continue
        named = {int(number) for number in re.findall(r"\b\d+\b(?! more)", mark.detail)}
        if not named or " more" in mark.detail or not math.isfinite(pid) or int(pid) in named:
            return f"{mark.fault} at {mark.t:.0f} s"
    return ""


def _of_workers(known: Mapping[str, ProcessSeries], roots_ended_s: list[float]) -> Iterator[Restart]:
    """A worker that ended while others of its kind went on, and one that came in its place: possibly a restart,
    possibly a server that replaces its workers now and then.
    """
    families: dict[str, list[ProcessSeries]] = {}
    for one in known.values():
        if one.is_worker:
            families.setdefault(one.root, []).append(one)
    for root, family in families.items():
        last_s = max([float(one.t[-1]) for one in family] + ([float(known[root].t[-1])] if root in known else []))
        newcomers = sorted((one for one in family if one.t[0] > 0), key=lambda one: one.t[0])
        for ended in sorted(family, key=lambda one: one.t[-1]):
            end_s = float(ended.t[-1])
            if end_s > last_s - SAMPLING_S or any(abs(end_s - s) < SILENT_S for s in roots_ended_s):
                continue
            for new in newcomers:
                begin_s = float(new.t[0])
                if end_s < begin_s <= end_s + REPLACED_WITHIN_S and _alive(family, end_s) == _alive(family, begin_s):
                    newcomers.remove(new)
                    how = f"{ended.source} ended, {new.source} came"
                    yield Restart(root, end_s, begin_s, how, is_certain=False)
                    break


def _alive(family: list[ProcessSeries], t: float) -> int:
    return sum(bool(one.t[0] <= t <= one.t[-1]) for one in family)
