"""Reports: one format a file. The file's name is the format's public name; this folder is the list.

A format offers ``FILE_NAME`` and ``render(recording, verdict) -> str``. Other files are no formats: those that begin
with an underscore hold what several formats share, and one without a ``FILE_NAME`` writes no file of a run. To add a
format, copy ``verdict_json.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from harness.findings import Verdict
from harness.recording import Recording
from reports import _whole_file

_NAMED = re.compile(r'^FILE_NAME\b.*= "([^"/]+)"$', re.MULTILINE)
ALWAYS = "verdict_json"
"""It is written whichever formats are wanted: who lists runs reads the verdict there."""

MEND = "mend"


class Format(Protocol):
    """What a format module offers."""

    FILE_NAME: str

    def render(self, recording: Recording, verdict: Verdict) -> str: ...


def available() -> tuple[str, ...]:
    """The names of all formats, in alphabetical order. None is loaded for that."""
    return tuple(_files())


def file_names() -> tuple[str, ...]:
    """The files that the formats write: a web server that lists them loads none."""
    return tuple(_files().values())


@cache
def _files() -> dict[str, str]:
    """Name of each format → its ``FILE_NAME``, as their sources say."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    named = {name: _NAMED.search((Path(__path__[0]) / f"{name}.py").read_text(encoding="utf-8")) for name in names}
    return {name: found[1] for name, found in named.items() if found is not None}


def problem(wanted: Collection[str]) -> str | None:
    """What is wrong with the names of formats that somebody wants, None when nothing is."""
    unknown = [name for name in wanted if name not in available()]
    return f"no format {', '.join(unknown)}; there are {', '.join(available())}" if unknown else None


def formats(wanted: Collection[str] = ()) -> dict[str, Format]:
    """The wanted formats by name, or all when none is named, and ``ALWAYS``; in alphabetical order.

    Only these are loaded: drawing charts takes its time.
    """
    return {name: _load(name) for name in _chosen(wanted)}


def write(
    recording: Recording, verdict: Verdict, directory: Path, wanted: Collection[str] = ()
) -> tuple[list[Path], list[str]]:
    """Writes the :func:`formats` into ``directory``; returns the files, in their order, and for each format that
    crashed or could not be written what was wrong; ``MEND`` in the words of a crash.
    """
    written, problems = [], []
    for name in _chosen(wanted):
        if (other := _owner(name)) != name:
            problems.append(f"{name}: {_files()[name]} is what {other} writes, give it a FILE_NAME of its own")
            continue
        try:
            form = _load(name)
            text = form.render(recording, verdict)
            directory.mkdir(parents=True, exist_ok=True)
            written.append(_whole_file.write(directory / form.FILE_NAME, text))
        except Exception as error:  # whatever is wrong with one format, the others are written
            if isinstance(error, OSError) and error.strerror:
                problems.append(f"{name}: {error.strerror}")
            else:
                problems.append(f"{name}: {type(error).__name__}: {error}, {MEND} reports/{name}.py")
    return written, problems


def _chosen(wanted: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in available() if not wanted or name in wanted or name == ALWAYS)


def _owner(name: str) -> str:
    """The format that writes the file of this one: of a copy with the same ``FILE_NAME`` it is another."""
    same = [other for other, file in _files().items() if file == _files()[name]]
    return ALWAYS if ALWAYS in same else same[0]


def _load(name: str) -> Format:
    return cast(Format, importlib.import_module(f"{__name__}.{name}"))
