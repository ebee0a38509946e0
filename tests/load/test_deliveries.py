"""Messages by number: whatever is lost, doubled or late is counted exactly."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.websocket.deliveries import (
    DOUBLED,
    LARGEST_GAP,
    LATE,
    LOST,
    REFUSED,
    Channel,
    Deliveries,
    SequenceNumbers,
)


class Notes:
    """Stands in for a user: keeps what is counted."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self.at: list[float] = []

    def observe(self, kind: str, name: str, sent_s: float, done_s: float, outcome: str = "ok") -> None:
        assert done_s >= sent_s
        self.counted[f"{kind} {name}", outcome] += 1

    def missing(self, name: str, outcome: str, at_s: float) -> None:
        self.counted[name, outcome] += 1
        self.at.append(at_s)


def account(after: int = 0) -> tuple[Any, Channel, Deliveries]:
    user: Any = Notes()
    channel = Channel()
    deliveries = Deliveries(user, channel)
    deliveries.start_after(after)
    return user, channel, deliveries


@given(st.integers(1, 60), st.data())
def test_every_number_is_accounted_for(count: int, data: st.DataObject) -> None:
    """Some are lost, some come twice, in any order: due = came + lost, whatever was where."""
    numbers = list(range(1, count + 1))
    lost = data.draw(st.sets(st.sampled_from(numbers)))
    doubled = data.draw(st.lists(st.sampled_from(numbers))) if len(lost) < count else []
    doubled = [number for number in doubled if number not in lost]
    arrivals = data.draw(st.permutations([n for n in numbers if n not in lost] + doubled))
    user, channel, deliveries = account()
    channel.sent_s.update({number: float(number) for number in numbers})
    for number in arrivals:
        deliveries.delivered(number, float(number), 1000.0)
    deliveries.settle(sent_before_s=2000.0)
    counted = Counter({outcome: n for (_, outcome), n in user.counted.items()})
    assert counted["ok"] + counted[LATE] == count - len(lost)
    assert counted[DOUBLED] == len(doubled)
    assert counted[LOST] == len(lost)
    assert sorted(user.at) == sorted(map(float, lost)), "each in the second in which it was published"


def test_what_was_under_way_when_the_connection_ended_is_not_lost() -> None:
    user, channel, deliveries = account(after=10)
    channel.sent_s.update({11: 1.0, 12: 5.0, 13: 9.0})
    deliveries.sent("echo", 1, 1.0)
    deliveries.sent("echo", 2, 9.0)
    deliveries.delivered(11, 1.0, 1.1)
    deliveries.settle(sent_before_s=7.0)
    assert user.counted == {
        ("message broadcast", "ok"): 1,
        ("message broadcast", LOST): 1,
        ("message echo", LOST): 1,
    }


def test_what_came_before_the_connection_is_not_due() -> None:
    user, channel, deliveries = account(after=3)
    channel.sent_s.update({1: 1.0, 2: 1.0, 3: 1.0})
    deliveries.settle(sent_before_s=9.0)
    assert not user.counted


def test_answers() -> None:
    """In time, twice, refused, and to nothing in particular."""
    user, channel, deliveries = account()
    deliveries.sent("published", 1, 1.0)
    deliveries.published(5, 1, 1.1)
    deliveries.published(5, 1, 1.2)
    deliveries.sent("published", 2, 2.0)
    deliveries.refused(2, 2.1)
    deliveries.refused(None, 2.2)
    assert channel.sent_s == {5: 1.0}
    assert user.counted == {
        ("message published", "ok"): 1,
        ("message published", DOUBLED): 1,
        ("message published", REFUSED): 1,
        ("message error", REFUSED): 1,
    }


def test_numbers_keep_no_memory_as_long_as_nothing_is_missing() -> None:
    numbers = SequenceNumbers(0)
    for number in range(1, 1000):
        assert numbers.take(number) == "ok"
    assert numbers._gaps is None and numbers.take(5) == DOUBLED


@pytest.mark.parametrize(
    ("after", "numbers", "lost"),
    [
        pytest.param(0, (1, 2, 3), 0, id="each has its own"),
        pytest.param(0, (0, 0, 0), 3, id="none ever grows"),
        pytest.param(0, (1, 1, 1), 2, id="all have the same"),
        pytest.param(10**9, (1, 2, 3), 3, id="the feed said that all of them were before"),
    ],
)
def test_a_message_without_a_number_of_its_own_is_lost(after: int, numbers: tuple[int, ...], lost: int) -> None:
    """Nobody gets a single one of them, or nobody could tell."""
    user, _, deliveries = account(after)
    for mine, number in enumerate(numbers):
        deliveries.sent("published", mine, 1.0 + mine)
        deliveries.published(number, mine, 2.0 + mine)
        if lost == 0:
            deliveries.delivered(number, 1.0 + mine, 2.0 + mine)
    assert user.counted["message published", "ok"] == len(numbers)
    assert user.counted["message broadcast", LOST] == lost
    assert user.counted["message broadcast", "ok"] == (0 if lost else len(numbers))


def test_numbers_far_apart_are_no_end_of_missing_ones() -> None:
    """A service that numbers by its clock."""
    numbers = SequenceNumbers(0)
    assert numbers.take(1_773_480_400_000) == "ok"
    assert len(numbers.gaps()) == LARGEST_GAP
    for message in range(1, 4):
        assert numbers.take(1_773_480_400_000 + 1000 * message) == "ok"
    assert len(numbers.gaps()) == LARGEST_GAP, "of all messages, not of each"
    few = SequenceNumbers(0)
    assert [few.take(number) for number in (LARGEST_GAP - 1, 2 * LARGEST_GAP)] == ["ok", "ok"]
    assert len(few.gaps()) == LARGEST_GAP
