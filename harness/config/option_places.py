"""Where an option got its value, if not from the command line: whoever is told that a value cannot be used has to find
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.clients.address import strip_url
from harness.regular_file import regular

HOST = "--host"
OF_CONFIG_FILE, OF_ENVIRONMENT, OF_COMMAND_LINE = "config_file|", "environment_variables", "command_line"
"""How configargparse names its sources."""
TABLE = "[tool.locust]"
"""Of a TOML file: other tables are not for Locust."""
_FLAG = re.compile(r"(?<![\w-])--[A-Za-z0-9][\w-]*")


class OptionPlaces:
    """Of what one of Locust's parsers has read, or has refused to. ``parser``: configargparse's."""

    def __init__(self, parser: Any) -> None:
        self._place_of: dict[str, str] = {}
        self._host = ""
        self._typed: list[str] = []
        sources: Mapping[str, Mapping[str, tuple[Any, Any]]] = getattr(parser, "_source_to_settings", {})
        for source, settings in sources.items():
            if source == OF_COMMAND_LINE:
                self._typed = [
                    argument.partition("=")[0] for _, arguments in settings.values() for argument in arguments
                ]
            for key, (action, value) in settings.items():
                if source == OF_ENVIRONMENT:
                    place = f"the variable {key}"
                elif source.startswith(OF_CONFIG_FILE):
                    place = _in_file(source.removeprefix(OF_CONFIG_FILE), key)
                else:  # the command line, and what is so by default
                    continue
                flags = action.option_strings if action is not None else [f"--{key.strip('-')}"]
                self._place_of |= dict.fromkeys(flags, place)
                if HOST in flags:
                    self._host = strip_url(str(value).strip())

    def of(self, flag: str) -> str:
        """In words for the end of a problem; empty for what stands on the command line."""
        return f" (It stands in {self._place_of[flag]}.)" if flag in self._place_of else ""

    def is_typed(self, flag: str) -> bool:
        """Whether it stands on the command line: what does not was not given for this run alone. Where a scenario is
        attached, no parser takes the beginning of a flag for it.
        """
        return flag in self._typed

    def told(self, problems: Iterable[str]) -> list[str]:
        """The problems, each with the places of the options that it names."""
        return [f"{problem}{self._in_words(problem)}" for problem in problems]

    def _in_words(self, problem: str) -> str:
        named = list(dict.fromkeys(_FLAG.findall(problem)))
        if self._host and problem.lstrip("'\"").startswith(self._host):  # an address is its own name
            named = [HOST]
        placed = [flag for flag in named if flag in self._place_of]
        if len(named) < 2 or not placed:
            return self.of(named[0]) if named else ""
        return f" ({', '.join(f'{flag} stands in {self._place_of[flag]}' for flag in placed)}.)"


def _in_file(path: str, key: str) -> str:
    """The last line that has the key, as of several the last one holds; the file alone where none is found."""
    try:
        regular(Path(path))  # a pipe has been read, and would wait for more
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return path
    table = ""
    found = 0
    for number, line in enumerate(map(str.strip, lines), 1):
        if path.endswith(".toml") and line.startswith("["):
            table = line
        elif re.match(rf"[\"']?{re.escape(key)}[\"']?(?=[\s:=]|$)", line) and table in ("", TABLE):
            found = number
    return f"line {found} of {path}" if found else path
