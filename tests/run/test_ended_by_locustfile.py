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
OTHER_IMPORT = "import os; os._exit(0)"
FILE = "ends.py"
IMPORT, INIT = "sys.exit()", "events.init.add_listener(lambda **_: sys.exit(0))"


def springback(directory: Path, line: str, *arguments: str) -> tuple[int, str]:
    return ended(directory, line, ["harness.cli", arguments[0], FILE, *arguments[1:]])


def locust(directory: Path, line: str) -> tuple[int, str]:
    """Plainly, with nobody who would look after it."""
    options = ("--headless", "--only-summary", "--loglevel", "WARNING", "--host", "http://127.0.0.1:1")
    return ended(directory, line, ["locust", "-f", FILE, *options])


def ended(directory: Path, line: str, arguments: list[str]) -> tuple[int, str]:
    (directory / FILE).write_text(SCENARIO.replace("{line}", line))
    command = [sys.executable, "-P", "-m", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("what", ["run", "plan", "suite"])
@pytest.mark.parametrize("line", [IMPORT, OTHER_IMPORT])
def test_while_it_is_loaded(tmp_path: Path, what: str, line: str) -> None:
    """``if not os.environ.get("TOKEN"): sys.exit()``"""
    code, said = springback(tmp_path, line, what, "--host", "http://127.0.0.1:1")
    assert code == 2
    assert "ends the process while it is loaded (SystemExit" in said and "Traceback" not in said


def test_before_there_is_a_run(tmp_path: Path) -> None:
    code, said = springback(tmp_path, INIT, "run", "--host", "http://127.0.0.1:1")
    assert code == 4
    assert said.splitlines()[-1] == (
        "springback: the locustfile ended Locust before there was a verdict; nothing is proven"
    )


@pytest.mark.parametrize("event", ["init", "test_start", "quitting"])
def test_at_once_and_past_all_listeners(tmp_path: Path, event: str) -> None:
    """``os._exit(0)``, which Locust alone would end with, and a pipeline would take for a PASS."""
    line = f"import os; events.{event}.add_listener(lambda **_: os._exit(0))"
    code, said = locust(tmp_path, line)
    assert "Traceback" not in said
    assert code == 4
    if event == "quitting":  # there is a verdict, of a target that was not there
        assert "os._exit" not in said
        return
    assert said.splitlines()[-1] == (
        "springback: os._exit(0) in ends.py, line 8, has ended this process before there was a verdict; nothing is "
        "proven"
    )


@pytest.mark.parametrize("code", ["", "0", "7"])
def test_when_a_run_is_to_begin(tmp_path: Path, code: str) -> None:
    line = f"events.test_start.add_listener(lambda **_: sys.exit({code}))"
    ended_with, said = locust(tmp_path, line)
    assert ended_with == 4
    assert said.splitlines()[-1] == (
        "springback: ended by the locustfile, or by Locust itself, before there was a run; nothing is proven"
    )


@pytest.mark.parametrize("asked", ["--list", "--version"])
def test_who_asks_for_something_else_than_a_run_has_it(tmp_path: Path, asked: str) -> None:
    assert springback(tmp_path, "", "run", asked) == (0, "")
