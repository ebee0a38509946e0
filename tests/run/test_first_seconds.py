"""A run that is ended before it has begun: in one line, without a traceback, and nothing is left."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never

import psutil
import pytest

from harness import cli
from harness.commands import launched_locust
from harness.errors import ConfigurationError
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import SCENARIOS, Finished
from tests.run.together import together

ROOT = Path(__file__).parents[2]


FILE = """
import os, sys, time
with open(os.environ["LOADED"], "a") as file:
    file.write("x")
while os.path.getsize(file.name) > int(os.environ["GOES_ON_AFTER"]):
    time.sleep(0.01)
sys.path.insert(0, os.environ["SCENARIOS"])
from herd_http import *
"""
"""It is read twice, by the check and by Locust, and comes to no end the first time or the second."""


def command_line(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):  # it has just ended
        return " ".join(process.cmdline())
    return ""


def ended_early(directory: Path, number: int, at: str) -> Finished:
    host = f"http://127.0.0.1:{free_port()}"
    file, loaded = directory / "slow.py", directory / "loaded"
    file.write_text(FILE)
    goes_on_after = "1" if at == "Locust" else "0"
    variables = {"LOADED": str(loaded), "GOES_ON_AFTER": goes_on_after, "SCENARIOS": str(SCENARIOS)}
    going = runs.springback(directory, "run", str(file), "--host", host, variables=variables)
    if at == "the start":
        going.until(lambda: any("locust_process" in command_line(each) for each in going.family), "it is started")
    else:
        times = {"the check": 1, "Locust": 2}[at]
        going.until(lambda: loaded.exists() and loaded.stat().st_size == times, f"{at} reads the locustfile")
    os.kill(going.process.pid, number)
    return going.wait(gone_within_s=5)


@together(ended_early, number=[signal.SIGINT, signal.SIGTERM], at=["the start", "the check", "Locust"])
def test_a_run_that_is_ended_in_its_first_seconds_says_so_in_a_line(outcome: Finished) -> None:
    assert outcome.code == 4
    said = [line for line in outcome.err.splitlines() if line]
    assert len(said) == 1 and "nothing is proven" in said[0], outcome.err
    assert not outcome.left_over and not outcome.directories


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_locust_is_being_started_ends_it(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    started = []

    class InterruptedPopen(subprocess.Popen[bytes]):
        def __init__(self, _: list[str], **named: Any) -> None:
            super().__init__([sys.executable, "-c", "import signal; signal.pause()"], **named)
            started.append(self)
            os.kill(os.getpid(), number)

    def end(*_: object) -> Never:
        raise KeyboardInterrupt

    # Not for whoever else starts processes meanwhile: the pool does, in threads of its own.
    monkeypatch.setattr(
        launched_locust, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": InterruptedPopen})
    )
    before = signal.signal(number, end)
    try:
        with pytest.raises(KeyboardInterrupt), launched_locust.started("x.py", []):
            pass
    finally:
        signal.signal(number, before)
    (process,) = started
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_handed_on_to_locust_that_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """As soon as it has been told to run: it may not have heard it."""
    waiting = "import signal; signal.pthread_sigmask(1, [2]); signal.signal(2, signal.SIG_DFL); signal.pause()"

    def told(_: object, said: list[bytes], *__: object) -> int:
        os.kill(os.getpid(), number)
        return len(said[0])

    def popen(_: list[str], **named: Any) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", waiting], **named)

    real = subprocess.Popen
    monkeypatch.setattr(launched_locust, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": popen}))
    monkeypatch.setattr(launched_locust, "socket", SimpleNamespace(**{**vars(socket), "send_fds": told}))
    with launched_locust.started("x.py", []) as locust:
        assert locust.run() == 4
    assert capsys.readouterr().err == f"springback: Locust was ended by {number.name}; nothing is proven\n"


def test_files_that_were_not_installed_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a clone, with the packages that it needs: the version is that of what is installed."""
    monkeypatch.setattr(cli.metadata, "distributions", lambda **_: iter(()))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("springback: is not installed in this Python")


def test_a_defect_is_one_line_and_a_file_without_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defective(*_: object, **__: object) -> None:
        raise LookupError(sys.argv[2])

    monkeypatch.setattr(cli.cli, "main", defective)
    monkeypatch.setattr("sys.argv", ["springback", "run", "--postgres=hush", "--token", "hush"])
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 4 and "a defect of Springback" in line and "hush" not in line
    file = Path(next(word.strip(",;") for word in line.split() if "springback-defect-" in word))
    text = file.read_text()
    file.unlink()
    assert "LookupError" in text and "--postgres" in text and "--token" in text and "hush" not in text, text


def test_a_defect_is_said_also_where_no_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defective(*_: object, **__: object) -> None:
        raise LookupError("hush")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cli.cli, "main", defective)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 4 and "a defect of Springback" in line and "hush" not in line
    assert "LookupError" in line and "No space left" in line


def test_what_is_printed_is_cleaned_and_bounded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ConfigurationError(["health: \x1b]0;owned\x07 \u202e\r\nsecond", "x" * 100_000])

    monkeypatch.setattr(cli.cli, "main", refused)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit):
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    first, second = capsys.readouterr().err.splitlines()
    assert first.isprintable() and first.startswith("springback: health: \ufffd]0;owned\ufffd \ufffd second")
    assert len(second) < 2100


def test_a_ctrl_c_while_it_is_imported_shows_no_traceback() -> None:
    script = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
import harness.cli
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (-signal.SIGINT, "")


def test_an_interrupt_that_a_library_has_passed_on_does_not_change_the_exit_code(tmp_path: Path) -> None:
    """The interpreter would end by SIGINT, because a nested one has seen a KeyboardInterrupt."""
    script = """
import ctypes
from harness import cli
def nested(**_):
    code = b"import os, signal; os.kill(os.getpid(), signal.SIGINT); [0 for _ in range(1000)]"
    module = ctypes.pythonapi.PyImport_AddModule
    module.restype = ctypes.py_object
    names = module(b"__main__").__dict__
    run = ctypes.pythonapi.PyRun_String
    run.restype, run.argtypes = ctypes.py_object, [ctypes.c_char_p, ctypes.c_int, ctypes.py_object, ctypes.py_object]
    run(code, 257, names, names)
cli.cli.main = nested
cli.main()
"""
    (tmp_path / "interrupted.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 4 and done.stderr.count("\n") == 1, done.stderr
