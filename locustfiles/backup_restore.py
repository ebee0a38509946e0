"""Backup and restore: rows are written while the database is backed up, restored elsewhere, and compared.

Point it at your own service (what it has to answer: harness/load/users/ledger.py) with a command of yours that backs
its database up and restores it (what it is asked: harness/load/users/backup.py):
    springback run locustfiles/backup_restore.py --host http://127.0.0.1:8000 --backup-command /usr/local/bin/my-backup
"""

import shlex
import sys

from locust import task

import harness
from harness.load.users.backup import BackupOptions, BackupUser
from harness.plugins import parameter
from harness.recording import CriterionSpec
from shapes import step


class Clerk(BackupUser):
    is_operator = None

    @task
    def work(self):
        """The first user of all has the database backed up, the others go on writing and reading."""
        if self.number == 0 and self.is_operator is None:
            self.is_operator = True
            return self.work_through(phase="spike")
        return self.take_turn()

    @property
    def backup_command(self):
        options = self.options
        own = [sys.executable, "-P", "-m", "target", "backup", "--state", options.target_state]
        taken = f" --old-snapshot-s {options.old_snapshot_s:g}" if options.old_snapshot_s else ""
        return (shlex.join(own) + taken) if options.target_state else ""


class BackupUnderLoad(step.Step):
    baseline_s, hold_s, recovery_s, base, peak, pool_users = 15, 40, 10, 40, 40, 60  # the spike is the backup


class Options(BackupOptions):
    old_snapshot_s: float = parameter(0.0, "a defect of the reference target's backup: its snapshot is so old")


STEPS = (
    *("take dump", "verify the dump", "take physical", "take incremental", "restore dump", "read restored dump"),
    *(
        "restore incremental",
        "read restored incremental",
        "take a second dump",
        "keep the last verified",
        "find damage",
    ),
)
REMEDY = {"remedy": "name a command with --backup-command"}


def criteria(options):
    ledger = {"requests": f"* {options.ledger_path}*"}
    yield CriterionSpec("restored_writes", REMEDY)
    incremental = {"backup": "take incremental", "restored": "read restored incremental", "via": "restored incremental"}
    yield CriterionSpec("restored_writes", {**REMEDY, **incremental, "name": "restored_writes_incremental"})
    yield CriterionSpec("restore_time", REMEDY)
    yield CriterionSpec("backup_steps", {**REMEDY, "steps": STEPS})
    yield CriterionSpec("backup_cost", REMEDY | ledger)
    yield CriterionSpec("error_ratio", ledger)


harness.attach("backup-restore", suite="ha", criteria=criteria, options=Options)
