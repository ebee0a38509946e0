"""``springback run``: Locust in a process of its own, with the reference target beside it when no host is named."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from harness.commands.reference_target import ENDING, options_for, reference_target
from harness.errors import ConfigurationError
from harness.findings import Outcome
from harness.run.messages import PARENT, REFERENCE_TARGET, VERDICT_FD
from harness.safe_text import say

WITHOUT_RUN = (
    "--worker",
    "--help",
    "-h",
    "--list",
    "-l",
    "--version",
    "-V",
    "--show-task-ratio",
    "--show-task-ratio-json",
)
"""With one of these this process judges nothing."""


def launch(locustfile: str, arguments: Sequence[str], web: bool) -> int:
    """Runs Locust on ``locustfile`` and returns its exit code. Raises ConfigurationError."""
    arguments = list(arguments)
    both = ["--web and --headless: leave out one of them"] if web and _given(arguments, "--headless") else []
    if not web and not _given(arguments, "--headless"):
        arguments.append("--headless")
    if not web and not _given(arguments, "--loglevel", "-L"):
        arguments += ["--loglevel", "WARNING"]
    if not web and not _given(arguments, "--only-summary"):
        arguments.append("--only-summary")
    if _given(arguments, "--processes") and not _given(arguments, "--master-bind-port", "--master-port"):
        # Locust's own port may belong to another master on this machine, and its load processes would come to us.
        port = str(_free_port())
        arguments += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]
        port_problems = []
    elif _given(arguments, "--processes", "--master"):
        if _given(arguments, "--processes"):
            arguments += _other_port(arguments)
        port_problems = _port_problems(
            _value(arguments, "--master-bind-host", default="*"),
            _value(arguments, "--master-bind-port", default="5557"),
        )
    else:
        port_problems = []
    # A problem with the options is said before anything is started, and all of them at once.
    checking = [sys.executable, "-P", "-m", "harness.cli", "host", locustfile, *arguments]
    # In a session of its own: a Ctrl-C ends it from here, by this process.
    checked = subprocess.run(checking, stdout=subprocess.PIPE, text=True, check=False, start_new_session=True)
    if both or port_problems:
        raise ConfigurationError([*both, *port_problems])
    if checked.returncode:
        return checked.returncode
    command = [sys.executable, "-P", "-m", "harness.commands.locust_process", "-f", locustfile, *arguments]
    if _given(arguments, *WITHOUT_RUN):
        return _run(command)
    # The host may also come from a config file, the environment or the users' class: Locust's parser knows.
    found = json.loads((checked.stdout.splitlines() or ["{}"])[-1])
    if found.get("host"):
        return _run(command)
    try:
        with _unwinding(), reference_target(found.get("reference")) as (target, state, lifeline):
            if not _given(arguments, "--health-path"):
                command += ["--health-path", "/readyz"]
            command += ["--host", target["url"], "--target-state", str(state)]
            variables = {**options_for(target), REFERENCE_TARGET: target["url"]}
            code = _run(command, variables, lifeline)
            _ignore_signals()  # the target is stopped next, whatever comes
            return code
    except _EndedError as error:
        say(f"ended by {error}; nothing is proven")
        return Outcome.INCONCLUSIVE.exit_code


class _EndedError(Exception):
    """The first SIGINT or SIGTERM, by its name."""


@contextmanager
def _unwinding() -> Iterator[None]:
    """The first SIGINT or SIGTERM raises _EndedError, so that what was started is stopped and tidied; further ones do
    not disturb that.
    """

    def end(number: int, _: Any) -> None:
        _ignore_signals()
        raise _EndedError(signal.Signals(number).name)

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in ENDING:
        signal.signal(number, lambda *_: None)


def _given(arguments: Sequence[str], *flags: str) -> bool:
    return any(argument == flag or argument.startswith(f"{flag}=") for argument in arguments for flag in flags)


def _value(arguments: Sequence[str], flag: str, default: str) -> str:
    for place, argument in enumerate(arguments):
        if argument == flag and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
    return default


def _port_problems(host: str, port: str) -> list[str]:
    """Locust would end with a traceback. A port that is no number is Locust's to refuse."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("" if host == "*" else host, int(port)))
            probe.listen(1)
        except (ValueError, OverflowError):
            return []
        except OSError as error:
            return [
                f"the master cannot listen on {host}, port {port} ({error.strerror}): "
                "choose another with --master-bind-port, and give it to the load processes with --master-port"
            ]
    return []


def _other_port(arguments: Sequence[str]) -> list[str]:
    """Load processes that are forked from their master find it only where both flags name one port. Raises
    ConfigurationError where they name two, or none that can be found.
    """
    bound = _value(arguments, "--master-bind-port", default="")
    asked = _value(arguments, "--master-port", default="")
    if "0" in (bound, asked) or (bound and asked and bound != asked):
        raise ConfigurationError(
            "--master-bind-port and --master-port: with --processes both are one port, and not 0; leave out both, "
            "and a free one is taken"
        )
    return [] if bound and asked else ["--master-port", bound] if bound else ["--master-bind-port", asked]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: Sequence[str], variables: Mapping[str, str] | None = None, *descriptors: int) -> int:
    """Runs Locust, hands it these file descriptors, SIGINT and SIGTERM, and waits until it is done.

    It has a session of its own, so that a Ctrl-C reaches it once, from here, and not twice. The verdict's code,
    where it has told one, holds whatever the process itself ends with.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    inherited = {name: value for name, value in os.environ.items() if name != REFERENCE_TARGET}
    environment = {**inherited, **(variables or {}), PARENT: str(os.getpid()), VERDICT_FD: str(writing)}
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        if process is None:
            early.append(number)
        else:
            process.send_signal(number)

    # Before it is started: a signal that comes in between would leave it behind.
    before = {number: signal.signal(number, pass_on) for number in ENDING}
    try:
        # It begins with SIGINT blocked, and takes it when it can end without a traceback.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            process = subprocess.Popen(
                command, start_new_session=True, env=environment, pass_fds=(writing, *descriptors)
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
            os.close(writing)
        for number in early:
            process.send_signal(number)
        code = process.wait()
        told = _last_code(reading)
        if code < 0 and told in (None, Outcome.INCONCLUSIVE.exit_code):
            say(f"Locust was ended by {signal.Signals(-code).name}; nothing is proven")
            return Outcome.INCONCLUSIVE.exit_code
        if code == 0 and told is None and _given(command, "--headless") and not _given(command, *WITHOUT_RUN):
            say("the locustfile ended Locust before there was a verdict; nothing is proven")
            return Outcome.INCONCLUSIVE.exit_code
        return code if told is None else told
    finally:
        os.close(reading)
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_code(reading: int) -> int | None:
    """The last exit code that Locust's process has told, None when it has told none."""
    last = None
    with contextlib.suppress(BlockingIOError):  # a process that Locust has left behind holds the other end
        while codes := os.read(reading, 4096):
            last = codes[-1]
    return last
