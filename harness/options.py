"""Options of a run: declared to Locust's parser, so that each is a command-line flag, an environment variable, a line
of the config file and a field of the web form; and read back, all errors at once, by one path for all four.

Values stay text until they are read, because the web form hands over text whatever the parser's type says.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness import criteria as criteria_folder
from harness import disturbances
from harness import probes as probes_folder
from harness.analysis.alerts import Limits
from harness.errors import ConfigurationError
from harness.faults._timeline import TimedFault
from harness.probes import Probe
from harness.recording import CriterionSpec, Scalar
from harness.safety import require_allowed
from harness.scenario import GUARDS, Scenario
from shapes._phased import PhasedShape


@dataclass(frozen=True)
class Option:
    name: str
    """As in Python; the flag has dashes in place of underscores."""
    default: str
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        text = f"{self.help} (default: {self.default or 'none'})".replace("%", "%%")
        # The last two are addresses that hold a password.
        secret = any(word in self.name for word in ("password", "token", "secret", "postgres", "valkey"))
        locust_only: dict[str, Any] = {"env_var": f"SPRINGBACK_{self.name.upper()}", "is_secret": secret}
        parser.add_argument(
            self.flag, dest=self.name, default=self.default, metavar="<value>", help=text, **locust_only
        )


GENERAL = (
    Option("runs_dir", "runs", "directory in which each run gets a directory of its own"),
    Option("allow_host", "", "host name outside this machine that load may go to; several with commas"),
    Option("health_path", "", "path asked before and after the load, e.g. /healthz; empty: only the port"),
    Option("health_timeout_s", "5", "how long a health check may take, in seconds"),
    Option("back_within_s", "10", "how long the target may take to be healthy after the load, in seconds"),
    Option("ready_timeout_s", "60", "how long all users may take to be parked, in seconds"),
    Option("drain_timeout_s", "10", "how long to wait for answers that are out at the end, in seconds"),
    Option("arrivals", "even", "how starts of the open model are spread: even, or random (Poisson)"),
    Option("seed", "1", "of random arrivals: the same seed gives the same starts on any number of nodes"),
    Option("without", "", "criteria to leave out, several with commas; the report says so"),
    Option("alert_p95_s", "2", "alert when p95 of the last 10 s is above so many seconds; 0: never"),
    Option("alert_error_ratio", "0.05", "alert when more of the last 10 s' requests failed; 0: never"),
    Option("alert_memory_growth_bytes", "200000000", "alert when the target has grown by so many bytes; 0: never"),
    Option("alert_pool_use_ratio", "0.9", "alert when more of a connection pool is in use; 0: never"),
    Option("alert_pool_names", "in_use/size", "how the sampled figures of a pool are called, e.g. active/max"),
    Option("alert_replicas_name", "ready", "sampled figure whose changes are scaling events"),
    Option("target_state", "", "state file of the reference target: its API processes are sampled"),
    Option("probe_ports", "", "sample the processes that listen on these ports; default: the host's, on loopback"),
    Option("probe_pids", "", "sample these processes, several with commas"),
    Option("probe_prometheus", "", "sample these Prometheus endpoints, several URLs with commas"),
    Option("probe_json", "", "sample the numbers of these JSON endpoints, several URLs with commas"),
    Option(
        "fault", "", "disturbances, several with semicolons: name key=value … at=spike+5 for=10; see docs/faults.md"
    ),
)


def declare(parser: argparse.ArgumentParser, scenario: Scenario) -> None:
    """Adds every option of the harness, of the scenario, of its shapes and of its criteria to Locust's parser."""
    # Straight to the parser: Locust leaves the options of an argument group out of its web form.
    known = {action.dest for action in parser._actions}
    for option in (*GENERAL, *_of_scenario(scenario), *_of_shapes(), *_of_criteria(scenario)):
        if option.name in known:
            raise ConfigurationError(f"{option.flag} exists already; give the option another name in the scenario")
        known.add(option.name)
        option.add_to(parser)


def _of_scenario(scenario: Scenario) -> Iterator[Option]:
    for name, (default, text) in scenario.options.items():
        yield Option(name, default, text)


def _of_shapes() -> Iterator[Option]:
    shapes = list(_concrete(PhasedShape))
    texts = {name: text for shape in shapes for name, text in shape.options.items()}
    for name, text in texts.items():
        defaults = {str(getattr(shape, name)) for shape in shapes if name in shape.options}
        # Where shapes differ there is no default to show: empty means the chosen shape's own.
        yield Option(name, defaults.pop() if len(defaults) == 1 else "", text)


def _concrete(shape: type[PhasedShape]) -> Iterator[type[PhasedShape]]:
    for child in shape.__subclasses__():
        if not child.abstract:
            yield child
        yield from _concrete(child)


def _of_criteria(scenario: Scenario) -> Iterator[Option]:
    for spec in (*scenario.criteria, *GUARDS):
        try:
            parameters = criteria_folder.parameters(spec.criterion)
        except criteria_folder.CriterionError as error:
            raise ConfigurationError(error.errors) from None
        for parameter in parameters:
            if "limit" in parameter.name:
                value = spec.parameters.get(parameter.name, parameter.default)
                name = f"{criteria_folder.name_of(spec)}_{parameter.name}"
                yield Option(name, f"{value:g}" if isinstance(value, int | float) else str(value), parameter.help)


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
    faults: tuple[TimedFault, ...]
    seed: int | None
    """Of random arrivals; None for even ones."""
    shape_parameters: dict[str, Scalar]
    alerts: Limits


def read(values: Any, scenario: Scenario, shape: PhasedShape, host: str) -> Settings:
    """Reads all options from ``values`` (Locust's parsed options) and sets those of the shape on it.

    Where nothing says which processes to sample and ``host`` is on this machine, those behind its port are.

    Raises ConfigurationError with every fault that was found.
    """
    faults: list[str] = []

    def text(name: str) -> str:
        return str(getattr(values, name, "") or "").strip()

    def names(name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text(name).split(",") if part.strip())

    def seconds(name: str) -> float:
        value: float = number(Option(name, "", ""), text(name), float, faults)
        return value

    for name, (default, _) in scenario.options.items():
        if _is_number(default):  # then whoever reads it may rely on a number
            number(Option(name, "", ""), text(name), float, faults)
    shape_parameters: dict[str, Scalar] = {}
    for name in shape.options:
        own: Any = getattr(type(shape), name)
        given = text(name)
        option = Option(name, "", "")
        known = len(faults)
        value: Any = given if isinstance(own, str) else number(option, given, type(own), faults) if given else own
        # In place of one that cannot be read stands the shape's own, so that the others are still checked.
        shape_parameters[name] = value if len(faults) == known else own
    for name, value in shape_parameters.items():
        setattr(shape, name, value)
    shape_faults = shape.problems()
    faults += shape_faults

    left_out = names("without")
    judged = {criteria_folder.name_of(spec) for spec in scenario.criteria}
    faults += [
        f"--without {name}: not a criterion of this scenario; it has {', '.join(sorted(judged))}"
        for name in left_out
        if name not in judged
    ]
    kept = [spec for spec in scenario.criteria if criteria_folder.name_of(spec) not in left_out]
    specs = tuple(_with_limits(spec, text, faults) for spec in (*kept, *GUARDS))
    try:
        criteria_folder.load_all(specs)
    except criteria_folder.CriterionError as error:
        faults += error.errors
    timed, wrong = disturbances.read(scenario, values, None if shape_faults else shape.profile())
    faults += wrong
    probes = tuple(_probes(scenario, values, disturbances.behind(host, timed), text, names, faults))
    arrivals = text("arrivals") or "even"
    settings = Settings(
        runs_dir=Path(text("runs_dir") or "runs"),
        health_path=text("health_path") or scenario.health_path,
        health_timeout_s=seconds("health_timeout_s"),
        back_within_s=seconds("back_within_s"),
        ready_timeout_s=seconds("ready_timeout_s"),
        drain_timeout_s=seconds("drain_timeout_s"),
        criteria=specs,
        left_out=left_out,
        probes=probes,
        faults=timed,
        seed=number(Option("seed", "", ""), text("seed") or "1", int, faults) if arrivals == "random" else None,
        shape_parameters=shape_parameters,
        alerts=_alerts(text, faults),
    )
    if arrivals not in ("even", "random"):
        faults.append(f"--arrivals {arrivals}: choose even or random")
    if settings.health_path and not settings.health_path.startswith("/"):
        faults.append(f"--health-path {settings.health_path}: give a path that begins with /")
    if faults:
        raise ConfigurationError(faults)
    return settings


def _alerts(text: Any, faults: list[str]) -> Limits:
    given: dict[str, Any] = {}
    for entry in fields(Limits):
        value = text(f"alert_{entry.name}")
        if isinstance(entry.default, str):
            given[entry.name] = value
        elif value:
            given[entry.name] = number(Option(f"alert_{entry.name}", "", ""), value, float, faults)
    names = given.get("pool_names", "")
    if names and not all(names.partition("/")):
        faults.append(f"--alert-pool-names {names}: give two names, e.g. in_use/size")
    return Limits(**given)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def number(option: Option, given: str, kind: type, faults: list[str]) -> Any:
    """``given`` as a number of 0 or more; otherwise a fault is noted and 0 returned."""
    what = "a whole number" if kind is int else "a number"
    try:
        value = kind(given)
    except ValueError:
        faults.append(f"{option.flag} {given!r}: give {what} of 0 or more")
        return kind(0)
    if not math.isfinite(value) or value < 0:
        faults.append(f"{option.flag} {given}: give {what} of 0 or more")
        return kind(0)
    return value


def _with_limits(spec: CriterionSpec, text: Any, faults: list[str]) -> CriterionSpec:
    changed: dict[str, Scalar] = {}
    for parameter in criteria_folder.parameters(spec.criterion):
        name = f"{criteria_folder.name_of(spec)}_{parameter.name}"
        if "limit" in parameter.name and text(name):
            value = number(Option(name, "", ""), text(name), parameter.kind, faults)
            if problem := parameter.problem(value):
                faults.append(f"{Option(name, '', '').flag}: {problem}")
            else:
                changed[parameter.name] = value
    return replace(spec, parameters={**spec.parameters, **changed})


def _probes(scenario: Scenario, values: Any, host: str, text: Any, names: Any, faults: list[str]) -> Iterable[Probe]:
    wanted: list[tuple[str, dict[str, Any]]] = []
    try:
        for probe in scenario.probes(values) if callable(scenario.probes) else scenario.probes:
            if isinstance(probe, dict):
                wanted.append((probe["probe"], probe["parameters"]))
            else:
                yield probe
    except ConfigurationError as error:
        faults += error.messages
    for option, name, field in (
        ("probe_ports", "process", "ports"),
        ("probe_pids", "process", "pids"),
    ):
        numbers = tuple(number(Option(option, "", ""), part, int, faults) for part in names(option))
        if numbers:
            wanted.append((name, {field: numbers}))
    if text("target_state"):
        wanted.append(("process", {"status_file": text("target_state")}))
    if names("probe_prometheus"):
        wanted.append(("prometheus", {"urls": names("probe_prometheus")}))
    wanted += [("http_json", {"url": url}) for url in names("probe_json")]
    if not any(name == "process" for name, _ in wanted) and (port := _loopback_port(host)):
        wanted.append(("process", {"ports": (port,)}))
    for name, parameters in wanted:
        try:
            yield probes_folder.load(name, **parameters)
        except ConfigurationError as error:
            faults += error.messages


def _loopback_port(host: str) -> int | None:
    """The port of an address on this machine, None for any other."""
    try:
        require_allowed(host, ())
    except ConfigurationError:
        return None
    parts = urlsplit(host)
    return parts.port or (443 if parts.scheme == "https" else 80)
