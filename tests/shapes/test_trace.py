"""Traces: files that can be replayed, and what is said of those that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapes.trace import Trace
from tests.shapes import every


def trace(path: Path, text: str | bytes, scale: float = 1.0, speed: float = 1.0) -> Trace:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    made = every.shape("trace", trace_file=str(path), trace_scale=scale, trace_speed=speed, baseline_s=10)
    assert isinstance(made, Trace)
    return made


def test_a_trace_is_replayed_at_a_scale_and_a_speed(tmp_path: Path) -> None:
    """Times count from the first row; between rows the level goes straight; two rows of one time are a step."""
    text = "\ufefftime,level\n# seen on a Monday\n\n1700000000,100\n1700000060,300\n1700000060,200\n1700000120,400\n"
    shape = trace(tmp_path / "t.csv", text, scale=0.1, speed=6)
    assert shape.problems() == []
    assert [shape.level(t) for t in (0, 10, 15, 20, 25, 29.99, 30, 80)] == pytest.approx(
        [10, 10, 20, 20, 30, 40, 40, 40], abs=0.05
    )
    assert [phase.end_s for phase in shape.profile().phases] == [10, 30, 90]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["0 rows of time,level; a trace needs two or more"]),
        ("time,level\n", ["0 rows of time,level; a trace needs two or more"]),
        ("0,1\n", ["1 rows of time,level; a trace needs two or more"]),
        ("5,1\n5,2\n", ["all rows are of one time"]),
        ("0,1\n5,2\n3,2\n9,1\n", ["line 3: the time goes back, from 5"]),
        ("0,1\n1,-2\nx,3\n3,y\n4\n5,6,7\n6,nan\n", [
            "line 2: the level is below 0",
            "line 3: the time is not a number",
            "line 4: the level is not a number",
            "line 5: 1 fields instead of time,level",
            "line 6: 3 fields instead of time,level",
            "line 7: the level is not a number",
        ]),
        ("hello,world\n0,1\n1,1\n", ["line 1: neither two numbers nor the heading time,level"]),
        (b"\xff\xfe\x00\x01", ["cannot be read: not a CSV file"]),
        (b"0,1\n1,\x00\n", ["the level is not a number"]),
        ("0,1\n" + "0,x\n" * 30, [f"line {n}: the level is not a number" for n in range(2, 12)] + ["20 more problems"]),
        ("0,1\n" * 20_001, ["line 20001: more than 20,000 rows; thin the trace out"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_line_by_line(tmp_path: Path, text: str | bytes, told: list[str]) -> None:
    """All of it at once, with the file's name."""
    shape = trace(tmp_path / "t.csv", text)
    problems = shape.problems()
    assert len(problems) == len(told), problems
    for problem, expected in zip(problems, told, strict=True):
        assert expected in problem and "t.csv" in problem


def test_the_text_of_a_file_is_never_repeated(tmp_path: Path) -> None:
    """Whoever can name a file in the web form must not be able to read it there."""
    shape = trace(tmp_path / "t.csv", "root:x:0:0:secret\nword,hunter2\n")
    assert not any(word in " ".join(shape.problems()) for word in ("secret", "hunter2", "root:"))


@pytest.mark.parametrize(
    ("name", "told"), [("none.csv", "no such file"), (".", "not a file"), ("/dev/zero", "not a file")]
)
def test_only_a_file_is_read(tmp_path: Path, name: str, told: str) -> None:
    """A device would never end."""
    shape = every.shape("trace", trace_file=str(tmp_path / name))
    (problem,) = shape.problems()
    assert told in problem


def test_a_file_is_read_afresh_at_every_check(tmp_path: Path) -> None:
    """Between two runs of one session it may have been mended."""
    shape = trace(tmp_path / "t.csv", "0,1\n9,x\n")
    assert shape.problems()
    (tmp_path / "t.csv").write_text("0,1\n9,8\n")
    assert shape.problems() == [] and shape.profile().users.peak == 8
