"""The steps of a backup, as its operator has seen them, each from its beginning to its end."""

from __future__ import annotations

import math
from collections.abc import Collection
from fnmatch import fnmatchcase

from harness.recording import STEP, Operation, Recording


def steps_of(recording: Recording) -> dict[str, Operation]:
    """By name; of those tried twice, the last."""
    return {step.key: step for step in tries_of(recording)}


def tries_of(recording: Recording) -> list[Operation]:
    """All of them in the order of their beginning, also of one step that was tried twice."""
    tries = (each for batch in recording.operations for each in batch.operations if each.kind == STEP)
    return sorted(tries, key=lambda step: step.invoke_s)


def seconds_of(recording: Recording, patterns: Collection[str]) -> list[int]:
    """The seconds of the load in which a step was under way whose name is like one of these; ``*`` stands for anything.
    One that has no end was under way until the next began.
    """
    load = {t for phase in recording.header.phases for t in range(phase.start_s, phase.end_s)}
    steps = tries_of(recording)
    found: set[int] = set()
    for number, step in enumerate(steps):
        if not any(fnmatchcase(step.key, pattern) for pattern in patterns):
            continue
        later_s = [each.invoke_s for each in steps[number + 1 :]]
        end_s = step.return_s if step.return_s is not None else min([*later_s, max(load, default=0) + 1.0])
        found |= load.intersection(range(math.floor(step.invoke_s), math.ceil(end_s)))
    return sorted(found)
