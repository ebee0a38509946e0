"""A scenario: what it may be given, and what is said when that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config import fault_schedule
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.faults import PlannedFault, load
from harness.plugins import parameter, parameters_of
from harness.recording import CriterionSpec

NOTHING: Any = SimpleNamespace()


def test_a_name_is_as_good_as_a_specification() -> None:
    mixed = Scenario("one", criteria=("error_ratio", CriterionSpec("recovery_time", {"limit_s": 5.0})))
    assert mixed.specs(NOTHING) == (CriterionSpec("error_ratio"), CriterionSpec("recovery_time", {"limit_s": 5.0}))


def test_criteria_may_follow_from_the_options() -> None:
    """Of the run, and, for the options that their limits become, of what the options are by default."""

    class Options:
        slo_s: float = parameter(2.0, "what is fast enough")

    def criteria(options: Any) -> list[CriterionSpec]:
        return [CriterionSpec("latency_quantile", {"limit_s": options.slo_s})]

    one = Scenario("one", criteria=criteria, options=parameters_of(Options))
    assert one.specs(SimpleNamespace(slo_s=0.5))[0].parameters == {"limit_s": 0.5}
    assert one.default_specs(())[0].parameters == {"limit_s": 2.0}


@pytest.mark.parametrize(("given", "words"), [("error_ratio", "give a list"), ((7,), "has 7"), (None, "give a list")])
def test_criteria_that_are_none_are_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Scenario("one", criteria=given).specs(NOTHING)


@pytest.mark.parametrize("what", ["criteria", "probes", "faults", "checks"])
def test_what_a_scenarios_own_function_raises_is_said_with_its_place(what: str) -> None:
    def broken(options: Any) -> list[Any]:
        return [options.no_such_option]

    one = Scenario("one", **{what: broken})
    asked = {
        "criteria": one.specs,
        "probes": one.planned_probes,
        "faults": one.planned_faults,
        "checks": one.problems,
    }[what]
    with pytest.raises(
        ConfigurationError, match=rf"^{what}= of one: AttributeError: .*no_such_option.*test_scenario\.py, line \d+\)$"
    ):
        asked(NOTHING)


def test_a_generator_that_raises_is_caught_as_well() -> None:
    def broken(_: Any) -> Iterator[str]:
        yield "one"
        raise ValueError("later")

    with pytest.raises(ConfigurationError, match="ValueError: later"):
        Scenario("one", checks=broken).problems(NOTHING)


def test_faults_of_the_scenario_are_planned_before_those_of_the_command_line() -> None:
    one = Scenario("one", faults=(PlannedFault(load("noop"), "spike"),))
    read, problems = fault_schedule.read(one, SimpleNamespace(fault="noop words=b at=3", allow_host=()), None)
    assert (read, problems) == ((), [])
