"""The settings of one run: its options read back and checked, all problems at once, by one path for the command line,
the environment, the config file and the web form.

Values are text until they are read here, because the web form hands over text whatever the parser's type says. From
then on they are what they were declared as, for whoever reads the options.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import reports
from harness import criteria as criteria_folder
from harness import probes as probes_folder
from harness.analysis.alerts import Limits
from harness.analysis.machine import on_masters_machine
from harness.analysis.phases import OF_CLASS, SHED_RATIO, split_pattern
from harness.clients import tls
from harness.clients.address import require_allowed
from harness.config import addresses, fault_schedule, queue_gauge, safety_limits, written_probes
from harness.config.options import ALERTS, GENERAL, OF_BUDGET, GeneralOptions, limit_option, with_preset
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError, nearest
from harness.faults import ScheduledFault
from harness.live.stop_rules import StopRule
from harness.load.http.expectation import statuses
from harness.plugins import Parameter
from harness.probes import Probe
from harness.recording_header import CriterionSpec
from harness.recording_values import Scalar
from shapes._phased import PhasedShape

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "postgresql": 5432, "postgres": 5432, "redis": 6379}
ERROR_BUDGET = "error_budget"
OF_PROCESSES = (
    CriterionSpec("memory_leak", {"only_where_measured": True}),
    CriterionSpec("process_restarts", {"only_where_measured": True}),
    CriterionSpec("cpu_throttling", {"only_where_measured": True, "limit": 1.0}),
)
"""Judged wherever the target's processes or containers are sampled, whether anybody has thought of them or not."""


@dataclass(frozen=True, kw_only=True)
class RunSettings(GeneralOptions):
    """The options of one run, read and checked, and what follows from them."""

    criteria: tuple[CriterionSpec, ...]
    probes: tuple[Probe, ...]
    faults: tuple[ScheduledFault, ...]
    shape_parameters: Mapping[str, Scalar]
    alerts: Limits
    stop_rules: tuple[StopRule, ...]
    """Those of ``--stop-when``, then those of the safety limits."""

    @property
    def arrival_seed(self) -> int | None:
        """Of random arrivals; None for even ones."""
        return self.seed if self.arrivals == "random" else None


def read(
    values: Any,
    scenario: Scenario,
    shape: PhasedShape,
    host: str,
    ask: bool = False,
    users: Iterable[type[Any]] = (),
) -> RunSettings:
    """Reads all options from ``values`` (Locust's parsed options), sets those of the shape on it, and leaves in
    ``values`` what was read: a number as a number, an empty one as its default.

    Where nothing says which processes to sample and ``host`` is on this machine, those behind its port are. ``ask``:
    also what the scenario checks by itself, which may ask servers. ``users`` are the classes of users of the run.

    Raises ConfigurationError with every problem that was found; then ``values`` are as they were.
    """
    given = _Given(values)
    general = given.read_all(GENERAL)
    if general["preset"] and general["preset"] != scenario.preset.name:
        try:
            scenario = with_preset(general["preset"], scenario)
        except ConfigurationError as error:
            given.problems += error.messages
    of_scenario = given.read_all(scenario.options)
    of_shape = given.read_all(
        replace(each, default=getattr(type(shape), name)) for name, each in shape.parameters.items()
    )
    for name, value in of_shape.items():
        setattr(shape, name, value)
    shape_problems = shape.problems()
    given.problems += shape_problems
    of_shape = {name: getattr(shape, name) for name in of_shape}  # one may follow from others: the peak from --spike
    # What the scenario makes of its options may rely on them: what cannot be read is as it is by default.
    users_planned = 0 if shape_problems else planned_users(shape)
    usable = SimpleNamespace(
        **{**vars(values), **general, **of_scenario, **of_shape, "host": host, "planned_users": users_planned}
    )
    criteria = _criteria(given, scenario, usable, tuple(users))
    faults, problems = fault_schedule.read(scenario, usable, None if shape_problems else shape.profile())
    given.problems += problems
    gauge = queue_gauge.read(usable.queue_gauge, given.problems)
    probes = (*_probes(given, scenario, usable), *gauge.probes)
    behind = fault_schedule.behind(host, faults)
    sampled = (*probes, *_behind_host(behind, probes), *_of_run((host, behind), scenario, usable))
    rules = safety_limits.rules(usable, sampled, given.problems)
    if not shape_problems:
        given.problems += safety_limits.beyond(usable, shape)
    alerts = given.read_all(ALERTS)
    pool_names = alerts["alert_pool_names"]
    if pool_names and not all(pool_names.partition("/")):
        given.problems.append(f"--alert-pool-names {pool_names}: give two names, e.g. in_use/size")
    general["health_path"] = general["health_path"] or scenario.health_path
    if wrong_path := _path_problem(general["health_path"]):
        given.problems.append(wrong_path)
    if problem := reports.problem(general["report_formats"]):
        given.problems.append(f"--report-formats: {problem}")
    given.problems += tls.RunTls.of(usable).problems()
    if ask:
        given.problems += _runs_dir_problems(Path(general["runs_dir"]))
        wait_s = 0.0 if given.problems else general["wait_for_target"]
        given.problems += addresses.problems(
            scenario, usable, probes, faults, declared=(*scenario.options, *GENERAL), wait_s=wait_s
        )
        if not given.problems:
            given.problems += queue_gauge.name_problems(gauge, sampled)
    if given.problems:
        # Once each: what a shape's class has wrong is wrong as the default of its option, too.
        raise ConfigurationError(dict.fromkeys(given.problems))
    vars(values).update({**general, **of_scenario, **of_shape})
    return RunSettings(
        **general,
        criteria=queue_gauge.judged(_with_defaults(criteria, sampled, usable), gauge.gauge),
        probes=sampled,
        faults=faults,
        shape_parameters=of_shape,
        alerts=Limits(
            **{name.removeprefix("alert_"): value for name, value in alerts.items()}, **_objective_of(criteria)
        ),
        stop_rules=rules,
    )


def planned_users(shape: PhasedShape) -> int:
    """How many users the run has, most of all at one time."""
    profile = shape.profile()
    return profile.pool_users if shape.parked else math.ceil(profile.level(False).peak)


def _path_problem(path: str) -> str:
    if not path:
        return ""
    if not path.isascii() or not path.isprintable() or " " in path or "\\" in path:
        return f"--health-path {path!a}: write what is not a plain character of a path with %, a space as %20"
    return "" if path.startswith("/") else f"--health-path {path}: give a path that begins with /"


def _runs_dir_problems(path: Path) -> list[str]:
    """Whether a run could have its directory there: tried in the part of the path that exists, leaving nothing."""
    try:
        there = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
        if not there.is_dir():
            return [f"--runs-dir {path}: {'' if there == path else f'{there} '}is no directory; name another"]
        with TemporaryDirectory(prefix="springback-", dir=there):
            return []
    except OSError as error:
        return [f"--runs-dir {path}: cannot be written ({error.strerror}); name a directory that can"]


@dataclass
class _Given:
    """What was given for each option, and everything that is wrong with it."""

    values: Any
    problems: list[str] = field(default_factory=list)

    def read_all(self, declared: Iterable[Parameter]) -> dict[str, Any]:
        """What was given, by name; in place of what is empty or cannot be used, the default."""
        return {each.name: self.read(each) for each in declared}

    def read(self, declared: Parameter) -> Any:
        given = getattr(self.values, declared.name, None)
        value = declared.read(given.strip()) if isinstance(given, str) else given
        if given is None or (value == "" and declared.kind is not str):
            if declared.default is MISSING:
                self.problems.append(f"{declared.flag} is missing: {declared.problem(None)}")
            return declared.default
        if problem := declared.problem(value):
            self.problems.append(f"{declared.flag} {declared.shown(given)}: {problem}")
            return declared.default
        return declared.usable(value)


def _criteria(given: _Given, scenario: Scenario, usable: Any, users: Sequence[type[Any]]) -> tuple[CriterionSpec, ...]:
    """Those of the scenario that are not left out, and the guards, with their limits as they were given."""
    try:
        specs = scenario.specs(usable)
    except ConfigurationError as error:
        given.problems += error.messages
        return ()
    given.problems += _unknown_classes(specs, [user.__name__ for user in users])
    specs = (*_with_objective(specs, usable), *_about_shedding(given, specs, usable, users))
    judged = {criteria_folder.name_of(spec) for spec in (*specs, *OF_PROCESSES, *queue_gauge.by_default(specs, ()))}
    given.problems += [
        f"--without {name}: not a criterion of this scenario; it has {', '.join(sorted(judged))}"
        for name in usable.without
        if name not in judged
    ]
    kept = [spec for spec in specs if criteria_folder.name_of(spec) not in usable.without]
    try:
        criteria_folder.load_all((*kept, *criteria_folder.guard_specs()))
    except ConfigurationError as error:
        given.problems += error.messages
        return ()
    return tuple(_with_limits(given, spec) for spec in (*kept, *criteria_folder.guard_specs()))


def _unknown_classes(specs: Iterable[CriterionSpec], known: Sequence[str]) -> Iterator[str]:
    for spec in specs:
        requests = str(spec.parameters.get("requests", "") or "")
        user_class, _ = split_pattern(requests)
        if requests.startswith(OF_CLASS) and known and user_class not in known:
            name, meant = criteria_folder.name_of(spec), nearest(user_class, known)
            told = f"did you mean {meant}?" if meant else f"this run has {', '.join(known)}"
            yield f"requests={requests!r} of {name}: no class of users is called {user_class!r}; {told}"


def _with_defaults(
    criteria: tuple[CriterionSpec, ...], probes: Iterable[Probe], usable: Any
) -> tuple[CriterionSpec, ...]:
    """With the criteria that are judged wherever something can tell: those of the target's processes where these are
    sampled, and metastability where a recovery is. They alone judge no run.
    """
    named = {spec.criterion for spec in criteria}
    if all(criteria_folder.is_guard(name) for name in named):
        return criteria
    criteria = (*criteria, *queue_gauge.by_default(criteria, usable.without))
    if not any(probe.watches_processes for probe in probes):
        return criteria
    return (*criteria, *(spec for spec in OF_PROCESSES if spec.criterion not in {*named, *usable.without}))


def _about_shedding(
    given: _Given, specs: Iterable[CriterionSpec], usable: Any, users: Iterable[type[Any]]
) -> Iterable[CriterionSpec]:
    """The criterion that judges it, where shedding is declared, by the option or by users, and nobody has named it."""
    for name in ("expect", "shed"):
        try:
            statuses(getattr(usable, name))
        except ValueError as error:
            given.problems.append(f"--{name}: {error}")
    declared = bool(usable.shed) or any(getattr(user, "shed", ()) for user in users)
    if declared and all(spec.criterion != SHED_RATIO for spec in specs):
        yield CriterionSpec(SHED_RATIO)


def _with_objective(specs: tuple[CriterionSpec, ...], usable: Any) -> tuple[CriterionSpec, ...]:
    """With the criterion of the error budget, and what was given for it, where an objective was given."""
    if not usable.slo_objective:
        return specs
    named = (*specs, *([] if any(each.criterion == ERROR_BUDGET for each in specs) else [CriterionSpec(ERROR_BUDGET)]))
    wanted = {
        "objective": usable.slo_objective,
        "window_days": usable.slo_window_days,
        "latency_s": usable.slo_latency_s,
    }
    return tuple(
        replace(each, parameters={**each.parameters, **wanted}) if each.criterion == ERROR_BUDGET else each
        for each in named
    )


def _objective_of(specs: Iterable[CriterionSpec]) -> dict[str, Any]:
    """What the alerts watch: the objective of the first criterion that judges one."""
    found = next((criteria_folder.load(each) for each in specs if each.criterion == ERROR_BUDGET), None)
    if found is None:
        return {}
    return {f"{OF_BUDGET}{name}": getattr(found, name) for name in ("objective", "window_days", "latency_s")}


def _with_limits(given: _Given, spec: CriterionSpec) -> CriterionSpec:
    changed: dict[str, Scalar] = {}
    for each in criteria_folder.parameters(spec.criterion):
        if "limit" in each.name:
            own = spec.parameters.get(each.name, each.default)
            value = given.read(replace(each, name=limit_option(spec, each), default=own))
            if value != each.default or each.name in spec.parameters:
                changed[each.name] = value
    return replace(spec, parameters={**spec.parameters, **changed})


def _behind_host(host: str, probes: Iterable[Probe]) -> Iterable[Probe]:
    """The processes behind the host's port, where nothing else says which to sample. Nobody has named them, so they may
    be out of sight: in a container, or another user's.
    """
    if not any(probe.watches_processes for probe in probes) and (port := _loopback_port(host)):
        yield probes_folder.load("process", ports=(port,))


def _of_run(hosts: Iterable[str], scenario: Scenario, usable: Any) -> Iterable[Probe]:
    """The CPU of whatever is on this machine and was named to the run: what is left is taken by others."""
    named = [*hosts, *addresses.named(usable, (*scenario.options, *GENERAL))]
    ports = {*usable.probe_ports, *(port for address in named if (port := _port_here(address)))}
    if ports or usable.probe_pids or usable.target_state:
        yield probes_folder.load(
            "run_cpu", ports=tuple(sorted(ports)), pids=usable.probe_pids, status_file=usable.target_state
        )


def _port_here(address: str) -> int | None:
    """The port of a service on this machine; None for any other, and for what is no address."""
    try:
        parts = urlsplit(address)
        return (parts.port or DEFAULT_PORTS.get(parts.scheme)) if on_masters_machine(address) else None
    except ValueError:
        return None


def _probes(given: _Given, scenario: Scenario, usable: Any) -> Iterable[Probe]:
    wanted: list[tuple[str, dict[str, Any]]] = []
    try:
        for probe in scenario.planned_probes(usable):
            if isinstance(probe, dict):
                wanted.append((probe["probe"], probe["parameters"]))
            else:
                yield probe
    except ConfigurationError as error:
        given.problems += error.messages
    if usable.probe_ports:
        wanted.append(("process", {"ports": usable.probe_ports}))
    if usable.probe_pids:
        wanted.append(("process", {"pids": usable.probe_pids}))
    if usable.target_state:
        wanted.append(("process", {"status_file": usable.target_state}))
    if usable.probe_prometheus:
        wanted.append(("prometheus", {"urls": usable.probe_prometheus}))
    wanted += [("http_json", {"url": url}) for url in usable.probe_json]
    yield from written_probes.read(usable.probe, given.problems)
    for name, parameters in wanted:
        try:
            yield probes_folder.load(name, **parameters)
        except ConfigurationError as error:
            given.problems += error.messages


def _loopback_port(host: str) -> int | None:
    """The port of an address on this machine, None for any other."""
    try:
        require_allowed(host, ())
    except ConfigurationError:
        return None
    parts = urlsplit(host)
    return parts.port or (443 if parts.scheme == "https" else 80)
