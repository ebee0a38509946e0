"""Step: from base to peak at once, held, and back at once. The shape to copy."""

from __future__ import annotations

from typing import ClassVar

from shapes._surge import Points, Surge


class Step(Surge):
    """Shows how a service takes a load that is suddenly there and stays."""

    abstract = True

    options: ClassVar[dict[str, str]] = {
        **Surge.options,
        "hold_s": "time at the peak, in whole seconds",
    }
    limits: ClassVar[dict[str, tuple[float, float]]] = {"hold_s": (1, 86_400)}

    hold_s: int = 60

    def curve(self) -> Points:
        return (0, self.peak), (self.hold_s, self.peak)
