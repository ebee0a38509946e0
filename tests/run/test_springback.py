"""The command ``springback``: a run on the reference target, and judging where there is no Locust."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil

import reports
from target.stack.state import StackState
from tests import recordings
from tests.run import runs
from tests.run.runs import SIGKILL, Finished, Run
from tests.run.together import together

LOGIN_HERD = str(Path(__file__).parents[2] / "locustfiles" / "login_herd.py")
QUICK = ("--baseline-s", "2", "--spike-s", "1", "--recovery-s", "3", "--herd-users", "30", "--canary-users", "10")
LONG = ("--spike-s", "8")
"""Long enough to be killed in, whatever else the machine does."""


@dataclass
class Outcome:
    done: Finished
    port: int
    stack_left: tuple[str, ...]
    """Processes of the reference target that outlived the command."""
    password: str
    """Of the target's users, which the load has to know."""
    commands: tuple[str, ...]
    """Command lines of everybody who belonged to the run, target and all."""


def on_the_reference_target(directory: Path, way: str) -> Outcome:
    formats = runs.ALL_REPORTS if way == "whole" else runs.VERDICT_ONLY
    arguments = ("run", LOGIN_HERD, "--runs-dir", str(directory / "runs"), *QUICK, *runs.UNHURRIED, *formats)
    arguments += LONG if way == "killed" else ()
    run = runs.springback(directory, *arguments)
    stack = reference_target(run)
    family = stack_processes(stack)
    assert len(family) >= len(stack.processes)
    commands = command_lines([*run.family, *family])
    if way == "killed":
        run.until_phase("spike", 120)
        run.send_in("spike", SIGKILL)
    else:
        run.until_phase("baseline", 120)
        commands |= command_lines([*run.family, *family])
    # Nobody waits for those whose command was killed; they notice it by themselves.
    done = run.wait(gone_within_s=30 if way == "killed" else 5)
    _, alive = psutil.wait_procs(family, 20 if way == "killed" else 5)
    left = tuple(f"{process.pid} {process.name()}" for process in alive if process.status() != psutil.STATUS_ZOMBIE)
    return Outcome(done, urlsplit(stack.url).port or 0, left, stack.users.password, tuple(sorted(commands)))


def command_lines(processes: Iterable[psutil.Process]) -> set[str]:
    lines = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            lines.add(" ".join(process.cmdline()))
    return lines


def reference_target(run: Run) -> StackState:
    """What the target says of itself in its state file, once it is up."""
    found: list[StackState] = []

    def look() -> bool:
        for process in run.family:
            try:
                command = process.cmdline()
            except psutil.NoSuchProcess:
                continue
            if "--state" not in command:
                continue
            with contextlib.suppress(FileNotFoundError):  # it has not come so far
                if text := Path(command[command.index("--state") + 1]).read_text():
                    found.append(msgspec.json.decode(text, type=StackState))
                    return True
        return False

    run.until(look, "the reference target is up", 90)
    return found[0]


def stack_processes(stack: StackState) -> list[psutil.Process]:
    supervisor = psutil.Process(stack.supervisor.pid)
    return [supervisor, *supervisor.children(recursive=True)]


@together(on_the_reference_target, takes_s=35, way=["whole"])
def test_without_a_host_the_reference_target_comes_and_goes_with_the_run(outcome: Outcome) -> None:
    done = outcome.done
    # Too short for a verdict on recovery and memory.
    done.ended_well(code=4)
    assert done.recording.end is not None and done.recording.end.completed
    assert done.recording.header.target == f"http://127.0.0.1:{outcome.port}"
    assert done.count("ok") == done.count() == 30 + 10 * 6
    assert not outcome.stack_left
    sources = {sample.source for sample in done.recording.probes if sample.probe == "process" and not sample.error}
    assert len(sources) >= 2, "its API processes are sampled by name"


@together(on_the_reference_target, takes_s=35, way=["whole"])
def test_the_terminal_has_the_verdict_and_says_where_the_report_is(outcome: Outcome) -> None:
    done = outcome.done
    assert "INCONCLUSIVE  login-herd" in done.out
    assert str(done.directory / "report.html") in done.out
    assert not re.search(r"# reqs|INFO/locust", done.err + done.out), "Locust's own tables stay out of it"


@together(on_the_reference_target, takes_s=35, way=["whole"])
def test_the_password_is_on_no_command_line_in_no_file_of_the_run_and_in_no_output(outcome: Outcome) -> None:
    done, secret = outcome.done, outcome.password
    assert len(secret) >= 8, "long enough to be found nowhere by chance"
    for word in ("springback", "locust", "target"):
        assert any(word in line for line in outcome.commands), "those who might tell were looked at"
    assert not [line for line in outcome.commands if secret in line]
    files = [path for path in done.runs_dir.rglob("*") if path.is_file()]
    assert {"recording.jsonl", "report.html", "verdict.json"} <= {path.name for path in files}
    assert not [path.name for path in files if secret.encode() in path.read_bytes()]
    assert secret not in done.out + done.err


@together(on_the_reference_target, takes_s=35, way=["killed"])
def test_a_command_that_was_killed_leaves_neither_target_nor_load_behind(outcome: Outcome) -> None:
    assert outcome.done.code == -SIGKILL
    assert not outcome.done.left_over
    assert not outcome.stack_left
    end = outcome.done.recording.end
    assert end is not None and end.reason == "stopped because its launcher was killed"
    assert outcome.done.verdict["outcome"] == "INCONCLUSIVE"


@together(on_the_reference_target, takes_s=35, way=["killed"])
def test_the_target_of_a_command_that_was_killed_stays_until_the_load_has_ended(outcome: Outcome) -> None:
    """It would refuse requests for no other reason than that we went down."""
    done = outcome.done
    assert done.count("ok") >= 30 + 10 * 2
    assert {piece.outcome for piece in done.recording.slices} <= {"ok", "unfinished", "unserved"}


def judged_without_locust(directory: Path, command: str) -> Finished:
    """Locust and gevent cannot be imported in this process, as on a machine that only reads reports."""
    (directory / "sitecustomize.py").write_text(
        "import sys\nfor name in ('locust', 'gevent', 'locust_cloud'):\n    sys.modules[name] = None\n"
    )
    run = directory / "run"
    run.mkdir()
    recordings.write(recordings.login_herd(), run)
    return runs.springback(directory, command, str(run), variables={"PYTHONPATH": str(directory)}).wait()


@together(judged_without_locust, command=["check", "report"])
def test_an_earlier_run_is_judged_where_locust_is_not_installed(outcome: Finished) -> None:
    outcome.ended_well(code=0)
    assert "PASS  login-herd" in outcome.out


@together(judged_without_locust, command=["report"])
def test_report_writes_every_format_beside_the_recording(outcome: Finished) -> None:
    directory = outcome.runs_dir.parent / "run"
    names = {path.name for path in directory.iterdir()}
    assert names == {"recording.jsonl", *reports.file_names()}


@together(judged_without_locust, command=["check"])
def test_check_writes_nothing(outcome: Finished) -> None:
    assert {path.name for path in (outcome.runs_dir.parent / "run").iterdir()} == {"recording.jsonl"}
