"""How the upstream can fail: one at a time, switched at run time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from target.errors import UsageError
from target.faults.share import Share

PARAMETERS: Mapping[str, str | None] = {"errors": "share", "slowness": "ms", "hang": None}
"""Each failure and its one parameter."""

DEFAULTS: Mapping[str, float] = {"share": 1.0}


@dataclass
class Failure:
    """`errors`: that share of the calls is answered 500, evenly spread. `slowness`: every answer takes `ms`
    longer. `hang`: no answer until the failure is over."""

    name: str
    value: float = 0.0
    since: float = field(default_factory=time.monotonic)
    affected: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Refuses a share above 1."""
        self._share = Share(self.value if self.name == "errors" else 0.0)

    def fails(self) -> bool:
        """Whether the next call is answered 500."""
        return self.name == "errors" and self._share.take()

    def as_json(self) -> dict[str, object]:
        """For the endpoint; `since` is CLOCK_MONOTONIC seconds."""
        parameter = PARAMETERS[self.name]
        parameters = {} if parameter is None else {parameter: self.value}
        return {"failure": self.name, "parameters": parameters, "since": self.since, "affected": self.affected}


def build(name: str, given: Mapping[str, object]) -> Failure:
    """The failure `name`; raises UsageError that says what is valid."""
    usage = "valid: errors [share=1.0], slowness ms=FLOAT, hang"
    if name not in PARAMETERS:
        raise UsageError(f"there is no failure {name!r}", usage)
    parameter = PARAMETERS[name]
    wrong = sorted(set(given) - {parameter})
    if wrong:
        raise UsageError(f"{', '.join(wrong)} is not a parameter of {name}", usage)
    if parameter is None:
        return Failure(name)
    text = given.get(parameter, DEFAULTS.get(parameter))
    try:
        value = float(str(text))
        if not 0 <= value < float("inf"):
            raise ValueError
        return Failure(name, value)
    except ValueError:
        raise UsageError(f"{parameter}={text} does not fit {name}", usage) from None
