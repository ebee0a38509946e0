"""Ground truth of autoscaling: the controller of the reference target logs what it does and when, on the monotonic
clock; a real run has to find the same, from HAProxy and from the outside.

The ready replicas as the run saw them are those of the controller's log in every case, so that lag and θ by that log
lie in the run's intervals. The figure beside the truth is the lag of the first rise.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import criteria
from harness.criteria.scaling import _elasticity as elasticity
from harness.criteria.scaling._criterion import ElasticityCriterion
from harness.criteria.scaling._elasticity import Elasticity
from harness.criteria.scaling._step_function import Steps, provisioning
from target.loopback_http import ask
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, PASS, Case, Compared, Run, shortened

CLOCK_S = 0.05
"""The run's origin on the monotonic clock is read off the controller's own clock in the samples: so near to it."""
CRITERIA = frozenset({"scaling_lag", "under_provisioning", "over_provisioning", "scaling_stability", "scale_in"})
LATENCY = "latency_quantile"
"""Requests wait where replicas are missing."""


@dataclass(frozen=True)
class Logged:
    """A run beside the controller's log."""

    run: Run
    measured: Elasticity

    @property
    def origin_s(self) -> float:
        """Of the run, on the monotonic clock. An answer is always a little younger than its sample."""
        return min(one.values["now"] - one.t for one in self.run.recording.probes if "now" in one.values)

    def times(self, event: str) -> list[float]:
        return [one["at"] - self.origin_s for one in self.run.answer["events"] if one["event"] == event]

    def interval(self, criterion: str) -> tuple[float, float]:
        return self.run.finding(criterion).interval or (math.nan, math.nan)

    def true_ready(self) -> Steps:
        """Ready replicas by the log, in the judged stretch."""
        moves = [(t, 1) for t in self.times("ready")] + [(t, -1) for t in self.times("draining")]
        moves += [(t, -1) for t in self.times("died")]
        start_s, end_s = self.measured.demand.start_s, self.measured.demand.end_s
        points, count = [(-math.inf, 1.0)], 1.0
        for t, step in sorted(moves):
            count += step
            points.append((t, count))
        return Steps.of([(max(t, start_s), value) for t, value in points], end_s)


def _by_the_log(further: Callable[[Logged], Sequence[str]]) -> Callable[[Run], Compared]:
    """The check of a case; ``further``: what else has to agree with the log or the fault's account, in words."""

    def check(run: Run) -> Compared:
        lag = criteria.load(next(spec for spec in run.recording.header.criteria if spec.criterion == "scaling_lag"))
        assert isinstance(lag, ElasticityCriterion)
        measured = elasticity.measure(run.recording, lag)
        if isinstance(measured, str):
            return Compared([measured])
        logged = Logged(run, measured)
        true, wrong, lags = logged.true_ready(), [], []
        for rise in elasticity.find_rises(measured, measured.demand):
            ready_s = true.first(rise.replicas, rise.t)
            lag_s = math.inf if ready_s is None else ready_s - rise.t
            low_s, high_s = rise.interval_s
            never = math.isinf(high_s) and lag_s >= low_s - CLOCK_S
            if not (never or low_s - CLOCK_S <= lag_s <= high_s + CLOCK_S):
                wrong.append(f"lag {lag_s:.2f} s by the log, {low_s:.2f} to {high_s:.2f} s found, at {rise.t:g} s")
            if rise.lag_s is not None and ready_s is not None:
                lags.append((rise.lag_s, lag_s))
        truth = provisioning(measured.demand, true)
        for name, value in (("under_provisioning", truth.under_ratio), ("over_provisioning", truth.over_ratio)):
            low, high = logged.interval(name)
            slack = 2 * CLOCK_S * len(true.points) / (true.end_s - true.start_s)
            if not low - slack <= value <= high + slack:
                wrong.append(f"{name} {value:.4f} by the log, {low:.4f} to {high:.4f} found")
        figure, real = lags[0] if lags else (None, None)
        return Compared([*wrong, *further(logged)], figure, real, "s")

    return check


def _given_back(found: Logged) -> Sequence[str]:
    """Back at the minimum when the log says so."""
    last_s, fall_s = found.times("draining")[-1], found.measured.demand.changes()[-1][0]
    low_s, high_s = found.interval("scale_in")
    right = low_s - CLOCK_S <= last_s - fall_s <= high_s + CLOCK_S
    return (
        [] if right else [f"given back after {last_s - fall_s:.2f} s by the log, {low_s:.2f} to {high_s:.2f} s found"]
    )


def _late(found: Logged) -> Sequence[str]:
    """From wanted to ready took the seconds of the fault, and what the log says, within one sample at each end."""
    wrong, started, delayed = [], found.times("started"), found.run.account["delayed"]
    rises = elasticity.find_rises(found.measured, found.measured.demand)
    for rise, started_s, ready_s in zip(rises, started, found.times("ready"), strict=False):
        assert rise.lag_s is not None and rise.wanted_after_s is not None
        seen_s, true_s = rise.lag_s - rise.wanted_after_s, ready_s - started_s
        if abs(seen_s - true_s) > 1.1 or true_s < found.run.case.parameters["seconds"]:
            wrong.append(f"wanted to ready: {seen_s:.2f} s found, {true_s:.2f} s by the log")
    return wrong if delayed == len(started) else [*wrong, f"{delayed:g} starts delayed, {len(started)} in the log"]


def _never(found: Logged) -> Sequence[str]:
    censored = found.run.finding("scaling_lag").figure is None and math.isinf(found.interval("scaling_lag")[1])
    wrong = [] if censored else ["the lag is not censored"]
    acted = found.run.account["withheld"] > 0 and not found.times("started")
    return wrong if acted else [*wrong, "the fault did nothing"]


def _flips(found: Logged) -> Sequence[str]:
    """As many changes as the fault counts; at the edges of the stretch one sample decides."""
    decisions, flips = found.run.answer["decisions"], found.run.account["flips"]
    changed = [one["at"] - found.origin_s for one in decisions if one["desired"] != one["current"]]
    start_s, end_s = found.measured.demand.start_s, found.measured.demand.end_s
    fewest, most = (sum(start_s + edge < t < end_s - edge for t in changed) for edge in (1.1, -1.1))
    seen = found.run.finding("scaling_stability").evidence["changes of the number wanted"]
    wrong = [] if fewest <= int(seen or 0) <= most else [f"{seen} changes found, {fewest} to {most} by the log"]
    # The log was read first, and the fault went on until its account was.
    counted = len(changed) <= flips <= len(changed) + 1
    return wrong if counted else [*wrong, f"{flips:g} flips, {len(changed)} in the log"]


def _died(found: Logged) -> Sequence[str]:
    """What failed, failed because of the death."""
    died, errors = found.times("died"), found.run.finding("scaling_errors").evidence
    wrong = [] if len(died) == 1 else [f"{len(died)} replicas died by the log"]
    if errors["failed"] != errors["failed within 2 s of a change of the ready replicas"]:
        wrong.append(f"requests failed beside those of the dead replica: {dict(errors)}")
    return wrong


def _kill_the_second(target: Mapping[str, Any], over: threading.Event) -> None:
    """kill -9 as soon as there is one; a check finds in the log whether it came to that."""
    while not over.is_set():
        replicas = _log(target)["replicas"]
        if len(replicas) == 2 and replicas[1]["state"] == "ready":
            time.sleep(1.5)  # for the probe to have seen it
            os.kill(replicas[1]["pid"], signal.SIGKILL)
            return
        time.sleep(0.1)


def _log(target: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = ask("GET", f"{target['autoscaler']['url']}/autoscaler").document
    return document


def _short(case: Case) -> Case:
    """One step. 244 requests cannot show less than 1 % errors; of 29 s, 10 s with one replica for two are θU = 17 %."""
    phases = {"baseline_s": 5, "steps": 1, "peak": 16, "hold_s": 10, "recovery_s": 14}
    return shortened(case, **phases, scaling_errors_limit=0.02, under_provisioning_limit=0.12)


HEALTHY = Case("healthy", "autoscaling", check=_by_the_log(_given_back), ask=_log)
NEVER = Case(
    *("never_scales", "autoscaling", "never_scales", {}),
    expected=dict.fromkeys(("scaling_lag", "under_provisioning"), FAIL),
    follow=frozenset({LATENCY}),
    rest=INCONCLUSIVE,
    check=_by_the_log(_never),
    ask=_log,
)
KILLED = _short(
    Case(
        *("a replica killed", "autoscaling"),
        expected={"scaling_stability": PASS},
        follow=frozenset({"scaling_errors", "scale_in", LATENCY}),
        rest=INCONCLUSIVE,
        check=_by_the_log(_died),
        meanwhile=_kill_the_second,
        ask=_log,
    )
)
CASES = (
    HEALTHY,
    Case(
        *("slow_start 10 s", "autoscaling", "slow_start", {"seconds": 10}, {"scaling_lag": FAIL}),
        follow=frozenset({"under_provisioning", "scale_in", LATENCY}),
        rest=INCONCLUSIVE,
        check=_by_the_log(_late),
        ask=_log,
    ),
    NEVER,
    Case(
        *("flapping 5 s", "autoscaling", "flapping", {"period": 5}, {"scaling_stability": FAIL}),
        follow=CRITERIA - {"scaling_stability"} | {LATENCY},
        rest=INCONCLUSIVE,
        check=_by_the_log(_flips),
        ask=_log,
    ),
    KILLED,
)
SHORT = (_short(NEVER), KILLED)
