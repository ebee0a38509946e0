"""The fault to copy: it disturbs nothing, and says ``words``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Noop:
    """Nothing happens, and is undone."""

    words: str = "nothing was disturbed"

    def inject(self) -> str:
        return self.words

    def undo(self) -> str:
        return "nothing to undo"
