"""Whatever is wrong with a value, it is said where the value stands, if not on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from locust.argument_parser import LocustArgumentParser, LocustConfigParser

from harness.config.option_places import OptionPlaces


def places(*arguments: str) -> OptionPlaces:
    parser = LocustArgumentParser(config_file_parser_class=LocustConfigParser)
    parser.add_argument("-c", "--config", is_config_file=True)
    for name in ("herd-users", "baseline-s", "peak", "base", "host"):
        parser.add_argument(f"--{name}", env_var=f"SPRINGBACK_{name.upper().replace('-', '_')}")
    parser.parse_known_args([*arguments])
    return OptionPlaces(parser)


CONFIG = """# mine
host = http://user:hush@example.com/?key=hush

--peak 5
herd-users: 3
herd-users = many
herd-users-later = 4
slip = 2
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("my.conf").write_text(CONFIG)
    return "my.conf"


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        ("--herd-users many: give a whole number", " (It stands in line 6 of my.conf.)"),
        (
            "--peak 5 is below --base 10",
            " (--peak stands in line 4 of my.conf, --base stands in the variable SPRINGBACK_BASE.)",
        ),
        ("--peak 5 is below --baseline-s 10", " (--peak stands in line 4 of my.conf.)"),
        ("http://example.com/: it is not this machine: --allow-host", " (It stands in line 2 of my.conf.)"),
        ("--baseline-s x: give a number", ""),
        ("--herd: no such option", ""),
        ("the users cannot do that", ""),
    ],
)
def test_each_problem_tells_the_line_or_the_variable(
    config: str, monkeypatch: pytest.MonkeyPatch, problem: str, place: str
) -> None:
    monkeypatch.setenv("SPRINGBACK_BASE", "10")
    assert places("--config", config, "--baseline-s", "x").told([problem]) == [problem + place]


def test_an_option_that_there_is_not_stands_somewhere_as_well(config: str) -> None:
    assert places("--config", config).of("--slip") == " (It stands in line 8 of my.conf.)"


def test_what_is_nearer_has_the_value(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag before a variable, and a variable before the config file."""
    problem = "--herd-users many: give a whole number"
    monkeypatch.setenv("SPRINGBACK_HERD_USERS", "many")
    assert places("--config", config).of("--herd-users") == " (It stands in the variable SPRINGBACK_HERD_USERS.)"
    assert places("--config", config, "--herd-users", "many").told([problem]) == [problem]


def test_only_what_is_typed_is_of_this_run_alone(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPRINGBACK_BASE", "10")
    found = places("--config", config, "--baseline-s=1", "--herd-users", "2")
    typed = {flag: found.is_typed(flag) for flag in ("--baseline-s", "--herd-users", "--peak", "--base", "--host")}
    assert typed == {"--baseline-s": True, "--herd-users": True, "--peak": False, "--base": False, "--host": False}


@pytest.mark.usefixtures("config")
def test_a_config_file_that_is_a_pipe_is_not_read_again() -> None:
    """Who has written to it is gone, so nobody would ever answer."""
    os.mkfifo("pipe")
    read = SimpleNamespace(_source_to_settings={"config_file|pipe": {"slip": (None, "two")}})
    assert OptionPlaces(read).of("--slip") == " (It stands in pipe.)"


@pytest.mark.usefixtures("config")
def test_of_a_toml_file_only_the_table_of_locust_counts() -> None:
    Path("pyproject.toml").write_text('[tool.other]\npeak = 1\n\n[tool.locust]\npeak = "two"\n\n[tool.z]\npeak = 3\n')
    assert places("--config", "pyproject.toml").of("--peak") == " (It stands in line 5 of pyproject.toml.)"
