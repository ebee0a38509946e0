"""What a scenario file says about itself when it calls :func:`harness.attach`."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

from harness.config.presets import NONE, Preset
from harness.criteria import name_of
from harness.errors import ConfigurationError
from harness.faults import PlannedFault
from harness.findings import ERROR_RATIO, LATENCY_QUANTILE, RECOVERY_TIME
from harness.plugins import Parameter
from harness.probes import Probe, ProbeData
from harness.recording.header import CriterionSpec

STANDARD = (ERROR_RATIO, LATENCY_QUANTILE, RECOVERY_TIME, "memory_growth")
"""Criteria about the target, with the defaults of their files, for a scenario that names none."""

DEFAULT_SUITE = "spike"
"""The group of a scenario that names none."""

Criteria: TypeAlias = Iterable[str | CriterionSpec]
"""Each by its name, with the defaults of its file, or with parameters."""
CriteriaOf: TypeAlias = Callable[[Any], Criteria]
"""From the options of a run (attributes, as in ``parsed_options``) to how it is judged."""
ProbesOf: TypeAlias = Callable[[Any], Iterable[Probe | ProbeData]]
"""From the options of a run to what is sampled."""
FaultsOf: TypeAlias = Callable[[Any], Iterable[PlannedFault]]
"""From the options of a run to what is disturbed, and when."""
ChecksOf: TypeAlias = Callable[[Any], Iterable[str]]
"""From the options of a run to what makes it impossible, in words that name the remedy."""


_attached: list[Scenario] = []


def attached_scenario() -> Scenario | None:
    """The scenario that the locustfile of this process has attached, if it has."""
    return _attached[0] if _attached else None


def set_attached(scenario: Scenario) -> None:
    _attached[:] = [scenario]


@dataclass(frozen=True)
class Scenario:
    """A scenario: its name, how it is judged, what is sampled, and the options of its users."""

    name: str
    criteria: tuple[str | CriterionSpec, ...] | CriteriaOf = STANDARD
    probes: tuple[Probe | ProbeData, ...] | ProbesOf = ()
    faults: tuple[PlannedFault, ...] | FaultsOf = ()
    health_path: str = ""
    """Asked before and after the load; empty: only that the port answers."""
    options: tuple[Parameter, ...] = ()
    """Of the users."""
    reference: Mapping[str, str] = field(default_factory=dict)
    """What the reference target has to be like when it is started for this scenario: options of ``python -m target
    up`` without their dashes (``{"autoscale": "max=3"}``; a flag with nothing, ``{"ha": ""}``) and settings of its
    service (``TARGET_…``)."""
    checks: ChecksOf | None = None
    """Asked in the master just before load is made, when the target is up: whether the password of a database is right,
    whether a server can be reached. What it says refuses the run."""
    suite: str = DEFAULT_SUITE
    """The group that ``springback suite GROUP`` runs it with."""
    preset: Preset = NONE
    """What ``--preset`` has changed about it."""

    def specs(self, options: Any) -> tuple[CriterionSpec, ...]:
        """The criteria of a run with these options. Raises ConfigurationError for what is no criterion."""
        listed = self._list("criteria", options, "the name of a criterion, or a CriterionSpec", str | CriterionSpec)
        return self.preset.changed(CriterionSpec(each) if isinstance(each, str) else each for each in listed)

    def planned_probes(self, options: Any) -> tuple[Probe | ProbeData, ...]:
        """Raises ConfigurationError for what is wrong with the options, or with the scenario's own code."""
        return self._list(
            "probes", options, 'a probe, e.g. harness.probes.planned("process", ports=[8000])', Probe | dict
        )

    def planned_faults(self, options: Any) -> tuple[PlannedFault, ...]:
        """Raises as :meth:`planned_probes`."""
        return self._list("faults", options, 'a PlannedFault, e.g. PlannedFault(fault, at="spike")', PlannedFault)

    def problems(self, options: Any) -> tuple[str, ...]:
        """What its own checks say. Raises as :meth:`planned_probes`."""
        said = self._asked("checks", options) if self.checks is not None else ()
        return (said,) if isinstance(said, str) else tuple(map(str, said or ()))

    def _list(self, what: str, options: Any, wanted: str, kind: Any) -> tuple[Any, ...]:
        listed: Any = self._asked(what, options)
        wrong = list_problem(what, listed)
        if wrong:
            raise ConfigurationError(f"{what}= of {self.name} is {wrong}")
        listed = list(listed)
        strangers = [each for each in listed if not isinstance(each, kind)]
        if strangers:
            raise ConfigurationError(f"{what}= of {self.name} has {each!r}: give {wanted}" for each in strangers)
        return tuple(listed)

    def _asked(self, what: str, options: Any) -> Any:
        """What the scenario names, or what its function of the options answers. Whatever that raises is said in words:
        it is the user's code.
        """
        given = getattr(self, what)
        if not callable(given):
            return given
        try:
            answer = given(options)
            return list(answer) if isinstance(answer, Iterator) else answer
        except ConfigurationError:
            raise
        except Exception as error:
            lines = traceback.extract_tb(error.__traceback__)
            place = f"{Path(lines[-1].filename).name}, line {lines[-1].lineno}"
            raise ConfigurationError(f"{what}= of {self.name}: {type(error).__name__}: {error} ({place})") from error

    def default_specs(self, of_shape: Iterable[Parameter]) -> tuple[CriterionSpec, ...]:
        """The criteria when nothing is given, and those that come with another choice of an option: the limits of all
        of them become options. Raises as :meth:`specs` for those when nothing is given.
        """
        defaults = {each.name: each.default for each in (*of_shape, *self.options)}
        found = list(self.specs(SimpleNamespace(**defaults)))
        for option in self.options if callable(self.criteria) else ():
            for choice in option.choices:
                with contextlib.suppress(ConfigurationError):  # said when the options are read
                    chosen = self.specs(SimpleNamespace(**{**defaults, option.name: choice}))
                    known = set(map(name_of, found))
                    found += [spec for spec in chosen if name_of(spec) not in known]
        return tuple(found)


def list_problem(what: str, given: object) -> str:
    """What is wrong with ``given`` as a list; empty where nothing is."""
    if isinstance(given, Iterable) and not isinstance(given, str | Mapping):
        return ""
    return f"{given!r}: give a list, e.g. {_EXAMPLES[what]}"


_EXAMPLES = {
    "criteria": "['error_ratio']",
    "probes": '[planned("process", ports=[8000])]',
    "faults": '[PlannedFault(fault, at="spike")]',
}
