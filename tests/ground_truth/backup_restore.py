"""Ground truth of backups: what a backup lacks by its own account, a backup that is damaged, and damage nobody finds.

- As it is, everything passes, and the backup lacks nothing by its own account either.
- ``lossy``: dumps are of a snapshot that is 2 s older than they say. What was acknowledged by the beginning that they
  tell, and is missing, are the rows of which the backup says so; but for those that were being acknowledged just then.
- ``damaged``: a dump is damaged as soon as it is there: to verify it fails.
- ``blind``: whatever is wrong with a backup, to verify it finds nothing.
- ``slow``: to restore one begins 10 s late, which is all the time that it may take. It takes as long as the command
  says by its own clock, and until all rows are read.
"""

from __future__ import annotations

import shlex
import sys

from harness.criteria.backup._steps import steps_of
from tests.ground_truth._backup_command import LATE_S, RESTORED_AFTER_S, told
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, Case, Compared, Outcome, Run, flags

UNDER_WAY = 3
"""Rows written by then and not acknowledged yet: of forty users a second, each for a few milliseconds."""
READ_S = 5.0
"""For the start of the command, and to read some hundreds of rows, on a machine that is busy."""
OPTIONS = (
    *flags(baseline_s=10, hold_s=40, recovery_s=5),
    *flags(generator_health_loop_lag_limit_s=2, generator_health_cpu_limit_ratio=2),
)


def _missing(found: Run) -> Compared:
    figure, missing = found.finding("restored_writes").figure, float(found.answer[0]["missing_rows"])
    near = figure is not None and missing - UNDER_WAY <= figure <= missing
    wrong = [] if near else [f"{figure} rows missing, {missing:g} by the backup's own account"]
    return Compared(wrong, figure, missing, "rows")


def _failed(*steps: str) -> object:
    """Of those steps alone it is said that they failed."""

    def check(found: Run) -> Compared:
        failed = [step.key for step in steps_of(found.recording).values() if step.return_s is None]
        wrong = [] if sorted(failed) == sorted(steps) else [f"failed: {', '.join(failed) or 'nothing'}"]
        return Compared(wrong, found.finding("backup_steps").figure, float(len(steps)), "steps")

    return check


def _restored(found: Run) -> Compared:
    figure_s = found.finding("restore_time").figure
    true_s = next(each[RESTORED_AFTER_S] for each in found.answer if RESTORED_AFTER_S in each)
    near = figure_s is not None and true_s <= figure_s <= true_s + READ_S
    wrong = [] if near else [f"{figure_s} s to the last row, {true_s:.3f} s to the first by the command's own account"]
    return Compared(wrong, figure_s, true_s, "s")


def _case(defect: str, expected: dict[str, Outcome], check: object, options: tuple[str, ...] = ()) -> Case:
    command = shlex.join([sys.executable, "-m", "tests.ground_truth._backup_command", defect])
    return Case(
        *(defect if expected else "healthy", "backup_restore", "noop", {}, expected),
        check=check,  # type: ignore[arg-type]
        options=(*OPTIONS, *options, "--backup-command", f"{command} {{state}}"),
        ask=told,
    )


HEALTHY = _case("none", {}, _missing)
LOSSY = _case("lossy", {"restored_writes": FAIL}, _missing)
DAMAGED = _case(
    "damaged",
    {"backup_steps": FAIL, "restored_writes": INCONCLUSIVE},
    # None was verified, so none of those is kept either.
    _failed("verify the dump", "restore dump", "keep the last verified"),
)
BLIND = _case("blind", {"backup_steps": FAIL}, _failed("find damage"))
SLOW = _case("slow", {"restore_time": FAIL}, _restored, flags(restore_time_limit_s=LATE_S))
CASES = (HEALTHY, LOSSY, DAMAGED, BLIND, SLOW)
SHORT = ()
