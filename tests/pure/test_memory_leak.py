"""A suspected leak is a finding of its own, and no silent PASS."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from harness import criteria
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, ProbeSample, Recording
from harness.verdict import judge
from reports import junit, markdown, terminal
from tests.recordings import MEGABYTE, ended, healthy

BY_DEFAULT = CriterionSpec("memory_leak", {"only_where_measured": True})


def growing(rise_bytes: Callable[[float], float], recovery_s: int = 60, noise_bytes: float = 50_000) -> Recording:
    """One process of 100 MB that has ``rise_bytes(t)`` more, t seconds after the beginning of the recovery."""
    run = healthy()
    random = np.random.default_rng(7)
    before = dataclasses.replace(run.header.phases[2], end_s=31 + recovery_s)
    header = dataclasses.replace(run.header, phases=(*run.header.phases[:2], before))
    others = tuple(sample for sample in run.probes if sample.probe != "process")
    samples = tuple(
        ProbeSample(
            t + 0.1,
            "process",
            "api",
            {"rss_bytes": 100 * MEGABYTE + rise_bytes(max(0, t - 31)) + noise_bytes * random.standard_normal()},
        )
        for t in range(31 + recovery_s)
    )
    return dataclasses.replace(run, header=header, probes=(*others, *samples))


def leak(t: float) -> float:
    return 1.5 * MEGABYTE * t


def found(run: Recording, **parameters: float) -> Finding:
    specs = [CriterionSpec("memory_leak", parameters)]
    return next(each for each in judge(run, specs).findings if each.kind == "memory_leak")


def test_steady_growth_under_one_load_is_no_pass_and_no_leak_yet() -> None:
    """1.5 MB a second over the 44 s that are left after the warm-up."""
    finding = found(growing(leak))
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.reason.startswith("memory goes on growing: steady growth, 66")
    assert "a recovery of 240 s" in finding.reason
    assert finding.figure == pytest.approx(66 * MEGABYTE, rel=0.02)
    assert finding.interval is not None and finding.limit is not None
    assert finding.interval[0] > finding.limit


@pytest.mark.parametrize("criterion", ["memory_leak", "memory_growth"])
def test_memory_that_grows_under_a_load_that_is_not_steady_is_told(criterion: str) -> None:
    """Nothing is known per request then, and all else is."""
    run = growing(leak)
    more = [
        dataclasses.replace(piece, count=3 * piece.count, latency={k: 3 * n for k, n in piece.latency.items()})
        if piece.t >= run.header.phases[-1].end_s - 20
        else piece
        for piece in run.slices
    ]
    judged = criteria.load(CriterionSpec(criterion)).judge(ended(dataclasses.replace(run, slices=tuple(more))))
    assert judged.figure is not None and judged.figure > 0


def test_a_rise_beyond_what_is_accepted_is_a_fail() -> None:
    assert found(growing(leak), fail_above_bytes=50e6).outcome is Outcome.FAIL
    assert found(growing(leak), fail_above_bytes=80e6).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "rise",
    [lambda _: 0.0, lambda t: 0.05 * MEGABYTE * t, lambda t: 60 * MEGABYTE * (t > 5), lambda t: -MEGABYTE * t],
    ids=["flat", "too little", "a step in the warm-up", "falling"],
)
def test_what_is_no_leak_passes(rise: Callable[[float], float]) -> None:
    finding = found(growing(rise))
    assert finding.outcome is Outcome.PASS
    assert finding.interval is not None and finding.limit is not None
    assert finding.interval[1] <= finding.limit


def test_a_cache_that_is_full_passes_without_a_figure_that_looks_like_a_leak() -> None:
    finding = found(growing(lambda t: 60 * MEGABYTE * min(1.0, t / 33)))
    assert (finding.outcome, finding.figure) == (Outcome.PASS, None)
    assert finding.reason.startswith("no leak: ") and "but at most" in finding.reason


def test_memory_that_moves_too_much_is_not_passed() -> None:
    finding = found(growing(lambda _: 0.0, noise_bytes=15 * MEGABYTE))
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "moves too much to tell" in finding.reason


def test_a_process_that_was_away_allows_no_pass_where_it_was_asked_for() -> None:
    run = growing(lambda _: 0.0)
    kept = tuple(s for s in run.probes if not (s.probe == "process" and 60 <= s.t < 70))
    run = dataclasses.replace(run, probes=kept)
    finding = found(run)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "api went away" in finding.reason


@pytest.mark.parametrize("run", [growing(leak, recovery_s=20), dataclasses.replace(growing(leak), probes=())])
def test_by_default_it_is_left_out_where_nothing_could_tell_and_that_is_said(run: Recording) -> None:
    verdict = judge(run, [CriterionSpec("error_ratio"), BY_DEFAULT])
    assert "memory_leak" not in {each.kind for each in verdict.findings}
    assert any(note.startswith("memory_leak is not judged: ") for note in verdict.notes)
    assert found(run).outcome is Outcome.INCONCLUSIVE, "where it was asked for"


def test_it_does_not_judge_a_run_by_itself() -> None:
    run = dataclasses.replace(growing(leak, recovery_s=20))
    assert judge(run, [BY_DEFAULT]).outcome is Outcome.INCONCLUSIVE


def test_the_rise_stands_in_every_report() -> None:
    run = growing(leak)
    specs = (CriterionSpec("memory_growth"), BY_DEFAULT)
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=specs))
    verdict = judge(run)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    words = "memory goes on growing: steady growth"
    texts = [terminal.render(run, verdict), markdown.render(run, verdict), junit.render(run, verdict)]
    for text in texts:
        assert " ".join(text.split()).count(words) >= 1
