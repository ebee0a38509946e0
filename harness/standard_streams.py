"""What a command finds, and its exit code, do not depend on who reads its output, or whether anybody does."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.findings import Outcome
from harness.safe_text import say

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Output(io.FileIO):
    """Standard output. What cannot be written is dropped, and the cause of that is kept."""

    def __init__(self) -> None:
        super().__init__(1, "w", closefd=False)
        self.error: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        try:
            while self.error is None:
                written = super().write(data)
                if written is not None:
                    return written
                select.select([], [self], [])  # somebody else has set it not to block
        except OSError as error:
            self.error = error
        return memoryview(data).nbytes


@contextmanager
def kept() -> Iterator[None]:
    """For a command as a whole. Whoever has closed its output (``| head -1``, ``>&-``) has seen enough of it; where it
    could not be written for another reason (a full disk), that is said, and the exit code is not 0.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # it was closed: the next file that is opened would get its number, and be written to
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    if sys.stdout is not sys.__stdout__:  # somebody catches it within this process
        yield
        return
    output, before = _Output(), sys.stdout
    encoding, is_shown = before.encoding if before else "utf-8", output.isatty()
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(output), encoding, "backslashreplace", line_buffering=is_shown)
    code: str | int | None = 0
    try:
        yield
    except SystemExit as ending:
        code = ending.code
    sys.stdout.flush()
    if output.error is not None and output.error.errno != errno.EPIPE:
        say(f"the output could not be written: {output.error.strerror}")
        code = code or Outcome.INCONCLUSIVE.exit_code
    sys.exit(code)
