"""The settings of one run: its options read back and checked, all problems at once, by one path for the command line,
the environment, the config file and the web form.

Values are text until they are read here, because the web form hands over text whatever the parser's type says. From
then on they have their declared types.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import reports
from harness.analysis.alerts import Limits
from harness.clients import tls
from harness.config import addresses, fault_schedule, queue_gauge, safety_limits
from harness.config.given import Given
from harness.config.options import ALERTS, GENERAL, GeneralOptions, with_preset
from harness.config.run_criteria import criteria_of, objective_of, with_defaults
from harness.config.run_probes import asked_for, behind_host, of_run
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.faults import ScheduledFault
from harness.live.stop_rules import StopRule
from harness.probes import Probe
from harness.recording.header import CriterionSpec
from harness.recording.values import Scalar
from shapes._phased import PhasedShape


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
    idle_rules: tuple[str, ...]
    """Rules of ``--stop-when`` that stand for other runs, too, and that this one is too short for, each in words."""

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
    standing: Collection[StopRule] = (),
) -> RunSettings:
    """Reads all options from ``values`` (Locust's parsed options), sets those of the shape on it, and leaves in
    ``values`` what was read: a number as a number, an empty one as its default.

    Where nothing says which processes to sample and ``host`` is on this machine, those behind its port are. ``ask``:
    also what the scenario checks by itself, which may ask servers. ``users`` are the classes of users of the run.
    ``standing`` are the rules of ``--stop-when`` that were not given for this run alone.

    Raises ConfigurationError with every problem that was found; then ``values`` are as they were.
    """
    given = Given(values)
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
    users_planned = 0 if shape_problems else shape.planned_users
    usable = SimpleNamespace(
        **{**vars(values), **general, **of_scenario, **of_shape, "host": host, "planned_users": users_planned}
    )
    criteria = criteria_of(given, scenario, usable, tuple(users))
    faults, problems = fault_schedule.read(scenario, usable, None if shape_problems else shape.profile())
    given.problems += problems
    gauge = queue_gauge.read(usable.queue_gauge, given.problems)
    probes = (*asked_for(given, scenario, usable), *gauge.probes)
    behind = fault_schedule.behind(host, faults)
    sampled = (*probes, *behind_host(behind, probes), *of_run((host, behind), scenario, usable))
    phases = () if shape_problems else shape.profile().phases
    rules = safety_limits.rules(usable, sampled, phases, given.problems, standing)
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
        criteria=queue_gauge.judged(with_defaults(criteria, sampled, usable), gauge.gauge),
        probes=sampled,
        faults=faults,
        shape_parameters=of_shape,
        alerts=Limits(
            **{name.removeprefix("alert_"): value for name, value in alerts.items()}, **objective_of(criteria)
        ),
        stop_rules=rules.in_force,
        idle_rules=rules.idle,
    )


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
