"""Time from the failure of a dependency until the circuit breaker is open."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._outcome import against, percent, seconds
from harness.criteria.breaker._criterion import (
    BreakerCriterion,
    around,
    between,
    limit_to_open_s,
    preset_parameter,
    unknown_preset,
    witnesses,
)
from harness.criteria.breaker._measure import Measured
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording, Scalar


@dataclass(frozen=True)
class BreakerOpens(BreakerCriterion):
    """The breaker opens soon enough after its dependency began to fail.

    Open is it when requests fail fast *and* the dependency is spared. Without the dependency's own counter, the
    breakers' own word is taken where they give it; fast failures alone are only consistent with a breaker.
    Never having opened is "longer than the failure lasted", never a pass.
    """

    limit_s: float = parameter(5.0, "largest time in seconds from the beginning of the failure to the opening")
    preset: str = preset_parameter()

    def judge(self, recording: Recording) -> Finding:
        measured = self.measured(recording)
        if problem := measured.problem or unknown_preset(self.preset):
            return self._finding(Outcome.INCONCLUSIVE, problem)
        limit_s = limit_to_open_s(self.preset, measured) if self.preset else self.limit_s
        interval = measured.opened.since(measured.injected_s)
        lasted_s = measured.until_s - measured.injected_s
        missing = _missing(measured)
        if measured.has_opened and measured.leak is not None and not measured.is_spared:
            # What the breaker says of itself, or what looks like it, is no breaker when the dependency is not spared.
            interval = (lasted_s, float("inf"))
        outcome = Outcome.INCONCLUSIVE if missing else against(limit_s, interval)
        reason = missing or self._reason(measured, interval, limit_s, lasted_s, outcome)
        evidence = witnesses(measured)
        for instance in measured.instances:
            evidence[f"{instance.source} opened"] = between(instance.opened.since(measured.injected_s))
        return self._finding(outcome, reason, limit_s, interval, evidence)

    def _reason(
        self, measured: Measured, interval: tuple[float, float], limit_s: float, lasted_s: float, outcome: Outcome
    ) -> str:
        limit = f"limit {seconds(limit_s)}"
        calls = measured.leak
        if around(interval) is not None:
            whole = "the last of its instances was open" if len(measured.instances) > 1 else "it was open"
            unread = measured.unobserved or "its dependency's counter was not read twice while it was open"
            word = f"by its own word ({unread})" if calls is None else "and its dependency was spared"
            told = f"{whole} {between(interval)} after its dependency began to fail, {word}, {limit}"
            close = "; too close to tell with samples of a second" if outcome is Outcome.INCONCLUSIVE else ""
            return told + close
        told = f"never seen open in the {seconds(lasted_s)} that its dependency failed, {limit}"
        if measured.has_opened and calls is not None:
            told += (
                f": answers failed fast or the breaker said it was open, but {calls.calls:g} calls reached the "
                f"dependency for {calls.requests:.0f} requests ({percent(calls.ratio)})"
            )
        shut = [one.source for one in measured.instances if one.opened.by_s == float("inf")]
        if shut and len(shut) < len(measured.instances):
            told += f": {', '.join(shut)} stayed closed, or went silent"
        silent = any(instance.silent_from_s is not None for instance in measured.instances)
        too_short = outcome is Outcome.INCONCLUSIVE and not silent
        longer = "; a failure longer than the limit would settle it" if too_short else ""
        return told + longer

    def _finding(
        self,
        outcome: Outcome,
        reason: str,
        limit_s: float | None = None,
        interval: tuple[float, float] | None = None,
        evidence: dict[str, Scalar] | None = None,
    ) -> Finding:
        return Finding(
            criterion=self.name or "breaker_opens",
            title="circuit breaker opens",
            outcome=outcome,
            reason=reason,
            figure=None if interval is None else around(interval),
            unit="s",
            limit=self.limit_s if limit_s is None else limit_s,
            interval=interval,
            evidence=evidence or {},
        )


def _missing(measured: Measured) -> str:
    """What keeps anybody from saying that the breaker opened, or that it did not."""
    open_before = [instance.source for instance in measured.instances if instance.was_open]
    if open_before:
        return f"{', '.join(open_before)} was open before its dependency failed: begin with a closed breaker"
    if measured.open_before_s is not None:
        told = f"open before the failure: requests failed fast from {measured.open_before_s} s on"
        return f"{told}, the dependency from {measured.injected_s:.1f} s on: begin with a closed breaker"
    if measured.has_opened and measured.unobserved and not measured.instances:
        told = (
            "fast failures that are consistent with a breaker, but whether they spared the dependency is not observable"
        )
        return f"{told}: {measured.unobserved}"
    if measured.has_opened and measured.leak is None and not measured.instances:
        return (
            "its dependency's counter was not read twice while requests failed fast: a longer failure would settle it"
        )
    return ""
