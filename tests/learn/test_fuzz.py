"""Whatever stands in a file: a documented exit code, one line a problem, no traceback, no control character."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import main
from harness.safe_text import safe
from tests.learn.logs import WRITERS, Seen

SECRET = "hush-4711"
SEEN = [Seen(1_781_344_800 + 7 * n, "GET", f"/items/{n}?token={SECRET}") for n in range(40)]
LOGS = ["\n".join(map(writer, SEEN)) for writer in WRITERS.values()]
SERIES = ["time,level\n" + "".join(f"{n},{n % 7}\n" for n in range(40)), "a;b;c\n" + "1;2,5;x\n" * 20]
ENTRIES = [{"request": {"method": "GET", "url": f"https://a.example/{n}?key={SECRET}"}} for n in range(5)]
HARS = [json.dumps({"log": {"entries": ENTRIES}})]
ODD = st.sampled_from(
    ["", "\n", "\0", "\x1b[2J", "\u202e", "nan", "-1", "1e400", '"', "{", "]", ",", ";", "9" * 30, "\ud800", "[01/"]
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """One of them with some places changed, or cut off."""
    text = draw(st.sampled_from([*LOGS, *SERIES, *HARS]))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(ODD) + text[at + draw(st.sampled_from([0, 0, 1, 30])) :]
    return (
        text[: draw(st.integers(0, len(text)))].encode(errors="surrogatepass")
        if draw(st.booleans())
        else text.encode(errors="surrogatepass")
    )


def run(*words: str) -> tuple[object, str]:
    streams = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    code: object = 0
    with (
        mock.patch.object(sys, "argv", ["springback", *words]),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    written = ""
    for stream in streams:
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        written += stream.buffer.getvalue().decode()
    return code, written


@settings(max_examples=80)
@given(text=texts(), command=st.sampled_from([("learn",), ("import", "log"), ("import", "har")]))
def test_any_file_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, command: tuple[str, ...]
) -> None:
    directory = tmp_path_factory.getbasetemp() / "fuzz"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / "any.log").write_bytes(text)
    output = directory / ("learned" if command == ("learn",) else "any.py")
    code, told = run(*command, str(directory / "any.log"), "--output", str(output), "--force")
    assert code in (0, 2) and told.strip(), (code, told)
    assert "Traceback" not in told and "a defect of Springback" not in told and safe(told) == told
    written = "".join(path.read_text() for path in (*directory.glob("*.py"), *directory.glob("learned/*")))
    is_in_queries = text.count(SECRET.encode()) == sum(
        text.count(f"?{key}={SECRET}".encode()) for key in ("token", "key")
    )
    assert not is_in_queries or SECRET not in told + written
    if code == 2:
        assert all(line.startswith("springback: ") for line in told.splitlines())


def test_a_name_with_control_characters_is_shown_without_them(tmp_path: Path) -> None:
    name = tmp_path / "a\x1b[2J\u202e.log"
    name.write_text(LOGS[0])
    code, told = run("import", "log", str(name), "--output", str(tmp_path / "b\x1b.py"))
    assert code == 0 and safe(told) == told and "\x1b" not in (tmp_path / "b\x1b.py").read_text()
