"""``springback doctor``: whether this machine can make a load."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from harness.clients.address import url_problems
from harness.config.machine_limits import Need, limits
from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE


def examine(users: int, processes: int, host: str) -> int:
    """Prints every limit, and what to do where one is too low. Returns the exit code. Raises ConfigurationError for
    a host that is no address.
    """
    if problems := url_problems(host):
        raise ConfigurationError(problems)
    found = limits(Need(users, processes, host))
    table = Table(box=None, show_header=False, pad_edge=False)
    for limit in found:
        state = "ok" if not limit.remedy else "TOO LOW" if limit.prevents else "mind"
        table.add_row(state, limit.name, f"{limit.figure}{': ' if limit.remedy else ''}{limit.remedy}")
    console = Console(highlight=False)
    console.print(f"For {users:,} users in {processes} load process{'es' if processes > 1 else ''} against {host}:")
    console.print(table)
    return EXIT_USAGE if any(limit.remedy and limit.prevents for limit in found) else 0
