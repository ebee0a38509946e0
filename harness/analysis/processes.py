"""The target's processes, and the containers that they run in, over time, as probes sampled them.

A source is a name (``api1``, ``port-8000``) under which there may be one process, or one start of a container, after
another: see :mod:`harness.analysis.restarts`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.lazy import FloatArray, np
from harness.analysis.once import once
from harness.analysis.target_memory import AGE, LIMIT, PROCESS, memory_bytes, memory_key
from harness.recording import ProbeSample, Recording

MOST_BYTES = 2.0**63
"""No process has more memory, nor less than none."""


@dataclass(frozen=True, eq=False)
class ProcessSeries:
    """One source over time, instants in seconds and increasing; every array but ``failed_s`` and ``stopped_s`` has the
    shape of ``t``.
    """

    source: str
    t: FloatArray
    rss_bytes: FloatArray
    """Of a container its working set; NaN where only the start of the container was read."""
    memory_age_s: FloatArray
    """How old that was when it was sampled; NaN where it was read at once."""
    uss_bytes: FloatArray
    """What it shares with no other process; sampled seldom, NaN in between."""
    pid: FloatArray
    """NaN where it was not sampled; so of those below."""
    create_time_s: FloatArray
    executions: FloatArray
    """How often the process has executed a program anew since it was first read."""
    oom_kills: FloatArray
    """In its cgroup, counted since that began."""
    cpu_ratio: FloatArray
    """Mean since the sample before."""
    failed_s: FloatArray
    """Instants at which it could not be read."""
    stopped_s: FloatArray
    """Instants at which it was known not to run."""
    ending: str
    """How it ended last, in words; empty where that is not told."""
    restarts: FloatArray
    """Of a container, as whoever restarts it counts."""
    is_container: bool
    """As another probe than ``process`` has it."""
    memory_limit_bytes: float
    """The least that it was allowed to have; infinite where that is not known."""

    @property
    def is_identified(self) -> bool:
        """Whether each sample says which process it is of."""
        return bool((np.isfinite(self.pid) | np.isfinite(self.create_time_s)).all() and len(self.pid))

    @property
    def known_until_s(self) -> float:
        """The last reading, also one that failed."""
        return float(max([self.t[-1], *self.failed_s[-1:], *self.stopped_s[-1:]]))

    @property
    def is_named(self) -> bool:
        """Whether the source is the name of a container: whoever knows that counts its restarts."""
        return bool(np.isfinite(self.restarts).any())

    @property
    def memory(self) -> tuple[FloatArray, FloatArray]:
        """Instants and memory, where it was read."""
        read = np.isfinite(self.rss_bytes)
        return self.t[read], self.rss_bytes[read]

    @property
    def root(self) -> str:
        """Of a worker (``port-8000/4711``) the source that it belongs to; of any other the source itself."""
        return re.sub(r"/\d+$", "", self.source)

    @property
    def is_worker(self) -> bool:
        return self.root != self.source

    def memory_until_s(self, end_s: float) -> float:
        """How its memory was at this instant is the latest that is known before ``end_s``."""
        read = np.isfinite(self.rss_bytes) & (self.t < end_s)
        return float(np.max(self.t[read] - np.nan_to_num(self.memory_age_s[read]), initial=-math.inf))

    def own_bytes(self, start_s: float, end_s: float) -> float:
        """What it shares with no other process at the end of that stretch; where nobody knows, its memory in it."""
        told = self.uss_bytes[np.isfinite(self.uss_bytes) & (self.t < end_s)]
        return float(told[-1] if len(told) else np.median(self.between(start_s, end_s)[1]))

    def mean_cpu_ratio(self, start_s: float, end_s: float) -> float:
        """Of the samples in that stretch, both ends included; NaN where none tells."""
        told = self.cpu_ratio[np.isfinite(self.cpu_ratio) & (self.t >= start_s) & (self.t <= end_s)]
        return float(told.mean()) if len(told) else math.nan

    def between(self, start_s: float, end_s: float) -> tuple[FloatArray, FloatArray]:
        """Instants and memory of the samples in that stretch."""
        t, memory_bytes = self.memory
        inside = (t >= start_s) & (t < end_s)
        return t[inside], memory_bytes[inside]


@once
def processes(recording: Recording) -> Mapping[str, ProcessSeries]:
    """By source, those of which memory, or of a container its start, was read at least once; a reading that can be
    none counts as failed. Two probes that use one name for what they sample give two sources.
    """
    read: dict[tuple[str, str], dict[float, ProbeSample]] = {}
    failed: dict[tuple[str, str], list[float]] = {}
    stopped: dict[tuple[str, str], list[ProbeSample]] = {}
    for sample in recording.probes:
        key, memory = (sample.probe, sample.source), memory_bytes(sample.probe, sample.values)
        if 0 <= (-1 if memory is None else memory) <= MOST_BYTES or (memory is None and _is_start(sample)):
            read.setdefault(key, {}).setdefault(sample.t, sample)
        elif sample.values.get("running") == 0:
            stopped.setdefault(key, []).append(sample)
        elif sample.error or memory is not None:
            failed.setdefault(key, []).append(sample.t)
    names = [source for _, source in read]
    found = {}
    for (probe, source), by_t in read.items():
        name = source if names.count(source) == 1 else f"{source} ({probe})"
        found[name] = _series(
            name, probe, by_t.values(), failed.get((probe, source), ()), stopped.get((probe, source), ())
        )
    return found


def memory_together(
    samples: Mapping[str, ProcessSeries], names: Sequence[str], start_s: float, end_s: float
) -> FloatArray:
    """Bytes of the named processes together, once a second; between samples on the straight line."""
    grid = np.arange(math.ceil(start_s), math.floor(end_s), dtype=np.float64)
    total = np.zeros(len(grid))
    for name in names:
        total += np.interp(grid, *samples[name].memory)
    return total


def _is_start(sample: ProbeSample) -> bool:
    """Whether it tells when a container was started, without its memory."""
    return sample.probe != PROCESS and {"create_time_s", "running"} <= sample.values.keys()


def _series(
    source: str, probe: str, readings: Iterable[ProbeSample], failed_s: Iterable[float], stopped: Iterable[ProbeSample]
) -> ProcessSeries:
    samples = sorted(readings, key=lambda sample: sample.t)
    ends = sorted(stopped, key=lambda sample: sample.t)
    columns = {
        key: np.array([sample.values.get(key, math.nan) for sample in samples], dtype=np.float64)
        for key in (
            memory_key(probe),
            AGE,
            "uss_bytes",
            "pid",
            "create_time_s",
            "executions",
            "oom_kills",
            "restarts",
            "cpu_ratio",
        )
    }
    limits = [sample.values[LIMIT] for sample in samples if LIMIT in sample.values]
    return ProcessSeries(
        source=source,
        t=np.array([sample.t for sample in samples], dtype=np.float64),
        rss_bytes=columns[memory_key(probe)],
        memory_age_s=columns[AGE],
        uss_bytes=columns["uss_bytes"],
        pid=columns["pid"],
        create_time_s=columns["create_time_s"],
        executions=columns["executions"],
        oom_kills=columns["oom_kills"],
        cpu_ratio=columns["cpu_ratio"],
        failed_s=np.array(sorted(failed_s), dtype=np.float64),
        stopped_s=np.array([sample.t for sample in ends], dtype=np.float64),
        ending=_ending(ends[-1].values) if ends else "",
        restarts=columns["restarts"],
        is_container=probe != PROCESS,
        memory_limit_bytes=min((limit for limit in limits if limit > 0), default=math.inf),
    )


def _ending(values: Mapping[str, float]) -> str:
    told = ["out of memory"] if values.get("oom_killed") else []
    return ", ".join([*told, *([f"exit code {values['exit_code']:.0f}"] if "exit_code" in values else [])])
