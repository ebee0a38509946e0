"""One server with a queue whose work is not cancelled, and clients that give up and try again at once.

The model of a retry storm (Bronson et al., HotOS 2021): a client that has waited ``timeout_s`` gives up and asks again,
up to ``retries`` times, and the server goes on with what nobody waits for. A spike leaves work of more than
``timeout_s`` if (λspike − μ)·D > μT; then every request is asked 1 + R times, and the queue stays if λ(1 + R) > μ.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.recording import End, ProbeSample, Recording
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.marks import HealthMark
from harness.recording.values import OK, UNFINISHED
from tests.recordings import CANARY, Request, slices

FAILED, TIMEOUT = "http 503", "timeout"
GAUGE = "http_json/queue"


@dataclass(frozen=True)
class Storm:
    base_per_s: float = 80
    spike_per_s: float = 300
    spike_s: int = 10
    served_per_s: float = 100
    timeout_s: float = 1
    retries: int = 3
    lifo: bool = False
    even_work: bool = False
    """Every request takes as long as any other; otherwise the time is exponential."""
    bound: int = 0
    """Most that may wait; what comes then is turned away. 0: there is no bound."""
    baseline_s: int = 30
    recovery_s: int = 60
    seed: int = 1

    @property
    def end_s(self) -> int:
        return self.baseline_s + self.spike_s + self.recovery_s


@dataclass(frozen=True)
class Played:
    requests: tuple[Request, ...]
    attempts: int
    waiting: tuple[int, ...]
    """In each second, a tenth after its begin."""


def play(storm: Storm) -> Played:
    """Every event in the order of time: an attempt, the end of a service, the end of a client's patience."""
    random = np.random.default_rng(storm.seed)
    mean_s, timeout_s, end_s = 1 / storm.served_per_s, storm.timeout_s, storm.end_s
    intended = _arrivals(storm, random)
    latency: list[float | None] = [None] * len(intended)
    outcome = [UNFINISHED] * len(intended)
    tries = [0] * len(intended)
    over = [False] * len(intended)
    waiting: deque[tuple[int, int]] = deque()
    busy: tuple[int, int] | None = None
    lengths: list[int] = []
    attempts = 0
    # (instant, what, request, attempt): 0 an attempt, 1 a served one, 2 a client that gives up on it
    # Those that are not known beforehand; the first attempts are sorted already.
    events: list[tuple[float, int, int, int]] = []
    push, pop = heapq.heappush, heapq.heappop
    begun = 0
    next_look_s = 0.1

    def again(t: float, number: int, why: str) -> None:
        if tries[number] <= storm.retries:
            push(events, (t, 0, number, 0))
        else:
            over[number], outcome[number], latency[number] = True, why, t - intended[number]

    while events or begun < len(intended):
        if begun < len(intended) and (not events or (intended[begun], 0, begun) < events[0]):
            t, what, number, attempt = intended[begun], 0, begun, 0
            begun += 1
        else:
            t, what, number, attempt = pop(events)
        while next_look_s <= t and len(lengths) < end_s:
            lengths.append(len(waiting) + (busy is not None))
            next_look_s = len(lengths) + 0.1
        if t > end_s:
            break
        if what == 0:
            attempts += 1
            tries[number] += 1
            if storm.bound and len(waiting) >= storm.bound:
                again(t, number, FAILED)
                continue
            waiting.append((number, tries[number]))
            push(events, (t + timeout_s, 2, number, tries[number]))
        elif what == 1:
            busy = None
            if not over[number] and tries[number] == attempt:
                over[number], outcome[number], latency[number] = True, OK, t - intended[number]
        elif not over[number] and tries[number] == attempt:
            again(t, number, TIMEOUT)
        if busy is None and waiting:
            busy = waiting.pop() if storm.lifo else waiting.popleft()
            push(events, (t + (mean_s if storm.even_work else random.exponential(mean_s)), 1, *busy))
    lengths += [len(waiting)] * (end_s - len(lengths))
    made = zip(intended, outcome, latency, strict=True)
    return Played(tuple(Request(t, "worker-1", CANARY, o, s) for t, o, s in made), attempts, tuple(lengths))


def _arrivals(storm: Storm, random: np.random.Generator) -> list[float]:
    spike_end_s = storm.baseline_s + storm.spike_s
    stretches = (
        (0, storm.baseline_s, storm.base_per_s),
        (storm.baseline_s, spike_end_s, storm.spike_per_s),
        (spike_end_s, storm.end_s, storm.base_per_s),
    )
    parts = [random.uniform(a, b, random.poisson(rate * (b - a))) for a, b, rate in stretches]
    return sorted(np.concatenate(parts).tolist())


def recorded(
    storm: Storm, criteria: Sequence[CriterionSpec] = (), *, gauge: bool = True, played: Played | None = None
) -> Recording:
    """What a run would have kept of it: each request once, as its user saw it, and the gauge of the queue."""
    played = played or play(storm)
    begin_s, spike_end_s = storm.baseline_s, storm.baseline_s + storm.spike_s
    unfinished = sum(request.outcome == UNFINISHED for request in played.requests)
    return Recording(
        Header(
            scenario="retry-storm",
            started_utc="2026-03-14T09:26:53Z",
            shape="step",
            parameters={},
            phases=(
                Phase("baseline", 0, begin_s),
                Phase("spike", begin_s, spike_end_s),
                Phase("recovery", spike_end_s, storm.end_s),
            ),
            level=(
                *((0, storm.base_per_s), (begin_s, storm.base_per_s)),
                *((begin_s, storm.spike_per_s), (spike_end_s, storm.spike_per_s)),
                *((spike_end_s, storm.base_per_s), (storm.end_s, storm.base_per_s)),
            ),
            level_unit="starts/s",
            gates=(),
            criteria=tuple(criteria),
            target="http://127.0.0.1:8080",
            nodes=1,
            environment={},
        ),
        slices(played.requests),
        tuple(
            ProbeSample(t + 0.1, "http_json", "http://127.0.0.1:8080/status", {"queue": float(length)})
            for t, length in enumerate(played.waiting)
            if gauge
        ),
        tuple(HealthMark(t, when, "GET /", True, "") for t, when in ((-1, "before"), (storm.end_s + 2, "after"))),
        End(math.ceil(storm.end_s) + 1, "completed", True, len(played.requests) - unfinished, unfinished),
    )
