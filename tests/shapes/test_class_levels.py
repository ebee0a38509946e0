"""Levels of classes of users: shares, levels of their own and other shapes on one timeline, and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust import User
from locust.dispatch import UsersDispatcher

from harness.load.schedule import due_times
from shapes import double_spike, herd, step, timeline
from shapes._dispatcher import ClassDispatcher, dispatcher, placed
from shapes._phased import PhasedShape
from shapes._profile import Polyline, added, places, starts_due
from shapes.timeline import Level


class Rush(step.Step):
    abstract = True
    baseline_s, hold_s, recovery_s, base, peak = 10, 5, 10, 10, 50


def of(
    shape: type[PhasedShape], levels: Mapping[str, Any], known: tuple[str, ...] | None = ("A", "B"), **values: Any
) -> Any:
    made: Any = type("Concrete", (shape,), {"abstract": False, "class_levels": lambda _: levels, **values})()
    made.user_classes = known
    return made


def line(*points: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return points


def test_a_share_is_one_of_every_level_and_of_the_users() -> None:
    shape = of(Rush, {"A": 0.2, "B": 0.8})
    assert shape.problems() == []
    profile, whole = shape.profile(), Rush().profile()
    small, large = profile.by_class
    assert small.starts.points == line((0, 2), (10, 2), (10, 10), (15, 10), (15, 2), (25, 2))
    assert (small.pool_users, large.pool_users) == (20, 80)
    assert profile.starts.points == whole.starts.points
    assert (profile.pool_users, profile.total_starts) == (whole.pool_users, whole.total_starts)


def test_a_herd_is_shared_in_whole_numbers_that_add_up() -> None:
    shape = of(herd.Herd, {"A": 1 / 3, "B": 2 / 3}, herd_users=100)
    assert shape.problems() == []
    profile = shape.profile()
    assert [(each.users, each.classes) for each in profile.herds] == [(100, ("A", "B"))]
    assert [each.pool_users - each.background_users for each in profile.by_class] == [33, 67]


def test_a_level_of_its_own_beside_a_share() -> None:
    shape = of(Rush, {"A": 1, "B": Level(2, {"spike": 20, "recovery": (20, 2)}, herds={"spike": 30})})
    assert shape.problems() == []
    other = shape.profile().by_class[1]
    assert other.starts.points == line((0, 2), (10, 2), (10, 20), (15, 20), (15, 20), (25, 2))
    assert (other.background_users, other.pool_users) == (40, 70)
    assert shape.profile().starts.at(12) == 70
    assert [(each.t, each.users, each.classes) for each in shape.profile().herds] == [(10, 30, ("B",))]


def test_another_shape_is_a_level_from_the_beginning_of_the_run() -> None:
    shape = of(timeline.Timeline, {"A": Rush(), "B": Level(5)}, phases="calm 20, storm 20")
    assert shape.problems() == []
    profile = shape.profile()
    assert profile.by_class[0].starts == Rush().profile().starts
    assert [profile.starts.at(t) for t in (0, 12, 20, 30)] == [15, 55, 15, 5], "what ends early is over"


def test_herds_of_one_instant_are_released_by_one_gate() -> None:
    shape = of(herd.Herd, {"A": 1, "B": Level(1, herds={"spike": 7})}, herd_users=10)
    assert [(each.users, each.classes) for each in shape.profile().herds] == [(17, ("A", "B"))]


REFUSED = {
    "shares": ({"A": 0.2, "B": 0.7}, "the shares add up to 0.9, not to 1: A 0.2 + B 0.7"),
    "a share below 0": ({"A": -0.5, "B": 1.5}, "A has a share of -0.5: give a number above 0"),
    "a class that is not there": ({"A": 0.5, "B": 0.3, "Bb": 0.2}, "no class of users is called Bb; did you mean B?"),
    "a class without a level": ({"A": 1}, "B has no level: give it one, or a share, or leave the class out"),
    "no share": ({"A": Level(1), "B": Level(1)}, "nobody has a share of the shape's own load"),
    "a phase that is not there": ({"A": 1, "B": Level(1, {"spik": 2})}, "B: no phase is called 'spik'; did you mean"),
    "a level below 0": ({"A": 1, "B": Level(-1)}, "B: a level of -1: give a number of 0 or more"),
    "a level without an end": ({"A": 1, "B": Level(float("inf"))}, "B: a level of inf: give a number"),
    "three levels": ({"A": 1, "B": Level(1, {"spike": (1, 2, 3)})}, "B: a level of (1, 2, 3)"),  # type: ignore[dict-item]
    "a herd of nobody": ({"A": 1, "B": Level(1, herds={"spike": 0})}, "B: herds and users are whole numbers"),
    "herds of two sizes": ({"A": 1, "B": Level(1, herds={"spike": 3, "recovery": 4})}, "B: herds of 3 and 4 users"),
    "too high": ({"A": 1, "B": Level(2e6)}, "a peak of 2,000,050: at most 1,000,000 are possible"),
    "text": ({"A": 1, "B": "half"}, "B: 'half' is no level: give a share, a Level(…), or a shape"),
    "a class of shapes": ({"A": 1, "B": Rush}, "is no level: give a share, a Level(…), or a shape, e.g. Rush()"),
    "a longer shape": ({"A": 1, "B": double_spike.DoubleSpike()}, "B: its shape takes 170 s, and the run 25 s"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_words(case: str) -> None:
    levels, words = REFUSED[case]
    assert any(words in each for each in of(Rush, levels).problems())


def test_a_class_may_be_named_by_itself() -> None:
    shape = of(Rush, {A: 0.5, "B": 0.5})
    assert shape.problems() == []
    assert [each.user_class for each in shape.profile().by_class] == ["A", "B"]


@pytest.mark.parametrize(("levels", "kind"), [(["A"], "list"), (None, "NoneType"), (7, "int")])
def test_what_the_scenarios_own_code_gets_wrong_is_said_and_no_traceback(levels: Any, kind: str) -> None:
    (problem,) = of(Rush, levels).problems()
    assert problem == f"Concrete.class_levels(): AttributeError: '{kind}' object has no attribute 'items'"


def test_without_the_harness_a_class_that_nobody_gave_a_level_ends_the_run() -> None:
    shape = of(Rush, {"A": 1}, known=None)
    shape.runner = SimpleNamespace(environment=SimpleNamespace(dispatcher_class=UsersDispatcher, user_classes=[A, B]))
    with pytest.raises(ValueError, match="B has no level"):
        shape.reset_time()


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(of(Rush, {"A": Level(-1, {"x": 1}), "C": 0.4}).problems()) == 5


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ("", "'' cannot be read"),
        ("baseline", "'baseline' cannot be read"),
        ("baseline 3.5", "'baseline 3.5' cannot be read"),
        ("baseline 10 at many", "'baseline 10 at many' cannot be read"),
        ("baseline 10 at 5, spike 0 at 5", "spike is too short"),
        ("baseline 10 at 5, baseline 5 at 5", "baseline twice"),
    ],
)
def test_phases_that_cannot_be_read_are_refused(phases: str, words: str) -> None:
    (problem,) = of(timeline.Timeline, {}, phases=phases).problems()
    assert words in problem


def test_a_timeline_is_written_on_one_line() -> None:
    shape = of(timeline.Timeline, {}, phases="baseline 10 at 5, ramp 4 at 5..25, recovery 6 at 5")
    assert shape.problems() == []
    assert shape.profile().starts.points == line((0, 5), (10, 5), (10, 5), (14, 25), (14, 5), (20, 5))


LINES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50)), min_size=2, max_size=6).map(
    lambda points: Polyline(tuple(sorted((float(t), float(level)) for t, level in points)))
)


@given(st.lists(LINES, min_size=1, max_size=4), st.floats(-1, 21))
def test_the_sum_of_levels_is_their_sum_at_every_instant(lines: list[Polyline], t: float) -> None:
    assert added(lines).at(t) == pytest.approx(sum(each.at(t) for each in lines))
    assert added(lines).total == pytest.approx(sum(each.total for each in lines))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 3))
def test_as_many_starts_are_due_as_the_plan_says_and_no_two_at_one_instant(rates: list[int], nodes: int) -> None:
    """Classes of one rate would always start together otherwise."""
    levels = [Polyline(((0, rate), (3, rate))) for rate in rates]
    due = [
        [t for share in range(nodes) for t in due_times(level, share, nodes, place=place)]
        for level, place in zip(levels, places(levels), strict=True)
    ]
    assert [len(each) for each in due] == [
        starts_due(level.total, *place) for level, place in zip(levels, places(levels), strict=True)
    ]
    same = [t for rate, own in zip(rates, due, strict=True) if rate == rates[0] for t in own]
    assert len(set(same)) == len(same)


# Locust's spawning


class A(User):
    pass


class B(User):
    pass


def nodes(count: int) -> list[Any]:
    return [SimpleNamespace(id=f"host_{number}") for number in range(count)]


def dispatched(dispatcher: UsersDispatcher, **counts: int) -> dict[str, dict[str, int]]:
    dispatcher.new_dispatch(sum(counts.values()), 100, tuple(counts.items()))  # type: ignore[arg-type]
    (only,) = list(dispatcher)
    return only


def totals(on: Mapping[str, Mapping[str, int]]) -> Counter[str]:
    return sum((Counter(each) for each in on.values()), Counter[str]())


def test_locusts_own_dispatcher_gives_each_of_two_workers_one_class_only() -> None:
    """Why there is another one: if this changes, it may go."""
    stock = UsersDispatcher(nodes(2), [A, B])
    stock.new_dispatch(10, 10)
    *_, last = stock
    assert sorted(map(sorted, (each.items() for each in last.values()))) == [
        [("A", 0), ("B", 5)],
        [("A", 5), ("B", 0)],
    ]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 7))
def test_each_worker_has_each_class_by_its_share(a: int, b: int, workers: int) -> None:
    on = placed(["A", "B"], {"A": a, "B": b}, [str(number) for number in range(workers)])
    assert totals(on) == Counter({"A": a, "B": b}) - Counter()
    for kind in "AB":
        assert max(each[kind] for each in on.values()) - min(each[kind] for each in on.values()) <= 1


def test_users_of_one_class_leave_while_those_of_another_come() -> None:
    """At the same total, which Locust would take for no change at all."""
    dispatcher = ClassDispatcher(nodes(2), [A, B])
    assert totals(dispatched(dispatcher, A=10, B=0)) == {"A": 10}
    assert totals(dispatched(dispatcher, A=4, B=6)) == {"A": 4, "B": 6}
    assert not dispatcher.dispatch_in_progress


def test_the_users_of_a_worker_that_is_lost_go_to_the_others() -> None:
    dispatcher = ClassDispatcher(nodes(3), [A, B])
    dispatched(dispatcher, A=9, B=6)
    dispatcher.remove_worker(SimpleNamespace(id="host_1"))
    dispatcher.new_dispatch(15, 100)  # as Locust does then
    (after,) = list(dispatcher)
    assert sorted(after) == ["host_0", "host_2"]
    assert totals(after) == {"A": 9, "B": 6}


def test_stock_users_follow_their_own_levels_and_parked_ones_are_all_there() -> None:
    shape = of(Rush, {"A": 1, "B": Level(2, {"spike": 20})})
    shape.clock = lambda: 12.0
    assert shape.tick() == (70, 70, (("A", 50), ("B", 20)))
    shape.parked = True
    assert shape.tick() == (140, 140, (("A", 100), ("B", 40)))


class NobodyJoins(UsersDispatcher):
    """As that of a master, whose late workers get no users."""

    def add_worker(self, worker_node: Any) -> None:
        """No users for it."""


@pytest.mark.parametrize("stock", [UsersDispatcher, NobodyJoins])
def test_the_shape_chooses_the_dispatcher_at_the_start_of_each_run(stock: type[UsersDispatcher]) -> None:
    environment = SimpleNamespace(dispatcher_class=stock, user_classes=[A, B])
    for levels in ({"A": 0.5, "B": 0.5}, {"A": 0.5, "B": 0.5}, {}):
        shape = of(Rush, levels)
        shape.runner = SimpleNamespace(environment=environment)
        shape.reset_time()
        assert issubclass(environment.dispatcher_class, stock)
        assert issubclass(environment.dispatcher_class, ClassDispatcher) == bool(levels)
    assert environment.dispatcher_class is stock


@pytest.mark.parametrize(("stock", "users"), [(UsersDispatcher, [4, 3, 2]), (NobodyJoins, [5, 4])])
def test_whether_a_late_worker_gets_users_is_up_to_who_set_the_dispatcher(
    stock: type[UsersDispatcher], users: list[int]
) -> None:
    by_class = dispatcher(stock, by_class=True)(nodes(2), [A, B])
    by_class.add_worker(nodes(3)[2])
    assert sorted((sum(each.values()) for each in dispatched(by_class, A=5, B=4).values()), reverse=True) == users


class Turns(timeline.Turns, timeline.Timeline):
    abstract = True
    phases = "baseline 10, ramp 10, login 5, cache 5"
    parts, ramp_factor = "login cache", 3.0

    def part_levels(self) -> list[tuple[str, str, Level]]:
        return [("login", "A", Level(2, herds={"login": 30})), ("cache", "B", Level(1, {"cache": 9}))]


def test_parts_take_turns_and_all_of_them_grow_in_the_ramp() -> None:
    shape: Any = type("Concrete", (Turns,), {"abstract": False})()
    shape.user_classes = ("A", "B")
    assert shape.problems() == []
    logins, cache = shape.profile().by_class
    assert [logins.starts.at(t) for t in (5, 15, 25)] == [2, 4, 2]
    assert [cache.starts.at(t) for t in (5, 15, 22, 27)] == [1, 2, 1, 9]
    assert [(each.t, each.users, each.classes) for each in shape.profile().herds] == [(20.0, 30, ("A",))]


def test_a_part_that_is_left_out_has_no_load_and_one_that_is_not_known_is_refused() -> None:
    shape: Any = type("Concrete", (Turns,), {"abstract": False})()
    shape.parts = "cache"
    assert [each.starts.peak for each in shape.profile().by_class] == [0, 9] and not shape.profile().herds
    shape.parts = "cache logn"
    assert shape.problems() == ["--parts logn: there is no such part; there are login, cache"]
