"""What holds for every test: Hypothesis without a deadline, bytecode that is kept, no monkey-patched process where the
product runs in none, and, under SPRINGBACK_NO_SKIPS=1, no skipped test but those that a machine may refuse for a reason
we know.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.run import pool
from tests.run.pool import (  # noqa: F401  # fixtures and hooks are found by their names
    outcome,
    pytest_pyfunc_call,
    pytest_runtest_setup,
    run_pool,
)
from tests.run.zygote import preloaded, zygote

# A busy machine must not make a test fail that counts nothing but truth; what fails in CI fails the same way again.
settings.register_profile(
    "springback",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("springback")

# Hundreds of processes are started. Containers often say that none is to keep what it has compiled, and then each would
# compile all of the harness again, a tenth of what it takes to start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

PLAIN = frozenset(
    {"pure", "calibration", "reports", "learn", "probes", "target", "faults", "docs", "run", "browser", "distributed"}
)
"""Folders whose tests are run in a process that Locust has not patched, as `make test` does."""

MAY_BE_SKIPPED = {
    r"^the other tests run as a normal user already$": "nobody but root can become somebody else",
    r"^uid \d+ can use neither ": "an interpreter in root's home that cannot be copied either",
    r"^network namespaces are refused here": "containers without CAP_SYS_ADMIN",
    r"^time namespaces are refused here$": "kernels without them, and containers",
    r"^needs root, unshare and ip$": "the same, or not root",
    r"^no control group with limits can be made: ": "containers, other users than root, other systems than Linux",
    r"^needs root and mount$": "containers in which nothing can be mounted, or not root",
}
"""Reasons, as regular expressions, and where they hold. Everything else can be installed: see .ci/run."""

_folders: set[str] = set()
_skipped: dict[str, str] = {}
_complaints: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = pool.in_order(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    here = Path(__file__).parent
    paths = {item.path for item in session.items}
    _folders.update(path.relative_to(here).parts[0] for path in paths if path.is_relative_to(here))
    gc.freeze()  # what was imported stays: to look through it again and again takes a twentieth of a session


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    _note(report)


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped[report.nodeid] = str(report.longrepr[2]).removeprefix("Skipped: ")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a session that would be green, but proves less than it seems to."""
    zygote.close()
    preloaded.close()
    if _folders and _folders <= PLAIN and _patched():
        _complaints.append("gevent.monkey has patched this process: something here imports Locust")
    if os.environ.get("SPRINGBACK_NO_SKIPS") == "1":
        for test, reason in _skipped.items():
            allowed = next((why for pattern, why in MAY_BE_SKIPPED.items() if re.search(pattern, reason)), None)
            if allowed is None:
                _complaints.append(f"skipped under SPRINGBACK_NO_SKIPS=1: {test}: {reason}")
    if _complaints and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield
    if slowest := pool.slowest(terminalreporter.config):
        terminalreporter.section(f"slowest {len(slowest)} runs of the pool")
        terminalreporter.write("".join(f"{line}\n" for line in slowest))
    if os.environ.get("SPRINGBACK_NO_SKIPS") == "1":
        for test, reason in _skipped.items():
            for pattern, why in MAY_BE_SKIPPED.items():
                if re.search(pattern, reason):
                    terminalreporter.write_line(f"may be skipped ({why}): {test}: {reason}")
    for complaint in _complaints:
        terminalreporter.write_line(f"ERROR: {complaint}", red=True)


def _patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.saved)
