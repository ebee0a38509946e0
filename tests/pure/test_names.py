"""Names that always fail, and requests in no phase, are said beside the verdict."""

from __future__ import annotations

import dataclasses

import pytest

from harness.analysis.names import names_in_doubt, outside_of_phases_in_words
from harness.recording import Recording, Slice
from harness.recording.values import ITERATION, OTHER_NAMES
from tests.recordings import healthy


def piece(name: str, count: int, outcome: str = "ok", *, warm_up: bool = False) -> Slice:
    return Slice(40, "w", name, outcome, count, 0, {}, warm_up=warm_up)


def told(*slices: Slice, run: Recording | None = None) -> list[str]:
    return list(names_in_doubt(dataclasses.replace(run or healthy(), slices=slices)))


GOOD = piece("GET /good", 100)


@pytest.mark.parametrize(("count", "said"), [(2, []), (3, ["All requests failed of GET /bad (3)."])])
def test_a_name_of_which_all_failed_is_said_from_three_on(count: int, said: list[str]) -> None:
    assert told(GOOD, piece("GET /bad", count, "http 500")) == said


def test_one_good_answer_is_enough() -> None:
    assert told(GOOD, piece("GET /bad", 50, "http 500"), piece("GET /bad", 1)) == []


def test_where_every_name_failed_the_verdict_says_so_itself() -> None:
    assert told(piece("GET /bad", 50, "http 500")) == []


def test_what_was_cut_off_has_not_failed() -> None:
    """It has no answer, and nobody knows."""
    stopped = dataclasses.replace(healthy(), end=None)
    assert told(GOOD, piece("GET /slow", 5, "unfinished"), run=stopped) == []
    assert told(GOOD, piece("GET /slow", 5, "unfinished")) == ["All requests failed of GET /slow (5)."]


@pytest.mark.parametrize(("status", "said"), [(499, False), (500, True), (503, True)])
def test_server_errors_that_count_as_good_are_said(status: int, said: bool) -> None:
    """Who calls success() on whatever came would see a service without failures."""
    good = dataclasses.replace(piece("GET /down", 480), status=status)
    sentence = (
        "480 server errors count as good answers, because the scenario says so (expect, success() in a block, or a "
        f"client of its own that tells no exception): GET /down with status {status} (480)."
    )
    assert told(GOOD, good) == ([sentence] if said else [])


def test_an_iteration_is_no_name() -> None:
    assert told(GOOD, piece(ITERATION, 50, "unserved")) == []


@pytest.mark.parametrize(("names", "more"), [(5, ""), (6, " and 1 more names"), (8, " and 3 more names")])
def test_the_most_frequent_five_are_named(names: int, more: str) -> None:
    bad = [piece(f"GET /{n}", 10 + n, "http 500") for n in range(names)]
    listed = ", ".join(f"GET /{n} ({10 + n})" for n in reversed(range(names - 5, names)))
    assert told(GOOD, *bad) == [f"All requests failed of {listed}{more}."]


def test_names_that_were_not_kept_apart_are_counted() -> None:
    (said,) = told(GOOD, piece(OTHER_NAMES, 7), piece(f"GET {OTHER_NAMES}", 5))
    assert said.startswith("12 requests are counted together")


@pytest.mark.parametrize(("names", "more"), [(2, ""), (5, ""), (6, " and 1 more names")])
def test_requests_of_users_that_got_ready_are_said_with_what_became_of_them(names: int, more: str) -> None:
    good = [piece(f"POST /{n}", 20 - n, warm_up=True) for n in range(names)]
    (said,) = outside_of_phases_in_words(dataclasses.replace(healthy(), warm_up=tuple(good)))
    listed = ", ".join(f"POST /{n} ({20 - n})" for n in range(min(5, names)))
    total = sum(20 - n for n in range(names))
    made = f"Warm-up: users made {total} requests to get ready, which are in no phase: {listed}{more}"
    assert said == f"{made}; all were answered well."
    bad = (*good, piece("POST /0", 3, "http 401", warm_up=True))
    (said,) = outside_of_phases_in_words(dataclasses.replace(healthy(), warm_up=bad))
    assert said.endswith("; 3 of them failed: http 401 (3).")
    assert list(outside_of_phases_in_words(healthy())) == []
