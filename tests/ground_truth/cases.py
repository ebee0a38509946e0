"""Ground truth: a fault of known size is switched on in the reference target, and a real run has to find that size.

What is judged, and what is only told:

- The healthy target has to pass everything.
- ``session_leak`` and ``slow_drain`` are judged by the fault's own criterion (``memory_growth`` has to fail, near the
  bytes that the fault says it kept; ``recovery_time`` has to pass, near the seconds that the fault was given), and by
  every guard: a run that was none proves nothing. Criteria that neither the fault nor a busy machine can move
  (``error_ratio``, and for the drain ``memory_growth``) must not fail: that would be a defect of the fault, or of
  the criterion.
- The rest (``latency_quantile``, and for the leak ``recovery_time``) also depends on how busy the machine is, which
  these runs do not measure: it is told, and not judged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.findings import Finding, Outcome, Verdict
from harness.recording import OK, Recording
from harness.recording_file import read
from harness.reference import reference_target
from harness.verdict import judge

ROOT = Path(__file__).parent.parent.parent
LEAK_BYTES_PER_LOGIN = 400_000
LEAK_TOLERANCE_RATIO = 0.15
DRAIN_TOLERANCE_S = 1.5
FEW_LOGINS = 10
"""So many logins may have been kept that the recording does not have as answered well: before its first second, or
answered when the run was over.
"""


@dataclass(frozen=True)
class Case:
    """A fault with its parameters, and how long to watch after the spike so that it can be seen to end."""

    name: str
    fault: str
    parameters: Mapping[str, float]
    recovery_s: int
    criterion: str = ""
    """The one that finds the fault."""
    unmoved: tuple[str, ...] = ()
    """Criteria that must not fail, because the fault cannot move them."""


HEALTHY = Case("healthy", "noop", {}, 15)
LEAK = Case(
    *("session_leak", "session_leak", {"bytes_per_login": LEAK_BYTES_PER_LOGIN}, 15),
    criterion="memory_growth",
    unmoved=("error_ratio",),
)


def slow_drain(seconds: int) -> Case:
    return Case(
        *(f"slow_drain {seconds} s", "slow_drain", {"seconds": seconds}, seconds + 15),
        criterion="recovery_time",
        unmoved=("error_ratio", "memory_growth"),
    )


@dataclass(frozen=True)
class Result:
    """What a run found, beside what was true."""

    case: str
    right: bool
    figure: float | None
    truth: float | None
    unit: str
    told: str


def run(case: Case) -> Result:
    """Starts a fresh stack with the fault on, runs the login herd against it, and compares."""
    with reference_target() as (target, state), tempfile.TemporaryDirectory(prefix="springback-truth-") as directory:
        arguments = [f"{name}={value:g}" for name, value in case.parameters.items()]
        _command("target", "fault", case.fault, *arguments, "--state", str(state))
        users = target["users"]
        login = {"SPRINGBACK_USERNAME": users["name_pattern"], "SPRINGBACK_PASSWORD": users["password"]}
        _command(
            *("locust", "-f", str(ROOT / "locustfiles" / "login_herd.py"), "--headless", "--loglevel", "ERROR"),
            *("--only-summary", "--host", target["url"], "--target-state", str(state)),
            *("--recovery-s", str(case.recovery_s), "--runs-dir", directory),
            variables=login,
            accept={outcome.exit_code for outcome in Outcome},
        )
        account = json.loads(_command("target", "fault", "status", "--state", str(state)))["sum"]["status"]
        (run_directory,) = Path(directory).iterdir()
        recording = read(run_directory)
    return compare(case, recording, judge(recording), account)


def compare(case: Case, recording: Recording, verdict: Verdict, account: Mapping[str, float]) -> Result:
    """Whether the run found the truth; what is judged is said at the top of this file."""
    others = [
        f"{finding.criterion} {finding.outcome.value}: {finding.reason}"
        for finding in verdict.findings
        if finding.outcome is not Outcome.PASS and finding.criterion != case.criterion
    ]
    told = "; ".join([f"{verdict.outcome.value}: {verdict.reason}", *others])
    if not case.criterion:
        figure = _finding(verdict, "recovery_time").figure
        return Result(case.name, verdict.outcome is Outcome.PASS, figure, None, "s", told)
    sound = all(finding.outcome is Outcome.PASS for finding in verdict.findings if finding.is_guard) and not any(
        _finding(verdict, name).outcome is Outcome.FAIL for name in case.unmoved
    )
    found = _finding(verdict, case.criterion)
    if case.fault == "session_leak":
        kept = account["kept_bytes"] / LEAK_BYTES_PER_LOGIN
        recorded = sum(piece.count for piece in recording.slices if piece.outcome == OK)
        truth = leaked_bytes(recording, account["kept_bytes"])
        agree = 0 <= kept - recorded <= FEW_LOGINS
        near = found.figure is not None and abs(found.figure - truth) <= LEAK_TOLERANCE_RATIO * truth
        told = f"{kept:g} logins kept by the fault, {recorded} answered well in the recording; {told}"
        return Result(
            case.name, sound and agree and near and found.outcome is Outcome.FAIL, found.figure, truth, "bytes", told
        )
    truth = case.parameters["seconds"]
    near = found.figure is not None and abs(found.figure - truth) <= DRAIN_TOLERANCE_S
    return Result(case.name, sound and near and found.outcome is Outcome.PASS, found.figure, truth, "s", told)


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


def _finding(verdict: Verdict, criterion: str) -> Finding:
    return next(finding for finding in verdict.findings if finding.criterion == criterion)


def _command(*words: str, variables: Mapping[str, str] | None = None, accept: set[int] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env={**os.environ, **(variables or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode not in (accept or {0}):
        raise RuntimeError(f"{' '.join(words[:3])} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
