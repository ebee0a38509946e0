"""What of the failures of a run shows in a criterion's finding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.analysis import phases
from harness.recording import Recording


class Seen(NamedTuple):
    """Requests whose failures show, of the seconds from one instant to another."""

    start_s: float
    end_s: float
    requests: str = ""
    """A pattern of their names; empty: all."""
    only: frozenset[str] = frozenset()
    """The outcomes that show; empty: any."""
    but: frozenset[str] = frozenset()
    """Where any shows: the outcomes that do not."""

    @property
    def is_all(self) -> bool:
        """Whether every outcome shows."""
        return not self.only and not self.but

    def shows(self, outcome: str) -> bool:
        return outcome in self.only if self.only else outcome not in self.but

    def is_at(self, t: int) -> bool:
        """Whether the second that begins then has any part in it."""
        return self.start_s < t + 1 and t < self.end_s


def in_phase(recording: Recording, phase: str, requests: str) -> Iterator[Seen]:
    """What fails in the phase, but for what was shed where a criterion of its own judges that."""
    but = phases.shedding(recording.header)
    yield from (
        Seen(each.start_s, each.end_s, requests, but=but) for each in recording.header.phases if each.name == phase
    )


def after(recording: Recording, start_s: float, requests: str) -> Iterator[Seen]:
    """The same from an instant to the end of the run."""
    yield Seen(start_s, float("inf"), requests, but=phases.shedding(recording.header))
