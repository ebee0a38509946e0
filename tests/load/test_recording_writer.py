"""The writer of a recording: what many load processes report becomes one account."""

from __future__ import annotations

import dataclasses
import errno
import os
import time
from pathlib import Path

import pytest

from harness.commands import dump
from harness.errors import ConfigurationError
from harness.recording import Slice, Slices, Unanswered
from harness.recording.file import FILE_NAME, read
from harness.recording.header import Phase, PlannedGate
from harness.recording.line import decode, encode
from harness.recording.marks import NodeMark
from harness.recording.values import OK, UNFINISHED
from harness.run.recording_writer import RecordingWriter
from tests import recordings

PHASES = (Phase("baseline", 0, 10), Phase("spike", 10, 20))
HEADER = dataclasses.replace(recordings.healthy().header, nodes=3, phases=PHASES, gates=())


@pytest.fixture
def writer(tmp_path: Path) -> RecordingWriter:
    made = RecordingWriter(tmp_path, HEADER, lambda _: None)
    made.set_origin(time.monotonic() - 20)
    return made


def piece(node: str, t: int = 3, latency: int = 7_000, **changes: object) -> Slice:
    made = Slice(t, node, "GET /", OK, 2, 10, {latency: 1, 7_100: 1}, {50: 2}, 1, 200)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def written(directory: Path) -> list[Slice]:
    lines = map(decode, (directory / FILE_NAME).read_bytes().splitlines(keepends=True))
    return [piece for line in lines if isinstance(line, Slices) for piece in line.slices]


def test_slices_of_all_load_processes_are_written_as_one(writer: RecordingWriter, tmp_path: Path) -> None:
    writer.report("w1", [piece("w1")], encode(NodeMark(1, "w1", "joined")))
    writer.report("w2", [piece("w2", latency=7_050), piece("w2", t=4)], "")
    assert not written(tmp_path), "there is one to come"
    writer.report("w3", [piece("w3", outcome="http 503", latency=9, status=503)], "")
    same = [each for each in written(tmp_path) if each.t == 3 and each.outcome == OK]
    assert same == [Slice(3, "", "GET /", OK, 4, 20, {7_000: 1, 7_050: 1, 7_100: 2}, {50: 4}, 2, 200)]
    assert sorted((each.t, each.node, each.status) for each in written(tmp_path)) == [
        (3, "", 200),
        (3, "w3", 503),
        (4, "w2", 200),
    ]
    assert '"node":"w1"' in (tmp_path / FILE_NAME).read_text()


def test_one_that_reports_again_does_not_wait_for_one_that_is_gone(writer: RecordingWriter, tmp_path: Path) -> None:
    writer.report("w1", [piece("w1")], "")
    writer.report("w2", [piece("w2")], "")
    writer.report("w1", [piece("w1", t=4)], "")
    assert [(each.t, each.count) for each in written(tmp_path)] == [(3, 4)]
    writer.report("w1", [piece("w1", t=5)], "", at_once=True)
    assert [each.t for each in written(tmp_path)] == [3, 4, 5]


def test_what_is_held_comes_before_the_end(writer: RecordingWriter, tmp_path: Path) -> None:
    writer.report("w1", [piece("w1")], "")
    writer.close("completed", True, 2, 0)
    found = read(tmp_path)
    assert (found.damage, [each.count for each in found.slices]) == ((), [2])


def test_who_waits_no_more_is_among_the_answered_when_the_run_is_killed(
    writer: RecordingWriter, tmp_path: Path
) -> None:
    """At no moment is a request in neither."""
    key = (3, "GET /", UNFINISHED)
    for node in ("w1", "w2", "w3"):
        writer.report(node, [], encode(Unanswered(node, ((*key, 2, 2),))))
    for node in ("w1", "w2", "w3"):
        assert sum(each.count for each in read(tmp_path).slices) == 6
        writer.report(node, [piece(node)], encode(Unanswered(node, ((*key, 0, 0),))))
    assert [(each.outcome, each.count) for each in read(tmp_path).slices] == [(OK, 6)]


def test_in_the_second_of_a_gate_load_processes_are_kept_apart(tmp_path: Path) -> None:
    header = dataclasses.replace(HEADER, gates=(PlannedGate("herd", 3.5, 10),), nodes=2)
    writer = RecordingWriter(tmp_path, header, lambda _: None)
    writer.set_origin(time.monotonic() - 20)
    for node in ("w1", "w2"):
        writer.report(node, [piece(node), piece(node, t=4)], "")
    writer.close("completed", True, 8, 0)
    for slices in (written(tmp_path), read(tmp_path).slices):
        assert sorted((each.t, each.node) for each in slices) == [(3, "w1"), (3, "w2"), (4, "")]


def test_a_dump_says_the_same_in_words(writer: RecordingWriter, tmp_path: Path) -> None:
    for node in ("w1", "w2", "w3"):
        writer.report(node, [piece(node), piece(node, t=4, service=None)], encode(NodeMark(1, node, "joined")))
    writer.close("completed", True, 12, 0)
    lines = list(dump.lines(tmp_path))
    assert [line for line in lines if '"kind":"slices"' in line] == []
    assert lines[1].startswith('{"kind":"slice","t":3,"node":"","name":"GET /","outcome":"ok","count":6,')
    told = [piece for piece in map(decode, lines) if isinstance(piece, Slice)]
    assert recordings.sums(told) == recordings.sums(read(tmp_path).slices)
    raw = (tmp_path / FILE_NAME).read_text().splitlines(keepends=True)
    assert [line for line in lines if '"kind":"slice"' not in line] == [raw[0], *raw[2:]], "all else is as it is"


def test_a_dump_leaves_what_is_damaged_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b'{"kind":"slices","rows":"eJw"}\n\xff\n[')
    assert list(dump.lines(tmp_path)) == ['{"kind":"slices","rows":"eJw"}\n', "\ufffd\n", "[\n"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "(the disk is full); free some space, or name another directory with --runs-dir"),
        (errno.EDQUOT, "(the disk quota is used up); free some space, or name another directory with --runs-dir"),
        (errno.EROFS, "(Read-only file system); name another directory with --runs-dir"),
        (errno.EACCES, "(Permission denied); name another directory with --runs-dir"),
    ],
)
def test_room_is_made_only_where_there_is_none(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ConfigurationError) as found:
        RecordingWriter(tmp_path, HEADER, lambda _: None)
    assert str(found.value) == f"{tmp_path / FILE_NAME}: cannot be written {words}"
