"""Levels of classes of users: what each does of a shape's own load, or beside it, on the shape's timeline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from harness.errors import nearest
from shapes._profile import ARRIVALS, ClassLoad, Herd, Polyline, Profile, added

POOL_S = 2
"""A pool has this many seconds' worth of starts: users are enough as long as an iteration takes no longer."""
FEWEST = 10
WHOLE = 1e-6
"""So far from 1 may shares add up to that were written as decimals."""


@dataclass(frozen=True)
class Level:
    """A level of its own: starts per second, or users where these set the pace, as everywhere."""

    base: float = 0.0
    """In every phase that is not named."""
    phases: Mapping[str, float | tuple[float, float]] = field(default_factory=dict)
    """Name of a phase → its level, or the levels at its beginning and at its end, between which it is a line."""
    herds: Mapping[str, int] = field(default_factory=dict)
    """Name of a phase → users who start together when it begins. They are the same users each time, so as many."""
    users: int = 0
    """Users for the level, beside those of the herds; 0: by the rule for pools."""

    def problems(self, phases: Sequence[str], pacing: str) -> Iterator[str]:
        for name in dict.fromkeys((*self.phases, *self.herds)):
            if name not in phases:
                meant = nearest(name, phases)
                yield f"no phase is called {name!r}; " + (f"did you mean {meant}?" if meant else f"there are {phases}")
        for value in (self.base, *self.phases.values()):
            ends = value if isinstance(value, tuple) else (value,)
            if len(ends) > 2 or not all(_is_number(each) and each >= 0 for each in ends):
                yield f"a level of {value!r}: give a number of 0 or more, or two, for the beginning and the end"
        sizes = set(self.herds.values())
        if not all(isinstance(each, int) and each > 0 for each in (*sizes, self.users or 1)):
            yield "herds and users are whole numbers, of 1 or more"
        elif len(sizes) > 1:
            yield f"herds of {' and '.join(map(str, sorted(sizes)))} users: they are the same users, give one number"
        if sizes and pacing != ARRIVALS:
            yield f"herds are released beside arrivals only, choose --pacing {ARRIVALS}"

    def load(self, name: str, profile: Profile) -> tuple[ClassLoad, tuple[Herd, ...]]:
        points: list[tuple[float, float]] = []
        crowded: list[tuple[float, float]] = []
        crowd = max(self.herds.values(), default=0)
        for phase in profile.phases:
            level = self.phases.get(phase.name, self.base)
            ends = level if isinstance(level, tuple) else (level, level)
            beside = crowd if phase.name in self.herds else 0
            points += zip((phase.start_s, phase.end_s), ends, strict=True)
            crowded += zip((phase.start_s, phase.end_s), (each + beside for each in ends), strict=True)
        line = Polyline(tuple(points))
        herds = tuple(
            Herd(each.name, float(each.start_s), crowd, (name,)) for each in profile.phases if each.name in self.herds
        )
        users = self.users or (pool_for(line.peak, profile.pacing) if line.peak else 0)
        nothing = Polyline(((0, 0), (profile.duration_s, 0)))
        starts = line if profile.pacing == ARRIVALS else nothing
        return ClassLoad(name, Polyline(tuple(crowded)), starts, users + crowd, users), herds


class Shaped(Protocol):
    """A shape, for its profile alone."""

    def profile(self) -> Profile: ...

    def problems(self) -> list[str]: ...


Part: TypeAlias = "float | Level | Shaped"
"""A share of the shape's own load, a level, or another shape whose load it is, from the beginning of the run."""


def pool_for(peak: float, pacing: str) -> int:
    """Users for a level. Arrivals need (Little's law) as many as there are starts in the time that one iteration takes,
    and POOL_S seconds are allowed for it; a number of active users needs just that many.
    """
    return max(FEWEST, math.ceil(POOL_S * peak)) if pacing == ARRIVALS else max(1, math.ceil(peak))


def problems(profile: Profile, parts: Mapping[str, Part], known: Sequence[str] | None) -> Iterator[str]:
    """What is wrong with ``parts`` of ``profile``, each with its remedy. ``known`` are the classes of the run, None
    where nobody can say.
    """
    for name in parts if known is not None else ():
        if name not in (known or ()):
            meant = nearest(name, known or ())
            yield f"no class of users is called {name}; " + (
                f"did you mean {meant}?" if meant else f"this run has {', '.join(known or ())}"
            )
    missing = [name for name in known or () if name not in parts]
    yield from (f"{name} has no level: give it one, or a share, or leave the class out" for name in missing)
    shares = {name: part for name, part in parts.items() if isinstance(part, int | float)}
    wrong = [name for name, share in shares.items() if not _is_number(share) or share <= 0]
    yield from (f"{name} has a share of {shares[name]!r}: give a number above 0" for name in wrong)
    if shares and not wrong and abs(sum(shares.values()) - 1) > WHOLE:
        told = " + ".join(f"{name} {share:g}" for name, share in shares.items())
        yield f"the shares add up to {sum(shares.values()):g}, not to 1: {told}"
    if not shares and (profile.users.peak or profile.herds):
        yield "nobody has a share of the shape's own load: give one class the share 1, or the shape no load"
    for name, part in parts.items():
        if isinstance(part, Level):
            yield from (f"{name}: {why}" for why in part.problems([p.name for p in profile.phases], profile.pacing))
        elif name not in shares:
            yield from (f"{name}: {why}" for why in _shape_problems(part, profile))


def _shape_problems(part: object, profile: Profile) -> Iterator[str]:
    if not hasattr(part, "profile") or not hasattr(part, "problems") or isinstance(part, type):
        yield f"{part!r:.80} is no level: give a share, a Level(…), or a shape, e.g. Rush()"
        return
    found = part.problems()
    yield from found
    if found:
        return
    own = part.profile()
    if own.duration_s > profile.duration_s:
        yield f"its shape takes {own.duration_s} s, and the run {profile.duration_s} s: shorten it, or lengthen the run"
    if own.by_class:
        yield "its shape has levels of classes itself"
    if own.pacing != profile.pacing:
        yield f"its shape is paced by {own.pacing}, and the run by {profile.pacing}: give both the same"


def by_class(profile: Profile, parts: Mapping[str, Part]) -> Profile:
    """The profile of all ``parts`` together, which have no ``problems``."""
    loads: list[ClassLoad] = []
    herds: list[Herd] = []
    shares = {name: float(part) for name, part in parts.items() if isinstance(part, int | float)}
    for name, part in parts.items():
        if isinstance(part, Level):
            load, own = part.load(name, profile)
        elif name in shares:
            load, own = _shared(name, shares, profile)
        else:
            found = part.profile()  # type: ignore[union-attr]
            load = ClassLoad(name, found.users, found.starts, found.pool_users, found.background_users)
            own = tuple(replace(herd, classes=(name,)) for herd in found.herds)
        loads.append(load)
        herds += own
    return replace(
        profile,
        users=added([load.users for load in loads]),
        starts=added([load.starts for load in loads]),
        herds=_together(herds),
        pool_users=sum(load.pool_users for load in loads),
        background_users=sum(load.background_users for load in loads),
        by_class=tuple(loads),
    )


def _shared(name: str, shares: Mapping[str, float], profile: Profile) -> tuple[ClassLoad, tuple[Herd, ...]]:
    """Its users by its share, in whole numbers that add up, and one at least."""
    share = shares[name]
    crowd = max((herd.users for herd in profile.herds), default=0)
    background = max(1, _dealt(profile.background_users, shares)[name])
    at_gate = _dealt(crowd, shares)[name]
    load = ClassLoad(name, profile.users.times(share), profile.starts.times(share), background + at_gate, background)
    herds = tuple(
        replace(herd, users=_dealt(herd.users, shares)[name], classes=(name,)) for herd in profile.herds if at_gate
    )
    return load, herds


def _dealt(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """``total`` by share, rounded so that it adds up: the largest remainders get one more."""
    exact = {name: total * share for name, share in shares.items()}
    dealt = {name: math.floor(each + WHOLE) for name, each in exact.items()}
    for name in sorted(exact, key=lambda each: dealt[each] - exact[each])[: total - sum(dealt.values())]:
        dealt[name] += 1
    return dealt


def _together(herds: Iterable[Herd]) -> tuple[Herd, ...]:
    """Herds of one instant are one, of all their classes: one gate releases them."""
    merged: dict[float, Herd] = {}
    for herd in herds:
        known = merged.setdefault(herd.t, replace(herd, users=0, classes=()))
        merged[herd.t] = replace(known, users=known.users + herd.users, classes=(*known.classes, *herd.classes))
    return tuple(merged[t] for t in sorted(merged))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
