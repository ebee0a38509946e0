"""Reports: one format a file. The file's name is the format's public name; this folder is the list.

A format that writes a file offers ``FILE_NAME`` and ``render(recording, verdict) -> str``. Files that begin
with an underscore hold what several formats share. To add a format, copy ``verdict_json.py``.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import tempfile
from pathlib import Path
from typing import Protocol, cast

from harness.findings import Verdict
from harness.recording import Recording


class Format(Protocol):
    """What a format module offers."""

    FILE_NAME: str

    def render(self, recording: Recording, verdict: Verdict) -> str: ...


def formats() -> dict[str, Format]:
    """The formats in this folder that write a file, by name, in alphabetical order."""
    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"{__name__}.{module.name}")
            if hasattr(loaded, "FILE_NAME"):
                found[module.name] = cast(Format, loaded)
    return found


def write_all(recording: Recording, verdict: Verdict, directory: Path) -> list[Path]:
    """Writes every format into ``directory`` and returns the files, in the order of :func:`formats`.

    A file is complete or not there: it is written beside its place and renamed. Everything is rendered before
    anything is written. Raises OSError when the directory is not writable or the disk is full.
    """
    texts = {form.FILE_NAME: form.render(recording, verdict) for form in formats().values()}
    directory.mkdir(parents=True, exist_ok=True)
    return [_write(directory / name, text) for name, text in texts.items()]


def _write(path: Path, text: str) -> Path:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
