"""The guard of slowness that no criterion looks at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.histogram import bucket_index
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import STARTS_PER_S, CriterionSpec, Phase
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import OK, Scalar
from harness.verdict import judge
from tests.recordings import healthy

GUARD = "slowness_judged"


def criterion(kind: str, **parameters: Scalar) -> CriterionSpec:
    return CriterionSpec(kind, parameters)


STANDARD = (criterion("error_ratio"), criterion("latency_quantile"), criterion("recovery_time"))
PER_S = 10
PHASES = tuple(
    Phase(name, start_s, end_s)
    for name, start_s, end_s in (
        ("baseline", 0, 30),
        ("spike", 30, 40),
        ("recovery", 40, 80),
        ("spike-2", 80, 90),
        ("recovery-2", 90, 130),
    )
)


def twice(spike_s: float = 0.02, last_s: float = 0.02, slow_per_s: int = PER_S, last_level: float = PER_S) -> Recording:
    """Two spikes; in the second, and in its recovery, so many requests of each second take as long as is said."""
    pieces = []
    for t in range(130):
        slow_s = last_s if t >= 90 else spike_s if t >= 80 else 0.02
        histogram = {bucket_index(20_000): PER_S - slow_per_s}
        histogram[bucket_index(round(slow_s * 1e6))] = histogram.get(bucket_index(round(slow_s * 1e6)), 0) + slow_per_s
        counts = {index: count for index, count in histogram.items() if count}
        pieces.append(Slice(t, "w", "GET /", OK, PER_S, 180 * PER_S, counts))
    level = ((0.0, PER_S), (30.0, PER_S), (30.0, 50.0), (90.0, 50.0), (90.0, last_level), (130.0, last_level))
    header = replace(healthy().header, phases=PHASES, level=level, level_unit=STARTS_PER_S, gates=())
    return replace(healthy(), header=header, slices=tuple(pieces))


def guarded(run: Recording, *criteria: CriterionSpec) -> Finding:
    run = replace(run, header=replace(run.header, criteria=(*criteria, CriterionSpec(GUARD))))
    (found,) = (each for each in judge(run).findings if each.kind == GUARD)
    return found


@pytest.mark.parametrize(
    ("run", "criteria", "outcome"),
    [
        pytest.param(twice(), STANDARD, Outcome.PASS, id="well"),
        pytest.param(twice(spike_s=6), STANDARD, Outcome.INCONCLUSIVE, id="beyond the limit"),
        pytest.param(twice(spike_s=4.9), STANDARD, Outcome.PASS, id="within it"),
        pytest.param(twice(last_s=6), STANDARD, Outcome.INCONCLUSIVE, id="in the last phase"),
        pytest.param(twice(last_s=0.2), STANDARD, Outcome.INCONCLUSIVE, id="beyond the SLO in the end"),
        pytest.param(twice(last_s=0.11), STANDARD, Outcome.PASS, id="within that"),
        pytest.param(twice(last_s=0.2, last_level=11), STANDARD, Outcome.PASS, id="at a larger load"),
        pytest.param(twice(last_s=0.2), STANDARD[:2], Outcome.PASS, id="of a run that judges no recovery"),
        pytest.param(twice(spike_s=6), STANDARD[::2], Outcome.PASS, id="of one that judges no latency"),
        pytest.param(
            twice(spike_s=6),
            (*STANDARD, criterion("latency_quantile", phase="spike-2", name="second")),
            Outcome.PASS,
            id="that is judged",
        ),
        pytest.param(
            twice(spike_s=6),
            (*STANDARD, criterion("latency_quantile", phase="spike-2", requests="GET /other", name="second")),
            Outcome.INCONCLUSIVE,
            id="of others",
        ),
        pytest.param(
            twice(spike_s=6),
            (*STANDARD, criterion("latency_quantile", phase="recovery", limit_s=7.0, name="second")),
            Outcome.PASS,
            id="which another phase may be",
        ),
        pytest.param(
            twice(last_s=0.2),
            (*STANDARD, criterion("recovery_time", spike="spike-2", recovery="recovery-2", name="second")),
            Outcome.PASS,
            id="a second recovery",
        ),
        pytest.param(
            twice(last_s=6), (*STANDARD, criterion("error_budget", latency_s=1.0)), Outcome.PASS, id="of the budget"
        ),
        pytest.param(
            twice(last_s=6), (*STANDARD, criterion("error_budget")), Outcome.INCONCLUSIVE, id="of one of failures"
        ),
        # 5 % may be slower than the limit, and 10 % than the SLO: of 100, and of 200 requests, so many.
        pytest.param(twice(spike_s=6, slow_per_s=1), STANDARD, Outcome.PASS, id="a tenth"),
        pytest.param(twice(spike_s=6, slow_per_s=2), STANDARD, Outcome.INCONCLUSIVE, id="a fifth"),
        pytest.param(twice(last_s=0.2, slow_per_s=1), STANDARD, Outcome.PASS, id="a tenth in the end"),
        pytest.param(twice(last_s=0.2, slow_per_s=2), STANDARD, Outcome.INCONCLUSIVE, id="a fifth in the end"),
    ],
)
def test_slowness_needs_a_criterion_that_shows_it(
    run: Recording, criteria: tuple[CriterionSpec, ...], outcome: Outcome
) -> None:
    assert guarded(run, *criteria).outcome is outcome


def test_it_says_what_was_slow_and_what_would_judge_it() -> None:
    found = guarded(twice(spike_s=6), *STANDARD)
    assert found.reason == (
        "100 of 100 requests of the spike-2 took longer than 5 s, which 5 % may: no criterion of this run looks at it. "
        "A latency_quantile or recovery_time of it would"
    )
    assert (found.figure, found.voids) == (1.0, ())


def test_while_a_planned_fault_is_there_slowness_is_meant() -> None:
    run = twice(spike_s=6)
    faults = (FaultMark(80.2, "tcp_proxy", INJECTED, "", 1), FaultMark(88.5, "tcp_proxy", UNDONE, "", 1))
    assert guarded(replace(run, marks=(*run.marks, *faults)), *STANDARD).outcome is Outcome.PASS
