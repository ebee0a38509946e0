"""Ground truth of the circuit breaker: real runs against the reference target, whose account has to agree.

Each case is a way in which the upstream fails × a defect of the breaker. Expected is an outcome of every criterion:

- Without a defect all of them pass. Each instance's opening and closing must lie in the interval that was found for it,
  by the breaker's own ``transitions``; the calls counted while it was open must be its half-open probes; the probes
  and half-open periods are counted exactly.
- ``breaker_never_opens`` fails ``breaker_opens`` and ``breaker_leak_through``; what then cannot be judged (fast
  failures, closing, flaps) is INCONCLUSIVE; the leak-through must be 1.
- ``breaker_never_closes`` fails ``breaker_closes``, and by definition ``error_ratio`` in the recovery, which a breaker
  that stays open fails. Everything else passes.

In every case the upstream must have received exactly the requests that did not fail fast, and be healed at the end.
``python -m tests.ground_truth.breaker [--runs 2]`` runs all cases.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from harness.analysis.breaker import Measured, Settings, measure
from harness.analysis.breaker_clients import BREAKER_OPEN
from harness.findings import Outcome, Verdict
from harness.recording import Recording
from harness.recording_file import read
from harness.reference import options_for, reference_target
from harness.verdict import judge
from target.loopback_http import ask

ROOT = Path(__file__).parent.parent.parent
SWITCHED_WITHIN_S = 0.1
"""The mark of a fault is set when its request was answered; it took effect somewhat earlier."""
PHASES = {"baseline_s": 8, "hold_s": 12, "recovery_s": 14}
PASS, INCONCLUSIVE, FAIL = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL
HEALTHY: Mapping[str, Outcome] = dict.fromkeys(
    (
        *("breaker_opens", "breaker_leak_through", "fast_fail_latency", "breaker_closes", "breaker_flaps"),
        *("error_ratio_baseline", "error_ratio_recovery"),
    ),
    PASS,
)
EXPECTED: Mapping[str, Mapping[str, Outcome]] = {
    "": HEALTHY,
    "breaker_never_opens": {
        **HEALTHY,
        **dict.fromkeys(("breaker_opens", "breaker_leak_through"), FAIL),
        **dict.fromkeys(("fast_fail_latency", "breaker_closes", "breaker_flaps"), INCONCLUSIVE),
    },
    "breaker_never_closes": {**HEALTHY, **dict.fromkeys(("breaker_closes", "error_ratio_recovery"), FAIL)},
}


@dataclass(frozen=True)
class Case:
    failure: str
    """``errors``, ``slowness`` or ``hang``."""
    defect: str = ""
    """Fault of the reference target; empty for none."""

    def __str__(self) -> str:
        return f"{self.failure} {self.defect or 'healthy'}"


CASES = tuple(Case(failure, defect) for defect in EXPECTED for failure in ("errors", "slowness", "hang"))


@dataclass(frozen=True)
class Account:
    """What the target says of itself after the run; instants are CLOCK_MONOTONIC seconds."""

    failing_since_s: float
    received: int
    """Calls of the upstream in all."""
    healed: bool
    breakers: Mapping[str, Mapping[str, Any]]
    """Host and port of each API process → its ``/quote/breaker``."""


def run(case: Case) -> list[str]:
    """Everything in which a run and the truth disagree; empty when it is right."""
    with reference_target() as (target, _), tempfile.TemporaryDirectory(prefix="springback-truth-") as directory:
        if case.defect:
            for api in target["apis"]:
                switch = api["url"] + target["faults"]["path"]
                reply = ask("PUT", switch, target["faults"]["token"], {"fault": case.defect, "parameters": {}})
                assert reply.status == 200, reply
        since_s = _locust(case, target, Path(directory))
        account = _account(target, since_s)
        (run_directory,) = Path(directory).iterdir()
        recording = read(run_directory)
    return compare(case, recording, judge(recording), account)


def _locust(case: Case, target: Mapping[str, Any], runs_dir: Path) -> float:
    """Runs the scenario, and looks meanwhile since when the upstream fails."""
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "circuit_breaker.py"), "--headless"]
    command += ["--host", target["url"], "--runs-dir", str(runs_dir), "--failure", case.failure]
    command += ["--without", "recovery_time", "--loglevel", "ERROR", "--only-summary"]
    for name, value in PHASES.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    said = runs_dir.parent / f"{runs_dir.name}.log"
    with said.open("w+") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **options_for(target)}, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
        since_s = math.nan
        try:
            while process.poll() is None:
                active = _active(target)
                since_s = active["since"] if active else since_s
                time.sleep(0.2)
        finally:
            process.terminate()
            process.wait(30)
        log.seek(0)
        words = log.read()
    said.unlink()
    assert process.returncode in {outcome.exit_code for outcome in Outcome}, words[-2000:]
    return since_s


def _active(target: Mapping[str, Any]) -> dict[str, Any] | None:
    upstream = target["upstream"]
    found: dict[str, Any] | None = ask("GET", upstream["url"] + upstream["path"], upstream["token"]).document["active"]
    return found


def _account(target: Mapping[str, Any], since_s: float) -> Account:
    return Account(
        failing_since_s=since_s,
        received=ask("GET", target["upstream"]["url"] + "/calls").document["received"],
        healed=_active(target) is None,
        breakers={
            api["url"].rpartition("/")[2]: ask("GET", api["url"] + "/quote/breaker").document for api in target["apis"]
        },
    )


def compare(case: Case, recording: Recording, verdict: Verdict, account: Account) -> list[str]:
    """The findings against what is expected, and the figures against the account."""
    wrong = [
        f"guard {finding.criterion} {finding.outcome.value}: {finding.reason}"
        for finding in verdict.findings
        if finding.is_guard and finding.outcome is not PASS
    ]
    for name, expected in EXPECTED[case.defect].items():
        finding = next(one for one in verdict.findings if one.criterion == name)
        if finding.outcome is not expected:
            wrong.append(f"{name} {finding.outcome.value} and not {expected.value}: {finding.reason}")
    if not account.healed:
        wrong.append("the upstream still fails")
    sent = sum(piece.count for piece in recording.slices if piece.outcome != BREAKER_OPEN)
    if account.received != sent:
        wrong.append(f"{account.received} calls at the upstream, {sent} requests that did not fail fast")
    found = measure(recording, Settings())
    if case.defect == "breaker_never_opens":
        if found.leak is None or not found.leak.interval[0] <= 1 <= found.leak.interval[1]:
            wrong.append(f"every request was a call, and the leak-through is {found.leak}")
        return wrong
    zero_s = account.failing_since_s - found.injected_s
    for instance in found.instances:
        truth = account.breakers[instance.source]
        wrong += _instants(instance.source, found, truth, zero_s)
        periods = sum(one["state"] == "half_open" for one in truth["transitions"])
        if not instance.probes == truth["probes"] == instance.half_opens == periods:
            wrong.append(
                f"{instance.source}: {truth['probes']} probes in {periods} half-open periods, "
                f"found {instance.probes} in {instance.half_opens}"
            )
    return wrong + _calls(found, account, zero_s)


def _instants(source: str, found: Measured, truth: Mapping[str, Any], zero_s: float) -> list[str]:
    """Opening and closing of one instance."""
    instance = next(one for one in found.instances if one.source == source)
    changes = [(one["at"] - zero_s, one["state"]) for one in truth["transitions"]]
    opened_s = next(t for t, state in changes if state == "open")
    closed_s = next((t for t, state in reversed(changes) if state == "closed"), math.inf)
    wrong = []
    for what, moment, real_s in (("opened", instance.opened, opened_s), ("closed", instance.closed, closed_s)):
        if moment is None or not moment.after_s - SWITCHED_WITHIN_S <= real_s <= moment.by_s + SWITCHED_WITHIN_S:
            wrong.append(f"{source} {what} at {real_s:.3f} s, found {moment}")
    return wrong


def _calls(found: Measured, account: Account, zero_s: float) -> list[str]:
    """While all breakers are open, what reaches the upstream are their probes: between two reads of its counter, which
    came up to a sampling interval after the sample had begun.
    """
    if found.leak is None:
        return ["no leak-through was measured"]
    probes = [
        one["at"] - zero_s
        for breaker in account.breakers.values()
        for one in breaker["transitions"]
        if one["state"] == "half_open"
    ]
    fewest = sum(found.leak.begin_s + 1 < t <= found.leak.end_s for t in probes)
    most = sum(found.leak.begin_s < t <= found.leak.end_s + 1 for t in probes)
    if fewest <= found.leak.calls <= most:
        return []
    return [f"{found.leak.calls:g} calls counted while open, and {fewest} to {most} probes"]


@click.command()
@click.option("--runs", default=2, show_default=True, type=click.IntRange(1), help="Runs of each case.")
@click.option("--only", default="", help="Only cases whose name contains this.")
def main(runs: int, only: str) -> None:
    """Run every case RUNS times, taken in turn."""
    failed = False
    for number in range(runs):
        for case in CASES:
            if only in str(case):
                wrong = run(case)
                failed = failed or bool(wrong)
                print(f"{number + 1}/{runs} {case}: {'; '.join(wrong) or 'right'}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
