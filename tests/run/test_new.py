"""What ``springback new`` writes runs as it is, and from a wheel in an environment of its own, in any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import service
from tests.run import runs
from tests.run.echo_service import echoing
from tests.run.runs import Finished
from tests.run.services import served
from tests.run.together import together

ROOT = Path(__file__).parents[2]
IN_THE_WHEEL = (
    "harness",
    "shapes",
    "reports",
    "target",
    "locustfiles",
    "presets",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
SHORT = {"BASELINE_S": "2", "HERD_USERS": "20", "RECOVERY_S": "2", "CANARY_USERS": "5", "STEADY_S": "2", "DROP_S": "3"}
"""The files are written for a service to be proven; the options that tests shorten go before them."""


@dataclass
class Outcome:
    done: Finished
    directory: Path
    springback: Path
    host: str


def new(directory: Path, kind: str) -> Outcome:
    """Writes a scenario of this kind, and does what its CI job says."""
    directory = directory / "any folder"
    directory.mkdir()
    springback = installed(directory.parent) if kind == "http" else runs.BIN / "springback"
    services: dict[str, Any] = {"websocket": echoing, "grpc": lambda: served("grpc_service")}
    with services.get(kind, service.running)() as target:
        host = target if isinstance(target, str) else target.url
        ask(springback, directory, "new", "spring-sale", "--kind", kind, "--host", host)
        steps = yaml.safe_load((directory / ".github/workflows/spring_sale.yml").read_text())["jobs"]["spring-sale"][
            "steps"
        ]
        (spike,) = (step["run"] for step in steps if step.get("name") == "Spike")
        variables = {f"SPRINGBACK_{name}": value for name, value in SHORT.items()}
        path = os.pathsep.join([str(springback.parent), os.environ["PATH"]])
        options = "--report-formats markdown,verdict_json --wait-for-target 20"
        run = runs.start(
            directory, ["sh", "-ec", f"{spike} {options}"], {**variables, "PATH": path, **alone(kind)}, cwd=directory
        )
        return Outcome(run.wait(), directory, springback, host)


def installed(directory: Path) -> Path:
    """The ``springback`` of a fresh environment, in which the wheel is: what it depends on is taken from ours."""
    source, wheels, environment = directory / "source", directory / "wheels", directory / "environment"
    source.mkdir()
    for name in IN_THE_WHEEL:
        copy: Any = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(wheels), str(source)]
    subprocess.run(wheel, check=True, env={**os.environ, "PYTHONPATH": ""})
    shutil.rmtree(source)
    venv.create(environment, with_pip=False)
    (found,) = wheels.glob("springback-*.whl")
    subprocess.run([*pip, "--python", str(environment), "install", "--no-deps", "--no-index", str(found)], check=True)
    (library,) = environment.glob("lib/python3*/site-packages")
    (library / "ours.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return environment / "bin" / "springback"


def alone(kind: str) -> dict[str, str]:
    """The environment in which the wheel has to be found, and not this tree."""
    return {"PYTHONPATH": ""} if kind == "http" else {"PYTHONPATH": str(ROOT)}


def ask(springback: Path, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables = kept if springback.parent != runs.BIN else {**kept, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [springback, *words], cwd=directory, env=variables, text=True, capture_output=True, timeout=runs.PATIENCE_S
    )


@together(new, takes_s=40, kind=["http", "login", "websocket", "grpc"])
def test_what_is_written_runs_as_its_ci_job_says(outcome: Outcome) -> None:
    done = outcome.done
    assert done.code in (0, 4), f"{done.err}\n{done.out}"  # so short a baseline is no evidence of a recovery
    finished = Finished(done.code, done.out, done.err, outcome.directory / "runs", 0, ())
    assert "springback: spike" in done.err and (finished.directory / "report.md").is_file()
    assert finished.recording.end is not None and finished.recording.end.completed
    assert finished.finding("error_ratio")["evidence"]["failed"] == 0
    assert "error_ratio > 0.9 for 5 s in the baseline: the baseline takes 2 s, so the rule cannot hold" in done.err
    kept = finished.recording.header.stop_when
    assert len(kept) + done.err.count("this run goes without it") == 2, (kept, done.err)


@together(new, takes_s=40, kind=["http"])
def test_a_wheel_has_the_scenarios_and_the_presets_and_runs_them_by_name_in_any_folder(outcome: Outcome) -> None:
    planned = ask(outcome.springback, outcome.directory, "plan", "login-herd", "--preset", "source-suite")
    assert planned.returncode == 0 and planned.stdout.startswith("login-herd: LoginHerd (herd), 76 s"), planned
    assert "lower_limit_of_users_ratio = 0.1" in planned.stdout
    where = outcome.springback.parents[1]
    script = "import harness, locustfiles, pathlib; print(pathlib.Path(harness.__file__).parents[1])"
    library = subprocess.check_output(
        [where / "bin/python", "-P", "-c", script], text=True, env={**os.environ, "PYTHONPATH": ""}
    )
    assert Path(library.strip()).is_relative_to(where)
    assert ask(outcome.springback, outcome.directory, "plugins", "presets").stdout.startswith("source-suite\n")


def test_a_name_that_is_none_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    said = ask(runs.BIN / "springback", tmp_path, "run", "login-hrd")
    assert said.returncode == 2
    assert "login-hrd: neither a file nor a scenario of Springback's; did you mean login-herd?" in said.stderr


PLAN, LOCUST = ("springback", "plan", "spring_sale.py"), ("locust", "-f", "spring_sale.py", "--headless")


@pytest.mark.parametrize(
    ("command", "hidden"),
    [
        (PLAN, "shapes/__init__.py"),
        (PLAN, "harness.py"),
        (LOCUST, "shapes/__init__.py"),
        (LOCUST, "reports/__init__.py"),
    ],
    ids=str,
)
def test_a_folder_that_hides_our_packages_is_refused_in_words(
    tmp_path: Path, command: tuple[str, ...], hidden: str
) -> None:
    ask(runs.BIN / "springback", tmp_path, "new", "spring-sale")
    (tmp_path / hidden).parent.mkdir(exist_ok=True)
    (tmp_path / hidden).touch()
    said = ask(runs.BIN / command[0], tmp_path, *command[1:])
    assert said.returncode == 2
    assert f"hides Springback's own package {Path(hidden).parts[0].removesuffix('.py')}" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_folder_of_that_name_that_is_no_package_hides_nothing(tmp_path: Path) -> None:
    ask(runs.BIN / "springback", tmp_path, "new", "spring-sale")
    (tmp_path / "shapes").mkdir()
    assert ask(runs.BIN / "springback", tmp_path, "plan", "spring_sale.py").returncode == 0


def test_nothing_is_written_over_and_every_problem_is_told(tmp_path: Path) -> None:
    springback = runs.BIN / "springback"
    assert ask(springback, tmp_path, "new", "spring-sale").returncode == 0
    again = ask(springback, tmp_path, "new", "spring-sale", "--host", "here")
    assert again.returncode == 2 and again.stderr.count("is there already") == 3 and "--host here" in again.stderr
    for name, words in {"redis": "would hide the module redis", "a b": "letters, digits", "json": "would hide"}.items():
        assert words in ask(springback, tmp_path, "new", name).stderr
    assert (
        "give one of form-login, grpc, http, login, websocket"
        in ask(springback, tmp_path, "new", "a", "--kind", "soap").stderr
    )


def test_a_service_elsewhere_is_loaded_only_with_consent(tmp_path: Path) -> None:
    ask(runs.BIN / "springback", tmp_path, "new", "far", "--host", "https://staging.example")
    text = (tmp_path / "far.conf").read_text()
    assert "host = https://staging.example\n" in text and "\n# allow-host = staging.example\n" in text
