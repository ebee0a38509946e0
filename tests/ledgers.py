"""Synthetic recordings of a ledger across a failover, for tests of what is judged from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from harness import criteria
from harness.findings import Finding
from harness.recording import READ, WRITE, CriterionSpec, Operation, ProbeSample, Recording
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import Scalar
from tests.histories import recording

KILLED = (FaultMark(12, "kill_process", INJECTED, "", 1), FaultMark(50, "kill_process", UNDONE, "", 1))
"""The baseline is from 0 to 10 s, the spike to 20 s, the recovery to 60 s."""
NODES = "db1 127.0.0.1:1", "db2 127.0.0.1:2"


def write(row: str, begin_s: float, end_s: float | None, source: str = "", attempt: int = 1) -> Operation:
    return Operation(row, "s", WRITE, attempt, begin_s, end_s, "ledger", source)


def look(row: str, copies: int | None, answered: bool = True, begin_s: float = 61.0) -> Operation:
    """In the end, on the primary of then."""
    return Operation(row, "s", READ, copies, begin_s, begin_s + 0.01 if answered else None, "audit", "db2")


def ask(begin_s: float, end_s: float | None, source: str = "", via: str = "ledger") -> Operation:
    return Operation("any", "s", READ, 1, begin_s, end_s, via, source)


def writes(
    *,
    every_s: float = 0.05,
    takes_s: float = 0.01,
    away: tuple[float, float] | None = (12.0, 15.0),
    until_s: float = 60.0,
    sources: Sequence[str] = ("", ""),
) -> list[Operation]:
    """One at a time, without an answer while the primary is away; ``sources`` have answered before and after."""
    made = []
    for number in range(int(until_s / every_s)):
        begin_s = number * every_s
        is_away = away is not None and away[0] <= begin_s < away[1]
        source = sources[away is not None and begin_s >= away[1]]
        made.append(write(f"r{number}", begin_s, None if is_away else begin_s + takes_s, source))
    return made


def ledger(
    made: Iterable[Operation],
    *,
    lost: int = 0,
    doubled: int = 0,
    unknown: int = 0,
    faults: Iterable[FaultMark] = KILLED,
) -> Recording:
    """All that was acknowledged is there once, but for the first so many."""
    operations = list(made)
    acknowledged = [one for one in operations if one.return_s is not None]
    copies: dict[str, int | None] = {one.key: 1 for one in acknowledged}
    names = iter(copies.copy())
    for count, rows in ((lost, None), (doubled, 2), (unknown, -1)):
        for _ in range(count):
            copies[next(names)] = rows
    looks = [look(one.key, copies.get(one.key)) for one in operations if copies.get(one.key) != -1]
    looks += [look(row, None, answered=False) for row, rows in copies.items() if rows == -1]
    return recording(*operations, *looks, faults=faults)


def sample(
    t: float,
    node: str,
    *,
    primary: bool = False,
    streaming: bool = False,
    error: str = "",
    more: Mapping[str, float] | None = None,
) -> ProbeSample:
    if error:
        return ProbeSample(t, "patroni", node, {}, error)
    figures = {"primary": float(primary), "streaming": float(streaming), "answered_s": 0.01, **(more or {})}
    return ProbeSample(t, "patroni", node, figures)


def failover(
    *,
    at_s: float = 12.0,
    promoted_s: float = 15.0,
    rejoined_s: float = 20.0,
    overlap_s: float = 0.0,
    lag_s: float = 0.0,
    until_s: int = 60,
) -> list[ProbeSample]:
    """Samples of two nodes, the second of which becomes the primary; the first one still is one for ``overlap_s`` more,
    and follows it from ``rejoined_s`` on.
    """
    found = []
    for second in range(-1, until_s):
        t = second + 0.25
        old_leads = t < at_s or promoted_s <= t < promoted_s + overlap_s
        found.append(sample(t, NODES[0], primary=old_leads, streaming=t >= rejoined_s))
        follows = t < at_s
        lag: dict[str, float] = {"lag_s": lag_s, "lag_up_to_s": lag_s + 0.5} if follows else {}
        found.append(sample(t, NODES[1], primary=t >= promoted_s, streaming=follows, more=lag))
    return found


def sampled(run: Recording, samples: Iterable[ProbeSample]) -> Recording:
    return dataclasses.replace(run, probes=tuple(samples))


def asked(begin_s: float, who: str) -> list[Operation]:
    """A tenth of a second apart; ``-`` is in vain, any other letter who answers, 10 ms later."""
    made = []
    for n, name in enumerate(who):
        at_s = round(begin_s + n / 10, 3)
        made.append(ask(at_s, None if name == "-" else at_s + 0.01, name.strip("-")))
    return made


def watched(*samples: ProbeSample) -> Recording:
    """The rows of a failover, beside these samples of its nodes."""
    return sampled(ledger(writes()), samples)


def judged(criterion: str, run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)
