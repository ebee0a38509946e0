"""Lines at the foot of a terminal that are drawn anew in their place, and text that goes above them.

Nothing of the terminal is switched: no other screen, no mode that would have to be switched back, but for the cursor,
which is hidden while there are lines.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

HIDE_CURSOR, SHOW_CURSOR, ERASE_BELOW = "\x1b[?25l", "\x1b[?25h", "\x1b[0J"
ROOM = 1
"""Columns that stay free: a line that fills the last one would be continued below by some terminals."""


class InPlace:
    """On ``stream``, a terminal. With ``NO_COLOR`` in the environment without colours."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # Not on the stream itself: where that is closed, it would end the process.
        self._console = Console(file=io.StringIO(), force_terminal=True, highlight=False, legacy_windows=False)
        self._widths: list[int] = []
        """Of the lines that are shown."""

    def size(self) -> tuple[int, int]:
        """Columns and rows that may be used, as they are now: a window may be resized at any time."""
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            columns, rows = 0, 0
        if not columns or not rows:  # some terminals do not say
            columns, rows = 80, 24
        return max(columns - ROOM, 1), max(rows - 1, 1)

    def draw(self, lines: Sequence[Text]) -> None:
        """In the place of those before. What does not fit is cut off."""
        width, height = self.size()
        shown = lines[:height]
        texts = []
        for line in shown:
            cut = line.copy()
            cut.truncate(width)
            cut.no_wrap, cut.end = True, ""
            with self._console.capture() as captured:
                self._console.print(cut, soft_wrap=True, end="")
            texts.append((captured.get(), cut.cell_len))
        self._write(self._to_first() + HIDE_CURSOR + ERASE_BELOW + "".join(f"{text}\r\n" for text, _ in texts))
        self._widths = [cells for _, cells in texts]

    def above(self, text: str) -> None:
        """Whole lines, for good; the others have to be drawn again."""
        end = "" if text.endswith("\n") else "\n"
        self._write(self._to_first() + ERASE_BELOW + text + end)
        self._widths = []

    def clear(self) -> None:
        """Takes the lines away, and shows the cursor."""
        self._write(self._to_first() + ERASE_BELOW + SHOW_CURSOR)
        self._widths = []

    def _to_first(self) -> str:
        """To the beginning of the first line. A window that has become narrower has wrapped what was drawn wider."""
        width = self.size()[0] + ROOM
        rows = sum(max(1, -(-cells // width)) for cells in self._widths)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone: the run goes on
            self._stream.write(text)
            self._stream.flush()
