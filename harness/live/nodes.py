"""The load processes of a run, by what has become of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.recording.marks import FINISHED, JOINED, LATE, LOST, ExceptionMark, NodeMark


@dataclass
class Nodes:
    """Names are those of the recording."""

    wanted: int
    """Load processes that should take part."""
    joined: list[str] = field(default_factory=list)
    """Those that got the plan, and so take part."""
    late: set[str] = field(default_factory=set)
    """Came when the run had begun, and take no part."""
    lost: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    """Have sent their last report."""
    without_users: set[str] = field(default_factory=set)
    """Of those, the nodes whose users have been stopped by now."""
    parked: dict[str, int] = field(default_factory=dict)
    """Users of each node that were ready when it last said so."""

    prevented: ExceptionMark | None = None
    """What has prevented users from getting ready."""

    @property
    def parked_users(self) -> int:
        return sum(self.parked.values())

    @property
    def all_settled(self) -> bool:
        """Whether every node that takes part has delivered its last report, or will never."""
        return all(node in self.finished or node in self.lost for node in self.joined)

    @property
    def all_lost(self) -> bool:
        return bool(self.joined) and self.lost.issuperset(self.joined)

    def add(self, mark: NodeMark) -> None:
        if mark.event == JOINED:
            self.joined.append(mark.node)
        elif mark.event == LATE:
            self.late.add(mark.node)
        elif mark.event == LOST:
            self.lost.add(mark.node)
        elif mark.event == FINISHED:
            self.finished.add(mark.node)
