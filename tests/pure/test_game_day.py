"""A day of faults: the same seed gives the same one, and never more at once than the budget."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.fault_schedule import parse
from harness.config.game_day import Day, drawn, read
from harness.errors import ConfigurationError
from harness.faults import Fault, PlannedFault, load

FAULTS = tuple(load("noop", words=word) for word in ("api1", "postgres", "valkey"))
DAY = Day(30, 300, budget=2)

days = st.builds(
    Day,
    start_s=st.floats(0, 100).map(lambda each: round(each, 1)),
    end_s=st.floats(200, 1000).map(lambda each: round(each, 1)),
    budget=st.integers(1, 4),
    shortest_s=st.floats(0.1, 10),
    longest_s=st.floats(10, 40),
    calm_s=st.floats(0, 40),
    longest_calm_s=st.floats(40, 90),
)


def spans(planned: tuple[PlannedFault, ...]) -> list[tuple[float, float]]:
    return [(float(each.at), float(each.at) + each.for_s) for each in planned]


def test_the_same_seed_gives_the_same_day_and_another_one_another() -> None:
    assert drawn(FAULTS, DAY, 1) == drawn(FAULTS, DAY, 1)
    assert len({drawn(FAULTS, DAY, seed) for seed in range(20)}) == 20
    assert len(drawn(FAULTS, DAY, 1)) > 3


def test_a_day_that_somebody_has_written_down_is_that_of_the_seed() -> None:
    """Whatever Python draws it: these are the values of today's."""
    told = [(each.fault, each.at, each.for_s) for each in drawn(FAULTS, DAY, 7)]
    assert [(getattr(fault, "words", ""), at, for_s) for fault, at, for_s in told] == WRITTEN_DOWN


@given(day=days, seed=st.integers(0, 10**6), count=st.integers(1, 3))
def test_never_more_at_once_than_the_budget_and_always_calm_afterwards(day: Day, seed: int, count: int) -> None:
    planned = drawn(FAULTS[:count], day, seed)
    for at in {at for at, _ in spans(planned)}:
        assert sum(start <= at < end - 1e-6 for start, end in spans(planned)) <= min(day.budget, count)
    assert list(planned) == sorted(planned, key=lambda each: float(each.at))
    for each in planned:
        assert day.start_s - 0.1 <= float(each.at)
        assert float(each.at) + each.for_s + day.calm_s <= day.end_s + 0.2
        assert day.shortest_s - 0.1 <= each.for_s <= day.longest_s + 0.1
    for fault in FAULTS:
        mine = sorted(spans(tuple(each for each in planned if each.fault == fault)))
        for (_, end), (start, _) in pairwise(mine):
            assert start >= end + day.calm_s - 0.2


def test_every_fault_gets_its_turn() -> None:
    long = dataclasses.replace(DAY, end_s=5000)
    words = [getattr(each.fault, "words", "") for each in drawn(FAULTS, long, 3)]
    assert {words.count(word) > len(words) / 6 for word in ("api1", "postgres", "valkey")} == {True}


def test_faults_are_written_as_for_the_command_line_and_a_drawn_day_can_be_given_there() -> None:
    faults: tuple[Fault, ...] = read("noop words='a b'; stop_process port=5432")
    assert [type(each).__name__ for each in faults] == ["Noop", "StopProcess"]
    text = "; ".join(f"noop words=x at={each.at} for={each.for_s}" for each in drawn(FAULTS, DAY, 1))
    written, problems = parse(text)
    assert not problems and len(written) == len(drawn(FAULTS, DAY, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("noop words='", "close every quotation"),
        ("port=1", "a fault has no name"),
        ("noop words=a b", "noop: word 3 is no key=value"),
        ("noop at=3 for=2", "at= and for=: leave it away"),
        ("nop", "Did you mean noop?"),
        ("http_toggle url=x token=hush", "--day-faults: "),
    ],
)
def test_what_is_wrong_is_one_line_with_its_remedy_and_no_secret(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(text)
    assert all("\n" not in each and "hush" not in each for each in refused.value.messages)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": 0},
        {"shortest_s": 20.0},
        {"shortest_s": 0.0},
        {"calm_s": 50.0},
        {"end_s": 60.0},
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"give|make"):
        drawn(FAULTS, dataclasses.replace(DAY, **changes), 1)


def test_no_fault_to_draw_from_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="name some"):
        drawn((), DAY, 1)


WRITTEN_DOWN = [
    ("valkey", 32.4, 8.1),
    ("postgres", 36.5, 6.5),
    ("valkey", 64.1, 10.8),
    ("postgres", 64.4, 10.4),
    ("api1", 96.0, 10.1),
    ("postgres", 102.3, 10.5),
    ("valkey", 134.0, 7.1),
    ("api1", 134.8, 5.7),
    ("api1", 169.0, 13.3),
    ("valkey", 169.7, 8.1),
    ("valkey", 206.8, 11.3),
    ("postgres", 206.9, 8.0),
    ("postgres", 248.9, 7.4),
    ("valkey", 249.6, 9.0),
]
