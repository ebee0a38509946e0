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
