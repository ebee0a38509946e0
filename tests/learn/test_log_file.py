"""Access logs of every known format are read whole, and what of them cannot be is said; never their text."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import time
from collections import Counter
from datetime import UTC, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigurationError
from harness.learn import log_file
from harness.learn.log_file import offset_of, read_logs
from harness.learn.traffic import Traffic
from tests.learn.logs import WRITERS, Seen, combined, common, haproxy

START = 1_781_344_800
TARGETS = st.sampled_from(["/", "/cart", "/items/7", "/search?q=hush", "/a%20b", "/x/y.css"])
SEEN = st.builds(
    Seen, st.integers(START, START + 200_000), st.sampled_from(["GET", "POST", "HEAD"]), TARGETS, st.just(200)
)


def read(path: Path, *lines: str, text: bytes | None = None, offset: int | None = None) -> Traffic:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode() if text is None else text)
    return read_logs([str(path)], offset)


def refusal(path: Path, text: bytes) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(path, text=text)
    (message,) = raised.value.messages
    return message


def by_second(traffic: Traffic) -> Counter[int]:
    start, counts = traffic.counts(1)
    return Counter({start + place: int(counts[place]) for place in np.flatnonzero(counts).tolist()})


@pytest.mark.parametrize("writer", WRITERS)
@given(seen=st.lists(SEEN, min_size=1, max_size=40))
def test_every_request_is_counted_in_its_second_whatever_the_format(
    tmp_path_factory: pytest.TempPathFactory, writer: str, seen: list[Seen]
) -> None:
    """Out of order, too: each line counts at its own time, and a query is never taken."""
    traffic = read(tmp_path_factory.getbasetemp() / f"{writer}.log", *map(WRITERS[writer], seen))
    assert by_second(traffic) == Counter(each.second for each in seen)
    told = {(kind.method, path): count for kind in traffic.mix.kinds() for path, count in kind.samples.items()}
    assert told == Counter((each.method, each.target.partition("?")[0]) for each in seen)
    assert traffic.with_query == sum("?" in each.target for each in seen)
    assert "left out" not in traffic.notes[0]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_read(tmp_path: Path, pack: object) -> None:
    text = "".join(f"{common(Seen(START + n))}\n" for n in range(1000)).encode()
    assert read(tmp_path / "a.log.gz", text=pack(text)).total == 1000  # type: ignore[operator]


def test_of_a_compressed_file_that_ends_early_the_beginning_is_read(tmp_path: Path) -> None:
    """As one is that is still being written."""
    lines = [combined(Seen(START + random.Random(n).randrange(9999))) for n in range(50_000)]
    packed = gzip.compress("\n".join(lines).encode())
    traffic = read(tmp_path / "a.gz", text=packed[: len(packed) // 2])
    assert 10_000 < traffic.total < 40_000
    assert "the compressed file ends early, after line" in traffic.notes[0]


@pytest.mark.parametrize("writer", ["common", "json_nginx"])
def test_marks_and_line_ends_of_other_systems_lose_no_line(tmp_path: Path, writer: str) -> None:
    lines = "".join(f"{WRITERS[writer](Seen(START + n))}\r\n" for n in range(100))
    traffic = read(tmp_path / "a.log", text=lines.encode("utf-8-sig"))
    assert traffic.total == 100 and "left out" not in traffic.notes[0]
    assert "iconv -f UTF-16" in refusal(tmp_path / "a.log", lines.encode("utf-16"))


def test_what_is_left_out_is_said_with_its_first_line(tmp_path: Path) -> None:
    lines = [common(Seen(START + n)) for n in range(10)]
    lines[4] = "hush: what is this"
    lines[6] = '10.0.0.1 - - [13/Jun/2026:10:00:00 +0000] "-" 408 0'
    lines[7] = lines[7].replace("13/Jun", "32/Jun")
    (note,) = read(tmp_path / "a.log", *lines).notes
    assert "10 lines, nginx or Apache" in note and "left out 2 of no such format, the first is line 5" in note
    assert "left out 1 without a request" in note and "hush" not in note


def test_a_last_line_that_is_cut_off_is_said(tmp_path: Path) -> None:
    text = "\n".join(common(Seen(START + n)) for n in range(3)).encode()[:-40]
    traffic = read(tmp_path / "a.log", text=text)
    assert traffic.total == 2 and "the first is line 3 (the last one, cut off)" in traffic.notes[0]


def test_pieces_of_any_size_lose_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "PIECE_BYTES", 1000)
    monkeypatch.setattr(log_file, "BITE_BYTES", 333)
    lines = [combined(Seen(START + n)) for n in range(500)]
    lines[321] = "?"
    traffic = read(tmp_path / "a.log", *lines)
    assert traffic.total == 499 and "the first is line 322" in traffic.notes[0]


def test_a_large_file_is_read_a_piece_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bites of four bytes: no piece has more than the two that reach eight, and what is left of a line."""
    monkeypatch.setattr(log_file, "PIECE_BYTES", 8)
    monkeypatch.setattr(log_file, "BITE_BYTES", 4)
    (tmp_path / "a.log").write_bytes(b"one\ntwo\nthree\nsix")
    file = log_file._File("a.log", tmp_path / "a.log", Traffic(), None)
    assert list(file.pieces()) == [b"one\ntwo\n", b"three\n", b"six"]


def test_zones_are_taken_in_utc_and_said(tmp_path: Path) -> None:
    """Also where summer time ends: the same hour comes twice, and is two hours."""
    zones = (timezone(timedelta(hours=2)), timezone(timedelta(hours=1)))
    traffic = read(tmp_path / "a.log", *(common(Seen(START + 3600 * n), zone) for n, zone in enumerate(zones)))
    assert by_second(traffic) == Counter([START, START + 3600])
    assert "zones +0100, +0200, all taken in UTC (an hour apart, as where summer time" in traffic.notes[0]
    zones = (timezone(timedelta(hours=-5)), UTC)
    far = read(tmp_path / "b.log", *(common(Seen(START), zone) for zone in zones))
    assert far.notes[0].endswith("zones +0000, -0500, all taken in UTC")


def test_a_zone_that_is_none_makes_a_line_of_no_known_format(tmp_path: Path) -> None:
    """It would shift the hours by days, and nobody would see."""
    lines = [common(Seen(START + n)) for n in range(5)]
    lines[2] = lines[2].replace("+0000", "+9999")
    traffic = read(tmp_path / "a.log", *lines)
    assert traffic.total == 4 and "the first is line 3" in traffic.notes[0]


def test_times_without_a_zone_are_taken_as_they_are_said_to_be(tmp_path: Path) -> None:
    """Beside times that have one it has to be said."""
    line = haproxy(Seen(START))
    assert "times without a zone, taken as UTC" in read(tmp_path / "h.log", line).notes[0]
    assert by_second(read(tmp_path / "h.log", line, offset=offset_of("+02:00"))) == Counter([START - 7200])
    (tmp_path / "c.log").write_text(common(Seen(START)) + "\n")
    with pytest.raises(ConfigurationError, match=r"h\.log: its times have no zone, .*c\.log have one; .*--utc-offset"):
        read_logs([str(tmp_path / "h.log"), str(tmp_path / "c.log")])
    assert read_logs([str(tmp_path / "h.log"), str(tmp_path / "c.log")], 0).total == 2


KNOWN = "known are: nginx or Apache, common or combined; HAProxy, HTTP; AWS load balancer; JSON, an object a line"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "it is empty"),
        (b"\n\n", "no request in any line"),
        (b"hush\nhush\n", f"line 1 and all others are of no known format; {KNOWN}"),
        (b"\x7fELF\0\0hush", f"it is no text; {KNOWN}"),
        (b"(\xb5/\xfd1234", "it is compressed by zstd; unpack it with unzstd"),
        (gzip.compress(b"x" * 5000)[:-8] + b"\0" * 8, "the compressed file is damaged"),
        (b'{"\xed\xa0\x80": "hush"}\n', "line 1 and all others are of no known format"),
        (b'{"message": "hush"}\n', "line 1 and all others are of no known format"),
        (b"[" * 200_000, "line 1 and all others are of no known format"),
        (b"x" * 1_200_000, "line 1 is longer than a megabyte"),
        (common(Seen(START)).encode() + b"\nhush\nhush\nhush\n", "3 of 4 lines are not nginx or Apache"),
        (b'10.0.0.1 - - [13/Jun/2026:10:00:00 +0000] "-" 408 0\n', "no request in any line"),
    ],
)
def test_what_is_no_access_log_is_refused_in_one_line(tmp_path: Path, text: bytes, told: str) -> None:
    message = refusal(tmp_path / "a.log", text)
    assert told in message and "a.log" in message and "hush" not in message


def test_all_files_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(common(Seen(START)) + "\n")
    names = [str(tmp_path / name) for name in ("none.log", "a.log", ".")] + [str(tmp_path / "a.log"), "/dev/zero"]
    with pytest.raises(ConfigurationError) as raised:
        read_logs(names)
    told = "\n".join(raised.value.messages)
    for words in ("No such file", "Is a directory", "it is named twice", "not a regular file"):
        assert words in told


def test_clocks_that_are_years_apart_are_refused(tmp_path: Path) -> None:
    lines = [common(Seen(86_400 * 7 * n)) for n in range(1000)]
    message = refusal(tmp_path / "a.log", "\n".join(lines).encode())
    assert "more than 800 days" in message and "a clock that was wrong" in message


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(text)
    try:
        assert read_logs([str(path)]).total
    except ConfigurationError as error:
        assert all("any.log" in message and "\n" not in message for message in error.messages)


@pytest.mark.parametrize("text", ["2", "+25:00", "+1:00", "hush"])
def test_an_offset_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"give hours and minutes with a sign"):
        offset_of(text)


def test_a_hundred_thousand_lines_take_less_than_a_second_of_cpu(tmp_path: Path) -> None:
    lines = [combined(Seen(START + n // 50, target=f"/items/{n % 5000}?q={n}")) for n in range(100_000)]
    (tmp_path / "a.log").write_text("\n".join(lines))
    took_s: list[float] = []
    while len(took_s) < 3 and min(took_s, default=1) >= 1:  # what else is in the caches makes the same work dearer
        before_s = time.process_time()
        assert read_logs([str(tmp_path / "a.log")]).total == 100_000
        took_s.append(time.process_time() - before_s)
    assert min(took_s) < 1
