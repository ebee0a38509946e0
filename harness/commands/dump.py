"""The lines of a recording as text that can be read and searched: packed slices one a line, all others as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.recording import Slices
from harness.recording.file import open_lines
from harness.recording.line import decode, encode
from harness.safe_text import escaped


def lines(run: Path) -> Iterator[str]:
    """With their newlines. Nothing is checked nor left out. Raises RecordingError when there is no file."""
    for line in open_lines(run):
        yield from readable(line)


def readable(line: bytes) -> Iterator[str]:
    """One line of the file, which may be many."""
    text = line.decode(errors="replace")
    if text.startswith('{"kind":"slices",'):
        try:
            unpacked = decode(line)
        except ValueError:
            pass  # it is damaged: as it is
        else:
            if isinstance(unpacked, Slices):
                yield from map(encode, unpacked.slices)
                return
    text = escaped(text)
    yield text if text.endswith("\n") else f"{text}\n"
