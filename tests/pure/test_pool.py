"""The connection pool's figures and criteria on recordings whose truth is known."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness import criteria
from harness.analysis import histogram
from harness.analysis.histogram import bucket_index
from harness.criteria.pool import _levels as levels
from harness.criteria.pool import _sessions as sessions
from harness.criteria.pool.pool_saturation import _describe
from harness.criteria.pool.pool_stable import _difference, _persistence
from harness.findings import CLIENTS, TARGET, Finding, Outcome
from harness.recording import ProbeSample, Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import Scalar
from tests.recordings import healthy

HELD_S, SIZE = 0.05, 16
LEVELS = (4, 40, 80, 120, 160, 200)
PHASES = (
    Phase("baseline", 0, 20),
    *(Phase(f"step-{k}", 15 + 5 * k, 20 + 5 * k) for k in range(1, 5)),
    Phase("spike", 40, 45),
    Phase("recovery", 45, 65),
    Phase("idle", 65, 71),
)
CAPACITY_PER_S = SIZE / HELD_S


def closed_pool(
    *, leaked: int = 0, waiting_after: float = 0, idle_in_transaction: int = 0, oldest_s: float = 0
) -> Recording:
    """A closed system of users on a pool, exactly as operational analysis has it: X = min(N / S, size / S)."""
    slices, probes = [], []
    for phase in PHASES:
        users = LEVELS[0] if phase.name in ("baseline", "recovery") else 0
        if phase.name.startswith("step") or phase.name == "spike":
            users = LEVELS[5 if phase.name == "spike" else int(phase.name[-1])]
        per_s = round(min(users / HELD_S, CAPACITY_PER_S))
        latency_s = users / per_s if per_s else 0.0
        for t in range(phase.start_s, phase.end_s):
            for name, took_s in (("GET /db/work", latency_s), (levels.WAIT, latency_s - HELD_S), (levels.HELD, HELD_S)):
                if per_s:
                    slices.append(Slice(t, "local", name, "ok", per_s, 0, {bucket_index(round(took_s * 1e6)): per_s}))
            out = leaked if t >= 30 else 0
            busy = min(SIZE, users + out)
            queue = max(0, users - SIZE) if phase.name != "recovery" else waiting_after
            for source, share in (("a:1", 0.75), ("a:2", 0.25)):
                values = {"size": SIZE / 2, "in_use": busy * share if not out or users else float(out * share)}
                probes.append(ProbeSample(t + 0.1, levels.PROBE, source, {**values, "waiting": queue / 2}))
            sessions = {"idle_in_transaction": float(idle_in_transaction), "oldest_idle_in_transaction_s": oldest_s}
            probes.append(ProbeSample(t + 0.1, "postgres", "a:5432/db", sessions))
    whole = healthy()
    header = dataclasses.replace(whole.header, phases=PHASES)
    return dataclasses.replace(whole, header=header, slices=tuple(slices), probes=tuple(probes))


def judged(criterion: str, run: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, parameters)).judge(run)


def without(run: Recording, unwanted: Callable[[ProbeSample], bool]) -> Recording:
    return dataclasses.replace(run, probes=tuple(sample for sample in run.probes if not unwanted(sample)))


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200))
def test_a_mean_is_as_exact_as_its_buckets(values_us: list[int]) -> None:
    counts: dict[int, int] = {}
    for value in values_us:
        counts[bucket_index(value)] = counts.get(bucket_index(value), 0) + 1
    mean_us = histogram.mean_us(counts)
    assert mean_us == pytest.approx(math.fsum(values_us) / len(values_us), rel=1 / 2048, abs=0.5)


def test_littles_law_agrees_with_what_was_sampled() -> None:
    climb = levels.levels(closed_pool(), "GET *", 1, "baseline", "spike")
    assert [level.phase for level in climb] == ["baseline", "step-1", "step-2", "step-3", "step-4", "spike"]
    for level, users in zip(climb, LEVELS, strict=True):
        assert level.concurrency == pytest.approx(users, rel=0.01)
        assert level.capacity_per_s == pytest.approx(CAPACITY_PER_S, rel=0.01)
        assert level.use_ratio is not None and level.busy == pytest.approx(level.use_ratio * SIZE, rel=0.01)


def test_the_knee_and_the_first_saturated_level_are_found() -> None:
    found = judged("pool_saturation", closed_pool(), requests="GET *")
    assert found.outcome is Outcome.PASS
    assert found.figure == pytest.approx(SIZE, rel=0.01)
    assert "saturated from step-1 on (40 at once)" in found.reason


def test_a_full_pool_without_a_growing_queue_is_not_saturated() -> None:
    climb = levels.levels(closed_pool(), "GET *", 1, "baseline", "spike")
    flat = tuple(dataclasses.replace(level, wait_s=0.01) for level in climb)
    assert levels.saturated(flat, 0.9) == ()
    assert next(level.phase for level in levels.saturated(climb, 0.9)) == "step-1"


def test_a_level_is_told_as_it_is() -> None:
    """40 users on 16 connections that are held for 50 ms: 320 a second, of which each takes 125 ms, 75 of them in the
    queue of 24; 4 users take what they need.
    """
    found = judged("pool_saturation", closed_pool(), requests="GET *")
    assert found.reason == (
        "saturated from step-1 on (40 at once): 100 % in use, 75 ms of waiting; "
        "320 requests/s of the 320 that the pool can serve"
    )
    crowded = "40.0 at once, 320.0/s, 16.0 of 16 connections in use, 16.0 by Little's law, wait 75 ms, held 50 ms"
    assert found.evidence["step-1"] == f"{crowded}, 24.0 waiting"
    assert str(found.evidence["baseline"]).startswith("4.0 at once, 80.0/s, 4.0 of 16 connections in use, 4.0 by")


@pytest.mark.parametrize(("in_use", "is_full"), [(0.89, False), (0.91, True)])
def test_a_pool_is_full_beyond_nine_tenths(in_use: float, is_full: bool) -> None:
    run = closed_pool()
    probes = tuple(
        dataclasses.replace(sample, values={**sample.values, "in_use": SIZE / 2 * in_use}) if sample.t >= 20 else sample
        for sample in run.probes
    )
    found = judged("pool_saturation", dataclasses.replace(run, probes=probes), requests="GET *")
    assert found.reason.startswith("saturated from step-1" if is_full else "never saturated: at most 89 % in use")


def test_one_who_waits_at_the_end_is_a_queue() -> None:
    found = judged("pool_stable", closed_pool(waiting_after=1))
    assert (found.outcome, found.evidence["waiting at the end, mean"]) == (Outcome.FAIL, 1)


def test_the_ceiling_of_the_pool_is_the_highest_throughput() -> None:
    found = judged("scalability", closed_pool(), requests="GET *")
    assert found.outcome is Outcome.PASS
    assert found.figure == pytest.approx(CAPACITY_PER_S, rel=0.01)
    assert "no peak in range" in found.reason


def test_too_few_levels_are_no_fit() -> None:
    assert judged("scalability", healthy()).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("leaked", [1, 3, 7])
def test_what_is_out_in_every_sample_after_the_load_is_leaked_exactly(leaked: int) -> None:
    found = judged("leaked_connections", closed_pool(leaked=leaked))
    assert (found.outcome, found.figure) == (Outcome.FAIL, leaked)


def test_a_connection_that_is_out_for_a_moment_is_not_leaked() -> None:
    """A health check, say."""
    run = closed_pool()
    probes = [
        dataclasses.replace(sample, values={**sample.values, "in_use": 1.0})
        if sample.probe == levels.PROBE and sample.t == 69.1
        else sample
        for sample in run.probes
    ]
    found = judged("leaked_connections", dataclasses.replace(run, probes=tuple(probes)))
    assert (found.outcome, found.figure) == (Outcome.PASS, 0)


def in_use_more(run: Recording, more: float, from_s: float = -math.inf) -> Recording:
    """So many more are out at a:1 from an instant on."""
    probes = [
        dataclasses.replace(sample, values={**sample.values, "in_use": sample.values["in_use"] + more})
        if sample.source == "a:1" and sample.t >= from_s
        else sample
        for sample in run.probes
    ]
    return dataclasses.replace(run, probes=tuple(probes))


@pytest.mark.parametrize("listeners", [1, 2])
def test_what_is_out_all_the_time_is_no_leak(listeners: int) -> None:
    """A listener's connection, where the service tells what the load of the baseline held."""
    found = judged("leaked_connections", in_use_more(closed_pool(), listeners))
    assert (found.outcome, found.figure, found.interval) == (Outcome.PASS, 0, (0, 0))
    found = judged("leaked_connections", in_use_more(closed_pool(leaked=4), listeners))
    assert (found.outcome, found.figure) == (Outcome.FAIL, 4)


def held_untold(run: Recording, *, looked_at_before: bool) -> Recording:
    """Whose answers do not tell for how long a connection is held."""
    slices = tuple(piece for piece in run.slices if piece.name != levels.HELD)
    early = [
        dataclasses.replace(sample, t=-1.0, values={**sample.values, "in_use": 0.0})
        for sample in run.probes
        if sample.probe == levels.PROBE and sample.t == 0.1 and looked_at_before
    ]
    return dataclasses.replace(run, slices=slices, probes=(*early, *run.probes))


def test_without_the_time_for_which_connections_are_held_no_level_is_full() -> None:
    found = judged("pool_saturation", held_untold(closed_pool(), looked_at_before=False), requests="GET *")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("nothing tells for how long a connection is held"), found.reason


@pytest.mark.parametrize("leaked", [2, 3])
def test_what_the_load_of_the_baseline_held_hides_no_leak(leaked: int) -> None:
    """3 of its 4 are at a:1: as many as are out there in the end, whether they leaked or are a listener's."""
    run = in_use_more(closed_pool(), leaked, from_s=60)
    found = judged("leaked_connections", held_untold(run, looked_at_before=False))
    assert (found.outcome, found.interval) == (Outcome.INCONCLUSIVE, (0, leaked))
    assert "a look at the pool before any load" in found.reason
    found = judged("leaked_connections", held_untold(run, looked_at_before=True))
    assert (found.outcome, found.figure, found.interval) == (Outcome.FAIL, leaked, (leaked, leaked))


@pytest.mark.parametrize("looked_at_before", [True, False])
def test_more_than_the_baseline_held_is_a_leak_and_none_is_none(looked_at_before: bool) -> None:
    run = held_untold(in_use_more(closed_pool(), 7, from_s=60), looked_at_before=looked_at_before)
    found = judged("leaked_connections", run)
    assert (found.outcome, found.interval) == (Outcome.FAIL, (7 if looked_at_before else 4, 7))
    none = held_untold(closed_pool(), looked_at_before=looked_at_before)
    assert judged("leaked_connections", none).outcome is Outcome.PASS


def test_a_listener_that_was_there_before_any_load_is_no_leak_whatever_is_told() -> None:
    run = in_use_more(held_untold(closed_pool(), looked_at_before=True), 1)
    found = judged("leaked_connections", run)
    assert (found.outcome, found.figure, found.interval) == (Outcome.PASS, 0, (0, 0))


def test_a_number_that_never_moves_is_permanent_whatever_the_load() -> None:
    run = closed_pool()
    still = [
        dataclasses.replace(sample, values={**sample.values, "in_use": 2.0}) if sample.probe == levels.PROBE else sample
        for sample in run.probes
    ]
    assert judged("leaked_connections", dataclasses.replace(run, probes=tuple(still))).figure == 0


def test_of_a_process_that_came_later_nobody_knows_what_is_permanent() -> None:
    run = without(closed_pool(leaked=4), lambda sample: sample.source == "a:1" and sample.t < 40)
    found = judged("leaked_connections", run)
    assert (found.outcome, found.figure, found.interval) == (Outcome.FAIL, 4, (1, 4))
    found = judged("leaked_connections", run, limit=1)
    assert found.outcome is Outcome.INCONCLUSIVE and "a:1 was not read in the baseline" in found.reason


@pytest.mark.parametrize("lacking", ["size", "in_use"])
@pytest.mark.parametrize("sources", [{"a:1"}, {"a:1", "a:2"}])
def test_a_pool_of_which_a_part_is_not_told_is_not_stable(lacking: str, sources: set[str]) -> None:
    """Neither its size nor its use can be made up from the rest."""
    run = closed_pool()
    probes = [
        dataclasses.replace(sample, values={name: v for name, v in sample.values.items() if name != lacking})
        if sample.source in sources
        else sample
        for sample in run.probes
    ]
    bare = dataclasses.replace(run, probes=tuple(probes))
    found = judged("pool_stable", bare)
    assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, None)
    assert ("the size of the pool was not sampled" in found.reason) == (lacking == "size")
    judged("leaked_connections", bare)
    judged("pool_saturation", bare)


def test_a_process_that_went_away_may_hide_a_leak() -> None:
    run = without(closed_pool(), lambda sample: sample.source == "a:2" and sample.t > 50)
    found = judged("leaked_connections", run)
    assert found.outcome is Outcome.INCONCLUSIVE and "a:2" in found.reason
    run = without(closed_pool(leaked=4), lambda sample: sample.source == "a:2" and sample.t > 50)
    found = judged("leaked_connections", run)
    assert (found.outcome, found.figure, found.interval) == (Outcome.FAIL, 3, (3, 3)), "what the other one holds"


@pytest.mark.parametrize(("seen", "outcome"), [(1, Outcome.INCONCLUSIVE), (2, Outcome.INCONCLUSIVE), (3, Outcome.FAIL)])
def test_what_is_out_in_one_or_two_samples_proves_no_leak(seen: int, outcome: Outcome) -> None:
    """Of one process; of both; and of the sessions, where the pool was not sampled."""
    run = closed_pool(leaked=4, idle_in_transaction=4)
    for gone in ({"a:2"}, {"a:1", "a:2"}):
        brief = without(run, lambda sample, gone=gone: sample.source in gone and sample.t > 67 + seen)
        # Those that are read in all samples have nothing out.
        held = tuple(
            dataclasses.replace(sample, values={**sample.values, "in_use": 0.0})
            if sample.source in {"a:1", "a:2"} - gone
            else sample
            for sample in brief.probes
        )
        found = judged("leaked_connections", dataclasses.replace(brief, probes=held))
        assert found.outcome is outcome
        assert outcome is Outcome.FAIL or "fewer than 3 samples" in found.reason
    sessions = without(run, lambda sample: sample.probe == levels.PROBE or sample.t > 67 + seen)
    assert judged("leaked_connections", sessions).outcome is outcome


@pytest.mark.parametrize("name", ["leaked_connections", "pool_stable", "pool_saturation"])
@pytest.mark.parametrize("refused", [{"a:2"}, {"a:1", "a:2"}])
def test_a_process_that_was_never_read_is_part_of_the_pool(name: str, refused: set[str]) -> None:
    """What it holds is not known, so nothing is proven by the other one."""
    run = closed_pool()
    probes = tuple(
        ProbeSample(sample.t, sample.probe, sample.source, {}, "connection refused")
        if sample.source in refused
        else sample
        for sample in run.probes
    )
    found = judged(name, dataclasses.replace(run, probes=probes))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert all(f"{source} (connection refused)" in found.reason for source in refused)


def test_without_the_pool_sessions_idle_in_a_transaction_are_leaked() -> None:
    run = without(closed_pool(idle_in_transaction=3), lambda sample: sample.probe == levels.PROBE)
    found = judged("leaked_connections", run)
    assert (found.outcome, found.figure) == (Outcome.FAIL, 3)
    run = without(closed_pool(), lambda sample: sample.probe == levels.PROBE)
    found = judged("leaked_connections", run, remedy="name its pages")
    assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, None)
    assert found.reason == "the pool was not sampled: name its pages"
    assert found.evidence == {"sessions idle in transaction": 0}


@pytest.mark.parametrize("name", ["pool_stable", "leaked_connections", "pool_saturation", "long_transactions"])
def test_what_was_not_sampled_has_the_remedy_of_the_scenario(name: str) -> None:
    """Which option names it, only the scenario knows."""
    unsampled = dataclasses.replace(closed_pool(), probes=())
    for remedy, ending in (("give --it", "not sampled: give --it"), ("", "not sampled")):
        found = judged(name, unsampled, remedy=remedy)
        assert found.outcome is Outcome.INCONCLUSIVE and found.reason.endswith(ending)


def test_without_a_phase_without_load_its_length_is_named() -> None:
    """Two seconds to settle, three samples, and one for the edges."""
    run = closed_pool()
    header = dataclasses.replace(run.header, phases=PHASES[:-1])
    found = judged("leaked_connections", dataclasses.replace(run, header=header))
    assert found.outcome is Outcome.INCONCLUSIVE and "a phase of 6 s without load" in found.reason


def test_what_is_measured_from_the_pool_alone_is_evidence_of_the_target() -> None:
    """A late load generator makes neither a leak nor a queue in the pool; throughput and latency it does."""
    of = {name: criteria.evidence_of(name) for name in ("pool_stable", "leaked_connections", "long_transactions")}
    assert set(of.values()) == {TARGET}
    assert criteria.evidence_of("pool_saturation") == criteria.evidence_of("scalability") == CLIENTS


def test_a_pool_that_is_as_before_is_stable() -> None:
    found = judged("pool_stable", closed_pool())
    assert (found.outcome, found.figure) == (Outcome.PASS, 0)


def test_a_pool_of_which_more_is_in_use_than_before_is_not() -> None:
    found = judged("pool_stable", closed_pool(leaked=4))
    assert found.outcome is Outcome.FAIL
    assert found.figure == pytest.approx(4 / SIZE)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1.0, 1.0, Outcome.INCONCLUSIVE),
        (0.9, 0.9, Outcome.INCONCLUSIVE),
        (0.9, 0.5, Outcome.PASS),
        (0.5, 0.5, Outcome.PASS),
        (0.5, 0.9, Outcome.FAIL),
    ],
)
def test_a_pool_that_was_full_before_and_after_shows_nothing(before: float, after: float, expected: Outcome) -> None:
    run = closed_pool()
    probes = [
        dataclasses.replace(sample, values={**sample.values, "in_use": SIZE / 2 * (before if sample.t < 20 else after)})
        for sample in run.probes
    ]
    found = judged("pool_stable", dataclasses.replace(run, probes=tuple(probes)))
    assert found.outcome is expected
    assert ("no room for more" in found.reason) is (expected is Outcome.INCONCLUSIVE)


def test_the_interval_is_welchs() -> None:
    """Means 0.5 and 0.75, variances 0.02 / 3 over 4 values and 0.05 / 5 over 6: t with 7.8 degrees of freedom."""
    before, after = [0.4, 0.5, 0.5, 0.6], [0.6, 0.7, 0.7, 0.8, 0.8, 0.9]
    excess, (low, high) = _difference(before, after)
    independent = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert excess == pytest.approx(0.25)
    assert (low, high) == (pytest.approx(independent.low), pytest.approx(independent.high))
    assert _difference([0.5] * 4, [0.75] * 4) == (0.25, (0.25, 0.25))


def test_samples_that_are_alike_count_as_fewer() -> None:
    """Waves of 20 samples: 10 of them may be all above the mean, or all below."""
    wave = [0.5 + 0.2 * math.sin(2 * math.pi * t / 20) for t in range(30)]
    excess, (low, high) = _difference(wave, [0.65 + 0.01 * (t % 2) for t in range(10)])
    independent = stats.ttest_ind([0.65, 0.66] * 5, wave, equal_var=False).confidence_interval(0.95)
    assert excess > independent.low > 0.05
    assert low < 0 < excess < high
    # The tail scatters as the baseline does, in as many samples as are independent.
    alike = _persistence((wave, [0.65 + 0.01 * (t % 2) for t in range(10)]))
    parts = [statistics.variance(wave) * (1 + alike) / (1 - alike) / n for n in (30, 10)]
    sizes = [n * (1 - alike) / (1 + alike) for n in (30, 10)]
    freedom = sum(parts) ** 2 / sum(part**2 / max(1, size - 1) for part, size in zip(parts, sizes, strict=True))
    margin = stats.t.ppf(0.975, max(1, freedom)) * math.sqrt(sum(parts))
    assert (low, high) == (pytest.approx(excess - margin), pytest.approx(excess + margin))


@pytest.mark.parametrize(("more", "outcome"), [(0.05, Outcome.PASS), (0.15, Outcome.INCONCLUSIVE), (0.3, Outcome.FAIL)])
def test_a_use_that_scatters_is_judged_by_its_interval(more: float, outcome: Outcome) -> None:
    """By turns 0.1 above its mean and below: ± 0.07 for 20 samples and 10."""
    run = closed_pool()
    probes = [
        dataclasses.replace(
            sample,
            values={
                **sample.values,
                "in_use": SIZE / 2 * (0.5 + (0.1 if int(sample.t) % 2 else -0.1) + (more if sample.t >= 20 else 0)),
            },
        )
        for sample in run.probes
    ]
    found = judged("pool_stable", dataclasses.replace(run, probes=tuple(probes)))
    assert (found.outcome, found.figure) == (outcome, pytest.approx(more))
    assert found.interval is not None
    assert found.interval == (pytest.approx(more - 0.083, abs=0.005), pytest.approx(more + 0.083, abs=0.005))
    assert ("longer phases would tell" in found.reason) is (outcome is Outcome.INCONCLUSIVE)


def test_a_pool_of_size_0_shows_nothing() -> None:
    """Its use would be 0 whatever is in use."""
    run = closed_pool()
    probes = tuple(dataclasses.replace(sample, values={**sample.values, "size": 0.0}) for sample in run.probes)
    found = judged("pool_stable", dataclasses.replace(run, probes=probes))
    assert found.outcome is Outcome.INCONCLUSIVE and "size of 0" in found.reason


def test_a_queue_that_stays_is_a_failure_and_one_that_comes_and_goes_is_open() -> None:
    found = judged("pool_stable", closed_pool(waiting_after=2))
    assert (found.outcome, found.figure, found.evidence["waiting at the end, mean"]) == (Outcome.FAIL, 0, 2)
    run = closed_pool()
    probes = [
        dataclasses.replace(sample, values={**sample.values, "waiting": 1.0})
        if sample.probe == levels.PROBE and sample.t in (60.1, 62.1)
        else sample
        for sample in run.probes
    ]
    found = judged("pool_stable", dataclasses.replace(run, probes=tuple(probes)))
    assert found.outcome is Outcome.INCONCLUSIVE and "2 of the last 10 samples" in found.reason


@pytest.mark.parametrize(("oldest_s", "expected"), [(0, "PASS"), (3.5, "PASS"), (4.5, "INCONCLUSIVE"), (5.5, "FAIL")])
def test_an_age_may_have_grown_between_two_samples(oldest_s: float, expected: str) -> None:
    found = judged("long_transactions", closed_pool(oldest_s=oldest_s))
    assert (found.outcome.value, found.figure) == (expected, oldest_s)
    assert found.interval == (oldest_s, pytest.approx(oldest_s + 1))


def test_what_was_idle_to_the_end_is_evidence() -> None:
    """In the last phase, whichever that is."""
    run = closed_pool(idle_in_transaction=2, oldest_s=1)
    more = [
        dataclasses.replace(each, values={**each.values, sessions.IDLE_IN_TRANSACTION: 5.0})
        if each.t < PHASES[-1].start_s and sessions.IDLE_IN_TRANSACTION in each.values
        else each
        for each in run.probes
    ]
    for probes in (run.probes, tuple(more)):
        evidence = judged("long_transactions", dataclasses.replace(run, probes=probes)).evidence
        told = {key: value for key, value in evidence.items() if key.startswith("idle in transaction")}
        assert told == {"idle in transaction throughout the idle": 2}


def test_two_levels_are_a_climb_and_one_is_none() -> None:
    run = closed_pool()
    two = judged("pool_saturation", run, spike=PHASES[1].name)
    assert two.outcome is Outcome.PASS and len(two.evidence) == 2
    one = judged("pool_saturation", run, spike=PHASES[0].name)
    assert one.outcome is Outcome.INCONCLUSIVE and "fewer than two levels" in one.reason


def test_a_probe_that_was_silent_for_long_proves_no_short_transactions() -> None:
    run = without(closed_pool(), lambda sample: 20 <= sample.t < 30)
    found = judged("long_transactions", run)
    assert found.outcome is Outcome.INCONCLUSIVE and "not sampled" in found.reason


@pytest.mark.parametrize("name", ["pool_stable", "leaked_connections", "pool_saturation"])
@pytest.mark.parametrize(
    ("in_use", "outcome"),
    [
        pytest.param(lambda _: 1.0, Outcome.INCONCLUSIVE, id="stands still"),
        pytest.param(lambda value: value / 3, Outcome.INCONCLUSIVE, id="of a third of the processes"),
        pytest.param(lambda value: value * 0.9, Outcome.PASS, id="a little less"),
        pytest.param(lambda value: value + 1, Outcome.PASS, id="with a listener's"),
    ],
)
def test_a_metric_that_little_s_law_contradicts_is_no_evidence(
    name: str, in_use: Callable[[float], float], outcome: Outcome
) -> None:
    """16 are held at once in the spike, as the answers tell."""
    run = closed_pool()
    probes = [
        dataclasses.replace(sample, values={**sample.values, "in_use": in_use(sample.values["in_use"])})
        if sample.probe == levels.PROBE
        else sample
        for sample in run.probes
    ]
    found = judged(
        name, dataclasses.replace(run, probes=tuple(probes)), **({"requests": "GET *"} if "sat" in name else {})
    )
    assert found.outcome is outcome, found.reason
    assert ("where the answers tell of 16.0 (Little's law)" in found.reason) is (outcome is Outcome.INCONCLUSIVE)


def holding(count: int, t: int) -> Slice:
    return Slice(t, "local", levels.HELD, "ok", count, 0, {bucket_index(100_000): count})


def open_pool(per_s: int, sampled: Callable[[int], float], *, size: int = 8, spike_s: int = 10) -> Recording:
    """Connections that are held for 100 ms, 5 requests a second, and ``per_s`` in a spike after 20 s."""
    run = closed_pool()
    ends = (20, 20 + spike_s, 60)
    named = tuple(map(Phase, ("baseline", "spike", "recovery"), (0, *ends), ends))
    each = {t: per_s if 20 <= t < ends[1] else 5 for t in range(60)}
    held = [holding(n, t) for t, n in each.items()]
    probes = [
        ProbeSample(t + 0.9, levels.PROBE, "a:1", {"size": float(size), "in_use": sampled(t), "waiting": 0.0})
        for t in range(60)
    ]
    header = dataclasses.replace(run.header, phases=named)
    return dataclasses.replace(run, header=header, slices=tuple(held), probes=tuple(probes))


def test_a_pool_that_is_full_contradicts_nothing() -> None:
    """200/s of 100 ms would hold 20; there are 8, and the rest is held later."""
    full = open_pool(200, lambda t: 8.0 if 20 <= t < 45 else 0.5)
    assert levels.contradiction(full) == ""
    other = open_pool(200, lambda _: 1.0)
    assert "1.0 connections were in use in the spike, where the answers tell of 8.0" in levels.contradiction(other)


def test_a_herd_that_is_over_between_two_samples_contradicts_nothing() -> None:
    assert levels.contradiction(open_pool(500, lambda t: float(t % 2), size=100, spike_s=1)) == ""


def test_few_that_come_at_even_distances_may_all_be_missed() -> None:
    """Of 5/s that are held for 100 ms each, samples at one place in the second see none, or one each time."""
    assert levels.contradiction(open_pool(70, lambda t: 7.0 if 20 <= t < 30 else 0.0)) == ""


def test_part_of_the_processes_is_told_by_a_phase_that_does_not_fill_them() -> None:
    """A third of 24 connections: in the spike full, as they should be, and at 60/s a third of 6."""
    run = open_pool(200, lambda t: 8.0 if 20 <= t < 30 else 2.0)
    slices = [p if 20 <= p.t < 30 else holding(60, p.t) for p in run.slices]
    told = levels.contradiction(dataclasses.replace(run, slices=tuple(slices)))
    assert "2.0 connections were in use in the baseline, where the answers tell of 6.0" in told


def test_a_busiest_phase_without_samples_does_not_hide_the_others() -> None:
    run = without(open_pool(70, lambda _: 0.0), lambda sample: 20 <= sample.t < 30)
    slices = [p if p.t < 30 else holding(50, p.t) for p in run.slices]
    told = levels.contradiction(dataclasses.replace(run, slices=tuple(slices)))
    assert "in the recovery, where the answers tell of 5.0" in told


@pytest.mark.parametrize(
    ("use_ratio", "size", "told"),
    [(0.5, 16.0, "8.0 of 16 connections in use"), (None, 16.0, ""), (0.5, None, ""), (0.5, 0.0, ""), (None, None, "")],
)
def test_connections_in_use_are_told_where_both_are_known(
    use_ratio: float | None, size: float | None, told: str
) -> None:
    level = levels.Level("step", 20.0, 20.0, 0.1, 2.0, 0.0, None, use_ratio, size, 0.0)
    parts = ["2.0 at once", "20.0/s", *([told] if told else []), "wait 0 ms", "0.0 waiting"]
    assert _describe(level) == ", ".join(parts)


@pytest.mark.parametrize(("seconds", "outcome"), [(5, Outcome.INCONCLUSIVE), (6, Outcome.FAIL)])
def test_a_queue_that_stands_in_half_of_the_last_samples_is_open(seconds: int, outcome: Outcome) -> None:
    run = closed_pool()
    probes = [
        dataclasses.replace(sample, values={**sample.values, "waiting": 1.0})
        if sample.probe == levels.PROBE and 55 <= sample.t < 55 + seconds and sample.source == "a:1"
        else sample
        for sample in run.probes
    ]
    found = judged("pool_stable", dataclasses.replace(run, probes=tuple(probes)))
    assert found.outcome is outcome, found.reason
    longer = ": a longer recovery would tell whether the queue goes away"
    assert found.reason.endswith(longer) is (outcome is Outcome.INCONCLUSIVE)


def test_the_knee_is_where_the_capacity_takes_the_latency_without_waiting() -> None:
    """16 connections that are held for 50 ms serve 320/s; of 125 ms, 75 were waited for: 320/s × 50 ms are 16."""
    waiting = levels.Level("step", 320.0, 320.0, 0.125, 40.0, 0.075, 0.05, 1.0, 16.0, 24.0)
    assert levels.knee((waiting,)) == pytest.approx(16)
    assert levels.knee((dataclasses.replace(waiting, wait_s=None),)) == pytest.approx(40)
    assert levels.knee((dataclasses.replace(waiting, held_s=None),)) is None


@pytest.mark.parametrize(
    ("idle", "fewest", "left"), [((3, 1, 2), 1, 1), ((3, 1, 2), 4, None), ((), 1, None), ((5,), 0, 5)]
)
def test_sessions_that_are_idle_in_every_sample_are_left(idle: tuple[int, ...], fewest: int, left: int | None) -> None:
    values = [{sessions.IDLE_IN_TRANSACTION: float(count), sessions.OLDEST_IDLE_S: 1.0} for count in idle]
    probes = tuple(ProbeSample(70.0 + k, sessions.PROBE, "db", each) for k, each in enumerate(values))
    run = dataclasses.replace(healthy(), probes=probes)
    assert sessions.left_idle(run, Phase("after", 70, 80), fewest) == left


def of_pool(t: float, source: str, in_use: float | None, error: str | None = None) -> ProbeSample:
    return ProbeSample(t, levels.PROBE, source, {} if in_use is None else {"in_use": in_use, "size": 8.0}, error)


def test_samples_count_from_the_beginning_of_a_phase_to_before_its_end() -> None:
    samples = tuple(of_pool(t, "a", value) for t, value in ((69.9, 1), (70.0, 0), (79.9, 3), (80.0, 4)))
    sampled = dataclasses.replace(healthy(), probes=samples)
    assert levels.in_use(sampled, 70.0, 80.0) == {"a": [0, 3]}
    found = levels.instants(sampled, Phase("after", 70, 80))
    assert [(each.t, each.in_use) for each in found] == [(70.0, 0), (79.9, 3)], "none in use is none"


def test_who_was_not_read_in_a_stretch_is_named_with_its_error_there() -> None:
    samples = (
        of_pool(60.0, "a", 1),
        of_pool(75.0, "a", None, "timed out"),
        of_pool(85.0, "a", None, "refused"),
        of_pool(60.0, "b", 1),
        of_pool(75.0, "b", 1),
        of_pool(60.0, "c", 1),
        of_pool(85.0, "c", 1),
    )
    assert levels.unread(dataclasses.replace(healthy(), probes=samples), 70, 80) == "a (timed out), c"


@pytest.mark.parametrize(
    ("t", "is_quiet"), [(9.9, True), (10.0, False), (11.49, False), (11.6, True), (29.9, True), (30, False)]
)
def test_nothing_is_under_way_once_the_longest_answer_would_have_come(t: float, is_quiet: bool) -> None:
    """The requests of the second that begins at 10 s took half a second at most, until 11.5 s; the last, at 30 s, ended
    what is looked at.
    """
    took_us = {10: 500_000, 30: 5_000_000}  # what is sent from then on is none of it, however long it takes
    pieces = tuple(Slice(at, "w", "GET /", "ok", 1, 0, {bucket_index(us): 1}) for at, us in took_us.items())
    sample = ProbeSample(t, levels.PROBE, "api", {levels.IN_USE: 3.0})
    run = dataclasses.replace(healthy(), slices=pieces, probes=(sample,))
    assert dict(levels._in_use_without_load(run, 30.0)) == ({"api": [3.0]} if is_quiet else {})


@pytest.mark.parametrize(("in_use", "contradicts"), [(1.2, True), (1.4, False)])
def test_a_use_that_is_three_standard_errors_below_what_was_held_is_no_chance(
    monkeypatch: pytest.MonkeyPatch, in_use: float, contradicts: bool
) -> None:
    """Four were held, of which five samples show the mean to √(4 ÷ 5) = 0.89: at least 1.32 of them."""
    monkeypatch.setattr(levels, "_held", lambda *_: 4.0)
    monkeypatch.setattr(levels, "instants", lambda *_: [levels.Instant(t, in_use, 8, None) for t in range(5)])
    assert bool(levels.contradiction(healthy())) is contradicts


@pytest.mark.parametrize(("size", "ratio"), [(None, 0), (0, 0), (4, 0.75)])
def test_without_its_size_nothing_of_a_pool_is_in_use(size: float | None, ratio: float) -> None:
    assert levels.Instant(1.0, 3.0, size, None).use_ratio == ratio


@pytest.mark.parametrize(("alternating", "alike"), [(0, True), (14, False), (20, False)])
def test_samples_are_alike_only_by_more_than_chance(alternating: int, alike: bool) -> None:
    """Of 40 samples, of which the first go from 0 to 1 by fives: 1.645 ÷ √40 = 0.26 is what chance may make."""
    values = [float(n // 5 % 2) for n in range(40 - alternating)] + [float(n % 2) for n in range(alternating)]
    found = _persistence([values])
    mean = statistics.fmean(values)
    together = sum((a - mean) * (b - mean) for a, b in pairwise(values)) / sum((each - mean) ** 2 for each in values)
    assert (found > 0) is alike is (together > 1.645 / math.sqrt(40))
    assert not alike or found == pytest.approx(together + (1 + 4 * together) / 40)


@pytest.mark.parametrize(
    ("climb", "told"),
    [
        ([(0.5, 0.01), (0.95, 0.02)], ["1"]),
        ([(0.5, 0.01), (0.9, 0.02)], []),  # no more than the limit is in use
        ([(0.5, 0.01), (0.95, 0.01)], []),  # the queue does not grow
        ([(0.5, 0.01), (0.6, 0.05), (0.95, 0.02)], []),  # one has waited longer, at less
        ([(0.5, 0.05), (0.95, 0.01), (0.95, 0.03)], []),  # than at any below, the lowest as well
        ([(0.5, 0.01), (0.95, 0.02), (0.95, 0.03)], ["1", "2"]),
        ([(0.5, None), (0.95, 0.02)], []),
        ([(0.5, 0.01), (None, 0.02), (0.95, 0.015)], ["2"]),
        ([], []),
    ],
)
def test_a_level_is_saturated_where_its_full_pool_makes_wait_longer_than_any_below(
    climb: list[tuple[float | None, float | None]], told: list[str]
) -> None:
    waiting = levels.Level("", 320.0, 320.0, 0.125, 40.0, 0.075, 0.05, 1.0, 16.0, 24.0)
    levels_of = tuple(
        dataclasses.replace(waiting, phase=str(n), use_ratio=use, wait_s=wait_s)
        for n, (use, wait_s) in enumerate(climb)
    )
    assert [level.phase for level in levels.saturated(levels_of, 0.9)] == told


@pytest.mark.parametrize(("end_s", "is_measured"), [(20, False), (21, True)])
def test_a_second_is_a_level(end_s: int, is_measured: bool) -> None:
    found = levels._measure(closed_pool(), Phase("step", 20, end_s), "GET *")
    assert (found is not None) is is_measured


def test_what_is_sampled_when_a_stretch_begins_is_of_it_and_when_it_ends_is_not() -> None:
    run = closed_pool(oldest_s=1)
    times = [sample.t for sample in sessions._good(run)]
    inside = sessions.idling(run, times[3], times[7])
    assert inside is not None and inside.samples == 4 and inside.largest_gap_s == pytest.approx(1)


def bursts(period_s: int, taken_s: int, waiting: float, until_s: int) -> Recording:
    """Of 16 connections four are in use; now and then, up to an instant, all of them."""
    run = closed_pool()
    probes = []
    for sample in run.probes:
        if sample.probe == levels.PROBE and 45 <= sample.t < 65:
            at_s = int(sample.t) - 45
            is_taken = at_s < 2 or (at_s % period_s < taken_s and sample.t < until_s)
            share, queue = (1.0, waiting) if is_taken else (0.25, 0.0)
            probes.append(
                dataclasses.replace(sample, values={**sample.values, "in_use": SIZE / 2 * share, "waiting": queue})
            )
        else:
            probes.append(sample)
    return dataclasses.replace(run, probes=tuple(probes))


@pytest.mark.parametrize("waiting", [0.0, 3.0])
def test_a_pool_that_is_taken_again_and_again_is_not_stable_though_its_last_seconds_are_quiet(waiting: float) -> None:
    """All of it in six of ten seconds, but in the four that are compared."""
    found = judged("pool_stable", bursts(10, 6, waiting, until_s=61), tail_s=4)
    assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, 0)
    assert "taken again in 6 of 14 samples, for longest from 55 to 60 s, against 0 of 20 before" in found.reason
    longer = judged("pool_stable", bursts(10, 6, waiting, until_s=61), tail_s=14)
    assert longer.outcome is not Outcome.PASS and longer.figure == pytest.approx(0.75 * 6 / 14), "as the sentence says"
    assert found.reason.endswith("a recovery at the end of which it stays given back for 13 samples would settle it")
    not_back_before = judged("pool_stable", bursts(10, 6, waiting, until_s=51), tail_s=4)
    assert not_back_before.outcome is Outcome.PASS
    once = judged("pool_stable", bursts(10, 1, waiting, until_s=61), tail_s=4)
    assert once.outcome is Outcome.PASS, "one sample is chance"


def test_a_pool_that_is_full_for_nearly_all_of_the_recovery_is_not_stable_by_its_last_seconds() -> None:
    """Given back for four seconds, taken for six, and then for the ten that are compared; of two by then enough."""
    for taken_s, outcome in ((6, Outcome.INCONCLUSIVE), (3, Outcome.PASS)):
        run = closed_pool()
        probes = [
            dataclasses.replace(sample, values={**sample.values, "in_use": SIZE / 2, "waiting": 3.0})
            if sample.probe == levels.PROBE and 49 <= sample.t < 49 + taken_s
            else sample
            for sample in run.probes
        ]
        found = judged("pool_stable", dataclasses.replace(run, probes=tuple(probes)))
        assert found.outcome is outcome, found.reason


@pytest.mark.parametrize(("lacking", "name"), [("baseline", "baseline"), ("recovery", "recovery")])
def test_without_one_of_its_phases_a_pool_is_not_said_to_be_stable(lacking: str, name: str) -> None:
    run = closed_pool()
    phases = tuple(phase for phase in run.header.phases if phase.name != lacking)
    found = judged("pool_stable", dataclasses.replace(run, header=dataclasses.replace(run.header, phases=phases)))
    assert found.outcome is Outcome.INCONCLUSIVE and found.reason.startswith(f"the run has no phase {name!r}; ")


@pytest.mark.parametrize(("samples", "is_known"), [(3, False), (4, True)])
def test_four_samples_of_the_end_show_what_is_in_use(samples: int, is_known: bool) -> None:
    run = without(closed_pool(), lambda sample: sample.probe == levels.PROBE and 45 <= sample.t < 65 - samples)
    found = judged("pool_stable", run)
    assert ("4 needed" in found.reason) is not is_known
    assert not is_known or found.evidence["samples after"] == 4


@pytest.mark.parametrize("criterion", ["pool_stable", "leaked_connections", "pool_saturation"])
def test_a_sample_that_was_left_out_is_no_process(criterion: str) -> None:
    """One before it took longer than a second, as on a busy machine: then its source is the probe's own name."""
    whole = closed_pool()
    skipped = (ProbeSample(t + 0.1, levels.PROBE, levels.PROBE, {}, "skipped: the sample before") for t in (4, 31))
    late = dataclasses.replace(whole, probes=(*whole.probes, *skipped))
    found, expected = (judged(criterion, each) for each in (late, whole))
    assert (found.outcome, found.figure) == (expected.outcome, expected.figure), found.reason
    assert expected.figure is not None
