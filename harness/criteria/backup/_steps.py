"""The steps of a backup, as its operator has seen them: each once, from its beginning to its end."""

from __future__ import annotations

from harness.recording import STEP, Operation, Recording


def steps_of(recording: Recording) -> dict[str, Operation]:
    """By name; of those tried twice, the last."""
    found: dict[str, Operation] = {}
    for batch in recording.operations:
        for operation in batch.operations:
            if operation.kind == STEP:
                before = found.get(operation.key)
                if before is None or before.invoke_s <= operation.invoke_s:
                    found[operation.key] = operation
    return found


def clock_error_s(recording: Recording) -> float:
    """How far apart instants of two load processes have to be for their order to be certain; 0 with one."""
    errors_s = {batch.node: batch.clock_uncertainty_s for batch in recording.operations}
    return sum(sorted(errors_s.values())[-2:]) if len(errors_s) > 1 else 0.0
