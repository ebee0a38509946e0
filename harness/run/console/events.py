"""The run as JSON, one document a line, for programs; docs/observability.md says what each holds."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from typing import Any, TextIO

from harness.analysis.target_memory import memory_key
from harness.live.state import SETTLES_S, LiveState
from harness.run.console.plan import Course, ShownPlan, quiet_s


class Events:
    """Writes to ``stream``, and nothing else may while the run goes."""

    def __init__(self, plan: ShownPlan, live: LiveState, stream: TextIO) -> None:
        self._plan = plan
        self._live = live
        self._stream = stream
        self._course = Course(plan.profile)
        self._next_s = 0
        self._now_s = 0.0
        phases = [{"phase": each.name, "start_s": each.start_s, "end_s": each.end_s} for each in plan.profile.phases]
        self.tell(
            "",
            {
                "event": "run",
                "run": plan.run,
                "scenario": plan.scenario,
                "target": plan.target,
                "phases": phases,
                "level_unit": plan.level_unit,
            },
        )

    def tell(self, text: str, event: Mapping[str, object]) -> None:
        print_event({**event, "text": text} if text else event, self._stream)

    def show(self, t: float | None) -> None:
        self._now_s = min(t or 0.0, self._plan.profile.duration_s)
        if quiet_s(self._plan.profile, t) is not None:
            return
        for name, _ in self._course.begun(t):
            self.tell("", {"event": "phase", "phase": name, "t": 0 if t is None else round(t, 3)})
        self._tell_seconds(self._now_s - SETTLES_S)

    def close(self) -> None:
        """Also the last seconds are told: nothing comes after."""
        self._tell_seconds(self._now_s)

    def _tell_seconds(self, until_s: float) -> None:
        """Those that were over then, each once."""
        while self._next_s + 1 <= until_s:
            self._tell_second(self._next_s)
            self._next_s += 1

    def _tell_second(self, t: int) -> None:
        point = self._live.series.point(t)
        figures = [each for key, each in self._live.series.figures.items() if key[2] == memory_key(key[0])]
        latest = [each.latest[1] for each in figures]
        self.tell(
            "",
            {
                "event": "second",
                "t": t,
                "phase": self._plan.stretch(t),
                "level": self._plan.level.at(t + 0.5),
                "made": point.made,
                "ok": point.ok,
                "failed": point.failed,
                "shed": point.shed,
                "waiting": point.waiting,
                "causes": dict(point.causes),
                "p50_s": point.p50_s,
                "p95_s": point.p95_s,
                "p99_s": point.p99_s,
                "memory_bytes": sum(latest) if latest else None,
            },
        )


def print_event(event: Mapping[str, object], stream: TextIO) -> None:
    """One line of ASCII. Whoever reads it may have gone: the run goes on."""
    with contextlib.suppress(OSError, ValueError):
        stream.write(json.dumps({key: _plain(value) for key, value in event.items()}) + "\n")
        stream.flush()


def _plain(value: Any) -> Any:
    """JSON knows no infinity: such a figure is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
