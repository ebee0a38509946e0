"""What a run's criteria look like so far: those whose figure the live state has, against their limits.

No finding is made before the end: a figure on the right side of its limit is not proven, and one on the wrong side may
come back. The criteria judge from the recording.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis import histogram
from harness.analysis.alert_episodes import Condition
from harness.live.phase_tally import PhaseTally
from harness.live.recovery_clock import RecoveryState
from harness.recording.header import CriterionSpec

WITHIN, BEYOND, OPEN = "within", "beyond", "open"


@dataclass(frozen=True)
class CriterionSoFar:
    criterion: str
    """The name of its file."""
    title: str
    figure: float | None
    """None: not known, or not before the end."""
    limit: float | None
    unit: str
    state: str
    """``within`` or ``beyond`` its limit so far, or ``open``."""


def criteria_so_far(
    criteria: Sequence[CriterionSpec],
    phases: Sequence[PhaseTally],
    conditions: Sequence[Condition],
    recovery: RecoveryState | None,
    titles: Mapping[str, str],
) -> Iterator[CriterionSoFar]:
    """One for each criterion, in their order; ``criteria`` name all their parameters. ``titles``: how reports call
    their findings.
    """
    by_name = {tally.phase.name: tally for tally in phases}
    for spec in criteria:
        given: Mapping[str, Any] = spec.parameters
        name = str(given.get("phase", ""))
        phase = by_name.get(name)
        tally = None if phase is None else phase.of_pattern(str(given.get("requests", "") or ""))
        of_requests = f", {given['requests']}" if given.get("requests") else ""
        about = f" in the {name}{of_requests}"
        match spec.criterion:
            case "error_ratio":
                ratio = tally.failed / tally.intended if tally is not None and tally.intended else None
                yield _so_far(spec, f"error ratio{about}", ratio, float(given["limit"]), "ratio")
            case "latency_quantile":
                q = float(given["quantile"])
                us = None
                if phase is not None and tally is phase.total:
                    us = phase.quantile_us(q, tally.failed)
                elif tally is not None:
                    us = histogram.quantile_us(tally.latency, q, tally.failed)
                limit_s = float(given["limit_s"])
                yield _so_far(spec, f"p{q * 100:g} latency{about}", None if us is None else us / 1e6, limit_s, "s")
            case "recovery_time":
                limit_s = float(given["limit_s"])
                title = f"recovery after the spike{of_requests}"
                if recovery is None or of_requests:  # the clock is that of all requests
                    yield CriterionSoFar(spec.criterion, title, None, limit_s, "s", OPEN)
                else:
                    took_s = recovery.normal_after_s
                    figure_s = recovery.since_spike_s if took_s is None else took_s
                    is_open = took_s is None and figure_s <= limit_s
                    state = OPEN if is_open else WITHIN if figure_s <= limit_s else BEYOND
                    yield CriterionSoFar(spec.criterion, title, figure_s, limit_s, "s", state)
            case "memory_growth":
                seen = next((each for each in conditions if each.alert == "memory growth"), None)
                limit_bytes = float(given["limit_bytes"])
                yield _so_far(spec, "memory growth of the target", seen.figure if seen else None, limit_bytes, "bytes")
            case other:
                title = str(given.get("name") or "").replace("_", " ") or titles.get(other) or other.replace("_", " ")
                yield CriterionSoFar(other, title, None, None, "", OPEN)


def _so_far(spec: CriterionSpec, title: str, figure: float | None, limit: float, unit: str) -> CriterionSoFar:
    if figure is None:
        return CriterionSoFar(spec.criterion, title, None, limit, unit, OPEN)
    state = WITHIN if figure <= limit else BEYOND
    return CriterionSoFar(spec.criterion, title, None if math.isinf(figure) else figure, limit, unit, state)
