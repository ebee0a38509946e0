"""What the criteria about versioned items have in common: where there is nothing to judge, and examples in words."""

from __future__ import annotations

from harness.criteria._outcome import seconds
from harness.criteria.cache._operations import History, Placed
from harness.recording import Recording, Scalar

EXAMPLES = 3


def nothing_read(recording: Recording, history: History, via: str, needs: str = "") -> str | None:
    """Why there is nothing to judge, or None. ``needs``: the option without which nothing is read this way."""
    if history.set_aside:
        keys = ", ".join(history.set_aside[:EXAMPLES])
        return f"a version was written twice to {keys}: each write of a key needs a version of its own"
    if history.reads:
        return None
    if not any(batch.operations for batch in recording.operations):
        return "the run has no operations: users keep them with self.operation(...)"
    ways = sorted({operation.via for batch in recording.operations for operation in batch.operations})
    remedy = f", which needs {needs}" if needs else ""
    return f"no answered read came by way of {via}{remedy}; the ways in this run are {', '.join(ways)}"


def extent(history: History) -> dict[str, Scalar]:
    """How much was looked at, and what the clocks allow to be seen."""
    evidence: dict[str, Scalar] = {
        "reads": history.reads,
        "writes": history.writes,
        "items": len(history.items),
    }
    unwritten = sum(len(item.unwritten) for item in history.items)
    if unwritten:
        evidence["reads of a version whose write is not in the recording"] = unwritten
    if history.resolution_s:
        evidence["order known between nodes from (ms)"] = round(history.resolution_s * 1000, 3)
    return evidence


def examples(told: list[str]) -> dict[str, Scalar]:
    """The first few of what was found."""
    return {f"example {number}": text for number, text in enumerate(told[:EXAMPLES], start=1)}


def read_in_words(read: Placed) -> str:
    operation = read.operation
    version = "nothing" if operation.version is None else f"version {operation.version}"
    by = f" from {operation.source}" if operation.source else ""
    return f"{operation.key} at {seconds(read.invoke_s)}: {version}{by}"
