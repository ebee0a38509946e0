"""From an interval to an outcome, and figures as a reason has them."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness import criteria
from harness.criteria import _filters as filters
from harness.criteria._outcome import (
    against,
    megabytes,
    most_common_cause,
    percent,
    phases_from,
    seconds,
    titled,
    unanswered,
)
from harness.findings import Outcome
from harness.recording import CriterionSpec
from tests.histories import recording
from tests.ledgers import ask
from tests.recordings import CANARY, LOGIN, healthy


@pytest.mark.parametrize(
    ("interval", "outcome"),
    [
        ((1, 5), Outcome.PASS),
        ((1, 5.1), Outcome.INCONCLUSIVE),
        ((5, 9), Outcome.INCONCLUSIVE),
        ((5, 5), Outcome.PASS),
        ((5.1, 9), Outcome.FAIL),
        ((0, math.inf), Outcome.INCONCLUSIVE),
        ((math.inf, math.inf), Outcome.FAIL),
        ((math.nan, math.nan), Outcome.INCONCLUSIVE),
    ],
)
def test_the_whole_interval_decides(interval: tuple[float, float], outcome: Outcome) -> None:
    assert against(5, interval) is outcome


@pytest.mark.parametrize(
    ("value_s", "said"),
    [
        *((0.0, "0 ms"), (0.0853, "85.3 ms"), (0.9994, "999 ms"), (0.9995, "1 s"), (7.234, "7.23 s")),
        *((99.94, "99.9 s"), (99.95, "100.0 s"), (1234.56, "1234.6 s"), (-0.5, "-500 ms"), (math.inf, "unbounded")),
    ],
)
def test_seconds_have_three_digits(value_s: float, said: str) -> None:
    assert seconds(value_s) == said


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.0123456, "1.23 %"), (1.0, "100 %"), (9.994, "999 %"), (9.996, "1,000 %"), (-12.0, "-1,200 %"), (0.0, "0 %")],
)
def test_percents_have_three_digits(ratio: float, said: str) -> None:
    assert percent(ratio) == said


def test_a_title_names_the_requests_that_it_is_about_where_these_are_not_all() -> None:
    assert (titled("errors", ""), titled("errors", "GET /")) == ("errors", "errors, GET /")


@pytest.mark.parametrize(
    ("value_bytes", "said"), [(1.25e6, "1.2 MB"), (-1e3, "0.0 MB"), (4.2e9, "4,200.0 MB"), (-6e4, "-0.1 MB")]
)
def test_megabytes_have_one_digit_and_no_negative_zero(value_bytes: float, said: str) -> None:
    assert megabytes(value_bytes) == said


def test_the_most_common_cause_is_the_first() -> None:
    assert most_common_cause({"http 503": 1200, "timeout": 3}) == "most of them with http 503 (1,200)"
    assert most_common_cause({"http 503": 1200}) == "all of them with http 503 (1,200)"
    assert unanswered(0) == {} and unanswered(3) == {"no answer when the run was cut off": 3}


def test_phases_from_one_on_are_it_and_all_later_ones() -> None:
    run = healthy()
    assert [phase.name for phase in phases_from(run, "spike")] == ["spike", "recovery"]
    assert [phase.name for phase in phases_from(run, "recovery")] == ["recovery"]
    assert phases_from(run, "idle") == ()


def test_the_names_that_are_there_are_told_the_most_alike_first_and_eight_at_most() -> None:
    names = tuple(f"GET /{letter}" for letter in "abcdefgh")
    assert filters._those_there("PUT *", names) == f"there are {', '.join(names)}"
    told = filters._those_there("POST /login*", (*names, "POST /logins"))
    assert told.startswith("there are POST /logins, GET /a, ") and told.endswith(
        "GET /g and 1 more; did you mean POST /logins?"
    )


@pytest.mark.parametrize(
    ("requests", "elsewhere"),
    [
        ("QUIT", ""),
        ("ready", " (but in the warm-up, where users made it to get ready)"),
        ("bye", " (but in the wind-down, where users made it as they were stopped)"),
        ("b[y]e", ""),  # a bracket is one
    ],
)
def test_a_request_that_is_in_no_phase_is_said_to_be_elsewhere(requests: str, elsewhere: str) -> None:
    run = healthy()
    ready, bye = (dataclasses.replace(run.slices[0], name=name) for name in ("ready", "bye"))
    run = dataclasses.replace(run, warm_up=(ready,), wind_down=(bye,))
    told = filters.unmatched(criteria.load(CriterionSpec("error_ratio", {"requests": requests})), run)
    assert told == f"no request is called {requests!r}{elsewhere}: there are {CANARY}, {LOGIN}"
    assert filters.unmatched(criteria.load(CriterionSpec("error_ratio", {"requests": CANARY})), run) == ""


@pytest.mark.parametrize(
    ("criterion", "parameter", "told"),
    [
        ("even_share", "via", "no way is called 'QUIT': there are ledger"),
        ("message_delivery", "messages", f"no message is called 'QUIT': there are {CANARY}, connection /feed opened"),
        ("connections_kept", "connections", "no connection is called 'QUIT': there are /feed"),
    ],
)
def test_what_picks_nothing_is_said_with_what_there_is(criterion: str, parameter: str, told: str) -> None:
    run = healthy()
    canary = next(piece for piece in run.slices if piece.name == CANARY)
    opened = dataclasses.replace(canary, name="connection /feed opened")
    run = dataclasses.replace(run, slices=(canary, opened), operations=recording(ask(1, 2)).operations)
    assert filters.unmatched(criteria.load(CriterionSpec(criterion, {parameter: "QUIT"})), run) == told
