"""A fork that is ``python -m MODULE`` for the tests: it has, and shows to others, what an interpreter would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.run.preloaded import ForkedModule
from tests.target.stacks import until

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("more", [(), ("-P",)], ids=["here first", "without here"])
def test_a_fork_is_a_command_like_any_other(tmp_path: Path, more: tuple[str, ...]) -> None:
    command = [sys.executable, *more, "-m", "tests.run.mirror", "7", "two words", "é"]
    variables = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "LC_CTYPE": "C.UTF-8", "A": "b=c"}
    variables["LONG"] = "x" * 20_000
    options: dict[str, Any] = {"env": variables, "cwd": tmp_path, "text": True, "start_new_session": True}
    said = []
    for start in (subprocess.Popen, ForkedModule):
        with start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as it:
            it.stdin.write("a line\n")
            it.stdin.close()
            said.append((json.loads(it.stdout.read()), it.stderr.read(), it.wait()))
    assert {name: (told, said[1][0][name]) for name, told in said[0][0].items() if told != said[1][0][name]} == {}
    assert said[0] == said[1]
    assert said[0][0]["input"] == "a line\n" and said[0][2] == 7


def test_it_is_alone_once_who_wanted_it_was_killed() -> None:
    """As its own parent would be: by that a sampler notices it."""
    asks = (
        "import subprocess, sys, time; from tests.run.preloaded import ForkedModule\n"
        "it = ForkedModule([sys.executable, '-m', 'harness.sidecar.sampler'], stdin=subprocess.PIPE)\n"
        'it.stdin.write(b\'{"interval_s": 9, "probes": [], "parent_pid": %d}\\n\' % __import__(\'os\').getpid())\n'
        "print(it.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", asks], stdout=subprocess.PIPE, cwd=ROOT) as asking:
        assert asking.stdout is not None
        sampler = psutil.Process(int(asking.stdout.readline()))
        assert "harness.sidecar.sampler" in sampler.cmdline()
        asking.kill()
    until(lambda: not sampler.is_running(), "the sampler has ended")


def test_who_asks_is_told_of_a_signal() -> None:
    with ForkedModule([sys.executable, "-m", "tests.run.mirror", "0"], stdin=subprocess.PIPE) as it:
        it.kill()
        assert it.wait(60) == -9
