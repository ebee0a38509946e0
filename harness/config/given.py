"""What was given for the options of a run, read and checked one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field
from typing import Any

from harness.plugins import Parameter


@dataclass
class Given:
    """What was given for each option, and everything that is wrong with it."""

    values: Any
    problems: list[str] = field(default_factory=list)

    def read_all(self, declared: Iterable[Parameter]) -> dict[str, Any]:
        """What was given, by name; in place of what is empty or cannot be used, the default."""
        return {each.name: self.read(each) for each in declared}

    def read(self, declared: Parameter) -> Any:
        given = getattr(self.values, declared.name, None)
        value = declared.read(given.strip()) if isinstance(given, str) else given
        if given is None or (value == "" and declared.kind is not str):
            if declared.default is MISSING:
                self.problems.append(f"{declared.flag} is missing: {declared.problem(None)}")
            return declared.default
        if problem := declared.problem(value):
            self.problems.append(f"{declared.flag} {declared.shown(given)}: {problem}")
            return declared.default
        return declared.usable(value)
