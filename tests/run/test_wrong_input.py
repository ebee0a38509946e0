"""What is asked for and cannot be done: said in one go, with a remedy, before any load.

Each way in which something is asked for (flag, environment variable, config file, locustfile) is tried by a process
that starts from nothing; all other mistakes by forks of one that has imported Locust already, see zygote.py. The web
form's are in tests/browser.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import reports
from harness.recording.file import FILE_NAME
from tests import service
from tests.ports import free_port
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

ROOT = Path(__file__).parents[2]


@dataclass
class Outcome:
    done: Finished
    requests: int
    """That reached the service, whatever it was."""


def refused(directory: Path, arguments: tuple[str, ...], from_nothing: bool = False, **variables: str) -> Outcome:
    with service.running() as target:
        run = runs.locust(
            directory, "herd_http.py", *arguments, host=target.url, variables=variables, from_nothing=from_nothing
        )
        return Outcome(run.wait(gone_within_s=4), target.counts().get("connections", 0))


def by_flags(directory: Path) -> Outcome:
    return refused(directory, ALL_WRONG, from_nothing=True)


def by_variables(directory: Path) -> Outcome:
    return refused(directory, (), from_nothing=True, SPRINGBACK_HERD_USERS="many", SPRINGBACK_BASELINE_S="-5")


def by_config_file(directory: Path) -> Outcome:
    file = directory / "springback.conf"
    file.write_text("herd-users = many\nbaseline-s = -5\n")
    return refused(directory, ("--config", str(file)), from_nothing=True)


def assert_refused(outcome: Outcome, *messages: str) -> None:
    outcome.done.ended_well(code=2)
    assert outcome.requests == 0
    assert not outcome.done.directories, "a run that was refused leaves no run directory"
    for message in messages:
        assert message in outcome.done.err, outcome.done.err


@together(refused, arguments=[("--herd-usres", "5")])
def test_an_unknown_flag_is_refused(outcome: Outcome) -> None:
    assert_refused(outcome, "unrecognized arguments: --herd-usres")


ALL_WRONG = (
    *("--herd-users", "many", "--baseline-s", "-5", "--recovery-s", "2.5", "--error-ratio-limit", "150"),
    *("--drain-timeout-s", "nan", "--without", "beauty", "--probe-pids", "x", "--health-path", "healthz"),
    *("--report-formats", "junit,pdf"),
)


@together(by_flags)
def test_every_fault_of_the_options_is_said_at_once(outcome: Outcome) -> None:
    assert_refused(
        outcome,
        "springback: --herd-users many: give a whole number from 1 to 1,000,000",
        "springback: --baseline-s -5: give a whole number from 0 to 604,800",
        "springback: --recovery-s 2.5: give a whole number from 0 to 604,800",
        "springback: --error-ratio-limit 150: give a number from 0 to 1",
        "springback: --drain-timeout-s nan: give a number of 0 or more",
        "springback: --without beauty: not a criterion of this scenario; it has cpu_throttling, error_ratio, "
        "memory_leak, process_restarts",
        "springback: --probe-pids x: give a list of whole numbers of 0 or more",
        "springback: --health-path healthz: give a path that begins with /",
        f"springback: --report-formats: no format pdf; there are {', '.join(reports.available())}",
    )


def refused_forked(directory: Path) -> Outcome:
    return refused(directory, ("--herd-users", "many", *runs.processes(2)))


@together(refused_forked)
def test_forked_workers_leave_at_once_with_a_master_that_refuses(outcome: Outcome) -> None:
    assert_refused(outcome, "springback: --herd-users many")
    assert outcome.done.err.count("--herd-users many") == 1
    assert outcome.done.seconds < 25


@together(refused, arguments=[("--herd-users", "0", "--spike-s", "0")])
def test_a_shape_that_makes_no_spike_is_refused(outcome: Outcome) -> None:
    assert_refused(outcome, "--herd-users 0: ", "--spike-s 0: ")


@together(refused, arguments=[("--config", "/nonexistent/springback.conf")])
def test_a_config_file_that_is_not_there_is_refused(outcome: Outcome) -> None:
    assert_refused(outcome, "/nonexistent/springback.conf")


def refused_by_springback(directory: Path, command: str) -> Outcome:
    with service.running() as target:
        wrong = ("--config", "away.conf", "--processes", "two", "--users", "x", "--herd-users", "many")
        options = ("--host", target.url, "--runs-dir", str(directory / "runs"), *wrong)
        file = str(runs.SCENARIOS / "herd_http.py")
        run = runs.springback(directory, command, file, *options, forked=command == "plan")
        return Outcome(run.wait(), target.requests)


@together(refused_by_springback, command=["run", "plan"])
def test_what_locusts_own_parser_refuses_is_said_in_our_words_beside_ours(outcome: Outcome) -> None:
    assert_refused(
        outcome,
        "springback: --config away.conf: No such file or directory; correct the path",
        "springback: --processes two: give a whole number",
        "springback: --users x: give a whole number",
        "springback: --herd-users many: give a whole number from 1 to",
    )
    assert len(outcome.done.err.splitlines()) == 4


def what_goes_together_with_nothing(directory: Path) -> Outcome:
    with service.running() as target:
        options = ("--host", f"{target.url}/?key=value", "--runs-dir", str(directory / "runs"), "--health-path", "/a b")
        odd = ("--web", "--headless", "--processes", "0", "--web-port", "99999", "-u", "5", "-t", "10s")
        run = runs.springback(directory, "run", str(runs.SCENARIOS / "herd_http.py"), *options, *odd)
        return Outcome(run.wait(), target.requests)


@together(what_goes_together_with_nothing)
def test_options_that_contradict_each_other_or_say_nothing_are_refused_at_once(outcome: Outcome) -> None:
    assert_refused(
        outcome,
        "springback: --web and --headless: leave out one of them",
        "springback: --processes 0: give a number of load processes",
        "springback: --web-port 99999: give a port from 1 to 65535",
        "springback: --users: the shape says how many users there are",
        "springback: --run-time: the shape says how many users there are",
        "springback: --health-path '/a b': write what is not a plain character",
        "leave out what comes from '?' on",
    )
    assert len(outcome.done.err.splitlines()) == 7


@together(refused, arguments=[("--herd-u", "5")])
def test_a_short_form_is_refused_with_the_whole_one(outcome: Outcome) -> None:
    assert_refused(outcome, "--herd-u")


@together(by_variables)
def test_a_problem_in_an_environment_variable_is_said_like_one_in_a_flag(outcome: Outcome) -> None:
    assert_refused(outcome, "springback: --herd-users many", "springback: --baseline-s -5")


@together(by_config_file)
def test_a_problem_in_a_config_file_is_said_like_one_in_a_flag(outcome: Outcome) -> None:
    assert_refused(outcome, "springback: --herd-users many", "springback: --baseline-s -5")


def a_file_for_runs_dir(directory: Path) -> Outcome:
    (directory / "taken").write_text("")
    return refused(directory, ("--runs-dir", str(directory / "taken")))


@together(a_file_for_runs_dir)
def test_a_runs_directory_that_is_a_file_is_refused(outcome: Outcome) -> None:
    assert_refused(outcome, "--runs-dir", "taken")


@together(refused, arguments=[("--runs-dir", "/proc/springback")])
def test_a_runs_directory_that_cannot_be_made_is_refused(outcome: Outcome) -> None:
    assert_refused(outcome, "--runs-dir", "/proc/springback")


def two_scenarios(directory: Path) -> Outcome:
    with service.running() as target:
        files = f"{runs.SCENARIOS}/herd_http.py,{runs.SCENARIOS}/crowd_http.py"
        return Outcome(runs.locust(directory, files, host=target.url, from_nothing=True).wait(), target.requests)


@together(two_scenarios)
def test_two_scenarios_in_one_command_are_refused(outcome: Outcome) -> None:
    remedy = "load one file at a time, and keep what both use in a file without harness.attach"
    assert_refused(outcome, f"two scenarios, herd-http and crowd-http: {remedy}")


def two_shapes(directory: Path, way: str) -> Outcome:
    file = directory / "two_shapes.py"
    second = "class Crowd(herd.Herd):\n    baseline_s, herd_users, recovery_s = 1, 9, 2\n\n\n# Wide"
    file.write_text((runs.SCENARIOS / "herd_http.py").read_text().replace("# Wide", second))
    with service.running() as target:
        options = ("--host", target.url, "--runs-dir", str(directory / "runs"))
        if way in ("locust", "web"):
            port = ("--web-port", str(free_port())) if way == "web" else ()
            run = runs.locust(directory, str(file), *port, host=target.url, headless=way == "locust")
        else:
            run = runs.springback(directory, way, str(file), *options, forked=True)
        return Outcome(run.wait(), target.requests)


@together(two_shapes, way=["locust", "web", "run", "plan"])
def test_two_shapes_in_one_file_are_refused_and_both_are_named(outcome: Outcome) -> None:
    assert_refused(outcome, "two_shapes.py has 2 load shapes, Crowd and Herd, and Locust would take the first")
    assert outcome.done.err.count("2 load shapes") == 1


def without_host(directory: Path, way: str) -> Outcome:
    forked = runs.processes(2) if way == "forked" else ()
    return Outcome(runs.locust(directory, "herd_http.py", *forked).wait(gone_within_s=4), 0)


@together(without_host, way=["local", "forked"])
def test_a_missing_host_is_refused(outcome: Outcome) -> None:
    assert_refused(outcome, "the host is missing: name the service with --host")


NOTHING_NAMED = ("flag", "variable", "file", "class")


def empty_host(directory: Path, way: str) -> Outcome:
    """What a variable that nobody has set leaves of the way in which a host is named."""
    file = directory / "mine.py"
    own = "import sys\nfrom pathlib import Path\n" + (runs.SCENARIOS / "herd_http.py").read_text()
    file.write_text(own + ('\nVisitor.host = ""\n' if way == "class" else ""))
    (directory / "my.conf").write_text("host =\n")
    arguments = {"flag": ["--host", " "], "file": ["--config", str(directory / "my.conf")]}.get(way, [])
    variables = {"LOCUST_HOST": ""} if way == "variable" else {}
    command = ["run", str(file), *arguments, "--runs-dir", str(directory / "runs")]
    # Once from nothing, where what starts Locust has read the command line itself.
    run = runs.springback(directory, *command, variables=variables, forked=way != "flag")
    return Outcome(run.wait(gone_within_s=4), 0)


@together(empty_host, way=NOTHING_NAMED)
def test_a_host_that_is_named_and_empty_never_means_the_demo(outcome: Outcome) -> None:
    assert_refused(outcome, "empty")
    assert "reference target" not in outcome.done.err and len(outcome.done.err.splitlines()) == 1


def malformed_host(directory: Path) -> Outcome:
    return Outcome(runs.locust(directory, "herd_http.py", host="127.0.0.1:9").wait(), 0)


@together(malformed_host)
def test_a_host_without_a_scheme_is_refused_with_what_was_probably_meant(outcome: Outcome) -> None:
    assert_refused(outcome, "Did you mean http://127.0.0.1:9 ?")


def unreachable(directory: Path, way: str) -> Outcome:
    forked = runs.processes(2) if way == "forked" else ()
    host = f"http://127.0.0.1:{free_port()}"
    return Outcome(runs.locust(directory, "herd_http.py", "--health-path", "/healthz", *forked, host=host).wait(), 0)


@together(unreachable, way=["local", "forked"])
def test_a_host_that_does_not_answer_is_inconclusive_and_the_check_that_failed_is_named(outcome: Outcome) -> None:
    done = outcome.done
    done.ended_well(code=4)
    assert not done.recording.slices, "no load goes to a target that is down"
    (check,) = done.recording.health
    assert (check.when, check.check, check.ok) == ("before", "GET /healthz", False)
    assert done.recording.end is not None and not done.recording.end.completed
    assert done.verdict["outcome"] == "INCONCLUSIVE"
    assert "GET /healthz" in done.finding("target_healthy")["reason"]
    assert "GET /healthz" in done.recording.end.reason
    assert "GET /healthz" in done.err + done.out
    assert "Stopping Locust" not in done.err and "locust.runners: the target" not in done.err, "it is told already"


def unwell(directory: Path) -> Outcome:
    with service.running(status=503) as target:
        run = runs.locust(directory, "herd_http.py", "--health-path", "/readyz", host=target.url)
        done = run.wait()
        return Outcome(done, target.counts().get("POST /visit", 0))


@together(unwell)
def test_a_target_that_says_it_is_unwell_gets_no_load(outcome: Outcome) -> None:
    outcome.done.ended_well(code=4)
    assert outcome.requests == 0
    assert "GET /readyz failed (HTTP 503" in outcome.done.finding("target_healthy")["reason"]


# A host outside this machine: tried on an address that belongs to an empty network namespace, where nothing can leave.

FOREIGN = "192.0.2.1"


def _can_have_a_namespace() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    return subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, check=False).returncode == 0


def abroad(directory: Path, consent: tuple[str, ...]) -> Outcome:
    """The service listens on a foreign address inside the namespace, and counts who comes."""
    served = directory / "served"
    script = f"""
ip link set lo up && ip address add {FOREIGN}/32 dev lo || exit 77
cd {ROOT}
"$PYTHON" -c '
import sys, time
from http.server import *
class Count(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
class Server(ThreadingHTTPServer):
    def verify_request(self, request, address):
        open(sys.argv[1], "a").write("one\\n"); return True
server = Server(("{FOREIGN}", 8000), Count)
open(sys.argv[1], "a").close()
server.serve_forever()' {served} &
service=$!
while [ ! -e {served} ]; do sleep 0.05; done
"$@"
code=$?
kill $service && wait $service
exit $code
"""
    locust = [str(runs.BIN / "locust"), "-f", str(runs.SCENARIOS / "herd_http.py"), "--headless", *runs.UNHURRIED]
    locust += ["--host", f"http://{FOREIGN}:8000", "--runs-dir", str(directory / "runs"), *runs.VERDICT_ONLY, *consent]
    command = ["unshare", "--net", "sh", "-c", script, "sh", *locust]
    done = runs.start(directory, command, {"PYTHON": sys.executable}).wait()
    return Outcome(done, len(served.read_text().splitlines()))


needs_namespace = pytest.mark.skipif(not _can_have_a_namespace(), reason="needs root, unshare and ip")


@needs_namespace
@together(abroad, consent=[()])
def test_a_host_outside_this_machine_is_refused_without_a_single_connection(outcome: Outcome) -> None:
    assert_refused(outcome, f"{FOREIGN} is not a loopback address", f"--allow-host {FOREIGN}")


@needs_namespace
@together(abroad, consent=[("--allow-host", FOREIGN)])
def test_a_host_outside_this_machine_gets_load_when_the_operator_says_so(outcome: Outcome) -> None:
    outcome.done.ended_well(code=0)
    assert outcome.requests >= 20


# Ports


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def port_taken(directory: Path, which: str) -> tuple[Outcome, int]:
    with taken_port() as port, service.running() as target:
        master = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port))
        match which:
            case "web":
                run = runs.locust(directory, "herd_http.py", "--web-port", str(port), host=target.url, headless=False)
            case "master":
                run = runs.locust(directory, "herd_http.py", *master, host=target.url)
            case _:
                file = str(runs.SCENARIOS / "herd_http.py")
                run = runs.springback(directory, "run", file, *master, "--host", target.url, forked=True)
        return Outcome(run.wait(gone_within_s=4), target.requests), port


@together(port_taken, which=["web", "master of springback run"])
def test_a_port_that_is_taken_is_refused_and_named(outcome: tuple[Outcome, int]) -> None:
    assert_refused(outcome[0], f"port {outcome[1]}")


@together(port_taken, which=["master"])
def test_plain_locust_on_a_port_that_is_taken_ends_in_its_own_way(outcome: tuple[Outcome, int]) -> None:
    """It binds before anything of ours has a say: a traceback, and its exit code 1; but no verdict and nobody left."""
    done = outcome[0].done
    assert done.code == 1 and not done.left_over and not done.directories
    assert str(outcome[1]) in done.err and outcome[0].requests == 0


# A disk that is full


def _can_mount(directory: Path) -> bool:
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(directory)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(not _can_mount(ROOT / "tests"), reason="needs root and mount")


@contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[Path]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def full_before(directory: Path) -> Outcome:
    with service.running() as target, small_disk(directory / "disk", 16) as disk:
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass
        run = runs.locust(directory, "herd_http.py", "--runs-dir", str(disk), *runs.UNHURRIED, host=target.url)
        done = run.wait()
        return Outcome(done, target.requests)


@needs_mount
@together(full_before)
def test_a_disk_that_is_full_before_the_run_is_said_and_no_load_is_made(outcome: Outcome) -> None:
    outcome.done.ended_well(code=2)
    assert outcome.requests == 0
    assert "(the disk is full); free some space, or name another directory with --runs-dir" in outcome.done.err


def full_in_mid_run(directory: Path) -> tuple[Finished, bytes, float]:
    with service.running() as target, small_disk(directory / "disk", 36) as disk:
        long = ("--baseline-s", "300", "--canary-per-s", "50", "--runs-dir", str(disk), *runs.UNHURRIED)
        run = runs.locust(directory, "herd_http.py", *long, host=target.url)
        done = run.wait()
        return done, next(disk.glob(f"*/{FILE_NAME}")).read_bytes(), done.seconds


@needs_mount
@together(full_in_mid_run)
def test_a_disk_that_is_full_in_mid_run_ends_the_run_and_is_said(outcome: tuple[Finished, bytes, float]) -> None:
    done, recording, took_s = outcome
    done.ended_well(code=4)
    assert took_s < 120, "it does not go on to the end of its 300 s of baseline"
    assert recording.startswith(b'{"kind":"header"') and b'"kind":"end"' in recording.splitlines()[-1]
    assert "springback: the recording cannot be written: the disk is full" in done.err
    told = " ".join(done.out.split())
    assert "before its time: the recording cannot be written: the disk is full" in told
    assert "left out" not in told and "missing" not in told, "what there is, is whole"


def deleted_in_mid_run(directory: Path) -> Finished:
    with service.running() as target:
        run = runs.locust(directory, "herd_http.py", "--baseline-s", "300", *runs.UNHURRIED, host=target.url)
        run.until(lambda: runs.has_slice(run, 0), "the baseline goes")
        shutil.rmtree(directory / "runs")
        return run.wait()


@together(deleted_in_mid_run)
def test_a_run_directory_that_is_deleted_ends_the_run_and_is_said(outcome: Finished) -> None:
    outcome.ended_well(code=4)
    assert outcome.seconds < 120, "it does not go on to the end of its 300 s of baseline"
    assert "springback: the recording cannot be written: its directory was deleted" in outcome.err
