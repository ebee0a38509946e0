"""A scenario: what it may be given, and what is said when that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from harness.attachment import Attachment, attach
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


@pytest.mark.parametrize(
    ("former", "now", "name"),
    [
        ("harness.recording", "harness.recording.header", "CriterionSpec"),
        ("harness.load.paced", "harness.load.users.paced", "Paced"),
        ("harness.load.measured", "harness.load.users.measured", "Measured"),
        ("harness.load.postgres", "harness.load.users.postgres", "PostgresUser"),
        ("harness.load.valkey", "harness.load.users.valkey", "ValkeyUser"),
    ],
)
def test_what_scenarios_import_is_still_where_it_was(former: str, now: str, name: str) -> None:
    assert getattr(import_module(former), name) is getattr(import_module(now), name)


def test_criteria_may_follow_from_the_options() -> None:
    """Of the run, and, for the options that their limits become, of what the options are by default."""

    class Options:
        slo_s: float = parameter(2.0, "what is fast enough")

    def criteria(options: Any) -> list[CriterionSpec]:
        return [CriterionSpec("latency_quantile", {"limit_s": options.slo_s})]

    one = Scenario("one", criteria=criteria, options=parameters_of(Options))
    assert one.specs(SimpleNamespace(slo_s=0.5))[0].parameters == {"limit_s": 0.5}
    assert one.default_specs(())[0].parameters == {"limit_s": 2.0}


def test_a_criterion_that_comes_with_a_choice_has_its_limit_as_an_option() -> None:
    """Beside those of the default, whose limits are as they are by default; a choice that goes wrong is left to whoever
    makes it.
    """

    class Options:
        failure: str = parameter("one", "what happens", choices=("one", "all", "wrong"))

    def criteria(options: Any) -> list[CriterionSpec]:
        if options.failure == "wrong":
            raise ValueError
        of_all = [CriterionSpec("fallback_time", {"limit_s": 3.0})] if options.failure == "all" else []
        return [*of_all, CriterionSpec("error_ratio", {"limit": 0.1 if options.failure == "one" else 0.9})]

    specs = Scenario("one", criteria=criteria, options=parameters_of(Options)).default_specs(())
    assert [(spec.criterion, *spec.parameters.values()) for spec in specs] == [
        ("error_ratio", 0.1),
        ("fallback_time", 3.0),
    ]


@pytest.mark.parametrize(("given", "words"), [("error_ratio", "give a list"), ((7,), "has 7"), (None, "give a list")])
def test_criteria_that_are_none_are_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Scenario("one", criteria=given).specs(NOTHING)


@pytest.mark.parametrize(
    ("what", "given", "words"),
    [
        ("probes", None, "give a list"),
        ("probes", ("process",), "has 'process': give a probe"),
        ("probes", load("noop"), "give a list"),
        ("faults", ("noop",), "has 'noop': give a PlannedFault"),
        ("faults", 5, "give a list"),
        ("criteria", {"error_ratio": {}}, "give a list"),
        ("criteria", lambda _: None, "give a list"),
    ],
)
def test_what_is_no_list_of_such_things_is_refused(what: str, given: Any, words: str) -> None:
    one = Scenario("one", **{what: given})
    asked = {"criteria": one.specs, "probes": one.planned_probes, "faults": one.planned_faults}[what]
    with pytest.raises(ConfigurationError, match=rf"^{what}= of one .*{words}"):
        asked(NOTHING)


@pytest.mark.parametrize(("said", "problems"), [(None, ()), ("one line", ("one line",)), (["a", "b"], ("a", "b"))])
def test_checks_may_say_nothing_one_line_or_several(said: Any, problems: tuple[str, ...]) -> None:
    assert Scenario("one", checks=lambda _: said).problems(NOTHING) == problems


def attaching(capsys: pytest.CaptureFixture[str], **arguments: Any) -> list[str]:
    """What is said when a scenario is attached with these arguments, a line each."""
    with pytest.raises(SystemExit) as ended:
        attach(**{"name": "one", **arguments})
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        *((argument, None, "give a list") for argument in ("criteria", "probes", "faults")),
        ("criteria", "error_ratio", "give a list, e.g. ['error_ratio']"),
        ("health_path", None, "give the path of a page"),
        ("options", {"keys": 1}, "options= is no class"),
        ("reference", "max=3", "give a dictionary of text"),
        ("reference", {"processes": 1}, "give a dictionary of text"),
        ("checks", ["wrong"], "give a function of the options"),
        ("name", "", "the scenario's name is ''"),
        ("name", 7, "the scenario's name is 7"),
        ("name", "a/b", "without a slash"),
        ("name", "a" * 81, "at most 80 letters"),
        ("name", "\U0001f600" * 60, "at most 80 letters"),
        ("name", "a\x1b[31m", "without a slash and control characters"),
        ("name", " ", "give text"),
        ("criterias", [], "criterias= of one: there is no such argument; did you mean criteria=?"),
        ("zzz", 1, "valid ones: criteria, probes, faults, health_path, options, reference, checks"),
    ],
)
def test_an_argument_of_attach_that_is_wrong_is_one_clear_line(
    argument: str, value: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = attaching(capsys, **{argument: value})
    assert line.startswith("springback: ") and words in line


def test_all_wrong_arguments_of_attach_are_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    class Inherited:
        query_ms: float = parameter(1.0, "how long")

    class Options(Inherited):
        query_m = 20.0
        keys = [1, 2]  # noqa: RUF012  what is refused

    lines = attaching(capsys, criteria=None, checks=1, options=Options)
    assert len(lines) == 4
    assert "Options.query_m: did you mean query_ms, which it inherits?" in lines[2]
    assert "Options.keys is [1, 2]: an option is text, a number" in lines[3]


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


def test_a_report_that_comes_before_locusts_own_listener_has_what_a_master_reads() -> None:
    """Locust's master reads these two of every report, and logs a traceback without them."""
    early: dict[str, Any] = {}
    part = object.__new__(Attachment)
    part._worker = None
    part._report(early)
    assert early == {"user_classes_count": {}, "user_count": 0}
