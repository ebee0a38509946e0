"""Ground truth of the connection pool: fault × criterion → what has to be found, against the fault's own account.

``python -m tests.ground_truth.pool [--runs 2] [--case NAME]`` runs them. A case is right when its criteria have the
outcome and the figure that the fault tells, and nothing but those and ``may_fail`` fails.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from harness.findings import Finding, Outcome, Verdict
from harness.recording_file import read
from harness.reference import options_for, reference_target
from harness.verdict import judge
from tests.ground_truth.cases import ROOT, _command

ADDED_MS = 200.0
TOLERANCE_MS = 20.0
"""What a busy machine may add to p95 of a query beyond the time that the fault adds."""

Account = Mapping[str, float]


@dataclass(frozen=True)
class Expected:
    """What one criterion has to say. ``truth`` in the figure's unit, from the fault's own account."""

    criterion: str
    outcome: Outcome
    truth: Callable[[Account], float] | None = None
    tolerance: float = 0.0


@dataclass(frozen=True)
class Case:
    name: str
    fault: str = "noop"
    parameters: Mapping[str, float] = field(default_factory=dict)
    expected: tuple[Expected, ...] = ()
    may_fail: tuple[str, ...] = ()
    """Other criteria that the same fault moves."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the scenario, beside those of all cases."""


HEALTHY = Case("healthy")
POOL_LEAK = Case(
    *("pool_leak", "pool_leak", {"every": 1000}),
    expected=(Expected("leaked_connections", Outcome.FAIL, lambda account: account["leaked"]),),
    may_fail=("pool_stable",),
)
IDLE = Case(
    *("idle_in_transaction", "idle_in_transaction", {"every": 1000}),
    expected=(
        Expected("leaked_connections", Outcome.FAIL, lambda account: account["open"]),
        Expected("long_transactions", Outcome.FAIL),
    ),
    may_fail=("pool_stable",),
)
SLOW_QUERY = Case(
    *("slow_query", "slow_query", {"delay_ms": ADDED_MS}),
    expected=(
        Expected(
            "query_time",
            Outcome.FAIL,
            lambda account: account["added_ms"] / account["queries"] / 1000,
            TOLERANCE_MS / 1000,
        ),
    ),
    # A pool that is five times as slow: fewer users, or everybody waits too long, and longer, or too few are answered.
    options={"--peak": "60", "--hold-s": "5"},
)
CASES = (HEALTHY, POOL_LEAK, IDLE, SLOW_QUERY)

SHORT = {"--baseline-s": "10", "--hold-s": "3", "--recovery-s": "22", "--idle-s": "6"}
"""The scenario's own phases, cut down."""


@dataclass(frozen=True)
class Result:
    case: str
    right: bool
    told: str


def run(case: Case, options: Mapping[str, str] = SHORT) -> Result:
    """Starts a fresh stack with the fault on, runs the pool scenario against it, and compares."""
    with reference_target() as (target, state), tempfile.TemporaryDirectory(prefix="springback-truth-") as directory:
        arguments = [f"{name}={value:g}" for name, value in case.parameters.items()]
        _command("target", "fault", case.fault, *arguments, "--state", str(state))
        _command(
            *("locust", "-f", str(ROOT / "locustfiles" / "db_pool.py"), "--headless", "--loglevel", "ERROR"),
            *("--only-summary", "--host", target["url"], "--target-state", str(state), "--runs-dir", directory),
            *(word for option in {**options, **case.options}.items() for word in option),
            variables=options_for(target),
            accept={outcome.exit_code for outcome in Outcome},
        )
        account = json.loads(_command("target", "fault", "status", "--state", str(state)))["sum"]["status"]
        (run_directory,) = Path(directory).iterdir()
        recording = read(run_directory)
    return compare(case, judge(recording), account)


def compare(case: Case, verdict: Verdict, account: Account) -> Result:
    """Whether the run found the truth, and in words what it found."""
    found = {finding.criterion: finding for finding in verdict.findings}
    wrong, told = [], []
    for expected in case.expected:
        finding = found[expected.criterion]
        truth = expected.truth(account) if expected.truth else None
        near = truth is None or (finding.figure is not None and abs(finding.figure - truth) <= expected.tolerance)
        told.append(f"{expected.criterion} {finding.outcome.value}, figure {finding.figure}, truth {truth}")
        if finding.outcome is not expected.outcome or not near or (truth is not None and truth <= 0):
            wrong.append(f"{expected.criterion}: {finding.reason}")
        told += _sessions(finding)
    named = {expected.criterion for expected in case.expected}
    for finding in verdict.findings:
        if finding.criterion in named or (finding.criterion in case.may_fail and finding.outcome is not Outcome.PASS):
            continue
        if finding.outcome is not Outcome.PASS:
            wrong.append(f"{finding.criterion} {finding.outcome.value}: {finding.reason}")
    return Result(case.name, not wrong, "; ".join([*(f"WRONG {each}" for each in wrong), *told]))


def _sessions(finding: Finding) -> list[str]:
    return [f"{label} {value}" for label, value in finding.evidence.items() if "idle in transaction" in label]


@click.command()
@click.option("--runs", default=2, show_default=True, type=click.IntRange(1), help="Runs of each case.")
@click.option("--case", "only", default="", help="Name of one case; all without it.")
def main(runs: int, only: str) -> None:
    """Run every case RUNS times, taken in turn."""
    results = []
    for number in range(runs):
        for case in CASES:
            if only in ("", case.name):
                results.append(run(case))
                print(f"{number + 1}/{runs} {'right' if results[-1].right else 'WRONG'} {results[-1]}", flush=True)
    sys.exit(any(not result.right for result in results))


if __name__ == "__main__":
    main()
