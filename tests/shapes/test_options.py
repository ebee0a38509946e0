"""Options: which are secret, and how a scenario reads those of its shape."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from harness.config import settings
from harness.config.options import Option, declare
from harness.config.scenario import Scenario
from harness.errors import ConfigurationError
from harness.run.request import RunRequest
from shapes.herd import Herd


class Small(Herd):
    herd_users = 7


def values(scenario: Scenario, **given: str) -> Any:
    class Parser(argparse.ArgumentParser):
        def add_argument(self, *flags: Any, **named: Any) -> argparse.Action:
            for of_locust in ("env_var", "is_secret"):
                named.pop(of_locust, None)
            return super().add_argument(*flags, **named)

    parser = Parser()
    declare(parser, scenario)
    parsed = parser.parse_args([])
    for name, value in given.items():
        setattr(parsed, name, value)
    return parsed


def scenario(checks: Any = None) -> Scenario:
    return Scenario("one", criteria=(), probes=(), checks=checks)


@pytest.mark.parametrize(("given", "read"), [("", "7"), (" 12 ", "12"), ("12", "12")])
def test_a_cleared_option_is_the_shapes_own_for_everybody(given: str, read: str) -> None:
    options = values(scenario(), herd_users=given)
    shape = Small()
    settings.read(options, scenario(), shape, "http://127.0.0.1:8000")
    assert options.herd_users == read == str(shape.herd_users)


def wanted(given: str, checked: list[int]) -> RunRequest:
    def checks(options: Any) -> list[str]:
        checked.append(int(options.herd_users))
        return []

    one = scenario(checks)
    environment: Any = SimpleNamespace(
        parsed_options=values(one, herd_users=given), shape_class=Small(), host="http://127.0.0.1:8000", user_classes=[]
    )
    return RunRequest(environment, one)


def test_the_scenarios_checks_see_the_shapes_own() -> None:
    checked: list[int] = []
    wanted("", checked).settings()
    assert checked == [7]


@pytest.mark.parametrize("given", ["many", "2.5", "nan", "-1"])
def test_the_scenarios_checks_see_the_shapes_own_in_place_of_what_is_no_number(given: str) -> None:
    checked: list[int] = []
    with pytest.raises(ConfigurationError, match="--herd-users"):
        wanted(given, checked).settings()
    assert checked == [7]


def test_faults_and_their_tokens_are_secret_options() -> None:
    for name, secret in (("fault", True), ("fault_token", True), ("fault_path", False), ("default_s", False)):
        parser = Mock()
        Option(name, "", "x").add_to(parser)
        assert parser.add_argument.call_args.kwargs["is_secret"] is secret, name
