"""A process that answers what a command of the line would make of its arguments: ``python planner.py``.

It imports Locust once and answers each question, a line of JSON, in a fork of its own: reading a locustfile leaves its
classes behind in the process, and a whole new one for each question would cost more than all the rest.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.commands import plan as planning
from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE


def springback(words: list[str]) -> None:
    """``springback WORDS``, as far as it goes without load and without an earlier run."""
    from harness.cli import cli

    name, *arguments = words
    command = cli.commands[name]
    context = command.make_context(name, list(arguments))
    if name in ("run", "plan", "find-limit"):
        planning.plan(context.params["locustfile"], list(context.args))
    elif name == "suite":
        named = list(context.params["words"])
        first_option = next((place for place, word in enumerate(named) if word.startswith("-")), len(named))
        files = [Path(word) for word in named[:first_option] if Path(word).is_file()]
        for file in files or sorted(Path("locustfiles").glob("*.py")):
            _alone(file, named[first_option:])


def _alone(file: Path, options: list[str]) -> None:
    """One of several scenarios, in a fork of its own: a process holds only one."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status):
            raise SystemExit(EXIT_USAGE)
        return
    try:
        planning.target_of(str(file), options)
        os._exit(0)
    except ConfigurationError as error:
        print("\n".join(error.messages), flush=True)
    finally:
        os._exit(EXIT_USAGE)


def locust(words: list[str]) -> None:
    """``locust -f FILE …``: Locust's own parser, ours added."""
    place = words.index("-f")
    planning.plan(words[place + 1], [*words[:place], *words[place + 2 :]])


def flags(words: list[str]) -> None:
    """Every flag that a run of this locustfile has."""
    from locust.argument_parser import get_locustfiles_locally, get_parser, parse_locustfile_option
    from locust.main import merge_locustfiles_content

    merge_locustfiles_content(get_locustfiles_locally(parse_locustfile_option(["-f", words[0]])))
    print(json.dumps([text for action in get_parser()._actions for text in action.option_strings]))


def click_flags(words: list[str]) -> None:
    """Every flag of the commands in MODULE:GROUP."""
    import click

    def of(command: Any) -> list[str]:
        own = [flag for each in command.params if isinstance(each, click.Option) for flag in each.opts]
        return own + [flag for each in getattr(command, "commands", {}).values() for flag in of(each)]

    module, _, name = words[0].partition(":")
    print(json.dumps([*of(getattr(importlib.import_module(module), name)), "--help", "-h", "--version"]))


QUESTIONS: dict[str, Callable[[list[str]], None]] = {
    "springback": springback,
    "locust": locust,
    "flags": flags,
    "click_flags": click_flags,
}


def answer(question: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if not child:
            os._exit(_answered(question, output.fileno()))
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "output": output.read()}


def _answered(question: dict[str, Any], output: int) -> int:
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), encoding="utf-8", line_buffering=True)
    sys.stderr = sys.stdout
    code = 0
    try:
        os.chdir(question["directory"])
        os.environ |= question["variables"]
        sys.argv = ["springback", *question["words"]]
        QUESTIONS[question["ask"]](question["words"])
    except ConfigurationError as error:
        print("\n".join(error.messages))
        code = EXIT_USAGE
    except SystemExit as told:
        code = told.code if isinstance(told.code, int) else EXIT_USAGE * bool(told.code)
    except BaseException as error:
        print(getattr(error, "message", "") or traceback.format_exc())
        code = EXIT_USAGE
    sys.stdout.flush()
    return code


def import_what_scenarios_import() -> None:
    """Once, here, and not in every fork."""
    import harness.load.http
    import harness.load.websocket  # noqa: F401
    from harness import attachment, criteria, faults, probes  # noqa: F401

    for folder in (criteria, faults, probes):
        for name in folder.available():
            folder.parameters(name)
    for file in Path(__file__).parents[2].glob("shapes/[a-z]*.py"):
        importlib.import_module(f"shapes.{file.stem}")


if __name__ == "__main__":
    import_what_scenarios_import()
    gc.disable()  # no fork has to look through it, and is over before there is garbage
    gc.freeze()
    for line in sys.stdin:
        reply = json.dumps(answer(json.loads(line)))
        print(reply, flush=True)
