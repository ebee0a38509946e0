"""How a fork ends that has become a command."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Any, Never

_exit = os._exit
"""From before Locust patches it, where it does: import this first."""


def end(code: Any) -> Never:
    """As the interpreter ends, but that nothing is taken apart of what the fork shares with its parent: it would be
    copied for that, which takes longer than all else.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    _exit(code or 0)
