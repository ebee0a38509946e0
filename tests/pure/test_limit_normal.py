"""When a service is as it was before any spike, so that the next step of a search may begin: figures by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.limit.normal import Normal
from harness.recording import Recording
from harness.recording.header import Phase
from harness.recording.values import OK
from tests import recordings
from tests.recordings import Request

QUICK_S, SLOW_S, LATE_S = 0.02, 0.5, 1.0
BASELINE, AFTER = Phase("baseline", 0, 11), Phase("recovery", 11, 31)
EMPTY = recordings.login_herd(baseline_s=11, recovery_s=19, herd_users=1)


def run(*seconds: tuple[int, list[float | None]]) -> Recording:
    """With requests of these latencies in each second; None is one that failed."""
    requests = [
        Request(t + 0.5, "worker-1", "GET /auth/me", OK if each else "http 503", each or QUICK_S)
        for t, latencies in seconds
        for each in latencies
    ]
    return replace(EMPTY, slices=recordings.slices(requests), header=replace(EMPTY.header, phases=(BASELINE, AFTER)))


def steady(latencies: list[float | None]) -> list[tuple[int, list[float | None]]]:
    return [(t, latencies) for t in range(11)]


# 44 requests, of which 5 take a second: the median is quick, and p95 is not.
LONG_TAIL = [*((t, [QUICK_S] * 3 + [LATE_S if t % 2 else QUICK_S]) for t in range(11))]


def test_what_is_normal_is_what_the_baseline_was() -> None:
    # One of 22 failed, in the last second.
    normal = Normal.of(run(*((t, [QUICK_S, None if t == 10 else QUICK_S]) for t in range(11))))
    assert normal is not None
    assert normal.bad_ratio == pytest.approx(1 / 22)
    assert normal.slo.overall_s == pytest.approx(QUICK_S + 0.1, rel=0.02)
    assert normal.usual.overall_s == pytest.approx(QUICK_S + 0.1, rel=0.02)


def test_ten_requests_say_what_is_normal_and_nine_do_not() -> None:
    assert Normal.of(run(*((t, [QUICK_S]) for t in range(10)))) is not None
    assert Normal.of(run(*((t, [QUICK_S]) for t in range(9)))) is None


def test_a_baseline_that_failed_or_is_not_there_is_not_normal() -> None:
    assert Normal.of(run(*steady([QUICK_S, None]))) is None
    # More than 5 % failed, so there is no p95; the median is there.
    assert Normal.of(run(*steady([QUICK_S] * 9 + [None]))) is None
    whole = run(*steady([QUICK_S]))
    assert Normal.of(replace(whole, header=replace(whole.header, phases=(AFTER,)))) is None


def is_there(baseline: list[tuple[int, list[float | None]]], *after: tuple[int, list[float | None]]) -> bool:
    whole = run(*baseline, *after)
    normal = Normal.of(whole)
    assert normal is not None
    return normal.is_there(whole, AFTER)


def test_a_tenth_more_bad_requests_than_in_the_baseline_are_normal_and_more_are_not() -> None:
    quick = steady([QUICK_S, QUICK_S])
    last = [(t, [QUICK_S] * 4) for t in range(26, 30)]
    assert is_there(quick, *last, (30, [QUICK_S, QUICK_S, QUICK_S, None, None][1:]))  # 2 of 20
    assert not is_there(quick, *last, (30, [QUICK_S, None, None, None]))  # 3 of 20


def test_half_of_the_requests_may_be_slow_and_no_more() -> None:
    def half(slow: int) -> bool:
        return is_there(
            LONG_TAIL,
            *((t, [QUICK_S, QUICK_S, SLOW_S, SLOW_S]) for t in range(26, 30)),
            (30, [SLOW_S] * slow + [QUICK_S] * (4 - slow)),
        )

    assert half(2)
    assert not half(3)


def test_the_last_five_seconds_count_where_they_have_ten_requests() -> None:
    quick = steady([QUICK_S, QUICK_S])
    before = [(t, [None, None]) for t in range(11, 26)]
    assert is_there(quick, *before, *((t, [QUICK_S, QUICK_S]) for t in range(26, 31)))
    # With nine requests the whole phase counts, and there it failed.
    assert not is_there(quick, *before, *((t, [QUICK_S, QUICK_S]) for t in range(26, 30)), (30, [QUICK_S]))
    assert is_there(quick, *((t, [QUICK_S]) for t in range(11, 31)))


def test_a_service_of_which_nothing_is_known_is_not_normal() -> None:
    assert not is_there(steady([QUICK_S, QUICK_S]), *((t, [QUICK_S]) for t in range(20, 29)))


def test_connections_that_come_about_make_nothing_normal() -> None:
    """Of four requests a second all fail; nine connections as well would make that 4 of 13, and none of them slow."""
    normal = Normal.of(run(*steady([QUICK_S] * 4)))
    assert normal is not None
    failing = run(*steady([QUICK_S] * 4), *((t, [None] * 4) for t in range(11, 31)))
    opened = [Request(t + 0.5, "worker-1", "connection /feed opened", OK, 0) for t in range(31) for _ in range(90)]
    assert not normal.is_there(replace(failing, slices=(*failing.slices, *recordings.slices(opened))), AFTER)
    assert Normal.of(run(*steady([None] * 4))) is None
