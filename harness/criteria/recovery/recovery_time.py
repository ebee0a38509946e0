"""Time from the end of the spike until the target is as good as before."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.quality import MINIMUM_REQUESTS
from harness.criteria._answer_size import SHORTER_HELP, SHORTER_RATIO, JudgesAnswers
from harness.criteria._criterion import BaselineWanted
from harness.criteria._outcome import against, percent, seconds, titled
from harness.criteria._seen import Seen
from harness.criteria.recovery._episode import measure
from harness.criteria.recovery._recovery import SLOWER_RATIO, Recovery, Settings, Slowdown, State
from harness.criteria.recovery._since import Named, doubt_since, in_words
from harness.findings import CLIENTS, Finding, Outcome
from harness.plugins import parameter
from harness.recording import Recording
from harness.recording.header import Phase

TOLD_RATIO = 1.25
"""A latency that is proven to stay so many times as long is told."""
RESOLUTION_S = 0.005
"""A difference of p95 that is smaller may be the load generator's."""


@dataclass(frozen=True)
class RecoveryTime(JudgesAnswers):
    """The target is back within the band of its baseline soon enough after the spike.

    Never having recovered while it was watched is "longer than that", never 0 and never a pass. What counts
    as recovered is defined in :mod:`harness.criteria.recovery._episode`.
    """

    unit = "s"
    evidence = CLIENTS

    limit_s: float = parameter(30.0, "largest time in seconds from the end of the spike to recovery")
    hold_s: int = parameter(10, "seconds for which a recovery must hold", lowest=1)
    window_s: int = parameter(1, "length in seconds of the windows that are compared", lowest=1)
    slo_s: float = parameter(0.0, "latency in seconds of a good answer; 0 takes it from the baseline")
    floor_s: float = parameter(0.1, "how many seconds slower than the baseline is no harm")
    slower_ratio: float = parameter(
        SLOWER_RATIO,
        "how many times as long as in the baseline latency may stay, though within floor_s; 0: any",
        lowest=0,
    )
    shorter_ratio: float = parameter(SHORTER_RATIO, SHORTER_HELP, lowest=0)
    spike: str = parameter("spike", "phase after whose end the time counts")
    recovery: str = parameter("recovery", "phase in which the target is watched")
    baseline: str = parameter("baseline", "phase that shows what is normal")
    baseline_windows: int = parameter(30, "windows that the baseline must have", lowest=5)
    requests: str = parameter("", "only requests of this name, * for anything; empty for all")

    def failures_seen(self, recording: Recording) -> Iterator[Seen]:
        """From the end of the spike on, from which the time counts; what was shed is not answered either."""
        spike, watched = recording.phase(self.spike), recording.phase(self.recovery)
        if spike is not None and watched is not None:
            yield Seen(spike.end_s, watched.end_s, self.requests)

    def slowness_seen(self, recording: Recording) -> Iterator[Seen]:
        yield from self.failures_seen(recording)

    @property
    def baseline_wanted(self) -> BaselineWanted:
        return BaselineWanted(self.baseline, self.baseline_windows, self.window_s, MINIMUM_REQUESTS, "the recovery")

    def _stretches(self, recording: Recording) -> tuple[Phase | None, Phase | None]:
        return recording.phase(self.baseline), recording.phase(self.recovery)

    def _judge(self, recording: Recording) -> Finding:
        measured = measure(recording, self._settings())
        outcome = Outcome.INCONCLUSIVE
        if measured.state is not State.UNKNOWN and measured.interval_s is not None:
            outcome = against(self.limit_s, measured.interval_s)
        if doubt := self._doubt(outcome, measured):
            outcome, measured = Outcome.INCONCLUSIVE, dataclasses.replace(measured, reason=doubt)
        return self.finding(
            outcome,
            self._reason(outcome, measured),
            measured.recovery_s,
            measured.interval_s,
            _evidence(measured),
            title=titled(f"recovery after the {self.spike}", self.requests),
            censored=measured.state is State.NOT_RECOVERED,
        )

    def _settings(self) -> Settings:
        return Settings(**{entry.name: getattr(self, entry.name) for entry in dataclasses.fields(Settings)})

    def _doubt(self, outcome: Outcome, measured: Recovery) -> str:
        """Why what the interval says is not to be relied upon; empty where it is."""
        failed_s = measured.failed_interval_s
        if outcome is Outcome.FAIL and failed_s is not None and against(self.limit_s, failed_s) is Outcome.FAIL:
            return ""
        if measured.doubt and outcome is not Outcome.INCONCLUSIVE:
            return f"{measured.doubt}: {self._steadier(measured)}"
        if outcome is Outcome.FAIL and not measured.is_shifted:
            return (
                f"the latency left the band of the {self.baseline} after the {self.spike}, but in the "
                f"{self.baseline} it varies so much that this may be chance: {self._steadier(measured)}"
            )
        if outcome is Outcome.PASS and measured.unmeasured:
            return measured.unmeasured
        if outcome is Outcome.PASS and measured.slower_ratio is not None:
            return (
                f"the latency stays {measured.slower_ratio:.2g} times as long as in the {self.baseline}: that few "
                "requests miss the SLO does not show that the target is as good as before; a canary stream of more "
                "requests/s would tell how many do"
            )
        if outcome is Outcome.PASS and (slower := self._slower(measured)):
            return (
                f"{slower}: no harm by floor_s = {seconds(self.floor_s)}, but the target is not as "
                f"good as before; a smaller floor_s would judge it, slower_ratio = 0 would accept it"
            )
        if outcome is Outcome.FAIL or measured.since is None or measured.band is None:
            return ""
        phases = Named(self.baseline, self.spike, self.recovery)
        return doubt_since(measured, phases, passes=outcome is Outcome.PASS)

    def _steadier(self, measured: Recovery) -> str:
        """What would settle it where the latency of the baseline goes up and down by itself."""
        wandering = measured.wandering
        if wandering is None:
            return f"a longer {self.baseline}, or less load in it, would settle it"
        wanted = [f"{wandering.baseline_s} s of {self.baseline}"] * (measured.baseline_s < wandering.baseline_s)
        if self.floor_s < wandering.floor_s and not self.slo_s:
            wanted.append(f"floor_s = {math.ceil(wandering.floor_s * 100) / 100:g}, as far as the latency goes there")
        if not wanted:
            return f"less load in the {self.baseline} would settle it"
        return f"{' with '.join(wanted)}, or less load, would settle it"

    def _slower(self, measured: Recovery) -> str:
        """What stays slower than is accepted, by as much as a load generator can tell: all requests, or those of the
        name that does so most; empty where nothing does.
        """
        if not self.slower_ratio or self.slo_s:
            return ""
        if measured.lasting is not None and self._is_too_slow(measured.lasting):
            return self._slowdown(measured.lasting)
        slower = {name: by for name, by in measured.lasting_by_name.items() if self._is_too_slow(by)}
        # Of one that misses its SLO more is to be said, and is.
        if not slower or measured.left_behind is not None:
            return ""
        worst = max(slower, key=lambda name: slower[name].ratio)
        return self._slowdown(slower[worst], f" of {worst}")

    def _is_too_slow(self, by: Slowdown) -> bool:
        return by.ratio >= self.slower_ratio and by.slower_s >= RESOLUTION_S

    def _slowdown(self, by: Slowdown, of: str = "") -> str:
        longer = f"its p95 {by.slower_s * 1e3:.2g} ms longer"
        return f"the latency{of} stays {by.ratio:.2g} times as long as in the {self.baseline}, {longer}"

    def _reason(self, outcome: Outcome, measured: Recovery) -> str:
        if measured.reason:
            return measured.reason
        return self._told(outcome, measured) + (self._since(measured) if outcome is Outcome.PASS else "")

    def _since(self, measured: Recovery) -> str:
        """Of a pass, how many requests failed all the same, where none had before; too few to prove anything."""
        if measured.since is None or measured.band is None or measured.band.bad.ratio or not measured.since[0]:
            return ""
        bad, intended = measured.since
        return f"; {bad:,} of {intended:,} requests since failed or were too slow, none in the {self.baseline}"

    def _told(self, outcome: Outcome, measured: Recovery) -> str:
        if outcome is Outcome.PASS and measured.lasting is not None and measured.lasting.ratio >= TOLD_RATIO:
            accepted = f"SLO {seconds(self.slo_s)}" if self.slo_s else f"floor_s {seconds(self.floor_s)}"
            return f"{self._of_state(outcome, measured)}; {self._slowdown(measured.lasting)}, within {accepted}"
        return self._of_state(outcome, measured)

    def _of_state(self, outcome: Outcome, measured: Recovery) -> str:
        limit = f"limit {seconds(self.limit_s)}"
        match measured.state:
            case State.UNKNOWN:
                return measured.reason
            case State.NOT_DEGRADED if outcome is Outcome.INCONCLUSIVE:
                return f"not degraded, as it seems{self._too_few(measured)}"
            case State.NOT_DEGRADED if measured.relapses_s:
                return (
                    f"not degraded: only single windows left the band of the {self.baseline}, "
                    f"{measured.degraded_s:g} s in all, at {in_words(measured.relapses_s)} after the {self.spike}"
                )
            case State.NOT_DEGRADED:
                return f"not degraded: no window of the spike or after it left the band of the {self.baseline}"
            case State.NOT_RECOVERED:
                return self._not_recovered(outcome, measured, limit)
            case State.RECOVERED:
                return self._recovered(outcome, measured, limit)
        raise AssertionError(measured.state)

    def _recovered(self, outcome: Outcome, measured: Recovery, limit: str) -> str:
        assert measured.interval_s is not None
        low_s, high_s = measured.interval_s
        at_s = measured.recovery_s or 0.0
        if math.isinf(high_s):
            text = f"recovered {at_s:g} s ({low_s:g} s or more) after the {self.spike}"
        elif high_s - at_s == self.window_s and max(0.0, at_s - self.window_s) == low_s:
            text = f"recovered {at_s:g} s ± {self.window_s} s after the {self.spike}"
        else:
            text = f"recovered {at_s:g} s ({low_s:g} to {high_s:g} s) after the {self.spike}"
        if measured.relapses_s:
            what = "single windows left the band afterwards" if measured.passed_over else "it had left the band again"
            text += f"; {what} at {in_words(measured.relapses_s)}"
        if outcome is not Outcome.INCONCLUSIVE:
            return f"{text}, {limit}"
        return f"{text}, {limit}{self._too_few(measured)}"

    def _too_few(self, measured: Recovery) -> str:
        """What would make the interval narrow enough for the limit."""
        assert measured.interval_s is not None
        low_s, high_s = measured.interval_s
        if measured.wandering is not None:
            return f": in the {self.baseline} the latency goes up and down by itself; {self._steadier(measured)}"
        if measured.unasked_s and high_s > self.limit_s:
            return (
                f": nobody asked for {measured.unasked_s:g} s of that time; a canary stream all along would settle it"
            )
        if math.isinf(high_s):
            return f": not seen to last to the end; a longer {self.recovery} phase would settle it"
        apart_s = abs(self.limit_s - (measured.recovery_s or 0.0)) - self.window_s
        wide_s = max(high_s - (measured.recovery_s or 0.0), (measured.recovery_s or 0.0) - low_s) - self.window_s
        if apart_s <= 0:
            return f": too close to tell with windows of {self.window_s} s"
        # What is needed to tell a level from the threshold is requests, so seconds and rate are inverse.
        rate = math.ceil(measured.canary_per_s * max(1.0, wide_s / apart_s) * 1.5)
        return f": a canary stream of {rate} requests/s would settle it ({measured.canary_per_s:.3g}/s seen)"

    def _not_recovered(self, outcome: Outcome, measured: Recovery, limit: str) -> str:
        text = f"not recovered in the {measured.observed_s:g} s that it was watched, {limit}"
        if measured.relapses_s:
            text += f"; it returned but left the band again at {in_words(measured.relapses_s)} after the {self.spike}"
        if outcome is Outcome.FAIL:
            return text
        if measured.wandering is not None:
            return f"{text}; in the {self.baseline} the latency goes up and down by itself: {self._steadier(measured)}"
        longer = math.ceil(max(self.limit_s, measured.observed_s if measured.relapses_s else 0)) + self.hold_s
        return f"{text}; a {self.recovery} phase of {longer + 2 * self.window_s} s would settle it"


def _evidence(measured: Recovery) -> dict[str, float | str | None]:
    evidence: dict[str, float | str | None] = {"state": measured.state.value}
    if measured.slo is not None:
        evidence["SLO (s)"] = measured.slo.overall_s
    if measured.state is State.UNKNOWN:
        return evidence
    evidence["watched (s)"] = measured.observed_s
    if measured.degraded_at_s is not None:
        evidence |= {
            "detected after (s)": measured.detect_s,
            "degraded (s)": measured.degraded_s,
            "relapses": len(measured.relapses_s),
        }
    if measured.relapses_s:
        evidence["left the band again (s)"] = ", ".join(f"{at_s:g}" for at_s in measured.relapses_s)
    if measured.lasting is not None and measured.lasting.ratio >= TOLD_RATIO:
        evidence["latency stays (times)"] = round(measured.lasting.ratio, 2)
    if measured.depth_ratio is not None:
        evidence["depth"] = percent(measured.depth_ratio)
        evidence["requests lost"] = measured.area_lost_requests
    return evidence
