"""Which of the target's processes and containers were restarted, or ended.

Processes under one name are told apart by pid and create time. A process that executes its program anew keeps both, and
is told apart by how often it has done so. Recordings from before these were sampled show a restart only as memory that
falls at once to about where it began, which a collector may do as well: such a restart is *possible*, not certain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.analysis.lazy import FloatArray, np
from harness.analysis.processes import ProcessSeries, processes
from harness.recording import Recording
from harness.recording.marks import INJECTED, FaultMark

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
STRIKING_CONTAINERS = ("docker_container", "kubernetes_pod", "systemd_unit")
"""Those that name a container, a pod or a unit, and no process."""
STRUCK_WITHIN_S = 5.0
"""A supervisor that finds its process frozen starts another within this time."""
SAMPLING_S = 1.5
"""A process may be gone for so long before a sample says so."""


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
    times: int = 1
    """A container may be restarted more than once from one sample to the next."""

    def __str__(self) -> str:
        cause = ", out of memory" if self.is_oom else f", by our {self.fault}" if self.fault else ""
        return f"{self.source} at {self.t:.0f} s ({self.how}{cause})"


@dataclass(frozen=True)
class Ended:
    """A container that had ended when the run did, and was not started again."""

    source: str
    t: float
    """The first sample that says so."""
    how: str
    fault: str
    """As in :class:`Restart`."""

    def __str__(self) -> str:
        causes = [each for each in (self.how, f"by our {self.fault}" if self.fault else "") if each]
        return f"{self.source} at {self.t:.0f} s" + (f" ({', '.join(causes)})" if causes else "")


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


def stretches(
    one: ProcessSeries, anew: Sequence[Restart], start_s: float, end_s: float
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Samples from one start of the process to the next, each with one sample at least."""
    edges = [start_s, *(each.t for each in anew if start_s < each.t < end_s), end_s]
    for begin_s, finish_s in pairwise(edges):
        t, memory_bytes = one.between(begin_s, finish_s)
        if len(t):
            yield t, memory_bytes


def oom_kills(recording: Recording) -> int:
    """Processes killed for want of memory in the cgroups of the target's, from the first sample to the last. A cgroup
    may be that of several sources, so it is the largest count of them.
    """
    rises = [np.diff(one.oom_kills[np.isfinite(one.oom_kills)]) for one in processes(recording).values()]
    return int(max((float(rise[rise > 0].sum()) for rise in rises if len(rise)), default=0.0))


def ended(recording: Recording) -> tuple[Ended, ...]:
    """Containers that did not run when the run ended, as whoever runs them says."""
    known = processes(recording)
    end_s = max((one.known_until_s for one in known.values()), default=0.0)
    found = []
    for one in known.values():
        last_s = float(one.t[-1])
        if len(one.stopped_s) and one.stopped_s[-1] > max(last_s, end_s - SILENT_S):
            since_s = float(one.stopped_s[one.stopped_s > last_s][0])
            found.append(Ended(one.source, since_s, one.ending, fault_of(recording.faults, last_s, since_s, one, -1)))
    return tuple(found)


def _under_one_name(one: ProcessSeries, sampled_s: FloatArray, faults: Iterable[FaultMark]) -> Iterator[Restart]:
    first_bytes = one.memory[1][:5]
    level_bytes = float(np.median(first_bytes)) if len(first_bytes) else math.nan
    fell = one.rss_bytes[1:] < (1 - DROP_SHARE) * one.rss_bytes[:-1]
    created_anew = np.abs(np.diff(one.create_time_s)) > SAME_CREATION_S
    executed = np.diff(one.executions) > 0
    for i in map(int, np.flatnonzero(fell | created_anew | executed | (np.abs(np.diff(one.pid)) > 0))):
        how, is_certain = _change(one, i, level_bytes)
        if not how:
            continue
        before_s, t = float(one.t[i]), float(one.t[i + 1])
        if is_certain and _was_taken_away(one, before_s, t, sampled_s):
            continue
        rise = one.oom_kills[i + 1] - one.oom_kills[i]
        fault = fault_of(faults, before_s, t, one, i)
        more = one.restarts[i + 1] - one.restarts[i]
        times = max(1, int(more)) if math.isfinite(more) and not fault else 1
        yield Restart(one.source, before_s, t, how, is_certain, fault, bool(rise > 0), times)


def _change(one: ProcessSeries, i: int, level_bytes: float) -> tuple[str, bool]:
    """By what sample i + 1 shows to be of another process than sample i, and whether that is certain."""
    pid, then = one.pid[i], one.pid[i + 1]
    if np.isfinite(pid) and np.isfinite(then):
        if pid != then:
            return f"pid {pid:.0f}, then {then:.0f}", True
        later_s = abs(one.create_time_s[i + 1] - one.create_time_s[i])
        if later_s > SAME_CREATION_S:
            return f"pid {pid:.0f} was created anew", True
        return (f"pid {pid:.0f} executed a program anew" if one.executions[i + 1] > one.executions[i] else ""), True
    if one.is_container and np.isfinite(one.create_time_s[i]) and np.isfinite(one.create_time_s[i + 1]):
        count, then_count = one.restarts[i], one.restarts[i + 1]
        counted = f", restarts {count:.0f}, then {then_count:.0f}" if abs(then_count - count) > 0 else ""
        return f"started again{counted}", True
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
    silent = np.sort(np.concatenate([one.failed_s, one.stopped_s]))
    told_s = np.concatenate([[before_s], silent[(silent > before_s) & (silent < t)], [t]])
    longest = int(np.argmax(np.diff(told_s)))
    start_s, end_s = told_s[longest], told_s[longest + 1]
    others = sampled_s[(sampled_s > start_s) & (sampled_s < end_s)]
    return bool(end_s - start_s > SILENT_S and len(others) >= (end_s - start_s) / 2)


def fault_of(faults: Iterable[FaultMark], before_s: float, t: float, one: ProcessSeries, i: int) -> str:
    """The fault of ours that struck what sample i is of; by its pid or name, where both are told."""
    for mark in faults:
        if mark.event != INJECTED or mark.fault not in (*STRIKING, *STRIKING_CONTAINERS):
            continue
        ended_s = [other.t for other in faults if other.number == mark.number and other.t > mark.t]
        # Who is killed is gone; who was stopped, or asked to end, may be there for a while.
        is_gone = mark.fault == "kill_process" and mark.detail.startswith("killed")
        until_s = mark.t if is_gone else max([mark.t, *ended_s]) + STRUCK_WITHIN_S
        if mark.t <= t and until_s >= before_s - SAMPLING_S and _names(mark, one, float(one.pid[i])):
            return f"{mark.fault} at {mark.t:.0f} s"
    return ""


def _names(mark: FaultMark, one: ProcessSeries, pid: float) -> bool:
    """Whether a fault may have struck it: not where it says that it was another."""
    if mark.fault in STRIKING_CONTAINERS:
        if not one.is_named or mark.fault == "systemd_unit":
            return True  # of a process nobody knows the container's name
        names = (one.source, one.source.rpartition("/")[0])
        return any(re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w/-])", mark.detail) for name in names if name)
    named = {int(number) for number in re.findall(r"\b\d+\b(?! more)", mark.detail)}
    return not named or " more" in mark.detail or not math.isfinite(pid) or int(pid) in named


def _of_workers(known: Mapping[str, ProcessSeries], roots_ended_s: list[float]) -> Iterator[Restart]:
    """A worker that ended while others of its kind went on, and one that came in its place: possibly a restart,
    possibly a server that replaces its workers now and then.
    """
    for root, family in families(known).items():
        last_s = last_sample_s(known, root, family)
        newcomers = sorted(family, key=lambda one: one.t[0])
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


def families(known: Mapping[str, ProcessSeries]) -> dict[str, list[ProcessSeries]]:
    """Root → its workers."""
    families: dict[str, list[ProcessSeries]] = {}
    for one in known.values():
        if one.is_worker:
            families.setdefault(one.root, []).append(one)
    return families


def last_sample_s(known: Mapping[str, ProcessSeries], root: str, family: Iterable[ProcessSeries]) -> float:
    """The last sample of any of them, or of their parent."""
    return max(float(one.t[-1]) for one in (*family, *([known[root]] if root in known else [])))


def _alive(family: list[ProcessSeries], t: float) -> int:
    return sum(bool(one.t[0] <= t <= one.t[-1]) for one in family)
