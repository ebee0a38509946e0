"""What clients see of a breaker, to the request and to the second: what is fast, when a second is open, when a run of
them begins and ends.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis import tallies
from harness.analysis.histogram import bucket_index
from harness.criteria.breaker import BREAKER_OPEN
from harness.criteria.breaker import _clients as clients
from harness.criteria.breaker._clients import FastFailures, Second
from harness.criteria.breaker._state import Moment
from harness.recording import Slice
from harness.recording.values import OK
from tests.recordings import healthy


def piece(t: int, latency_s: float, count: int = 1, outcome: str = OK) -> Slice:
    return Slice(t, "local", "GET /", outcome, count, 0, {bucket_index(round(latency_s * 1e6)): count})


def fast_failures(baseline_s: float, *others: Slice) -> FastFailures:
    """Where every answer of the baseline takes so long."""
    baseline = [piece(0, baseline_s, 100)]
    run = replace(healthy(), slices=(*baseline, *others))
    return FastFailures.of(run, tallies.tally(tuple(baseline)))


def second(t: int, failed_fast: int, requests: int = 20, ok: int | None = None) -> Second:
    good = requests - failed_fast if ok is None else ok
    return Second(t, requests, good, 0, {bucket_index(2_000): failed_fast} if failed_fast else {})


@pytest.mark.parametrize(
    ("baseline_s", "latency_s", "is_fast"),
    [(0.1, 0.0199, True), (0.1, 0.0201, False), (0.01, 0.0049, True), (0.01, 0.0051, False)],
)
def test_fast_is_a_fifth_of_the_quickest_answers_and_5_ms_in_any_case(
    baseline_s: float, latency_s: float, is_fast: bool
) -> None:
    failed = piece(1, latency_s, 3, "http 503")
    assert (fast_failures(baseline_s).latencies_of(failed) == failed.latency) is is_fast


def test_a_twentieth_of_the_baseline_is_what_quick_means() -> None:
    """Of 100 answers five took 50 ms and the others 200: p5 is 50 ms, so fast is below 10."""
    quick, slow = piece(0, 0.05, 5), piece(0, 0.2, 95)
    fast = FastFailures.of(replace(healthy(), slices=(quick, slow)), tallies.tally((quick, slow)))
    assert not fast.signature and fast.below_us == pytest.approx(10_000, rel=0.001)
    without_answers = FastFailures.of(replace(healthy(), slices=()), tallies.tally(()))
    assert without_answers.below_us == 5_000


def test_what_has_the_signature_is_fast_however_long_it_took_and_then_nothing_else_is() -> None:
    signed, other = piece(1, 0.7, 2, BREAKER_OPEN), piece(1, 0.001, 1, "http 503")
    told = fast_failures(0.1, signed)
    assert told.signature and told.latencies_of(signed) == signed.latency and not told.latencies_of(other)
    # A refused connection is no answer; nor does an outcome that nobody had give a signature.
    by_speed = fast_failures(0.1, replace(signed, count=0, latency={}))
    assert not by_speed.signature and by_speed.latencies_of(other) == other.latency
    assert not by_speed.latencies_of(piece(1, 0.001, 1, "connection refused"))


def test_a_second_has_its_requests_its_good_answers_and_its_fast_failures() -> None:
    slices = [
        piece(7, 0.1, 5),
        piece(5, 0.1, 2),
        piece(5, 0.001, 3, "http 503"),
        piece(5, 0.5, 4, "http 503"),
        Slice(6, "local", "GET /", OK, 0, 0, {}),
    ]
    found = clients.by_second(slices, fast_failures(0.1))
    assert [(each.t, each.requests, each.ok, each.failed_fast) for each in found] == [(5, 9, 2, 3), (7, 5, 5, 0)]


@pytest.mark.parametrize(("failed_fast", "requests", "is_open"), [(10, 20, True), (9, 20, False), (0, 0, False)])
def test_a_second_is_open_when_half_of_its_requests_failed_fast(failed_fast: int, requests: int, is_open: bool) -> None:
    assert second(3, failed_fast, requests).is_open is is_open


def test_twenty_fast_failures_in_a_row_of_open_seconds_are_a_run() -> None:
    assert clients.find_open_runs([second(4, 10), second(5, 10)]) == [(4, 5)]
    assert clients.find_open_runs([second(4, 10), second(5, 9, 18)]) == []
    assert clients.find_open_runs([second(4, 10), second(5, 0), second(6, 10)]) == []
    several = [second(4, 20), second(5, 1), second(6, 12), second(8, 12), second(9, 0), second(10, 5)]
    assert clients.find_open_runs(several) == [(4, 4), (6, 8)]


@pytest.mark.parametrize(
    ("begins", "lasts_s", "opened"),
    [
        (12, 3, Moment(11, 13)),  # or in the later half of the second before
        (10, 3, Moment(10.5, 11)),  # not before the failure
        (19, 3, Moment(18, 20)),
        (20, 3, Moment(20, math.inf)),  # after it
        (9, 2, Moment(10.5, 10.5)),  # had begun before
        (8, 2, Moment(20, math.inf)),  # and ended before
    ],
)
def test_clients_see_an_opening_to_two_seconds(begins: int, lasts_s: int, opened: Moment) -> None:
    """The dependency fails from 10.5 to 20 s."""
    seconds = [second(t, 20 if begins <= t < begins + lasts_s else 0) for t in range(30)]
    assert clients.find_opening(seconds, 10.5, 20) == opened
    assert clients.find_earlier_opening(seconds, 10.5, 20) == (9 if begins == 9 else None)


def test_a_closing_is_the_first_second_with_good_answers_alone_after_the_last_fast_failure() -> None:
    """Healed at 20.5 s."""
    until = [second(t, 20 if t <= 23 else 0) for t in range(30)]
    assert clients.find_closing(until, 20.5) == Moment(23, 25)
    flapped = [second(t, 20 if t <= 22 or t == 26 else 0) for t in range(30)]
    assert clients.find_closing(flapped, 20.5) == Moment(26, 28)
    assert clients.find_closing([second(t, 0) for t in range(30)], 20.5) == Moment(20.5, 22)
    bad = [second(t, 0, ok=20 if t in (19, 27) else 0) for t in range(30)]
    assert clients.find_closing(bad, 20.5) == Moment(20.5, 28)
    assert clients.find_closing([second(t, 20) for t in range(30)], 20.5) == Moment(29, math.inf)
    ends_with_it = [second(t, 20 if t < 20 else 0) for t in range(30)]
    assert clients.find_closing(ends_with_it, 20.0) == Moment(20, 22), "the second before is none after it"


def test_the_slowest_failure_is_one_of_the_failure_that_was_not_fast() -> None:
    fast = fast_failures(0.1)
    slices = [
        piece(12, 3.0),
        piece(12, 0.5, 2, "http 504"),
        piece(13, 0.8, 2, "http 504"),
        piece(13, 0.001, 2, "http 503"),
        piece(9, 5.0, 1, "http 504"),
        piece(21, 6.0, 1, "http 504"),
    ]
    assert clients.slowest_failure_s(slices, fast, 10.5, 20) == pytest.approx(0.8, rel=0.001)
    # The second in which it begins, and the one in which it ends, count.
    assert clients.slowest_failure_s(slices, fast, 9.5, 20) == pytest.approx(5.0, rel=0.001)
    assert clients.slowest_failure_s(slices, fast, 10.5, 21) == pytest.approx(6.0, rel=0.001)
    assert clients.slowest_failure_s(slices, fast, 10, 20) == pytest.approx(0.8, rel=0.001)
    assert clients.slowest_failure_s(slices[:1] + slices[3:4], fast, 10.5, 20) == 0


def test_an_instant_before_the_one_that_is_counted_from_is_at_it() -> None:
    assert Moment(11.0, 13.0).since(10.0) == (1, 3) and Moment(8.0, 13.0).since(10.0) == (0, 3)
    assert Moment(8.0, 9.0).since(10.0) == (0, 0)
    assert Moment.last([Moment(8.0, 13.0), Moment(9.0, 12.0)]) == Moment(9.0, 13.0)
