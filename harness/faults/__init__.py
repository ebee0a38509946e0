"""Faults: what a run injects on its timeline, and always undoes. One file a fault.

A fault is a frozen dataclass with :meth:`~Fault.inject` and :meth:`~Fault.undo`, whose fields are its parameters, each
declared with :func:`harness.plugins.parameter`; one with ``secret=True`` is shown nowhere and never enters a recording.
To add one, copy ``noop.py``: nothing is registered, the folder is the list. Files that begin with an underscore are no
faults.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from harness.clients.address import strip_url
from harness.plugins import Folder, PlugIn, Value, name_of, values_of
from harness.recording.header import FaultPlan
from harness.recording.marks import FaultMark

__all__ = [
    "Addressed",
    "Fault",
    "FaultError",
    "Fronting",
    "Pinned",
    "PlannedFault",
    "Prepared",
    "ScheduledFault",
    "available",
    "described",
    "from_text",
    "load",
    "name_of",
    "parameters",
]


class FaultError(Exception):
    """It could not be injected, undone or prepared. ``str()`` says why, without secrets."""


class Fault(PlugIn):
    """A concrete one is a frozen dataclass; its fields are its parameters: str, int, float, bool or tuples of these.

    Both methods return what they did, in words for the report, and raise :class:`FaultError` when they could not.
    Each is called from a thread of its own, never two of one fault at the same time. ``undo`` may be called at any
    time, more than once, and in another process than ``inject``, where only the parameters are known: it then undoes
    what there is to undo, and says so. Both must come back by themselves, within seconds.
    """

    kind: ClassVar[str] = "Fault"

    def inject(self) -> str:
        raise NotImplementedError

    def undo(self) -> str:
        raise NotImplementedError


@runtime_checkable
class Prepared(Protocol):
    """A fault that does something before the load, when the target need not be up yet: a check, or a proxy to start.

    When ``prepare`` raises FaultError the run is not started. What it started ends with its process.
    """

    def prepare(self) -> str: ...


@runtime_checkable
class Pinned(Protocol):
    """A fault that finds what it disturbs (the process on a port): ``pin`` is called just before ``inject``, and
    what it returns is injected and undone: the same fault with what was found among its parameters, so that the
    very same can be undone by another process later. Raises FaultError when nothing is found.
    """

    def pin(self) -> Self: ...


@runtime_checkable
class Addressed(Protocol):
    """A fault that sends something over the network: ``addresses`` are the http or https URLs to which it does, to be
    checked like the load's own. (For plain TCP: ``http://host:port``.)
    """

    def addresses(self) -> Iterable[str]: ...


@runtime_checkable
class Fronting(Protocol):
    """A fault that stands in front of the target: ``fronts`` is the port on which it listens on this machine, and
    host:port to which that leads. What is sampled on that port is then the target, and not the fault.
    """

    def fronts(self) -> tuple[int, str]: ...


@dataclass(frozen=True)
class PlannedFault:
    """``fault`` is injected ``at``: when a phase begins (``"spike"``), some seconds after that (``"spike+5"``), or so
    many seconds after the origin (``40``); and undone ``for_s`` seconds later, 0: at the end of the run.
    """

    fault: Fault
    at: str | float
    for_s: float = 0.0


@dataclass(frozen=True)
class ScheduledFault:
    """A fault of one run: ``fault`` is what is injected, with its secrets, and ``plan`` what the recording says of it
    and of its instants.
    """

    fault: Fault
    plan: FaultPlan

    @staticmethod
    def of(number: int, fault: Fault, start_s: float, end_s: float) -> ScheduledFault:
        """Seconds after the origin; ``number`` counts the faults of a run from 1."""
        description = f"{name_of(fault)} {described(fault)}".rstrip()
        return ScheduledFault(fault, FaultPlan(number, name_of(fault), start_s, end_s, description))

    def mark(self, event: str, detail: str) -> FaultMark:
        """At this instant of the monotonic clock; whoever writes it puts it on the run's time axis."""
        return FaultMark(time.monotonic(), self.plan.fault, event, detail, self.plan.number)

    def to_message(self) -> dict[str, Any]:
        """Plain data that survives JSON, with its secrets: for a pipe, and for nothing that is kept."""
        return {"plan": asdict(self.plan), "parameters": values_of(self.fault)}

    @staticmethod
    def from_message(body: Mapping[str, Any]) -> ScheduledFault:
        """Raises ConfigurationError as :func:`load` does, and KeyError or TypeError for what is no such message."""
        plan = FaultPlan(**body["plan"])
        return ScheduledFault(load(plan.fault, **body["parameters"]), plan)


_FOLDER = Folder(__name__, "fault", "inject")
available = _FOLDER.available
parameters = _FOLDER.parameters
summary = _FOLDER.summary
from_text = _FOLDER.from_text


def load(name: str, /, **parameters: Value) -> Fault:
    """The fault ``name`` with these parameters. A list is as good as a tuple.

    Raises ConfigurationError for an unknown name, or for all unknown, missing and ill-typed parameters.
    """
    fault: Fault = _FOLDER.load(name, parameters)
    return fault


def described(fault: Fault) -> str:
    """Its parameters as they are written for ``--fault``, those that differ from their defaults, without secrets."""
    words = []
    for field in fields(fault):
        value = getattr(fault, field.name)
        if not field.init or not field.repr or value == field.default:
            continue
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        text = strip_url(value) if isinstance(value, str) and "://" in value else str(value)
        words.append(f"{field.name}={shlex.quote(text)}")
    return " ".join(words)
