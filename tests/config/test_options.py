"""Options: how they are declared to Locust, which are secret, and how those of a shape are read."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from harness import criteria as criteria_folder
from harness.analysis.error_budget import Objective
from harness.commands.reference_target import options_for
from harness.config import settings
from harness.config.options import declare, misspelt
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.plugins import parameter, parameters_of
from harness.recording.header import CriterionSpec
from harness.run.header import header
from harness.run.request import RunRequest
from shapes.herd import Herd

HOST = "http://127.0.0.1:8000"


class Small(Herd):
    herd_users = 7


class Options:
    keys: int = 20
    rate_per_s: float = parameter(1.5, "of what is asked")
    page: str = parameter("/", "where to look", web=True)
    token: str = parameter("", "what nobody sees", secret=True)
    mode: str = parameter("fast", "how", choices=("fast", "slow"))
    urls: tuple[str, ...] = ()


class Parser(argparse.ArgumentParser):
    """Keeps what only Locust's own parser understands."""

    def __init__(self) -> None:
        self.of_locust: dict[str, dict[str, Any]] = {}
        super().__init__()

    def add_argument(self, *flags: Any, **named: Any) -> argparse.Action:
        mine = {name: named.pop(name) for name in ("env_var", "is_secret", "include_in_web_ui") if name in named}
        self.of_locust[named.get("dest", "help")] = mine
        return super().add_argument(*flags, **named)


def values(scenario: Scenario, **given: str) -> Any:
    parser = Parser()
    declare(parser, scenario)
    parsed = parser.parse_args([])
    for name, value in given.items():
        setattr(parsed, name, value)
    return parsed


def scenario(checks: Any = None) -> Scenario:
    return Scenario("one", criteria=(), probes=(), options=parameters_of(Options), checks=checks)


@pytest.mark.parametrize(("given", "read"), [("", 7), (" 12 ", 12), ("12", 12), (12, 12)])
def test_a_cleared_option_is_the_shapes_own_for_everybody(given: str, read: int) -> None:
    options = values(scenario(), herd_users=given)
    shape = Small()
    settings.read(options, scenario(), shape, HOST)
    assert options.herd_users == read == shape.herd_users


def test_whoever_reads_the_options_gets_what_was_declared() -> None:
    options = values(scenario(), keys=" 3 ", urls="http://a , http://b", rate_per_s="2", mode="slow", without="")
    settings.read(options, scenario(), Small(), HOST)
    assert (options.keys, options.urls, options.mode) == (3, ("http://a", "http://b"), "slow")
    assert (type(options.rate_per_s), options.rate_per_s) == (float, 2.0)
    assert (options.page, options.token, options.without) == ("/", "", ())


def test_every_problem_is_said_at_once_and_nothing_is_changed() -> None:
    wrong = {"keys": "many", "rate_per_s": "-1", "mode": "odd", "herd_users": "0", "alert_p95_s": "x", "seed": "1.5"}
    options = values(scenario(), **wrong)
    with pytest.raises(ConfigurationError) as caught:
        settings.read(options, scenario(), Small(), HOST)
    assert sorted(caught.value.messages) == [
        "--alert-p95-s x: give a number of 0 or more",
        "--herd-users 0: give a whole number from 1 to 1,000,000",
        "--keys many: give a whole number",
        "--mode odd: give one of fast, slow",
        "--rate-per-s -1: give a number of 0 or more",
        "--seed 1.5: give a whole number of 0 or more",
    ]
    assert {name: getattr(options, name) for name in wrong} == wrong


def test_a_secret_that_cannot_be_used_is_not_repeated() -> None:
    class Secret:
        pin: int = parameter(0, "what nobody sees", secret=True)

    one = Scenario("one", criteria=(), options=parameters_of(Secret))
    with pytest.raises(ConfigurationError) as caught:
        settings.read(values(one, pin="hush"), one, Small(), HOST)
    assert caught.value.messages == ("--pin (secret): give a whole number of 0 or more",)


def request(given: str, checked: list[int]) -> RunRequest:
    def checks(options: Any) -> list[str]:
        checked.append(options.herd_users)
        return []

    one = scenario(checks)
    environment: Any = SimpleNamespace(
        parsed_options=values(one, herd_users=given),
        parsed_locustfiles=(),
        shape_class=Small(),
        host=HOST,
        user_classes=[],
    )
    return RunRequest(environment, one)


def test_the_scenarios_checks_see_the_shapes_own() -> None:
    checked: list[int] = []
    request("", checked).settings()
    assert checked == [7]


@pytest.mark.parametrize("given", ["many", "2.5", "nan", "-1"])
def test_the_scenarios_checks_see_the_shapes_own_in_place_of_what_is_no_number(given: str) -> None:
    checked: list[int] = []
    with pytest.raises(ConfigurationError, match="--herd-users"):
        request(given, checked).settings()
    assert checked == [7]


@pytest.mark.parametrize(
    ("name", "secret", "in_web_form"),
    [
        ("fault", True, False),
        ("token", True, False),
        ("page", False, True),
        ("urls", False, False),
        ("keys", False, True),
        ("mode", False, True),
        ("runs_dir", False, False),
        ("allow_host", False, False),
        ("stop_when", False, True),
        ("max_users", False, False),
        ("max_bytes", False, False),
        ("preset", False, False),
        ("client_key", False, False),
        ("insecure", False, False),
        ("probe_pids", False, False),
        ("herd_users", False, True),
        ("release_skew_limit_s", False, True),
        ("alert_p95_s", False, True),
    ],
)
def test_what_may_be_an_address_a_file_or_a_command_is_not_for_the_web_form(
    name: str, secret: bool, in_web_form: bool
) -> None:
    parser = Parser()
    declare(parser, scenario())
    assert parser.of_locust[name]["is_secret"] is secret
    assert parser.of_locust[name]["include_in_web_ui"] is in_web_form


def test_the_report_says_what_was_declared_a_good_answer() -> None:
    """A configuration file may have it that nobody remembers: a service that answers everybody with 503 would pass."""
    found = Scenario("one", criteria=("error_ratio",))
    notes = []
    for given in ({"expect": "2xx,503", "shed": "429"}, {}):
        shape = Small()
        read = settings.read(values(found, **given), found, shape, HOST)
        notes.append(header("one", "", read, shape, HOST, 1, ()).notes)
    assert notes == [("good answers: 2xx,503 (--expect)", "turned away on purpose: 429 (--shed)"), ()]


def test_an_option_that_exists_already_is_refused() -> None:
    class Taken:
        runs_dir: str = ""

    with pytest.raises(ConfigurationError, match="--runs-dir exists already"):
        declare(Parser(), Scenario("one", criteria=(), options=parameters_of(Taken)))


def judged_by_default(criteria: tuple[str, ...], host: str = HOST, **given: str) -> set[str]:
    found = Scenario("one", criteria=criteria)
    read = settings.read(values(found, **given), found, Small(), host)
    return {spec.criterion for spec in read.criteria if not criteria_folder.is_guard(spec.criterion)}


def test_leaks_and_restarts_are_judged_wherever_the_processes_of_the_target_are_sampled() -> None:
    of_processes = {"memory_leak", "process_restarts", "cpu_throttling"}
    every = {"error_ratio", *of_processes}
    assert judged_by_default(("error_ratio",)) == every
    assert judged_by_default(tuple(every)) == every
    assert judged_by_default(("error_ratio",), without="memory_leak") == every - {"memory_leak"}
    assert judged_by_default(("error_ratio",), without=",".join(of_processes)) == {"error_ratio"}
    elsewhere = "http://elsewhere.example"
    assert judged_by_default(("error_ratio",), host=elsewhere) == {"error_ratio"}
    assert judged_by_default(("error_ratio",), host=elsewhere, probe="docker_container containers=api1") == every
    assert judged_by_default(()) == set(), "a run without criteria has nothing to pass"


def test_an_objective_judges_the_error_budget_and_is_what_the_alerts_watch() -> None:
    one = Scenario("one", criteria=("error_ratio",))
    without = settings.read(values(one), one, Small(), HOST)
    assert "error_budget" not in {spec.criterion for spec in without.criteria} and without.alerts.objective is None
    given = values(one, slo_objective="0.99", slo_window_days="7", slo_latency_s="0.5")
    read = settings.read(given, one, Small(), HOST)
    (spec,) = (spec for spec in read.criteria if spec.criterion == "error_budget")
    assert dict(spec.parameters) == {"objective": 0.99, "window_days": 7.0, "latency_s": 0.5}
    assert read.alerts.objective == Objective(0.99, 7.0, 0.5)
    left_out = settings.read(values(one, slo_objective="0.99", without="error_budget"), one, Small(), HOST)
    assert left_out.alerts.objective is None


def test_an_objective_of_the_scenario_is_watched_and_that_of_the_option_goes_before_it() -> None:
    one = Scenario("one", criteria=(CriterionSpec("error_budget", {"objective": 0.95, "requests": "GET *"}),))
    assert settings.read(values(one), one, Small(), HOST).alerts.slo_objective == 0.95
    read = settings.read(values(one, slo_objective="0.99"), one, Small(), HOST)
    (spec,) = (spec for spec in read.criteria if spec.criterion == "error_budget")
    assert (spec.parameters["objective"], spec.parameters["requests"]) == (0.99, "GET *")
    assert read.alerts.slo_objective == 0.99


@pytest.mark.parametrize(
    ("given", "said"), [("1.5", "0.999999"), ("99.9", "0.999999"), ("0.3", "0.5"), ("x", "number")]
)
def test_an_objective_that_is_none_is_refused(given: str, said: str) -> None:
    one = Scenario("one", criteria=("error_ratio",))
    with pytest.raises(ConfigurationError) as refused:
        settings.read(values(one, slo_objective=given), one, Small(), HOST)
    (message,) = refused.value.messages
    assert said in message and given in message


def rules_of(read: Any) -> list[str]:
    return [rule.words for rule in read.stop_rules if rule.flag == "--stop-when"]


def test_rules_that_were_given_at_the_start_stay_whatever_the_web_form_says() -> None:
    """It can add some: more people reach the page than the command line."""
    parsed = values(scenario(), stop_when="error_ratio > 0.5; target down")
    environment = MagicMock(
        parsed_options=parsed, host=HOST, user_classes=[], shape_class=Small(), parsed_locustfiles=[]
    )
    request = RunRequest(environment, scenario())
    for form, more in (("", []), ("p95 > 2 s", ["p95 > 2 s"]), ("error_ratio > 0.5; target down", [])):
        parsed.stop_when = form  # as the form's own view leaves it
        assert rules_of(request.settings(ask=False)) == ["error_ratio > 0.5", "target down", *more]


def test_safety_limits_hold_without_being_asked_and_a_plan_beyond_them_is_refused() -> None:
    read = settings.read(values(scenario()), scenario(), Small(), HOST)
    assert [rule.flag for rule in read.stop_rules] == ["--max-requests-per-s", "--max-bytes"]
    shape = Small()
    shape.parked = True
    given = values(scenario(), herd_users="200000", baseline_s="90000", canary_per_s="500", max_requests_per_s="400")
    with pytest.raises(ConfigurationError) as caught:
        settings.read(given, scenario(), shape, HOST)
    assert [line.partition(";")[0] for line in caught.value.messages] == [
        "--max-users 100000: the plan has 200,050 users",
        "--max-duration-s 86400: the plan has 90,046 s",
        "--max-requests-per-s 400: the plan has 500 starts a second",
    ]


def test_a_rule_is_of_a_phase_that_the_run_has() -> None:
    rule = "error_ratio > 0.9 for 5 s in the baseline"
    assert rules_of(settings.read(values(scenario(), stop_when=rule), scenario(), Small(), HOST)) == [rule]
    said = f"--stop-when {rule[:-1]}: there is no such phase; choose one of baseline, spike, recovery"
    with pytest.raises(ConfigurationError) as refused:
        settings.read(values(scenario(), stop_when=rule[:-1]), scenario(), Small(), HOST)
    assert refused.value.messages == (said,)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("p95 > 2 s for {} s", "the run takes 51 s"),
        ("target down for {} s in the baseline", "the baseline takes 30 s"),
    ],
)
def test_a_rule_that_could_never_hold_in_this_run_is_refused(rule: str, what: str) -> None:
    lasts_s = int(what.split()[-2])
    given = {"baseline_s": "30", "spike_s": "1", "recovery_s": "20"}
    kept = rule.format(lasts_s)
    assert rules_of(settings.read(values(scenario(), stop_when=kept, **given), scenario(), Small(), HOST)) == [kept]
    beyond = rule.format(lasts_s + 1)
    with pytest.raises(ConfigurationError) as refused:
        settings.read(values(scenario(), stop_when=beyond, **given), scenario(), Small(), HOST)
    assert refused.value.messages == (f"--stop-when {beyond}: {what}, so it could never hold; give fewer seconds",)


def test_a_rule_that_stands_for_other_runs_too_is_no_reason_to_refuse_a_short_one() -> None:
    """As in the config file of a scenario that is tried in a few seconds. A phase that there is not is a slip still."""
    kept, idle = "error_ratio > 0.9 for 5 s in the baseline", "target down for 52 s"
    given = {"baseline_s": "30", "spike_s": "1", "recovery_s": "20", "stop_when": f"{idle}; {kept}"}
    environment = MagicMock(
        parsed_options=values(scenario(), **given),
        host=HOST,
        user_classes=[],
        shape_class=Small(),
        parsed_locustfiles=[],
    )
    with pytest.raises(ConfigurationError, match="could never hold; give fewer seconds"):
        RunRequest(environment, scenario()).settings(ask=False)
    request = RunRequest(environment, scenario(), rules_of_this_run=False)
    read = request.settings(ask=False)
    assert rules_of(read) == [kept]
    words = f"--stop-when {idle}: the run takes 51 s, so the rule cannot hold, and this run goes without it"
    assert read.idle_rules == (words,)
    for added, said in (("p95 > 2 s for 52 s", "could never hold"), ("p95 > 2 s in the basline", "no such phase")):
        environment.parsed_options.stop_when = added  # in the web form, for the run that begins
        with pytest.raises(ConfigurationError, match=said):
            request.settings(ask=False)


def test_memory_is_a_rule_only_where_it_is_sampled() -> None:
    with pytest.raises(ConfigurationError, match="--stop-when memory: no process of the target is sampled"):
        settings.read(values(scenario(), stop_when="memory > 1 GB"), scenario(), Small(), "https://staging.example")
    assert settings.read(values(scenario(), stop_when="memory > 1 GB"), scenario(), Small(), HOST)


def test_a_slip_in_a_variable_is_told_and_what_the_demo_says_of_itself_is_none() -> None:
    """The demo names everything that some scenario may ask for."""
    demo: Any = MagicMock()
    assert misspelt(dict.fromkeys(options_for(demo), ""), scenario()) == []
    assert misspelt({"SPRINGBACK_RATES_PER_S": "1", "SPRINGBACK_ELSEWHERE": "1", "OTHER_KEY": ""}, scenario()) == [
        "SPRINGBACK_RATES_PER_S is read by no option; did you mean SPRINGBACK_RATE_PER_S?"
    ]


def test_a_criterion_of_a_class_that_the_run_does_not_have_is_refused() -> None:
    class Login:
        pass

    named = [
        CriterionSpec("error_ratio", {"requests": pattern, "name": pattern})
        for pattern in ("@Login", "@Logi *", "@ Login")
    ]
    one = Scenario("one", criteria=named)
    with pytest.raises(ConfigurationError) as refused:
        settings.read(values(one), one, Small(), HOST, users=[Login])
    assert refused.value.messages == (
        "requests='@Logi *' of @Logi *: no class of users is called 'Logi'; did you mean Login?",
        "requests='@ Login' of @ Login: no class of users is called ''; this run has Login",
    )


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("baseline_s", "30s", "30"),
        ("baseline_s", "2 min", "120"),
        ("herd_users", "20users", ""),
        ("alert_error_ratio", "5%", "0.05"),
        ("alert_error_ratio", "500%", ""),
        ("alert_memory_growth_bytes", "200MB", "200000000"),
        ("ready_timeout_s", "1e3s", ""),
    ],
)
def test_of_a_number_with_its_unit_the_bare_number_is_told(name: str, given: str, meant: str) -> None:
    """Nobody has to find out in what unit an option is, or how its limit is written."""
    with pytest.raises(ConfigurationError) as refused:
        settings.read(values(scenario(), **{name: given}), scenario(), Small(), HOST)
    (message,) = refused.value.messages
    assert message.partition("; ")[2] == (f"{given} is {meant}" if meant else "")
