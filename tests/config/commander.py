"""A process that runs commands of ``springback`` that make no load, as their own processes would: ``python
commander.py``. It reads each locustfile once, so a command costs milliseconds.

A line of JSON in, ``{"words": […], "variables": {…}}``; a line out, ``{"code": …, "out": "…", "err": "…"}``.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import json
import os
import socket
import sys
import traceback
from typing import Any
from unittest import mock

from harness import plugins
from harness.cli import main

# Locust first: it patches the process, and whatever is imported before it would keep what is not patched.
from harness.commands import loaded_scenario
from harness.config import addresses

_ask_the_system = socket.getaddrinfo


def without_name_servers(host: Any, *arguments: Any, **options: Any) -> Any:
    """Addresses and this machine's names only: what a name server takes to answer is not to be told from a hang."""
    literal = isinstance(host, str | None) and not set(host or "") - set("0123456789abcdefx.:[]")
    if literal or host in ("localhost", socket.gethostname()):
        return _ask_the_system(host, *arguments, **options)
    if isinstance(host, str):
        host.encode("idna")  # as the system does first, and may fail at
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def at_once(*arguments: Any, wait_s: float, **options: Any) -> list[str]:
    """Addresses are tried, but not for as long as ``--wait-for-target`` says."""
    assert wait_s >= 0
    return _problems(*arguments, wait_s=0, **options)


_problems = addresses.problems


def answer(words: list[str], variables: dict[str, str]) -> dict[str, Any]:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=how) for how in ("strict", "backslashreplace")]
    code: Any = 0
    with (
        mock.patch.dict(os.environ, variables),
        mock.patch.object(sys, "argv", ["springback", *words]),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
    out, err = (_written(stream) for stream in streams)
    return {"code": code, "out": out, "err": err}


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def flags(locustfile: str) -> list[dict[str, Any]]:
    """Every option of a run of this file."""
    from locust.argument_parser import get_parser

    loaded_scenario.merge_locustfiles_content([locustfile])
    return [
        {
            "flags": list(action.option_strings),
            "dest": action.dest,
            "variable": action.env_var,
            "secret": getattr(action, "is_secret", False),
            "choices": [str(each) for each in action.choices or ()],
            "values": action.nargs != 0,
        }
        for action in get_parser()._actions
    ]


if __name__ == "__main__":
    read_once = functools.lru_cache(lambda files: plan_merge(list(files)))
    plan_merge = loaded_scenario.merge_locustfiles_content
    loaded_scenario.merge_locustfiles_content = lambda files: read_once(tuple(files))
    plugins.Folder.modules = functools.cache(plugins.Folder.modules)
    socket.getaddrinfo = without_name_servers
    addresses.problems = at_once
    gc.disable()
    gc.freeze()
    for count, line in enumerate(sys.stdin, 1):
        asked = json.loads(line)
        reply = {"flags": flags(asked["flags"])} if "flags" in asked else answer(asked["words"], asked["variables"])
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
        if count % 100 == 0:
            gc.collect()
