"""A signal while the reference target starts or stops: it is stopped, its directory is gone, and nothing is proven."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.commands import reference_target
from harness.commands import run as launch
from harness.commands.launched_locust import started
from harness.errors import ConfigurationError
from harness.reserved_port import reserved_port
from tests.ports import free_port

SCENARIO = Path(__file__).parent / "scenarios" / "herd_http.py"

PROGRAM = """
import contextlib, subprocess, sys
from types import SimpleNamespace
from harness.commands import run as launch

PRETENDED = '''
import json, signal, sys, time
def stop(*_):
    if sys.argv[1] == "stopping":
        print("stopping", file=sys.stderr, flush=True)
        time.sleep(0.5)
    sys.exit()
signal.signal(signal.SIGTERM, stop)
if sys.argv[1] == "stopping":
    print(json.dumps({"url": "http://127.0.0.1:1"}), flush=True)
else:
    print("starting", file=sys.stderr, flush=True)
time.sleep(30)
'''
real = subprocess.Popen
def pretended(command, **rest):
    return real([sys.executable, "-c", PRETENDED, sys.argv[1]], **rest)
subprocess.Popen = pretended
@contextlib.contextmanager
def started(*_):
    yield SimpleNamespace(check=lambda: (0, {}), run=lambda *_, **__: 3)
launch.started, launch.options_for = started, lambda _: {}
sys.exit(launch.launch("x.py", [], False))
"""
"""A target that only says when it starts or stops, and a run that fails at once."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("when", "code"), [("starting", 4), ("stopping", 3)])
def test_a_signal_leaves_nothing_behind(tmp_path: Path, when: str, code: int, number: signal.Signals) -> None:
    """When the target stops, the run is over, and its code stands."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, when],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        while process.stderr.readline() != f"{when}\n":
            assert process.poll() is None, "it has ended before"
        assert list(tmp_path.glob("springback-*"))
        process.send_signal(number)
        said = process.communicate(timeout=20)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code, said
    assert not list(tmp_path.iterdir())
    assert "Traceback" not in said
    assert (f"ended by {number.name}" in said) == (when == "starting")


def test_a_signal_that_comes_while_the_target_is_being_started_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class InterruptedPopen(subprocess.Popen[str]):
        def __init__(self, _: list[str], **named: Any) -> None:
            super().__init__([sys.executable, "-c", "import time; time.sleep(30)"], **named)
            started.append(self)
            os.kill(os.getpid(), signal.SIGINT)

    # Not for whoever else starts processes meanwhile: the pool does, in threads of its own.
    monkeypatch.setattr(
        reference_target, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": InterruptedPopen})
    )
    with pytest.raises(KeyboardInterrupt), reference_target.reference_target():
        pass
    (process,) = started
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (["--master-bind-port", "6000"], ["--master-port", "6000"]),
        (["--master-port=6000"], ["--master-bind-port", "6000"]),
        (["--master-port", "6000", "--master-bind-port", "6000"], []),
    ],
)
def test_load_processes_ask_the_port_at_which_their_master_listens(given: list[str], added: list[str]) -> None:
    assert launch._other_port(given) == added


@pytest.mark.parametrize(
    "given", [["--master-bind-port", "0"], ["--master-port", "6000", "--master-bind-port", "6001"]]
)
def test_ports_at_which_nobody_would_meet_are_refused(given: list[str]) -> None:
    """The master would wait for its load processes for ever, without a word."""
    with pytest.raises(ConfigurationError, match="leave out both"):
        launch._other_port(given)


def test_a_port_that_is_taken_after_the_check_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    port = str(free_port())
    options = ("--headless", "--host", "http://127.0.0.1:1", "--processes", "1", "--master-bind-host", "127.0.0.1")
    with started(str(SCENARIO), [*options, "--master-bind-port", port, "--master-port", port]) as locust:
        assert locust.check()[0] == 0
        with socket.create_server(("127.0.0.1", int(port))):
            assert locust.run() == 2
    said = capfd.readouterr().err
    assert "the master cannot listen" in said and "--master-bind-port" in said
    assert "Traceback" not in said


def test_nobody_else_is_given_the_masters_port() -> None:
    with reserved_port() as held, socket.socket() as other, socket.socket() as master:
        place = held.getsockname()
        with pytest.raises(OSError, match="in use"):
            other.bind(place)
        master.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        master.bind(place)
        master.listen()
        socket.create_connection(place).close()
