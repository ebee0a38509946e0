"""What ``springback new`` writes: each kind is a scenario, and its CI job installs and names what that needs."""

from __future__ import annotations

import ast
import runpy
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import harness
from harness.cli import cli
from harness.commands.new import kinds, write
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import BASELINE
from harness.live.stop_rules import ERROR_RATIO, parse
from harness.load.users.body_checks import judged_by_status
from harness.load.users.measured import WrongAnswerError
from tests.http.scripted import READ, scripted
from tests.load.single_user import single_user

ROOT = Path(__file__).parents[2]
HOST = "http://127.0.0.1:8000"
FEWEST_SECONDS = 3
"""Load processes of a distributed run tell as seldom."""
IMPORTED_AS = {"grpcio": "grpc"}
"""Package → module, where these differ."""


def imported(path: Path) -> set[str]:
    """The modules of others that a scenario imports."""
    tree = ast.parse(path.read_text())
    names = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"harness", "shapes"}


@pytest.mark.parametrize("kind", kinds())
def test_the_ci_job_has_what_its_scenario_needs(tmp_path: Path, kind: str) -> None:
    scenario, config, workflow = write("spring-sale", kind, HOST, tmp_path)
    steps = yaml.safe_load(workflow.read_text())["jobs"]["spring-sale"]["steps"]
    (install,) = (step["run"] for step in steps if step.get("name") == "Install Springback")
    (spike,) = (step for step in steps if step.get("name") == "Spike")
    brought = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    others = {name for name in imported(scenario) if not any(each.startswith(name) for each in brought)}
    installed = {IMPORTED_AS.get(name, name) for line in install.splitlines() for name in line.split(" install ")[1:]}
    assert others == installed
    asks = "secret=True" in scenario.read_text()
    assert spike.get("env") == ({"SPRINGBACK_PASSWORD": "${{ secrets.SPRINGBACK_PASSWORD }}"} if asks else None)
    assert ("secret SPRINGBACK_PASSWORD" in workflow.read_text()) is asks
    assert "password =" not in config.read_text()
    assert "GITHUB_STEP_SUMMARY" not in workflow.read_text()  # springback run itself appends its report to it


@pytest.mark.parametrize("kind", kinds())
def test_whoever_needs_a_password_is_told_where_it_is_given(tmp_path: Path, kind: str) -> None:
    """Or the first run would be one of refused logins."""
    told = CliRunner().invoke(cli, ["new", "spring-sale", "--kind", kind, "--into", str(tmp_path)])
    assert told.exit_code == 0, told
    assert ("export SPRINGBACK_PASSWORD=" in told.output) is (
        "secret=True" in (tmp_path / "spring_sale.py").read_text()
    )


@pytest.mark.parametrize("kind", kinds())
def test_a_run_whose_requests_are_all_refused_in_the_baseline_is_stopped_there(tmp_path: Path, kind: str) -> None:
    """And none that fails for as long in the spike, or after it: whether it comes back is what is asked."""
    _, config, _ = write("spring-sale", kind, HOST, tmp_path)
    lines = dict(line.split(" = ", 1) for line in config.read_text().splitlines() if line and not line.startswith("#"))
    rules, problems = parse(lines["stop-when"])
    assert not problems
    (rule_of_errors,) = (rule for rule in rules if rule.metric == ERROR_RATIO)
    assert rule_of_errors.phase == BASELINE and FEWEST_SECONDS <= rule_of_errors.for_s < float(lines["baseline-s"])
    (away,) = (rule for rule in rules if rule is not rule_of_errors)
    assert away.for_s >= RecoveryTime().limit_s, "a target that may still come back in time is watched"


FORM = b"<form method=post><input type=hidden name=csrf value=t1><input name=mail><input type=password name=pin></form>"


def answer(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (more, len(body), body)


@pytest.mark.parametrize(
    ("led_to", "problem"),
    [(b"Log out", None), (FORM, "login form again"), (b"Sorry", "not the page of somebody who is logged in")],
)
def test_the_form_login_sends_the_token_of_the_page_and_knows_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, led_to: bytes, problem: str | None
) -> None:
    scenario, *_ = write("members", "form-login", HOST, tmp_path)
    monkeypatch.setattr(harness, "attach", lambda *_, **__: None)
    login: Any = runpy.run_path(str(scenario))["Login"]
    options = {
        "login_page": "/in",
        "username_field": "mail",
        "password_field": "pin",
        "username": "u{number}@x",
        "password": "s3",
        "welcome_text": "Log out",
    }
    with scripted([READ, answer(FORM, b"Set-Cookie: csrf=c1; Path=/\r\n"), READ, answer(led_to)]) as server:
        user, _ = single_user(login, server.url, **options)
        response = user.client.send(user.prepare())
        (sent,) = server.seen()
    found = user.check(response)
    assert (str(found) if isinstance(found, WrongAnswerError) else found) == problem
    post = sent.partition(b"POST /in")[2]
    assert b"Cookie: csrf=c1\r\n" in post
    assert post.endswith(f"csrf=t1&mail=u{user.number}%40x&pin=s3".encode())


def test_a_form_login_without_a_text_to_look_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page without a form would be a login; its config file has one, for the service to be asked for."""
    attached: dict[str, Any] = {}
    monkeypatch.setattr(harness, "attach", lambda *_, **given: attached.update(given))
    scenario, config, _ = write("members", "form-login", HOST, tmp_path)
    runpy.run_path(str(scenario))
    (problem,) = attached["checks"](SimpleNamespace(welcome_text=""))
    assert problem.startswith("--welcome-text is empty: give a text")
    assert not list(attached["checks"](SimpleNamespace(welcome_text="Log out")))
    assert "\nwelcome-text = Log out\n" in config.read_text()


def test_the_pages_of_a_scenario_for_any_service_are_not_taken_for_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So those that are far shorter in the spike are doubted, and the report says that nothing looks at them."""
    monkeypatch.setattr(harness, "attach", lambda *_, **__: None)
    scenario, *_ = write("visits", "http", HOST, tmp_path)
    assert judged_by_status([runpy.run_path(str(scenario))["Visitor"]]) == ("Visitor",)
