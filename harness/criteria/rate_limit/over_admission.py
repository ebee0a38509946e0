"""Over-admission: more requests got through than the limit allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.criteria._outcome import against, seconds
from harness.criteria.rate_limit._criterion import BUCKET, FIXED, SLIDING, RateLimitCriterion
from harness.criteria.rate_limit._takes import (
    Key,
    Window,
    as_fixed_windows,
    beyond_the_limit,
    by_source,
    fullest_window,
)
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.values import Scalar

LENGTHS = 1, 2, 4
"""Windows that are looked at, in windows of the limit: a burst shows in one, a rate that is too high in several."""
ALIKE = 0.1
"""How far the count of an instance may be from the whole limit when it counts for itself."""


@dataclass(frozen=True)
class OverAdmission(RateLimitCriterion):
    """Admitted ÷ allowed requests, in the window of time that admitted most, stays within a limit.

    A sliding window allows ``allowed`` in any ``window_s``. Windows that begin at fixed instants, and a token bucket of
    that size, allow as many again at their edge: m + 1 times ``allowed`` in m windows. The interval runs from what was
    surely admitted in a window to what possibly was, see :mod:`harness.criteria.rate_limit._takes`. Instances that
    each admit the whole limit by themselves are told from their own counts. There is no PASS of a sliding window where
    the same requests would not have shown a fixed one.
    """

    unit = "ratio"
    title = "admitted ÷ allowed by the rate limit"

    limit: float = parameter(1.05, "largest ratio of admitted to allowed requests that is accepted", lowest=1)
    algorithm: str = parameter(SLIDING, "how the limit counts", choices=(SLIDING, FIXED, BUCKET))

    def judge(self, recording: Recording) -> Finding:
        keys = self.keys(recording)
        if isinstance(keys, Finding):
            return keys
        fullest = [
            (self._allowed(length), length * self.window_s, key, *fullest_window(key, length * self.window_s))
            for key in keys
            for length in LENGTHS
        ]
        allowed, window_s, key, window, _ = max(fullest, key=lambda each: each[3].surely / each[0])
        low = window.surely / allowed
        high = max(low, *(possible.possibly / most for most, *_, possible in fullest))
        outcome = against(self.limit, (low, high))
        reason = (
            f"{window.surely:,} requests of {key.key} were admitted within {seconds(window_s)} from "
            f"{seconds(window.begin_s)} on, {allowed:,} are allowed ({self.promise}); with the instants that clients "
            f"cannot see, at most {high:.3g} times what is allowed, limit {self.limit:g}"
        )
        if outcome is Outcome.PASS and self.algorithm == SLIDING and not self._tells_fixed(keys):
            outcome = Outcome.INCONCLUSIVE
            reason += (
                "; the same requests would have kept it under windows that begin at instants of their own, too, and "
            )
            reason += "those admit twice as many at their edge: requests that come at random, or in bursts, would tell"
            return self.finding(outcome, reason, low, (low, high), self._evidence(keys, window, {}))
        sources = by_source(key, window, window_s)
        if outcome is Outcome.FAIL:
            reason += self._separate(sources, low, allowed)
        elif outcome is Outcome.INCONCLUSIVE:
            reason += "; answers that come sooner, or a longer window, would settle it"
        return self.finding(outcome, reason, low, (low, high), self._evidence(keys, window, sources))

    def _tells_fixed(self, keys: tuple[Key, ...]) -> bool:
        """Whether fixed windows would have shown in what was asked for."""
        return any(
            fullest_window(fixed, length * self.window_s)[0].surely > self.limit * self._allowed(length)
            for fixed in (as_fixed_windows(key, self.allowed, self.window_s) for key in keys)
            for length in LENGTHS
        )

    def _allowed(self, length: int) -> int:
        return self.allowed * (length if self.algorithm == SLIDING else length + 1)

    def _separate(self, sources: Mapping[str, int], ratio: float, allowed: int) -> str:
        """Whether it is as if each instance counted for itself."""
        whole = [source for source, count in sources.items() if abs(count / allowed - 1) <= ALIKE]
        if len(whole) > 1 and len(whole) == len(sources):
            each = ", ".join(f"{source} {sources[source]:,}" for source in sorted(whole))
            return f": {len(whole)} separate limits, one an instance ({each})"
        separate = round(ratio)
        if not sources and separate > 1 and abs(ratio / separate - 1) <= ALIKE:
            return f": as {separate} separate limits would admit"
        return ""

    def _evidence(self, keys: tuple[Key, ...], window: Window, sources: Mapping[str, int]) -> dict[str, Scalar]:
        beyond = sum(beyond_the_limit(key, self.allowed, self.window_s) for key in keys)
        return {
            "keys": len(keys),
            "requests": sum(len(key.takes) for key in keys),
            "refused": sum(len(key.refused) for key in keys),
            **({"admitted beyond the limit": beyond} if self.algorithm == SLIDING else {}),
            "neither admitted nor refused": sum(key.errors for key in keys),
            "window from (s)": round(window.begin_s, 3),
            **{f"admitted by {source}": count for source, count in sorted(sources.items())},
        }
