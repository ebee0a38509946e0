"""A day of faults that is drawn from a seed: which fault, when and for how long, never more at once than a budget.

The same seed, faults and times give the same day, on any machine and with any Python: only ``random.Random.random`` is
used, whose values stay the same from one version of Python to the next. Cf. Basiri et al., "Chaos Engineering", IEEE
Software 33(3), 2016: faults of the real world, varied, with a bound on what they may do.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.config.written import entries
from harness.errors import ConfigurationError
from harness.faults import Fault, PlannedFault, from_text, load
from harness.plugins import parameter

FLAG = "--day-faults"
EXAMPLE = f'{FLAG} "kill_process port=8001; stop_process port=5432"'
GRID_S = 0.1
"""Instants and lengths are multiples of it, so that a plan can be written down and given again."""


class DayOptions:
    """Options of a scenario with such a day."""

    day_faults: str = parameter(
        "", "further faults that are drawn from, as for --fault, without at and for", secret=True
    )
    day_budget: int = parameter(1, "faults at once at the most", lowest=1, highest=5)
    fault_s: float = parameter(10.0, "longest time that a fault lasts, half of it is the shortest", lowest=2)
    calm_s: float = parameter(35.0, "least time of calm after each fault: it is the limit of a recovery", lowest=5)


@dataclass(frozen=True)
class Day:
    """From ``start_s`` to ``end_s`` on the run's axis; ``budget`` faults at once at the most.

    Each lasts from ``shortest_s`` to ``longest_s``, evenly spread, and is followed by at least ``calm_s`` in which its
    own place has no other. Pauses are up to ``longest_calm_s``, so that is how full the day is. Nothing begins that
    could not end, and be calm afterwards, before ``end_s``.
    """

    start_s: float
    end_s: float
    budget: int = 1
    shortest_s: float = 5.0
    longest_s: float = 15.0
    calm_s: float = 20.0
    longest_calm_s: float = 40.0

    def problems(self) -> list[str]:
        """What is wrong with these numbers, each with its remedy."""
        found = []
        if self.budget < 1:
            found.append(f"a budget of {self.budget} faults at once is none: give 1 or more")
        if not 0 < self.shortest_s <= self.longest_s:
            found.append(f"faults of {self.shortest_s:g} to {self.longest_s:g} s: give a shortest time up to a longest")
        if not 0 <= self.calm_s <= self.longest_calm_s:
            found.append(f"calm of {self.calm_s:g} to {self.longest_calm_s:g} s: give a shortest time up to a longest")
        if not found and self.end_s - self.start_s < self.longest_s + self.calm_s:
            found.append(
                f"from {self.start_s:g} to {self.end_s:g} s there is no time for a fault of {self.longest_s:g} s and "
                f"{self.calm_s:g} s of calm: make the day longer, or these shorter"
            )
        return found


def day_of(options: Any, start_s: float, for_s: float) -> Day:
    """With :class:`DayOptions`."""
    return Day(
        start_s,
        start_s + for_s,
        options.day_budget,
        shortest_s=options.fault_s / 2,
        longest_s=options.fault_s,
        calm_s=options.calm_s,
        longest_calm_s=options.calm_s + 5,
    )


def drawn(faults: Sequence[Fault], day: Day, seed: int) -> tuple[PlannedFault, ...]:
    """The faults of the day in the order of their instants. No fault is drawn for a time in which it is there already.

    A day may have fewer at once than its budget, and no more than so many. Raises ConfigurationError for numbers that
    do not fit together, and for no faults at all.
    """
    problems = day.problems() + ([] if faults else [f"there is no fault to draw from: name some, {EXAMPLE}"])
    if problems:
        raise ConfigurationError(problems)
    chance = random.Random(seed)
    taken: list[tuple[float, float, int]] = []
    """Start, end of the calm, and which fault."""
    planned: list[tuple[float, PlannedFault]] = []
    for _ in range(day.budget):  # a lane has one fault at a time
        t = _on_grid(day.start_s + _between(chance, 0.0, day.calm_s))
        while True:
            lasts_s = _between(chance, day.shortest_s, day.longest_s)
            over_s = t + lasts_s + day.calm_s
            choice = chance.random()
            pause_s = _between(chance, day.calm_s, day.longest_calm_s)
            if over_s > day.end_s + GRID_S / 2:
                break
            free = [
                number
                for number in range(len(faults))
                if not any(number == other and t < end_s and start_s < over_s for start_s, end_s, other in taken)
            ]
            if free:
                number = free[int(choice * len(free))]
                taken.append((t, over_s, number))
                planned.append((t, PlannedFault(faults[number], at=t, for_s=lasts_s)))
            t = _on_grid(t + lasts_s + pause_s)
    return tuple(fault for _, fault in sorted(planned, key=lambda each: each[0]))


def read(text: str) -> tuple[Fault, ...]:
    """The faults that are written as for ``--fault``, without ``at`` and ``for``, which are drawn. Raises
    ConfigurationError with everything that is wrong; no value is repeated, for it may be secret.
    """
    found: list[Fault] = []
    problems: list[str] = []
    for entry in entries(text, FLAG, "fault", EXAMPLE):
        problems += entry.problems
        if timed := sorted({"at", "for"} & entry.given.keys()):
            named = " and ".join(f"{each}=" for each in timed)
            problems.append(f"{FLAG}: {entry.name} has {named}: leave it away, it is drawn")
        elif not entry.problems:
            try:
                found.append(load(entry.name, **from_text(entry.name, entry.given)))
            except ConfigurationError as error:
                problems += [f"{FLAG}: {message}" for message in error.messages]
    if problems:
        raise ConfigurationError(problems)
    return tuple(found)


def _between(chance: random.Random, shortest: float, longest: float) -> float:
    return _on_grid(shortest + (longest - shortest) * chance.random())


def _on_grid(seconds: float) -> float:
    return round(round(seconds / GRID_S) * GRID_S, 6)
