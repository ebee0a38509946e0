"""The plug-in for pytest, in pytest runs of its own. The run itself is replaced by one that was made before; real ones
are in tests/run/test_pytest_plugin.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.findings import Finding, Outcome, Verdict
from harness.history.database import DATABASE, History
from harness.pytest_plugin import spike_runs
from harness.pytest_plugin.spike_runs import SpikeRunError, SpikeRuns
from harness.pytest_plugin.spike_verdict import InconclusiveError, SpikeVerdict
from harness.verdict import judge
from tests import recordings

pytest_plugins = ["pytester"]

WITHOUT_OTHERS = "[pytest]\naddopts = -p no:locust -p no:anyio -p no:valkey -p no:platformdirs -p no:hypothesispytest\n"
"""Plug-ins that stand in the same environment: each run would load them anew, for longer than it takes itself."""

CONFTEST = """
import dataclasses
from pathlib import Path
import pytest
import reports
from harness.pytest_plugin import spike_runs
from harness.verdict import judge
from tests import recordings

commands = []
KINDS = {
    "healthy": dict(),
    "slow": dict(slow_for_s=45),
    "never": dict(slow_for_s=1e9),
    "cut_off": dict(cut_off_at_s=50),
    "gone": dict(healthy_after=False),
    "saturated": dict(generator_cpu_ratio=0.99, loop_lag_s=0.8),
}

def made(command):
    commands.append(command)
    value = dict(zip(command, command[1:]))
    if value.get("--kind") == "refused":
        return 2, ""
    number = len(list(Path(value["--runs-dir"]).iterdir()))
    run = recordings.login_herd(seed=number, **KINDS[value.get("--kind", "healthy")])
    started = f"2026-03-14T09:{number:02d}:00Z"
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, started_utc=started))
    directory = Path(value["--runs-dir"]) / f"20260314T09{number:02d}00Z-login-herd"
    recordings.write(run, directory)
    verdict = judge(run)
    written, _ = reports.write(run, verdict, directory, ["verdict_json"])
    code = int(value.get("--ended-with", verdict.outcome.exit_code))
    return code, "Reports:" + "".join(f"\\n  {path}" for path in written) + value.get("--prints", "")

@pytest.fixture(autouse=True, scope="session")
def without_load():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spike_runs, "_output_of", made)
        yield

@pytest.fixture
def asked():
    return commands
"""


@pytest.fixture(scope="module", autouse=True)
def all_is_loaded() -> None:
    """A pytest run inside of this process takes away what it has loaded, and numpy can be loaded only once."""
    assert spike_runs and np
    judge(recordings.healthy())


@pytest.fixture
def own(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder of tests with a scenario, where runs are made without load."""
    pytester.makeconftest(CONFTEST)
    pytester.path.joinpath("pytest.ini").write_text(WITHOUT_OTHERS)
    pytester.mkdir("locustfiles").joinpath("login_herd.py").write_text('harness.attach("login-herd")\n')
    return pytester


def run(own: pytest.Pytester, body: str, *arguments: str) -> pytest.RunResult:
    own.makepyfile(body)
    plugin = () if _is_installed() else ("-p", "harness.pytest_plugin")
    return own.runpytest_inprocess(*plugin, "-p", "no:cacheprovider", "-rs", *arguments)


def _is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(each.value == "harness.pytest_plugin" for each in entry_points(group="pytest11"))


def test_a_test_reads_the_findings_as_attributes(own: pytest.Pytester) -> None:
    result = run(
        own,
        """
        import pytest
        @pytest.mark.spike_testing
        def test_login(springback, asked):
            verdict = springback.run("login-herd", host="http://127.0.0.1:8000", herd_users=500, probe_ports=[1, 2])
            assert verdict.passed and verdict.outcome == "PASS"
            assert verdict.latency_quantile.figure < verdict.latency_quantile.limit
            assert verdict["recovery_time"].interval[1] <= 30
            verdict.assert_recovers(within_s=30)
            (command,) = asked
            assert command[-8:-2] == ["--herd-users", "500", "--probe-ports", "1,2", "--host", "http://127.0.0.1:8000"]
            assert command[5].endswith("locustfiles/login_herd.py")
        """,
        "--strict-markers",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*= springback =*", "PASS */runs/20260314T090000Z-login-herd/*"])


def test_a_failed_run_fails_its_test_though_nothing_was_asserted(own: pytest.Pytester) -> None:
    result = run(own, "def test_login(springback):\n    springback.run('login-herd', kind='slow')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL: recovery after the spike: *limit 30 s*", "*Report: */runs/*"])


def test_one_that_decides_for_itself_passes_with_a_failed_run(own: pytest.Pytester) -> None:
    body = """
    def test_login(springback):
        verdict = springback.run("login-herd", must_pass=False, kind="slow")
        assert verdict.outcome == "FAIL" and not verdict.recovery_time.passed
    """
    run(own, body).assert_outcomes(passed=1)


@pytest.mark.parametrize("must_pass", [True, False])
def test_an_assertion_reads_like_the_report(own: pytest.Pytester, must_pass: bool) -> None:
    body = f"""
    def test_login(springback):
        springback.run("login-herd", must_pass={must_pass}, kind="slow").assert_recovers(within_s=20)
    """
    result = run(own, body)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*FAIL recovery after the spike: 4* s (limit 30 s, 95 % interval*", "*wanted: recovery*20 s"]
    )


def test_never_recovered_is_no_recovery_within_anything_that_was_watched(own: pytest.Pytester) -> None:
    body = """
    def test_login(springback):
        springback.run("login-herd", must_pass=False, kind="never").assert_recovers(within_s={})
    """
    run(own, body.format(30)).assert_outcomes(failed=1)
    result = run(own, body.format(600), "--springback-inconclusive=skip")
    result.assert_outcomes(skipped=1)


def test_inconclusive_fails_unless_it_is_to_be_skipped(own: pytest.Pytester) -> None:
    body = "def test_login(springback):\n    springback.run('login-herd', kind='saturated')"
    result = run(own, body)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: *"])
    result = run(own, body, "--springback-inconclusive=skip")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*INCONCLUSIVE: *"])


def test_a_failed_assertion_of_its_own_is_no_reason_to_skip(own: pytest.Pytester) -> None:
    body = "def test_login(springback):\n    springback.run('login-herd', kind='saturated')\n    assert 1 == 2"
    run(own, body, "--springback-inconclusive=skip").assert_outcomes(failed=1)


def test_a_run_of_a_shared_fixture_fails_the_test_that_asked_for_it_first(own: pytest.Pytester) -> None:
    body = """
    import pytest
    @pytest.fixture(scope="module")
    def verdict(springback):
        return springback.run("login-herd", kind="slow")
    def test_one(verdict): pass
    def test_two(verdict): assert verdict.error_ratio.passed
    """
    run(own, body).assert_outcomes(failed=1, passed=1)


def test_a_run_of_a_shared_fixture_is_not_forgotten_when_its_test_is_tried_again(own: pytest.Pytester) -> None:
    """As pytest-rerunfailures does, which makes no fixture of a wider scope anew."""
    with own.path.joinpath("conftest.py").open("a") as conftest:
        conftest.write(
            "\nfrom _pytest.runner import runtestprotocol\n"
            "def pytest_runtest_protocol(item, nextitem):\n"
            "    runtestprotocol(item, nextitem=item, log=False)\n"
            "    for report in runtestprotocol(item, nextitem=nextitem, log=False):\n"
            "        item.ihook.pytest_runtest_logreport(report=report)\n"
            "    return True\n"
        )
    own.makepyfile(
        "import pytest\n"
        "@pytest.fixture(scope='module')\n"
        "def spike(springback):\n"
        "    return springback.run('login-herd', kind='never')\n"
        "def test_it(spike):\n    pass\n"
    )
    own.runpytest_inprocess().assert_outcomes(failed=1)


def test_a_run_counts_though_the_test_is_skipped_or_over(own: pytest.Pytester) -> None:
    own.makepyfile(
        "import pytest\n"
        "def test_skipped(springback):\n"
        "    springback.run('login-herd', kind='never')\n"
        "    pytest.skip('it is Friday')\n"
        "@pytest.fixture\n"
        "def afterwards(springback):\n"
        "    yield\n"
        "    springback.run('login-herd', kind='never')\n"
        "def test_over(afterwards):\n    pass\n"
    )
    own.runpytest_inprocess().assert_outcomes(failed=1, passed=1, errors=1)


@pytest.mark.parametrize("code", [-9, 1, 3, 139])
def test_a_run_that_crashed_after_its_verdict_has_not_passed(own: pytest.Pytester, code: int) -> None:
    own.makepyfile(f"def test_it(springback):\n    springback.run('login-herd', ended_with={code}, must_pass=False)\n")
    result = own.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*the run ended with {code} after its verdict PASS, so that proves nothing"])


def test_the_verdict_is_that_of_the_run_and_none_that_its_output_names(own: pytest.Pytester) -> None:
    """What a scenario prints in the end may end with the path of another run."""
    own.makepyfile(
        "def test_it(springback):\n"
        "    good = springback.run('login-herd')\n"
        "    bad = springback.run('login-herd', kind='never', prints=f'\\n{good.directory}/verdict.json')\n"
    )
    own.runpytest_inprocess().assert_outcomes(failed=1)


def test_a_run_that_was_stopped_early_is_not_skipped(tmp_path: Path) -> None:
    """That its rule held is what it has told."""
    stopped = Verdict(Outcome.INCONCLUSIVE, "STOPPED EARLY 12 s in", (), (), stopped_early=True)
    problem = SpikeVerdict(stopped, tmp_path, True).problem()
    assert problem is not None and not isinstance(problem, InconclusiveError)
    assert str(problem).startswith("STOPPED EARLY, INCONCLUSIVE")


def test_what_a_fixture_finds_inconclusive_may_be_skipped_and_is_no_matter_of_other_tests(own: pytest.Pytester) -> None:
    body = """
    import pytest
    @pytest.fixture(scope="module")
    def recovered(springback):
        springback.run("login-herd", kind="saturated").assert_recovers(within_s=30)
    def test_one(recovered): pass
    def test_other(): pass
    """
    run(own, body).assert_outcomes(errors=1, passed=1)
    run(own, body, "--springback-inconclusive=skip").assert_outcomes(skipped=1, passed=1)


def test_a_run_that_was_refused_fails_its_test(own: pytest.Pytester) -> None:
    result = run(own, "def test_login(springback):\n    springback.run('login-herd', kind='refused')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*SpikeRunError: the run left no verdict: it was refused*"])


def test_a_scenario_that_is_not_there_is_said_with_what_was_meant(own: pytest.Pytester) -> None:
    result = run(own, "def test_login(springback):\n    springback.run('login-heard')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no scenario login-heard*did you mean login-herd?*"])


def test_runs_go_where_they_are_wanted(own: pytest.Pytester) -> None:
    body = "def test_login(springback):\n    springback.run('locustfiles/login_herd.py')"
    run(own, body, "--springback-runs=elsewhere").assert_outcomes(passed=1)
    assert [path.name for path in (own.path / "elsewhere").iterdir()] == ["20260314T090000Z-login-herd"]


def test_a_number_is_no_folder_that_runs_go_to(own: pytest.Pytester) -> None:
    ended = run(own, "def test_login(springback): pass", "--springback-runs=3")
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines(["*--springback-runs 3: name the folder*springback.run(…, repeat=3)"])
    assert run(own, "def test_login(springback): pass", "--springback-runs=./3").ret == 0


def test_they_are_held_against_the_history_or_a_run(own: pytest.Pytester) -> None:
    body = """
    def test_login(springback):
        verdict = springback.run("login-herd", must_pass=False)
        assert verdict.outcome == "INCONCLUSIVE" and {0}
    """
    checked = 'verdict.history_latency_quantile.outcome == "INCONCLUSIVE"'
    run(own, body.format(checked), "--springback-compare").assert_outcomes(passed=1)
    (first,) = (path for path in (own.path / "runs").iterdir() if path.is_dir())
    checked = '"one observation each" in verdict.compared_latency_quantile.reason'
    run(own, body.format(checked), f"--springback-compare={first}").assert_outcomes(passed=1)


def test_a_misspelt_finding_is_said(tmp_path: Path) -> None:
    verdict = Verdict(Outcome.PASS, "", (Finding("recovery_time", "recovery", Outcome.PASS, ""),))
    with pytest.raises(AttributeError, match="did you mean recovery_time"):
        SpikeVerdict(verdict, tmp_path, True).recovery_tme  # noqa: B018
    with pytest.raises(AssertionError, match="no finding"):
        SpikeVerdict(Verdict(Outcome.PASS, "", ()), tmp_path, True).assert_recovers(within_s=1)


@pytest.mark.parametrize("kind", ["cut_off_at_s", "healthy_after"])
def test_a_recovery_that_was_not_watched_to_the_end_is_none(tmp_path: Path, kind: str) -> None:
    run = recordings.login_herd(
        **{"cut_off_at_s": {"cut_off_at_s": 50}, "healthy_after": {"healthy_after": False}}[kind]
    )  # type: ignore[arg-type]
    verdict = SpikeVerdict(judge(run), tmp_path, False)
    assert verdict.recovery_time.figure == 1.0
    with pytest.raises(InconclusiveError if kind == "cut_off_at_s" else AssertionError):
        verdict.assert_recovers(within_s=30)


@pytest.mark.parametrize("within_s", [float("nan"), float("inf"), -1.0])
def test_what_is_no_time_is_refused(tmp_path: Path, within_s: float) -> None:
    verdict = SpikeVerdict(judge(recordings.login_herd(slow_for_s=1e9)), tmp_path, False)
    with pytest.raises(ValueError, match="give seconds"):
        verdict.assert_recovers(within_s=within_s)


@pytest.mark.parametrize(
    ("interval", "censored", "voided_by", "error"),
    [
        ((2.0, 4.0), False, None, None),
        ((0.0, 30.0), False, None, None),
        ((28.0, 31.0), False, None, InconclusiveError),
        ((31.0, 33.0), False, None, AssertionError),
        ((60.0, float("inf")), True, None, AssertionError),
        ((20.0, float("inf")), True, None, InconclusiveError),
        ((2.0, 4.0), False, "generator_health", InconclusiveError),
        (None, False, None, InconclusiveError),
    ],
)
def test_recovery_is_decided_on_the_interval(
    tmp_path: Path,
    interval: tuple[float, float] | None,
    censored: bool,
    voided_by: str | None,
    error: type[AssertionError] | None,
) -> None:
    finding = Finding(
        "recovery_time", "recovery", Outcome.PASS, "", 3.0, "s", 30.0, interval, censored=censored, voided_by=voided_by
    )
    verdict = SpikeVerdict(Verdict(Outcome.PASS, "", (finding,)), tmp_path, True)
    if error is None:
        verdict.assert_recovers(within_s=30)
        return
    with pytest.raises(AssertionError) as caught:
        verdict.assert_recovers(within_s=30)
    assert type(caught.value) is error


def test_a_pytest_run_without_spikes_loads_nothing_of_it(tmp_path: Path) -> None:
    """Neither Locust nor gevent, numpy, or anything of our own but the plug-in's first file."""
    (tmp_path / "test_other.py").write_text("def test_nothing(): pass\n")
    plugin = "" if _is_installed() else "'-p', 'harness.pytest_plugin', "
    code = (
        "import pytest, sys\n"
        f"code = pytest.main(['-q', {plugin}'-p', 'no:cacheprovider', r'{tmp_path}'])\n"
        "own = ('locust', 'gevent', 'numpy', 'harness', 'reports')\n"
        "loaded = [name for name in sys.modules if name.partition('.')[0] in own]\n"
        "print(code, sorted(loaded))\n"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 ['harness', 'harness.pytest_plugin']", done.stdout


def test_a_run_may_make_a_damaged_history_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for nobody but those who do so as well, and not for the test whose run it is."""

    def made(_: list[str]) -> tuple[int, str]:
        (tmp_path / DATABASE).write_bytes(b"nonsense" * 1000)
        with History(tmp_path) as history:
            assert any("anew" in note for note in history.notes)
        return 2, ""

    monkeypatch.setattr(spike_runs, "_output_of", made)
    scenario = tmp_path / "spike.py"
    scenario.write_text("")
    with pytest.raises(SpikeRunError):
        SpikeRuns(tmp_path, tmp_path, (), "").run(str(scenario))
