"""Every default limit, from both sides: one recording whose figure is just within it, and one just beyond.

A limit that is changed, in its declaration or where it is compared, turns one of them red. The figures follow from the
recordings by the arithmetic that stands beside each of them.
"""

from __future__ import annotations

import dataclasses
import math
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.breaker import BREAKER_OPEN
from harness.errors import ConfigurationError
from harness.findings import Finding, Outcome
from harness.plugins import parameters_of
from harness.recording import CriterionSpec, End, ProbeSample, Recording, Slice
from harness.recording.marks import INJECTED, UNDONE, ExceptionMark, FaultMark, GateMark
from harness.recording.values import OK, Scalar
from tests.breakers import WITNESSES, simulate
from tests.calibration import memory
from tests.histories import read, recording, write
from tests.pure import (
    test_avalanche,
    test_baseline_healthy,
    test_coherence,
    test_criteria,
    test_elasticity,
    test_enough_users,
    test_failures_judged,
    test_faults_injected,
    test_machine_pressure,
    test_memory_leak,
    test_metastability,
    test_pool,
    test_process_restarts,
    test_users_stayed,
    test_warm_up_healthy,
    test_wind_down_healthy,
)
from tests.recordings import MEGABYTE, healthy, leaking, login_herd, slow

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@dataclasses.dataclass(frozen=True)
class Case:
    """``figures``: of the recording within the limit, and of the one beyond it, where it has one."""

    criterion: str
    parameter: str
    within: Callable[[], Recording]
    beyond: Callable[[], Recording]
    figures: tuple[float | None, float | None]
    relaxed: Scalar
    """A limit with which the second one would pass: so it is this limit that it fails by."""
    outcome: Outcome = FAIL
    """Of the recording beyond it."""
    others: Mapping[str, Scalar] = dataclasses.field(default_factory=dict)
    """Parameters that are needed besides."""

    def judged(self, run: Callable[[], Recording], **more: Scalar) -> Finding:
        return criteria.load(CriterionSpec(self.criterion, {**self.others, **more})).judge(run())


def spike(**counts: tuple[int, int]) -> Recording:
    """The herd of the healthy run, all of it in second 30: outcome → (how many, microseconds)."""
    names = {"ok": OK, "slow": OK, "failed": "http 500"}
    pieces = (
        Slice(30, "w", "x", names[key], count, 0, {bucket_index(took_us): count})
        for key, (count, took_us) in counts.items()
        if count
    )
    return dataclasses.replace(healthy(), slices=tuple(pieces))


def baseline_failing(more: int) -> Recording:
    """One of the 20 requests in each of 40 seconds, and so many more: 40 of 800 are 5 %."""
    sick = test_baseline_healthy.run(lambda _: 20, lambda t: 1 + (t < more))
    silent = dataclasses.replace(sick.header, criteria=(), alerts={"error_ratio": 0.0, "p95_s": 0.0})
    return dataclasses.replace(sick, header=silent)


def fast_failures(took_us: int) -> Recording:
    run = simulate().recording
    pieces = (
        dataclasses.replace(each, latency={bucket_index(took_us): each.count}) if each.outcome == BREAKER_OPEN else each
        for each in run.slices
    )
    return dataclasses.replace(run, slices=tuple(pieces))


def opening_after(failures: int) -> Recording:
    return simulate(threshold=failures, instances=1).recording


def away(failed: int, took_s: float = 0.01) -> Recording:
    """500 reads in an outage of ten seconds, so many of them without an answer."""
    good = (read(1, 30 + n / 100, 30 + n / 100 + took_s, cache="bypass") for n in range(500 - failed))
    bad = (read(None, 35 + n / 100, None) for n in range(failed))
    return recording(write(1, 0, 1), *good, *bad, faults=test_coherence.outage(30, 40))


def injected(late_s: float) -> Recording:
    marks = FaultMark(30 + late_s, "stop_process", INJECTED, "", 1), FaultMark(40, "stop_process", UNDONE, "", 1)
    return test_faults_injected.run((test_faults_injected.PLAN,), marks)


def hitting(hits: int) -> Recording:
    return recording(
        write(1, 0, 1),
        *(test_coherence.hit(1, 2, 3) for _ in range(hits)),
        *(test_coherence.miss(1, 2, 3) for _ in range(1000 - hits)),
    )


def reading(*operations: tuple[int, float]) -> Recording:
    """Of two writes that returned at 1 s and at 3 s, so many versions read from so many seconds on."""
    return recording(
        *test_coherence.ONE_THEN_TWO,
        test_coherence.hit(1, 1.1, 1.2),
        *(test_coherence.hit(version, at_s, at_s + 0.5, session="w") for version, at_s in operations),
    )


def changed_sends(*sent_us: int) -> Recording:
    run = login_herd(nodes=1)
    others = tuple(mark for mark in run.marks if not isinstance(mark, GateMark))
    return dataclasses.replace(run, marks=(*others, GateMark(30, "worker-1", "herd", 500, sent_us, 0.02)))


def used(before: float, after: float) -> Recording:
    """So much of each half of the pool in use in all samples of the baseline, and from then on."""
    run = test_pool.closed_pool()
    probes = (
        dataclasses.replace(each, values={**each.values, "in_use": 8 * (before if each.t < 20 else after)})
        for each in run.probes
    )
    return dataclasses.replace(run, probes=tuple(probes))


def out_from(t: float) -> Recording:
    """One connection is out in all samples without load (66.1, 67.1 …) but those before ``t``."""
    run = test_pool.closed_pool()
    probes = (
        dataclasses.replace(each, values={**each.values, "in_use": float(each.source == "a:1" and each.t >= t)})
        if each.t >= 65 and each.source.startswith("a:") and "in_use" in each.values
        else each
        for each in run.probes
    )
    return dataclasses.replace(run, probes=tuple(probes))


def scaling_errors(failed_per_s: int) -> Recording:
    """Of 100 requests in each second."""
    run = test_elasticity.run()
    pieces = (
        Slice(t, "w", "GET /work", outcome, count, 0, {1000: count})
        for t in range(74)
        for outcome, count in ((OK, 100 - failed_per_s), ("http 502", failed_per_s))
    )
    return dataclasses.replace(run, slices=tuple(pieces))


def given_back(after_s: float) -> Recording:
    """A recovery of 430 s from 44 s on, in which the two that came are gone so long after the load."""
    run = test_elasticity.run(None)
    points = ((-2.0, 1), (14.5, 2), (31.5, 3), (44 + after_s, 1))
    samples = (
        ProbeSample(t + 0.25, "haproxy", "api", {"servers_up": float(test_elasticity.at(points, t + 0.25))})
        for t in range(-2, 474)
    )
    phases = (*run.header.phases[:-1], dataclasses.replace(run.header.phases[-1], end_s=474))
    header = dataclasses.replace(run.header, phases=phases, level=(*run.header.level[:-1], (474, 6)))
    return dataclasses.replace(run, header=header, probes=tuple(samples), end=End(475, "completed", True, 0, 0))


def large(growth_bytes: float) -> Recording:
    """A process of 4 GB, which has so much more from the recovery on: a quarter of it may come."""
    size = [4e9 + (growth_bytes if t >= memory.RECOVERY_S else 0.0) for t in range(memory.RECOVERY_S + 60)]
    return memory.recording({"api": memory.np.array(size)})


TEN = {**test_elasticity.PAGE, "capacity_per_s": 10.0}
FIFTEEN = {**test_elasticity.PAGE, "capacity_per_s": 15.0}
GAUGED = {"metric": test_avalanche.GAUGE}
KEPT = (*test_avalanche.DROPPED, test_avalanche.opened(21, 100))
TURNS = [(-2.0, 1), (10.0, 2), (20.0, 1), (30.0, 2), (40.0, 1)]


def counted(theirs: float) -> Recording:
    return test_avalanche.run(*test_avalanche.HELD, gauge=dict.fromkeys(test_avalanche.TIMES, (theirs,)))


def dropped(count: int) -> Recording:
    return test_avalanche.run(
        test_avalanche.opened(5, 100), test_avalanche.ended(20, count, "cut off"), test_avalanche.back(1.0, count)
    )


def cut(count: int) -> Recording:
    return test_avalanche.run(*KEPT, test_avalanche.ended(40, count, "cut off"))


def told(count: int) -> Recording:
    return test_avalanche.run(
        test_avalanche.counted(6, "message m", 10_000 - count), test_avalanche.counted(7, "message m", count, "lost")
    )


def strain(**changes: float) -> Recording:
    """For three seconds in the recovery."""
    return test_criteria.with_generator(
        healthy(), **{key: dict.fromkeys((50, 51, 52), value) for key, value in changes.items()}
    )


def unseen(steal: float = 0.0, **more: float) -> Recording:
    """On a machine of two CPUs on which the target cannot be told from others, so that only the hypervisor can."""
    return test_machine_pressure.shared(steal=steal, services={}, error="not seen", **more)


def raised(count: int) -> Recording:
    mark = ExceptionMark(40, "w", "KeyError", "x", "shop.py, line 1, in buy", "task", count)
    return test_criteria.marked(healthy(), *([mark] if count else []))


def mix(of_a: int) -> Recording:
    """Of 10,000 in the spike, against half of 10,000 in the baseline."""
    even = {"a": 5000, "b": 5000}
    return test_criteria.mixed(baseline=even, spike={"a": of_a, "b": 10_000 - of_a}, recovery=even)


def waiting(waits_s: float, of: int) -> Recording:
    """So many of the 200 arrivals in the second of the spike."""
    return test_enough_users.run(waits_s, of=of, per_s=200)


CASES = (
    Case(
        "baseline_healthy",
        "limit",
        lambda: baseline_failing(0),
        lambda: baseline_failing(1),
        (0.05, 41 / 800),
        0.052,
        INCONCLUSIVE,
    ),
    # Twenty requests a second: 80 failures in a row take 4 s, 140 take 7 s. Known to a sample, a second.
    Case(
        *("breaker_opens", "limit_s", lambda: opening_after(60), lambda: opening_after(140)),
        *((3, 7), 10.0, FAIL, WITNESSES),
    ),
    # Open from 30.25 s on, it tries again 20 s later: that long after the failure was undone at 42 s, or 38 s.
    Case(
        "breaker_closes",
        "limit_s",
        lambda: simulate(rest_s=20, failing_s=(30.005, 42), instances=1).recording,
        lambda: simulate(rest_s=20, failing_s=(30.005, 38), instances=1).recording,
        (8.25, 12.25),
        *(15.0, FAIL, WITNESSES),
    ),
    # At 20 requests a second one in 0.6 · 20 = 12 finds it half-open, or one in 7.
    Case(
        "breaker_leak_through",
        "limit",
        lambda: simulate(rest_s=0.6, instances=1).recording,
        lambda: simulate(rest_s=0.35, instances=1).recording,
        (1 / 12, 1 / 7.5),
        *(0.2, FAIL, WITNESSES),
    ),
    Case(
        "fast_fail_latency",
        "limit_s",
        lambda: fast_failures(99_000),
        lambda: fast_failures(101_000),
        (0.099, 0.101),
        0.11,
    ),
    Case("connections_agree", "limit", lambda: counted(202), lambda: counted(203), (0.01, 0.015), 0.02, FAIL, GAUGED),
    Case("connections_kept", "limit", lambda: cut(2), lambda: cut(3), (0.01, 0.015), 0.02),
    Case("enough_users", "limit", lambda: waiting(0.3, 2), lambda: waiting(0.3, 3), (0.01, 0.015), 0.02, INCONCLUSIVE),
    Case(
        "enough_users", "wait_s", lambda: waiting(0.249, 60), lambda: waiting(0.252, 60), (0.0, 0.3), 0.26, INCONCLUSIVE
    ),
    Case(
        "error_ratio",
        "limit",
        lambda: spike(ok=(950, 9000), failed=(50, 9000)),
        lambda: spike(ok=(949, 9000), failed=(51, 9000)),
        (0.05, 0.051),
        0.06,
    ),
    # Clopper and Pearson: up to 4.90 % for 15 of 500, from 5.09 % for 36.
    Case("fail_open", "limit", lambda: away(15), lambda: away(36), (0.03, 0.072), 0.1),
    Case("fail_open", "answer_within_s", lambda: away(0, 1.99), lambda: away(0, 2.01), (0, 1), 2.1),
    Case(
        "faults_injected", "late_limit_s", lambda: injected(2.0), lambda: injected(2.1), (2.0, 2.1), 2.2, INCONCLUSIVE
    ),
    Case(
        "generator_health",
        "loop_lag_limit_s",
        lambda: strain(loop_lag_s=0.249),
        lambda: strain(loop_lag_s=0.251),
        (0.249, 0.251),
        *(0.26, INCONCLUSIVE),
    ),
    Case(
        "generator_health",
        "cpu_limit_ratio",
        lambda: strain(cpu_ratio=0.899),
        lambda: strain(cpu_ratio=0.901),
        (None, None),
        *(0.91, INCONCLUSIVE),
    ),
    # Clopper and Pearson: from 50.05 % for 532 of 1,000, up to 49.95 % for 468.
    Case("hit_ratio", "lower_limit", lambda: hitting(532), lambda: hitting(468), (0.532, 0.468), 0.43),
    Case(
        "latency_quantile",
        "limit_s",
        lambda: spike(ok=(500, 4_990_000)),
        lambda: spike(ok=(500, 5_010_000)),
        (4.99, 5.01),
        5.1,
    ),
    # Of 500, the 475th is the p95.
    Case(
        "latency_quantile",
        "quantile",
        lambda: spike(ok=(475, 9000), slow=(25, 6_000_000)),
        lambda: spike(ok=(474, 9000), slow=(26, 6_000_000)),
        (0.009, 6.0),
        0.94,
    ),
    Case(
        "leaked_connections",
        "limit",
        lambda: test_pool.closed_pool(),
        lambda: test_pool.closed_pool(leaked=1),
        (0, 1),
        1,
    ),
    Case("leaked_connections", "settle_s", lambda: out_from(68), lambda: out_from(67), (0, 1), 1),
    Case("linearizability", "limit", lambda: reading((2, 4)), lambda: reading((2, 4), (1, 6)), (0, 1), 1.0),
    # Sampled every second, so that an age may have become a second more.
    Case(
        "long_transactions",
        "limit_s",
        lambda: test_pool.closed_pool(oldest_s=3.9),
        lambda: test_pool.closed_pool(oldest_s=5.1),
        (3.9, 5.1),
        6.2,
    ),
    Case("lost_invalidations", "limit", lambda: reading((2, 4)), lambda: reading((1, 4)), (0, 1), 1.0),
    Case(
        "lost_invalidations", "grace_limit_s", lambda: reading((2, 4)), lambda: reading((1, 3.01), (2, 4)), (0, 1), 0.02
    ),
    Case(
        "machine_pressure",
        "limit",
        lambda: unseen(steal=0.58),
        lambda: unseen(steal=0.62),
        (0.29, 0.31),
        *(0.33, INCONCLUSIVE),
    ),
    Case(
        "machine_pressure",
        "throttled_limit",
        lambda: unseen(throttled_ratio=0.249),
        lambda: unseen(throttled_ratio=0.251),
        (0.0, 0.0),
        *(0.26, INCONCLUSIVE),
    ),
    Case(
        "memory_growth",
        "limit_bytes",
        lambda: leaking(196 * MEGABYTE),
        lambda: leaking(204 * MEGABYTE),
        (196e6, 204e6),
        230e6,
    ),
    Case("memory_growth", "limit_ratio", lambda: large(0.98e9), lambda: large(1.02e9), (0.98e9, 1.02e9), 0.27),
    Case("message_delivery", "limit", lambda: told(0), lambda: told(1), (0, 1e-4), 2e-4),
    Case(
        "metastability",
        "lower_limit",
        lambda: test_metastability.run(lambda _: 19, lambda t: 500 + 7 * t),
        lambda: test_metastability.run(lambda _: 17, lambda t: 500 + 7 * t),
        (0.95, 0.85),
        *(0.8, FAIL, {"gauge": "queue"}),
    ),
    Case("monotonic_reads", "limit", lambda: reading((2, 4), (2, 5)), lambda: reading((2, 4), (1, 5)), (0, 1), 1.0),
    # Two more than the one that is needed, from 44 s on. A change at 61 s lies between samples at 60.25 s and 61.25 s.
    Case(
        "over_provisioning",
        "limit",
        lambda: test_elasticity.run((*test_elasticity.GOOD[:-1], (61.0, 1))),
        lambda: test_elasticity.run((*test_elasticity.GOOD[:-1], (64.0, 1))),
        ((60.75 - 44) * 2 / 74, (63.75 - 44) * 2 / 74),
        *(0.6, FAIL, TEN),
    ),
    Case(
        "pool_stable",
        "limit",
        lambda: used(0.5, 0.64),
        lambda: used(0.5, 0.66),
        (0.14, 0.16),
        0.17,
    ),
    Case(
        "process_restarts",
        "limit",
        lambda: test_process_restarts.run({"api": ()}),
        lambda: test_process_restarts.run({"api": (60,)}),
        *((0, 1), 1),
    ),
    Case("read_your_writes", "limit", lambda: reading((2, 4)), lambda: reading((1, 4)), (0, 1), 1.0),
    Case(
        "reconnect_time",
        "limit_s",
        lambda: test_avalanche.run(*test_avalanche.DROPPED, test_avalanche.back(29.9, 100)),
        lambda: test_avalanche.run(*test_avalanche.DROPPED, test_avalanche.back(30.1, 100)),
        *((29.9, 30.1), 31.0),
    ),
    Case(
        "reconnect_time",
        "share",
        lambda: test_avalanche.run(*test_avalanche.DROPPED, test_avalanche.back(1.0, 99), test_avalanche.back(35.0, 1)),
        lambda: test_avalanche.run(*test_avalanche.DROPPED, test_avalanche.back(1.0, 98), test_avalanche.back(35.0, 2)),
        *((1.0, 35.0), 0.98),
    ),
    Case("reconnect_time", "dropped", lambda: dropped(99), lambda: dropped(98), (1.0, None), 0.98, INCONCLUSIVE),
    # Clopper and Pearson's lower end: of 600, 41 are from 4.95 % on, and 42 from 5.09 % on.
    Case(
        "failures_judged",
        "limit",
        lambda: test_failures_judged.run(559, 41),
        lambda: test_failures_judged.run(558, 42),
        *((None, 0.07), 0.06, INCONCLUSIVE),
    ),
    Case("recovery_time", "limit_s", lambda: slow(28), lambda: slow(32), (28, 32), 34.0),
    Case(
        "release_skew",
        "limit_s",
        lambda: changed_sends(0, 249_000),
        lambda: changed_sends(0, 251_000),
        (0.249, 0.251),
        0.26,
        INCONCLUSIVE,
    ),
    Case("scale_in", "limit_s", lambda: given_back(358), lambda: given_back(362), (358.25, 362.25), 364.0, FAIL, TEN),
    # Clopper and Pearson's, of 6,200 requests: 4 % are up to 4.5 %, and 6 % from 5.4 % on.
    Case(
        *("scaling_errors", "limit", lambda: scaling_errors(4), lambda: scaling_errors(6), (0.04, 0.06), 0.07),
        *(FAIL, test_elasticity.PAGE),
    ),
    # From 12 s on two are needed, for 32 s.
    Case(
        "scaling_lag",
        "limit_s",
        lambda: test_elasticity.run(((-2.0, 1), (41.0, 2))),
        lambda: test_elasticity.run(((-2.0, 1), (43.0, 2))),
        (28.75, 30.75),
        *(32.0, FAIL, FIFTEEN),
    ),
    # The demand turns once; they three times, or four.
    Case(
        "scaling_stability",
        "limit",
        lambda: test_elasticity.run(TURNS),
        lambda: test_elasticity.run([*TURNS, (50.0, 2)]),
        (2, 3),
        *(3.0, FAIL, TEN),
    ),
    Case(
        "shed_ratio",
        "limit",
        lambda: test_criteria.shedding(30, 250),
        lambda: test_criteria.shedding(30, 251),
        (0.5, 0.502),
        0.51,
    ),
    Case(
        "spike_delivered",
        "limit",
        lambda: changed_sends(*range(495)),
        lambda: changed_sends(*range(494)),
        (0.99, 0.988),
        *(0.98, INCONCLUSIVE),
    ),
    # The read at 1.1 s could have been stale, too.
    Case("stale_reads", "limit", lambda: reading((2, 4)), lambda: reading((1, 4)), (0, 1 / 2), 1.0),
    Case("stale_reads", "age_limit_s", lambda: reading((2, 4)), lambda: reading((1, 3.01), (2, 4)), (0, 1 / 3), 0.02),
    Case(
        "stampede",
        "limit",
        lambda: recording(write(1, 0, 1), *test_coherence.expiry(2, 2, 1)),
        lambda: recording(write(1, 0, 1), *test_coherence.expiry(2, 3, 2)),
        *((2, 3), 3.0),
    ),
    # One of two that are needed from 12 s on, then two of three from 28 s on.
    Case(
        "under_provisioning",
        "limit",
        lambda: test_elasticity.run(((-2.0, 1), (28.0, 2), (34.5, 3), (52.5, 1))),
        lambda: test_elasticity.run(((-2.0, 1), (28.0, 2), (39.5, 3), (52.5, 1))),
        ((15.75 / 2 + 6.75 / 3) / 74, (15.75 / 2 + 11.75 / 3) / 74),
        *(0.2, FAIL, TEN),
    ),
    Case("user_exceptions", "limit", lambda: raised(0), lambda: raised(1), (0, 1), 1),
    # Less what whole numbers make of it: two classes ÷ 2 × (1 ÷ 10,000 + 1 ÷ 10,000).
    Case("user_mix", "limit", lambda: mix(5501), lambda: mix(5503), (0.0499, 0.0501), 0.06, INCONCLUSIVE),
    # Of 1,000 users in the recovery.
    Case(
        "users_stayed",
        "lower_limit",
        lambda: test_users_stayed.there(lambda t: 1000 if t < 45 else 990, 1000, 1000),
        lambda: test_users_stayed.there(lambda t: 1000 if t < 45 else 989, 1000, 1000),
        *((0.99, 0.989), 0.98, INCONCLUSIVE),
    ),
    Case(
        "warm_up_healthy",
        "limit",
        lambda: test_warm_up_healthy.run(95, 5),
        lambda: test_warm_up_healthy.run(94, 6),
        *((0.05, 0.06), 0.07, INCONCLUSIVE),
    ),
    Case(
        "wind_down_healthy",
        "limit",
        lambda: test_wind_down_healthy.run(95, 5),
        lambda: test_wind_down_healthy.run(94, 6),
        *((0.05, 0.06), 0.07, INCONCLUSIVE),
    ),
)
COUNTED = ("breaker_opens", "breaker_closes", "breaker_leak_through")
"""What a probe samples once a second is known to half of that; a share of few calls to a fifth."""
OUR_OWN = frozenset(case.criterion for case in CASES) | {"breaker_flaps", "memory_leak"}
"""Criteria of others may lie beside them, and are for their own tests."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.criterion}-{case.parameter}")
def test_the_default_limit_lies_between_the_two(case: Case) -> None:
    within, beyond = case.judged(case.within), case.judged(case.beyond)
    assert (within.outcome, beyond.outcome) == (PASS, case.outcome), (within.reason, beyond.reason)
    for found, figure in zip((within, beyond), case.figures, strict=True):
        if case.criterion in COUNTED:
            assert found.figure is not None and figure is not None
            assert found.figure == pytest.approx(figure, abs=1, rel=0.2)
        elif figure is not None or case.parameter == "dropped":
            assert found.figure == (None if figure is None else pytest.approx(figure, rel=0.01, abs=1e-9))
    assert case.judged(case.beyond, **{case.parameter: case.relaxed}).outcome is PASS


BETWEEN = (
    *("breaker_opens", "breaker_closes", "breaker_leak_through", "fail_open", "hit_ratio", "long_transactions"),
    *("memory_growth", "metastability", "over_provisioning", "reconnect_time", "recovery_time", "scale_in"),
    *("scaling_errors", "scaling_lag", "under_provisioning"),
)
SETTLED = re.compile(r"would settle it|would tell|too close to tell|were not sampled, in which")


@pytest.mark.parametrize("name", BETWEEN)
def test_a_limit_within_the_interval_proves_nothing_and_what_would_is_said(name: str) -> None:
    """And is said of nothing that is proven."""
    case = next(each for each in CASES if each.criterion == name and "limit" in each.parameter)
    for run, outcome in ((case.within, PASS), (case.beyond, case.outcome)):
        found = case.judged(run)
        assert found.interval is not None and found.interval[0] < found.interval[1] < math.inf
        between = case.judged(run, **{case.parameter: sum(found.interval) / 2})
        assert between.outcome is INCONCLUSIVE, between.reason
        assert SETTLED.search(between.reason), between.reason
        assert found.outcome is outcome and not SETTLED.search(found.reason), found.reason


@pytest.mark.parametrize("name", sorted(OUR_OWN))
def test_every_limit_has_a_case(name: str) -> None:
    limits = {each.name for each in parameters_of(type(criteria.load(CriterionSpec(name)))) if "limit" in each.name}
    assert limits <= {case.parameter for case in CASES if case.criterion == name} or name == "breaker_flaps"


def test_a_single_flap_is_one_too_many() -> None:
    """A dependency that fails now and then: a probe succeeds, it closes, and opens again."""
    flapping = simulate(failure_share=0.9, failure_takes_s=0.5, threshold=3, rest_s=0.3, instances=1).recording
    found = criteria.load(CriterionSpec("breaker_flaps", WITNESSES)).judge(flapping)
    assert (found.outcome, found.limit) == (FAIL, 0)
    assert found.figure is not None and found.figure >= 1
    most = criteria.load(CriterionSpec("breaker_flaps", {**WITNESSES, "limit": int(found.figure)})).judge(flapping)
    assert most.outcome is PASS


def test_by_default_no_rise_is_beyond_all_bounds() -> None:
    """``memory_leak`` has no limit of its own unless it is given one."""
    rising = test_memory_leak.growing(test_memory_leak.leak)
    assert test_memory_leak.found(rising).outcome is INCONCLUSIVE
    assert test_memory_leak.found(rising, fail_above_bytes=1.0).outcome is FAIL


SHARES = (
    *("baseline_healthy", "breaker_leak_through", "connections_agree", "connections_kept", "enough_users"),
    *("failures_judged",),
    *("error_ratio", "fail_open", "hit_ratio", "machine_pressure", "message_delivery", "metastability"),
    *("monotonic_reads", "pool_stable", "read_your_writes", "scaling_errors", "shed_ratio", "spike_delivered"),
    *("stale_reads", "user_mix", "users_stayed", "warm_up_healthy", "wind_down_healthy"),
)


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_no_more_than_all(name: str) -> None:
    """5 for 5 % would pass whatever happens."""
    limit = "lower_limit" if name in ("hit_ratio", "metastability", "users_stayed") else "limit"
    criteria.load(CriterionSpec(name, {limit: 1.0}))
    for too_much in (1.001, 5.0):
        with pytest.raises(ConfigurationError, match=r"from 0(\.01)? to 1"):
            criteria.load(CriterionSpec(name, {limit: too_much}))


NO_SHARES = ("over_provisioning", "under_provisioning", "even_share", "over_admission")
"""Ratios that may be more than 1: as many again as needed, say."""
SHARES = ("throttled_limit", "lower_limit", "use_ratio", "share", "dropped")
LIMITED = ("key_fairness", "over_admission", "remaining_told", "retry_after", "wrong_refusals")
LEAST = {
    ("answers_in_a_row", "answers"): 1,
    ("answers_in_a_row", "within_s"): 0.001,
    **{("recovery_time", name): 1 for name in ("hold_s", "window_s")},
    ("recovers_from_each_fault", "hold_s"): 1,
    ("recovers_from_each_fault", "baseline_windows"): 5,
    **{(name, "allowed"): 1 for name in LIMITED},
    **{(name, "window_s"): 0.001 for name in LIMITED},
    ("linearizability", "reads_cap"): 1,
    ("stampede", "limit"): 1,
    ("recovery_time", "baseline_windows"): 5,
    ("pool_stable", "tail_s"): 4,
    ("connections_agree", "window_s"): 2,
    ("over_admission", "limit"): 1,
    ("retry_after", "tries"): 1,
    ("error_budget", "objective"): 0.5,
    ("error_budget", "window_days"): 1,
}
"""What makes no sense below that."""
MOST = {("error_budget", "objective"): 0.999999, ("error_budget", "window_days"): 366}


def ours() -> list[str]:
    """Criteria of others may lie beside them, and are for their own tests: what git does not know."""
    command = ["git", "ls-files", "--others", "harness/criteria"]
    others = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False).stdout
    return sorted(set(criteria.available()) - {Path(line).stem for line in others.splitlines()})


@pytest.mark.parametrize("name", ours())
def test_a_parameter_that_makes_no_sense_is_refused(name: str) -> None:
    """A share is from 0 to 1, a confidence at least a half, no quantile is the largest value, nothing is negative."""
    cls = type(criteria.load(CriterionSpec(name)))
    for each in parameters_of(cls):
        if each.kind not in (int, float):
            continue
        is_share = (
            each.name in SHARES
            or (name, each.name) == ("wrong_refusals", "tolerance")
            or (each.name == "limit" and cls.unit == "ratio" and name not in NO_SHARES)
        )
        lowest, highest = LEAST.get((name, each.name), 0), 1 if is_share else MOST.get((name, each.name), 10**6)
        if each.name == "confidence":
            lowest, highest = 0.5, 0.999999
        elif each.name == "quantile":
            lowest, highest = 0.01, 0.9999
        elif each.name == "share" or (name, each.name) == ("metastability", "lower_limit"):
            lowest = 0.01
        usable = [each.kind(lowest), each.kind(highest)]
        assert [each.problem(value) for value in usable] == [None, None], (each.name, usable)
        beyond = [lowest - (1 if each.kind is int else 1e-4)]
        beyond += [highest + 1e-7] if highest < 10**6 and each.kind is float else []
        assert all(each.problem(each.kind(value)) for value in beyond), (each.name, beyond)
