"""Locust's own options, refused in our words: all that is wrong with them at once, each with what to do.

Locust's parser ends the process at the first one, and some that cannot go together are found only by the started
Locust, which then ends with a code of its own.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Never, TypeVar

from locust.argument_parser import DEFAULT_CONFIG_FILES, LocustArgumentParser

from harness.config.machine_limits import MOST_PROCESSES
from harness.config.option_places import OptionPlaces
from harness.regular_file import NoRegularFileError, regular

T = TypeVar("T")
OF_THE_SHAPE = {"num_users": "--users", "spawn_rate": "--spawn-rate", "run_time": "--run-time"}
"""Options of Locust that have no effect beside a shape."""
SEVERAL_IN_ONE = ("--stop-when", "--fault", "--probe", "--queue-gauge")

MISSING = ": its value is missing; give one after it, or leave it out"


class _RefusedError(Exception):
    """What Locust's parser would end the process with."""

    def __init__(self, parser: LocustArgumentParser, message: str) -> None:
        super().__init__(message)
        self.places = OptionPlaces(parser)


@contextmanager
def _refusals_raised() -> Iterator[None]:
    """Whichever parser Locust makes, it raises what it would end the process with."""

    def refuse(parser: LocustArgumentParser, message: str) -> Never:
        raise _RefusedError(parser, message)

    before = LocustArgumentParser.error
    LocustArgumentParser.error = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        LocustArgumentParser.error = before  # type: ignore[method-assign]


def read(parse: Callable[[list[str]], T], arguments: Sequence[str]) -> tuple[T | None, list[str], list[str]]:
    """What one of Locust's parsers makes of the arguments that it can read; these; and what is wrong with the others.

    None where what is wrong stands elsewhere than in the arguments, so that nothing can be left out.
    """
    # A parser takes the value -- for none, and makes a list of it, whatever it is to be.
    without = [argument for argument in arguments if argument.startswith("-") and argument.partition("=")[2] == "--"]
    kept = [argument for argument in arguments if argument not in without]
    problems = [f"{argument.partition('=')[0]}{MISSING}" for argument in without]
    if endless := [path for path in _config_files(kept) if _is_endless(path)]:
        return None, kept, [f"--config {path}: not a regular file; correct the path" for path in endless]
    while True:
        try:
            with _refusals_raised():
                return parse(kept), kept, problems
        except (AssertionError, TypeError, ValueError) as error:  # the reader of config files fails, and not at a flag
            named = ", ".join(_config_files(kept) or DEFAULT_CONFIG_FILES)
            what = (
                "not text in UTF-8" if isinstance(error, UnicodeDecodeError) else "a list stands where one value is due"
            )
            return None, kept, [*problems, f"--config {named}: {what}; correct it"]
        except OSError as error:  # it is there, and may be opened, and cannot be read, as /proc/self/mem
            named = ", ".join(_config_files(kept) or DEFAULT_CONFIG_FILES)
            return None, kept, [*problems, f"--config {named}: {error.strerror or error}; correct the path"]
        except _RefusedError as refused:
            names, words = _in_words(str(refused))
            shortened = _without(kept, names)
            problems += refused.places.told([words])
            if shortened == kept:
                return None, kept, problems
            kept = shortened


def conflicts(parsed: Any, has_shape: bool = True) -> Iterator[str]:
    """What Locust would find when it has been started, or would pass over with a line in its log."""
    processes = parsed.processes
    if processes is not None and processes != -1 and not 0 < processes <= MOST_PROCESSES:
        yield f"--processes {processes}: give a number of load processes up to {MOST_PROCESSES}, or -1 for one a core"
    if parsed.master and parsed.processes:
        yield "--master and --processes: leave out --master; with --processes there is one"
    if parsed.master and parsed.worker:
        yield "--master and --worker: one process is one or the other; leave out one of them"
    for name in ("web_port", "master_port", "master_bind_port"):
        port = getattr(parsed, name)
        if not 0 < port < 65536:
            yield f"--{name.replace('_', '-')} {port}: give a port from 1 to 65535"
    for name, flag in OF_THE_SHAPE.items():
        if has_shape and getattr(parsed, name) is not None:
            yield f"{flag}: the shape says how many users there are and for how long; leave it out, and set its options"


def repeated(arguments: Sequence[str]) -> Iterator[str]:
    """Options that hold several things, and that are given several times: only the last would hold."""
    given = Counter(argument.partition("=")[0] for argument in arguments)
    for name in SEVERAL_IN_ONE:
        if given[name] > 1:
            yield f"{name}: given {given[name]} times; give it once, several with semicolons"


def _config_files(arguments: Sequence[str]) -> list[str]:
    """What is given for --config, also where it is abbreviated."""
    found: list[str] = []
    for argument, following in pairwise([*arguments, ""]):
        name, is_joined, value = argument.partition("=")
        if len(name) > 2 and "--config".startswith(name):
            found.append(value if is_joined else following)
    return found


def _is_endless(path: str) -> bool:
    """Not what is no path at all, or not to be read: Locust says what is wrong with it. The empty device has an end."""
    try:
        regular(Path(path))
    except NoRegularFileError:
        return path != os.devnull
    except (OSError, ValueError):
        pass
    return False


def _in_words(message: str) -> tuple[tuple[str, ...], str]:
    """The names of the option that is wrong, and what is wrong with it."""
    if found := re.match(r"Unable to open config file: (.*)\. Error: (?:\[Errno \d+\] )?([^:]*)", message):
        return ("--config",), f"--config {found[1]}: {found[2]}; correct the path"
    if found := re.match(r"Unexpected line (\d+) in (.*?): ", message):  # not shown: a secret may stand in it
        return ("--config",), f"--config {found[2]}: line {int(found[1]) + 1} cannot be read; write OPTION = VALUE"
    if found := re.match(r"argument ([^:]+): (.*)", message, re.DOTALL):
        names = tuple(found[1].split("/"))
        flag = next((name for name in names if name.startswith("--")), names[0])
        return names, f"{flag}{_of_value(found[2])}"
    if found := re.match(r"ambiguous option: (\S+) could match (.*)", message):
        return (found[1].partition("=")[0],), f"{found[1]}: write it out, one of {found[2]}"
    if message.startswith("unrecognized arguments: "):  # their values are not shown: a secret may stand there
        named = [without_its_value(word) for word in message.split()[2:] if word.startswith("-")]
        message = f"{', '.join(named) or 'a value without an option'}: no such option"
    return (), f"{message}; `locust --help` lists Locust's options"


def without_its_value(word: str) -> str:
    """An option that stands where a value is due, without what it has itself, which may be a secret."""
    return word.partition("=")[0] if word.startswith("-") else word


def _of_value(words: str) -> str:
    if found := re.match(r"invalid (\w+) value: '(.*)'", words):
        return f" {without_its_value(found[2])}: give a {'whole ' if found[1] == 'int' else ''}number"
    if found := re.match(r"invalid choice: '(.*)' \(choose from (.*)\)", words):
        return f" {found[1]}: give one of {found[2].replace(chr(39), '')}"
    if words.startswith("expected "):
        return MISSING
    if found := re.match(r"ignored explicit argument '(.*)'", words):
        return f" {found[1]}: it takes no value"
    return f": {words[:1].lower()}{words[1:]}"


def _without(arguments: list[str], names: tuple[str, ...]) -> list[str]:
    """The arguments without these options, and without what follows them as their value."""
    kept: list[str] = []
    dropping = False
    for argument in arguments:
        is_option = argument.startswith("-") and not re.fullmatch(r"-\d.*", argument)
        name = argument.partition("=")[0]
        short = next((each for each in names if len(each) == 2 and argument.startswith(each)), "")
        if is_option and (name in names or (short and not argument.startswith("--"))):
            dropping = argument in names
        elif dropping and not is_option:
            dropping = False
        else:
            dropping = False
            kept.append(argument)
    return kept
