"""Runs of real Locust processes for tests: start one, watch it, signal it, and look at what it left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from harness.history.database import BESIDE
from harness.recording import ProbeSample, Recording
from harness.recording.file import FILE_NAME, RecordingError, read
from harness.recording.values import UNFINISHED
from harness.sidecar.sampling_loop import SKIPPED
from tests.ports import free_port
from tests.run.zygote import Forked, zygote

SCENARIOS = Path(__file__).parent / "scenarios"
BIN = Path(sys.executable).parent
TOKEN = "SPRINGBACK_TEST_RUN"
"""In the environment of every process of a run, so that an orphan is found whoever has adopted it."""

UNHURRIED = (
    *("--generator-health-loop-lag-limit-s", "20", "--generator-health-cpu-limit-ratio", "20"),
    *("--release-skew-limit-s", "5", "--machine-pressure-limit", "1", "--enough-users-limit", "1"),
)
"""Several runs share this machine: their load generators, how close together they release a herd, and whether an answer
came so late that somebody waited for its user, are not judged, unless that is what a test is about."""

VERDICT_ONLY = ("--report-formats", "verdict_json")
"""Drawing report.html takes as much of the machine as the rest of a short run, and most tests do not look at it."""
ALL_REPORTS = ("--report-formats", "html,junit,markdown,verdict_json")
"""Springback's own formats, without any that was added to ``reports/``."""
WITHOUT_PAGE = ("--report-formats", "junit,markdown,verdict_json")
"""All but the one that takes long to draw, where other cases of the same test have it."""

PATIENCE_S = 150
"""For what a run does in seconds, before it is given up; a busy machine takes many times as long."""
PROCESSES = "--processes"
"""The option of forked workers."""
WORKERS_GONE_S = 2.0
"""Locust's master means to wait for them for three seconds, but does for a tenth of one (``kill_workers`` of
``locust/main.py`` takes those that have not ended yet for ended): on a full machine they end after it.
"""
PHASES = ("warm-up", "baseline", "spike", "steady", "drop", "recovery", "drain")
LATE = (SKIPPED, "timed out")
"""How the error of a sample begins that was not in time."""
_going: list[Run] = []
"""Runs that nobody has waited for."""


@dataclass
class Finished:
    """What a run left."""

    code: int
    out: str
    err: str
    runs_dir: Path
    seconds: float
    left_over: tuple[str, ...]
    """Command lines of processes of this run that outlived it."""

    @property
    def directories(self) -> list[Path]:
        there = self.runs_dir.iterdir() if self.runs_dir.is_dir() else ()
        return sorted(path for path in there if path.name not in BESIDE)  # the history lies beside the runs

    @property
    def directory(self) -> Path:
        (only,) = self.directories
        return only

    @property
    def recording(self) -> Recording:
        return read(self.directory)

    @property
    def verdict(self) -> dict[str, Any]:
        return self.told("verdict.json")

    def told(self, name: str) -> dict[str, Any]:
        """What this file of its directory says."""
        said: dict[str, Any] = json.loads((self.directory / name).read_text())
        return said

    def finding(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(f for f in self.verdict["findings"] if f["criterion"] == name)
        return found

    def count(self, outcome: str | None = None, t: int | None = None) -> int:
        """Requests in the recording, all or those of one outcome or second."""
        return sum(
            piece.count for piece in self.recording.slices if outcome in (None, piece.outcome) and t in (None, piece.t)
        )

    def samples(self, probe: str) -> list[ProbeSample]:
        """But for those that came too late, as some may on a busy machine."""
        every = [sample for sample in self.recording.probes if sample.probe == probe]
        in_time = [sample for sample in every if not (sample.error or "").startswith(LATE)]
        assert 2 * len(in_time) >= len(every), f"{len(every) - len(in_time)} of {len(every)} samples came too late"
        return in_time

    def ended_well(self, code: int) -> None:
        """What holds for every run, however it ended: the code, no traceback, and nobody left behind."""
        told = f"exit code {self.code}\n--- stderr\n{self.err[-4000:]}\n--- stdout\n{self.out[-4000:]}"
        said = self.err + self.out
        assert "Traceback" not in said, f"{said[said.index('Traceback') :][:4000]}\n{told}"
        assert self.code == code, told
        assert not self.left_over, f"left behind: {self.left_over}\n{told}"


@dataclass(eq=False)
class Run:
    """One command that is running."""

    process: subprocess.Popen[bytes] | Forked
    runs_dir: Path
    out_file: Path
    err_file: Path
    token: str
    began_s: float = field(default_factory=time.monotonic)
    starter: int = field(default_factory=threading.get_ident)
    """The thread that started it: several make runs at one time."""
    read_last: dict[Path, tuple[int, Recording]] = field(default_factory=dict)
    """File → how long it was when it was read last, and what it held."""

    @property
    def err(self) -> str:
        return self.err_file.read_text(errors="replace")

    def until(
        self, condition: Callable[[], object], what: str, within_s: float = PATIENCE_S, every_s: float = 0.05
    ) -> None:
        """Waits for a condition; the run's own words are in the assertion when it does not come true."""
        deadline_s = time.monotonic() + within_s
        while not condition():
            ended = f", and the run ended with {code}" if (code := self.process.poll()) is not None else ""
            if ended or time.monotonic() > deadline_s:
                if condition():
                    return
                raise AssertionError(f"not within {within_s} s: {what}{ended}\n{self.err[-4000:]}")
            time.sleep(every_s)

    @property
    def phase(self) -> str:
        """The one that it said last, empty before any."""
        said = [line.split()[1] for line in self.err.splitlines() if line.startswith("springback: ")]
        return next((word for word in reversed(said) if word in PHASES), "")

    def until_phase(self, name: str, within_s: float = PATIENCE_S) -> None:
        self.until(lambda: f"springback: {name}" in self.err, f"phase {name}", within_s)

    def send_in(self, phase: str, number: int, group: bool = False) -> None:
        """Signals the run, or its whole group as a terminal does, in this phase and in no other."""
        assert self.phase == phase, f"the signal would come in {self.phase or 'no phase'}, not in {phase}\n{self.err}"
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.send(number)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    @property
    def family(self) -> list[psutil.Process]:
        """Every process of the run that is alive, itself included."""
        found = []
        for pid in psutil.pids():
            if _belongs(pid, self):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(pid))
        return found

    def workers(self) -> list[psutil.Process]:
        """Forked Locust workers: children with the very command line of their master."""
        master = psutil.Process(self.process.pid)
        return [child for child in master.children() if child.cmdline() == master.cmdline()]

    def until_gone(self, processes: Sequence[psutil.Process], within_s: float) -> None:
        """``within_s`` of a :class:`NapClock`."""
        with naps() as clock:
            while alive := [process for process in processes if _belongs(process.pid, self)]:
                assert clock.now_s < within_s, f"still there after {within_s} s: {alive}"
                time.sleep(NapClock.NAP_S)

    def wait(self, within_s: float = PATIENCE_S, gone_within_s: float | None = None) -> Finished:
        """Waits for the end. Whoever lives ``gone_within_s`` longer, by a :class:`NapClock` is left over and killed: at
        once, or for forked workers :data:`WORKERS_GONE_S`.
        """
        if gone_within_s is None:
            gone_within_s = WORKERS_GONE_S if PROCESSES in self.process.args else 0.0
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            words = self.err[-4000:]
            self.kill_all()
            raise AssertionError(f"still running after {within_s} s\n{words}") from None
        there = self.family
        if there:
            with naps() as clock:
                while there and clock.now_s < gone_within_s:
                    time.sleep(0.05)
                    there = self.family
        left_over = tuple(_told(process) for process in there)
        self._kill(there)
        return Finished(
            code,
            self.out_file.read_text(errors="replace"),
            self.err,
            self.runs_dir,
            time.monotonic() - self.began_s,
            left_over,
        )

    def kill_all(self) -> None:
        self._kill(self.family)

    def _kill(self, processes: Sequence[psutil.Process]) -> None:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        if self in _going:
            _going.remove(self)


def kill_going() -> None:
    """Ends the runs of this thread that nobody has waited for: what failed must not disturb what comes later."""
    for run in [run for run in _going if run.starter == threading.get_ident()]:
        run.kill_all()


def start(
    directory: Path,
    command: Sequence[str],
    variables: Mapping[str, str] | None = None,
    *,
    forked: bool = False,
    stdout: int | None = None,
    stderr: int | None = None,
    cwd: Path | None = None,
) -> Run:
    """Starts ``command`` with its output in files, or where it is told, in a session of its own, below ``directory``.

    ``forked``: as a fork of a process that has imported Locust already, see zygote.py.
    """
    directory.mkdir(parents=True, exist_ok=True)
    token = uuid.uuid4().hex
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "SPRINGBACK_", "PYTEST_"))
    }
    environment = {**kept, **(variables or {}), TOKEN: token}
    out_file, err_file = directory / f"{token[:8]}.out", directory / f"{token[:8]}.err"
    process: subprocess.Popen[bytes] | Forked
    with out_file.open("wb") as out, err_file.open("wb") as err:
        streams = (out.fileno() if stdout is None else stdout, err.fileno() if stderr is None else stderr)
        if forked:
            process = zygote.start(command, environment, cwd or Path.cwd(), *streams)
        else:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=streams[0],
                stderr=streams[1],
                start_new_session=True,
            )
    run = Run(process, directory / "runs", out_file, err_file, token)
    _going.append(run)
    return run


def locust(
    directory: Path,
    scenario: str | Path,
    *arguments: str,
    host: str | None = None,
    headless: bool = True,
    variables: Mapping[str, str] | None = None,
    from_nothing: bool = False,
    **streams: int,
) -> Run:
    """Starts ``locust -f scenario``, headless, with its runs below ``directory`` and no report but verdict.json.

    ``from_nothing``: as a process that imports everything itself, as a user's does.
    """
    files = scenario if isinstance(scenario, str) and "/" in scenario else str(SCENARIOS / scenario)
    command = [str(BIN / "locust"), "-f", files, *(["--headless"] if headless else [])]
    if "shape_alone" not in files and "--runs-dir" not in arguments:
        command += ["--runs-dir", str(directory / "runs"), *UNHURRIED]
    if "shape_alone" not in files:
        command += VERDICT_ONLY
    if host is not None:
        command += ["--host", host]
    return start(directory, [*command, *arguments], variables, forked=not from_nothing, **streams)


def springback(
    directory: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    forked: bool = False,
) -> Run:
    """``forked``: and its Locust is a fork of that."""
    return start(directory, [str(BIN / "springback"), *arguments], variables, cwd=cwd, forked=forked)


class NapClock:
    """Seconds since it was made as one has them who sleeps again and again: where the machine gives nobody a turn in
    time they are longer. So much the later may be what is measured by them.
    """

    NAP_S = 0.02

    def __init__(self) -> None:
        self._naps = 0
        self._stopped = False
        threading.Thread(target=self._count, daemon=True).start()

    @property
    def now_s(self) -> float:
        return self._naps * self.NAP_S

    def stop(self) -> None:
        self._stopped = True

    def _count(self) -> None:
        while not self._stopped:
            time.sleep(self.NAP_S)
            self._naps += 1


@contextlib.contextmanager
def naps() -> Iterator[NapClock]:
    clock = NapClock()
    try:
        yield clock
    finally:
        clock.stop()


def plan(directory: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> Finished:
    """``springback plan`` in ``directory``, whole."""
    command = [str(BIN / "springback"), "plan", *arguments]
    return start(directory, command, variables, forked=True, cwd=directory).wait()


def processes(count: int = 2) -> tuple[str, ...]:
    """Options for forked workers on a port of their own."""
    port = str(free_port())
    ours = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port)
    return PROCESSES, str(count), *ours


def has_slice(run: Run, t: int) -> bool:
    """Whether a slice of second ``t``, or of a later one, is in the recording already: on a busy machine some second
    may have none.
    """
    return any(piece.t >= t for recording in _so_far(run) for piece in recording.slices)


def told_unanswered(run: Run) -> bool:
    """Whether the reports so far say that requests, more than a few, have no answer yet."""
    return any(
        sum(piece.count for piece in recording.slices if piece.outcome == UNFINISHED) >= 8 for recording in _so_far(run)
    )


def _so_far(run: Run) -> Iterator[Recording]:
    """The recordings of a run as they are now. One is read anew only where it has grown: that takes milliseconds, and
    who waits for something asks 20 times a second.
    """
    for path in run.runs_dir.glob(f"*/{FILE_NAME}"):
        size = path.stat().st_size
        if path not in run.read_last or run.read_last[path][0] != size:
            with contextlib.suppress(RecordingError):  # not even its header is there
                run.read_last[path] = size, read(path)
        if path in run.read_last:
            yield run.read_last[path][1]


def _belongs(pid: int, run: Run) -> bool:
    """What the run has forked is in its session, and what it has started has its environment. Cheap: every process of
    the machine is asked, several times a run.
    """
    try:
        if os.getsid(pid) != run.process.pid:
            environment = Path(f"/proc/{pid}/environ").read_bytes()  # empty for a zombie
            return f"{TOKEN}={run.token}".encode() in environment
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, OSError):
        return False


def _told(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return f"pid {process.pid}"


SIGINT, SIGTERM, SIGKILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
SIGSTOP, SIGCONT = signal.SIGSTOP, signal.SIGCONT
