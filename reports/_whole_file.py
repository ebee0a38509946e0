"""A file that is complete or not there: it is written beside its place and renamed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

LONGEST_NAME = 50
"""Letters of a file's own name that the name of what is written beside it begins with."""


def write(path: Path, text: str) -> Path:
    """Raises OSError, and leaves nothing beside it."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:LONGEST_NAME]}.", dir=path.parent)
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
