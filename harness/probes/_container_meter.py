"""What the probes of containers derive from counters; their figures have the names that the analysis reads."""

from __future__ import annotations

from collections.abc import Mapping

from harness.analysis import quota

COUNTERS = {"periods": quota.PERIODS, "throttled_periods": quota.THROTTLED, "throttled_s": quota.THROTTLED_S}
"""As the clients call them → as they are recorded."""


class CounterMeter:
    """Of one container, from sample to sample."""

    def __init__(self) -> None:
        self._read_s: float | None = None
        self._before: dict[str, float] = {}

    def read(self, at_s: float, cpu_s: float | None, throttling: Mapping[str, float]) -> dict[str, float]:
        """``cpu_ratio``, the mean number of cores in use since the sample before; ``cpu_throttled_ratio``, the share of
        the quota's periods since then in which it was used up; and the counters of the periods themselves.

        ``at_s``: by the clock of whoever counts. A counter that fell, and what was read at the same instant as before,
        tell of no time in between.
        """
        now = dict(throttling) | ({} if cpu_s is None else {"cpu_s": cpu_s})
        values = {COUNTERS[name]: value for name, value in throttling.items()}
        before, before_s = self._before, self._read_s
        if before_s is not None and at_s <= before_s:
            return values
        self._before, self._read_s = now, at_s
        gone = {name: now[name] - before[name] for name in now.keys() & before.keys()}
        if before_s is None or any(value < 0 for value in gone.values()):
            return values
        if "cpu_s" in gone:
            values["cpu_ratio"] = gone["cpu_s"] / (at_s - before_s)
        if {"periods", "throttled_periods"} <= gone.keys():
            # Without any period nothing wanted to run.
            share = gone["throttled_periods"] / gone["periods"] if gone["periods"] > 0 else 0.0
            values["cpu_throttled_ratio"] = min(1.0, share)
        return values
