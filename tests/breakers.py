"""Synthetic recordings of a circuit breaker, with the truth beside them.

``simulate()`` plays a service of several instances, each with a breaker like the reference target's (opens after
``threshold`` failures in a row, rests, lets one call through at a time), whose dependency fails for a while. The
recording is what a run would have kept of it; the instants and counts are what really happened.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.criteria.breaker import BREAKER_OPEN
from harness.recording import End, ProbeSample, Recording
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import OK
from tests.recordings import sliced

QUOTE = "GET /quote"
DEPENDENCY = "upstream_calls_received_total"
STATE = "target_breaker_state"
OPENS, CLOSES, PROBES = (f"target_breaker_{what}_total" for what in ("opens", "closes", "probes"))
WITNESSES = {"dependency": DEPENDENCY, "state": STATE, "opens": OPENS, "closes": CLOSES, "probes": PROBES}
"""How a scenario tells the criteria what is called what."""
NEVER_OPENS, NEVER_CLOSES = "never opens", "never closes"
FAST_S, GOOD_S = 0.002, 0.02
KINDS = [("local", QUOTE, outcome) for outcome in sorted((OK, BREAKER_OPEN, "http 502", "http 504"))]
GOOD, REFUSED, FAILED, TIMED_OUT = (
    KINDS.index(("local", QUOTE, outcome)) for outcome in (OK, BREAKER_OPEN, "http 502", "http 504")
)


@dataclass
class Breaker:
    """One instance, as it really was: instants in seconds after the origin."""

    source: str
    transitions: list[tuple[float, str]] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    failures: int = 0
    probing: bool = False
    state: str = "closed"

    def change(self, t: float, state: str) -> None:
        if state != self.state:
            self.transitions.append((t, state))
            self.state = state

    def count(self, state: str, until_s: float) -> int:
        return sum(t <= until_s and to == state for t, to in self.transitions)

    def state_at(self, until_s: float) -> str:
        return next((to for t, to in reversed(self.transitions) if t <= until_s), "closed")

    @property
    def opened_s(self) -> float:
        return next(t for t, to in self.transitions if to == "open")

    @property
    def closed_s(self) -> float:
        return next(t for t, to in reversed(self.transitions) if to == "closed")


@dataclass(frozen=True)
class Truth:
    """A run as it was, and what was recorded of it."""

    recording: Recording
    breakers: tuple[Breaker, ...]
    received_s: tuple[float, ...]
    """When the dependency received its calls."""
    intended_s: tuple[float, ...]
    """When the clients' requests were due."""
    reads_s: tuple[float, ...]
    """When the dependency's counter was really read, sample by sample."""

    @property
    def opened_s(self) -> float:
        return max(breaker.opened_s for breaker in self.breakers)

    @property
    def closed_s(self) -> float:
        return max(breaker.closed_s for breaker in self.breakers)


def simulate(
    *,
    seed: int = 1,
    instances: int = 2,
    per_s: float = 20,
    random_arrivals: bool = False,
    failing_s: tuple[float, float] = (30.005, 45.007),
    phases: tuple[int, int, int] = (30, 15, 30),
    failure_takes_s: float = 0.004,
    failure_share: float = 1.0,
    threshold: int = 5,
    rest_s: float = 2.0,
    defect: str = "",
    read_delay_s: float = 0.2,
    criteria: Sequence[CriterionSpec] = (),
) -> Truth:
    """``failure_takes_s``: until a call of the failing dependency is given up. ``read_delay_s``: the longest that a
    sample takes.
    """
    random = np.random.default_rng(seed)
    end_s = sum(phases)
    if random_arrivals:
        due = np.sort(random.uniform(0, end_s, random.poisson(per_s * end_s)))
    else:
        due = (np.arange(round(per_s * end_s)) + random.uniform()) / per_s
    breakers = [Breaker(f"127.0.0.1:{8001 + k}") for k in range(instances)]
    received: list[float] = []
    kind: list[int] = []
    """Of each request, and how long it took."""
    took_s: list[float] = []
    given_up = TIMED_OUT if failure_takes_s > 0.1 else FAILED
    ending: list[tuple[float, int, int, bool, bool]] = []

    def finish(until_s: float) -> None:
        while ending and ending[0][0] <= until_s:
            t, _, k, good, probe = heapq.heappop(ending)
            breaker = breakers[k]
            if probe:
                breaker.probing = False
                breaker.change(t, "closed" if good else "open")
                breaker.failures = 0
            elif breaker.state == "closed" and defect != NEVER_OPENS:
                breaker.failures = 0 if good else breaker.failures + 1
                if breaker.failures >= threshold:
                    breaker.failures = 0
                    breaker.change(t, "open")

    for number, t in enumerate(due.tolist()):
        if ending and ending[0][0] <= t:
            finish(t)
        k = int(random.integers(instances))
        breaker = breakers[k]
        probe = False
        if breaker.state != "closed":
            rested = breaker.state == "open" and t >= breaker.transitions[-1][0] + rest_s
            if not rested or breaker.probing or defect == NEVER_CLOSES:
                kind.append(REFUSED)
                took_s.append(FAST_S)
                continue
            probe = breaker.probing = True
            breaker.change(t, "half_open")
            breaker.probes.append(t)
        received.append(t)
        fails = failing_s[0] <= t < failing_s[1] and random.random() < failure_share
        takes = failure_takes_s if fails else GOOD_S
        heapq.heappush(ending, (t + takes, number, k, not fails, probe))
        kind.append(given_up if fails else GOOD)
        took_s.append(takes)
    finish(np.inf)

    samples, reads = [], []
    grid = np.arange(-1.0, end_s + 1) + random.uniform()
    for begun in grid:
        for breaker in breakers:
            read = begun + random.uniform(0, read_delay_s)
            values = {
                STATE: float(["closed", "open", "half_open"].index(breaker.state_at(read))),
                OPENS: float(breaker.count("open", read)),
                CLOSES: float(breaker.count("closed", read)),
                PROBES: float(bisect_right(breaker.probes, read)),
            }
            samples.append(ProbeSample(float(begun), "prometheus", breaker.source, values))
        read = begun + random.uniform(0, read_delay_s)
        reads.append(read)
        counted = {DEPENDENCY: float(bisect_right(received, read))}
        samples.append(ProbeSample(float(begun), "prometheus", "127.0.0.1:9000", counted))

    baseline, spike, recovery = phases
    header = Header(
        scenario="circuit-breaker",
        started_utc="2026-03-14T09:26:53Z",
        shape="step",
        parameters={},
        phases=(
            Phase("baseline", 0, baseline),
            Phase("spike", baseline, baseline + spike),
            Phase("recovery", baseline + spike, baseline + spike + recovery),
        ),
        level=((0, per_s), (end_s, per_s)),
        level_unit="starts/s",
        gates=(),
        criteria=tuple(criteria),
        target="http://127.0.0.1:8080",
        nodes=1,
        environment={"machine": "synthetic"},
    )
    marks = (
        FaultMark(failing_s[0], "http_toggle", INJECTED, "upstream errors"),
        FaultMark(failing_s[1], "http_toggle", UNDONE, "upstream errors"),
    )
    pieces = sliced(due, np.array(kind, dtype=np.int64), np.array(took_s), KINDS)
    whole = Recording(header, pieces, tuple(samples), marks, End(end_s + 1, "completed", True, len(due), 0))
    return Truth(whole, tuple(breakers), tuple(received), tuple(due.tolist()), tuple(reads))


def without(recording: Recording, *keys: str) -> Recording:
    """The same run, in which nothing that begins like one of these was probed."""
    kept = tuple(
        replace(sample, values=values)
        for sample in recording.probes
        if (values := {key: value for key, value in sample.values.items() if not key.startswith(keys)})
    )
    return replace(recording, probes=kept)
