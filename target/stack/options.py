"""The options of `up`, checked all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from target.autoscaler import policy as policies
from target.autoscaler.policy import Policy
from target.errors import all_problems

MAX_PROCESSES = 64
PROCESSES, HA_PROCESSES = "2", "3"
"""Unless --processes says otherwise."""
MAX_USERS = 1_000_000
LONGEST_DIRECTORY = 80
"""Characters: a Unix socket's path has room for about 107."""


@dataclass(frozen=True)
class Options:
    """What a stack is made of."""

    data: Path | None
    """A new or empty directory that is kept, or None for a temporary one that is removed."""
    state: Path
    port: int
    processes: int
    pool_size: int
    hash_memory_kib: int
    hash_time_cost: int
    users: int
    fault_token: str | None
    """None generates one."""
    parent_pid: int | None
    """Stop when this process ends; None to live on one's own."""
    with_input: bool
    """Stop when standard input ends."""
    autoscale: Policy | None
    """None: always the same processes."""
    ha: bool
    """Three databases, two Valkeys, and nodes that die."""
    asynchronous: bool
    """A write is acknowledged before a replica has it."""
    otlp_receiver: bool
    """With something that takes the service's spans."""

    @property
    def most_processes(self) -> int:
        """At any time."""
        return self.processes if self.autoscale is None else self.autoscale.max


_RANGES: Mapping[str, tuple[int, int]] = {
    "port": (0, 65535),
    "processes": (1, MAX_PROCESSES),
    "pool_size": (1, 500),
    "hash_memory_kib": (8, 4 * 1024 * 1024),
    "hash_time_cost": (1, 1000),
    "users": (1, MAX_USERS),
}


def parse(
    numbers: Mapping[str, str | None],
    data: str | None,
    state: Path,
    fault_token: str | None,
    parent: str | None,
    with_input: bool,
    autoscale: str | None,
    ha: bool,
    asynchronous: bool,
    otlp_receiver: bool,
) -> Options:
    """Check the texts of the command line; raises one UsageError that names every mistake."""
    problems: list[str] = []
    parsed: dict[str, int] = {}
    for name, (least, most) in _RANGES.items():
        flag = "--" + name.replace("_", "-")
        text = numbers[name]
        if text is None:
            text = HA_PROCESSES if ha else PROCESSES
        try:
            parsed[name] = int(text)
        except ValueError:
            problems.append(f"{flag} {text!r} is not a whole number")
            continue
        if not least <= parsed[name] <= most:
            problems.append(f"{flag} {parsed[name]} is not between {least} and {most}")
    directory = None if data is None else Path(data).absolute()
    if directory is not None:
        problems.extend(_directory_problems(directory))
    if fault_token is not None and (len(fault_token) < 8 or not fault_token.isascii()):
        problems.append("--fault-token must be at least 8 ASCII characters")
    if parent is not None and not parent.isdecimal():
        problems.append(f"--with-parent {parent!r} is not a process id")
    if parent is not None and with_input:
        problems.append("--with-parent and --with-input: give one of them")
    policy: Policy | None = None
    if autoscale is not None:
        policy, wrong = policies.parse(autoscale, max(1, parsed.get("processes", 1)))
        problems.extend(wrong)
    if ha and autoscale is not None:
        problems.append("--ha and --autoscale: give one of them (an instance that died is started again by hand)")
    if asynchronous and not ha:
        problems.append("--asynchronous is about the replicas of --ha")
    if otlp_receiver and not ha:
        problems.append("--otlp-receiver is a part of --ha")
    if problems:
        raise all_problems("nothing was started", problems, "see `python -m target up --help`")
    return Options(
        data=directory,
        state=state,
        fault_token=fault_token,
        parent_pid=None if parent is None else int(parent),
        with_input=with_input,
        autoscale=policy,
        ha=ha,
        asynchronous=asynchronous,
        otlp_receiver=otlp_receiver,
        **parsed,
    )


def _directory_problems(directory: Path) -> list[str]:
    problems = []
    if len(str(directory)) > LONGEST_DIRECTORY:
        problems.append(f"--data is longer than {LONGEST_DIRECTORY} characters, too long for a Unix socket in it")
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            problems.append(f"--data {directory} is not a new or empty directory")
    except OSError as error:
        problems.append(f"--data {directory}: {error.strerror}")
    return problems
