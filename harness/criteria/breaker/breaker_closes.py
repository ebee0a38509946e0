"""Time from the healing of a dependency until the circuit breaker is closed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.criteria._outcome import against, seconds
from harness.criteria._seen import Seen
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, measure
from harness.criteria.breaker._presets import limit_to_close_s, preset_parameter, reject_unknown
from harness.criteria.breaker._state import in_words, middle_of
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class BreakerCloses(BreakerCriterion):
    """The breaker closes soon enough after its dependency was healed, and stays closed.

    A breaker learns that all is well from requests that it lets through, so the time depends on how many there are:
    the evidence states their rate. Never having closed is "longer than that", never a pass.
    """

    follows = ("breaker_opens",)
    title = "circuit breaker closes"
    unit = "s"

    limit_s: float = parameter(10.0, "largest time in seconds from the end of the failure to the closing")
    preset: str = preset_parameter()

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """From the healing on, for as long as it may stay open."""
        measured = measure(recording, self)
        if not measured.missing and measured.healed_s is not None and not reject_unknown(self.preset):
            yield Seen(measured.healed_s, measured.healed_s + self._limit_s(measured), self.requests)

    def _judge(self, recording: Recording) -> Finding:
        measured = measure(recording, self)
        missing = measured.missing or reject_unknown(self.preset) or _missing(measured)
        if missing or measured.healed_s is None:
            return self.inconclusive(missing)
        limit_s = self._limit_s(measured)
        interval = measured.closed.since(measured.healed_s)
        outcome = against(limit_s, interval)
        evidence = measured.describe_witnesses()
        evidence["requests per second and instance until then"] = round(measured.probe_traffic_per_s, 2)
        for instance in measured.instances:
            if instance.closed is not None:
                evidence[f"{instance.source} closed"] = in_words(instance.closed.since(measured.healed_s))
        return self.finding(
            outcome,
            self._reason(measured, interval, limit_s, outcome),
            middle_of(interval),
            interval,
            evidence,
            limit=limit_s,
            censored=math.isinf(interval[1]),
        )

    def _limit_s(self, measured: BreakerBehaviour) -> float:
        return limit_to_close_s(self.preset, measured) if self.preset else self.limit_s

    def _reason(
        self, measured: BreakerBehaviour, interval: tuple[float, float], limit_s: float, outcome: Outcome
    ) -> str:
        limit = f"limit {seconds(limit_s)}"
        if math.isinf(interval[1]):
            unseen = f"not seen to close in the {seconds(interval[0])} after its dependency was healed, {limit}"
            silent = [one.source for one in measured.instances if one.silent_from_s is not None]
            if outcome is Outcome.FAIL:
                return unseen
            if silent:
                return f"{unseen}; {', '.join(silent)} could not be read any more"
            return f"{unseen}; a recovery phase of {math.ceil(limit_s + 3)} s would settle it"
        whole = "the last of its instances was closed" if len(measured.instances) > 1 else "it was closed"
        traffic = f"at {measured.probe_traffic_per_s:.3g} requests a second and instance"
        reason = f"{whole} {in_words(interval)} after its dependency was healed, {traffic}, {limit}"
        return f"{reason}; too close to tell with samples of a second" if outcome is Outcome.INCONCLUSIVE else reason


def _missing(measured: BreakerBehaviour) -> str:
    """Why there is no closing to judge; empty when there is."""
    if measured.healed_s is None:
        return "the failure was not undone while the run was recorded, so the breaker had no reason to close"
    if not measured.is_seen_open:
        looked = "; requests failed fast, but no breaker was shown to do that" if measured.has_opened else ""
        return f"it was never seen open, so there was nothing to close{looked}"
    return ""
