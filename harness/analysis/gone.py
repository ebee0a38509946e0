"""Which of the target's processes were there, and could not be read any more when the run ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

from harness.analysis.processes import ProcessSeries, processes
from harness.analysis.restarts import SAMPLING_S, SILENT_S, families, fault_of, last_sample_s
from harness.recording import Recording

AT_LAST_S = 10.0
"""A worker that served is known by its CPU of so long before its end, ..."""
SERVING_SHARE = 0.5
"""... when it is such a share of its siblings' mean ..."""
SERVING_CPU_RATIO = 0.005
"""... and these had something to do: less is what a process takes that waits."""


def gone(recording: Recording) -> tuple[tuple[str, float], ...]:
    """Sources that could not be read any more when the run ended, and since when. Workers may come and go; of
    those that never did, who has ended is missing.
    """
    known = processes(recording)
    end_s = max((one.known_until_s for one in known.values()), default=0.0)
    unread = [
        (one.source, float(one.failed_s[one.failed_s > one.t[-1]][0]))
        for one in known.values()
        if not one.is_worker
        and len(one.failed_s)
        and one.failed_s[-1] > max(float(one.t[-1]), *one.stopped_s[-1:], end_s - SILENT_S)
    ]
    return (*unread, *_missing_workers(recording, known))


def _missing_workers(recording: Recording, known: Mapping[str, ProcessSeries]) -> Iterator[tuple[str, float]]:
    """Of a fixed set of workers, to which none was added in the whole run, those that saw the end of the first phase,
    and served until they ended before the others, not by a fault of ours.
    """
    if not recording.header.phases:
        return
    settled_s = recording.header.phases[0].end_s
    first_s = min((float(one.t[0]) for one in known.values()), default=0.0)
    for root, family in families(known).items():
        last_s = last_sample_s(known, root, family)
        if any(one.t[0] > first_s + SILENT_S for one in family):
            continue
        for one in family:
            end_s = float(one.t[-1])
            is_struck = fault_of(recording.faults, end_s, end_s + SAMPLING_S, one, -1)
            if settled_s - SAMPLING_S <= end_s <= last_s - SILENT_S and not is_struck and _served(one, family):
                yield one.source, end_s


def _served(one: ProcessSeries, family: list[ProcessSeries]) -> bool:
    """Whether it worked until its end as those did that lived on. A helper does not, nor does a child that is ended
    because it has become idle.
    """
    end_s = float(one.t[-1])
    others = [other for other in family if other.t[-1] > end_s + SILENT_S]
    usual = fmean(other.mean_cpu_ratio(end_s - AT_LAST_S, end_s) for other in others) if others else 0.0
    mine = one.mean_cpu_ratio(end_s - AT_LAST_S, end_s)
    return usual >= SERVING_CPU_RATIO and mine >= SERVING_SHARE * usual  # never where one is NaN, not told
