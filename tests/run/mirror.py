"""``python -m tests.run.mirror …``: says how it was started, in one line, and ends with its first word as its code."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    own = Path("/proc/self")
    shown = {
        "words": own.joinpath("cmdline").read_bytes().rstrip(b"\0").decode().split("\0"),
        "shown variables": sorted(own.joinpath("environ").read_bytes().rstrip(b"\0").decode().split("\0")),
        "variables": dict(os.environ),
        "arguments": sys.argv[1:],
        "file": sys.argv[0],
        "main": (sys.modules["__main__"].__file__, __package__, __spec__.name if __spec__ else ""),
        "directory": str(Path.cwd()),
        "path": sys.path[:2],
        "input": sys.stdin.read(),
        "descriptors": sorted(entry.name for entry in own.joinpath("fd").iterdir() if entry.exists()),
        "leads its session": os.getsid(0) == os.getpid(),
        "parent": os.getppid(),
        "handlers": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    }
    print(json.dumps(shown))
    print("done", file=sys.stderr)
    sys.exit(int(sys.argv[1]))
