"""Alerts: raised in the second in which a rule is broken, cleared in the one in which it holds again."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness.analysis import alerts
from harness.analysis.alert_episodes import Book, Condition, Episode, in_words
from harness.analysis.alerts import AlertWatch, Limits, episodes
from harness.analysis.histogram import bucket_index
from harness.live.state import LiveState
from harness.recording import End, ProbeSample, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.recording.values import OK, SHED
from tests import recordings

BASELINE = Phase("baseline", 0, 20)


def piece(t: int, count: int, latency_s: float = 0.1, outcome: str = OK) -> Slice:
    return Slice(t, "local", "GET /", outcome, count, 0, {bucket_index(int(latency_s * 1e6)): count})


def sample(t: float, probe: str, source: str = "api1", **values: float) -> ProbeSample:
    return ProbeSample(t, probe, source, values)


def told(
    lines: list[Slice | ProbeSample], limits: Limits | None = None, until_s: int = 60
) -> list[tuple[str, int, float]]:
    """(alert, raised at, lasted) as somebody sees it who looks once a second and hears of each line when it is due."""
    seen, book = AlertWatch(BASELINE, limits or Limits()), Book()
    closed: list[Episode] = []
    for t in range(until_s):
        for line in lines:
            if t <= line.t < t + 1:
                seen.add(line)
        _, ended = book.note(t, seen.look(t))
        closed += ended
    return [(each.alert, int(each.start_s), each.lasted_s) for each in (*closed, *book.open.values())]


def test_slow_answers_raise_an_alert_for_as_long_as_the_last_ten_seconds_hold_too_many_of_them() -> None:
    lines = [piece(t, 10, 3.0 if 30 <= t < 33 else 0.1) for t in range(60)]
    # From the first slow second (10 of 100 are more than 5 %) until the last one has left the window.
    assert told(lines) == [("p95 latency", 31, 12.0)]


@pytest.mark.parametrize(("judged_apart", "raised"), [(True, []), (False, ["p95 latency", "error ratio"])])
def test_what_is_shed_on_purpose_is_no_error_and_no_answer(judged_apart: bool, raised: list[str]) -> None:
    """As for the criteria: where nothing judges it by itself, it is a failure."""
    run = recordings.healthy()
    shed = [piece(t, 100, outcome=SHED) for t in range(30, 33)]
    criteria = (*run.header.criteria, *[CriterionSpec("shed_ratio")] * judged_apart)
    header = dataclasses.replace(run.header, criteria=criteria)
    run = dataclasses.replace(run, header=header, slices=(*run.slices, *shed))
    assert [each.alert for each in episodes(run)] == raised
    state = LiveState(header)
    for each in sorted(run.slices, key=lambda line: line.t):
        state.add(each)
    assert [each.alert for second in state.close_seconds(60) for each in second.raised] == raised


def test_errors_raise_an_alert_and_a_request_that_failed_is_slower_than_any() -> None:
    lines = [piece(t, 10, outcome="http 503" if t == 30 else OK) for t in range(60)]
    assert told(lines) == [("p95 latency", 31, 10.0), ("error ratio", 31, 10.0)]


def test_what_comes_late_counts_as_long_as_a_rule_looks_at_its_second() -> None:
    """Second 0 is one of the last ten until second 9 is over."""
    for late_s, counted in ((0, True), (-1, False)):
        seen = AlertWatch(BASELINE, Limits())
        seen.look(8)
        seen.add(piece(late_s, 30, outcome="http 503"))
        found = {each.alert: each.figure for each in seen.look(9)}
        assert (found.get("error ratio") == 1) is counted


def test_few_requests_raise_none() -> None:
    assert told([piece(t, 1, 3.0, "http 503") for t in range(60)]) == []


@pytest.mark.parametrize("growth, raised", [(199e6, False), (200e6, False), (201e6, True)])
def test_memory_counts_from_the_median_of_the_baseline_summed_over_its_processes(growth: float, raised: bool) -> None:
    lines = [
        sample(t, "process", source, rss_bytes=100e6 + (growth / 2 if t >= 40 else 0))
        for t in range(60)
        for source in ("api1", "api2")
    ]
    late = [sample(t, "process", "api3", rss_bytes=900e6) for t in range(30, 60)]
    assert told([*lines, *late]) == ([("memory growth", 41, float("inf"))] if raised else [])


@pytest.mark.parametrize(("growth", "raised"), [(499e6, False), (500e6, False), (501e6, True)])
def test_what_is_much_for_a_small_process_is_little_for_a_large_one(growth: float, raised: bool) -> None:
    """Two of 1 GB each may grow by a quarter together, as in the criterion ``memory_growth``."""
    lines = [
        sample(t, "process", source, rss_bytes=1e9 + (growth if source == "api1" and t >= 40 else 0))
        for t in range(60)
        for source in ("api1", "api2")
    ]
    assert told(lines) == ([("memory growth", 41, math.inf)] if raised else [])
    assert told(lines, Limits(memory_growth_ratio=0)) == [("memory growth", 41, math.inf)]
    assert told(lines, Limits(memory_growth_bytes=0)) == []


def test_a_pool_that_is_nearly_full_raises_an_alert_whatever_its_figures_are_called() -> None:
    lines = [sample(t, "prometheus", **{"x_active{a=1}": 19 if t == 30 else 1, "x_max{a=1}": 20}) for t in range(60)]
    assert told(lines) == []
    assert told(lines, Limits(pool_names="active/max")) == [("pool use", 31, 1.0)]


@pytest.mark.parametrize("names", ["", "in_use", "in_use/", "/size"])
def test_a_pool_of_which_one_figure_has_no_name_is_not_looked_at(names: str) -> None:
    lines = [sample(t, "pool", **{"in_use": 20, "size": 20, "": 1}) for t in range(10)]
    assert told(lines, Limits(pool_names=names), 10) == []


def test_each_change_of_the_number_of_replicas_is_an_event() -> None:
    lines = [sample(t, "http_json", "auto", ready=1 if t < 30 else 2 if t < 40 else 1) for t in range(60)]
    assert told(lines) == [("scaling, auto", 31, 1.0), ("scaling, auto", 41, 1.0)]


def test_a_probe_that_has_fallen_silent_says_nothing_about_now() -> None:
    lines = [sample(t, "prometheus", in_use=20, size=20) for t in range(30)]
    assert told(lines) == [("pool use", 1, 32.0)]


def test_a_limit_of_0_switches_a_rule_off() -> None:
    lines = [piece(t, 10, 3.0, "http 503") for t in range(60)]
    assert told(lines, Limits(p95_s=0, error_ratio=0)) == []


def test_a_recording_shows_what_was_told_live_where_every_answer_came_at_once() -> None:
    slices = tuple(piece(t, 10, 3.0 if 30 <= t < 33 else 0.1) for t in range(60))
    samples = tuple(sample(t, "process", rss_bytes=100e6 + (300e6 if t >= 50 else 0)) for t in range(60))
    run = recordings.healthy()
    header = dataclasses.replace(run.header, phases=(BASELINE, Phase("spike", 20, 60)))
    recording = dataclasses.replace(run, header=header, slices=slices, probes=samples)
    seen = [(each.alert, int(each.start_s), each.lasted_s) for each in episodes(recording)]
    assert seen == sorted(told([*slices, *samples]), key=lambda each: each[1])
    assert len(seen) == 2


def test_the_limits_of_the_header_count() -> None:
    run = recordings.failing()
    assert "error ratio" in {each.alert for each in episodes(run)}
    lenient = dataclasses.replace(run, header=dataclasses.replace(run.header, alerts={"error_ratio": 1.0}))
    assert "error ratio" not in {each.alert for each in episodes(lenient)}


def test_an_alert_says_its_figure_with_unit_cause_and_limit() -> None:
    (worst,) = [each.worst for each in episodes(recordings.failing()) if each.alert == "error ratio"]
    assert in_words(worst).endswith("limit 5 %")
    assert "%" in in_words(worst).partition(",")[0]


@pytest.mark.parametrize(("latency_s", "raised"), [(1.99, False), (2.01, True)])
def test_by_default_two_seconds_are_too_slow(latency_s: float, raised: bool) -> None:
    assert told([piece(t, 10, latency_s) for t in range(60)]) == ([("p95 latency", 2, math.inf)] if raised else [])


@pytest.mark.parametrize(("failed", "raised"), [(5, False), (6, True)])
def test_by_default_one_failure_in_twenty_is_accepted(failed: int, raised: bool) -> None:
    lines = [piece(t, 100 - failed) for t in range(10)] + [piece(t, failed, 0.1, "http 503") for t in range(10)]
    assert [name for name, *_ in told(lines, Limits(p95_s=0), 10)] == (["error ratio"] if raised else [])


@pytest.mark.parametrize(("count", "raised"), [(19, False), (20, True)])
def test_twenty_requests_are_a_reason(count: int, raised: bool) -> None:
    assert bool(told([piece(30, count, 3.0)])) is raised


@pytest.mark.parametrize(("in_use", "raised"), [(90, False), (91, True)])
def test_by_default_a_pool_is_full_beyond_nine_tenths(in_use: int, raised: bool) -> None:
    """The fullest one counts."""
    full = [sample(t, "pool", "a", in_use=in_use, size=100) for t in range(60)]
    empty = [sample(t, "pool", "b", in_use=1, size=100) for t in range(60)]
    assert told([*full, *empty]) == ([("pool use", 1, math.inf)] if raised else [])


def test_the_newest_sources_are_kept() -> None:
    """A thousand; with the oldest process its baseline is forgotten, too."""
    seen = AlertWatch(BASELINE, Limits())
    for n in range(alerts.MOST_SOURCES):
        seen.add(sample(1 + n / 1000, "process", f"p{n}", rss_bytes=1e8))
    seen.add(sample(30.0, "process", "p0", rss_bytes=9e8))
    seen.add(sample(30.5, "process", "new", rss_bytes=9e8))
    (grown,) = (each for each in seen.look(30) if each.alert == "memory growth")
    assert grown.figure == pytest.approx(8e8), "p0 was heard of since, so p1 is the oldest"
    seen.add(sample(31.0, "process", "p1", rss_bytes=9e8))
    (grown,) = (each for each in seen.look(31) if each.alert == "memory growth")
    assert grown.figure == pytest.approx(8e8), "what p1 had in the baseline is not known any more"


@pytest.mark.parametrize(
    ("unit", "figure", "limit", "detail", "words"),
    [
        ("ratio", 0.062, 0.05, "http 503", "6.2 % (http 503), limit 5 %"),
        ("bytes", 250e6, 200e6, "", "250 MB, limit 200 MB"),
        ("s", 2.5, 2.0, "", "2.5 s, limit 2 s"),
        ("s", math.inf, 2.0, "", "no figure, as too many requests failed, limit 2 s"),
        ("", 1.0, None, "1 to 2 replicas", "1 to 2 replicas"),
    ],
)
def test_a_condition_is_told_in_its_unit(
    unit: str, figure: float, limit: float | None, detail: str, words: str
) -> None:
    assert in_words(Condition("x", True, figure, limit, unit, detail)) == words


def test_the_worst_of_an_episode_is_kept() -> None:
    lines = [piece(t, 10, 5.0 if t == 32 else 3.0 if 30 <= t < 40 else 0.1) for t in range(60)]
    seen, book = AlertWatch(BASELINE, Limits(p95_s=2.0)), Book()
    ended = []
    for t, line in enumerate(lines):
        seen.add(line)
        ended += book.note(t, seen.look(t))[1]
    (episode,) = ended
    assert episode.worst.figure == pytest.approx(5.0, rel=1e-2)
    assert (episode.start_s, episode.end_s) == (31, 50), (
        "the last slow second has left the window when second 49 is over"
    )


@pytest.mark.parametrize(("end_t", "seen"), [(91.0, 1), (42.5, 1), (41.0, 0)])
def test_alerts_of_a_recording_end_with_the_plan_or_the_run(end_t: float, seen: int) -> None:
    """From 41 s on everything is slow; after the 61 s of the plan nobody looks."""
    run = recordings.healthy()
    header = dataclasses.replace(run.header, phases=(BASELINE, Phase("spike", 20, 61)))
    slices = tuple(piece(t, 30, 9.0 if t >= 61 else 3.0 if t >= 41 else 0.1) for t in range(90))
    recording = dataclasses.replace(
        run,
        header=header,
        slices=slices,
        probes=(),
        end=dataclasses.replace(run.end or End(0, "", True, 0, 0), t=end_t),
    )
    found = episodes(recording)
    assert [(each.alert, each.start_s, each.end_s, each.lasted_s) for each in found] == [
        ("p95 latency", 42, None, math.inf)
    ] * seen
    assert all(each.worst.figure == pytest.approx(3.0, rel=1e-2) for each in found)


def test_without_the_length_of_the_run_nobody_watches_the_budget() -> None:
    limits = Limits(slo_objective=0.999)
    assert AlertWatch((), limits)._burn_rates is None
    assert AlertWatch((), limits, run_s=1)._burn_rates is not None
    assert AlertWatch((), Limits(), run_s=90)._burn_rates is None


def test_of_several_causes_the_two_most_frequent_are_told() -> None:
    seen = AlertWatch(None, Limits())
    for outcome, count in ((OK, 14), ("http 500", 1), ("http 503", 3), ("timeout", 2)):
        seen.add(piece(30, count, outcome=outcome))
    (found,) = (each for each in seen.look(30) if each.alert == "error ratio")
    assert (found.is_over, found.figure, found.detail) == (True, 0.3, "http 503, timeout")
