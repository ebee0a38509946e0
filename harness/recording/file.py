"""The file of a recording: lines that are read back as far as they can be trusted, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import ConfigurationError
from harness.recording import End, Operations, ProbeSample, Recording, Slice, Unanswered
from harness.recording.blocks import Block
from harness.recording.damage import Damage, in_short, missing
from harness.recording.header import FORMAT, Header
from harness.recording.line import LONGEST_LINE_BYTES, Decoded, UnknownMarkError, decode, decode_packed, encode
from harness.recording.marks import Mark
from harness.recording.seal import Flaw, SealCheck, is_sealed
from harness.recording.sums import BlockSums
from harness.recording.values import DAY_S
from harness.regular_file import is_folder, regular

__all__ = ["FILE_NAME", "READABLE", "RecordingError", "decode", "encode", "open_lines", "parse", "read"]

FILE_NAME = "recording.jsonl"
READABLE = range(1, FORMAT + 1)
FIRST_SEALED_FORMAT = 3
FIRST_FORMAT_OF_CHANGES = 4
"""From this one on what has no answer is told as what has changed in it."""
_HEADER = b'{"kind":"header",'
NEAR_S = 3_600
"""Requests that begin this long before or after all phases cannot be of the run: users that warm up are there, and
users that have not been stopped yet."""
NO_RUN = "of a time at which there was no run"


class RecordingError(ConfigurationError):
    """The file is missing, is no recording, or of a format that this version cannot read. Says the remedy."""


def read(path: Path) -> Recording:
    """Reads a recording, or the directory that holds one.

    A torn last line is dropped and said in ``damage``; so is any other line that cannot be read or trusted,
    and whatever follows a second header.
    Raises RecordingError when there is no usable header.
    """
    return parse(open_lines(path), str(_file(path)))


def open_lines(path: Path) -> Iterator[bytes]:
    """The lines of a recording, or of the directory that holds one, as they are; none longer than LONGEST_LINE_BYTES.

    Raises RecordingError when the file cannot be read.
    """
    path = _file(path)
    try:
        with regular(path).open("rb") as file:
            yield from iter(lambda: file.readline(LONGEST_LINE_BYTES), b"")
    except OSError as error:
        raise RecordingError(
            f"{path}: cannot be read ({error.strerror}). Name a run directory or its {FILE_NAME}."
        ) from None


def _file(path: Path) -> Path:
    return path / FILE_NAME if is_folder(path) else path


def parse(lines: Iterable[str | bytes], source: str) -> Recording:
    """Builds a Recording from the lines of a file; see :func:`read`."""
    reading = _Reading(source)
    for number, line in enumerate(lines, start=1):
        reading.take(number, line.encode(errors="replace") if isinstance(line, str) else line)
        if reading.is_over:
            break
    return reading.recording()


class _Reading:
    """A recording while it is read, line by line."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._header: Header | None = None
        self._header_number = 0
        self._near = range(0)
        """The seconds for which there can be requests."""
        self._end: End | None = None
        self._slices: BlockSums
        self._nodes: set[str] = set()
        self._unanswered: dict[str, dict[tuple[int, str, str], tuple[int, int]]] = {}
        """Of each node: (t, name, outcome) → (count, starts) that have no answer as of its last report."""
        self._probes: list[ProbeSample] = []
        self._operations: list[Operations] = []
        self._marks: list[Mark] = []
        self._damage = Damage()
        self._seals: SealCheck | None = None
        self._other_from: int | None = None
        """The line with a second header: whatever follows is of another run."""
        self._without_header_bytes = 0
        self.is_over = False
        """Whether nothing that still comes can be of the recording."""

    def take(self, number: int, text: bytes) -> None:
        if len(text) >= LONGEST_LINE_BYTES:
            self._damage.left_out(number, f"longer than {LONGEST_LINE_BYTES:,} bytes", ", with all that follows")
            self.is_over = True
        elif not text.endswith(b"\n"):
            self._damage.left_out(number, "cut off")
        elif self._header is None:
            self._take_header(number, text)
        elif text.startswith(_HEADER):
            self._begins_another(number)
        elif self._is_trusted(number, text):
            try:
                self._take(number, decode_packed(text))
            except UnknownMarkError:
                pass
            except ValueError as error:
                self._damage.unreadable(number, error)

    def _take_header(self, number: int, text: bytes) -> None:
        """The first line that is one: what comes before it belongs to nothing."""
        self._without_header_bytes += len(text)
        self.is_over = self._without_header_bytes > LONGEST_LINE_BYTES
        try:
            outline = _OUTLINE.decode(text)
        except (ValueError, RecursionError) as error:
            self._damage.unreadable(number, error)
            return
        if outline.kind != "header":
            self._damage.left_out(number, "before the header")
            return
        if outline.format not in READABLE or isinstance(outline.format, bool):
            raise RecordingError(
                f"{self._source}: format {str(outline.format)[:20]}, but this version reads format {FORMAT} and older "
                "ones. Use the version of Springback that made it."
            )
        try:
            header = decode(text)
        except ValueError as error:
            raise RecordingError(
                f"{self._source}: the header, line {number}, cannot be read ({in_short(error)}), so nobody knows what "
                "was planned. Take an undamaged copy of the file."
            ) from None
        assert isinstance(header, Header)
        self._header, self._header_number, self._slices = header, number, BlockSums(header)
        seals = SealCheck()
        flaw = seals.look_at(text)
        # One without any seal, made by hand say, can be judged, but not be called whole.
        if flaw is not Flaw.UNSEALED:
            self._seals = seals
        if flaw is not None and (header.format >= FIRST_SEALED_FORMAT or flaw is not Flaw.UNSEALED):
            self._damage.kept(number, flaw.value)
        ends_s = [phase.end_s for phase in header.phases] or [int(t) for t, _ in header.level] or [0]
        self._near = range(-NEAR_S, max(ends_s) + NEAR_S + 1)

    def _is_trusted(self, number: int, text: bytes) -> bool:
        if self._seals is None:
            if not is_sealed(text):
                return True
            self._seals = SealCheck()  # the header had one, too, when it was written
            self._damage.kept(self._header_number, Flaw.UNSEALED.value)
        flaw = self._seals.look_at(text)
        if flaw is None:
            return True
        (self._damage.left_out if flaw.leaves_out else self._damage.kept)(number, flaw.value)
        return not flaw.leaves_out

    def _take(self, number: int, line: Decoded) -> None:
        if self._end is not None and not isinstance(line, End | Header):
            self._damage.kept(number, "after the end of the run")
        match line:
            case Block():
                if all(row.t in self._near for row in line.rows):
                    self._nodes.update({row.node for row in line.rows})
                    self._slices.add(line)
                else:
                    self._damage.left_out(number, NO_RUN)
            case Slice():
                if line.t in self._near:
                    self._nodes.add(line.node)
                    self._slices.add_slice(line)
                else:
                    self._damage.left_out(number, NO_RUN)
            case ProbeSample():
                if self._is_near(line.t):
                    self._probes.append(line)
                else:
                    self._damage.left_out(number, NO_RUN)
            case Unanswered():
                self._take_unanswered(line)
            case Operations():
                self._operations.append(line)
            case End() if self._end is not None:
                self._damage.left_out(number, "a second end")
            case End():
                if line.t <= self._near.stop:
                    self._end = line
                else:
                    self._damage.left_out(number, NO_RUN)
            case Header():
                self._begins_another(number)
            case _:
                if self._is_near(line.t):
                    self._marks.append(line)
                else:
                    self._damage.left_out(number, NO_RUN)

    def _begins_another(self, number: int) -> None:
        self._other_from, self.is_over = number, True

    def _take_unanswered(self, line: Unanswered) -> None:
        assert self._header is not None
        waiting = self._unanswered.setdefault(line.node, {})
        if tells_all := self._header.format < FIRST_FORMAT_OF_CHANGES:
            waiting.clear()
        for t, name, outcome, count, starts in line.requests:
            key = (t, name, outcome)
            if tells_all:  # in two rows where some were the first of their iteration and others not
                before = waiting.get(key, (0, 0))
                waiting[key] = (before[0] + count, before[1] + starts)
            elif count:
                waiting[key] = (count, starts)
            else:
                waiting.pop(key, None)

    def _is_near(self, t: float) -> bool:
        """What is not requests may come long before the run, as while a target was waited for."""
        return self._near.start - DAY_S <= t <= self._near.stop + DAY_S

    def recording(self) -> Recording:
        if self._header is None:
            raise RecordingError(f"{self._source}: no header line, so this is not a recording of Springback.")
        unanswered = [
            Slice(t, node, name, outcome, count, 0, {}, None, starts)
            for node, waiting in self._unanswered.items()
            for (t, name, outcome), (count, starts) in waiting.items()
            if t in self._near
        ]
        damage = [*self._damage.in_words(), *(missing(*gap) for gap in (self._seals.missing if self._seals else ()))]
        if self._other_from is not None:
            damage.append(f"line {self._other_from} begins another recording, and was left out with all that follows")
        ended_s = self._near.stop if self._end is None else self._end.t
        slices, late = [], 0
        for piece in chain(self._slices.take(), unanswered):
            if piece.t <= ended_s:
                slices.append(piece)
            else:
                late += piece.count
        if late:
            damage.append(f"{late:,} requests began after the run had ended, and were left out")
        return Recording(
            self._header,
            tuple(piece for piece in slices if not piece.warm_up and not piece.wind_down),
            tuple(self._probes),
            tuple(self._marks),
            self._end,
            tuple(self._operations),
            tuple(damage),
            tuple(piece for piece in slices if piece.warm_up),
            tuple(piece for piece in slices if piece.wind_down),
            tuple(sorted(self._nodes - {""})),
        )


class _Outline(msgspec.Struct):
    """What is looked at of a header before its format is known to be readable."""

    kind: Any = None
    format: Any = FORMAT


_OUTLINE = msgspec.json.Decoder(_Outline)
