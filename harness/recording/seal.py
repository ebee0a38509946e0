"""Seals of a recording's lines: whether all of them are there, once, in their order, unaltered, and of one run.

Added up, slices do not show that one of them is there twice, or is of another run: 8 % of errors become 4 %. So the
process that writes the file, and knows the order of its lines (they come from many load processes), ends each line with

    ,"seal":"17 9f3c22ab 1f3a5c7e"}

the line's number, from 1; the run, which is the CRC-32 of the header's text; and the CRC-32 of all of the line that
comes before it. In the seal of the last line, ``end``, the checksum of all these checksums stands between the two. It
is a guard against accidents (a copy that broke off, two files in one, an editor), not against forgers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from zlib import crc32

_SEAL = re.compile(rb',"seal":"([1-9]\d{0,14}) ([0-9a-f]{8}) (?:([0-9a-f]{8}) )?([0-9a-f]{8})"\}\n\Z')
_LONGEST = 64
"""Bytes of a seal, at most."""
_END = '{"kind":"end",'


class Sealer:
    """Seals lines in the order in which they are written. The first one is the header."""

    def __init__(self) -> None:
        self._run = ""
        self._number = 0
        self._checksums = 0

    def sealed(self, lines: Iterable[str]) -> Iterator[str]:
        """The next lines, which are as :func:`harness.recording.line.encode` makes them."""
        for line in lines:
            self._run = self._run or f"{crc32(line.encode()):08x} "
            self._number += 1
            of_file = f"{self._checksums:08x} " if line.startswith(_END) else ""
            begun = f'{line[:-2]},"seal":"{self._number} {self._run}{of_file}'
            checksum = f"{crc32(begun.encode()):08x}"
            self._checksums = crc32(checksum.encode(), self._checksums)
            yield f'{begun}{checksum}"}}\n'


def is_sealed(line: bytes) -> bool:
    """Whether it ends with a seal, be it right or wrong."""
    return _SEAL.search(line, max(0, len(line) - _LONGEST)) is not None


class Flaw(Enum):
    """What is wrong with one line; the text continues "line 7 …"."""

    UNSEALED = "without a seal"
    ALTERED = "altered after it was written"
    FOREIGN = "of another run"
    REPEATED = "there twice"
    MISPLACED = "not in the order of writing"
    OTHER_END = "the end of another file: its checksum is not that of the lines before it"

    @property
    def leaves_out(self) -> bool:
        """Whether the line must not be used."""
        return self not in (Flaw.MISPLACED, Flaw.OTHER_END)


class SealCheck:
    """Looks at the lines of a file, in the order in which they are there."""

    def __init__(self) -> None:
        self._run = b""
        self._next = 1
        self._gaps: list[tuple[int, int]] = []
        """Numbers, first to last, that have not been seen though later ones have."""
        self._checksums = 0
        self._is_whole = True
        """So far."""

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Numbers, first to last, of lines that are not there, but were written before others that are."""
        return list(self._gaps)

    def look_at(self, line: bytes) -> Flaw | None:
        """None: the line is the next one of this run."""
        flaw = self._flaw(line)
        self._is_whole = self._is_whole and flaw is None
        return flaw

    def _flaw(self, line: bytes) -> Flaw | None:
        found = _SEAL.search(line, max(0, len(line) - _LONGEST))
        if found is None:
            return Flaw.UNSEALED
        number, run, of_file, checksum = found.groups()
        if crc32(line[: found.start(4)]) != int(checksum, 16):
            return Flaw.ALTERED
        self._run = self._run or run
        if run != self._run:
            return Flaw.FOREIGN
        if of_file is not None and self._is_whole and not self._gaps and int(of_file, 16) != self._checksums:
            return Flaw.OTHER_END
        self._checksums = crc32(checksum, self._checksums)
        return self._place(int(number))

    def _place(self, number: int) -> Flaw | None:
        if number == self._next:
            self._next += 1
            return None
        if number > self._next:
            self._gaps.append((self._next, number - 1))
            self._next = number + 1
            return None
        for index, (first, last) in enumerate(self._gaps):
            if first <= number <= last:
                rest = [(first, number - 1), (number + 1, last)]
                self._gaps[index : index + 1] = [gap for gap in rest if gap[0] <= gap[1]]
                return Flaw.MISPLACED
        return Flaw.REPEATED
