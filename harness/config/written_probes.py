"""``--probe``: any probe by its name, for what has no option of its own; several with semicolons, as faults are."""

from __future__ import annotations

from collections.abc import Iterator

from harness import probes as probes_folder
from harness.config.fault_schedule import entries_of
from harness.errors import ConfigurationError
from harness.probes import Probe

FLAG = "--probe"
EXAMPLE = f'{FLAG} "docker_container containers=api1,db"'


def read(text: str, problems: list[str]) -> Iterator[Probe]:
    """Those that are well written. Notes every problem of the others with its remedy; what is written is not repeated,
    it may be half of a password.
    """
    try:
        entries = list(entries_of(text))
    except ValueError as error:
        problems.append(f"{FLAG}: {str(error).lower()}: close every quotation, e.g. {EXAMPLE}")
        return
    for name, *pairs in entries:
        if "=" in name:
            problems.append(f"{FLAG}: a probe has no name: write a name, and then key=value, e.g. {EXAMPLE}")
            continue
        wrong = [place for place, pair in enumerate(pairs, start=2) if "=" not in pair]
        problems += [
            f"{FLAG}: {name}: word {place} is no key=value: close the gap, or quote the value that has it, e.g. "
            f"{EXAMPLE}"
            for place in wrong
        ]
        try:
            if not wrong:
                given = probes_folder.from_text(name, dict(pair.split("=", 1) for pair in pairs))
                yield probes_folder.load(name, **given)
        except ConfigurationError as error:
            problems += [f"{FLAG}: {message}" for message in error.messages]
