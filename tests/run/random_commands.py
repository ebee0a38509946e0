"""Random command lines of ``springback`` and of the reference target, each made by a real process: never a traceback,
a documented exit code, an end in time, and nobody left. By hand: ``python -m tests.run.random_commands 200 [SEED]``.

What makes no load, or is refused: where a run is asked for, its host answers nobody.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.safe_text import safe
from tests import recordings
from tests.run import runs

ROOT = Path(__file__).parents[2]
CODES = (0, 2, 3, 4, 5)
HANGS_S = 60.0
"""On a machine that does other things: most end in one or two."""
WAITING = ("--web", "--master", "--worker", "--autostart")
"""Options with which a run may wait for somebody."""
WAITS_S = 12.0
MARK = "SPRINGBACK_TEST_MARK"
"""A variable by which whoever was started is found again."""
SCENARIOS = ("herd_http.py", "crowd_http.py", "double_herd.py", "raising.py")
ODD = (
    *(
        "",
        " ",
        "0",
        "-1",
        "nan",
        "1e999",
        "9" * 400,
        "x" * 5000,
        "é\u202e\x1b[2J",
        "\udcff",
        "%s{0}",
        "--",
        "=",
        "@",
        "[]",
    ),
    *("/", ".", "..", "/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem", "/etc/passwd", "/nonexistent/x", "~"),
    *("http://127.0.0.1:9", "http://192.0.2.1", "http://[::1", "redis://127.0.0.1:9/?a=b", "postgresql://u:p@h/d?x=y"),
)
# None that names a file to be written: among what is odd there are files of the system.
FLAGS = {
    "run": (
        *("--host", "--web-port", "--processes", "--herd-users", "--baseline-s", "--config", "--fault"),
        *("--probe-json", "--probe-ports", "--target-state", "--health-path", "--without", "--expect", "--master-port"),
        *("--repeat", "--allow-host", "--loglevel", "--tags", "--report-formats", "--seed", "--nonsense"),
        *("--web", "--headless", "--master", "--worker", "--autostart", "-u", "-r", "-t", "-h", "-V", "--class-picker"),
    ),
    "report": ("--report-formats", "--help", "--nonsense"),
    "doctor": ("--users", "--processes", "--host", "--help", "--nonsense"),
    "up": ("--state", "--processes", "--faults", "--bind", "--port", "--help", "--nonsense"),
    "fault": ("--state", "--help", "--nonsense"),
}
KINDS = ("run", "check", "report", "dump", "suite", "plan", "doctor", "up", "fault", "plugins")


@dataclass(frozen=True)
class Command:
    words: tuple[str, ...]
    is_target: bool

    def __str__(self) -> str:
        return " ".join(ascii(word[:80]) for word in (("target" if self.is_target else "springback"), *self.words))


def commands(chance: random.Random, directory: Path) -> Iterator[Command]:
    """Without end, one of each kind after another. ``directory`` gets some recordings, and what looks like one."""
    whole = directory / "whole"
    whole.mkdir()
    lines = recordings.write(recordings.login_herd(), whole).read_bytes().splitlines(keepends=True)
    os.mkfifo(directory / "pipe")
    (directory / "linked").symlink_to(whole)
    while True:
        for kind in KINDS:
            if kind in ("check", "report", "dump"):
                damaged = directory / "damaged.jsonl"
                damaged.write_bytes(b"".join(_damaged(chance, lines)))
                places = [str(each) for each in (whole, damaged, directory, directory / "linked", directory / "pipe")]
                words = [kind, *chance.choices([*places * 3, *ODD], k=chance.choice((0, 1, 1, 1, 1, 2)))]
            elif kind in ("run", "suite", "plan"):
                files = [str(runs.SCENARIOS / name) for name in SCENARIOS]
                words = [kind, chance.choice([*files * 3, str(directory / "pipe"), str(whole), *ODD])]
                # Nobody answers there, so that no reference target is started, and no run gets further than to it.
                words += ["--host", "http://127.0.0.1:9", "--runs-dir", str(directory / "runs")]
            elif kind == "plugins":
                words = [kind, chance.choice(["criteria", "probes", *ODD])]
            else:
                # Of the target only what is refused: it would stay.
                words = [kind, *(["--nonsense"] if kind == "up" else [])]
            flags = FLAGS.get("run" if kind in ("suite", "plan") else kind, ())
            for flag in chance.choices(flags, k=chance.choice((0, 1, 1, 2, 3)) if flags else 0):
                value = chance.choice(ODD)
                words += [f"{flag}={value}"] if chance.random() < 0.5 else [flag, value]
            yield Command(tuple(word.replace("\0", "") for word in words), kind in ("up", "fault"))


def _damaged(chance: random.Random, lines: Sequence[bytes]) -> list[bytes]:
    line = chance.randrange(len(lines))
    cut = chance.randrange(len(lines[line]))
    changed = (
        lines[line][:cut] + chance.choice((b"", b"\x1b[2J", b"\n", b"[" * 3000, b"9" * 40, b"\xff")) + lines[line][cut:]
    )
    return [*lines[:line], changed, *(lines[line + 1 :] if chance.random() < 0.7 else [])]


def problems(command: Command, directory: Path) -> list[str]:
    """What is wrong with how it ends; nothing when nothing is."""
    mark = f"{os.getpid()}-{random.getrandbits(64):x}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), MARK: mark, "TMPDIR": str(directory)}
    program = ["-m", "target"] if command.is_target else ["-m", "harness.cli"]
    arguments = [os.fsencode(word) for word in (sys.executable, "-P", *program, *command.words)]
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=directory,
        env=environment, start_new_session=True,
    )  # fmt: skip
    found = []
    may_wait = any(word.partition("=")[0] in WAITING for word in command.words)
    try:
        texts = process.communicate(timeout=WAITS_S if may_wait else HANGS_S)
    except subprocess.TimeoutExpired:
        if not may_wait:
            found.append(f"no end within {HANGS_S:.0f} s")
        process.terminate()
        texts = process.communicate()
    out, err = (text.decode(errors="replace") for text in texts)
    if process.returncode not in CODES:
        found.append(f"exit code {process.returncode}")
    if "Traceback" in out + err or "a defect of Springback" in err:
        found.append("a traceback")
    if safe(out + err) != out + err:
        found.append("a control character")
    if process.returncode == 2 and not err.strip():
        found.append("refused without a word")
    if left := _left(mark):
        found.append(f"left behind: {left}")
    return [f"{command}: {each}\n{err[-2000:]}" for each in found]


def _left(mark: str) -> list[str]:
    """Command lines of the processes with this mark that are still there after a moment."""
    deadline_s = time.monotonic() + 15
    while True:
        there = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                    there.append(" ".join(process.cmdline())[:200])
            except psutil.Error:
                continue
        if not there or time.monotonic() > deadline_s:
            return there
        time.sleep(0.05)


def try_many(number: int, seed: int) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        drawn = commands(random.Random(seed), directory)
        return [each for _ in range(number) for each in problems(next(drawn), directory)]


if __name__ == "__main__":
    number, seed = ([int(word) for word in sys.argv[1:]] + [200, 1][len(sys.argv) - 1 :])[:2]
    found = try_many(number, seed)
    print("\n\n".join(found))
    print(f"{number} command lines, seed {seed}: {len(found)} problems")
    sys.exit(bool(found))
