"""From an interval and an upper limit to an outcome, and numbers in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.findings import BASELINE, Outcome
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import CENSORED, Scalar


def against(limit: float, interval: tuple[float, float]) -> Outcome:
    """PASS when the whole interval is within the limit, FAIL when the whole of it is outside, else
    INCONCLUSIVE.
    """
    low, high = interval
    if high <= limit:
        return Outcome.PASS
    return Outcome.FAIL if low > limit else Outcome.INCONCLUSIVE


def no_phase(recording: Recording, name: str) -> str:
    """The reason when a run has no phase of that name."""
    there = ", ".join(phase.name for phase in recording.header.phases) or "none"
    return f"the run has no phase {name!r}; its phases are {there}"


def titled(title: str, requests: str) -> str:
    """The title of a finding about some requests only, with their name."""
    return f"{title}, {requests}" if requests else title


def with_remedy(reason: str, remedy: str) -> str:
    """A reason, and what the scenario says would change it, if it says so."""
    return f"{reason}: {remedy}" if remedy else reason


def unanswered(requests: int) -> dict[str, Scalar]:
    """Evidence of the requests that had no answer when the run was cut off; none where there are none."""
    return {CENSORED: requests} if requests else {}


def phases_from(recording: Recording, first: str) -> tuple[Phase, ...]:
    """The phase of that name and all that begin later; empty when there is no such phase."""
    opening = recording.phase(first)
    if opening is None:
        return ()
    return tuple(phase for phase in recording.header.phases if phase.start_s >= opening.start_s)


def phases_under_load(recording: Recording, first: str) -> tuple[Phase, ...]:
    """As :func:`phases_from`; where classes of users have levels of their own, no phase need be called so, and all that
    follow the baseline are meant.
    """
    header = recording.header
    if header.phase(first) is None and any(each.level for each in header.classes):
        return tuple(phase for phase in header.phases if phase.name != BASELINE)
    return phases_from(recording, first)


def seconds(value_s: float) -> str:
    """A duration as people write it: ``7.23 s``, ``85 ms``."""
    if math.isinf(value_s):
        return "unbounded"
    if abs(value_s) < 0.9995:  # from there on it is 1 s, in three digits
        return f"{value_s * 1000:.3g} ms"
    return f"{value_s:.1f} s" if value_s >= 99.95 else f"{value_s:.3g} s"


def percent(ratio: float) -> str:
    value = ratio * 100
    return f"{value:,.0f} %" if abs(value) >= 999.5 else f"{value:.3g} %"


def most_common_cause(causes: Mapping[str, int]) -> str:
    """The first of these counts per cause, which are in descending order: ``most of them with http 503 (12)``."""
    cause, count = next(iter(causes.items()))
    return f"{'most' if len(causes) > 1 else 'all'} of them with {cause} ({count:,})"


def megabytes(value_bytes: float) -> str:
    return f"{round(value_bytes / 1e6, 1) + 0.0:,.1f} MB"  # + 0.0 makes −0.0 a plain zero
