"""PostgreSQL refuses to run as root: which other way works here?"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from target.errors import TargetError
from target.stack.launch import RunAs

UNPRIVILEGED = "nobody"


def for_postgres(death_signal: signal.Signals = signal.SIGQUIT) -> RunAs:
    """A normal user: directly. Root: in a one-entry user namespace (files stay root's), else as `nobody`.

    `death_signal` is what the process gets when we are gone.
    """
    if os.geteuid() != 0:
        return RunAs()
    namespace = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
    if _works([*namespace, "true"]):
        # The namespace changes credentials, which clears PR_SET_PDEATHSIG: set it again inside.
        rearm = ("setpriv", "--pdeathsig", death_signal.name.removeprefix("SIG"), "--")
        return RunAs(prefix=(*namespace, *rearm) if _works([*namespace, *rearm, "true"]) else namespace)
    try:
        pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise TargetError(
            "PostgreSQL cannot run as root, and this machine has neither user namespaces nor a user nobody",
            "run it as a normal user",
        ) from error
    return RunAs(user=UNPRIVILEGED)


def hand_over(directory: Path, run_as: RunAs) -> None:
    """Give a directory, and what is in it, to the server's user when it is a real one."""
    if run_as.user is None:
        return
    account = pwd.getpwnam(run_as.user)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)


def _works(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
