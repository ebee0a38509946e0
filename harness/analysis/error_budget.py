"""Error budget and burn rate of a service level objective, in windows that fit the run.

Google, *The Site Reliability Workbook* (2018), chapter 5, "Alerting on SLOs", https://sre.google/workbook/alerting-on-slos/:

- error budget = 1 − objective, the share of requests of the SLO's period that may be bad;
- burn rate = share of bad requests in a window ÷ error budget: at 1 the budget lasts exactly the period;
- a page is due where the burn rate is above ``share of the budget · period ÷ long window`` over the long window *and*
  over a short one of a twelfth of it (table 5-8: 2 % in 1 h and 5 min is 14.4 times for a period of 30 days, 5 % in 6 h
  and 30 min is 6 times). The long window says that it matters, the short one that it still goes on.

A test takes minutes, so all windows shrink by one factor until the run stands for the six hours of the longest of them;
the burn rates stay as they are. What is asked is then: were this the traffic of six hours, would somebody be woken? A
page may be due at any time in them, long before six hours, or one, are over: what was before the run counts as good.
The workbook's third rule, a ticket for 10 % in three days, says nothing about a spike, and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis import histogram
from harness.recording import Slice
from harness.recording.values import BLOCKED, INTERRUPTED, OK, UNSENT

DAY_S, HOUR_S = 86_400, 3_600
TABLE = ((1 * HOUR_S, 0.02), (6 * HOUR_S, 0.05))
"""Long window of each page in seconds, and the share of the budget that is spent in it."""
SHORT_OF_LONG = 12
LONGEST_S = TABLE[-1][0]
_NO_REQUEST = frozenset({UNSENT, INTERRUPTED, BLOCKED})


@dataclass(frozen=True)
class Objective:
    """Of the requests of ``window_days``, ``ratio`` are good: answered ok, within ``latency_s`` unless that is 0."""

    ratio: float
    window_days: float = 30.0
    latency_s: float = 0.0

    @property
    def budget(self) -> float:
        """The share of requests that may be bad."""
        return 1 - self.ratio

    def spent(self, bad_ratio: float, lasted_s: float) -> float:
        """The share of the whole period's budget that goes in so many seconds, at an even traffic."""
        return bad_ratio / self.budget * lasted_s / (self.window_days * DAY_S)


@dataclass(frozen=True)
class Rule:
    """One page: the burn rate has to be above ``burn_rate`` over both windows."""

    name: str
    """Of the long window that it stands for, ``1 h``."""
    long_s: int
    short_s: int
    burn_rate: float

    @property
    def windows(self) -> str:
        """``15 s and 1 s for 1 h and 5 min``, or these themselves."""
        real = f"{self.name} and {_in_words(_hours(self.name) * HOUR_S // SHORT_OF_LONG)}"
        return real if self.long_s == _hours(self.name) * HOUR_S else f"{self.long_s} s and {self.short_s} s for {real}"


def rules(objective: Objective, run_s: int) -> tuple[Rule, ...]:
    """Those that an objective can break at all, for a run of so many seconds: a budget of a tenth cannot be spent more
    than ten times as fast as it lasts.
    """
    factor = min(1.0, run_s / LONGEST_S)
    found = []
    for long_s, share in TABLE:
        burn_rate = share * objective.window_days * DAY_S / long_s
        if burn_rate * objective.budget < 1:
            scaled_s = max(1, round(long_s * factor))
            found.append(Rule(_in_words(long_s), scaled_s, max(1, round(scaled_s / SHORT_OF_LONG)), burn_rate))
    return tuple(found)


def weight_before_run(length_s: int, elapsed_s: int) -> float:
    """For how many requests each one in a window stands, so many seconds after the first request: before it there were
    as many a second as since, none of them bad.
    """
    return max(1.0, length_s / elapsed_s)


def good(piece: Slice, objective: Objective) -> int:
    """How many of the requests of a slice were good."""
    if piece.outcome != OK:
        return 0
    return piece.count if not objective.latency_s else histogram.within(piece.latency, objective.latency_s)


class BurnRates:
    """Burn rates at the end of each second, of requests that may come in any order: by rule, over its two windows."""

    def __init__(self, objective: Objective, followed: Sequence[Rule]) -> None:
        self._objective = objective
        self._totals = {length_s: [0, 0] for rule in followed for length_s in (rule.long_s, rule.short_s)}
        """Length of each window → requests and bad ones in it now."""
        self._seconds: dict[int, list[int]] = {}
        self._next_s = 0
        self._first_s: int | None = None
        """The second of the first request."""

    def add(self, piece: Slice) -> None:
        if piece.t < 0 or piece.outcome in _NO_REQUEST:
            return
        counts = (piece.count, piece.count - good(piece, self._objective))
        if piece.count:
            self._first_s = piece.t if self._first_s is None else min(self._first_s, piece.t)
        _add(self._seconds.setdefault(piece.t, [0, 0]), counts)
        for length_s, total in self._totals.items():
            if self._next_s - length_s <= piece.t < self._next_s:
                _add(total, counts)

    def close_second(self, t: int) -> None:
        """The windows end with second ``t`` now. Seconds in order."""
        for second in range(self._next_s, t + 1):
            for length_s, total in self._totals.items():
                _add(total, self._seconds.get(second, (0, 0)))
                _add(total, self._seconds.get(second - length_s, (0, 0)), -1)
            self._seconds.pop(second - max(self._totals, default=0), None)
        self._next_s = t + 1

    def of(self, rule: Rule, fewest: int) -> float | None:
        """The lower of the rates over its two windows: both are above a limit where this one is. None while the run is
        shorter than the short window, where there were fewer requests in the long one than ``fewest``, or none in the
        short one.
        """
        long, short = self._totals[rule.long_s], self._totals[rule.short_s]
        if self._next_s < rule.short_s or long[0] < fewest or not short[0]:
            return None
        assert self._first_s is not None
        elapsed_s = self._next_s - self._first_s
        windows = (long, rule.long_s), (short, rule.short_s)
        ratios = (bad / requests / weight_before_run(each_s, elapsed_s) for (requests, bad), each_s in windows)
        return min(ratios) / self._objective.budget


def _add(total: list[int], counts: Sequence[int], sign: int = 1) -> None:
    for place in (0, 1):
        total[place] += sign * counts[place]


def _in_words(seconds: int) -> str:
    return f"{seconds // HOUR_S} h" if seconds >= HOUR_S else f"{seconds // 60} min"


def _hours(name: str) -> int:
    return int(name.split()[0])
