"""How long ago the spike was, and for how long no alert has held since: what is known while a run goes. Whether the
service has recovered, and when, is judged afterwards, by the criterion ``recovery_time``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.alerts import Episode
from harness.recording_header import Phase

RECOVERY = "recovery"


@dataclass(frozen=True)
class RecoveryClock:
    since_spike_s: float
    calm_s: float | None
    """For how long no alert has held, since the spike; None while one does."""


def recovery_clock(phases: Sequence[Phase], episodes: Iterable[Episode], t: float) -> RecoveryClock | None:
    """At ``t`` seconds after the origin; None before the recovery, and in a run without one."""
    begins_s = next((phase.start_s for phase in phases if phase.name == RECOVERY), None)
    if begins_s is None or t < begins_s:
        return None
    known = [each for each in episodes if each.worst.limit is not None]  # the others are events, and no trouble
    if any(each.end_s is None for each in known):
        return RecoveryClock(t - begins_s, None)
    ended_s = max((each.end_s for each in known if each.end_s is not None), default=0.0)
    return RecoveryClock(t - begins_s, max(0.0, t - max(ended_s, begins_s)))
