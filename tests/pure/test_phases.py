"""What of a recording says something about the target, and what of it was delivered."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest

from harness.analysis import phases, tallies, traces
from harness.analysis.histogram import bucket_index
from harness.analysis.once import once
from harness.criteria import load
from harness.criteria.guards._delivery import deliveries
from harness.findings import ALL, Outcome
from harness.recording import CriterionSpec, End, Recording, Slice
from harness.recording.marks import TraceMark
from harness.recording.values import CENSORED, INTERRUPTED, ITERATION, OK, UNFINISHED, UNSENT, UNSERVED
from tests.recordings import CANARY, LOGIN, healthy

COMPLETED = End(92, "completed", True, 3, 1)
STOPPED = End(50, "interrupted", False, 3, 1)


def recorded(end: End | None, **counts: int) -> Recording:
    """1,000 arrivals a second are planned; so many of each outcome are due in the second of the spike."""
    run = healthy()
    header = dataclasses.replace(run.header, gates=(), level_unit="starts/s", level=((0, 1000), (91, 1000)))
    outcomes = {"ok": OK, "unfinished": UNFINISHED, "unsent": UNSENT, "unserved": UNSERVED, "refused": "http 503"}
    outcomes["interrupted"] = INTERRUPTED
    parts = tuple(
        Slice(30, "w", CANARY, outcomes[name], count, 0, {1000: count} if name == "ok" else {})
        for name, count in counts.items()
    )
    return dataclasses.replace(run, header=header, slices=parts, end=end)


def test_a_run_is_planned_until_the_end_of_its_last_phase() -> None:
    header = healthy().header
    assert header.planned_end_s == 91
    assert dataclasses.replace(header, phases=header.phases[:2]).planned_end_s == 31
    assert dataclasses.replace(header, phases=()).planned_end_s == 0


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (COMPLETED, {OK: 5, UNFINISHED: 4, UNSERVED: 2, "http 503": 1}),
        (STOPPED, {OK: 5, CENSORED: 6, "http 503": 1}),
        (None, {OK: 5, CENSORED: 6, "http 503": 1}),
    ],
    ids=["completed", "stopped", "killed"],
)
def test_what_had_no_answer_is_unknown_when_the_run_was_cut_off_and_failed_when_it_was_not(
    end: End | None, kept: object
) -> None:
    """So are arrivals without a user. An iteration without a request, or cut off by us, says nothing."""
    run = phases.settled(recorded(end, ok=5, unfinished=4, unserved=2, unsent=3, interrupted=6, refused=1))
    counts: Counter[str] = Counter()
    for piece in run.slices:
        counts[piece.outcome] += piece.count
    assert counts == kept
    tally = phases.of_phase(run, run.header.phases[1])
    assert (tally.intended, tally.ok, tally.failed + tally.unknown) == (12, 5, 7)


@pytest.mark.parametrize(("end", "expected"), [(COMPLETED, Outcome.FAIL), (STOPPED, Outcome.INCONCLUSIVE)])
def test_the_error_ratio_goes_from_none_of_what_is_unknown_to_all_of_it(end: End, expected: Outcome) -> None:
    found = load(CriterionSpec("error_ratio", {})).judge(recorded(end, ok=900, unfinished=100))
    assert found.outcome is expected


@pytest.mark.parametrize(
    ("pattern", "failed", "unknown"), [("", 5, 0), ("*", 5, 0), ("GET /a", 0, 5), ("GET /b", 0, 5)]
)
def test_what_had_no_answer_and_no_name_is_counted_once_whatever_is_picked(
    pattern: str, failed: int, unknown: int
) -> None:
    """It is of everything, and may be of any name."""
    slices = Slice(30, "w", "GET /a", OK, 7, 0, {1000: 7}), Slice(30, "w", ITERATION, UNSERVED, 5, 0, {})
    run = phases.judged(dataclasses.replace(recorded(COMPLETED), slices=slices), pattern)
    tally = phases.of_phase(run, run.header.phases[1])
    assert (tally.failed, tally.unknown) == (failed, unknown)
    assert tally.intended == 5 + (0 if pattern == "GET /b" else 7)


def test_an_iteration_without_a_request_is_not_delivered() -> None:
    """Nor is an arrival that found no user, or whose user we stopped; a request that failed, or has no answer, is."""
    run = recorded(COMPLETED, ok=500, unsent=100, interrupted=100, unserved=100, unfinished=150, refused=50)
    (found,) = deliveries(run, run.header.phases[1])
    assert (found.planned, found.delivered, found.ratio) == (1000, 700, 0.7)


def test_a_spike_of_iterations_without_requests_voids_everything() -> None:
    found = load(CriterionSpec("spike_delivered", {})).judge(recorded(COMPLETED, ok=900, unsent=100))
    assert (found.outcome, found.figure, found.voids) == (Outcome.INCONCLUSIVE, 0.9, ALL)


def test_from_the_send_a_reconnection_still_counts_from_the_loss() -> None:
    """13.8 s away, and the attempt that succeeded took a millisecond: that is no PASS of a limit of 3 s."""
    away = Slice(30, "w", "WS /feed reconnect", OK, 9, 0, {13_800: 9}, {1: 9})
    late = Slice(30, "w", "GET /", OK, 9, 0, {13_800: 9}, {1: 9})
    run = dataclasses.replace(healthy(), slices=(away, late))
    assert [each.latency for each in phases.from_the_send(run).slices] == [away.latency, late.service]


def at(t: int, name: str = "GET /", outcome: str = OK, count: int = 1, **more: Any) -> Slice:
    return Slice(t, "w", name, outcome, count, 0, {1000: count}, **more)


def of(*slices: Slice, end: End | None = COMPLETED) -> Recording:
    return dataclasses.replace(healthy(), slices=slices, end=end)


def test_a_phase_has_its_first_second_and_not_its_last() -> None:
    run = of(at(29), at(30, count=3), at(31, count=5), at(30, "GET /b", count=7))
    spike = run.header.phases[1]
    assert sum(piece.count for piece in phases.slices_of(run, spike)) == 10
    assert sum(piece.count for piece in phases.slices_of(run, spike, "GET /b")) == 7
    assert [each.intended for each in phases.by_second(run, run.header.phases[0])] == [0] * 29 + [1]


def test_a_pattern_picks_names_and_knows_one_wildcard() -> None:
    run = of(at(30, "GET /a[1]"), at(30, "GET /a1"), at(30, "POST /a1"))
    assert [piece.name for piece in phases.only(run, "GET *").slices] == ["GET /a[1]", "GET /a1"]
    assert [piece.name for piece in phases.only(run, "GET /a[1]").slices] == ["GET /a[1]"]
    assert phases.only(run, "") is run


def test_connections_that_come_and_go_are_no_good_answers() -> None:
    """One of ten requests fails; as many connections opened and closed would make it one of thirty."""
    name, opened, ended = "GET /", "connection /feed opened", "connection /feed ended"
    run = dataclasses.replace(
        healthy(),
        slices=(
            Slice(30, "w", name, OK, 9, 0, {bucket_index(1000): 9}),
            Slice(30, "w", name, "http 503", 1, 0, {}),
            Slice(30, "w", opened, OK, 10, 0, {0: 10}),
            Slice(30, "w", ended, OK, 9, 0, {0: 9}),
            Slice(30, "w", ended, "cut off", 1, 0, {}),
        ),
    )
    for pattern in ("", "*"):
        tally = tallies.tally(phases.judged(run, pattern).slices)
        assert (tally.ok, tally.failed, tally.causes) == (9, 2, {"http 503": 1, "cut off": 1})
        assert tally.latency == {bucket_index(1000): 9}
    for pattern in ("connection * ended", "* ended", "conn* ended"):
        assert tallies.tally(phases.judged(run, pattern).slices).ok == 9


def test_a_tally_adds_up_what_it_is_given() -> None:
    ok = Slice(30, "w", "x", OK, 5, 50, {1000: 5})
    found = tallies.tally((ok, at(30, outcome="timeout", count=2), at(31, outcome="http 503", count=3), at(31)))
    assert (found.intended, found.ok, found.failed, found.unknown, found.bytes) == (11, 6, 5, 0, 50)
    assert list(found.causes.items()) == [("http 503", 3), ("timeout", 2)]
    assert found.error_ratio == 5 / 11
    assert found.latency == {1000: 6}
    assert tallies.tally(()).error_ratio is None


def test_counted_from_the_send_the_wait_for_a_user_is_left_out() -> None:
    waited = Slice(30, "w", "x", OK, 5, 0, {2000: 5}, {900: 5})
    run = phases.from_the_send(of(waited, at(30), at(30, outcome=UNSERVED)))
    assert [(piece.latency, piece.service, piece.outcome) for piece in run.slices] == [
        ({900: 5}, None, OK),
        ({1000: 1}, None, OK),
    ]


@pytest.mark.parametrize(
    ("starts", "waited"),
    [
        (None, {bucket_index(19_000_000): 4}),
        (1, {bucket_index(19_000_000): 1, 0: 3}),
        (9, {bucket_index(19_000_000): 4}),
    ],
)
def test_what_was_cut_off_had_waited_since_the_end_of_its_second(starts: int | None, waited: dict[int, int]) -> None:
    """From 31 s to 50 s. Of a later request of an iteration nobody knows when it was sent."""
    waiting = Slice(30, "w", "x", UNFINISHED, 4, 0, {}, None, starts)
    tally = tallies.tally(phases.settled(of(waiting, end=STOPPED)).slices)
    assert (tally.intended, tally.ok, tally.failed, tally.unknown) == (4, 0, 0, 4)
    assert tally.waited == waited
    late = dataclasses.replace(waiting, t=50)
    assert tallies.tally(phases.settled(of(late, end=STOPPED)).slices).waited == {0: 4}


def test_statuses_are_counted_the_most_frequent_first() -> None:
    pieces = [at(30, status=200, count=5), at(30, status=503, count=9), at(31, status=200, count=4), at(31, status=301)]
    assert list(tallies.statuses([*pieces, at(31, count=50), at(31, status=404, count=0)]).items()) == [
        (200, 9),
        (503, 9),
        (301, 1),
    ]


def test_slices_are_grouped_by_phase_and_name() -> None:
    run = of(at(-1), at(29), at(30, "b"), at(30), at(90), at(91))
    run = dataclasses.replace(run, warm_up=(at(40, "login", warm_up=True),))
    found = phases.by_phase_and_name(run)
    assert {stretch: {name: [p.t for p in ps] for name, ps in named.items()} for stretch, named in found.items()} == {
        phases.WARM_UP: {"login": [40], "GET /": [-1]},
        "baseline": {"GET /": [29]},
        "spike": {"b": [30], "GET /": [30]},
        "recovery": {"GET /": [90]},
        phases.WIND_DOWN: {"GET /": [91]},
    }
    assert list(phases.by_phase_and_name(of())) == ["baseline", "spike", "recovery"]


def test_statuses_that_are_as_frequent_are_told_in_their_order() -> None:
    pieces = [dataclasses.replace(at(30, count=n), status=status) for status, n in ((503, 2), (200, 2), (404, 3))]
    assert list(tallies.statuses(pieces).items()) == [(404, 3), (200, 2), (503, 2)]


def test_tallies_that_grow_are_sums_in_any_order() -> None:
    one, other = tallies.RunningTally(), tallies.RunningTally()
    for each in (at(30, count=2), at(30, outcome="timeout", count=3), at(30, outcome="timeout", count=0)):
        one.add(each)
    for each in (at(31, count=4), at(31, outcome="timeout", count=5), at(31, outcome="http 500", count=6)):
        other.add(each)
    one.merge(other)
    assert (one.intended, one.failed, one.latency) == (20, 14, {1000: 6})
    assert one.causes == {"timeout": 8, "http 500": 6}


def test_a_window_that_is_moved_by_numpy_shows_the_same() -> None:
    slices = [
        dataclasses.replace(at(30, count=n), latency={1000 * n: n - 1, 7: 1}, outcome=outcome)
        for n in range(1, 9)
        for outcome in (OK, "timeout")
    ]
    plain, dense = tallies.RunningTally(), tallies.DenseTally()
    assert plain.quantile_us(0.5) is dense.quantile_us(0.5) is None
    for window in (plain, dense):
        for number, piece in enumerate(slices):
            second = type(window)()
            second.add(piece)
            window.merge(second)
            if number % 3 == 0:
                window.take_off(second)
    for q in (0.01, 0.2, 0.5, 0.51, 0.9, 1.0):  # beyond some of them all have failed
        assert plain.quantile_us(q) == dense.quantile_us(q)
    assert (plain.intended, plain.failed, plain.causes) == (dense.intended, dense.failed, dense.causes)


def test_what_is_worked_out_of_a_recording_is_worked_out_once() -> None:
    """For the same recording and the same arguments, and not for one that is a copy of it."""
    asked: list[tuple[Recording, int, int]] = []

    @once
    def figure(recording: Recording, first: int, second: int = 0) -> int:
        asked.append((recording, first, second))
        return first + second

    run, other = healthy(), healthy()
    for _ in range(2):
        assert [figure(run, 1), figure(run, 2), figure(run, 1, second=5), figure(other, 1)] == [1, 2, 6, 1]
    assert [each[1:] for each in asked] == [(1, 0), (2, 0), (1, 5), (1, 0)]
    assert [each[0] is run for each in asked] == [True, True, True, False]


def test_the_three_slowest_of_each_phase_are_those_that_a_report_leads_to() -> None:
    """By intended start, the slowest first; the spike is from 30 s to 31 s, and nothing was traced in it."""
    at = [(29.9, 7), (31.0, 5), (40.0, 9), (50.0, 1), (60.0, 6), (-1.0, 99), (91.0, 99)]
    marks = tuple(TraceMark(t, "w", LOGIN, f"{us:032x}", OK, us) for t, us in at)
    found = traces.slowest(dataclasses.replace(healthy(), marks=marks))
    assert {phase: [mark.latency_us for mark in of] for phase, of in found.items()} == {
        "baseline": [7],
        "recovery": [9, 6, 5],
    }
