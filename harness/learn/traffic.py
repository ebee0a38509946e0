"""Traffic as it was seen: how many requests began in each second, and of what kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigurationError
from harness.learn.paths import Mix

DAY_S = 86_400
MOST_DAYS = 800
"""A day takes 350 kB."""


class Traffic:
    """Requests of access logs. The order in which they are added is of no account."""

    def __init__(self) -> None:
        self._days: dict[int, NDArray[np.uint32]] = {}
        self.mix = Mix()
        self.refused = 0
        """Requests that were answered with a status of 400 or more; they are not in the mix."""
        self.with_query = 0
        """Requests whose target had a query string, which was not read."""
        self.notes: list[str] = []
        """What was read and what was left out, a line a file."""
        self.has_zones = self.lacks_zones = ""
        """A file whose times have a zone, and one whose times have none."""

    def add(self, second: int, count: int) -> None:
        """So many requests in a second since 1970. Raises ConfigurationError for times that are years apart."""
        day, second_of_day = divmod(second, DAY_S)
        if day not in self._days:
            if len(self._days) >= MOST_DAYS:
                raise ConfigurationError(
                    f"more than {MOST_DAYS} days in these logs: give fewer, or look for a clock that was wrong"
                )
            self._days[day] = np.zeros(DAY_S, dtype=np.uint32)
        self._days[day][second_of_day] += count

    @property
    def total(self) -> int:
        return sum(int(day.sum()) for day in self._days.values())

    @property
    def span(self) -> tuple[int, int]:
        """The second of the first request and the one after that of the last."""
        first, last = min(self._days), max(self._days)
        return (
            first * DAY_S + int(np.flatnonzero(self._days[first])[0]),
            last * DAY_S + int(np.flatnonzero(self._days[last])[-1]) + 1,
        )

    def counts(self, window_s: int) -> tuple[int, NDArray[np.float64]]:
        """The second at which the first window begins, a multiple of ``window_s``, which divides a day; and the
        requests in each window up to the last one, which is whole.
        """
        first, end = self.span
        start = -(-first // window_s) if first % window_s else first // window_s
        stop = max(start + 1, end // window_s)
        begin_day, end_day = (start * window_s) // DAY_S, (stop * window_s - 1) // DAY_S
        pieces = []
        empty = np.zeros(DAY_S // window_s)
        for day in range(begin_day, end_day + 1):
            one = self._days.get(day)
            pieces.append(empty if one is None else one.reshape(-1, window_s).sum(axis=1, dtype=np.float64))
        whole = np.concatenate(pieces)
        skipped = start - begin_day * DAY_S // window_s
        return start * window_s, whole[skipped : skipped + stop - start]
