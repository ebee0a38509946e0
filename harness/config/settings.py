"""The settings of one run: its options read back and checked, all errors at once, by one path for the command line,
the environment, the config file and the web form.

Values stay text until they are read here, because the web form hands over text whatever the parser's type says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from harness import criteria as criteria_folder
from harness import probes as probes_folder
from harness.analysis.alerts import Limits
from harness.clients.address import require_allowed
from harness.config import fault_schedule
from harness.config.scenario import GUARDS, Scenario
from harness.errors import ConfigurationError
from harness.faults import ScheduledFault
from harness.plugins import flag
from harness.probes import Probe
from harness.recording import CriterionSpec, Scalar
from shapes._phased import PhasedShape


@dataclass(frozen=True)
class Settings:
    """The options of one run, read and checked."""

    runs_dir: Path
    health_path: str
    health_timeout_s: float
    back_within_s: float
    ready_timeout_s: float
    drain_timeout_s: float
    criteria: tuple[CriterionSpec, ...]
    left_out: tuple[str, ...]
    probes: tuple[Probe, ...]
    faults: tuple[ScheduledFault, ...]
    seed: int | None
    """Of random arrivals; None for even ones."""
    shape_parameters: dict[str, Scalar]
    alerts: Limits


def read(values: Any, scenario: Scenario, shape: PhasedShape, host: str) -> Settings:
    """Reads all options from ``values`` (Locust's parsed options) and sets those of the shape on it.

    Where nothing says which processes to sample and ``host`` is on this machine, those behind its port are.

    Raises ConfigurationError with every fault that was found.
    """
    given = _Given(values, number_faults(values, scenario))
    shape_parameters = _shape_parameters(given, shape)
    problems = shape.problems()
    given.faults += problems
    # What the scenario makes of its options may rely on them, and is checked with all the rest.
    values = usable(values, scenario, shape)
    criteria = _criteria(given, scenario)
    timed, wrong = fault_schedule.read(scenario, values, None if problems else shape.profile())
    given.faults += wrong
    probes = tuple(_probes(given, values, scenario, fault_schedule.behind(host, timed)))
    settings = Settings(
        runs_dir=Path(given.text("runs_dir") or "runs"),
        health_path=given.text("health_path") or scenario.health_path,
        health_timeout_s=given.number("health_timeout_s"),
        back_within_s=given.number("back_within_s"),
        ready_timeout_s=given.number("ready_timeout_s"),
        drain_timeout_s=given.number("drain_timeout_s"),
        criteria=criteria,
        left_out=given.names("without"),
        probes=probes,
        faults=timed,
        seed=_seed(given),
        shape_parameters=shape_parameters,
        alerts=_alerts(given),
    )
    if settings.health_path and not settings.health_path.startswith("/"):
        given.faults.append(f"--health-path {settings.health_path}: give a path that begins with /")
    if given.faults:
        raise ConfigurationError(given.faults)
    return settings


def usable(values: Any, scenario: Scenario, shape: PhasedShape) -> Any:
    """``values`` with every number that cannot be read as it is by default, and the options of ``shape`` as they were
    read, an empty one as the shape's own.
    """
    numbers = {
        name: default
        for name, (default, _) in scenario.options.items()
        if _is_number(default) and number_faults(values, replace(scenario, options={name: (default, "")}))
    }
    shaped = {name: str(getattr(shape, name)) for name in shape.options}
    return SimpleNamespace(**{**vars(values), **numbers, **shaped})


def number_faults(values: Any, scenario: Scenario) -> list[str]:
    """What is wrong with the scenario's own options whose default is a number: who reads them may rely on one."""
    given = _Given(values)
    for name, (default, _) in scenario.options.items():
        if _is_number(default):
            given.number(name)
    return given.faults


@dataclass
class _Given:
    """What was given for each option, and everything that is wrong with it."""

    values: Any
    faults: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        return str(getattr(self.values, name, "") or "").strip()

    def names(self, name: str) -> tuple[str, ...]:
        """Several with commas."""
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def number(self, name: str, kind: type = float, given: str | None = None) -> Any:
        """A number of 0 or more, from ``given`` or the option's value; otherwise a fault is noted and 0 returned."""
        given = self.text(name) if given is None else given
        what = "a whole number" if kind is int else "a number"
        try:
            value = kind(given)
        except ValueError:
            self.faults.append(f"{flag(name)} {given!r}: give {what} of 0 or more")
            return kind(0)
        if not math.isfinite(value) or value < 0:
            self.faults.append(f"{flag(name)} {given}: give {what} of 0 or more")
            return kind(0)
        return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shape_parameters(given: _Given, shape: PhasedShape) -> dict[str, Scalar]:
    """Sets the options of the shape on it, and returns them.

    What was resolved (an empty one is the shape's own) stands in the options from now on, as text like all of them,
    so that users who read them read the same.
    """
    parameters: dict[str, Scalar] = {}
    for name in shape.options:
        own: Any = getattr(type(shape), name)
        text, known = given.text(name), len(given.faults)
        value: Any = text if isinstance(own, str) else given.number(name, type(own)) if text else own
        # In place of one that cannot be read stands the shape's own, so that the others are still checked.
        is_read = len(given.faults) == known
        parameters[name] = value if is_read else own
        if is_read:
            setattr(given.values, name, str(value))
    for name, value in parameters.items():
        setattr(shape, name, value)
    return parameters


def _criteria(given: _Given, scenario: Scenario) -> tuple[CriterionSpec, ...]:
    """Those of the scenario that are not left out, and the guards, with their limits as they were given."""
    judged = {criteria_folder.name_of(spec) for spec in scenario.criteria}
    left_out = given.names("without")
    given.faults += [
        f"--without {name}: not a criterion of this scenario; it has {', '.join(sorted(judged))}"
        for name in left_out
        if name not in judged
    ]
    kept = [spec for spec in scenario.criteria if criteria_folder.name_of(spec) not in left_out]
    specs = tuple(_with_limits(given, spec) for spec in (*kept, *GUARDS))
    try:
        criteria_folder.load_all(specs)
    except ConfigurationError as error:
        given.faults += error.messages
    return specs


def _with_limits(given: _Given, spec: CriterionSpec) -> CriterionSpec:
    changed: dict[str, Scalar] = {}
    for parameter in criteria_folder.parameters(spec.criterion):
        name = f"{criteria_folder.name_of(spec)}_{parameter.name}"
        if "limit" in parameter.name and given.text(name):
            value = given.number(name, parameter.kind)
            if problem := parameter.problem(value):
                given.faults.append(f"{flag(name)}: {problem}")
            else:
                changed[parameter.name] = value
    return replace(spec, parameters={**spec.parameters, **changed})


def _seed(given: _Given) -> int | None:
    arrivals = given.text("arrivals") or "even"
    if arrivals == "random":
        seed: int = given.number("seed", int, given.text("seed") or "1")
        return seed
    if arrivals != "even":
        given.faults.append(f"--arrivals {arrivals}: choose even or random")
    return None


def _alerts(given: _Given) -> Limits:
    limits: dict[str, Any] = {}
    for entry in fields(Limits):
        name = f"alert_{entry.name}"
        if isinstance(entry.default, str):
            limits[entry.name] = given.text(name)
        elif given.text(name):
            limits[entry.name] = given.number(name)
    names = limits.get("pool_names", "")
    if names and not all(names.partition("/")):
        given.faults.append(f"--alert-pool-names {names}: give two names, e.g. in_use/size")
    return Limits(**limits)


def _probes(given: _Given, usable_values: Any, scenario: Scenario, host: str) -> Iterable[Probe]:
    wanted: list[tuple[str, dict[str, Any]]] = []
    try:
        for probe in scenario.probes(usable_values) if callable(scenario.probes) else scenario.probes:
            if isinstance(probe, dict):
                wanted.append((probe["probe"], probe["parameters"]))
            else:
                yield probe
    except ConfigurationError as error:
        given.faults += error.messages
    for option, parameter in (("probe_ports", "ports"), ("probe_pids", "pids")):
        numbers = tuple(given.number(option, int, part) for part in given.names(option))
        if numbers:
            wanted.append(("process", {parameter: numbers}))
    if given.text("target_state"):
        wanted.append(("process", {"status_file": given.text("target_state")}))
    if given.names("probe_prometheus"):
        wanted.append(("prometheus", {"urls": given.names("probe_prometheus")}))
    wanted += [("http_json", {"url": url}) for url in given.names("probe_json")]
    if not any(name == "process" for name, _ in wanted) and (port := _loopback_port(host)):
        wanted.append(("process", {"ports": (port,)}))
    for name, parameters in wanted:
        try:
            yield probes_folder.load(name, **parameters)
        except ConfigurationError as error:
            given.faults += error.messages


def _loopback_port(host: str) -> int | None:
    """The port of an address on this machine, None for any other."""
    try:
        require_allowed(host, ())
    except ConfigurationError:
        return None
    parts = urlsplit(host)
    return parts.port or (443 if parts.scheme == "https" else 80)
