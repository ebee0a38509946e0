"""Request names that a figure over all requests would hide: those that always fail, and those that were not kept
apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.analysis import phases
from harness.recording import CENSORED, ITERATION, OK, OTHER_NAMES, Recording

MOST_NAMED = 5
FEWEST = 3
"""Requests of one name; a single one that failed is no rule."""


def names_in_doubt(recording: Recording) -> Iterator[str]:
    """Sentences for whoever reads the verdict: an endpoint that always fails is a small share of a large run."""
    intended: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    together = 0
    for piece in phases.settled(recording).slices:
        intended[piece.name] += piece.count
        failed[piece.name] += piece.count if piece.outcome not in (OK, CENSORED) else 0
        together += piece.count if piece.name.endswith(OTHER_NAMES) else 0
    named = {name: count for name, count in intended.items() if count >= FEWEST and name != ITERATION}
    always = sorted((name for name in named if failed[name] == named[name]), key=lambda name: (-named[name], name))
    if always and len(always) < len(named):
        told = ", ".join(f"{name} ({named[name]:,})" for name in always[:MOST_NAMED])
        more = f" and {len(always) - MOST_NAMED} more names" if len(always) > MOST_NAMED else ""
        yield f"All requests failed of {told}{more}."
    if together:
        yield (
            f"{together:,} requests are counted together as {OTHER_NAMES}, because there are too many names to keep "
            "apart: give requests of one kind one name, with name=."
        )
