"""What a fault is: a dataclass whose fields are its parameters, one required method, optional hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

Reading = int | float | None
"""One figure of a fault's own account; numbers carry their unit in the name."""


@runtime_checkable
class Fault(Protocol):
    """Required. A fault may also have `combine: ClassVar[Mapping[str, Combine]]` (see `summed.py`)."""

    def status(self) -> Mapping[str, Reading]:
        """What this fault did in this process since it was switched on: the ground truth of a test."""
        ...


@runtime_checkable
class BeforeLogin(Protocol):
    """Optional: runs when a login arrives, before anything else is touched."""

    async def before_login(self) -> None:
        """May wait; must not raise."""
        ...


@runtime_checkable
class AfterLogin(Protocol):
    """Optional: runs after each successful login, before its response."""

    def after_login(self) -> None:
        """Must not raise."""
        ...
