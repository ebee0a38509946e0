"""A client of a test's own beside a run: it begins a try every few milliseconds; what it sees is the truth."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.ground_truth.frame import Compared, Run

EVERY_S = 0.05
THREADS = 200
"""Many more than may hang: a client of whom all hang on what has died does not see what answers meanwhile."""


def asking(once: Callable[[int], bool], over: threading.Event) -> list[float]:
    """When its tries had good answers, by the monotonic clock, until ``over``. ``once`` makes the try of this number,
    whether or not those before it have ended, and returns whether it had a good answer. What it raises is raised.
    """

    def answered_s(number: int) -> float | None:
        return time.monotonic() if once(number) else None

    begun_s = time.monotonic()
    tries = []
    with ThreadPoolExecutor(THREADS) as threads:
        for number in itertools.count():
            if over.wait(max(0.0, begun_s + number * EVERY_S - time.monotonic())):
                break
            tries.append(threads.submit(answered_s, number))
    return sorted(s for each in tries if (s := each.result()) is not None)


def outage_as_seen(found: Run, criterion: str, near_s: float = 0.3) -> Compared:
    """The longest of this client, which had nothing else to survive than the run's fault: the figure has to lie within
    ``near_s`` of it.
    """
    longest_s = max(after - before for before, after in zip(found.seen, found.seen[1:], strict=False))
    finding = found.finding(criterion)
    assert finding.figure is not None
    assert finding.interval is not None
    wrong = []
    if abs(finding.figure - longest_s) > near_s:
        wrong.append(f"{finding.figure:.3f} s of outage found, {longest_s:.3f} s by the test's own client")
    if not finding.interval[0] - near_s <= longest_s <= finding.interval[1] + near_s:
        wrong.append(f"{finding.interval} does not hold the {longest_s:.3f} s of the test's own client")
    return Compared(wrong, finding.figure, longest_s, "s")
