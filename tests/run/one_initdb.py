"""PostgreSQL's initdb, made once for all stacks that are forks of one process: it takes a second of CPU each time, and
what it makes is the same but for the superuser's password.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from target.stack import postgres, unprivileged
from target.stack.launch import Launcher, RunAs

PASSWORD = "of-all-stacks-of-the-tests"
_Passwords, _run = postgres.Passwords, Launcher.run


@contextmanager
def one_initdb(place: Path) -> Iterator[None]:
    """The first stack's cluster is kept there, as initdb has left it, and the later ones begin with a copy of it."""

    def run(launcher: Launcher, name: str, command: Sequence[str], log: Path, run_as: RunAs | None = None) -> None:
        if name != "initdb":
            _run(launcher, name, command, log, run_as)
            return
        made = Path(command[command.index("-D") + 1])
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = place / "cluster"
            if not kept.exists():
                _run(launcher, name, command, log, run_as)
                shutil.copytree(made, place / "copying", copy_function=shutil.copyfile)
                (place / "copying").rename(kept)
                return
        shutil.copytree(kept, made, copy_function=shutil.copyfile)
        made.chmod(0o700)
        unprivileged.hand_over(made, run_as or RunAs())

    def passwords(_: str, service: str, replicator: str) -> postgres.Passwords:
        return _Passwords(PASSWORD, service, replicator)

    with mock.patch.object(postgres, "Passwords", passwords), mock.patch.object(Launcher, "run", run):
        yield
