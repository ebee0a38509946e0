"""Timeline: phases by name and length, in which each class of users has a level of its own."""

from __future__ import annotations

from collections.abc import Iterator

from harness.plugins import parameter
from shapes._classes import Level
from shapes._phased import LONGEST_S, Conflict, PhasedShape
from shapes._profile import ARRIVALS, PACINGS, Polyline, Profile, chain

__all__ = ["Level", "Timeline"]


class Timeline(PhasedShape):
    """Has no load of its own: a concrete one gives ``class_levels()``."""

    abstract = True
    of_pacers = ("pacing",)

    phases: str = parameter(
        "baseline 30, spike 10, recovery 60", "phases in their order, each with its length in whole seconds", web=True
    )
    pacing: str = parameter(
        ARRIVALS,
        "what a level is for parked users: arrivals (starts per second, open model) or users (closed model)",
        choices=PACINGS,
    )

    def build(self) -> Profile:
        phases = chain(*self._stretches())
        nothing = Polyline(((0, 0), (phases[-1].end_s, 0)))
        return Profile(phases, nothing, nothing, pool_users=0, pacing=self.pacing)

    def conflicts(self) -> Iterator[Conflict]:
        stretches = self._stretches()
        names = [name for name, _ in stretches]
        unread = ", ".join(repr(name) for name, length_s in stretches if not name or not 0 < length_s <= LONGEST_S)
        give = "give each phase a name and whole seconds, e.g. baseline 30, spike 10, recovery 60"
        yield ("phases",), bool(unread), f"--phases {self.phases}: {unread} cannot be read; {give}"
        twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
        yield ("phases",), bool(twice), f"--phases {self.phases}: {twice} twice; give each phase a name of its own"

    def _stretches(self) -> list[tuple[str, int]]:
        """What cannot be read has a length of 0."""
        split = [each.strip().rpartition(" ") for each in self.phases.split(",")]
        return [(name.strip() or last, int(last) if name and last.isdecimal() else 0) for name, _, last in split]
