"""Files that a user names. They are read to their end, so they must have one: a device has none, nor has a pipe that
nobody writes to. And the system may refuse even to look at a name: one that is too long, or in a closed folder.
"""

from __future__ import annotations

import contextlib
import errno
import stat
from pathlib import Path


class NoRegularFileError(OSError):
    """A device, a pipe or a socket."""


def is_file(path: Path) -> bool:
    """As the method of Path, but it raises nothing."""
    with contextlib.suppress(OSError):
        return path.is_file()
    return False


def is_folder(path: Path) -> bool:
    """As ``is_dir`` of Path, but it raises nothing."""
    with contextlib.suppress(OSError):
        return path.is_dir()
    return False


def is_there(path: Path) -> bool:
    """As ``exists`` of Path, but it raises nothing."""
    with contextlib.suppress(OSError):
        return path.exists()
    return False


def regular(path: Path) -> Path:
    """``path``, which is there and a regular file. Raises OSError."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not stat.S_ISREG(mode):
        raise NoRegularFileError(errno.EINVAL, "not a regular file", str(path))
    return path
