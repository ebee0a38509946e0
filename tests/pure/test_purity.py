"""The judging side can be used anywhere: it loads neither gevent nor Locust."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import harness.analysis, harness.criteria, harness.findings, harness.recording, harness.verdict
for package in (harness.analysis, harness.criteria):
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{found.name}")
print(sorted({"gevent", "locust", "psutil", "requests"} & set(sys.modules)))
"""
LIGHT = """
import sys
import harness.attach, harness.live.state
print(sorted({"numpy", "scipy"} & set(sys.modules)))
"""
LIVE = """
import sys
import harness.live.state
print(sorted({"gevent", "locust", "numpy", "scipy"} & set(sys.modules)))
"""


def test_importing_the_judging_side_loads_neither_gevent_nor_locust() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_neither_a_load_process_nor_the_master_loads_numpy_or_scipy() -> None:
    ran = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_live_state_loads_neither_gevent_nor_locust_nor_numpy() -> None:
    ran = subprocess.run([sys.executable, "-c", LIVE], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
