"""What a load process sends to the master while a run goes, as an object and as a message of Locust's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.recording import ProbeSample, Slice, Unanswered, fields_of_slice
from harness.recording.marks import GateMark
from harness.recording.slices import Packed

_OTHER_ROWS = ("samples", "unanswered", "gates")
_HISTOGRAMS = tuple(Slice.__slots__.index(name) for name in ("latency", "service", "sizes"))


@dataclass(frozen=True)
class Report:
    """What a node sends: lines of the recording, and, in its last reports, its totals."""

    run: str
    lines: str = ""
    """As they go into the recording's file: all but the slices."""
    slices: tuple[Slice, ...] = ()
    """The master adds up those of all nodes."""
    samples: tuple[ProbeSample, ...] = ()
    """Samples that are also among the lines: a master with hundreds of nodes would be busy reading them back."""
    unanswered: tuple[Unanswered, ...] = ()
    """What has no answer yet, which is also among the lines."""
    gates: tuple[GateMark, ...] = ()
    """The gates that were released, which are also among the lines."""
    final: bool = False
    whole: bool = False
    """Of a last report: whether the node's part in the run had come to its end by the node's own clock. The master's
    may be behind by the error of the clocks.
    """
    requests: int = 0
    """Of a last report: all that have ended; of one after it: those that have ended since."""
    unfinished: int = 0
    users_gone: bool = False
    """Whether it comes after the last one: the node has no users any more."""

    def to_message(self) -> dict[str, Any]:
        """What it has of the recording as rows, in the order of their fields."""
        slices = [_as_row(piece) for piece in self.slices]
        others = {name: [tuple(vars(line).values()) for line in getattr(self, name)] for name in _OTHER_ROWS}
        return {**vars(self), "slices": slices, **others}

    @staticmethod
    def from_message(body: Mapping[str, Any]) -> Report:
        rows: dict[str, Any] = {
            "slices": tuple(_of_row(row) for row in body["slices"]),
            "samples": tuple(ProbeSample(*row) for row in body["samples"]),
            "unanswered": tuple(Unanswered(node, tuple(map(tuple, told))) for node, told in body["unanswered"]),
            "gates": tuple(
                GateMark(t, node, gate, planned, tuple(us), *more)
                for t, node, gate, planned, us, *more in body["gates"]
            ),
        }
        return Report(**{**body, **rows})


def _as_row(piece: Slice) -> list[Any]:
    """With each histogram as index, count, index, count …: a master only puts those of hundreds of nodes one behind the
    other.
    """
    row = list(fields_of_slice(piece))
    for place in _HISTOGRAMS:
        if row[place] is not None:
            row[place] = Packed.of(row[place]).numbers.tolist()
    return row


def _of_row(row: list[Any]) -> Slice:
    for place in _HISTOGRAMS:
        if row[place] is not None:
            row[place] = Packed.from_numbers(row[place])
    return Slice(*row)
