"""The live series: what it hands out, put together, is what the recording says of each second."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis import tallies
from harness.analysis.histogram import bucket_index, quantile_us
from harness.live import series
from harness.live.series import ALL_NODES, Figure, LiveSeries, Point, heat_floor_s, heat_row
from harness.live.state import LiveState
from harness.recording import ProbeSample, Recording, Slice, Unanswered
from harness.recording.header import CriterionSpec
from harness.recording.marks import INJECTED, JOINED, LOST, FaultMark, GateMark, NodeMark
from harness.recording.values import OK, SHED, UNFINISHED, UNSERVED
from tests.pure.test_live_state import HEADER, one_slice


@given(st.lists(one_slice(), max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_changes_put_together_are_the_seconds_of_the_recording(pieces: list[Slice], chance: random.Random) -> None:
    """Whatever the order of the slices, and wherever the looks of two readers fall."""
    recording, live = Recording(HEADER, tuple(pieces)), LiveSeries(HEADER)
    shuffled = list(pieces)
    chance.shuffle(shuffled)
    readers: list[tuple[int, dict[int, Point]]] = [(0, {}), (0, {})]
    for piece in [*shuffled, None, None]:
        if piece is not None:
            live.add_slice(piece)
        for number, (stamp, drawn) in enumerate(readers):
            if piece is None or chance.random() < 0.3:
                changes = live.changed_since(stamp)
                drawn.update({point.t: point for point in changes.points})
                readers[number] = (changes.stamp, drawn)
    for _, drawn in readers:
        assert set(drawn) == {piece.t for piece in pieces if piece.t >= 0}
        for t, point in drawn.items():
            whole = tallies.tally(tuple(piece for piece in recording.slices if piece.t == t))
            p95_us = quantile_us(whole.latency, 0.95)
            assert (point.requests, point.ok, point.failed) == (whole.intended, whole.ok, whole.failed)
            assert point.causes == whole.causes
            assert point.p95_s == (None if p95_us is None else p95_us / 1e6)
            assert sum(point.heat.values()) == sum(whole.latency.values())
    assert live.changed_since(readers[0][0]).points == ()


def test_what_waits_is_told_until_it_is_answered_and_its_starts_count_at_once() -> None:
    live = LiveSeries(HEADER)
    waiting = (3, "GET /", UNFINISHED)
    live.add_unanswered(Unanswered("worker-1", ((*waiting, 7, 5), (3, "(iteration)", UNSERVED, 2, 2))))
    live.add_unanswered(Unanswered("worker-2", ((*waiting, 1, 1),)))
    assert (live.point(3).waiting, live.point(3).made, live.waiting) == (10, 6, 10)
    live.add_slice(Slice(3, "worker-1", "GET /", OK, 4, 0, {1000: 4}, None, 2))
    live.add_unanswered(Unanswered("worker-1", ((*waiting, 3, 3), (3, "(iteration)", UNSERVED, 0, 0))))
    point = live.point(3)
    assert (point.ok, point.waiting, point.made, live.waiting) == (4, 4, 6, 4)
    live.add_slice(Slice(3, "worker-1", "(iteration)", UNSERVED, 2, 0, {}))
    assert (live.point(3).made, live.point(3).failed) == (6, 2), "an arrival without a user is no start"


def test_what_was_shed_is_told_apart_where_a_criterion_judges_it() -> None:
    shed = Slice(1, "local", "GET /", SHED, 3, 0, {10: 3})
    plain, apart = LiveSeries(HEADER), LiveSeries(dataclasses.replace(HEADER, criteria=(CriterionSpec("shed_ratio"),)))
    for live in (plain, apart):
        live.add_slice(shed)
    assert (plain.point(1).failed, plain.point(1).shed) == (3, 0)
    assert (apart.point(1).failed, apart.point(1).shed, apart.point(1).requests) == (0, 3, 3)


@pytest.mark.parametrize("us", [0, 1, 63, 64, 65, 999, 12_345, 1_000_000, 3_599_000_000])
def test_a_row_of_the_heat_map_holds_what_lies_between_its_edges(us: int) -> None:
    row = heat_row(bucket_index(us))
    # A histogram's bucket counts as its highest value, which is up to a thousandth more.
    assert heat_floor_s(row) <= us / 1e6 * 1.001 + 1e-6 and us / 1e6 < heat_floor_s(row + 1)


def test_an_old_second_keeps_its_quantiles_and_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "EXACT_S", 10)
    monkeypatch.setattr(series, "MOST_SECONDS", 100)
    live = LiveSeries(HEADER)
    live.add_slice(Slice(0, "local", "GET /", OK, 2, 0, {1000: 2}))
    live.add_slice(Slice(20, "local", "GET /", OK, 2, 0, {1000: 2}))
    stamp = live.changed_since().stamp
    live.add_slice(Slice(0, "local", "GET /", OK, 8, 0, {5000: 8}))
    (late,) = live.changed_since(stamp).points
    assert (late.ok, late.p95_s, sum(late.heat.values())) == (10, 0.001, 10)
    live.add_slice(Slice(150, "local", "GET /", OK, 1, 0, {1: 1}))
    live.add_slice(Slice(0, "local", "GET /", OK, 1, 0, {1: 1}))
    assert [point.t for point in live.changed_since().points] == [150]


def test_a_figure_has_one_value_a_second_and_of_the_load_processes_the_worst() -> None:
    live = LiveSeries(HEADER)
    for t, value in ((-1.0, 9.0), (0.2, 1.0), (0.9, 2.0), (2.1, 3.0)):
        live.add_sample(ProbeSample(t, "process", "api1", {"rss_bytes": value}))
    for node, lag_s in (("worker-1", 0.5), ("worker-2", 0.1), ("worker-3", 0.3)):
        live.add_sample(ProbeSample(0.5, "generator", node, {"loop_lag_s": lag_s}))
    changes = live.changed_since()
    told = {(figure.source, figure.key): values for figure, values in changes.figures}
    assert told == {("api1", "rss_bytes"): ((0, 2.0), (2, 3.0)), (ALL_NODES, "loop_lag_s"): ((0, 0.5),)}
    live.add_sample(ProbeSample(3.0, "process", "api1", {"rss_bytes": 4.0}))
    live.add_sample(ProbeSample(1.0, "process", "api1", {"rss_bytes": 5.0}))
    ((_, values),) = live.changed_since(changes.stamp).figures
    assert values == ((1, 5.0), (3, 4.0))
    assert live.figures["process", "api1", "rss_bytes"].latest == (3, 4.0)


def test_figures_and_their_values_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MOST_SECONDS", 100)
    monkeypatch.setattr(series, "EXACT_S", 10)
    figure = Figure("process", "api1", "rss_bytes")
    for t in range(1000):
        figure.add(t, float(t), 1, highest=False)
    assert 100 <= len(figure.seconds) <= 110 and figure.latest == (999, 999.0)
    live = LiveSeries(HEADER)
    for number in range(2 * series.MOST_FIGURES):
        live.add_sample(ProbeSample(number / 10, "process", f"port-80/{number}", {"rss_bytes": 1.0}))
    assert len(live.figures) == series.MOST_FIGURES
    assert ("process", f"port-80/{2 * series.MOST_FIGURES - 1}", "rss_bytes") in live.figures


# What happens at an instant


def test_moments_are_told_with_their_instants_and_alerts_from_begin_to_end() -> None:
    live = LiveState(HEADER)
    live.add(NodeMark(1, "worker-1", JOINED))
    live.add(GateMark(20, "worker-1", "herd", 5, (100, 250, 7000), 0.0))
    live.add(FaultMark(21.5, "noop", INJECTED, "at a pool", 1))
    live.add(NodeMark(22, "worker-1", LOST, "silent"))
    assert [(moment.t, moment.kind, moment.text) for moment in live.moments] == [
        (20, "gate", "gate herd on worker-1: 3 of 5 sent, the last after 7 ms"),
        (21.5, "fault", "fault noop injected: at a pool"),
        (22, "node", "load process worker-1 lost: silent"),
    ]
    for t in range(40):
        live.add(Slice(t, "local", "GET /", "http 503" if 5 <= t < 8 or t >= 35 else OK, 30, 0, {1000: 30}))
    list(live.close_seconds(41))
    errors = [episode for episode in live.episodes if episode.alert == "error ratio"]
    assert [(episode.start_s, episode.end_s) for episode in errors] == [(6, 18), (36, None)]
