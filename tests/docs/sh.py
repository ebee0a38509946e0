"""What is wrong with the commands of a shell block, without running them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.docs.blocks import ROOT
from tests.docs.commands import Command, commands
from tests.docs.conftest import Tree

SHELL = {"cd", "export", "kill", "wait", "sleep", "until", "do", "done", "echo", "curl", "git", "rm", "mkdir", "docker"}
SHELL |= {"apt-get", "sudo", "ls", "find", "kubectl"}
"""Of the machine, not ours: their flags change with nobody here."""
COMMAND_LINES = {"target": "target", "benchmarks": "benchmarks/__main__.py"}
COMMAND_LINES |= {f"tests.{name}": f"tests/{name}/__main__.py" for name in ("ground_truth", "mutants")}
"""Where the flags of a module stand, as text."""
NOT_HERE = (
    *("nothing listens there", "there is no such socket", "no process of this user listens on port"),
    *("there is no socket /var/run/docker.sock", "there is no container", "there is no control group"),
)
"""A plan also tries the addresses that are named. That nobody is there on this machine is no mistake of the page, and
all other problems are told beside it.
"""
MADE_BY_A_RUN = ("runs/",)
"""What a command may name though the tree does not have it."""


def problems(text: str, tree: Tree, directory: Path) -> Iterator[str]:
    """One line for each command that could not be run as it is written."""
    for command in commands(text):
        check = CHECKS.get(command.name)
        if check is not None:
            yield from check(command, tree, directory)
        elif command.name not in SHELL and not command.name.startswith(("./", "$")):
            yield f"{command.name}: a command that this test does not know"


def _springback(command: Command, tree: Tree, directory: Path) -> Iterator[str]:
    words = command.words[1:]
    if words[:1] == ["plugins"] or words[:1] in (["--version"], ["-h"], ["--help"]):
        return
    told = tree.ask("springback", words, directory, command.variables)
    refused = [line for line in told["output"].splitlines() if not any(words in line for words in NOT_HERE)]
    if told["code"] and refused:
        yield f"{' '.join(command.words)}: {refused}"
    if command.variables:  # of one scenario: a suite's are for whichever has them
        yield from _variables(command, tree, words[1])


def _locust(command: Command, tree: Tree, directory: Path) -> Iterator[str]:
    told = tree.ask("locust", command.words[1:], directory, command.variables)
    if told["code"]:
        yield f"{' '.join(command.words)}: {told['output']}"


def _variables(command: Command, tree: Tree, locustfile: str) -> Iterator[str]:
    for name in command.variables:
        flag = "--" + name.removeprefix("SPRINGBACK_").lower().replace("_", "-")
        if name.startswith("SPRINGBACK_") and flag not in tree.ask("flags", [locustfile])["output"]:
            yield f"{name}: there is no option {flag}"


def _python(command: Command, _: Tree, directory: Path) -> Iterator[str]:
    words = command.words[1:]
    if words[:1] != ["-m"]:
        yield from _files(words[:1], directory)
        return
    module = words[1]
    if module in ("http.server", "venv", "pip", "pytest"):
        return
    places = (ROOT / Path(*module.split(".")), ROOT / Path(*module.split(".")).with_suffix(".py"))
    if not any(place.exists() for place in places):
        yield f"{module}: there is no such module"
    given = [word.partition("=")[0] for word in words[2:] if word.startswith("--")]
    if given and module in COMMAND_LINES:
        known = flags_of(module)
        yield from (f"{module} {flag}: no such option" for flag in given if flag not in known)


def flags_of(module: str) -> set[str]:
    """Those that its files declare."""
    place = ROOT / COMMAND_LINES[module]
    files = place.rglob("*.py") if place.is_dir() else (place,)
    return {flag for file in files for flag in re.findall(r'"(--[a-z-]+)"', file.read_text())}


def _make(command: Command, *_: object) -> Iterator[str]:
    targets = [word for word in command.words[1:] if "=" not in word and not word.startswith("-")]
    directories = [word for word in command.words[1:] if word.startswith("-C")]
    lines = (ROOT / "Makefile").read_text().splitlines()
    for target in targets[len(directories) :]:
        if not any(line.startswith(f"{target}:") for line in lines):
            yield f"make {target}: no such target"


def _copy(command: Command, _: Tree, directory: Path) -> Iterator[str]:
    yield from _files([word for word in command.words[1:-1] if not word.startswith("-")], directory)


def _read(command: Command, _: Tree, directory: Path) -> Iterator[str]:
    named = [word for word in command.words[1:] if not word.startswith("-")]
    yield from _files([word for word in named if not word.startswith((*MADE_BY_A_RUN, ".venv/", "$"))], directory)


def _files(names: list[str], directory: Path) -> Iterator[str]:
    yield from (f"{name}: there is no such file" for name in names if not (directory / name).exists())


def _in_venv(command: Command, tree: Tree, directory: Path) -> Iterator[str]:
    """``springback/.venv/bin/springback`` and the like."""
    yield from CHECKS[Path(command.name).name](command, tree, directory)


CHECKS: dict[str, Callable[[Command, Tree, Path], Iterator[str]]] = {
    "springback": _springback,
    "locust": _locust,
    "python": _python,
    "python3": _python,
    "make": _make,
    "cp": _copy,
    "cat": _read,
    ".": _read,
    "springback/.venv/bin/springback": _in_venv,
    ".venv/bin/python": _python,
}


def end_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
