"""The one fault that may be active in a process, and who wants to know when it changes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from target.faults import folder
from target.faults.contract import AfterLogin, BeforeLogin, Fault, HasRecords, Reading, Record


@dataclass(frozen=True)
class ActiveFault:
    """What is on, since when (CLOCK_MONOTONIC seconds), and what it did so far."""

    fault: str
    parameters: Mapping[str, float]
    since: float
    status: Mapping[str, Reading]
    records: Sequence[Record]

    def as_json(self) -> dict[str, object]:
        return dataclasses.asdict(self)


class Switchboard:
    """Holds at most one fault; switching another on replaces it and forgets what it kept."""

    def __init__(self) -> None:
        self._name = ""
        self._fault: Fault | None = None
        self._since = 0.0
        self._before: BeforeLogin | None = None
        self._after: AfterLogin | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def active(self) -> Fault | None:
        """The fault itself: a feature looks which of its hooks it has."""
        return self._fault

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each switch, on, over or off."""
        self._listeners.append(listener)

    def switch_on(self, name: str, given: Mapping[str, str]) -> None:
        """Start fault `name` afresh; raises UsageError and leaves everything as it was."""
        fault = folder.build(name, given)
        self._name, self._fault, self._since = name, fault, time.monotonic()
        self._before = fault if isinstance(fault, BeforeLogin) else None
        self._after = fault if isinstance(fault, AfterLogin) else None
        self._notify()

    def switch_off(self) -> None:
        """Back to healthy; whatever the fault kept is released."""
        self._name, self._fault, self._before, self._after = "", None, None, None
        self._notify()

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()

    def state(self) -> ActiveFault | None:
        if self._fault is None:
            return None
        parameters = {
            field.name: getattr(self._fault, field.name)
            for field in dataclasses.fields(self._fault)  # type: ignore[arg-type]  # folder.build: a dataclass
            if field.init
        }
        records = list(self._fault.records()) if isinstance(self._fault, HasRecords) else []
        return ActiveFault(self._name, parameters, self._since, dict(self._fault.status()), records)

    async def before_login(self) -> None:
        if self._before is not None:
            await self._before.before_login()

    def after_login(self) -> None:
        if self._after is not None:
            self._after.after_login()
