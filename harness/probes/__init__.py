"""Probes: what can be sampled on the target. One file a probe; the file's name is the probe's name.

A probe is a frozen dataclass whose :meth:`~Probe.sample` yields readings, and whose fields are its parameters, each
declared with :func:`harness.plugins.parameter`. To add one, copy ``noop.py``: nothing is registered, the folder is the
list. Files that begin with an underscore are no probes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from harness.plugins import Folder, PlugIn, Value, name_of, values_of

__all__ = [
    "Probe",
    "ProbeData",
    "Reading",
    "as_data",
    "available",
    "from_data",
    "from_text",
    "load",
    "name_of",
    "parameters",
    "planned",
]

ProbeData: TypeAlias = dict[str, Any]
"""A probe as JSON: ``{"probe": name, "parameters": {...}}``."""


@dataclass(frozen=True)
class Reading:
    """Figures of one source at one instant, or the reason why there are none."""

    source: str
    """What was read: a process (``api1``) or a URL without user info and query."""
    values: Mapping[str, float]
    """Finite numbers; each name carries its unit where it has one."""
    error: str | None = None
    may_come: bool = False
    """Of a failed one: the source answers, and what was looked for may still appear there, e.g. a counter of what has
    not happened yet. Any other failure before the load shows a mistake, and the run does not start."""

    @classmethod
    def of(cls, source: str, values: Mapping[str, float]) -> Reading:
        """A good reading. Leaves out NaN and infinities, which a recording cannot hold."""
        return cls(source, {name: float(value) for name, value in values.items() if math.isfinite(value)})

    @classmethod
    def failed(cls, source: str, error: str, *, may_come: bool = False) -> Reading:
        """Nothing could be read; ``error`` says why."""
        return cls(source, {}, error, may_come)


class Probe(PlugIn):
    """A concrete one is a frozen dataclass; its fields are its parameters: str, int, float, bool or tuples of these.

    ``sample`` never raises for a target that is away or answers nonsense: it yields a failed reading instead.
    It is called about once a second, always from the same process, never twice at the same time. What it must
    remember between two samples lives in a field with ``init=False, compare=False``.
    """

    kind: ClassVar[str] = "Probe"
    watches_processes: ClassVar[bool] = False
    """Whether it reads memory and restarts of the target's processes or containers: these are judged wherever they are
    sampled.
    """

    def sample(self) -> Iterable[Reading]:
        raise NotImplementedError


_FOLDER = Folder(__name__, "probe", "sample")
available = _FOLDER.available
parameters = _FOLDER.parameters
from_text = _FOLDER.from_text
summary = _FOLDER.summary


def load(name: str, /, **parameters: Value) -> Probe:
    """The probe ``name`` with these parameters. A list is as good as a tuple.

    Raises ConfigurationError for an unknown name, or for all unknown, missing and ill-typed parameters.
    """
    probe: Probe = _FOLDER.load(name, parameters)
    return probe


def planned(name: str, /, **parameters: Value) -> ProbeData:
    """A probe that is yet to be loaded, for a scenario: what is wrong with one must not hide what is wrong with the
    next.
    """
    return {"probe": name, "parameters": parameters}


def as_data(probe: Probe) -> ProbeData:
    """``probe`` as plain data that survives JSON, for sending it to another process."""
    return {"probe": name_of(probe), "parameters": values_of(probe)}


def from_data(data: ProbeData) -> Probe:
    """The inverse of :func:`as_data`. Raises ConfigurationError as :func:`load` does."""
    return load(str(data.get("probe")), **data.get("parameters", {}))
