"""Rules that stop a run early, as they are written: ``METRIC > LIMIT [for SECONDS s] [in PHASE]``, or ``target down
[for SECONDS s] [in PHASE]``; several with semicolons. :mod:`harness.live.stop_watch` sees when one of them holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.analysis.alert_episodes import NO_QUANTILE
from harness.errors import nearest

LONGEST_S = 3600.0
FLAG = "--stop-when"
HOW = f'METRIC > LIMIT for SECONDS s, e.g. {FLAG} "error_ratio > 0.5 for 10 s"'

ERROR_RATIO, MEMORY, TARGET_DOWN = "error_ratio", "memory", "target down"
RATE, BYTES = "requests per second", "bytes received"
"""Those of the safety limits, which are options of their own."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_TIMES = {"s": 1.0, "ms": 1e-3, "min": 60.0}
_SIZES = {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_UNITS: Mapping[str, Mapping[str, float]] = {
    ERROR_RATIO: {"": 1.0, "%": 0.01},
    **{name: {"s": 1.0, "ms": 1e-3} for name in QUANTILES},
    MEMORY: _SIZES,
}
"""What a limit may be written in, and what one of it is in ratio, seconds or bytes."""
_RULE = re.compile(
    r"(?P<metric>[^<>=!]+?)\s*(?P<operator>[<>=!]+)\s*(?P<number>[^\s%a-zA-Z]+)\s*(?P<unit>%|(?!for\b)[A-Za-z]*)"
    r"(?:\s*\bfor\s+(?P<for>\S.*))?"
)
_IN_PHASE = re.compile(r"(?P<rule>.*\S)\s+in\s+(?:the\s+)?(?P<phase>[\w-]+)")
_DOWN = re.compile(r"target\s+(?:is\s+)?down(?:\s+for\s+(?P<for>\S.*))?", re.IGNORECASE)
_TIME = re.compile(r"(?P<number>[^\s%a-zA-Z]+)\s*(?P<unit>[a-z]*)")


@dataclass(frozen=True)
class StopRule:
    metric: str
    limit: float
    """Ratio, seconds, bytes, or requests per second; 0 for a target that is down."""
    for_s: float = 0.0
    """How long it has to hold; 0: the first look at which it does is enough."""
    flag: str = FLAG
    """The option that it came from."""
    phase: str = ""
    """In which alone it is looked at; empty: in all of them."""

    @property
    def words(self) -> str:
        """As it would be written."""
        lasting = f" for {self.for_s:g} s" if self.for_s else ""
        lasting += f" in the {self.phase}" if self.phase else ""
        if self.metric == TARGET_DOWN:
            return f"{TARGET_DOWN}{lasting}"
        return f"{self.metric} > {in_words(self.metric, self.limit)}{lasting}"


def parse(text: str) -> tuple[tuple[StopRule, ...], list[str]]:
    """The rules in ``text``, each once, and what is wrong with the others: one line each, with its remedy."""
    rules: list[StopRule] = []
    problems: list[str] = []
    for written in filter(None, (part.strip() for part in text.split(";"))):
        rule, wrong = _parsed(written) if written.isprintable() else (None, [f"cannot be read; write {HOW}"])
        shown = (written if written.isprintable() else repr(written))[:100]
        problems += [f"{FLAG} {shown}: {problem}" for problem in wrong]
        if rule is not None and not wrong:
            rules.append(rule)
    return tuple(dict.fromkeys(rules)), problems


def _parsed(written: str) -> tuple[StopRule | None, list[str]]:
    if scoped := _IN_PHASE.fullmatch(written):
        rule, problems = _parsed(scoped["rule"])
        if rule is not None and rule.phase:
            problems.append("a rule is looked at in one phase, or in all of them; write two rules for two phases")
        return None if rule is None else replace(rule, phase=scoped["phase"]), problems
    problems = []
    if down := _DOWN.fullmatch(written):
        return StopRule(TARGET_DOWN, 0.0, _seconds(down["for"], problems)), problems
    found = _RULE.fullmatch(written)
    if found is None:
        return None, [f"cannot be read; write {HOW}"]
    metric, unit = " ".join(found["metric"].split()), found["unit"]
    for_s = _seconds(found["for"], problems)
    if metric not in _UNITS:
        known = (*_UNITS, TARGET_DOWN)
        meant = nearest(metric, known)
        remedy = f"did you mean {meant}?" if meant else f"choose one of {', '.join(known)}"
        return None, [f"there is no metric {metric}; {remedy}", *problems]
    if found["operator"] != ">":
        problems.append(f"{found['operator']} cannot be used; write > : a run is stopped by what grows too large")
    units = {each.lower(): factor for each, factor in _UNITS[metric].items()}
    if unit.lower() not in units:
        wrong = f"the unit {unit} is none of {metric}" if unit else "its limit has no unit"
        problems.append(f"{wrong}; give {' or '.join(each or 'none' for each in _UNITS[metric])}")
    limit = _number(found["number"])
    if limit is None or limit < 0:
        problems.append(f"{found['number']} is no number of 0 or more; give one")
    limit = (limit or 0.0) * units.get(unit.lower(), 1.0)
    if metric == ERROR_RATIO and limit >= 1:
        problems.append("no more than all requests can fail; give a share below 1, e.g. 0.5 or 50 %")
    return StopRule(metric, limit, for_s), problems


def _seconds(text: str | None, problems: list[str]) -> float:
    """Of ``for``: how long."""
    if text is None:
        return 0.0
    found = _TIME.fullmatch(text.strip())
    number = None if found is None else _number(found["number"])
    factor = None if found is None else _TIMES.get(found["unit"] or "s")
    if number is None or factor is None or not 0 <= number * factor <= LONGEST_S:
        problems.append(f"for {text.strip()}: give seconds up to {LONGEST_S:g}, e.g. for 10 s")
        return 0.0
    return number * factor


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def in_words(metric: str, value: float) -> str:
    """A figure with its unit."""
    if metric in QUANTILES:
        return NO_QUANTILE if math.isinf(value) else f"{value:.4g} s"
    if metric in (MEMORY, BYTES):
        name, size = next(((n, s) for n, s in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if value >= s), ("bytes", 1.0))
        return f"{value / size:.4g} {name}"
    return f"{value:.6g}"
