"""The fault to copy: it disturbs nothing, and says ``words``."""

from __future__ import annotations

from dataclasses import dataclass

from harness.faults import Fault
from harness.plugins import parameter


@dataclass(frozen=True)
class Noop(Fault):
    """Nothing happens, and is undone."""

    words: str = parameter("nothing was disturbed", "what it says when it is injected")

    def inject(self) -> str:
        return self.words

    def undo(self) -> str:
        return "nothing to undo"
