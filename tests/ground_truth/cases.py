"""Ground truth: a fault of known size is switched on in the reference target, and a real run has to find that size."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.findings import Finding, Outcome, Verdict
from harness.launch import reference_target
from harness.recording import OK, Recording, read
from harness.verdict import judge

ROOT = Path(__file__).parent.parent.parent
LEAK_BYTES_PER_LOGIN = 400_000
LEAK_TOLERANCE_RATIO = 0.15
DRAIN_TOLERANCE_S = 1.5


@dataclass(frozen=True)
class Case:
    """A fault with its parameters, and how long to watch after the spike so that it can be seen to end."""

    name: str
    fault: str
    parameters: Mapping[str, float]
    recovery_s: int


HEALTHY = Case("healthy", "noop", {}, 15)
LEAK = Case("session_leak", "session_leak", {"bytes_per_login": LEAK_BYTES_PER_LOGIN}, 15)


def slow_drain(seconds: int) -> Case:
    return Case(f"slow_drain {seconds} s", "slow_drain", {"seconds": seconds}, seconds + 15)


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
        (run_directory,) = Path(directory).iterdir()
        recording = read(run_directory)
    return compare(case, recording, judge(recording))


def compare(case: Case, recording: Recording, verdict: Verdict) -> Result:
    """Whether the run found the truth: the size of the fault, by its own criterion and by no other."""
    failed = [finding.criterion for finding in verdict.findings if finding.outcome is not Outcome.PASS]
    told = f"{verdict.outcome.value}: {verdict.reason}"
    if case.fault == "session_leak":
        found, truth = _finding(verdict, "memory_growth"), leaked_bytes(recording)
        near = found.figure is not None and abs(found.figure - truth) <= LEAK_TOLERANCE_RATIO * truth
        return Result(case.name, near and failed == ["memory_growth"], found.figure, truth, "bytes", told)
    found = _finding(verdict, "recovery_time")
    if case.fault == "slow_drain":
        truth = case.parameters["seconds"]
        near = found.figure is not None and abs(found.figure - truth) <= DRAIN_TOLERANCE_S
        return Result(case.name, near and not failed, found.figure, truth, "s", told)
    return Result(case.name, verdict.outcome is Outcome.PASS, found.figure, None, "s", told)


def leaked_bytes(recording: Recording) -> float:
    """What the fault kept between the middle of the baseline and the middle of the last tenth of the recovery.

    Every login that was answered well was kept, so counting them in the recording says how much.
    """
    baseline, recovery = recording.phase("baseline"), recording.phase("recovery")
    assert baseline is not None
    assert recovery is not None
    begin = (baseline.start_s + baseline.end_s) / 2
    end = recovery.end_s - recovery.duration_s / 20
    logins = sum(
        piece.count * max(0.0, min(piece.t + 1, end) - max(piece.t, begin))
        for piece in recording.slices
        if piece.outcome == OK
    )
    return logins * LEAK_BYTES_PER_LOGIN


def _finding(verdict: Verdict, criterion: str) -> Finding:
    return next(finding for finding in verdict.findings if finding.criterion == criterion)


def _command(*words: str, variables: Mapping[str, str] | None = None, accept: set[int] | None = None) -> None:
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
