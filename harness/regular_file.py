"""Files that somebody names are read to their end, so they must have one: a device has none, nor has a pipe that nobody
writes to.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path


class NoRegularFileError(OSError):
    """A device, a pipe or a socket."""


def regular(path: Path) -> Path:
    """``path``, which is there and a regular file. Raises OSError."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not stat.S_ISREG(mode):
        raise NoRegularFileError(errno.EINVAL, "not a regular file", str(path))
    return path
