"""Figures of each phase while a run goes, read from its recording, and only when somebody looks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.histogram import quantile_us
from harness.recording import OK, Slice
from harness.recording_file import decode
from shapes._profile import Phase

STEP_BYTES = 64 * 1024
"""Read at once at the most: about a millisecond's work. Who looks late catches up over a few looks."""
SLICE = b'{"kind":"slice"'


@dataclass(frozen=True)
class PhaseFigures:
    """Requests of a phase that were answered or given up so far, by their intended start."""

    phase: str
    start_s: int
    end_s: int
    requests: int
    failed: int
    p95_ms: float | None
    """From the intended start to the end of the answer; of those that succeeded."""


class Figures:
    """Adds up a recording that still grows."""

    def __init__(self, recording: Path, phases: tuple[Phase, ...]) -> None:
        self._recording = recording
        self._phases = phases
        self._offset = 0
        self._requests: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._latency: dict[str, Counter[int]] = {phase.name: Counter() for phase in phases}

    def look(self) -> tuple[PhaseFigures, ...]:
        for line in self._new_lines():
            if line.startswith(SLICE):
                self._add(decode(line.decode()))
        return tuple(
            PhaseFigures(
                phase=phase.name,
                start_s=phase.start_s,
                end_s=phase.end_s,
                requests=self._requests[phase.name],
                failed=self._failed[phase.name],
                p95_ms=self._p95_ms(phase.name),
            )
            for phase in self._phases
        )

    def _new_lines(self) -> list[bytes]:
        try:
            with self._recording.open("rb") as file:
                file.seek(self._offset)
                text = file.read(STEP_BYTES)
                if b"\n" not in text:
                    text += file.readline()
        except OSError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.splitlines()

    def _add(self, line: object) -> None:
        if not isinstance(line, Slice):
            return
        phase = next((p.name for p in self._phases if p.start_s <= line.t < p.end_s), None)
        if phase is not None:
            self._requests[phase] += line.count
            if line.outcome == OK:
                self._latency[phase].update(line.latency)
            else:
                self._failed[phase] += line.count

    def _p95_ms(self, phase: str) -> float | None:
        value_us = quantile_us(self._latency[phase], 0.95) if self._latency[phase] else None
        return None if value_us is None else round(value_us / 1000, 1)
