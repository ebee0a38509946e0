"""The exit code of a command whose output is closed, read by nobody any more, or cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.recording.file import FILE_NAME
from tests import recordings

ROOT = Path(__file__).parents[2]
FAILING = """
import sys
from harness.standard_streams import kept
with kept():
    for _ in range(3):
        print("é" * 100_000)
    print("said", file=sys.stderr)
    sys.exit(int(sys.argv[1]))
"""


@contextmanager
def no_reader() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def ended(code: int, arguments: Sequence[str], output: int, **options: object) -> str:
    """What is on standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(
        command, stdout=output, stderr=subprocess.PIPE, text=True, env=environment, check=False, timeout=60, **options
    )  # type: ignore[call-overload]
    assert done.returncode == code, done.stderr
    return str(done.stderr)


@pytest.mark.parametrize("code", [0, 3])
def test_a_reader_that_has_gone_changes_nothing(code: int) -> None:
    with no_reader() as output:
        assert ended(code, ["-c", FAILING, str(code)], output) == "said\n"


@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1)])
def test_closed_descriptors_change_nothing(closed: tuple[int, ...]) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    assert ended(3, ["-c", FAILING, "3"], subprocess.DEVNULL, preexec_fn=close) == "said\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(("code", "ends_with"), [(0, 4), (3, 3)])
def test_output_that_cannot_be_written_is_said_and_no_pass(code: int, ends_with: int) -> None:
    with Path("/dev/full").open("wb") as full:
        said = ended(ends_with, ["-c", FAILING, str(code)], full.fileno())
    assert said == "said\nspringback: the output could not be written: No space left on device\n"


def test_a_verdict_that_nobody_reads_is_the_exit_code(tmp_path: Path) -> None:
    recordings.write(recordings.failing(), tmp_path)
    with no_reader() as output:
        assert not ended(3, ["-m", "harness.cli", "check", str(tmp_path / FILE_NAME)], output)
