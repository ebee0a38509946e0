"""Writes the recording of a run, line by line as it goes."""

from __future__ import annotations

import copy
import errno
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import ConfigurationError
from harness.recording import End, ProbeSample, Slice, Slices
from harness.recording.file import FILE_NAME
from harness.recording.header import Header
from harness.recording.line import encode
from harness.recording.marks import Mark
from harness.recording.seal import Sealer
from harness.recording.slices import SliceSums
from harness.safe_text import say

_ANOTHER = "name another directory with --runs-dir"
_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
RESERVE_BYTES = 16_384
"""Kept free for the last line, should the disk become full."""


def make_run_directory(runs: Path, scenario: str) -> tuple[Path, str]:
    """Makes ``runs/<utc>-<scenario>`` and returns it with the start's ISO 8601 text.

    Raises ConfigurationError when it cannot be made.
    """
    while True:
        now = datetime.now(UTC)
        path = runs / f"{now:%Y%m%dT%H%M%SZ}-{scenario}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.is_dir():
                raise ConfigurationError(f"--runs-dir {runs}: is no directory; name another") from None
            time.sleep(0.1)  # two runs in one second: the next second is free
            continue
        except OSError as error:
            raise ConfigurationError(
                f"--runs-dir {runs}: cannot be written ({error.strerror}); name a directory that can"
            ) from None
        return path, f"{now:%Y-%m-%dT%H:%M:%SZ}"


class RecordingWriter:
    """Puts what happens on the run's time axis and into its recording, also what came before the origin.

    Instants are of the monotonic clock; lines get their ``t`` here, seconds after the origin, and are flushed one by
    one. What the nodes report is held until all of them have, or one of them does so again, which is about a second:
    by then their slices are added up. A kill loses that, and what the nodes had not reported yet. ``on_sample`` sees
    each sample as it is written. A disk that is full or away is remembered in ``failure``; the load goes on without it.
    """

    def __init__(self, directory: Path, header: Header, on_sample: Callable[[ProbeSample], None]) -> None:
        self.failure: str | None = None
        """Why the recording cannot be written any more; None when it can."""
        self._on_sample = on_sample
        self._origin_s: float | None = None
        self._early: list[tuple[Mark | ProbeSample, float]] = []
        self._sealer = Sealer()
        self._whole_bytes = 0
        self._nodes = header.nodes
        self._held: dict[str, str] = {}
        """Node → the lines of its report that wait to be written."""
        self._slices = SliceSums(header)
        """Those of these reports."""
        path = directory / FILE_NAME
        self._reserve = directory / ".reserve"
        try:
            self._file = path.open("wb", buffering=0)  # whole lines, which nothing keeps back
            self._reserve.write_bytes(bytes(RESERVE_BYTES))
            self._put(encode(header))
        except OSError as error:
            remedy = f"free some space, or {_ANOTHER}" if error.errno in _FULL else _ANOTHER
            raise ConfigurationError(f"{path}: cannot be written ({_cause(error)}); {remedy}") from None

    def elapsed_s(self) -> float | None:
        """Seconds after the origin; None before there is one."""
        return None if self._origin_s is None else time.monotonic() - self._origin_s

    def t_of(self, instant_s: float | None = None) -> float:
        """Seconds after the origin of an instant, or of the present one; 0 before there is an origin."""
        if self._origin_s is None:
            return 0.0
        return round((time.monotonic() if instant_s is None else instant_s) - self._origin_s, 3)

    def set_origin(self, origin_s: float) -> None:
        """Once; what came before is written now."""
        self._origin_s = origin_s
        early, self._early = self._early, []
        for line, instant_s in early:
            self.write(line, instant_s)

    def write(self, line: Mark | ProbeSample, instant_s: float | None = None) -> None:
        """Writes ``line`` with the ``t`` of an instant, or of the present one."""
        if instant_s is None:
            instant_s = time.monotonic()
        if self._origin_s is None:
            self._early.append((line, instant_s))
            return
        placed = replace(line, t=self.t_of(instant_s))
        self.append(encode(placed))
        if isinstance(placed, ProbeSample):
            self._on_sample(placed)

    def report(self, node: str, slices: Iterable[Slice], lines: str, at_once: bool = False) -> None:
        """What a node reports: its slices, and all else as encoded lines. Both are written together, so that a request
        is never neither among those that wait nor among those that were answered.
        """
        if node in self._held:
            self._write_held()
        self._held[node] = lines
        for piece in slices:
            self._slices.add(piece)
        if at_once or len(self._held) >= self._nodes:
            self._write_held()

    def _write_held(self) -> None:
        held, self._held = self._held, {}
        slices = tuple(self._slices.take())
        self.append("".join([encode(Slices(slices)) if slices else "", *held.values()]))

    def append(self, text: str) -> None:
        """Whole lines that are encoded already. They get their numbers here: this is the one place that knows their
        order.
        """
        if self._file.closed or self.failure or not text:
            return
        try:
            self._put(text)
            if os.fstat(self._file.fileno()).st_nlink == 0:
                self._fail("its directory was deleted")
        except OSError as error:
            self._fail(_cause(error))

    def _put(self, text: str) -> None:
        before = copy.copy(self._sealer)
        sealed = "".join(self._sealer.sealed(text.splitlines(keepends=True))).encode()
        left = memoryview(sealed)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._sealer = before  # as if these lines had never been: they will be cut off
            raise
        self._whole_bytes += len(sealed)

    def _fail(self, cause: str) -> None:
        self.failure = cause
        say(f"the recording cannot be written: {cause}")

    def _make_room(self) -> None:
        """For the last line, which says why there are no more: the reserve, and the room of a line that is cut off."""
        self._reserve.unlink(missing_ok=True)
        if self.failure:
            self._file.truncate(self._whole_bytes)
            self._file.seek(self._whole_bytes)

    def close(self, reason: str, completed: bool, requests: int, unfinished: int, stopped_early: bool = False) -> None:
        """Writes the last line. A run whose other lines could not all be written is not complete, whenever that was."""
        if self._origin_s is None:
            self.set_origin(time.monotonic())
        self._write_held()
        if completed and self.failure:
            reason, completed = self.failure, False
        t = round(self.elapsed_s() or 0.0, 3)
        if self._file.closed:
            return
        try:
            self._make_room()
            self._put(encode(End(t, reason, completed, requests, unfinished, stopped_early)))
            self._file.close()
        except OSError as error:
            if not self.failure:
                self._fail(_cause(error))


def _cause(error: OSError) -> str:
    words = {**_FULL, errno.ENOENT: "it is gone"}
    return words.get(error.errno or 0, error.strerror or str(error))
