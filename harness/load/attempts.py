"""Attempts of requests that may be tried again, by the second in which each was sent: what the target had to bear,
where slices have what users wanted.
"""

from __future__ import annotations

from harness.analysis.histogram import bucket_index
from harness.recording.marks import AttemptsMark
from harness.recording.values import OTHER_NAMES

MOST_NAMES = 500


class Attempts:
    """Counts, and hands out what it has counted as marks, again and again; adding them gives the total."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, str], dict[str, dict[int, int]]] = {}
        self._names: set[str] = set()

    def ended(self, t: float, name: str, outcome: str, took_s: float) -> None:
        """One attempt, sent ``t`` seconds after the origin."""
        if name not in self._names:
            if len(self._names) >= MOST_NAMES:
                name = OTHER_NAMES
            self._names.add(name)
        took = self._cells.setdefault((int(t // 1), name), {}).setdefault(outcome, {})
        index = bucket_index(int(took_s * 1e6))
        took[index] = took.get(index, 0) + 1

    def take(self, node: str) -> list[AttemptsMark]:
        """What was counted since the last call."""
        cells, self._cells = self._cells, {}
        return [AttemptsMark(t, node, name, attempts) for (t, name), attempts in sorted(cells.items())]
