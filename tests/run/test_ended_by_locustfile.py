"""A locustfile that ends the process itself: whatever code it gives, that is no PASS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = """
import sys
import harness
from harness.load.http import HerdHttpUser
from locust import events
from shapes import herd

{line}

class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")

class Spike(herd.Herd):
    herd_users = 10

harness.attach("ends")
"""
IMPORT, INIT = "sys.exit()", "events.init.add_listener(lambda **_: sys.exit(0))"


def springback(directory: Path, line: str, *arguments: str) -> tuple[int, str]:
    file = directory / "ends.py"
    file.write_text(SCENARIO.replace("{line}", line))
    command = [sys.executable, "-P", "-m", "harness.cli", arguments[0], str(file), *arguments[1:]]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("what", ["run", "plan", "suite"])
def test_while_it_is_loaded(tmp_path: Path, what: str) -> None:
    """``if not os.environ.get("TOKEN"): sys.exit()``"""
    code, said = springback(tmp_path, IMPORT, what, "--host", "http://127.0.0.1:1")
    assert code == 2
    assert "ends the process while it is loaded (SystemExit" in said and "Traceback" not in said


def test_before_there_is_a_run(tmp_path: Path) -> None:
    code, said = springback(tmp_path, INIT, "run", "--host", "http://127.0.0.1:1")
    assert code == 4
    assert said.splitlines()[-1] == (
        "springback: the locustfile ended Locust before there was a verdict; nothing is proven"
    )


@pytest.mark.parametrize("asked", ["--list", "--version"])
def test_who_asks_for_something_else_than_a_run_has_it(tmp_path: Path, asked: str) -> None:
    assert springback(tmp_path, "", "run", asked) == (0, "")
