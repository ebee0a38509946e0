"""``--probe``: any probe by its name, for what has no option of its own; several with semicolons, as faults are."""

from __future__ import annotations

from collections.abc import Iterator

from harness import probes as probes_folder
from harness.config.written import entries
from harness.errors import ConfigurationError
from harness.probes import Probe

FLAG = "--probe"
EXAMPLE = f'{FLAG} "docker_container containers=api1,db"'


def read(text: str, problems: list[str]) -> Iterator[Probe]:
    """Those that are well written. Notes every problem of the others with its remedy; what is written is not repeated,
    it may be half of a password.
    """
    for entry in entries(text, FLAG, "probe", EXAMPLE):
        problems += entry.problems
        try:
            if not entry.problems:
                yield probes_folder.load(entry.name, **probes_folder.from_text(entry.name, entry.given))
        except ConfigurationError as error:
            problems += [f"{FLAG}: {message}" for message in error.messages]
