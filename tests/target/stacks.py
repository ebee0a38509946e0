"""A stack of its own for a test, started the way a user starts it, and ways to look at it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from target import cli
from target.faults.folder import summed
from target.loopback_http import Reply, ask
from target.stack.state import Process, StackState
from tests.forks import Channel, forked
from tests.run.preloaded import ForkedModule

PATIENCE_S = 60.0
"""For what comes in a second or two where nothing else wants the machine: how soon it comes is not what is tested."""


@dataclass(frozen=True)
class Account:
    """A fault's own account."""

    status: dict[str, Any]
    records: list[dict[str, Any]]


@dataclass(frozen=True)
class Stack:
    """A running `python -m target up`."""

    up: subprocess.Popen[str] | ForkedModule
    state: StackState
    state_file: Path

    def login(self, number: int = 0, password: str | None = None, url: str | None = None) -> Reply:
        """One login through the proxy, or at `url`."""
        body = {"username": f"user{number}", "password": password or self.state.users.password}
        return ask("POST", f"{url or self.state.url}/auth/login", body=body, limit_s=20.0)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m target …` for this stack."""
        return target(*arguments, "--state", str(self.state_file))

    def switch(self, fault: str | None, **parameters: float) -> None:
        """A fault on in every API process, or off, without the second that the command takes to start."""
        for api in self.state.apis:
            url, body = api.url + self.state.faults.path, {"fault": fault, "parameters": parameters}
            order = ("DELETE", None) if fault is None else ("PUT", body)
            reply = ask(order[0], url, self.state.faults.token, order[1])
            assert reply.status == 200, reply

    def account(self) -> Account:
        """What the active fault did, over all API processes."""
        urls = [api.url + self.state.faults.path for api in self.state.apis]
        active = [ask("GET", url, self.state.faults.token).document["active"] for url in urls]
        status = summed(active[0]["fault"], [one["status"] for one in active])
        return Account(status, [record for one in active for record in one["records"]])

    def fail(self, failure: str | None, **parameters: float) -> dict[str, Any]:
        """A failure of the upstream on, or off; its counters."""
        upstream, body = self.state.upstream, {"failure": failure, "parameters": parameters}
        order = ("DELETE", None) if failure is None else ("PUT", body)
        reply = ask(order[0], upstream.url + upstream.path, upstream.token, order[1])
        assert reply.status == 200, reply
        return dict(reply.document["calls"])

    def process(self, role: str) -> Process:
        """The first server with this role."""
        return next(process for process in self.state.processes if process.role == role)

    def family(self) -> list[psutil.Process]:
        """Every process of the stack: `up`, the guard, the servers, PostgreSQL's backends."""
        supervisor = psutil.Process(self.state.supervisor.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.up.send_signal(signal.SIGTERM)
        return self.up.wait(PATIENCE_S)


@contextmanager
def started(state_file: Path, *options: str, from_nothing: bool = False, **settings: str) -> Iterator[Stack]:
    """Brings a stack up, with `TARGET_*` settings; its own errors end up in the assertion.

    It and its Python processes are forks of a process that has imported what they need, see tests/run/preloaded.py.
    `from_nothing`: each is an interpreter of its own, as a user's are; see :func:`launched`.
    """
    words, env = [*options, "--state", str(state_file)], {**os.environ, **settings}
    with launched(words, env=env) if from_nothing else _forked(words, env) as up:
        assert up.stdout is not None
        line = up.stdout.readline()
        if not line:
            assert up.stderr is not None
            raise AssertionError(f"up ended with {up.wait(10)}: {up.stderr.read()}")
        stack = Stack(up, msgspec.json.decode(line, type=StackState), state_file)
        with ended_afterwards(up):
            yield stack


@contextmanager
def launched(options: Sequence[str], python: str = sys.executable, **popen: Any) -> Iterator[subprocess.Popen[str]]:
    """Starts `up` and does not wait; whatever of it still runs afterwards, because a test failed, is killed."""
    with (
        subprocess.Popen(
            [python, "-m", "target", "up", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **popen,
        ) as up,
        ended_afterwards(up),
    ):
        yield up


@contextmanager
def _forked(options: Sequence[str], env: Mapping[str, str]) -> Iterator[ForkedModule]:
    command = [sys.executable, "-m", "target", "up", *options]
    with (
        ForkedModule(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as up,
        ended_afterwards(up),
    ):
        yield up


@contextmanager
def ended_afterwards(parent: subprocess.Popen[str] | ForkedModule) -> Iterator[None]:
    """Afterwards the process has ended, and so have those that were its descendants before or are so then.

    It is asked first, so that it takes its files along; frozen ones are woken for that.
    """
    family = _descendants(parent)
    try:
        yield
    finally:
        family = {*family, *_descendants(parent)}
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        if parent.poll() is None:
            parent.terminate()
            with suppress(subprocess.TimeoutExpired):
                parent.wait(15)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if parent.poll() is None:
            parent.kill()
            parent.wait()


def _descendants(parent: subprocess.Popen[str] | ForkedModule) -> set[psutil.Process]:
    try:
        return set(psutil.Process(parent.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def target(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m target …` to its end: `up` from nothing, and what only asks a stack in a fork that has imported it."""
    if arguments[0] == "up":
        command = [sys.executable, "-m", "target", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    channel = forked(__name__, "do_command")
    channel.tell(json.dumps(arguments))
    code, out, err = json.loads(channel.hear())
    channel.close()
    return subprocess.CompletedProcess(arguments, code, out, err)


def do_command(channel: Channel) -> None:
    """What a fork does: one command, as its own process would."""
    sys.argv = ["target", *json.loads(channel.hear())]
    code: object = 0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        for file, descriptor in ((out, 1), (err, 2)):
            os.dup2(file.fileno(), descriptor)
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read())
    channel.tell(json.dumps([code, *said]))


def at_once(url: str, requests: Sequence[tuple[str, str, object]]) -> list[tuple[float, float, Reply]]:
    """Method, path and body of each, sent in one breath on connections that are there already, however busy the machine
    is; when each was sent and seen to be answered, in seconds of the monotonic clock, and the answer.
    """
    connections = [http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S) for _ in requests]
    for connection in connections:
        connection.connect()
    sent_s, found = [], []
    for connection, (method, path, body) in zip(connections, requests, strict=True):
        sent_s.append(time.monotonic())
        connection.request(method, path, None if body is None else json.dumps(body))
    for started_s, connection in zip(sent_s, connections, strict=True):
        answer = connection.getresponse()
        reply = Reply(answer.status, json.loads(answer.read()))
        found.append((started_s, time.monotonic(), reply))
        connection.close()
    return found


def until(condition: Callable[[], object], what: str, limit_s: float = PATIENCE_S) -> None:
    """Wait for a condition; an assertion error when it does not come true."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.02)


def all_gone(processes: Sequence[psutil.Process]) -> bool:
    """Whether each of these very processes ended; a zombie has ended."""
    return not any(_runs(process) for process in processes)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def name_of(process: psutil.Process) -> str:
    """Empty when it has ended meanwhile."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def signal_tree(pid: int, number: int) -> None:
    """Signal a server and its children: PostgreSQL's backends are in no common process group."""
    server = psutil.Process(pid)
    for process in (server, *server.children(recursive=True)):
        with suppress(ProcessLookupError):  # a backend that has just ended
            os.kill(process.pid, number)
