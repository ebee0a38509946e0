"""The plug-in for pytest: the fixture ``springback`` and the markers ``spike_testing`` and ``benchmark``.

Every pytest run where Springback is installed loads this file, so it imports nothing but pytest: what a spike needs is
loaded by the first test that asks for one, and Locust, which patches its process, is never loaded in this one.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.spike_runs import SpikeRuns
    from harness.pytest_plugin.spike_verdict import SpikeVerdict

MARKERS = {
    "spike_testing": "drives a real spike with Springback",
    "benchmark": "measures how fast something is",
}
PROPERTY = "springback"
"""Of a test's report, and of its case in JUnit files: the verdict and where its report lies."""

_runs_of: pytest.StashKey[SpikeRuns] = pytest.StashKey()
_kept_of: pytest.StashKey[dict[str, list[SpikeVerdict]]] = pytest.StashKey()
"""By the test that has made the run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("springback", "spike tests")
    group.addoption(
        "--springback-inconclusive",
        choices=("fail", "skip"),
        default="fail",
        help="what an INCONCLUSIVE verdict makes of its test [fail]; it never passes",
    )
    group.addoption(
        "--springback-runs", default=None, metavar="DIR", help="where runs go [runs, in the root directory]"
    )
    group.addoption(
        "--springback-compare",
        nargs="?",
        const="history",
        default=None,
        metavar="RUN",
        help="hold each run against the runs before it, or against RUN, too",
    )
    parser.addini("springback_scenarios", "folders in which scenarios are looked for", "paths", ["locustfiles"])


def pytest_configure(config: pytest.Config) -> None:
    if (config.option.springback_runs or "").isdecimal():
        number = config.option.springback_runs
        raise pytest.UsageError(
            f"--springback-runs {number}: name the folder where runs go, ./{number} if it is called so; "
            f"a number of runs is for springback.run(…, repeat={number})"
        )
    for name, text in MARKERS.items():
        # pytest-benchmark has one of that name with arguments of its own, and describes it.
        if name != "benchmark" or not config.pluginmanager.hasplugin("benchmark"):
            config.addinivalue_line("markers", f"{name}: {text}")


@pytest.fixture(scope="session")
def springback(pytestconfig: pytest.Config) -> SpikeRuns:
    """Makes runs: ``verdict = springback.run("login-herd", host="http://127.0.0.1:8000", herd_users=500)``.

    A run whose verdict is not PASS fails the test that has made it, whatever else it asserts; with ``must_pass=False``
    its own assertions decide. It can be used by fixtures of any scope.
    """
    from harness.pytest_plugin.spike_runs import SpikeRuns

    if _runs_of not in pytestconfig.stash:
        options = pytestconfig.option
        directory = options.springback_runs
        pytestconfig.stash[_runs_of] = SpikeRuns(
            pytestconfig.rootpath,
            pytestconfig.invocation_params.dir / directory if directory else pytestconfig.rootpath / "runs",
            tuple(pytestconfig.rootpath / each for each in pytestconfig.getini("springback_scenarios")),
            options.springback_compare or "",
        )
    return pytestconfig.stash[_runs_of]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """A run that a fixture makes belongs to the test that is set up; what one before it has left does not."""
    if (runs := item.config.stash.get(_runs_of, None)) is not None:
        runs.taken()
    try:
        return (yield)
    except pytest.skip.Exception:  # what has been run by then counts when the test is taken down
        raise
    except BaseException as error:
        _made_since(item)
        _skip_inconclusive(item, error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """After the body of a test: what it has run has to have passed, unless it has said that it decides for itself."""
    try:
        result = yield
    except pytest.skip.Exception:
        _hold(item, [each for each in _held_by(item) if not each.is_open])  # a FAIL is no matter of skipping
        raise
    except BaseException as error:
        _held_by(item)
        _skip_inconclusive(item, error)
        raise
    _hold(item, _held_by(item))
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """What a fixture runs when it is taken down has to have passed, too."""
    result = yield
    _hold(item, _made_since(item))
    return result


def _hold(item: pytest.Item, verdicts: Sequence[SpikeVerdict]) -> None:
    for verdict in verdicts:
        if verdict.must_pass and (problem := verdict.problem()) is not None:
            _skip_inconclusive(item, problem)
            pytest.fail(str(problem), pytrace=False)


def _held_by(item: pytest.Item) -> list[SpikeVerdict]:
    """The verdicts of the runs of this test. One that is tried again without a run of its own, as a fixture of a wider
    scope has made it, is held to that of before.
    """
    made = _made_since(item)
    kept = item.config.stash.setdefault(_kept_of, {})
    if made:
        kept[item.nodeid] = made
    return kept.get(item.nodeid, [])


def _made_since(item: pytest.Item) -> list[SpikeVerdict]:
    """The verdicts of the runs that were made since it was asked the last time, which the test's report names."""
    runs = item.config.stash.get(_runs_of, None)
    made = runs.taken() if runs is not None else []
    item.user_properties += [(PROPERTY, each.line) for each in made]
    return made


def _skip_inconclusive(item: pytest.Item, error: BaseException) -> None:
    if _runs_of in item.config.stash and item.config.option.springback_inconclusive == "skip":
        from harness.pytest_plugin.spike_verdict import InconclusiveError, inconclusive_line

        if isinstance(error, InconclusiveError):
            pytest.skip(inconclusive_line(error))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = (report for found in terminalreporter.stats.values() for report in found)
    lines = [
        value
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY
    ]
    if lines:
        terminalreporter.section("springback")
        for line in lines:
            terminalreporter.write_line(line)
