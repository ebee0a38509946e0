"""Synthetic recordings of versioned items, for tests of what is judged from single operations."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from harness.recording import INVALIDATE, READ, WRITE, End, Operation, Operations, Recording
from harness.recording.header import Header, Phase
from harness.recording.marks import FaultMark


def read(
    version: int | None,
    begin_s: float,
    end_s: float | None,
    *,
    key: str = "k",
    session: str = "s",
    via: str = "service",
    source: str = "",
    cache: str = "",
) -> Operation:
    return Operation(key, session, READ, version, begin_s, end_s, via, source, cache)


def write(version: int, begin_s: float, end_s: float | None, *, key: str = "k", session: str = "w") -> Operation:
    return Operation(key, session, WRITE, version, begin_s, end_s, "service")


def invalidate(begin_s: float, end_s: float, *, key: str = "k") -> Operation:
    return Operation(key, "w", INVALIDATE, None, begin_s, end_s, "service")


def recording(
    *operations: Operation,
    nodes: Mapping[str, tuple[float, Iterable[Operation]]] | None = None,
    faults: Iterable[FaultMark] = (),
    completed: bool = True,
) -> Recording:
    """A run with these operations on one node with an exact clock, or with those of each node, whose clock is
    uncertain by so many seconds.
    """
    batches = nodes or {"local": (0.0, operations)}
    return Recording(
        Header(
            scenario="coherence",
            started_utc="2026-03-14T09:26:53Z",
            shape="Step",
            parameters={},
            phases=(Phase("baseline", 0, 10), Phase("spike", 10, 20), Phase("recovery", 20, 60)),
            level=((0, 10), (60, 10)),
            level_unit="starts/s",
            gates=(),
            criteria=(),
            target="http://127.0.0.1:8000",
            nodes=len(batches),
            environment={},
        ),
        marks=tuple(faults),
        operations=tuple(Operations(node, error_s, tuple(made)) for node, (error_s, made) in batches.items()),
        end=End(60, "completed", True, 0, 0) if completed else None,
    )


def linearizable(
    operations: int, *, keys: int = 20, sessions: int = 40, seed: int = 1, lost_answers: float = 0.0
) -> tuple[Operation, ...]:
    """A history that a single register for each key gives: every operation takes effect at one instant between its
    beginning and its end, and sessions do one thing after the other. ``lost_answers``: so many of the writes are
    without an answer, and half of those never happened.
    """
    chance = random.Random(seed)
    free_s = [chance.random() for _ in range(sessions)]
    planned = []
    for _ in range(operations):
        place = min(range(sessions), key=free_s.__getitem__) if sessions < 10 else chance.randrange(sessions)
        begin_s = free_s[place] + chance.expovariate(50)
        effect_s = begin_s + chance.expovariate(200)
        end_s = effect_s + chance.expovariate(200)
        free_s[place] = end_s + 1e-6
        planned.append((effect_s, begin_s, end_s, f"s{place}", f"k{chance.randrange(keys)}", chance.random() < 0.2))
    present: dict[str, int] = {}
    made = []
    for number, (_, begin_s, end_s, session, key, writes) in enumerate(sorted(planned), start=1):
        if not writes:
            made.append(read(present.get(key), begin_s, end_s, key=key, session=session))
            continue
        unanswered = chance.random() < lost_answers
        if not (unanswered and chance.random() < 0.5):
            present[key] = number
        made.append(write(number, begin_s, None if unanswered else end_s, key=key, session=session))
    chance.shuffle(made)
    return tuple(made)
