"""The environment of a run: runs are compared only where these agree."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version


def fingerprint() -> Mapping[str, str]:
    """Versions, machine and size, as text. Nothing secret, no path, no host name."""
    return {
        "springback": version("springback"),
        "locust": version("locust"),
        "gevent": version("gevent"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "gil": str(getattr(sys, "_is_gil_enabled", lambda: True)()).lower(),
    }
