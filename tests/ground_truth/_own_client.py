"""A client of a test's own beside a run: a thread at a time asks every few milliseconds; what it sees is the truth."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.ground_truth.frame import Compared, Run

NEAR_S = 0.3
THREADS = 32
EVERY_S = 0.8
"""Of each thread: all together each 25 ms; and each 0.1 s while every try hangs for 3 s."""


def asking(begin: Callable[[int], Callable[[], bool]], over: threading.Event) -> list[float]:
    """When its tries had good answers, by the monotonic clock, until ``over``. ``begin`` is called in each thread, with
    its number, and returns what makes one try.
    """
    answered_s = list[float]()

    def go_on(thread: int) -> None:
        once = begin(thread)
        time.sleep(thread * EVERY_S / THREADS)
        while not over.is_set():
            begun_s = time.monotonic()
            if once():
                answered_s.append(time.monotonic())
            time.sleep(max(0.0, begun_s + EVERY_S - time.monotonic()))

    threads = [threading.Thread(target=go_on, args=(thread,)) for thread in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sorted(answered_s)


def outage_as_seen(found: Run, criterion: str) -> Compared:
    """The longest of this client, which had nothing else to survive than the run's fault."""
    longest_s = max(after - before for before, after in zip(found.seen, found.seen[1:], strict=False))
    finding = found.finding(criterion)
    assert finding.figure is not None
    assert finding.interval is not None
    wrong = []
    if abs(finding.figure - longest_s) > NEAR_S:
        wrong.append(f"{finding.figure:.3f} s of outage found, {longest_s:.3f} s by the test's own client")
    if not finding.interval[0] - NEAR_S <= longest_s <= finding.interval[1] + NEAR_S:
        wrong.append(f"{finding.interval} does not hold the {longest_s:.3f} s of the test's own client")
    return Compared(wrong, finding.figure, longest_s, "s")
