"""Key fairness: keys with the same limit get the same."""

from __future__ import annotations

from dataclasses import dataclass

from harness.criteria._outcome import seconds
from harness.criteria.rate_limit._criterion import RateLimitCriterion
from harness.criteria.rate_limit._takes import Admissions, by_way_of
from harness.findings import Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording


@dataclass(frozen=True)
class KeyFairness(RateLimitCriterion):
    """Fewest ÷ most admitted requests, of keys that all ask for more than the limit, reach a limit.

    Counted from the first instant by which all of these keys have been refused until the last before one of them is
    refused for the last time: there each could have had the whole limit. What is under way at both ends makes the
    interval.
    """

    unit = "ratio"
    title = "fewest ÷ most admitted, by key"

    lower_limit: float = parameter(0.8, "smallest ratio of fewest to most that is accepted", highest=1)

    def judge(self, recording: Recording) -> Finding:
        keys = self.keys(recording)
        if isinstance(keys, Finding):
            return keys
        pressed = [(key, refused) for key in keys if (refused := by_way_of(key.refused, self.via))]
        if len(pressed) < 2:
            reason = f"only {pressed[0][0].key} asked for more than the limit; fairness needs two that do"
            return self.inconclusive(reason)
        begin_s = max(refused[0].received_s for _, refused in pressed)
        end_s = min(refused[-1].sent_s for _, refused in pressed)
        if end_s - begin_s < self.window_s:
            reason = f"all {len(pressed)} keys asked for more than the limit together for {seconds(end_s - begin_s)}"
            return self.inconclusive(f"{reason}; a whole window of {seconds(self.window_s)} is needed")
        counted = {key.key: Admissions(key.admitted) for key, _ in pressed}
        surely = {key: each.surely(begin_s, end_s) for key, each in counted.items()}
        possibly = {key: each.possibly(begin_s, end_s) for key, each in counted.items()}
        most = max(surely.values())
        if not most:
            return self.inconclusive(
                "none of these keys had a request admitted while all asked for more than the limit"
            )
        fewest_key = min(surely, key=lambda key: surely[key])
        figure = surely[fewest_key] / most
        low = min(surely.values()) / max(possibly.values())
        high = min(1.0, min(possibly.values()) / most)
        outcome = Outcome.PASS if low >= self.lower_limit else Outcome.INCONCLUSIVE
        if high < self.lower_limit:
            outcome = Outcome.FAIL
        reason = (
            f"of {len(pressed)} keys that asked for more than the limit from {seconds(begin_s)} to {seconds(end_s)}, "
            f"{fewest_key} got fewest, {surely[fewest_key]:,}, beside at most {most:,}: {low:.3g} to {high:.3g}, "
            f"at least {self.lower_limit:g} wanted"
        )
        if outcome is Outcome.INCONCLUSIVE:
            reason += "; a longer time over the limit would settle it"
        evidence = {f"admitted of {key}": surely[key] for key in sorted(surely)}
        return self.finding(outcome, reason, figure, (low, max(high, figure)), evidence)
