"""``springback dump``: every line of a recording as JSON that can be read, whatever stands in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.commands.dump import lines
from harness.errors import ConfigurationError
from harness.recording import Slices
from harness.recording.file import FILE_NAME
from harness.safe_text import safe
from tests import recordings

EVIL = "\x1b]0;owned\x07 \x9b2J \u202e\r\n"


def test_packed_slices_are_a_line_each_and_all_else_stays(tmp_path: Path) -> None:
    run = recordings.login_herd(baseline_s=10, recovery_s=10, herd_users=10)
    named = tuple(replace(piece, name=piece.name + EVIL) for piece in run.slices)
    texts = recordings.texts([run.header, Slices(named), run.end or 0])  # type: ignore[list-item]
    (tmp_path / FILE_NAME).write_text("".join(texts).replace("login-herd", "\x9blogin"), encoding="utf-8")
    printed = list(lines(tmp_path))
    assert all(safe(line) == line and line.count("\n") == 1 and line.endswith("\n") for line in printed)
    header, *slices, end = map(json.loads, printed)
    assert (header["kind"], header["scenario"], end["kind"]) == ("header", "\x9blogin", "end")
    assert {line["kind"] for line in slices} == {"slice"} and len(slices) == len(named)
    assert sum(line["count"] for line in slices) == sum(piece.count for piece in named)


def test_what_cannot_be_read_as_a_line_is_printed_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(b'Dear diary\n{"kind":"slices","rows":"x"}\n\xff\x1b[2J\ncut off')
    damaged = '{"kind":"slices","rows":"x"}\n'
    assert list(lines(file)) == ["Dear diary\n", damaged, "\N{REPLACEMENT CHARACTER}\\u001b[2J\n", "cut off\n"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        list(lines(tmp_path))
