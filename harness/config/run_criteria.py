"""By what a run is judged: the criteria of its scenario, and those that come with an option or with what is sampled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from harness import criteria as criteria_folder
from harness.analysis.phases import OF_CLASS, SHED_RATIO, split_pattern
from harness.config import queue_gauge
from harness.config.given import Given
from harness.config.options import OF_BUDGET, limit_option
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError, nearest
from harness.load.http.expectation import statuses
from harness.probes import Probe
from harness.recording.header import CriterionSpec
from harness.recording.values import Scalar

ERROR_BUDGET = "error_budget"
OF_PROCESSES = (
    CriterionSpec("memory_leak", {"only_where_measured": True}),
    CriterionSpec("process_restarts", {"only_where_measured": True}),
    CriterionSpec("cpu_throttling", {"only_where_measured": True, "limit": 1.0}),
)
"""Judged wherever the target's processes or containers are sampled, whether anybody has thought of them or not."""


def criteria_of(given: Given, scenario: Scenario, usable: Any, users: Sequence[type[Any]]) -> tuple[CriterionSpec, ...]:
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


def with_defaults(
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
    given: Given, specs: Iterable[CriterionSpec], usable: Any, users: Iterable[type[Any]]
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


def objective_of(specs: Iterable[CriterionSpec]) -> dict[str, Any]:
    """What the alerts watch: the objective of the first criterion that judges one."""
    found = next((criteria_folder.load(each) for each in specs if each.criterion == ERROR_BUDGET), None)
    if found is None:
        return {}
    return {f"{OF_BUDGET}{name}": getattr(found, name) for name in ("objective", "window_days", "latency_s")}


def _with_limits(given: Given, spec: CriterionSpec) -> CriterionSpec:
    changed: dict[str, Scalar] = {}
    for each in criteria_folder.parameters(spec.criterion):
        if "limit" in each.name:
            own = spec.parameters.get(each.name, each.default)
            value = given.read(replace(each, name=limit_option(spec, each), default=own))
            if value != each.default or each.name in spec.parameters:
                changed[each.name] = value
    return replace(spec, parameters={**spec.parameters, **changed})
