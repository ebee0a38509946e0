"""How much CPU of each machine went to others than the run: to other processes, or to the hypervisor.

One load process of each machine samples it (probe ``machine``). Others' CPU is what all processes used, less what the
run's own did: its load processes (probe ``generator``) and, on the master's machine, the services that it uses, its
master and its sampler (probe ``run_cpu``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from harness.analysis import generator
from harness.analysis.lazy import FloatArray, np
from harness.recording import ProbeSample, Recording

PROBE = "machine"
RUN_CPU = "run_cpu"
MACHINE = "machine"
"""Figure of a load process: the number of its machine."""
MASTERS = 0
"""Number of the machine that the master is on, and with it whatever of the target is reached by loopback."""
FULL_RATIO = 0.1
"""A machine with less than this share of its CPUs idle is full: what others take, the run does not get."""


@dataclass(frozen=True, eq=False)
class Machine:
    """One machine over time, a value for each of its samples, each the mean since the one before; NaN where unknown."""

    number: int
    t: FloatArray
    cpus: FloatArray
    busy_cores: FloatArray
    idle_cores: FloatArray
    steal_cores: FloatArray
    others_cores: FloatArray
    """Used by processes that are not of the run. Processes are sampled at instants up to a second apart, so that what
    one second has too much the next has too little, also below 0: their mean is what counts."""
    throttled_ratio: FloatArray
    untold: str
    """Why others' CPU is not known; empty where it is."""

    def between(self, start_s: float, end_s: float) -> Machine:
        """Its samples of that time alone."""
        inside = (self.t > start_s) & (self.t <= end_s)
        columns: dict[str, Any] = {
            name: each[inside] for name, each in vars(self).items() if isinstance(each, np.ndarray)
        }
        return replace(self, **columns)

    def means(self, values: FloatArray, window_s: float) -> FloatArray:
        """Of the samples in the ``window_s`` seconds up to each sample; NaN where one of them is unknown, or where
        there are not so many seconds yet. Where there never are, the last is the mean of all.
        """
        found = np.full(len(self.t), np.nan)
        first = 0
        for last, end_s in enumerate(self.t):
            while self.t[first] <= end_s - window_s:
                first += 1
            # Each sample is about the second before it.
            if end_s - self.t[0] >= window_s - 1.5 or (last == len(self.t) - 1 and np.isnan(found).all()):
                found[last] = np.mean(values[first : last + 1])
        return found


def source(number: int) -> str:
    """What a machine is called: it has no name in a recording."""
    return f"machine {number}" if number else "machine of the master"


def on_masters_machine(target: str) -> bool:
    """Whether this address is reached by loopback; one that is none is not."""
    try:
        host = urlsplit(target).hostname or ""
    except ValueError:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def machines(recording: Recording) -> tuple[Machine, ...]:
    """Every machine that was sampled, that of the master first."""
    sampled: dict[str, list[ProbeSample]] = {}
    load: dict[str, list[ProbeSample]] = {}
    services: list[ProbeSample] = []
    for sample in sorted(recording.probes, key=lambda sample: sample.t):
        if sample.probe == PROBE:
            sampled.setdefault(sample.source, []).append(sample)
        elif sample.probe == generator.PROBE:
            load.setdefault(sample.source, []).append(sample)
        elif sample.probe == RUN_CPU:
            services.append(sample)
    numbers = {node: int(samples[-1].values.get(MACHINE, MASTERS)) for node, samples in load.items()}
    found = []
    for number in sorted({*numbers.values(), MASTERS}):
        if samples := sampled.get(source(number)):
            of_run = [samples for node, samples in load.items() if numbers[node] == number]
            untold = ""
            if number == MASTERS and any(generator.CPU in sample.values for sample in services):
                of_run.append(services)
            elif number == MASTERS and on_masters_machine(recording.header.target):
                errors = [sample.error for sample in services if sample.error]
                untold = errors[-1] if errors else "the target's own CPU was not sampled"
            found.append(_machine(number, samples, of_run, untold))
    return tuple(found)


def _machine(number: int, samples: list[ProbeSample], of_run: list[list[ProbeSample]], untold: str) -> Machine:
    t = np.array([sample.t for sample in samples])
    columns = {
        key: np.array([sample.values.get(key, np.nan) for sample in samples], dtype=np.float64)
        for key in ("cpus", "busy_cores", "idle_cores", "steal_cores", "throttled_ratio")
    }
    others = columns["busy_cores"] - sum((_mean_since(each, t) for each in of_run), np.zeros(len(t)))
    return Machine(number, t, others_cores=np.full(len(t), np.nan) if untold else others, untold=untold, **columns)


def _mean_since(samples: Iterable[ProbeSample], t: FloatArray) -> FloatArray:
    """CPU of one source between each two of ``t``, from samples at other instants: each is the mean since the one
    before, so that their integral is known at each of them, and taken as even in between.
    """
    good = [sample for sample in samples if generator.CPU in sample.values]
    if not good:
        return np.full(len(t), np.nan)
    ends = np.array([sample.t for sample in good])
    lengths = np.minimum(np.diff(ends, prepend=ends[0] - 1.0), 5.0)
    integral = np.concatenate([[0.0], np.cumsum(lengths * [sample.values[generator.CPU] for sample in good])])
    instants = np.concatenate([[ends[0] - 1.0], ends])
    starts = np.concatenate([[t[0] - 1.0], t[:-1]])
    used = np.interp(t, instants, integral) - np.interp(starts, instants, integral)
    means: FloatArray = used / np.maximum(t - starts, 1e-9)
    return means
