"""Ground truth of the WebSocket avalanche: each fault of the feed, and what a run has to find.

- The healthy target passes everything; the drop is then the target's own ``drop_all``, as planned.
- In the other cases the clients cut their connections themselves, because one fault at a time is on.
- A case names the one criterion that fails. No other criterion may, except those that the fault is bound to move.
- The truth is the fault's own account (``status``), not what was asked for.

``python -m tests.ground_truth.avalanche [RUNS]`` runs the table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness import criteria
from harness.analysis import connections
from harness.findings import Finding, Outcome, Verdict
from harness.recording import CriterionSpec, Recording
from harness.recording_file import read
from harness.reference import options_for, reference_target
from harness.verdict import judge
from tests.ground_truth.cases import ROOT, Result

SHORT = {"baseline_s": 5, "spike_s": 7, "steady_s": 8, "drop_s": 5, "recovery_s": 6}
HANDSHAKE_ABOVE_S = 0.8
"""So much may a herd of 200 handshakes take beside the delay that the fault gave them, on two busy cores."""


@dataclass(frozen=True)
class Case:
    name: str
    fault: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    fails: str = ""
    """The criterion that finds the fault; empty: everything passes."""
    in_phase: str = ""
    """Switched on when this phase has begun; empty: before the load."""
    options: tuple[str, ...] = ("--cut", "client")
    moved: tuple[str, ...] = ()
    """Criteria that the fault moves as well, so that they are not judged."""


CASES = (
    Case("healthy", options=()),
    Case(
        *("slow_accept 1.5 s", "slow_accept", {"delay_ms": 1500}, "handshake_p99"),
        options=("--cut", "client", "--handshake-p99-limit-s", "1"),
    ),
    # Whom it drops outside of the phase drop is back before the end of steady, so both sides still agree.
    Case("drop_all, unplanned", "drop_all", {}, "connections_kept", in_phase="steady"),
    Case("lost_messages 10 %", "lost_messages", {"share": 0.1}, "message_delivery"),
    Case("lost_messages 4 %", "lost_messages", {"share": 0.04}, "message_delivery"),
)


def run(case: Case) -> Result:
    """Starts a fresh stack, runs the avalanche with the fault on, and compares."""
    with reference_target() as (target, state), tempfile.TemporaryDirectory(prefix="springback-truth-") as directory:
        command = [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfiles" / "websocket_avalanche.py")]
        command += ["--headless", "--loglevel", "ERROR", "--only-summary", "--host", target["url"]]
        command += ["--target-state", str(state), "--health-path", "/readyz", "--runs-dir", f"{directory}/runs"]
        command += [word for name, value in SHORT.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        if case.fault and not case.in_phase:
            _fault(state, case.fault, *(f"{name}={value:g}" for name, value in case.parameters.items()))
        told = Path(directory) / "told"
        with told.open("wb") as out:
            process = subprocess.Popen(
                [*command, *case.options], cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **options_for(target)}
            )
            try:
                if case.in_phase:
                    _until_phase(case.in_phase, told, process)
                    _fault(state, case.fault, *(f"{name}={value:g}" for name, value in case.parameters.items()))
                process.wait(180)
            finally:
                process.kill()
                process.wait()
        account = json.loads(_fault(state, "status"))["sum"] or {"status": {}}
        directories = list((Path(directory) / "runs").iterdir()) if (Path(directory) / "runs").exists() else []
        if len(directories) != 1:
            raise RuntimeError(f"the run left {len(directories)} recordings:\n{told.read_text()[-3000:]}")
        recording = read(directories[0])
    return compare(case, recording, judge(recording), account["status"])


def compare(case: Case, recording: Recording, verdict: Verdict, account: Mapping[str, float]) -> Result:
    """Whether the run found the truth, and nothing else."""
    wrong = [
        f"{found.criterion} {found.outcome.value}: {found.reason}"
        for found in verdict.findings
        if found.criterion not in case.moved
        and found.outcome is not (Outcome.FAIL if found.criterion == case.fails else Outcome.PASS)
    ]
    found = _finding(verdict, case.fails or "handshake_p99")
    figure, truth, near = found.figure, None, True
    if case.fault == "slow_accept":
        truth = case.parameters["delay_ms"] / 1000
        near = figure is not None and truth <= figure <= truth + HANDSHAKE_ABOVE_S
    elif case.fault == "drop_all":
        # The target counts whom it dropped, those who only look in among them.
        lost = sum(connections.lost(recording, recording.phase("drop")).values())
        held = sum(connections.lost(recording, recording.phase("drop"), "/feed").values())
        opened = connections.opened(recording, "/feed")
        truth = (account["closed"] - (lost - held)) / opened
        near = lost == account["closed"] and figure == truth
    elif case.fault == "lost_messages":
        spec = CriterionSpec("message_delivery", {"messages": "message broadcast"})
        broadcasts = criteria.load(spec).judge(recording)
        figure, truth = broadcasts.figure, account["lost"] / account["due"]
        seen = broadcasts.evidence
        near = (seen["due"], seen["lost"], seen["doubled"]) == (account["due"], account["lost"], 0)
        near = near and _finding(verdict, case.fails).evidence["lost"] == account["lost"] > 0
        if not near:
            wrong.append(f"counted {dict(seen)}, the fault {dict(account)}")
    if not near:
        wrong.append(f"figure {figure}, truth {truth}")
    told = "; ".join(wrong) or found.reason
    return Result(case.name, not wrong, figure, truth, found.unit, told)


def _finding(verdict: Verdict, criterion: str) -> Finding:
    return next(found for found in verdict.findings if found.criterion == criterion)


def _until_phase(phase: str, told: Path, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + 120
    while f"springback: {phase} (" not in told.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"the run never came to {phase}:\n{told.read_text()[-3000:]}")
        time.sleep(0.05)


def _fault(state: Path, *words: str) -> str:
    command = [sys.executable, "-m", "target", "fault", *words, "--state", str(state)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


if __name__ == "__main__":
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        for case in CASES:
            result = run(case)
            print(f"{number + 1} {'right' if result.right else 'WRONG'} {result}", flush=True)
