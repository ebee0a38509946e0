"""A locustfile that ends the process itself: whatever code it gives, that is no PASS."""

from __future__ import annotations

from pathlib import Path

from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

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


HOST = ("--host", "http://127.0.0.1:1")


def springback(directory: Path, what: str, line: str, *arguments: str, from_nothing: bool = False) -> Finished:
    (directory / FILE).write_text(SCENARIO.replace("{line}", line))
    return runs.springback(directory, what, FILE, *arguments, cwd=directory, forked=not from_nothing).wait()


def locust(directory: Path, line: str) -> Finished:
    """Plainly, with nobody who would look after it."""
    (directory / FILE).write_text(SCENARIO.replace("{line}", line))
    options = ("--headless", "--only-summary", "--loglevel", "WARNING", *runs.VERDICT_ONLY)
    command = [str(runs.BIN / "locust"), "-f", FILE, *options, *HOST]
    return runs.start(directory, command, forked=True, cwd=directory).wait()


def loaded(directory: Path, what: str, line: str) -> Finished:
    return springback(directory, what, line, *HOST)


@together(loaded, what=["run", "plan", "suite"], line=[IMPORT, OTHER_IMPORT])
def test_while_it_is_loaded(outcome: Finished) -> None:
    """``if not os.environ.get("TOKEN"): sys.exit()``"""
    assert outcome.code == 2
    assert "ends the process while it is loaded (SystemExit" in outcome.err and "Traceback" not in outcome.err


def initialised(directory: Path) -> Finished:
    return springback(directory, "run", INIT, *HOST, from_nothing=True)


@together(initialised)
def test_before_there_is_a_run(outcome: Finished) -> None:
    assert outcome.code == 4
    assert outcome.err.splitlines()[-1] == (
        "springback: the locustfile ended Locust before there was a verdict; nothing is proven"
    )


def past_all_listeners(directory: Path, event: str) -> Finished:
    return locust(directory, f"import os; events.{event}.add_listener(lambda **_: os._exit(0))")


@together(past_all_listeners, event=["init", "test_start"])
def test_at_once_and_past_all_listeners(outcome: Finished) -> None:
    """``os._exit(0)``, which Locust alone would end with, and a pipeline would take for a PASS."""
    assert outcome.code == 4 and "Traceback" not in outcome.err
    assert outcome.err.splitlines()[-1] == (
        "springback: os._exit(0) in ends.py, line 8, has ended this process before there was a verdict; nothing is "
        "proven"
    )


@together(past_all_listeners, event=["quitting"])
def test_at_once_when_there_is_a_verdict(outcome: Finished) -> None:
    """Of a target that was not there."""
    assert outcome.code == 4 and "Traceback" not in outcome.err
    assert "os._exit" not in outcome.err


def exits_at_test_start(directory: Path, code: str) -> Finished:
    return locust(directory, f"events.test_start.add_listener(lambda **_: sys.exit({code}))")


@together(exits_at_test_start, code=["", "0", "7"])
def test_when_a_run_is_to_begin(outcome: Finished) -> None:
    assert outcome.code == 4
    assert outcome.err.splitlines()[-1] == (
        "springback: ended by the locustfile, or by Locust itself, before there was a run; nothing is proven"
    )


def asked(directory: Path, what: str) -> Finished:
    return springback(directory, "run", "", what)


@together(asked, what=["--list", "--version"])
def test_who_asks_for_something_else_than_a_run_has_it(outcome: Finished) -> None:
    assert (outcome.code, outcome.err) == (0, "")
