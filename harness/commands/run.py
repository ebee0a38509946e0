"""``springback run``: Locust in a process of its own, with the reference target beside it when no host is named."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from harness.commands.launched_locust import started
from harness.commands.reference_target import ENDING, options_for, reference_target
from harness.errors import ConfigurationError
from harness.findings import Outcome
from harness.reserved_port import reserved_port
from harness.run.messages import REFERENCE_TARGET
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
    reserved: AbstractContextManager[Any] = nullcontext()
    both = ["--web and --headless: leave out one of them"] if web and _given(arguments, "--headless") else []
    if not web and not _given(arguments, "--headless"):
        arguments.append("--headless")
    if not web and not _given(arguments, "--loglevel", "-L"):
        arguments += ["--loglevel", "WARNING"]
    if not web and not _given(arguments, "--only-summary"):
        arguments.append("--only-summary")
    if _given(arguments, "--processes") and not _given(arguments, "--master-bind-port", "--master-port"):
        # Locust's own port may belong to another master on this machine, and its load processes would come to us.
        holder = reserved = reserved_port()
        port = str(holder.getsockname()[1])
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
    judges = not _given(arguments, *WITHOUT_RUN)
    # A problem with the options is said before anything is started, and all of them at once.
    with reserved, started(locustfile, arguments) as locust:
        refused, found = locust.check()
        if both or port_problems:
            raise ConfigurationError([*both, *port_problems])
        if refused:
            return refused
        # The host may also come from a config file, the environment or the users' class: Locust's parser knows.
        if not judges or found.get("host"):
            return locust.run(judges=judges and _given(arguments, "--headless"))
        try:
            with _unwinding(), reference_target(found.get("reference")) as (target, state, lifeline):
                more = [] if _given(arguments, "--health-path") else ["--health-path", "/readyz"]
                more += ["--host", target["url"], "--target-state", str(state)]
                variables = {**options_for(target), REFERENCE_TARGET: target["url"]}
                code = locust.run(more, variables, lifeline, judges=_given(arguments, "--headless"))
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
