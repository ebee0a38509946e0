"""Connect storm: ten thousand WebSockets opened at one instant by one process, all cut at another, and opened again."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from benchmarks._contest import Table, bare_target, descriptors, locust, spread
from harness.analysis import histogram, phases
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import OK

ROUNDS = 1
USERS = 10_000
SPARE = 500
SHARE = 0.99
STORMS = {"spike": "connect", "drop": "reconnect"}
"""Phase → by which name its handshakes are recorded."""


def run(rounds: int) -> list[Table]:
    users = min(USERS, descriptors(2 * USERS) - SPARE)
    recordings = []
    with bare_target(kind="_websocket_target") as url:
        for _ in range(rounds):
            recording = locust("websocket_storm.py", url, variables={"USERS": str(users)})
            assert recording is not None
            recordings.append(recording)
    rows = tuple(
        (f"{name}, {users:,}", *_row([_figures(recording, phase, name, users) for recording in recordings]))
        for phase, name in STORMS.items()
    )
    note = (
        "One load process on 2 cores shared with a bare server in Python, one process. Up: from the instant of the "
        "release, or of the cut, until 99 % have their connection (of those who come back, one that stays for a "
        "second); they wait up to half a second before, so that they do not all come at once. Lag: the latest that a "
        f"timer of the load process was, in all of the phase. Median (range) of {rounds} rounds."
    )
    heads = ("storm", "99 % up after", "share that came up", "loop lag at most", "CPU of the load process")
    return [Table("Connect storm", heads, rows, note)]


def _row(figures: Sequence[tuple[float, float, float, float]]) -> tuple[str, ...]:
    up_s, share, lag_ms, cpu = zip(*figures, strict=True)
    return spread(up_s, "s", 2), f"{100 * statistics.median(share):.2f} %", spread(lag_ms, "ms", 0), spread(cpu, "s", 1)


def _figures(recording: Recording, phase_name: str, name: str, users: int) -> tuple[float, float, float, float]:
    phase = recording.phase(phase_name)
    assert phase is not None
    found = phases.slices_of(phases.only(recording, f"WS /feed {name}"), phase)
    up = histogram.merge(piece.latency for piece in found if piece.outcome == OK)
    last_us = histogram.quantile_us(up, SHARE, max(0, users - histogram.total(up)))
    return (
        math.inf if last_us is None else last_us / 1e6,
        histogram.total(up) / users,
        1000 * max(_vital(recording, phase, "loop_lag_s")),
        sum(_vital(recording, phase, "cpu_ratio")),
    )


def _vital(recording: Recording, phase: Phase, name: str) -> list[float]:
    """Of each second of the phase."""
    return [
        sample.values[name]
        for sample in recording.probes
        if name in sample.values and phase.start_s < sample.t <= phase.end_s + 1
    ]
