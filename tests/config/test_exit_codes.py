"""With what a run ends, whoever ends which of its processes, and how: nothing becomes 0 that was no PASS."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from locust.env import Environment

from harness.commands.launched_locust import LaunchedLocust
from harness.run import exit_code, report_process
from harness.run.exit_code import ExitCode, ExitsAtOnce
from harness.run.messages import VERDICT_FD


class EndedProcess:
    """Locust's, which tells ``told`` and ends with ``code``."""

    def __init__(self, code: int, told: bytes, theirs: socket.socket) -> None:
        self._code, self._told, self._theirs = code, told, theirs

    def wait(self) -> int:
        request, descriptors, _, _ = socket.recv_fds(self._theirs, 4096, 8)
        assert request.endswith(b"\n")
        os.write(descriptors[0], self._told)
        for each in descriptors:
            os.close(each)
        return self._code


@pytest.mark.parametrize(
    ("code", "told", "judges", "ends_with", "said"),
    [
        (0, b"", True, 4, "before there was a verdict"),
        (0, b"", False, 0, ""),
        (1, b"", True, 1, ""),
        (2, b"", True, 2, ""),
        (0, b"\x00", True, 0, ""),
        (1, b"\x00", True, 0, ""),
        (0, b"\x03", True, 3, ""),
        (0, b"\x04\x03", False, 3, ""),
        (0, b"\x00\x05", True, 5, ""),
        (-signal.SIGKILL, b"", True, 4, "ended by SIGKILL"),
        (-signal.SIGKILL, b"", False, 4, "ended by SIGKILL"),
        (-signal.SIGTERM, b"\x04", True, 4, "ended by SIGTERM"),
        (-signal.SIGKILL, b"\x04\x03", True, 3, ""),
        (-signal.SIGKILL, b"\x04\x00", True, 0, ""),
    ],
)
def test_the_last_code_that_was_told_holds_and_without_one_there_is_no_pass(
    code: int, told: bytes, judges: bool, ends_with: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = socket.socketpair()
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with ours, theirs:
        process: Any = EndedProcess(code, told, theirs)
        judging = {} if judges else {"judges": False}
        assert LaunchedLocust(process, ours).run(**judging) == ends_with
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    printed = capsys.readouterr().err
    assert said in printed and bool(printed) is bool(said)


@pytest.mark.parametrize(
    ("answer", "code", "found", "refused"),
    [
        (b'[0, {"host": "http://x"}]\n', 0, {"host": "http://x"}, 0),
        (b"[2, {}]\n", 0, {}, 2),
        (b"", 1, {}, 1),
        (b"", 0, {}, 4),
        (b"", -signal.SIGSEGV, {}, 4),
    ],
)
def test_a_locustfile_that_ends_locust_before_it_has_said_anything_proves_nothing(
    answer: bytes, code: int, found: dict[str, str], refused: int
) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(answer)
        process: Any = type("Ended", (), {"wait": lambda _: code})()
        assert LaunchedLocust(process, ours).check() == (refused, found)


@pytest.mark.parametrize(
    ("ended_with", "code"), [(0, 0), (3, 3), (4, 4), (5, 5), (1, 4), (2, 4), (-9, 4), (137, 4), (255, 4)]
)
def test_a_verdict_that_was_not_made_is_inconclusive_and_says_how_to_make_it(
    ended_with: int,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(report_process, "run_report", lambda *words: (asked.append(words), ended_with)[1])
    assert report_process.write_reports(tmp_path, ["html", "junit"], "quiet") == code
    assert asked == [(tmp_path, "html,junit", "quiet")]
    said = capsys.readouterr().err
    assert (f"ended with {ended_with}" in said and f"springback report {tmp_path}" in said) is (code != ended_with)


@pytest.mark.parametrize(
    ("console", "shown"), [("quiet", ["--quiet"]), ("json", ["--json"]), ("auto", []), ("lines", [])]
)
def test_a_report_is_printed_as_the_console_of_the_run(console: str, shown: list[str], tmp_path: Path) -> None:
    words = report_process.report_words(tmp_path, "html", console)
    assert words == ["springback", "report", str(tmp_path), "--report-formats", "html", *shown]


class Stream(io.StringIO):
    """One that cannot be flushed, as when nobody reads it."""

    def __init__(self, name: str, flushed: list[str]) -> None:
        super().__init__()
        self._name, self._flushed = name, flushed

    def flush(self) -> None:
        self._flushed.append(self._name)
        raise BrokenPipeError


def streams(flushed: list[str]) -> SimpleNamespace:
    return SimpleNamespace(
        stdout=Stream("stdout", flushed), stderr=Stream("stderr", flushed), _getframe=lambda n: sys._getframe(n + 1)
    )


class Ends:
    """What the end of this process would do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.codes: list[int] = []
        self.runs_ended = 0
        self.last_words: list[str] = []
        self.at_exit: list[Any] = []
        self.pretends = False
        monkeypatch.setattr(exit_code, "_exit_at_once", self.codes.append)
        monkeypatch.setattr(exit_code.atexit, "register", self.at_exit.append)
        monkeypatch.setattr(exit_code.atexit, "unregister", self.at_exit.remove)
        monkeypatch.setattr(exit_code.atexit, "_run_exitfuncs", lambda: self.last_words.append("others registered"))
        monkeypatch.setattr(exit_code.logging, "shutdown", lambda: self.last_words.append("log"))
        monkeypatch.setattr(exit_code, "sys", streams(self.last_words))
        self.environment = Environment()
        self.environment.events.quitting.add_listener(self.pretend)  # of a locustfile, above its attach
        self.code = ExitCode(self.environment, self.end_run)

    def pretend(self, **_: Any) -> None:
        if self.pretends:
            self.environment.process_exit_code = 0

    def end_run(self) -> None:
        self.runs_ended += 1
        raise RuntimeError("a run that cannot be closed changes no code")

    def end(self) -> None:
        for each in list(self.at_exit):
            each()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    monkeypatch.delenv(VERDICT_FD, raising=False)
    return Ends(monkeypatch)


def test_a_listener_that_sets_a_code_of_its_own_is_overruled(ends: Ends) -> None:
    ends.environment.events.quitting.add_listener(ends.pretend)  # below its attach
    ends.pretends = True
    ends.code.set(3)
    assert ends.environment.process_exit_code == ends.code.code == 3
    ends.environment.events.quitting.fire(environment=ends.environment, reverse=True)
    assert ends.environment.process_exit_code == 3
    ends.environment.events.quit.fire(exit_code=3)
    ends.end()
    assert (ends.codes, ends.runs_ended) == ([], 0), "Locust ends with it by itself"


@pytest.mark.parametrize("how", ["a listener of quit", "sys.exit", "before quitting"])
def test_whoever_ends_the_process_otherwise_does_so_with_the_code_of_the_verdict(ends: Ends, how: str) -> None:
    ends.code.set(4)
    ends.code.set(3)
    if how != "before quitting":
        ends.environment.events.quitting.fire(environment=ends.environment, reverse=True)
    if how == "a listener of quit":
        ends.environment.events.quit.fire(exit_code=0)
    ends.end()
    assert (ends.codes, ends.runs_ended, ends.at_exit) == ([3], 1, [])
    assert ends.last_words == ["others registered", "log", "stdout", "stderr"]


def test_without_a_code_the_end_is_left_to_locust(ends: Ends) -> None:
    ends.environment.events.quitting.fire(environment=ends.environment, reverse=True)
    ends.end()
    assert ends.code.code is None and ends.codes == [] and ends.environment.process_exit_code is None


def test_the_end_of_a_fork_is_its_own(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    ends.code.set(3)
    monkeypatch.setattr(exit_code.os, "getpid", lambda: -1)
    ends.end()
    assert ends.codes == []


def test_a_launcher_is_told_each_code_and_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv(VERDICT_FD, str(writing))
    told = Ends(monkeypatch)
    assert VERDICT_FD not in os.environ, "processes that are started from here have none"
    told.code.set(4)
    told.code.set(0)
    assert os.read(reading, 10) == b"\x04\x00"
    os.close(reading)
    told.code.set(3)
    os.close(writing)
    assert told.code.code == 3


class EndedError(BaseException):
    """In place of the end of this process, with that code, and what was flushed before."""


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitsAtOnce]:
    flushed: list[str] = []

    def end(code: int) -> None:
        raise EndedError(code, list(flushed))

    monkeypatch.setattr(exit_code, "_exit_at_once", end)
    monkeypatch.setattr(exit_code, "sys", streams(flushed))
    usual = os._exit
    try:
        yield ExitsAtOnce()
    finally:
        os._exit = usual


@pytest.mark.parametrize(("verdict", "ends_with"), [(None, 4), (0, 0), (3, 3), (4, 4)])
@pytest.mark.parametrize("status", [0, 1])
def test_who_ends_the_process_at_once_is_named_and_the_verdict_holds(
    verdict: int | None, ends_with: int, status: int, exits: ExitsAtOnce, capsys: pytest.CaptureFixture[str]
) -> None:
    exits.verdict_code = lambda: verdict
    with pytest.raises(EndedError) as ended:
        os._exit(status)
    assert ended.value.args == (ends_with, ["stdout", "stderr"]), "what was printed before stays printed"
    said = f"os._exit({status}) in test_exit_codes.py, line "
    assert (said in capsys.readouterr().err) is (verdict is None)


def test_a_fork_may_end_at_once_with_any_code(exits: ExitsAtOnce, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is the process of a run itself: that may be a fork of the one that has read the locustfile."""
    here = os.getpid()
    monkeypatch.setattr(exit_code.os, "getpid", lambda: here + 1)
    with pytest.raises(EndedError) as ended:
        os._exit(7)
    assert ended.value.args == (7, []), "it shares what is not printed yet"
    exits.of_this_process()
    with pytest.raises(EndedError, match="4"):
        os._exit(0)
