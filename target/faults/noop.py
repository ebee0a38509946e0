"""Does nothing, and counts how often: copy this file, rename it, and change what the hooks do.

Fields without `init=False` are the fault's parameters (`int` or `float`, never negative; a field without a
default must be given). `status` is required, both hooks are optional: delete what you do not need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target.faults.contract import Reading


@dataclass
class Noop:
    """Leaves the service as it is."""

    arrived: int = field(default=0, init=False)
    logins: int = field(default=0, init=False)

    async def before_login(self) -> None:
        """A login arrived."""
        self.arrived += 1

    def after_login(self) -> None:
        """A login succeeded."""
        self.logins += 1

    def status(self) -> Mapping[str, Reading]:
        """Both counts."""
        return {"arrived": self.arrived, "logins": self.logins}
