"""Step: from base to peak at once, held, and back at once. The shape to copy."""

from __future__ import annotations

from harness.plugins import parameter
from shapes._surge import Points, Surge


class Step(Surge):
    """Shows how a service takes a load that is suddenly there and stays."""

    abstract = True

    hold_s: int = parameter(60, "time at the peak", lowest=1, highest=86_400)

    def curve(self) -> Points:
        return (0, self.peak), (self.hold_s, self.peak)
