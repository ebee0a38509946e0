"""The judging side can be used anywhere: it loads neither gevent nor Locust, and numpy only when it judges."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import importlib, pkgutil, sys
import harness.analysis, harness.criteria, harness.findings, harness.recording, harness.verdict
for package in (harness.analysis, harness.criteria):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
print(sorted({"gevent", "locust", "psutil", "requests", "numpy", "scipy"} & set(sys.modules)))
"""
PARAMETERS = """
import sys
from harness import criteria
assert all(criteria.parameters(name) for name in criteria.available())
print(sorted({"numpy", "scipy"} & set(sys.modules)))
"""
LIVE = """
import sys
import harness.live.state
print(sorted({"gevent", "locust", "numpy", "scipy"} & set(sys.modules)))
"""
JUDGED = """
import sys
from harness.verdict import judge
from tests import recordings
judge(recordings.login_herd())
print(sorted({"numpy", "scipy.special", "scipy.stats"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("program", "loaded"),
    [(PROGRAM, []), (PARAMETERS, []), (LIVE, []), (JUDGED, ["numpy", "scipy.special"])],
    ids=["every file", "the parameters of every criterion", "the live state", "a verdict"],
)
def test_what_is_loaded(program: str, loaded: list[str]) -> None:
    """Load processes and the master read the parameters of the criteria: it may not cost them numpy or scipy."""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(loaded)
