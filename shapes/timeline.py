"""Timeline: phases by name, length and level, in which each class of users may have a level of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from harness.plugins import parameter
from shapes._classes import Level, pool_for
from shapes._phased import LONGEST_S, MOST, Conflict, PhasedShape
from shapes._profile import ARRIVALS, PACING_HELP, PACINGS, USERS, Polyline, Profile, chain

__all__ = ["Level", "Timeline", "Turns"]

_STRETCH = re.compile(r"(\S+) +(\d{1,6})(?: +at +(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?)?")
_EXAMPLE = "baseline 30 at 10, ramp 5 at 10..80, spike 10 at 80, recovery 60 at 10"


@dataclass(frozen=True)
class _Stretch:
    name: str
    length_s: int
    begins_at: float
    ends_at: float


class Timeline(PhasedShape):
    """The whole profile is one option. A phase without a level has none of the shape's own: its load is what classes of
    users have in it, see ``class_levels()``.
    """

    abstract = True
    of_pacers = ("pacing",)

    phases: str = parameter(
        "baseline 30 at 10, spike 10 at 100, recovery 60 at 10",
        "phases in their order: name, whole seconds and level, or two with .. between, at its beginning and its end",
        web=True,
    )
    pacing: str = parameter(ARRIVALS, PACING_HELP, choices=PACINGS)

    def build(self) -> Profile:
        stretches = self._stretches()[0]
        phases = chain(*((each.name, each.length_s) for each in stretches))
        heights = ((each.begins_at, each.ends_at) for each in stretches)
        level = Polyline(
            tuple(
                point
                for phase, ends in zip(phases, heights, strict=True)
                for point in zip((phase.start_s, phase.end_s), ends, strict=True)
            )
        )
        users = pool_for(level.peak, self.pacing) if level.peak else 0
        starts = level.times(0) if self.pacing == USERS else level
        return Profile(phases, level, starts, pool_users=users, background_users=users, pacing=self.pacing)

    def conflicts(self) -> Iterator[Conflict]:
        stretches, unread = self._stretches()
        names = [each.name for each in stretches]
        told = f"--phases: {', '.join(map(repr, unread))} cannot be read; write e.g. {_EXAMPLE}"
        yield ("phases",), bool(unread), told
        wrong = [each.name for each in stretches if not 0 < each.length_s <= LONGEST_S or each.begins_at > MOST]
        yield ("phases",), bool(wrong), f"--phases: {', '.join(wrong)} is too short, too long, or too high"
        twice = sorted({name for name in names if names.count(name) > 1})
        yield ("phases",), bool(twice), f"--phases: {', '.join(twice)} twice; give each phase a name of its own"

    def _stretches(self) -> tuple[list[_Stretch], list[str]]:
        """Those that can be read, and what cannot."""
        found: list[_Stretch] = []
        unread: list[str] = []
        for each in self.phases.split(","):
            read = _STRETCH.fullmatch(each.strip())
            if read is None:
                unread.append(each.strip())
            else:
                name, length, first, last = read.groups(default="")
                found.append(_Stretch(name, int(length), float(first or 0), float(last or first or 0)))
        return found, unread


class Turns:
    """Beside :class:`Timeline`, for one on which the parts of a service take turns: each is a class of users, whose own
    phase has the part's name, and before these there is a phase ``ramp``, in which there come more of all of them.
    """

    parts: str
    """An option of the shape: the parts that the service has. The others have no load."""
    ramp_factor: float
    """Another: at the end of the ramp there are so many times as many of all."""

    def part_levels(self) -> Iterable[tuple[str, str, Level]]:
        """Each part, its class of users, and what these do beside the ramp."""
        raise NotImplementedError

    def class_levels(self) -> Mapping[str, Level]:
        present = self.parts.split()
        return {name: self._ramped(level) if part in present else Level() for part, name, level in self.part_levels()}

    def conflicts(self) -> Iterator[Conflict]:
        yield from super().conflicts()  # type: ignore[misc]  # of the shape
        known = [part for part, *_ in self.part_levels()]
        for part in self.parts.split():
            told = f"--parts {part}: there is no such part; there are {', '.join(known)}"
            yield ("parts",), part not in known, told

    def _ramped(self, level: Level) -> Level:
        return replace(level, phases={"ramp": (level.base, level.base * self.ramp_factor), **level.phases})
