"""The last line of a recording: a run is complete when it came to its end and every line of it could be written."""

from __future__ import annotations

import dataclasses
import errno
import io
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.live.state import LiveState
from harness.recording import End
from harness.recording.file import read
from harness.recording.marks import LATE, LOST, STOPPING, NodeMark
from harness.run.recording_writer import RecordingWriter
from harness.run.run import Run
from harness.run.stopping import Stopping
from harness.verdict import judge
from tests.load.test_recording_writer import HEADER, piece

DURATION_S = 20


class Disk:
    """The file of a recording on a disk that is full from a write on, until room is made."""

    def __init__(self, file: io.FileIO, full_from: int) -> None:
        self._file, self._left = file, full_from

    def write(self, data: memoryview) -> int:
        self._left -= 1
        if self._left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(data)

    def truncate(self, size: int) -> int:
        self._left = 1
        return self._file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def writer_on(directory: Path, full_from: int) -> RecordingWriter:
    writer = RecordingWriter(directory, HEADER, lambda _: None)
    writer._file = Disk(writer._file, full_from)  # type: ignore[assignment]
    writer.set_origin(time.monotonic() - 21)
    return writer


@pytest.mark.parametrize(
    ("full_from", "slices", "completed"),
    [(0, [], False), (1, [3], False), (3, [3, 4], True)],
    ids=["before", "by what is held", "never"],
)
def test_a_recording_of_which_lines_are_missing_is_not_complete(
    full_from: int, slices: list[int], completed: bool, tmp_path: Path
) -> None:
    """Also where it is only the last one before the end, and nobody has looked since."""
    writer = writer_on(tmp_path, full_from)
    writer.report("w1", [piece("w1")], "", at_once=True)
    writer.report("w2", [piece("w2", t=4)], "")
    writer.close("completed", True, 4, 0)
    found = read(tmp_path)
    assert [each.t for each in found.slices] == slices and not found.damage
    assert found.end is not None
    assert (found.end.reason, found.end.completed) == (
        ("completed", True) if completed else ("the disk is full", False)
    )
    assert found.end.stopped_early is False
    guard = next(each for each in judge(found).findings if each.criterion == "run_complete")
    assert guard.outcome.value == ("PASS" if completed else "INCONCLUSIVE")


def test_why_a_run_was_ended_before_stays_the_reason(tmp_path: Path) -> None:
    writer = writer_on(tmp_path, 0)
    writer.report("w1", [piece("w1")], "", at_once=True)
    writer.close("p95 > 2 s", False, 2, 1, stopped_early=True)
    end = read(tmp_path).end
    assert end is not None
    assert dataclasses.replace(end, t=0) == End(0, "p95 > 2 s", False, 2, 1, True)


def ended(
    directory: Path,
    failure: str | None = None,
    writer_failure: str | None = None,
    stopped_early: str = "",
    stopped_after_s: float | None = DURATION_S,
) -> tuple[Run, End]:
    """A run that was stopped so long after its origin, of a plan of 20 s."""
    run: Run = object.__new__(Run)
    run.failure, run.stopped_early, run._requests, run._unfinished = failure, stopped_early, 7, 2
    run.live = LiveState(HEADER)
    run.stopping = Stopping(run.live.nodes, DURATION_S)
    run.stopping.begin(stopped_after_s)
    run._writer = RecordingWriter(directory, HEADER, run.live.add)
    run._writer.set_origin(time.monotonic() - 20.5)
    run._writer.failure = writer_failure
    run.display = SimpleNamespace(close=lambda: None)  # type: ignore[assignment]
    run._write_end("stopped by SIGTERM")
    end = read(directory).end
    assert end is not None and (end.requests, end.unfinished) == (7, 2) and 20 < end.t < 40
    return run, end


@pytest.mark.parametrize(
    ("how", "reason", "completed", "early"),
    [
        ({}, "completed", True, False),
        ({"stopped_after_s": 19.9}, "stopped by SIGTERM", False, False),
        ({"stopped_after_s": None}, "stopped by SIGTERM", False, False),
        ({"failure": "every load process was lost"}, "every load process was lost", False, False),
        ({"writer_failure": "the disk is full"}, "the disk is full", False, False),
        ({"writer_failure": "the disk is full", "stopped_after_s": 5}, "the disk is full", False, False),
        ({"stopped_early": "p95 > 2 s", "stopped_after_s": 5}, "p95 > 2 s", False, True),
        ({"stopped_early": "p95 > 2 s", "stopped_after_s": 5, "failure": "lost"}, "lost", False, False),
        ({"failure": "lost", "writer_failure": "the disk is full"}, "lost", False, False),
    ],
)
def test_a_run_is_complete_only_where_nothing_broke_it_off(
    how: dict[str, Any], reason: str, completed: bool, early: bool, tmp_path: Path
) -> None:
    run, end = ended(tmp_path, **how)
    assert (end.reason, end.completed, end.stopped_early) == (reason, completed, early)
    assert run.failure == (how.get("failure") or how.get("writer_failure"))


def test_nodes_that_are_silent_or_late_are_told_once(tmp_path: Path) -> None:
    run: Run = object.__new__(Run)
    run.live = LiveState(HEADER)
    run._writer = RecordingWriter(tmp_path, HEADER, run.live.add)
    run._writer.set_origin(time.monotonic())
    for name in ("w1", "w2", "w3"):
        run.mark(NodeMark(0, name, "joined"))
    run.mark(NodeMark(0, "w1", "finished"))
    for _ in range(2):
        run.note_late("w9")
        run.note_lost("w2", "no heartbeat")
        run._give_up_on_silent_nodes()
    run._writer.close("completed", True, 0, 0)
    told = [(mark.node, mark.event) for mark in read(tmp_path).node_events if mark.event in (LOST, LATE, STOPPING)]
    assert told == [("w9", LATE), ("w2", LOST), ("w3", LOST)]


def test_a_run_that_is_stopped_early_takes_the_load_away_and_then_its_faults() -> None:
    run: Run = object.__new__(Run)
    steps: list[str] = []
    run.stopped_early = "p95 > 2 s"
    run.display = SimpleNamespace(tell=lambda *_: steps.append("told"))  # type: ignore[assignment]
    run.stopping = SimpleNamespace(begin=lambda _: steps.append("begun"), has_begun=True)  # type: ignore[assignment]
    run.elapsed_s = lambda: 5.0  # type: ignore[method-assign]
    run._halt_nodes = lambda: steps.append("halted")
    run._injector = SimpleNamespace(begin_undoing=lambda: steps.append("undoing"))  # type: ignore[assignment]
    run._stop_early()
    run.begin_stopping()
    assert steps == ["told", "begun", "halted", "undoing"]
