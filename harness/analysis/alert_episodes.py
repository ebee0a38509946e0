"""What an alert's rule sees at one second, and the episodes that such seconds make: from the one in which the alert was
raised to the one in which it was no longer so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

NO_QUANTILE = "no figure, as too many requests failed"
"""Of a quantile beyond every answer: more requests failed than it leaves out."""


@dataclass(frozen=True)
class Condition:
    """What one rule sees at one second."""

    alert: str
    is_over: bool
    figure: float
    limit: float | None
    """None for an event, which has no limit."""
    unit: str
    detail: str = ""


@dataclass(frozen=True)
class Episode:
    """From the second in which an alert was raised to the one in which it was no longer so."""

    alert: str
    start_s: float
    end_s: float | None
    """None: it still held at the end."""
    worst: Condition

    @property
    def lasted_s(self) -> float:
        """How long it held; infinite when it still did at the end."""
        return math.inf if self.end_s is None else self.end_s - self.start_s


def in_words(condition: Condition) -> str:
    """``6.2 % (http 503), limit 5 %``."""
    match condition.unit:
        case "ratio":
            scale, unit = 100.0, " %"
        case "bytes":
            scale, unit = 1e-6, " MB"
        case unit:
            scale, unit = 1.0, f" {unit}"
    if condition.limit is None:
        return condition.detail
    figure = NO_QUANTILE if math.isinf(condition.figure) else f"{condition.figure * scale:.3g}{unit}"
    detail = f" ({condition.detail})" if condition.detail else ""
    return f"{figure}{detail}, limit {condition.limit * scale:.3g}{unit}"


class Book:
    """Makes episodes of the conditions of every second, and keeps those that go on."""

    def __init__(self) -> None:
        self.open: dict[str, Episode] = {}

    def note(self, t: int, conditions: Iterable[Condition]) -> tuple[list[Episode], list[Episode]]:
        """Takes in what was seen when second ``t`` was over. Returns the episodes that begin and those that end."""
        over = {each.alert: each for each in conditions if each.is_over}
        begun, ended = [], []
        for alert, condition in over.items():
            known = self.open.get(alert)
            if known is None:
                begun.append(Episode(alert, t + 1, None, condition))
                self.open[alert] = begun[-1]
            elif condition.figure > known.worst.figure:
                self.open[alert] = Episode(alert, known.start_s, None, condition)
        for alert in [alert for alert in self.open if alert not in over]:
            known = self.open.pop(alert)
            ended.append(Episode(alert, known.start_s, t + 1, known.worst))
        return begun, ended
