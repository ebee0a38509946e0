"""What it takes to judge a long history of versioned items, and whether one twice as long takes twice as much."""

from __future__ import annotations

import time

from benchmarks._contest import Table, spread
from harness.criteria.cache import _coherence as coherence
from harness.criteria.cache import _linearizability as linearizability
from harness.criteria.cache._invalidations import invalidations
from harness.criteria.cache._operations import history_of
from tests.histories import linearizable, recording

ROUNDS = 2
OPERATIONS = (50_000, 100_000)
KEYS = (20, 1)


def run(rounds: int) -> list[Table]:
    rows = [
        (f"{operations:,}", str(keys), spread([_judged_s(operations, keys, seed) for seed in range(rounds)], "s", 2))
        for keys in KEYS
        for operations in OPERATIONS
    ]
    note = (
        "Linearizability, stale reads, monotonic reads, read your writes and lost invalidations of one recording, in "
        f"one process. Median (range) of {rounds} histories, none of which has a violation."
    )
    return [Table("Judging a long history", ("operations", "items", "CPU"), tuple(rows), note)]


def _judged_s(operations: int, keys: int, seed: int) -> float:
    made = recording(*linearizable(operations, keys=keys, seed=seed))
    began_s = time.process_time()
    history = history_of(made)
    linearizability.check(history)
    coherence.stale_reads(history)
    coherence.backward_reads(history)
    coherence.own_writes_missed(history)
    invalidations(history)
    return time.process_time() - began_s
