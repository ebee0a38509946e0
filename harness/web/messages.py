"""The messages of the live page: JSON with the key ``kind``, without secrets. Who gets which is in ``updates.py``.

``plan`` (of a run, before all else), ``points`` (seconds and sampled figures), ``names`` (requests by name), ``state``
(all else), and from ``updates.py`` ``quiet`` (nothing is told for so many seconds) and ``beat`` (nothing is new).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import msgspec

from harness import criteria
from harness.live.phase_tally import NameFigures
from harness.live.series import HEAT_ROWS_PER_DOUBLING, MOST_SECONDS, Figure, Point, heat_floor_s
from harness.live.subjects import Subjects
from harness.recording.header import STARTS_PER_S
from harness.run.locust_output import hidden, hidden_in
from harness.run.run import Run
from harness.web.status import Status
from shapes._profile import Polyline

MOST_FIGURES = 60
LONGEST_PLAN_S, MOST_PLANNED_S = 100_000, 16_384


class Messages:
    """``secrets`` are those that no page may show."""

    def __init__(self, secrets: Callable[[], Collection[str]]) -> None:
        self._secrets = secrets
        self._texts: dict[str, str] = {}
        """Request names and the like → as they may be shown."""
        self._starts: dict[str, tuple[int, list[float | None]]] = {}
        """Of the run that was told of last."""

    def begin(self) -> None:
        """Another run, which may have other secrets."""
        self._texts = {}

    def plan(self, run: Run) -> dict[str, Any]:
        """What is known before the run begins, and how the rest is to be read."""
        header = run.header
        return {
            "kind": "plan",
            "run": run.name,
            "phases": [[phase.name, phase.start_s, phase.end_s] for phase in header.phases],
            "planned": self._planned(run),
            "gates": [[gate.t, gate.users, gate.gate] for gate in header.gates],
            "faults": [[fault.start_s, fault.end_s, fault.fault] for fault in header.faults],
            "limits": {"p95_s": run.live.limits.p95_s, "error_ratio": run.live.limits.error_ratio},
            "heat": {"floor_s": heat_floor_s(1) / 2 ** (1 / HEAT_ROWS_PER_DOUBLING), "rows": HEAT_ROWS_PER_DOUBLING},
            "most_seconds": MOST_SECONDS,
        }

    def _planned(self, run: Run) -> tuple[int, list[float | None]]:
        """The first second that is told of, and the starts that are planned in each from it on: the area under the
        level, and the herds. None where the plan is of users. Of a very long plan the last part, as much as is kept.
        """
        header = run.header
        if run.name not in self._starts:
            end_s = min(LONGEST_PLAN_S, header.planned_end_s)
            first_s = max(0, end_s - MOST_PLANNED_S)
            herds: Counter[int] = Counter()
            for gate in header.gates:
                herds[math.floor(gate.t)] += gate.users
            is_open = header.level_unit == STARTS_PER_S
            level = Polyline(tuple(header.level))
            areas = [level.area_to(t) if is_open else 0.0 for t in range(first_s, end_s + 1)]
            starts = (round(after - before, 3) for before, after in pairwise(areas))
            seconds = range(first_s, end_s)
            every = [s + herds[t] if is_open else herds[t] or None for t, s in zip(seconds, starts, strict=True)]
            self._starts = {run.name: (first_s, every)}
        return self._starts[run.name]

    def points(self, run: Run, points: list[Point], figures: list[tuple[Figure, str, Any]]) -> dict[str, Any]:
        return {
            "kind": "points",
            "run": run.name,
            "points": [
                [
                    each.t,
                    each.made,
                    each.ok,
                    each.failed,
                    each.shed,
                    each.waiting,
                    each.p50_s,
                    each.p95_s,
                    each.p99_s,
                    {self._shown(cause): count for cause, count in each.causes.items()},
                    [number for pair in sorted(each.heat.items()) for number in pair],
                ]
                for each in points
            ],
            "figures": [
                [figure.probe, self._shown(figure.source), figure.key, subject, values]
                for figure, subject, values in figures
            ],
        }

    def names(self, run: Run, rows: list[tuple[str, NameFigures]]) -> dict[str, Any]:
        shown = [
            [phase, self._shown(each.name), *list(vars(each).values())[1:-1], self._shown(each.cause)]
            for phase, each in rows
        ]
        return {"kind": "names", "run": run.name, "names": shown}

    def figures(self, run: Run) -> list[tuple[Figure, str]]:
        """Those of a subject, with it."""
        subjects = Subjects(run.header, run.live.limits)
        found = [(figure, subjects.of(figure.probe, figure.key)) for figure in run.live.series.figures.values()]
        return [each for each in found if each[1]][:MOST_FIGURES]

    def state(self, run: Run | None, status: Status) -> dict[str, Any]:
        """All else; its texts are also those of libraries and of the target."""
        message: dict[str, Any] = {"kind": "state", "status": asdict(status)}
        if run is None:
            return self._hidden(message)
        live = run.live
        message["alerts"] = [
            [
                each.alert,
                each.start_s,
                each.end_s,
                each.worst.unit,
                _finite(each.worst.figure),
                each.worst.limit,
                each.worst.detail,
            ]
            for each in live.episodes
        ]
        message["moments"] = [[each.t, each.kind, each.text] for each in live.moments]
        message["conditions"] = {
            each.alert: [_finite(each.figure), each.limit, each.unit, each.is_over] for each in live.conditions
        }
        message["criteria_so_far"] = [
            list(vars(each).values())[1:] for each in live.criteria_so_far() if not criteria.is_guard(each.criterion)
        ]
        message["recovery"] = (
            None if live.recovery is None else asdict(live.recovery) | {"has_recovered": live.recovery.has_recovered}
        )
        message["waiting"] = live.series.waiting
        return self._hidden(message)

    def _shown(self, text: str) -> str:
        """Without secrets; the same few texts come every second."""
        if text not in self._texts:
            self._texts[text] = hidden(text, self._secrets())
        return self._texts[text]

    def _hidden(self, message: dict[str, Any]) -> dict[str, Any]:
        without: dict[str, Any] = hidden_in(msgspec.to_builtins(message), self._secrets())
        return without


def _finite(figure: float) -> float | None:
    """None: beyond every answer."""
    return figure if figure < float("inf") else None
