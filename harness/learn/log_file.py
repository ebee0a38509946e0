"""Reads access logs, plain or compressed, of any size, in pieces; counts the lines that could not be read, and says
where they are."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from operator import gt, itemgetter
from pathlib import Path
from typing import IO, Any, cast

from harness.errors import ConfigurationError
from harness.learn.log_formats import KNOWN, best, misses
from harness.learn.log_lines import LogFormat, Moment
from harness.learn.traffic import Traffic
from harness.regular_file import regular

PIECE_BYTES, BITE_BYTES = 4 * 1024 * 1024, 128 * 1024
LONGEST_LINE_BYTES = 1024 * 1024
SAMPLE_LINES = 1000
LEAST_SHARE = 0.5
"""Of the lines: where fewer are of the best format, the file is of another one."""
REFUSED = (b"4", b"5")
"""How the statuses begin of requests that count, but that nobody should send again."""
COMPRESSED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
UTF_8_MARK, UTF_16_MARKS = codecs.BOM_UTF8, (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""That some programs write before the first line."""
SUMMER_TIME = (
    " (an hour apart, as where summer time begins or ends: for four days from then on the edges of a day, an hour off "
    "in UTC, may be taken for spikes)"
)
_CORRUPT = (EOFError, zlib.error, lzma.LZMAError, OSError)


def read_logs(names: Sequence[str], offset_s: int | None = None) -> Traffic:
    """All of these files together. ``offset_s``: how far times without a zone are ahead of UTC; None: nobody has said.

    Raises ConfigurationError with all problems: of each file the first line that is of no known format, never its text.
    """
    traffic = Traffic()
    problems: list[str] = []
    seen: dict[Path, str] = {}
    for name in names:
        try:
            path = regular(Path(name))
            if (other := seen.setdefault(path.resolve(), name)) != name or names.count(name) > 1:
                if not any(name in problem for problem in problems):
                    problems.append(f"{name}: it is named twice{'' if other == name else f', also as {other}'}")
                continue
            _File(name, path, traffic, offset_s).read()
        except ConfigurationError as error:
            problems += error.messages
        except (OSError, ValueError) as error:
            problems.append(f"{name}: cannot be read ({getattr(error, 'strerror', None) or 'not a path'})")
    if not problems and traffic.has_zones and traffic.lacks_zones and offset_s is None:
        problems.append(
            f"{traffic.lacks_zones}: its times have no zone, and those of {traffic.has_zones} have one; say how far "
            "the former are ahead of UTC with --utc-offset, e.g. --utc-offset +01:00"
        )
    if not problems and not traffic.total:
        problems.append(f"{', '.join(names)}: no request in any line")
    if problems:
        raise ConfigurationError(problems)
    return traffic


def _minutes(zone: str) -> int:
    """That ``+0130`` is ahead of UTC."""
    return (int(zone[1:3]) * 60 + int(zone[3:5])) * (-1 if zone[0] == "-" else 1)


def offset_of(text: str) -> int | None:
    """Seconds of ``+02:00``; None for nothing. Raises ConfigurationError."""
    if not text:
        return None
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if not found or int(found[2]) > 14 or int(found[3]) > 59:
        raise ConfigurationError(f"--utc-offset {text!a}: give hours and minutes with a sign, e.g. +02:00")
    return (int(found[2]) * 3600 + int(found[3]) * 60) * (1 if found[1] == "+" else -1)


def start_of(name: str) -> list[bytes]:
    """The first lines of a file, unpacked. Raises ConfigurationError and OSError for what cannot be read."""
    file = _File(name, regular(Path(name)), Traffic(), None)
    return next(file.pieces(), b"").split(b"\n")[:SAMPLE_LINES]


class _File:
    def __init__(self, name: str, path: Path, traffic: Traffic, offset_s: int | None) -> None:
        self.name, self.path, self.traffic, self.offset_s = name, path, traffic, offset_s
        self.format: LogFormat | None = None
        self.lines = self.read_lines = self.without_request = 0
        self.first_missed = 0
        self.cut = ""
        """In words, where a compressed file has an end before its end."""
        self.zones: set[str | None] = set()
        self.backward = 0
        self.latest_s = -(2**62)

    def read(self) -> None:
        """Raises ConfigurationError."""
        line_ends = True
        for piece in self.pieces():
            line_ends = piece.endswith(b"\n")
            self._take(piece)
        if not self.lines:
            raise ConfigurationError(f"{self.name}: {self.cut or 'it is empty'}")
        assert self.format is not None
        missed = self.lines - self.read_lines
        if self.read_lines < LEAST_SHARE * self.lines:
            raise ConfigurationError(self._no_log(missed))
        note = f"{self.name}: {self.lines:,} lines, {self.format.title}"
        if missed:
            last = (
                " (the last one, cut off)" if missed == 1 and self.first_missed == self.lines and not line_ends else ""
            )
            note += f"; left out {missed:,} of no such format, the first is line {self.first_missed:,}{last}"
        if self.without_request:
            note += f"; left out {self.without_request:,} without a request"
        if self.backward:
            note += f"; {self.backward:,} lines are earlier than the line before, and each counts at its own time"
        zones = sorted(zone for zone in self.zones if zone)
        if len(zones) > 1:
            note += f"; zones {', '.join(zones)}, all taken in UTC"
            if len(zones) == 2 and abs(_minutes(zones[0]) - _minutes(zones[1])) == 60:
                note += SUMMER_TIME
        if None in self.zones:
            note += f"; times without a zone, taken as {'UTC' if self.offset_s is None else 'they were said to be'}"
            note += " (an hour is missing or doubled where summer time begins or ends)"
        self.traffic.notes.append(f"{note}{f'; {self.cut}' if self.cut else ''}")

    def _no_log(self, missed: int) -> str:
        assert self.format is not None
        if not self.read_lines:
            found = f"line {self.first_missed:,} and all others are of no known format"
        else:
            found = f"{missed:,} of {self.lines:,} lines are not {self.format.title}, first line {self.first_missed:,}"
        return f"{self.name}: {found}; known are: {KNOWN}"

    def pieces(self) -> Iterator[bytes]:
        """Whole lines, some megabytes at a time."""
        with self.path.open("rb") as raw:
            start = raw.read(6)
            raw.seek(0)
            opened = next((opener for magic, opener in COMPRESSED.items() if start.startswith(magic)), None)
            if start.startswith(b"(\xb5/\xfd"):
                raise ConfigurationError(f"{self.name}: it is compressed by zstd; unpack it with unzstd")
            file = cast(IO[bytes], raw if opened is None else opened(raw, "rb"))
            rest = b""
            is_first = True
            for data in self._read(file, is_compressed=opened is not None):
                if is_first:
                    if data.startswith(UTF_16_MARKS):
                        raise ConfigurationError(f"{self.name}: it is UTF-16; convert it with iconv -f UTF-16 -t UTF-8")
                    data = data.removeprefix(UTF_8_MARK)
                    is_first = False
                if b"\0" in data[:4096] and not self.lines:
                    raise ConfigurationError(f"{self.name}: it is no text; known are: {KNOWN}")
                head, newline, tail = data.rpartition(b"\n")
                if newline:
                    yield rest + head + newline
                    rest = tail
                else:
                    rest += data
                if len(rest) > LONGEST_LINE_BYTES:
                    raise ConfigurationError(
                        f"{self.name}: line {self.lines + 1:,} is longer than a megabyte; known are: {KNOWN}"
                    )
            if rest:
                yield rest

    def _read(self, file: IO[bytes], is_compressed: bool) -> Iterator[bytes]:
        """In small bites: what came before a damaged place is not lost with it."""
        bites: list[bytes] = []
        size = 0
        while True:
            try:
                bite = file.read1(BITE_BYTES)  # type: ignore[attr-defined]  # all of them are buffered
            except _CORRUPT as error:
                if not is_compressed:
                    raise
                yield b"".join(bites)
                if isinstance(error, EOFError):
                    self.cut = f"the compressed file ends early, after line {self.lines:,}"
                    return
                raise ConfigurationError(
                    f"{self.name}: the compressed file is damaged after line {self.lines:,}; unpack it yourself"
                ) from None
            bites.append(bite)
            size += len(bite)
            if not bite or size >= PIECE_BYTES:
                yield b"".join(bites)
                bites, size = [], 0
            if not bite:
                return

    def _take(self, piece: bytes) -> None:
        if self.format is None:
            self.format, _ = best(piece.split(b"\n")[:SAMPLE_LINES])
        found = self.format.requests(piece)
        lines = piece.count(b"\n") + (not piece.endswith(b"\n"))
        if len(found) < lines:
            texts = piece.split(b"\n")[:lines]
            empty = sum(not text.strip() for text in texts)
            if len(found) < lines - empty and not self.first_missed:
                self.first_missed = self.lines + next(misses(self.format, texts), 0) + 1
            self.read_lines += empty
        self.lines += lines
        times = list(map(itemgetter(0), found))
        methods = list(map(itemgetter(1), found))
        # With a time that can be read: there are days that are none, and a second of which millions of lines are.
        different = dict.fromkeys(times)
        seconds = {text: moment for text in different if (moment := self.format.moment(text)) is not None}
        is_usual = len(seconds) == len(different) and all(methods)
        if not is_usual:
            timed = [text in seconds for text in times]
            if not all(timed) and not self.first_missed:
                self.first_missed = self.lines - lines + timed.index(False) + 1
            self.without_request += sum(known and not method for known, method in zip(timed, methods, strict=True))
            kept = [known and bool(method) for known, method in zip(timed, methods, strict=True)]
            self.read_lines += sum(timed)
            found = list(compress(found, kept))
            times = list(compress(times, kept))
        else:
            self.read_lines += len(found)
        for text, count in Counter(times).items():
            moment = seconds[text]
            self.zones.add(moment.zone)
            ahead_s = self.offset_s or 0
            self.traffic.add(moment.second - (ahead_s if moment.zone is None else 0), count)
        self._note_order(seconds)
        self._note_zones()
        self.traffic.with_query += sum(map(len, map(itemgetter(3), found)))
        statuses = list(map(itemgetter(4), found))
        refused = sum(count for status, count in Counter(statuses).items() if status[:1] in REFUSED)
        if refused:
            self.traffic.refused += refused
            found = list(compress(found, [status[:1] not in REFUSED for status in statuses]))
        self.traffic.mix.add(Counter(map(itemgetter(1, 2), found)))

    def _note_order(self, seconds: dict[bytes, Moment]) -> None:
        """Of the instants in the order in which each first stood."""
        order = [self.latest_s, *map(itemgetter(0), seconds.values())]
        self.backward += sum(map(gt, order, order[1:]))
        self.latest_s = order[-1]

    def _note_zones(self) -> None:
        if None in self.zones:
            self.traffic.lacks_zones = self.traffic.lacks_zones or self.name
        if any(zone is not None for zone in self.zones):
            self.traffic.has_zones = self.traffic.has_zones or self.name
