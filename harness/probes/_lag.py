"""How old what a replica has not replayed yet is, from the positions that its primary had at the samples before."""

from __future__ import annotations

from collections import deque

KEPT = 3600


class LagMeter:
    """Of the replicas of one primary. Positions are bytes of the log, instants seconds of any one clock."""

    def __init__(self) -> None:
        self._primary = ""
        self._positions: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def note_primary(self, name: str, at_s: float, position_bytes: float) -> None:
        """Another primary has another log."""
        if name != self._primary:
            self._primary = name
            self._positions.clear()
        self._positions.append((at_s, position_bytes))

    def lag(self, at_s: float, replayed_bytes: float) -> dict[str, float]:
        """``lag_s``, which it is at least, ``lag_up_to_s`` and ``lag_bytes``; nothing before a primary was seen."""
        if not self._positions:
            return {}
        newer_s = [t for t, position in self._positions if position > replayed_bytes]
        reached_s = [t for t, position in self._positions if position <= replayed_bytes]
        values = {"lag_bytes": max(0.0, self._positions[-1][1] - replayed_bytes)}
        values["lag_s"] = max(0.0, at_s - newer_s[0]) if newer_s else 0.0
        if reached_s:
            values["lag_up_to_s"] = max(values["lag_s"], at_s - reached_s[-1] if newer_s else 0.0)
        return values
