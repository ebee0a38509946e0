"""A herd, a step or a freeze fills a queue, which drains. The truth is computed from the same requests without it: from
when on none was longer than 0.1 s slower for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.calibration.figures import Figure
from tests.calibration.recoveries import Case, Each, interval, runs_of
from tests.calibration.simulation import Disturbance, Load, Service

TITLE = "A queue that drains"
SHORT = 10


def cases() -> Iterator[Case]:
    yield Case("herd of 500, served at 250/s", Service(1 / 250, servers=1), Load(herd_users=500))
    yield Case("herd of 2,000, served at 250/s", Service(1 / 250, servers=1), Load(herd_users=2000))
    step = Load(20, spike_s=10, spike_per_s=100)
    yield Case("step of 100/s for 10 s, served at 60/s", Service(1 / 60, servers=1), step)
    four = Service(4 / 60, "exponential", servers=4)
    yield Case("the same by four exponential servers", four, step)
    frozen = Disturbance(frozen=((31.0, 36.0),))
    yield Case("frozen for 5 s, 40 requests/s served at 80/s", Service(1 / 80, servers=1), Load(40), frozen)
    yield Case("the same, and clients give up after 1 s", Service(1 / 80, servers=1), Load(40, timeout_s=1.0), frozen)


def figures(seeds: range, each: Each) -> Iterator[Figure]:
    for case in cases():
        yield from interval(case, runs_of(case, seeds, each))
