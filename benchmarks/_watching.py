"""What it costs a master that its run is watched: CPU time for each second of the run, in milliseconds.

Run as ``python -m benchmarks._watching 100 page`` (one live page is open), ``… metrics`` (``/metrics`` is scraped once
a second) or ``… nobody`` (the reports are taken in, and nobody looks). The run is made up of so many request names and
goes second after second, as fast as it can; a page is drawn by nobody, its updates are made and read.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
from gevent.queue import Queue

from harness.analysis.histogram import bucket_index
from harness.criteria import with_defaults
from harness.live.state import SETTLES_S, LiveState
from harness.recording import ProbeSample, Slice
from harness.recording.header import CriterionSpec, Header, Phase
from harness.recording.values import OK
from harness.web import updates
from harness.web.metrics import Metrics
from harness.web.status import Watch
from shapes._profile import Phase as ProfilePhase
from shapes._profile import Polyline, Profile

WAYS = ("page", "metrics", "nobody")
NODES, REQUESTS_PER_S, SECONDS = 2, 1_000, 60
LEVEL = ((0.0, float(REQUESTS_PER_S)), (float(SECONDS), float(REQUESTS_PER_S)))
PHASES = (Phase("baseline", 0, 30), Phase("spike", 30, 40), Phase("recovery", 40, SECONDS))
CRITERIA = tuple(map(CriterionSpec, ("error_ratio", "latency_quantile", "recovery_time", "memory_growth")))


@dataclass
class MadeRun:
    """A run, as far as who watches looks at it."""

    header: Header
    t: float = 0.0
    name: str = "20260101T000000Z-bench"
    scenario: str = "bench"
    level_unit: str = "starts/s"
    finished: bool = False
    level: Polyline = field(default_factory=lambda: Polyline(LEVEL))

    def __post_init__(self) -> None:
        planned = tuple(ProfilePhase(phase.name, phase.start_s, phase.end_s) for phase in self.header.phases)
        self.profile = Profile(planned, Polyline(()), self.level, (), pool_users=REQUESTS_PER_S)
        self.live = LiveState(self.header)

    def elapsed_s(self) -> float | None:
        return self.t


def second(t: int, names: int, chance: random.Random) -> list[Slice | ProbeSample]:
    """What two load processes report of it: one request in fifty has failed."""
    lines: list[Slice | ProbeSample] = [ProbeSample(t + 0.5, "process", "api", {"rss_bytes": 3e8, "cpu_ratio": 0.5})]
    for node in (f"worker-{number}" for number in range(NODES)):
        lines.append(ProbeSample(t + 0.5, "generator", node, {"loop_lag_s": 0.001, "cpu_ratio": 0.3}))
        for name in range(names):
            made = max(1, round(REQUESTS_PER_S / NODES / names))
            failed = sum(chance.random() < 0.02 for _ in range(made))
            for outcome, count in ((OK, made - failed), ("http 503", failed)):
                latency = Counter(bucket_index(int(1e6 * chance.lognormvariate(-3, 0.5))) for _ in range(count))
                if count:
                    lines.append(
                        Slice(t, node, f"GET /{name}", outcome, count, 180 * count, dict(latency), starts=count)
                    )
    return lines


def _put_all(told: Iterable[str], read: Queue[str]) -> None:
    for update in told:
        read.put(update)


def main(names: int, way: str) -> None:
    chance = random.Random(1)
    sent = [second(t, names, chance) for t in range(SECONDS)]
    header = Header(
        *("bench", "", "Step", {}, PHASES, LEVEL, "starts/s", (), with_defaults(CRITERIA)),
        *("http://127.0.0.1:8000", NODES, {}),
    )
    run = MadeRun(header)
    parsed = SimpleNamespace()
    environment: Any = SimpleNamespace(
        host=header.target, runner=SimpleNamespace(user_count=100), parsed_options=parsed
    )
    master: Any = SimpleNamespace(current_run=run, refusal=(), ending=False, runs=[run.name])
    watch = Watch(environment, master, Path())
    metrics = Metrics(environment, master, watch, lambda: run.t)
    read: Queue[str] = Queue()
    if way == "page":
        updates.IDLE_S = 0.02  # one update for each second of the run
        gevent.spawn(_put_all, updates.Updates(watch, tuple).stream(), read)
        run.elapsed_s = lambda: None  # type: ignore[method-assign]
    began_s = time.process_time()
    for t, lines in enumerate(sent):
        for line in lines:
            run.live.add(line)
        run.t = t + 1.0
        list(run.live.close_seconds(t + 1 + SETTLES_S))
        if way == "metrics":
            metrics.text()
        elif way == "page":
            while f"[{t}," not in read.get(timeout=10):
                pass
    print(1000 * (time.process_time() - began_s) / SECONDS)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
