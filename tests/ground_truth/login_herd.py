"""Ground truth of the login herd.

- ``session_leak``: ``memory_growth`` fails near the bytes that the fault says it kept, and it kept one session a login.
- ``slow_drain``: ``recovery_time`` passes near the seconds that the fault was given.
- ``latency_quantile``, and for the leak ``recovery_time``, also depend on how busy the machine is: told, not judged.
"""

from __future__ import annotations

from harness.recording import Recording
from harness.recording.values import OK
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, PASS, Case, Compared, Run, flags, shortened

LEAK_BYTES_PER_LOGIN = 400_000
LEAK_TOLERANCE_RATIO = 0.15
DRAIN_TOLERANCE_S = 1.5
WIDEST_S = 4.0
"""Of the interval of a recovery that says anything of one that takes five seconds."""
FEW_LOGINS = 10
"""So many logins may have been counted that the recording does not have as answered well: before its first second, or
answered when the run was over.
"""


def _counted(found: Run) -> Compared:
    logins, recorded = found.account["logins"], _answered(found.recording)
    wrong = [] if 0 <= logins - recorded <= FEW_LOGINS else [f"{logins:g} logins by the target, {recorded} recorded"]
    return Compared(wrong, recorded, logins, "logins")


def _kept(found: Run) -> Compared:
    recorded, kept = _answered(found.recording), found.account["kept_bytes"] / LEAK_BYTES_PER_LOGIN
    wrong = [] if 0 <= kept - recorded <= FEW_LOGINS else [f"{kept:g} logins kept by the fault, {recorded} recorded"]
    figure, truth = found.finding("memory_growth").figure, leaked_bytes(found.recording, found.account["kept_bytes"])
    if figure is None or abs(figure - truth) > LEAK_TOLERANCE_RATIO * truth:
        wrong.append(f"{figure} bytes found, {truth:.0f} true")
    return Compared(wrong, figure, truth, "bytes")


def _drained(found: Run) -> Compared:
    finding, truth = found.finding("recovery_time"), found.case.parameters["seconds"]
    figure, (low, high) = finding.figure, finding.interval or (None, None)
    # The interval is of whole seconds on both sides, and the herd's own logins come after the fault on a slow machine.
    covers = low is not None and high is not None and low <= truth <= high <= low + WIDEST_S
    near = figure is not None and (abs(figure - truth) <= DRAIN_TOLERANCE_S or covers)
    return Compared([] if near else [f"{figure} s found, {truth} s true"], figure, truth, "s")


def leaked_bytes(recording: Recording, kept_bytes: float) -> float:
    """What the fault kept between the middle of the baseline and the middle of the last tenth of the recovery.

    How much it kept in all, it says itself; the recording says which share of the logins was in that stretch.
    """
    baseline, recovery = recording.phase("baseline"), recording.phase("recovery")
    assert baseline is not None
    assert recovery is not None
    begin = (baseline.start_s + baseline.end_s) / 2
    end = recovery.end_s - recovery.duration_s / 20
    good = [piece for piece in recording.slices if piece.outcome == OK]
    inside = sum(piece.count * max(0.0, min(piece.t + 1, end) - max(piece.t, begin)) for piece in good)
    return kept_bytes * inside / sum(piece.count for piece in good)


def _answered(recording: Recording) -> int:
    return sum(piece.count for piece in recording.slices if piece.outcome == OK)


def _slow_drain(seconds: int) -> Case:
    return Case(
        *(f"slow_drain {seconds} s", "login_herd", "slow_drain", {"seconds": seconds}, {"recovery_time": PASS}),
        follow=frozenset({"latency_quantile"}),
        rest=INCONCLUSIVE,
        check=_drained,
        options=flags(recovery_s=seconds + 15),
    )


HEALTHY = Case("healthy", "login_herd", check=_counted, options=flags(recovery_s=15))
LEAK = Case(
    *("session_leak", "login_herd", "session_leak", {"bytes_per_login": LEAK_BYTES_PER_LOGIN}, {"memory_growth": FAIL}),
    follow=frozenset({"latency_quantile", "recovery_time"}),
    rest=INCONCLUSIVE,
    check=_kept,
    options=flags(recovery_s=15),
)
CASES = (HEALTHY, LEAK, _slow_drain(5), _slow_drain(10), _slow_drain(20))
SHORT = (shortened(LEAK, baseline_s=10, recovery_s=10), _slow_drain(5))
