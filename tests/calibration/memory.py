"""Simulated memory of one process, and recordings that hold it.

A *maker* gives the memory of a healthy process over t seconds from a random generator. What is added to it (a leak) or
done to it (a restart) needs no random number, so the same seed gives the same noise with and without: what differs is
the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harness.analysis.lazy import FloatArray
from harness.recording import End, ProbeSample, Recording, Slice
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.marks import FaultMark

MB = 1e6
BASELINE_S = 30
SPIKE_S = 1
RECOVERY_S = BASELINE_S + SPIKE_S
"""Where the recovery begins."""
SIZE_BYTES = 100 * MB
MACHINE_BYTES = 16e9
Maker = Callable[[np.random.Generator, FloatArray], FloatArray]
"""What a process of 100 MB has besides, of shape (n,), for n instants in seconds."""


def autoregressive(random: np.random.Generator, n: int, phi: float) -> FloatArray:
    """AR(1) with variance 1, stationary from the first value on."""
    shocks = random.standard_normal(n) * np.sqrt(1 - phi * phi)
    shocks[0] = random.standard_normal()
    for i in range(1, n):
        shocks[i] += phi * shocks[i - 1]
    return shocks


def sawtooth(random: np.random.Generator, t: FloatArray, fewest: float, most: float) -> FloatArray:
    """From 0 to 1 with a random number of teeth and a random beginning."""
    period = len(t) / random.uniform(fewest, most)
    return np.asarray((t + random.uniform(0, period)) / period % 1)


def filling(random: np.random.Generator, t: FloatArray, quickest: float, slowest: float) -> FloatArray:
    """A cache that fills up, with a time constant of 1/quickest … 1/slowest of the series."""
    return 1 - np.exp(-t / len(t) * random.uniform(slowest, quickest))


def quiet(random: np.random.Generator, n: int) -> FloatArray:
    """Of 0.5 MB, as real servers have under even load."""
    return 0.5 * MB * random.standard_normal(n)


# Noise of 5 MB is large on purpose: quiet series are easy.
STEADY: dict[str, Maker] = {
    "white noise": lambda r, t: 5 * MB * r.standard_normal(len(t)),
    "AR(1), 0.5": lambda r, t: 5 * MB * autoregressive(r, len(t), 0.5),
    "AR(1), 0.9": lambda r, t: 5 * MB * autoregressive(r, len(t), 0.9),
    "sawtooth of a collector, 1 to 12 teeth": lambda r, t: 30 * MB * sawtooth(r, t, 1, 12) + quiet(r, len(t)),
    "warm-up step": lambda r, t: 40 * MB * (t > r.uniform(0, 0.25) * len(t)) + quiet(r, len(t)),
    "cache that fills": lambda r, t: 50 * MB * filling(r, t, 10, 5) + quiet(r, len(t)),
}
"""No leak, and no rise all through the watching either."""
RISING: dict[str, Maker] = {
    "sawtooth longer than the run": lambda r, t: 60 * MB * sawtooth(r, t, 1 / 3, 1) + quiet(r, len(t)),
    "cache that fills slowly": lambda r, t: 50 * MB * filling(r, t, 4, 2) + quiet(r, len(t)),
}
"""No leak, but memory does rise as long as it is watched."""
IN_STEPS: Maker = lambda r, t: (  # noqa: E731
    30 * MB * np.floor(t / (0.43 * len(t)) + r.uniform()) + quiet(r, len(t))
)
"""A leak, of which a watching sees two or three steps."""
WALK: Maker = lambda r, t: np.cumsum(r.standard_normal(len(t))) * 20 * MB / np.sqrt(len(t))  # noqa: E731
NOISE: dict[str, Maker] = {
    "quiet": lambda r, t: quiet(r, len(t)),
    "under a sawtooth": lambda r, t: 10 * MB * sawtooth(r, t, 6, 12),
    "in AR(1), 0.9": lambda r, t: 2 * MB * autoregressive(r, len(t), 0.9),
}
"""What a leak has to be seen through."""


def recording(
    memory_bytes: dict[str, FloatArray],
    *,
    recovery_s: int = 60,
    requests_per_s: Sequence[tuple[str, int, int]] = (),
    starts: dict[str, Sequence[int]] | None = None,
    faults: tuple[FaultMark, ...] = (),
) -> Recording:
    """A run whose processes had that memory in each second; NaN where they could not be read.

    ``requests_per_s`` are further phases after the recovery: name, duration in seconds, requests a second; in the
    others there are ten. ``starts`` are the seconds at which a process was started anew; without it, pids are not
    sampled.
    """
    phases = [
        Phase("baseline", 0, BASELINE_S),
        Phase("spike", BASELINE_S, RECOVERY_S),
        Phase("recovery", RECOVERY_S, RECOVERY_S + recovery_s),
    ]
    rates = [10] * phases[-1].end_s
    for name, duration_s, rate in requests_per_s:
        phases.append(Phase(name, phases[-1].end_s, phases[-1].end_s + duration_s))
        rates += [rate] * duration_s
    slices = tuple(Slice(t, "w1", "GET /", "ok", rate, 100, {1000: rate}) for t, rate in enumerate(rates) if rate)
    probes = []
    for source, series in memory_bytes.items():
        for t, value in enumerate(series):
            values = {"rss_bytes": float(value), "memory_limit_bytes": MACHINE_BYTES}
            if starts is not None:
                number = sum(start <= t for start in starts.get(source, ()))
                values |= {"pid": 100.0 + number, "create_time_s": 1e9 + number * 10}
            gone = not np.isfinite(value)
            probes.append(
                ProbeSample(t + 0.1, "process", source, {} if gone else values, "process 100 is gone" if gone else None)
            )
    header = Header(
        "simulated",
        "2026-01-01T00:00:00Z",
        "herd",
        {},
        tuple(phases),
        ((0, 0), (phases[-1].end_s, 0)),
        "users",
        (),
        (CriterionSpec("memory_leak"), CriterionSpec("memory_growth"), CriterionSpec("process_restarts")),
        "http://127.0.0.1:1",
        1,
        {},
    )
    end = End(phases[-1].end_s + 1.0, "completed", True, sum(rates), 0)
    return Recording(header, slices, tuple(probes), faults, end)
