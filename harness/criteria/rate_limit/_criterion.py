"""What the criteria of a rate limit share: the limit that was promised, and whose requests are judged."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._criterion import Criterion
from harness.criteria._outcome import seconds
from harness.criteria.rate_limit._takes import Key, by_way_of, keys_of, nothing_taken
from harness.findings import CLIENTS, Finding
from harness.plugins import parameter
from harness.recording import Recording

SLIDING, FIXED, BUCKET = "sliding_window", "fixed_window", "token_bucket"


@dataclass(frozen=True, kw_only=True)
class RateLimitCriterion(Criterion):
    """Judges what a limit of ``allowed`` requests in ``window_s`` did to each of its keys."""

    evidence = CLIENTS

    allowed: int = parameter(100, "requests that a key may make within a window", lowest=1)
    window_s: float = parameter(60.0, "length of the window", lowest=0.001)
    via: str = parameter("*", "the way of the requests that are judged, * for anything")
    away: str = parameter("*", "the planned fault that keeps the counters away, during which nothing is judged")

    @property
    def promise(self) -> str:
        return f"{self.allowed:,} in {seconds(self.window_s)}"

    def keys(self, recording: Recording) -> tuple[Key, ...] | Finding:
        """Those keys that were asked for by way of ``via``, with all their requests, because all count; or what to say
        where none of them was refused: no limit can be judged by who asks for less.
        """
        keys = tuple(key for key in keys_of(recording, self.away) if by_way_of(key.takes, self.via))
        if reason := nothing_taken(recording, keys, self.via):
            return self.inconclusive(reason)
        if not any(by_way_of(key.refused, self.via) for key in keys):
            takes = sum(len(key.takes) for key in keys)
            reason = f"none of {takes:,} requests was refused: ask for more than the limit admits"
            return self.inconclusive(f"{reason}, or see whether it is as stated, {self.promise}")
        return keys
