"""What scenarios do to the reference target where it is what they load: on a service of one's own it takes options, or
a ``--fault``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from harness.faults import PlannedFault, load


def outage_of(options: Any, role: str, at: str, for_s: float) -> Iterator[PlannedFault]:
    """Its server of that role is frozen, ``at`` an instant of the run; none for no role, or no time."""
    if options.target_state and role and for_s:
        frozen = load("stop_process", status_file=options.target_state, role=role)
        yield PlannedFault(frozen, at=at, for_s=for_s)


def start_command(options: Any, member: str = "{member}") -> str:
    """What starts a node that a fault has killed: what the option of that name says, ``member`` in the place of
    ``{member}``; or how it is done on the reference target, where that is loaded; else nothing.
    """
    of_target = f"{sys.executable} -P -m target node start {{member}} --state {options.target_state}"
    command: str = options.start_command or (of_target if options.target_state else "")
    return command.replace("{member}", member)
