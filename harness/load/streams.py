"""What becomes of the starts that are due, by second, stream and class of user: for the guards that ask whether the
load was made as planned, and whether it had to wait for our own users.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from harness.analysis.histogram import bucket_index
from harness.load.pacing import Start
from harness.recording.marks import StartsMark
from harness.recording.values import Sparse


class Cell:
    """One class of users in one second of one stream."""

    __slots__ = ("busy_s", "due", "freed", "starts", "waits")

    def __init__(self) -> None:
        self.due = self.starts = self.freed = 0
        self.busy_s = 0.0
        self.waits: dict[int, int] = {}


class Streams:
    """Counts, and hands out what it has counted as marks, again and again; adding them gives the total."""

    def __init__(self) -> None:
        self._cells: defaultdict[tuple[int, str], defaultdict[str, Cell]] = defaultdict(lambda: defaultdict(Cell))

    def due(self, t: float, stream: str, kind: str, count: int = 1) -> None:
        """``count`` of the class should start at ``t`` seconds after the origin."""
        self._cells[int(t // 1), stream][kind].due += count

    def started(self, start: Start, kind: str) -> None:
        cell = self._cell(start, kind)
        cell.starts += 1
        if start.waited_s > 0:
            index = bucket_index(int(start.waited_s * 1e6))
            cell.waits[index] = cell.waits.get(index, 0) + 1

    def freed(self, start: Start, kind: str, busy_s: float) -> None:
        """A user can be started again, so long after it was."""
        cell = self._cell(start, kind)
        cell.freed += 1
        cell.busy_s += busy_s

    def take(self, node: str) -> list[StartsMark]:
        """What was counted since the last call."""
        cells, self._cells = self._cells, defaultdict(lambda: defaultdict(Cell))
        return [_mark(t, node, stream, by_kind) for (t, stream), by_kind in sorted(cells.items())]

    def _cell(self, start: Start, kind: str) -> Cell:
        return self._cells[int(start.t // 1), start.stream][kind]


def _mark(t: int, node: str, stream: str, by_kind: dict[str, Cell]) -> StartsMark:
    starts, due = Counter[str](), Counter[str]()
    waits: dict[str, Sparse] = {}
    busy: dict[str, tuple[int, float]] = {}
    for kind, cell in by_kind.items():
        if cell.starts:
            starts[kind] = cell.starts
        if cell.due:
            due[kind] = cell.due
        if cell.waits:
            waits[kind] = cell.waits
        if cell.freed:
            busy[kind] = (cell.freed, round(cell.busy_s, 6))
    return StartsMark(t, node, starts, stream=stream, due=due, waits=waits, busy=busy)
