"""What ``springback find-limit`` was asked for, checked against the scenario: which option is changed, between which
levels, and how long each step takes.
"""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.commands.adjustable import Adjustable, Judged, Option
from harness.commands.limit_pool import Pool, processes_of
from harness.errors import ConfigurationError, nearest
from harness.findings import LATENCY_QUANTILE
from harness.limit.result import Searched
from harness.limit.search import GROWTH, Bounds
from harness.parameters import flag
from harness.recording.header import STARTS_PER_S

HIGHEST = 1000.0
"""Unless another is given: a search must be no flood by itself."""
HIGHEST_FACTOR = 16.0
"""The same for a size that is neither a rate nor users, e.g. a scale: so many times what the scenario has."""
FIRST_OF_HIGHEST = 64
"""The first level is so many times below the highest, unless the base load is larger."""
BASELINE_S, BASELINE_TO_COMPARE_S = 10, 30
"""Of a step: enough to see that all is well, and enough for a band that a recovery is held against."""
HOLD_S, RECOVERY_S = 20, 10
SHORT_HOLD_S, SHORT_RECOVERY_S = 10, 5
LIMITS_HELD, SHORT_LIMITS_HELD = 20, 10
"""A level is held for so many times the limit of a latency, at least: a queue that grows has to reach it."""
AFTER_LIMIT_S = 5
"""A recovery is watched so much longer than it may take and has to hold."""
PEAK, POOL, BASELINE_OPTION = "peak", "pool_users", "baseline_s"
HELD = ("hold_s", "plateau_s")
"""Options of shapes that say for how long the peak is held."""
COOL_DOWN_S = {BASELINE_OPTION: 10, **dict.fromkeys(HELD, 1), "recovery_s": 5}
"""Of a run that looks whether the service is back."""


@dataclass(frozen=True)
class Wanted:
    """As it was given; None where it was not."""

    criteria: tuple[str, ...]
    vary: str
    first: float | None
    highest: float | None
    at_least: float | None
    resolution: float
    most_steps: int
    most_s: float
    cool_down_s: float
    reset: str
    is_short: bool


@dataclass(frozen=True)
class LimitPlan:
    """How the search goes."""

    wanted: Wanted
    option: Option
    unit: str
    bounds: Bounds
    judged: Sequence[Judged]
    """The criteria whose limit is looked for, one after another."""
    adjustable: Adjustable
    times: dict[str, int]
    """Options of the shape that make a step shorter than the scenario is."""
    pool: Pool | None
    """None where somebody has said how many users are parked, or none wait."""

    def arguments(self, level: float) -> list[str]:
        """Of a run at this level, beside those of the user."""
        given = {self.option.name: self._text(level), **self.times}
        if self.pool is not None:
            given[POOL] = self.pool.users(level)
        return _words(given)

    def cool_down_arguments(self) -> list[str]:
        """:meth:`arguments` of a short run without a spike, which looks whether the service is back."""
        there = {name: value_s for name, value_s in COOL_DOWN_S.items() if self.adjustable.option(name) is not None}
        return [*self.arguments(self.bounds.lowest), *_words(there)]

    def searched(self, judged: Judged, plateau_s: float) -> Searched:
        """``plateau_s``: for how long a step holds its level; only a rate can be kept up."""
        plateau_s = plateau_s if self.option.name == PEAK else 0.0
        quantile = judged.number("quantile") or 0.0
        return Searched(judged.name, judged.kind, quantile, self.option.flag, self.unit, plateau_s)

    def level_in_words(self, level: float) -> str:
        return f"{self._text(level)} {self.unit}".rstrip()

    def _text(self, level: float) -> str:
        return str(round(level)) if self.option.is_whole else f"{level:.6g}"


def made(wanted: Wanted, adjustable: Adjustable, arguments: Sequence[str]) -> LimitPlan:
    """Raises ConfigurationError with everything that is wrong."""
    problems = list(_endless(wanted))
    if problems:
        raise ConfigurationError(problems)
    judged = list(_criteria(wanted, adjustable, problems))
    option = _option(wanted, adjustable, problems)
    if option is None:
        raise ConfigurationError(problems)
    given = [word.partition("=")[0] for word in arguments]
    if option.flag in given:
        problems.append(f"{option.flag}: the search sets it; leave it out, and give --from and --max-rate")
    bounds = _bounds(wanted, adjustable, option, problems)
    if wanted.at_least is not None and len(judged) > 1:
        problems.append("--at-least and several criteria: it is the limit of one; search for one at a time")
    problems += _reset_problems(wanted.reset)
    problems += _baseline_problems(adjustable, judged)
    if problems:
        raise ConfigurationError(problems)
    is_rate = option.name == PEAK
    unit = adjustable.unit if is_rate else "users" if option.name.endswith("_users") else ""
    times = dict(_times(wanted, adjustable, judged, option))
    pool = _pool(adjustable, judged, bounds, times, arguments) if is_rate and unit == STARTS_PER_S else None
    return LimitPlan(wanted, option, unit, bounds, judged, adjustable, times, pool)


def _words(given: Mapping[str, object]) -> list[str]:
    """Options, by name, as words of a command line."""
    return [word for name, value in given.items() for word in (flag(name), str(value))]


def _endless(wanted: Wanted) -> Iterator[str]:
    """What reads as a number and is none that anything could be held against."""
    given = {
        "--from": wanted.first,
        "--max-rate": wanted.highest,
        "--at-least": wanted.at_least,
        "--resolution": wanted.resolution,
        "--max-duration": wanted.most_s,
        "--cool-down": wanted.cool_down_s,
    }
    for name, value in given.items():
        if value is not None and not math.isfinite(value):
            yield f"{name} {value}: give a number with an end"


def _reset_problems(command: str) -> Iterator[str]:
    try:
        if command and shutil.which(shlex.split(command)[0]) is None:
            yield f"--reset: there is no command {shlex.split(command)[0]}; correct it (it is run without a shell)"
    except (ValueError, IndexError):
        yield "--reset: cannot be read as a command; close its quotes"


def _baseline_problems(adjustable: Adjustable, judged: Sequence[Judged]) -> Iterator[str]:
    """A baseline that was given as too short for a criterion: no step would say anything of it."""
    given = adjustable.option(BASELINE_OPTION)
    if given is None or given.value == given.own:
        return
    for each in judged:
        if each.baseline_s > given.value:
            yield (
                f"{given.flag} {given.value:g}: {each.name} compares with {each.baseline_s} s of baseline; give as "
                "much, or leave it out"
            )


def _criteria(wanted: Wanted, adjustable: Adjustable, problems: list[str]) -> Iterator[Judged]:
    known = {each.name: each for each in adjustable.criteria}
    if not wanted.criteria:
        problems.append(f"--criterion: its value is empty; name one of {', '.join(known)}")
    for name in wanted.criteria:
        if name in known:
            yield known[name]
            continue
        meant = nearest(name, known)
        told = f"did you mean {meant}?" if meant else f"it has {', '.join(known) or 'none'}"
        problems.append(f"--criterion {name}: the scenario is not judged by it; {told}")


def _option(wanted: Wanted, adjustable: Adjustable, problems: list[str]) -> Option | None:
    name = wanted.vary.removeprefix("--").replace("-", "_") or adjustable.size_option
    there = [each.name for each in adjustable.options]
    if not name:
        problems.append(
            f"the shape does not say which of its options is the size of the spike; name it with --vary, one of "
            f"{', '.join(there)}"
        )
        return None
    found = adjustable.option(name)
    if found is None:
        meant = nearest(name, there)
        told = f"did you mean {meant}?" if meant else f"it has {', '.join(there)}"
        problems.append(f"--vary {wanted.vary}: no number of the shape; {told}")
    return found


def _bounds(wanted: Wanted, adjustable: Adjustable, option: Option, problems: list[str]) -> Bounds:
    base = adjustable.option("base")
    if option.name == PEAK:
        lowest = max(1.0, base.value if base is not None else 1.0)
    else:
        lowest = 1.0 if option.is_whole else (option.value or wanted.first or 1.0) / FIRST_OF_HIGHEST
    is_count = option.name == PEAK or option.is_whole
    highest = (
        wanted.highest if wanted.highest is not None else HIGHEST if is_count else HIGHEST_FACTOR * (option.value or 1)
    )
    if wanted.highest is None and wanted.at_least is not None:
        highest = max(highest, GROWTH * wanted.at_least)
    first = max(GROWTH * lowest, highest / FIRST_OF_HIGHEST) if wanted.first is None else wanted.first
    if highest <= lowest:
        problems.append(f"--max-rate {highest:g}: give more than the {lowest:g} that there is without a spike (--base)")
    elif wanted.first is not None and not lowest <= first <= highest:
        problems.append(f"--from {first:g}: give a level from {lowest:g} to {highest:g}")
    if wanted.at_least is not None and not lowest < wanted.at_least <= highest:
        problems.append(f"--at-least {wanted.at_least:g}: give a level from {lowest:g} to {highest:g} (--max-rate)")
    return Bounds(lowest, min(first, highest), highest, wanted.resolution, option.is_whole, wanted.at_least)


def _times(
    wanted: Wanted, adjustable: Adjustable, judged: Sequence[Judged], option: Option
) -> Iterator[tuple[str, int]]:
    """What nobody has given otherwise than in the scenario's file is made shorter, and never longer, but for what a
    criterion needs to tell.
    """
    compares = [each for each in judged if each.needs_baseline]
    most = {BASELINE_OPTION: BASELINE_TO_COMPARE_S if compares else BASELINE_S}
    least_s, limits = (SHORT_HOLD_S, SHORT_LIMITS_HELD) if wanted.is_short else (HOLD_S, LIMITS_HELD)
    most |= dict.fromkeys(HELD, max(least_s, math.ceil(limits * _longest_limit_s(judged))))
    most["recovery_s"] = SHORT_RECOVERY_S if wanted.is_short else RECOVERY_S
    least = {BASELINE_OPTION: max((each.baseline_s for each in judged), default=0)}
    for each in compares:
        if (limit_s := each.number("limit_s")) is not None:
            needed_s = math.ceil(limit_s + (each.number("hold_s") or 0.0)) + AFTER_LIMIT_S
            least["recovery_s"] = max(needed_s, least.get("recovery_s", 0))
    for name, value_s in most.items():
        found = adjustable.option(name)
        if found is None or name == option.name or found.value != found.own:
            continue
        step_s = max(min(round(found.value), value_s), least.get(name, 0))
        if step_s != found.value:
            yield name, step_s


def _pool(
    adjustable: Adjustable, judged: Sequence[Judged], bounds: Bounds, times: Mapping[str, int], arguments: Sequence[str]
) -> Pool | None:
    pool = adjustable.option(POOL)
    if pool is None or pool.value:
        return None
    held = [times.get(name, each.value) for name in HELD if (each := adjustable.option(name)) is not None]
    limits_s = [each.number("limit_s") for each in judged if each.needs_baseline]
    return Pool(
        latency_s=_longest_limit_s(judged),
        held_s=max(held, default=adjustable.plateau_s),
        base_per_s=bounds.lowest,
        recovery_s=max((limit_s for limit_s in limits_s if limit_s is not None), default=None),
        processes=processes_of(arguments),
    )


def _longest_limit_s(judged: Sequence[Judged]) -> float:
    """Of a latency, among the criteria that are searched; 0 where none is."""
    return max((each.number("limit_s") or 0.0 for each in judged if each.kind == LATENCY_QUANTILE), default=0.0)
