"""The guard: a tiny process that outlives `up`, whatever kills `up`, and then clears up after it.

`up` holds the write end of a pipe and tells the guard about every process it starts. When the pipe ends, `up`
is gone: the guard stops what is still running (the very processes, by pid and start time, with their
descendants) and removes the temporary directory and the state file. PR_SET_PDEATHSIG alone would not do: a
frozen PostgreSQL or one that changed its credentials does not hear it, backends are not
our children, and it knows nothing of files.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from target.stack import postmaster
from target.stack.identity import Identity, identify

GRACE_S = 1.5
"""Between asking and killing."""


def family(identities: Iterable[Identity]) -> list[Identity]:
    """These processes and all their descendants: PostgreSQL's backends have sessions of their own."""
    alive = {identity.pid: identity for identity in identities if identity.alive()}
    if not alive:
        return []
    children: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter():  # once for all of them: each look at every process takes its time
        with suppress(psutil.NoSuchProcess):
            children[process.ppid()].append(process.pid)
    found: dict[int, Identity] = {}
    waiting = list(alive)
    while waiting:
        pid = waiting.pop()
        known = alive.get(pid) or identify(pid)
        if known is not None and pid not in found:
            found[pid] = known
            waiting += children[pid]
    return list(found.values())


def send(identity: Identity, number: int) -> None:
    """Signal this very process, if it still exists."""
    if identity.alive():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(identity.pid, number)


def terminate_all(stop_signals: Mapping[Identity, int], data_directories: Iterable[Path], grace_s: float) -> None:
    """Ask each process with its own signal, wait, then kill what is left of all of their families.

    Whatever serves one of the `data_directories` is asked with SIGQUIT, as soon as nobody is left who would start it
    again.
    """
    directories = set(data_directories)
    everyone = set(family(stop_signals))
    for identity, number in stop_signals.items():
        send(identity, number)
        send(identity, signal.SIGCONT)  # a frozen process hears nothing else
    asked: set[Identity] = set()
    deadline = time.monotonic() + grace_s
    while True:
        databases = set(postmaster.servers(directories))
        everyone |= databases
        for server in databases - asked:
            send(server, signal.SIGQUIT)
            send(server, signal.SIGCONT)
        asked |= databases
        if not any(identity.alive() for identity in everyone) or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    for identity in {*everyone, *family(everyone)}:
        send(identity, signal.SIGKILL)
    deadline = time.monotonic() + grace_s
    while any(identity.alive() for identity in everyone) and time.monotonic() < deadline:
        time.sleep(0.01)
    for directory in directories:
        postmaster.remove_shared_memory(directory)


def main() -> None:
    """Read messages from stdin until it ends; then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it has to be the last one here
    watched: dict[Identity, int] = {}
    data_directories: set[Path] = set()
    paths_to_remove: list[Path] = []
    for line in sys.stdin:
        with suppress(ValueError, KeyError):  # `up` may have been killed in the middle of a line
            message = json.loads(line)
            if "remove" in message:
                paths_to_remove.append(Path(message["remove"]))
            elif "data_directory" in message:
                data_directories.add(Path(message["data_directory"]))
            else:
                watched[Identity(message["pid"], message["started"])] = message["signal"]
    terminate_all(watched, data_directories, GRACE_S)
    for path in paths_to_remove:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    """Remove a state file, unless somebody holds its lock: `up` itself, or already the next one."""
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


if __name__ == "__main__":
    main()
