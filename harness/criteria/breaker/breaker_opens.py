"""Time from the failure of a dependency until the circuit breaker is open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.criteria._outcome import against, percent, seconds
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, measure
from harness.criteria.breaker._presets import limit_to_open_s, preset_parameter, reject_unknown
from harness.criteria.breaker._state import in_words, middle_of
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording

_FAST_FROM_THE_FIRST = (
    "consistent with a breaker, but requests failed fast from the first on, and a fast refusal alone is no evidence: "
    "a failure that takes its time, the breakers' own state, or the signature of an open one would settle it"
)


@dataclass(frozen=True)
class BreakerOpens(BreakerCriterion):
    """The breaker opens soon enough after its dependency began to fail.

    Open is it when requests fail fast *and* the dependency is spared, after it has failed: a breaker opens for what it
    has tried. Without the dependency's own counter, the breakers' own word is taken where they give it; fast failures
    alone are only consistent with a breaker.
    Never having opened is "longer than the failure lasted", never a pass.
    """

    title = "circuit breaker opens"
    unit = "s"

    limit_s: float = parameter(5.0, "largest time in seconds from the beginning of the failure to the opening")
    preset: str = preset_parameter()

    def _judge(self, recording: Recording) -> Finding:
        measured = measure(recording, self)
        if missing := measured.missing or reject_unknown(self.preset):
            return self.inconclusive(missing)
        limit_s = limit_to_open_s(self.preset, measured) if self.preset else self.limit_s
        proven_unspared = measured.leak is not None and not measured.is_spared
        if measured.has_opened and not measured.has_failed_before and not proven_unspared:
            return self.inconclusive(_FAST_FROM_THE_FIRST, measured.describe_witnesses())
        interval = measured.opened.since(measured.injected_s)
        lasted_s = measured.until_s - measured.injected_s
        missing = _missing(measured)
        if measured.has_opened and proven_unspared:
            # What the breaker says of itself, or what looks like it, is no breaker when the dependency is not spared.
            interval = (lasted_s, math.inf)
        outcome = Outcome.INCONCLUSIVE if missing else against(limit_s, interval)
        evidence = measured.describe_witnesses()
        for instance in measured.instances:
            evidence[f"{instance.source} opened"] = in_words(instance.opened.since(measured.injected_s))
        return self.finding(
            outcome,
            missing or self._reason(measured, interval, limit_s, lasted_s, outcome),
            middle_of(interval),
            interval,
            evidence,
            limit=limit_s,
            censored=math.isinf(interval[1]),
        )

    def _reason(
        self,
        measured: BreakerBehaviour,
        interval: tuple[float, float],
        limit_s: float,
        lasted_s: float,
        outcome: Outcome,
    ) -> str:
        limit = f"limit {seconds(limit_s)}"
        leak = measured.leak
        if math.isfinite(interval[1]):
            whole = "the last of its instances was open" if len(measured.instances) > 1 else "it was open"
            unread = measured.unobserved or "its dependency's counter was not read twice while it was open"
            word = f"by its own word ({unread})" if leak is None else "and its dependency was spared"
            reason = f"{whole} {in_words(interval)} after its dependency began to fail, {word}, {limit}"
            close = "; too close to tell with samples of a second" if outcome is Outcome.INCONCLUSIVE else ""
            return reason + close
        reason = f"never seen open in the {seconds(lasted_s)} that its dependency failed, {limit}"
        if measured.has_opened and leak is not None:
            reason += (
                f": answers failed fast or the breaker said it was open, but {leak.calls:g} calls reached the "
                f"dependency for {leak.requests:.0f} requests ({percent(leak.ratio)})"
            )
        shut = [one.source for one in measured.instances if math.isinf(one.opened.by_s)]
        if shut and len(shut) < len(measured.instances):
            reason += f": {', '.join(shut)} stayed closed, or went silent"
        silent = any(instance.silent_from_s is not None for instance in measured.instances)
        too_short = outcome is Outcome.INCONCLUSIVE and not silent
        return reason + ("; a failure longer than the limit would settle it" if too_short else "")


def _missing(measured: BreakerBehaviour) -> str:
    """What keeps anybody from saying that the breaker opened, or that it did not."""
    if measured.open_before:
        return measured.open_before
    if measured.has_opened and measured.unobserved and not measured.instances:
        return (
            "fast failures that are consistent with a breaker, but whether they spared the dependency is not "
            f"observable: {measured.unobserved}"
        )
    if measured.has_opened and measured.leak is None and not measured.instances:
        return (
            "its dependency's counter was not read twice while requests failed fast: a longer failure would settle it"
        )
    return ""
