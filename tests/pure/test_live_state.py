"""The live state: merged as things come, it says what the recording says in the end, and does not grow with the run."""

from __future__ import annotations

import dataclasses
import pickle
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import phases
from harness.analysis.alert_episodes import Episode
from harness.analysis.alerts import MOST_SOURCES, episodes
from harness.analysis.histogram import quantile_us
from harness.live import series, state
from harness.live.phase_tally import MOST_NAMES
from harness.live.state import SETTLES_S, LiveState
from harness.recording import ProbeSample, Recording, Slice
from harness.recording.header import Header, Phase
from harness.recording.marks import FAILED, FINISHED, INJECTED, JOINED, LATE, LOST, UNDONE, FaultMark, NodeMark
from harness.recording.values import OK, OTHER_NAMES, UNFINISHED
from tests import recordings

PHASES = (Phase("baseline", 0, 20), Phase("spike", 20, 25), Phase("recovery", 25, 40))
HEADER = dataclasses.replace(recordings.healthy().header, phases=PHASES)


def live_of(header: Header, lines: Iterable[Slice | ProbeSample] = ()) -> LiveState:
    live = LiveState(header)
    for line in lines:
        live.add(line)
    return live


@st.composite
def one_slice(draw: st.DrawFn) -> Slice:
    t, node = draw(st.integers(-3, 43)), draw(st.sampled_from(["worker-1", "worker-2"]))
    name, outcome = draw(st.sampled_from(["GET /", "POST /"])), draw(st.sampled_from([OK, "http 503", UNFINISHED]))
    latency = draw(st.dictionaries(st.integers(0, 5000), st.integers(1, 9), max_size=4))
    return Slice(t, node, name, outcome, sum(latency.values()), 0, latency if outcome != UNFINISHED else {})


@given(st.lists(one_slice(), max_size=30), st.randoms(use_true_random=False))
def test_merged_in_any_order_it_equals_the_sums_of_the_recording(pieces: list[Slice], chance: random.Random) -> None:
    """Of each phase, in all and by name: requests, causes of failure, and the histogram of latency."""
    recording = Recording(HEADER, tuple(pieces))
    shuffled = list(pieces)
    chance.shuffle(shuffled)
    live = live_of(HEADER, shuffled)
    for phase, tally, figures in zip(PHASES, live.phases, live.snapshot().phases, strict=True):
        whole = phases.of_phase(recording, phase)
        p95_us = quantile_us(whole.latency, 0.95)
        assert (figures.phase, figures.requests, figures.failed) == (phase.name, whole.intended, whole.failed)
        assert figures.p95_ms == (None if p95_us is None else round(p95_us / 1000, 1))
        assert set(tally.by_name) == {piece.name for piece in phases.slices_of(recording, phase)}
        for name, merged in [("", tally.total), *tally.by_name.items()]:
            told = phases.of_phase(recording, phase, name)
            assert (merged.intended, merged.failed, merged.causes) == (told.intended, told.failed, told.causes)
            assert merged.latency == told.latency


def raised_live(recording: Recording, chance: random.Random, delay_s: int = 0) -> list[Episode]:
    """Episodes as one look a second tells them; reports of a second come in any order, ``delay_s`` after it is over."""
    live, told = LiveState(recording.header), {}
    lines = [*recording.slices, *recording.probes]
    for t in range(recording.header.phases[-1].end_s):
        due = [line for line in lines if t - delay_s <= line.t < t + 1 - delay_s]
        slices = [line for line in due if isinstance(line, Slice)]
        chance.shuffle(slices)
        samples = sorted((line for line in due if isinstance(line, ProbeSample)), key=lambda sample: sample.t)
        for line in [*slices, *samples]:
            live.add(line)
        for second in live.close_seconds(t + 1 + SETTLES_S):
            assert second.t == t
            told.update({(each.alert, each.start_s): each for each in second.raised})
            told.update({(each.alert, each.start_s): each for each in second.cleared})
    return sorted(told.values(), key=lambda each: (each.start_s, each.alert))


@pytest.mark.parametrize("run", [recordings.failing(), recordings.slow(20), recordings.leaking(), recordings.healthy()])
def test_alerts_are_raised_and_cleared_in_the_seconds_that_the_recording_shows(run: Recording) -> None:
    """Whatever the order of the nodes' reports, when each comes in its second."""
    limits = {"p95_s": 0.3, "memory_growth_bytes": 100e6}
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, alerts=limits))
    told = raised_live(run, random.Random(5))
    assert [(each.alert, each.start_s) for each in told] == sorted(
        [(each.alert, each.start_s) for each in episodes(run)], key=lambda each: (each[1], each[0])
    )
    over = [each for each in told if each.end_s is not None]
    assert over == [each for each in sorted(episodes(run), key=lambda each: (each.start_s, each.alert)) if each.end_s]


def test_reports_that_come_late_make_an_alert_late_and_are_counted_all_the_same() -> None:
    lines = tuple(Slice(t, "local", "GET /", OK if t != 22 else "http 503", 10, 0, {1000: 10}) for t in range(40))
    run = Recording(HEADER, lines)
    errors = [each.start_s for each in raised_live(run, random.Random(1)) if each.alert == "error ratio"]
    late = [each.start_s for each in raised_live(run, random.Random(1), delay_s=3) if each.alert == "error ratio"]
    assert (errors, late) == ([23], [26])
    live = live_of(HEADER)
    assert len(list(live.close_seconds(40))) == 39
    for line in lines:
        live.add(line)
    assert [(each.requests, each.failed) for each in live.snapshot().phases] == [(200, 0), (50, 10), (150, 0)]


def test_a_second_is_closed_once_and_not_before_its_reports_can_have_come() -> None:
    live = live_of(HEADER)
    assert list(live.close_seconds(0.9 + SETTLES_S)) == []
    assert [second.t for second in live.close_seconds(2.5 + SETTLES_S)] == [0, 1]
    assert list(live.close_seconds(2.9 + SETTLES_S)) == []


def test_what_comes_within_a_second_is_added_up_first_and_taken_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that does it may have to make load beside it; and it asks five times a second."""
    taken_in: list[Slice] = []
    monkeypatch.setattr(series.LiveSeries, "add_slice", lambda _, piece: taken_in.append(piece))
    live = live_of(HEADER)
    for tenths in range(0, 22, 2):
        live.add(Slice(0, "local", "GET /", OK, 2, 0, {1000 + tenths: 2}))
        list(live.close_seconds(tenths / 10))
        assert not live.why_to_stop(tenths / 10)
    assert [piece.count for piece in taken_in] == [12, 10]


# What does not grow


def size_bytes(live: LiveState) -> int:
    return len(pickle.dumps(live))


def steady(live: LiveState, from_s: int, to_s: int) -> None:
    """Every second the same traffic of ten nodes, on and off beyond the limits of alerts, and samples of a probe."""
    for t in range(from_s, to_s):
        for node in range(10):
            for name in range(5):
                outcome = "http 503" if t % 40 < 15 else OK
                live.add(
                    Slice(t, f"worker-{node}", f"GET /{name}", outcome, 8, 0, {1000 + name + i: 1 for i in range(8)})
                )
            live.add(ProbeSample(t, "generator", f"worker-{node}", {"loop_lag_s": 0.001, "cpu_ratio": 0.5}))
        live.add(ProbeSample(t, "process", "api1", {"rss_bytes": 1e8}))
        live.add(ProbeSample(t, "haproxy", "web", {"servers_up": float(t % 2)}))
        list(live.close_seconds(t + 1))


def test_a_run_of_any_length_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = Phase("spike", 20, 10_000)
    monkeypatch.setattr(series, "MOST_SECONDS", 150)
    monkeypatch.setattr(series, "EXACT_S", 50)
    monkeypatch.setattr(state, "MOST_MOMENTS", 3)
    live = live_of(dataclasses.replace(HEADER, phases=(PHASES[0], phase)))
    steady(live, 0, 200)
    before_bytes = size_bytes(live)
    steady(live, 200, 2000)
    assert live.snapshot().phases[1].requests == 8 * 5 * 10 * 1980
    # Ten times the requests: only the counts have more digits.
    assert size_bytes(live) < 1.02 * before_bytes


def test_names_beyond_the_most_are_counted_together() -> None:
    """Nodes may each have their own; nothing is lost."""
    live = live_of(HEADER, (Slice(1, "local", f"GET /{number}", OK, 2, 0, {7: 2}) for number in range(3 * MOST_NAMES)))
    baseline = live.phases[0]
    assert len(baseline.by_name) == MOST_NAMES + 1
    assert baseline.by_name[OTHER_NAMES].intended == 2 * 2 * MOST_NAMES
    assert sum(tally.intended for tally in baseline.by_name.values()) == baseline.total.intended


def test_sources_that_come_and_go_do_not_pile_up_and_the_newest_are_kept() -> None:
    live = live_of(HEADER)
    for number in range(3 * MOST_SOURCES):
        live.add(ProbeSample(number / 200, "process", f"port-80/{number}", {"rss_bytes": 1e6}))
        if number == MOST_SOURCES:
            before_bytes = size_bytes(live)
    assert size_bytes(live) < 1.1 * before_bytes
    assert len(live.samples) == MOST_SOURCES
    assert ("process", f"port-80/{3 * MOST_SOURCES - 1}") in live.samples


# What the marks and samples say


def test_faults_are_present_from_their_injection_until_they_are_undone() -> None:
    live = live_of(HEADER)
    live.add(FaultMark(0, "noop", INJECTED, "at a pool", 1))
    live.add(FaultMark(0, "kill_process", INJECTED, "4711", 2))
    live.add(FaultMark(0, "noop", FAILED, "not undone", 1))
    assert live.snapshot().faults == ("noop: at a pool", "kill_process: 4711")
    live.add(FaultMark(0, "noop", UNDONE, "", 1))
    assert live.snapshot().faults == ("kill_process: 4711",)


def test_nodes_are_settled_when_each_that_joined_has_finished_or_is_lost() -> None:
    live = live_of(HEADER)
    live.nodes.parked.update({"worker-1": 3, "worker-2": 4})
    for node in ("worker-1", "worker-2"):
        live.add(NodeMark(0, node, JOINED))
    live.add(NodeMark(0, "worker-3", LATE))
    live.add(NodeMark(0, "worker-1", FINISHED))
    assert live.snapshot().parked_users == 7
    assert not live.nodes.all_settled
    live.add(NodeMark(0, "worker-2", LOST))
    assert live.nodes.all_settled and not live.nodes.all_lost
    assert live.snapshot().nodes_lost == ("worker-2",)
    live.add(NodeMark(0, "worker-1", LOST))
    assert live.nodes.all_lost


def test_the_latest_sample_of_each_source_is_known_also_of_load_processes_and_of_errors() -> None:
    live = live_of(HEADER)
    for t in range(3):
        live.add(ProbeSample(t, "generator", "worker-1", {"cpu_ratio": t / 10}))
    live.add(ProbeSample(3, "process", "api1", {}, "is gone"))
    assert {key: sample.t for key, sample in live.samples.items()} == {
        ("generator", "worker-1"): 2,
        ("process", "api1"): 3,
    }


def test_a_snapshot_stays_as_it_was() -> None:
    live = live_of(HEADER, [Slice(1, "local", "GET /", OK, 5, 0, {10: 5})])
    before = live.snapshot()
    live.add(Slice(1, "local", "GET /", OK, 5, 0, {10: 5}))
    assert (before.phases[0].requests, live.snapshot().phases[0].requests) == (5, 10)


def test_connections_that_come_and_go_are_no_good_answers_while_it_runs_either() -> None:
    """As in the recording: where nothing but connections is well, the alert and the phase say so."""
    pieces = [
        piece
        for t in range(12)
        for piece in (
            Slice(t, "w", "GET /", "http 503", 10, 0, {}, user_class="Buyer"),
            Slice(t, "w", "connection /feed opened", OK, 190, 0, {0: 190}, user_class="Buyer"),
            Slice(t, "w", "connection /feed ended", "cut off", 1, 0, {}, user_class="Buyer"),
            Slice(t, "w", "connection pool opened and closed", OK, 1, 0, {1000: 1}, user_class="Buyer"),
        )
    ]
    live, recording = live_of(HEADER, pieces), Recording(HEADER, tuple(pieces))
    baseline = live.phases[0]
    for pattern, tally in (("", baseline.total), ("@Buyer", baseline.by_name["@Buyer"])):
        whole = phases.of_phase(phases.judged(recording, pattern), PHASES[0])
        assert (tally.intended, tally.failed, tally.latency) == (whole.intended, whole.failed, whole.latency)
        assert (tally.intended, tally.failed) == (144, 132)
    assert baseline.of_pattern("@Buyer").intended == baseline.of_pattern("*").intended == 144
    assert baseline.of_pattern("connection * opened").intended == 190 * 12
    seen = [each for _ in live.close_seconds(14) for each in live.conditions if each.alert == "error ratio"]
    assert seen and max(each.figure for each in seen) == pytest.approx(11 / 12)
    assert live.series._seconds[5].ok == 1
