"""Requests under a rate limit: which count, in which window, and what is told of them, worked out by hand."""

from __future__ import annotations

import math

import pytest

from harness.criteria.rate_limit._takes import (
    Key,
    Take,
    as_fixed_windows,
    beyond_the_limit,
    fullest_window,
    keys_of,
)
from harness.findings import Outcome
from harness.recording import ADMITTED
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from tests.histories import recording
from tests.takes import take, unanswered

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def of_key(*taken: tuple[float, float, str]) -> Key:
    """Sent and decided within so many seconds."""
    takes = tuple(Take(take(sent_s, sign), sent_s, received_s) for sent_s, received_s, sign in taken)
    return Key("k", takes, tuple(each for each in takes if each.operation.cache == ADMITTED), (), 0, ())


OUTAGE = FaultMark(10, "stop_process", INJECTED, "", 1), FaultMark(20, "stop_process", UNDONE, "", 1)


@pytest.mark.parametrize(
    ("sent_s", "received_s", "doubtful_until_s"),
    [
        (8.0, 10.0, None),  # decided before the counters were away, at the latest
        (8.0, 10.01, 21.0),
        (19.99, 20.5, 21.0),
        (19.99, 23.0, 23.0),  # late, as its answer was
        (20.0, 20.5, None),
    ],
)
def test_what_was_under_way_while_the_counters_were_away_may_count_a_second_later(
    sent_s: float, received_s: float, doubtful_until_s: float | None
) -> None:
    (key,) = keys_of(recording(take(sent_s, end_s=received_s), faults=OUTAGE), "*")
    assert [each.received_s for each in key.takes] == ([received_s] if doubtful_until_s is None else [])
    assert [each.received_s for each in key.doubtful] == ([] if doubtful_until_s is None else [doubtful_until_s])


def test_requests_are_told_apart_by_key_in_the_order_of_being_sent() -> None:
    made = [take(3.0, "-"), take(1.0), take(2.0, "?"), unanswered(2.5), take(4.0, "o"), take(1.5, "-", "b")]
    other, key = keys_of(recording(*made), "*")
    assert (other.key, key.key) == ("b", "k")
    assert [each.sent_s for each in key.takes] == [1.0, 2.0, 2.5, 3.0]
    assert [each.sent_s for each in key.admitted] == [1.0, 2.5]
    assert ([each.sent_s for each in key.refused], key.errors) == ([3.0], 1)
    assert [(each.sent_s, each.received_s) for each in key.doubtful] == [(4.0, 4.0)]
    assert key.maybe_counted.possibly(0.0, 9.0) == 3


@pytest.mark.parametrize(("load_processes", "error_s"), [(1, 0.0), (2, 0.25)])
def test_instants_of_several_load_processes_are_as_wide_as_their_clocks_are_wrong(
    load_processes: int, error_s: float
) -> None:
    nodes = {f"w{n}": (0.25, [take(5.0, end_s=6.0)] if n == 0 else []) for n in range(load_processes)}
    (key,) = keys_of(recording(nodes=nodes), "*")
    assert [(each.sent_s, each.received_s) for each in key.takes] == [(5.0 - error_s, 6.0 + error_s)]


@pytest.mark.parametrize(
    ("taken", "admitted_s"),
    [
        # Two a window, which begins with the first and lasts 10 s.
        (
            [(0, 0, "+"), (1, 1, "+"), (2, 2, "+"), (9.9, 9.9, "-"), (10, 10, "+"), (11, 11, "+"), (12, 12, "+")],
            [0, 1, 10, 11],
        ),
        ([(5, 5, "-"), (14.9, 14.9, "+"), (15, 15, "-"), (24, 24, "-"), (24.5, 24.5, "+")], [5, 14.9, 15, 24]),
        ([(0, 4, "+"), (1, 2, "+"), (11, 13, "+")], [1.5, 2, 12]),  # by when each was decided, in the middle
        ([(0, math.inf, "+"), (1, 1, "+")], [1]),
        ([(-3, -3, "+")], [-3]),
    ],
)
def test_what_fixed_windows_would_have_admitted(taken: list[tuple[float, float, str]], admitted_s: list[float]) -> None:
    key = as_fixed_windows(of_key(*taken), 2, 10.0)
    assert [(each.sent_s, each.received_s) for each in key.admitted] == [(t, t) for t in admitted_s]


@pytest.mark.parametrize(
    ("decided_s", "beyond"),
    [
        ((0, 1, 10, 11), 0),  # the first does not count any more, ten seconds later
        ((0, 1, 9.9, 11), 1),
        ((0, 1, 2, 3, 10.5), 2),  # what is beyond it does not count against those that follow
        ((), 0),
    ],
)
def test_how_many_an_exact_window_would_have_refused(decided_s: tuple[float, ...], beyond: int) -> None:
    """Two in ten seconds, each decided in the middle of two; one without an answer is none."""
    taken = [(t - 1.0, t + 1.0, "+") for t in decided_s]
    assert beyond_the_limit(of_key(*taken, (1.0, math.inf, "+")), 2, 10.0) == beyond


def test_the_fullest_windows_begin_with_a_request_and_with_an_answer() -> None:
    """Three sent from 1 s on are answered by 3 s; four may be in a window that begins at 2 s, with the first answer."""
    key = of_key((1.0, 2.0, "+"), (1.5, 2.5, "+"), (2.0, 3.0, "+"), (4.0, 9.0, "+"))
    surely, possibly = fullest_window(key, 2.0)
    assert (surely.begin_s, surely.surely, surely.possibly) == (1.0, 3, 3)
    assert (possibly.begin_s, possibly.possibly, possibly.surely) == (2.0, 4, 1)
    none, neither = fullest_window(of_key((1.0, 2.0, "-")), 2.0)
    assert (none.surely, neither.possibly) == (0, 0)
