"""A file that is complete or not there: it is written beside its place and renamed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

LONGEST_NAME = 50
"""Letters of a file's own name that the name of what is written beside it begins with."""


def write(path: Path, text: str) -> Path:
    """Who may read it says the umask, as of any file. Raises OSError, and leaves nothing beside it."""
    temporary = path.with_name(f".{path.name[:LONGEST_NAME]}.{secrets.token_hex(8)}")
    try:
        with temporary.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
