"""Ground truth of cache coherence: what a fault of the reference target says it did is what a real run has to find.

The fault is switched on when the spike begins; by then every item has been written. Equal, not near:

- ``lost_invalidation``: the writes that the run calls lost are those in the fault's records, key by key and version by
  version. The scenario makes every one observable: an item is removed, read (so that it is cached afresh), written,
  and read back by the same session, which alone writes it.
- ``stale_replica_read``: every stale read that the run finds is one of the fault's records, with the same key and
  version, made while the read was under way, and its age by the fault's clock lies where the client's instants put it
  (the fault counts from the commit, which lies somewhere within the write, to its own snapshot, somewhere within the
  read). The reverse has one exception: the fault also counts a read that began when the write that replaced its
  answer was committed and not yet answered. For its client that write was still under way, so the old answer was a
  right one. Each record without a stale read has to be such a case.
- ``no_single_flight``: the one item expires once while the fault is on, and the figure is the fault's ``loads``.

Nothing that a fault cannot move may fail. How busy the machine is does not matter here: orders of operations do not
depend on it, so the generator's limits are wide.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from harness.criteria.cache import _coherence as coherence
from harness.criteria.cache._invalidations import invalidations
from harness.criteria.cache._operations import Placed, history_of
from harness.recording import WRITE, Operation
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Run, flags

OPTIONS = (
    *flags(baseline_s=5, hold_s=5, recovery_s=2, outage_s=0),
    *flags(generator_health_loop_lag_limit_s=2, generator_health_cpu_limit_ratio=2),
)
CACHED_LONG = {"TARGET_ITEMS_TTL_S": "60"}


def _lost(found: Run) -> Compared:
    figure, lost = found.finding("lost_invalidations").figure, found.account["lost"]
    wrong = [] if figure == lost else [f"{figure} lost invalidations found, {lost} by the fault's account"]
    true = {(record["key"], record["version"]) for record in found.records}
    writes = invalidations(history_of(found.recording, "service*")).lost
    mine = {(write.operation.key, write.operation.version) for write in writes}
    wrong += [f"{only} only in one account" for only in sorted(true ^ mine)]
    return Compared(wrong, figure, lost, "writes")


def _stale(found: Run) -> Compared:
    seen = history_of(found.recording)
    stale = {id(entry.read.operation): entry for entry in coherence.stale_reads(seen)}
    answers: dict[tuple[str, int | None], list[Placed]] = {}
    for item in seen.items:
        for answer in item.reads:
            if answer.operation.source == "replica":
                answers.setdefault((item.key, answer.operation.version), []).append(answer)
    wrong = [] if len(found.records) == found.account["stale"] else ["the fault has dropped some of its records"]
    origin_s = _origin_s(found, answers)
    matched: Counter[str] = Counter()
    for record in found.records:
        t = record["at"] - origin_s
        near = answers.get((record["key"], record["version"]), [])
        fitting = [answer for answer in near if answer.invoke_s <= t <= answer.return_s]
        if not fitting:
            wrong.append(f"no read for the fault's {record}")
            continue
        # Of several that were under way, the one that is stale goes first: the other has a record of its own.
        answer = max(fitting, key=lambda answer: id(answer.operation) in stale)
        entry = stale.pop(id(answer.operation), None)
        near.remove(answer)
        # From the operations themselves, and not from the analysis that is on trial here.
        replacing = _replaced(found, record["key"], record["version"])
        if entry is None:
            if replacing.return_s is not None and replacing.return_s < answer.invoke_s:
                wrong.append(f"{answer.operation} was not called stale, but the fault says {record}")
            matched["under way"] += 1
            continue
        matched[answer.operation.via] += 1
        if not entry.age_s <= record["age_ms"] / 1000 <= answer.return_s - replacing.invoke_s:
            wrong.append(f"aged {entry.age_s} s by the client, {record['age_ms']} ms by the fault: {answer.operation}")
    # A real replica may lag as well: that is none of the fault's doing.
    ours = [entry.read.operation for entry in stale.values() if entry.read.operation.via != "replica"]
    wrong += [f"{operation} is in no record of the fault" for operation in ours]
    counted = found.finding("stale_reads").evidence.get("stale")
    mine = sum(count for via, count in matched.items() if via.startswith("service"))
    if counted != mine:
        wrong.append(f"{counted} stale reads in the finding, {mine} in the fault's records")
    return Compared(wrong, float(counted or 0), mine, "reads")


def _replaced(found: Run, key: str, version: int | None) -> Operation:
    """The write after the one of this version: every key has one writer, whose writes follow each other."""
    written = sorted(
        (
            operation
            for batch in found.recording.operations
            for operation in batch.operations
            if operation.kind == WRITE and operation.key == key
        ),
        key=lambda operation: operation.invoke_s,
    )
    versions = [None, *(operation.version for operation in written)]
    return written[versions.index(version)]


def _origin_s(found: Run, answers: Mapping[tuple[str, int | None], Sequence[Placed]]) -> float:
    """The run's origin on the monotonic clock: where every record that can be of one read only puts it, and of these
    instants the one that fits most of the others. On a busy machine reads take long, and single ones leave it open.
    """
    low, high = -math.inf, math.inf
    others: list[list[tuple[float, float]]] = []
    records = Counter((record["key"], record["version"]) for record in found.records)
    for record in found.records:
        key, at_s = (record["key"], record["version"]), record["at"]
        possible = [(at_s - answer.return_s, at_s - answer.invoke_s) for answer in answers.get(key, ())]
        if records[key] == len(possible) == 1:
            low, high = max(low, possible[0][0]), min(high, possible[0][1])
        else:
            others.append(possible)
    assert -math.inf < low <= high < math.inf, f"no instant fits every record: {low} to {high}"
    ends = {end for possible in others for between in possible for end in between if low <= end <= high}
    middles = [(one + next_one) / 2 for one, next_one in pairwise(sorted({low, high, *ends}))]

    def fitting(origin_s: float) -> int:
        return sum(any(one <= origin_s <= other for one, other in possible) for possible in others)

    return max(middles or [low], key=lambda origin_s: (fitting(origin_s), -abs(origin_s - (low + high) / 2)))


def _stampede(found: Run) -> Compared:
    figure, loads = found.finding("stampede").figure, found.account["loads"]
    wrong = [] if figure == loads else [f"a stampede of {figure} found, {loads} loads by the fault's account"]
    return Compared(wrong, figure, loads, "loads")


def _case(name: str, parameters: Mapping[str, float], check: Callable[[Run], Compared], fails: Sequence[str]) -> Case:
    """Without an outage of the cache, and with few seconds, some of the other criteria cannot be settled."""
    return Case(
        *(name, "cache_coherence", name.split()[0], parameters, dict.fromkeys(fails, FAIL)),
        rest=INCONCLUSIVE,
        check=check,
        begins="spike",
        options=OPTIONS,
        reference=CACHED_LONG,
    )


LOST = _case(
    *("lost_invalidation 0.25", {"share": 0.25}, _lost),
    fails=("lost_invalidations", "stale_reads", "read_your_writes", "linearizability"),
)
STALE = dataclasses.replace(
    _case(
        *("stale_replica_read 0.2", {"delay_ms": 500, "share": 0.2}, _stale), fails=("stale_reads", "linearizability")
    ),
    follow=frozenset({"read_your_writes", "monotonic_reads"}),
)
STAMPEDE = dataclasses.replace(
    _case("no_single_flight", {}, _stampede, fails=("stampede",)),
    options=(*OPTIONS, *flags(keys=1)),
    reference={"TARGET_ITEMS_TTL_S": "6"},
)
HEALTHY = Case("healthy", "cache_coherence", options=(*OPTIONS, *flags(recovery_s=12, outage_s=6)))
CASES = (HEALTHY, LOST, STALE, STAMPEDE)
SHORT = (LOST, STALE)
