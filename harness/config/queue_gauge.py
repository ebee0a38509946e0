"""``--queue-gauge``: where the length of the target's queue is read, for the criterion ``metastability``.

Each of its parts, separated by semicolons, is ``URL#NAME`` or the ``NAME`` of what is sampled anyway. In place of a
gauge's name there may be two counters, ``RECEIVED - HANDLED``. They are added up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from harness import criteria as criteria_folder
from harness import probes as probes_folder
from harness.criteria.recovery._queue import PAIR
from harness.errors import ConfigurationError
from harness.findings import METASTABILITY, RECOVERY_TIME
from harness.probes import Probe
from harness.recording.header import CriterionSpec

FLAG = "--queue-gauge"
PROBE = "queue"
EXAMPLE = f"e.g. {FLAG} http://127.0.0.1:8000/metrics#requests_in_flight"
MOST_NAMES = 10


@dataclass(frozen=True)
class QueueGauge:
    """What was given, read."""

    probes: tuple[Probe, ...] = ()
    """One for each address."""
    names: tuple[str, ...] = ()
    """Of values that other probes sample."""
    gauge: str = ""
    """For the criterion; empty: nothing was given."""


def read(text: str, problems: list[str]) -> QueueGauge:
    """Notes every problem with its remedy."""
    probes: list[Probe] = []
    names: list[str] = []
    for part in (part.strip() for part in text.split(";") if part.strip()):
        if "://" not in part:
            names.append(part)
            continue
        url, _, name = part.partition("#")
        length, _, handled = (each.strip() for each in name.partition(PAIR))
        if not length:
            problems.append(f"{FLAG} {part}: name the gauge behind the address, {EXAMPLE}")
            continue
        try:
            probes.append(probes_folder.load(PROBE, url=url, length=length, handled=handled))
        except ConfigurationError as error:
            problems += error.messages
    return QueueGauge(tuple(probes), tuple(names), ";".join([*names, *([f"{PROBE}/length"] if probes else [])]))


def name_problems(given: QueueGauge, probes: Iterable[Probe]) -> Iterable[str]:
    """Of the names alone, those that no probe samples now. Asks the target."""
    if not given.names:
        return
    sampled: dict[str, None] = {}
    for probe in probes:
        for reading in probes_folder.from_data(probes_folder.as_data(probe)).sample():
            if reading.may_come:
                return  # what is not there yet may be what was meant
            sampled |= dict.fromkeys(f"{probes_folder.name_of(probe)}/{key}" for key in reading.values)
    for name in (name.strip() for part in given.names for name in part.split(PAIR)):
        if not any(_fits(name, each) for each in sampled):
            there = ", ".join(list(sampled)[:MOST_NAMES]) or "none"
            yield f"{FLAG} {name}: nothing sampled is called so; there are {there}; or give an address, {EXAMPLE}"


def judged(specs: Iterable[CriterionSpec], gauge: str) -> tuple[CriterionSpec, ...]:
    """The criteria of a run, those of its queue with what was given for it."""
    more = {"remedy": f"name a gauge with {FLAG}", **({"gauge": gauge} if gauge else {})}
    return tuple(
        dataclasses.replace(spec, parameters={**more, **spec.parameters}) if spec.criterion == METASTABILITY else spec
        for spec in specs
    )


def by_default(specs: Iterable[CriterionSpec], left_out: Iterable[str]) -> Iterable[CriterionSpec]:
    """Where a recovery is judged, whether the target will come back by itself is judged, too, whether anybody has
    thought of it or not; of the same phases and requests, once for each of these.
    """
    specs = tuple(specs)
    left_out = {*left_out}
    if METASTABILITY in {*left_out, *(spec.criterion for spec in specs)}:
        return
    same = ("spike", "recovery", "baseline", "requests", "floor_s", "shorter_ratio", "part")
    judged: list[dict[str, Any]] = []
    for recovery in (spec for spec in specs if spec.criterion == RECOVERY_TIME):
        shared = {name: recovery.parameters[name] for name in same if name in recovery.parameters}
        if shared not in judged:
            name = {"name": f"{METASTABILITY} of {criteria_folder.name_of(recovery)}"} if judged else {}
            spec = CriterionSpec(METASTABILITY, {**name, **shared, "only_where_measured": True})
            judged.append(shared)
            if criteria_folder.name_of(spec) not in left_out:
                yield spec


def _fits(name: str, sampled: str) -> bool:
    key = sampled.partition("/")[2]
    pattern = name.replace("[", "[[]")
    return key.partition("{")[0] == name or fnmatchcase(key, pattern) or fnmatchcase(sampled, pattern)
