"""Where a stack is, as JSON: what `up` prints, the state file, and what `status` adds."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from target.errors import TargetError, UsageError
from target.stack.ha import state as high_availability
from target.stack.identity import Identity, identify

FAULT_PATH = "/_fault"
FAILURE_PATH = "/_failure"


@dataclass(frozen=True)
class Api:
    """One API process, addressed past the proxy."""

    name: str
    url: str
    pid: int


@dataclass(frozen=True)
class Process:
    """One server process; for PostgreSQL the postmaster."""

    role: str
    name: str
    pid: int
    started: float
    """Tells this process from a later one with the same pid."""

    @classmethod
    def of(cls, role: str, name: str, identity: Identity) -> Process:
        return cls(role, name, identity.pid, identity.started)

    @property
    def identity(self) -> Identity:
        return Identity(self.pid, self.started)


@dataclass(frozen=True)
class Postgres:
    """Addresses with passwords: the service's own role, and the superuser on the primary."""

    primary: str
    replica: str
    admin: str


@dataclass(frozen=True)
class Haproxy:
    """Its runtime socket (a path) and its Prometheus endpoint."""

    stats_socket: str
    metrics_url: str


@dataclass(frozen=True)
class Faults:
    """The token for /_fault of each API process."""

    token: str
    path: str


@dataclass(frozen=True)
class Upstream:
    """The service's dependency: its address, and the token and path of its switch."""

    url: str
    token: str
    path: str


@dataclass(frozen=True)
class Autoscaler:
    """The controller's address: GET /autoscaler, and a fault endpoint with the token and path of `faults`."""

    url: str


@dataclass(frozen=True)
class Users:
    """`count` users, numbered from `first`; they share one password."""

    count: int
    first: int
    name_pattern: str
    password: str


@dataclass(frozen=True)
class StackState:
    """Everything a client of the stack needs. Holds passwords: keep it in files of mode 0600."""

    url: str
    apis: tuple[Api, ...]
    processes: tuple[Process, ...]
    postgres: Postgres
    valkey: str
    haproxy: Haproxy
    faults: Faults
    upstream: Upstream
    autoscaler: Autoscaler | None
    ha: high_availability.HighAvailability | None
    users: Users
    data: str
    supervisor: Process
    """`up` itself: SIGTERM to it stops the stack."""

    def as_json(self) -> dict[str, Any]:
        """The document that `up` prints."""
        return dataclasses.asdict(self)


def ourselves() -> Process:
    identity = identify(os.getpid())
    assert identity is not None  # we are running this line
    return Process.of("supervisor", "up", identity)


def default_path() -> Path:
    """One file a user, in the temporary directory."""
    return Path(tempfile.gettempdir()) / f"springback-target-{os.getuid()}.json"


def claim(path: Path) -> int:
    """Open and lock the state file while we live; raises UsageError when a stack holds it already."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        descriptor = _locked(path, flags)
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            break
        os.close(descriptor)  # the guard of a killed stack removed it while we waited: make a new one
    owner = os.fstat(descriptor)
    regular = stat.S_ISREG(owner.st_mode) and owner.st_uid == os.getuid()
    if not regular or (owner.st_size > 0 and not _ours(path)):
        os.close(descriptor)
        raise UsageError(f"{path} is not a state file of ours", "choose another with --state FILE")
    os.fchmod(descriptor, 0o600)
    os.ftruncate(descriptor, 0)
    return descriptor


def _locked(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise UsageError(f"state file {path}: {error.strerror}", "choose another with --state FILE") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(
            f"a stack is already up with state file {path}",
            "stop it with `python -m target down`, or give this one its own --state FILE",
        ) from None
    return descriptor


def write(descriptor: int, state: StackState) -> None:
    """Publish the state in one write, so that a reader sees the one before or all of this one."""
    before = os.fstat(descriptor).st_size  # a shorter state is filled up with spaces, which JSON may end with
    os.pwrite(descriptor, (json.dumps(state.as_json(), indent=2).encode() + b"\n").ljust(before), 0)


def read(path: Path) -> StackState:
    """The state of a running stack; raises TargetError with what to do when there is none."""
    try:
        text = path.read_text()
        if path.stat().st_uid != os.getuid():
            raise TargetError(f"{path} belongs to another user", "give your own --state FILE")
    except OSError as error:
        raise TargetError(
            f"no stack: state file {path}: {error.strerror}", "start one with `python -m target up`"
        ) from error
    if not text.strip():
        raise TargetError("the stack is not up yet", "wait until `up` has printed its addresses")
    try:
        return msgspec.json.decode(text, type=StackState)
    except msgspec.MsgspecError as error:
        raise TargetError(f"{path} is not a state file of a stack", "give the right --state FILE") from error


def _ours(path: Path) -> bool:
    """A file left by a stack whose guard was killed too may be overwritten, anything else may not."""
    try:
        read(path)
    except TargetError:
        return False
    return True
