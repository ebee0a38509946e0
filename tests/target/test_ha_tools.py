"""PostgreSQL's programs as Patroni calls them end with whoever is responsible for them, also without the guard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from target.stack.ha import tools
from tests.target.stacks import until

STARTER = """
import subprocess, sys
from pathlib import Path
started = subprocess.Popen(sys.argv[2:])
print(started.pid, flush=True)
while sys.argv[1] == "stays" and Path(f"/proc/{started.pid}/comm").read_text() != "sleep\\n":
    pass
"""
"""As Patroni: it starts a program, says its pid, and is gone, at once or when the program runs."""

UP = f"""
import ctypes, subprocess, sys, time
from pathlib import Path
from target.stack.ha import tools
if sys.argv[3] == "adopts":
    ctypes.CDLL(None).prctl(36, 1)
programs = tools.write(Path(sys.argv[1]), Path(sys.argv[2]))
subprocess.run([sys.executable, "-c", {STARTER!r}, sys.argv[4], str(programs / "postgres"), *sys.argv[5:]])
time.sleep(600)
"""
SERVER = ("-D", "data", "--config-file=file")


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    """A PostgreSQL that only waits, in a folder whose name has a space."""
    directory = tmp_path / "the binaries"
    directory.mkdir()
    server = directory / "postgres"
    server.write_text("#!/bin/sh\nexec sleep 600\n")
    server.chmod(0o755)
    return directory


@contextmanager
def begun(tmp_path: Path, binaries: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """What stands for `up`, and the program it had started; neither is left."""
    command = [sys.executable, "-c", UP, str(tmp_path / "bin"), str(binaries), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        program = psutil.Process(int(up.stdout.readline()))
        try:
            yield up, program
        finally:
            up.kill()
            if not ended(program):
                program.kill()


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_server_outlives_who_started_it_and_not_up(tmp_path: Path, binaries: Path) -> None:
    """`up` takes it in, and it is killed with it."""
    with begun(tmp_path, binaries, "adopts", "goes", *SERVER) as (up, server):
        until(lambda: server.name() == "sleep", "the server runs")
        assert server.ppid() == up.pid
        up.kill()
        until(lambda: ended(server), "the server is gone")


def test_a_server_that_up_does_not_take_in_does_not_start(tmp_path: Path, binaries: Path) -> None:
    """Because `up` is gone already: nobody would end it."""
    with begun(tmp_path, binaries, "does not", "goes", *SERVER) as (_, server):
        until(lambda: ended(server), "it gave up")


def test_a_tool_ends_with_who_started_it(tmp_path: Path, binaries: Path) -> None:
    """It works for Patroni alone, also when the server's program is asked to do something else than to serve."""
    with begun(tmp_path, binaries, "adopts", "stays", "--single", "-D", "data") as (_, tool):
        until(lambda: ended(tool), "the tool is gone")


def test_a_server_whose_parent_stays_gives_up_in_the_end(tmp_path: Path, binaries: Path) -> None:
    """As one whose starter had ended before it could ask who that was."""
    script = tools.write(tmp_path / "bin", binaries) / "postgres"
    script.write_text(script.read_text().replace(str(os.getpid()), "999999999"))
    assert subprocess.run([str(script), *SERVER], check=False, timeout=60).returncode == 1
