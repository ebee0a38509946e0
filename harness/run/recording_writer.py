"""The chronicle: puts what happens on the run's time axis and into its journal, also what came before the origin."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from harness.recording import End, Mark, ProbeSample
from harness.run.journal import Journal
from harness.sidecar.sampler import RawReading


class Chronicle:
    """Instants are of the monotonic clock; lines get their ``t`` here, seconds after the origin. ``on_sample`` sees
    each sample as it is written.
    """

    def __init__(self, journal: Journal, on_sample: Callable[[ProbeSample], None]) -> None:
        self._journal = journal
        self._on_sample = on_sample
        self._origin_s: float | None = None
        self._early: list[tuple[float, Mark | ProbeSample]] = []

    @property
    def has_origin(self) -> bool:
        return self._origin_s is not None

    def elapsed_s(self) -> float | None:
        """Seconds after the origin; None before there is one."""
        return None if self._origin_s is None else time.monotonic() - self._origin_s

    def set_origin(self, origin_s: float) -> None:
        """Once; what came before is written now."""
        self._origin_s = origin_s
        early, self._early = self._early, []
        for instant_s, line in early:
            self.record(instant_s, line)

    def mark(self, mark: Mark, instant_s: float | None = None) -> None:
        """Records a mark at an instant, or at the present one."""
        self.record(time.monotonic() if instant_s is None else instant_s, mark)

    def reading(self, reading: RawReading) -> None:
        values = {key: round(value, 6) for key, value in reading.values.items()}
        self.record(reading.monotonic_s, ProbeSample(0, reading.probe, reading.source, values, reading.error))

    def record(self, instant_s: float, line: Mark | ProbeSample) -> None:
        if self._origin_s is None:
            self._early.append((instant_s, line))
            return
        placed = replace(line, t=self._t(instant_s))
        self._journal.write(placed)
        if isinstance(placed, ProbeSample):
            self._on_sample(placed)

    def close(self, reason: str, completed: bool, requests: int, unfinished: int) -> None:
        """Writes the last line."""
        if self._origin_s is None:
            self.set_origin(time.monotonic())
        self._journal.write(End(self._t(time.monotonic()), reason, completed, requests, unfinished))
        self._journal.close()

    def _t(self, instant_s: float) -> float:
        assert self._origin_s is not None
        return round(instant_s - self._origin_s, 3)
