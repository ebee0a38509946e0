"""The process of ``springback COMMAND``: how it begins and ends, whatever the command."""

# ruff: noqa: E402

from __future__ import annotations

import signal

_on_interrupt = signal.getsignal(signal.SIGINT)
if _on_interrupt is signal.default_int_handler:
    # What is imported here takes a moment, in which a Ctrl-C would show a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import gc
import sys
import tempfile
import traceback
from importlib import metadata
from typing import Never

import click

from harness.command_line import cli
from harness.errors import ConfigurationError
from harness.findings import EXIT_USAGE, Outcome
from harness.safe_text import say
from harness.standard_streams import kept

signal.signal(signal.SIGINT, _on_interrupt)

PROGRAM = "springback"


def main() -> None:
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    with kept():
        _main()


def _main() -> None:
    if not any(True for _ in metadata.distributions(name=PROGRAM)):  # a clone, as its files are
        say(
            f"is not installed in this Python ({sys.executable}): make install, or pip install the folder that it is in"
        )
        sys.exit(EXIT_USAGE)
    try:
        cli.main(prog_name=PROGRAM, standalone_mode=False)
    except ConfigurationError as error:
        for message in error.messages:
            say(message)
        sys.exit(EXIT_USAGE)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else PROGRAM
        said = error.format_message().replace("valid float range", "number").replace("valid integer range", "integer")
        say(f"{said} (`{command} --help` says what there is)")
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        say("ended before it was done; nothing is proven")
        sys.exit(Outcome.INCONCLUSIVE.exit_code)
    except Exception as error:
        try:
            what = f"with the file {_noted(error)}"
        except OSError as failure:  # nowhere to write it: a full disk may be the cause of all
            what = f"a {type(error).__name__} (no file could be written for it: {failure.strerror})"
        say(f"a defect of Springback, please report it, {what}; nothing is proven")
        sys.exit(Outcome.INCONCLUSIVE.exit_code)


class _EndedError(KeyboardInterrupt):
    """The interpreter remembers a KeyboardInterrupt that a library has passed on while it was imported, and would end
    by it in the end, whatever the exit code: one of this kind it does not.
    """


def _end(*_: object) -> Never:
    raise _EndedError


def _noted(error: Exception) -> str:
    """A file with what a report of the defect needs: where it arose and by which options, without their values and the
    error's message, which may be secret.
    """
    with tempfile.NamedTemporaryFile("w", prefix="springback-defect-", suffix=".txt", delete=False) as file:
        options = " ".join(argument.partition("=")[0] for argument in sys.argv[1:] if argument.startswith("--"))
        file.write(f"springback {metadata.version('springback')}, Python {sys.version}\n{options}\n\n")
        file.writelines(traceback.format_tb(error.__traceback__))
        file.write(f"{type(error).__name__}\n")
    return file.name


if __name__ == "__main__":
    # This is how a run starts its steps, a verdict and its reports among them. They are over in a second or two, of
    # which a fifth would go into looking for garbage while they work, and once more as they end.
    gc.disable()
    try:
        main()
    finally:
        gc.freeze()
