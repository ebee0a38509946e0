"""All tests, in parts that go side by side, each in a process of its own: ``python -m tests [PART …]``.

A part's output comes when it has ended; at the end stands what each part took, and the slowest tests of all. What the
parts prove, and why they are cut so, is in docs/testing.md.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import psutil

HERE = Path(__file__).parent
AT_ONCE = 3
"""Of the parts that do not compute: with the runs of the first of them, so many keep two cores busy. Where these were
more than busy, load processes would have no turn for seconds, and what a test has to meet would come late: so
tests/run/admission.py begins the fewer runs, the more the other parts take.
"""
GIVE_WAY = 19
"""Niceness of the parts that compute: they take the CPU that the others leave, and hardly slow these down."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Of those that multiply matrices: the others would only wait, and take the machine from what goes beside them for it.
"""
PATIENCE_S = 900
"""For a test of a part that gives way, when the others leave little."""
IN_MEMORY = Path("/dev/shm")
"""A file system in memory, where Linux has one."""
ROOM_BYTES = 4 << 30
"""What all parts together may leave in it: many times what they have, and half of what has to be free of the memory."""
SLOWEST = 10
LINES_OF_A_FAILURE = 40


@dataclass(frozen=True)
class Part:
    """Folders that are tested in one process."""

    name: str
    folders: tuple[str, ...]
    measures: bool = False
    """The size of faults, so nothing else may take the machine from it but what gives way at once."""
    computes: bool = False
    """It waits for nothing: such a part goes beside the others from the beginning, and takes what they leave."""


PARTS = (
    Part("runs", ("run", "browser", "distributed")),
    Part("target", ("target",)),
    Part("load", ("config", "http", "load")),
    Part("faults", ("faults", "probes")),
    Part("docs", ("docs",)),
    Part("shapes", ("shapes",)),
    Part("pure", ("pure",), computes=True),
    Part("reports", ("reports", "learn"), computes=True),
    Part("calibration", ("calibration",), computes=True),
    Part("truth", ("ground_truth",), measures=True),
)
"""In the order in which they are begun: the longest first. Locust patches the process that imports it, so what runs
unpatched in the product is never with `runs`, `load` and `shapes`; tests/conftest.py sees to that."""


@dataclass(frozen=True)
class Test:
    name: str
    seconds: float
    failure: str
    """What pytest says of it, empty when it passed."""

    @property
    def passed(self) -> bool:
        return not self.failure


@dataclass(frozen=True)
class Result:
    part: Part
    code: int
    seconds: float
    cpu_s: float
    """Of all its processes that were waited for."""
    tests: tuple[Test, ...]

    @property
    def line(self) -> str:
        failed = sum(not test.passed for test in self.tests)
        words = f"{len(self.tests) - failed} passed" + (f", {failed} failed" if failed else "")
        if self.code and not failed:
            words += f", exit code {self.code}"
        return f"  {self.part.name:<11}  {self.seconds:4.0f} s  {self.cpu_s:5.0f} s of CPU  {words}"


class Going:
    """A part that is under way."""

    def __init__(self, part: Part, place: Path) -> None:
        self.part = part
        self._began_s = time.monotonic()
        self._output, self._report = place / f"{part.name}.txt", place / f"{part.name}.xml"
        command = [sys.executable, "-m", "pytest", *(str(HERE / folder) for folder in part.folders)]
        command += ["-o", "junit_duration_report=call", f"--junit-xml={self._report}"]
        files = place / part.name
        files.mkdir()
        files.chmod(0o1777)  # some tests, and PostgreSQL, are other users
        if part.computes:
            command += ["-o", f"timeout={PATIENCE_S}"]
        command += [f"--basetemp={files / 'tests'}"]
        environment = {**os.environ, "TMPDIR": str(files), **(ONE_THREAD if part.computes else {})}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=HERE.parent,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=part.computes,
            )
        if part.computes:
            self.give_way()

    def give_way(self) -> None:
        """To what is in other sessions, such as real runs, as well: where Linux groups what competes for the machine by
        sessions, the niceness of a process counts only within its own.
        """
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.setpriority(os.PRIO_PGRP, self.process.pid, GIVE_WAY)
        with contextlib.suppress(OSError):  # it does not
            Path(f"/proc/{self.process.pid}/autogroup").write_text(str(GIVE_WAY))

    def kill(self) -> None:
        """Ends what a Ctrl-C has not reached, and waits for the others, which end what they have started."""
        with contextlib.suppress(ProcessLookupError):
            if self.part.computes:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self, code: int, cpu_s: float) -> Result:
        """Prints its output."""
        self.process.returncode = code
        seconds = time.monotonic() - self._began_s
        print(f"===== {self.part.name}\n{self._output.read_text(errors='replace')}", flush=True)
        tests: list[Test] = []
        with contextlib.suppress(OSError, ElementTree.ParseError):
            for case in ElementTree.parse(self._report).iter("testcase"):
                wrong = [*case.findall("failure"), *case.findall("error")]
                failure = "\n".join(each.text or each.get("message") or each.tag for each in wrong)
                tests.append(Test(f"{case.get('classname')}::{case.get('name')}", float(case.get("time", 0)), failure))
        return Result(self.part, code, seconds, cpu_s, tuple(tests))


def place_of_files() -> str | None:
    """Where all that the tests write goes, thousands of files with each PostgreSQL: into memory, where it has the room.
    Some disks take twenty times as much of the machine to make a file. None: where the system has its temporary files.
    """
    try:
        there = os.statvfs(IN_MEMORY)
    except OSError:
        return None
    if "TMPDIR" in os.environ or there.f_flag & os.ST_NOEXEC or not os.access(IN_MEMORY, os.W_OK):
        return None
    room_bytes = min(there.f_bavail * there.f_frsize, psutil.virtual_memory().available // 2)
    return str(IN_MEMORY) if room_bytes >= ROOM_BYTES else None


def next_part(waiting: Sequence[Part], going: Sequence[Part]) -> Part | None:
    """The part to begin now, beside those that are going; None while nothing may be begun."""
    for part in waiting:
        if part.measures:
            if all(one.computes for one in going) and all(other.measures or other.computes for other in waiting):
                return part
        elif part.computes or sum(not one.computes for one in going) < AT_ONCE:
            return part
    return None


def main(names: Sequence[str]) -> int:
    known = {part.name: part for part in PARTS}
    if unknown := set(names) - known.keys():
        print(f"no part {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    if forgotten := {path.parent.name for path in HERE.glob("*/test_*.py")} - {f for p in PARTS for f in p.folders}:
        print(f"tests/__main__.py: no part has {', '.join(sorted(forgotten))}", file=sys.stderr)
        return 2
    began_s = time.monotonic()
    results: list[Result] = []
    waiting = [known[name] for name in known if not names or name in names]
    going: dict[int, Going] = {}

    def stop(*_: object) -> None:
        """As a Ctrl-C, which reaches the parts as well: what they write has to be gone with them."""
        for one in going.values():
            one.process.send_signal(signal.SIGINT)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with tempfile.TemporaryDirectory(prefix="springback-", dir=place_of_files()) as place:
        Path(place).chmod(0o711)
        try:
            while waiting or going:
                while (part := next_part(waiting, [one.part for one in going.values()])) is not None:
                    waiting.remove(part)
                    one = Going(part, Path(place))
                    going[one.process.pid] = one
                pid, status, usage = os.wait3(0)
                results.append(going.pop(pid).ended(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime))
        finally:
            for one in going.values():
                one.kill()
    tests = [test for result in results for test in result.tests]
    print(f"===== the slowest {SLOWEST}, without what a test waits for in its set-up")
    for test in sorted(tests, key=lambda test: -test.seconds)[:SLOWEST]:
        print(f"  {test.seconds:5.1f} s  {test.name}")
    print("===== parts")
    print("\n".join(result.line for result in results))
    seconds = round(time.monotonic() - began_s)
    for test in tests:
        if not test.passed:  # again: a long output may be cut short by who keeps it, but seldom at its end
            print(f"FAILED {test.name}", *test.failure.splitlines()[-LINES_OF_A_FAILURE:], sep="\n    ")
    print(f"{len(tests)} tests in {seconds // 60} min {seconds % 60} s")
    return int(any(result.code for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
