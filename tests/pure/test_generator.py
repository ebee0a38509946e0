"""What is known of the load processes themselves: who they were, until when they spoke, and their worst seconds."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness.analysis import generator
from harness.criteria import load
from harness.findings import Outcome
from harness.recording import CriterionSpec, End, ProbeSample, Recording, Slice
from harness.recording.header import Phase
from harness.recording.marks import GateMark, NodeMark
from tests.recordings import healthy


def sampled(lags_s: list[float], node: str = "w", from_s: float = 30.5, cpu: list[float] | None = None) -> Recording:
    """A sample of the node in each second."""
    used = cpu or [0.4] * len(lags_s)
    samples = tuple(
        ProbeSample(from_s + n, "generator", node, {"loop_lag_s": lag_s, "cpu_ratio": used[n]})
        for n, lag_s in enumerate(lags_s)
    )
    return dataclasses.replace(healthy(), probes=samples, slices=(), marks=())


@pytest.mark.parametrize(
    ("lags_s", "worst_s", "at_s"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.0], 0.3, 31.5),
        ([0.0, 0.0, 0.3, 0.6, 0.9], 0.6, 32.5),
        ([0.9, 0.6, 0.3, 0.0, 0.0], 0.6, 30.5),
        ([0.0, 0.6, 0.6], 0.4, 30.5),
        ([0.2, 0.4], 0.3, 30.5),
        ([0.7], 0.7, 30.5),
    ],
)
def test_the_worst_three_seconds_are_a_mean(lags_s: list[float], worst_s: float, at_s: float) -> None:
    (found,) = generator.health(sampled(lags_s, cpu=[each / 2 for each in lags_s]), 30, 40)
    assert (found.node, found.samples) == ("w", len(lags_s))
    assert (found.loop_lag_s, found.loop_lag_at_s) == (pytest.approx(worst_s), at_s)
    assert (found.cpu_ratio, found.cpu_at_s) == (pytest.approx(worst_s / 2), at_s)


def test_only_samples_of_the_stretch_count_and_only_whole_ones() -> None:
    run = sampled([9.0, 0.1, 0.1, 9.0])
    (found,) = generator.health(run, 31.5, 33.5)
    assert (found.samples, found.loop_lag_s) == (2, pytest.approx(0.1))
    half = dataclasses.replace(run.probes[0], t=33.0, values={"loop_lag_s": 9.0})
    other = dataclasses.replace(run.probes[0], probe="process", t=33.0)
    (found,) = generator.health(dataclasses.replace(run, probes=(*run.probes, half, other)), 31.5, 33.5)
    assert (found.samples, found.loop_lag_s) == (2, pytest.approx(0.1))


@pytest.mark.parametrize(("start_s", "end_s", "gap_s"), [(30, 34, 1), (25, 34, 5.5), (30, 40, 6.5), (30.5, 33.5, 1)])
def test_the_longest_silence_is_also_that_at_the_ends(start_s: float, end_s: float, gap_s: float) -> None:
    (found,) = generator.health(sampled([0.1] * 4), start_s, end_s)
    assert found.longest_gap_s == pytest.approx(gap_s)


def test_a_run_that_was_killed_before_its_load_was_killed_at_its_beginning() -> None:
    early = dataclasses.replace(sampled([0.1], from_s=-5.0), end=None)
    assert "was killed about 0 s in, before" in generator.end_in_words(early, "before")
    assert "was killed about 31 s in" in generator.end_in_words(
        dataclasses.replace(early, probes=sampled([0.1], from_s=31.0).probes), "then"
    )


@pytest.mark.parametrize(
    ("t", "words"),
    [
        (-1.2, "the run ended before its first phase: stopped by Ctrl-C"),
        (0.0, "the run ended 0 s in, before the spike: stopped by Ctrl-C"),
        (12.4, "the run ended 12 s in, before the spike: stopped by Ctrl-C"),
    ],
)
def test_an_end_before_the_first_phase_has_no_time_in_it(t: float, words: str) -> None:
    stopped = dataclasses.replace(sampled([0.1]), end=End(t, "stopped by Ctrl-C", False, 0, 0))
    assert generator.end_in_words(stopped, "before the spike") == words


def test_a_node_without_samples_has_no_health() -> None:
    run = dataclasses.replace(sampled([0.1]), slices=(Slice(31, "silent", "x", "ok", 1, 0, {}),))
    silent, _ = generator.health(run, 30, 34)
    assert silent == generator.NodeHealth("silent", None, None, None, None, 0, 4)


def test_load_nodes_are_those_that_joined_released_or_sent() -> None:
    marks = (NodeMark(0, "b", "joined"), GateMark(30, "c", "herd", 1, (0,), 0.0))
    run = dataclasses.replace(healthy(), marks=marks, slices=(Slice(1, "a", "x", "ok", 1, 0, {}),))
    assert generator.load_nodes(run) == ("a", "b", "c")


def test_the_last_trace_is_the_end_line_or_the_last_thing_recorded() -> None:
    bare = dataclasses.replace(healthy(), slices=(), probes=(), marks=(), end=None)
    assert generator.last_trace_s(bare) == -math.inf
    assert generator.last_trace_s(dataclasses.replace(bare, slices=(Slice(7, "a", "x", "ok", 1, 0, {}),))) == 8
    probe = ProbeSample(9.25, "process", "api", {})
    assert generator.last_trace_s(dataclasses.replace(bare, probes=(probe,))) == 9.25
    assert generator.last_trace_s(dataclasses.replace(bare, probes=(probe,), end=End(5, "stopped", False, 0, 0))) == 5


def test_what_a_killed_run_knows_ends_with_the_first_that_fell_silent() -> None:
    early = tuple(ProbeSample(t + 0.5, "generator", "early", {}) for t in range(20))
    late = tuple(ProbeSample(t + 0.5, "generator", "late", {}) for t in range(30))
    others = (ProbeSample(12.0, "process", "db", {}), ProbeSample(31.0, "process", "api", {}))
    run = dataclasses.replace(healthy(), probes=(*early, *late, *others), slices=(), end=None)
    assert generator.known_until_s(run) == 19.5
    assert generator.known_until_s(dataclasses.replace(run, probes=others)) == 31.0
    assert generator.known_until_s(dataclasses.replace(run, end=End(40, "stopped", False, 0, 0))) == 40


@pytest.mark.parametrize(("completed", "expected"), [(True, True), (False, False), (None, False)])
def test_a_run_is_complete_when_its_end_says_so(completed: bool | None, expected: bool) -> None:
    end = None if completed is None else End(91, "x", completed, 0, 0)
    assert generator.is_complete(dataclasses.replace(healthy(), end=end)) is expected


@pytest.mark.parametrize(
    ("late_s", "outcome"), [(35, Outcome.INCONCLUSIVE), (75, Outcome.INCONCLUSIVE), (20, Outcome.PASS)]
)
def test_the_load_generator_is_looked_at_from_the_spike_to_the_last_phase(late_s: int, outcome: Outcome) -> None:
    run = healthy()
    phases = (*run.header.phases[:2], Phase("recovery", 31, 61), Phase("idle", 61, 91))
    probes = tuple(
        dataclasses.replace(each, values={**each.values, "loop_lag_s": 0.9})
        if each.probe == "generator" and late_s <= each.t < late_s + 5
        else each
        for each in run.probes
    )
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, phases=phases), probes=probes)
    assert load(CriterionSpec("generator_health")).judge(run).outcome is outcome
