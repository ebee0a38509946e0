"""Do the users of a closed model ask as often as before? Who waits for an answer, or stays away after a failure, asks
nothing that would be bad: where a quarter of the users get no answer for half a minute each time, nearly all requests
are those of the others, and are good.

A user's time per good answer is its pause and the answer's latency. Of the pause nobody knows but from the baseline; of
the latency each phase tells, and that it may be longer is judged elsewhere. So the baseline's time per good answer, and
by as much more as the answers take longer, is what each user should need. An answer beyond the SLO counts as one that
took as long as that: who waits for it is who is looked for.
"""

from __future__ import annotations

from harness.analysis import histogram, phases
from harness.analysis.lazy import FloatArray, np
from harness.criteria.recovery._baseline_band import SHARE_FLOOR, larger
from harness.recording import Recording
from harness.recording.header import STARTS_PER_S, Phase
from harness.recording.values import OK


def pace_kept(recording: Recording, window_s: int, baseline: Phase, last: Phase, slo_s: float) -> float | None:
    """Good answers of a planned user in ``last`` ÷ as many as there would be at the baseline's pace, where that is
    proven (Welch's test of the windows) to be below 0.9, as of all users a tenth may be served worse. None where it is
    not, in the open model, and where classes of users or herds have levels of their own.
    """
    header = recording.header
    if header.level_unit == STARTS_PER_S or header.gates or any(each.level for each in header.classes):
        return None
    before, since = (_answers_per_user_s(recording, window_s, phase) for phase in (baseline, last))
    if not len(before) or not len(since) or not before.mean():
        return None
    usual_s, now_s = (_mean_latency_s(recording, phase, slo_s) for phase in (baseline, last))
    longer = 1 + max(0.0, now_s - usual_s) * before.mean()
    if not larger(since * longer, before * (1 - SHARE_FLOOR)):
        return None
    return float(since.mean() * longer / before.mean())


def _answers_per_user_s(recording: Recording, window_s: int, phase: Phase) -> FloatArray:
    """Of each window for which users were planned, good answers ÷ (users · seconds)."""
    count = phase.duration_s // window_s
    at_s, users = zip(*recording.header.level, strict=True) if recording.header.level else ((0.0,), (0.0,))
    middles_s = phase.start_s + np.arange(count * window_s) + 0.5
    user_s = np.interp(middles_s, at_s, users, left=0.0, right=0.0).reshape(count, window_s).sum(axis=1)
    good = np.zeros(count)
    for piece in phases.slices_of(recording, phase):
        if piece.outcome == OK and (position := (piece.t - phase.start_s) // window_s) < count:
            good[position] += piece.count
    return np.asarray(good[user_s > 0] / user_s[user_s > 0], dtype=np.float64)


def _mean_latency_s(recording: Recording, phase: Phase, at_most_s: float) -> float:
    latency = phases.of_phase(recording, phase).latency
    middles_us = {index: sum(histogram.bucket_bounds_us(index)) / 2 for index in latency}
    total_us = sum(count * min(middles_us[index], at_most_s * 1e6) for index, count in latency.items())
    return total_us / 1e6 / max(1, histogram.total(latency))
