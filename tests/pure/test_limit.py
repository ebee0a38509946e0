"""The search for the limit: which level is tried next, what a step says, and what is known in the end."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from harness.findings import Basis, Finding, Outcome
from harness.limit.result import Limit, Searched, _longest_s
from harness.limit.search import Bounds, End, Estimate, Tried, _within, estimate
from harness.limit.step import Answer, Said, Silence, Step
from harness.limit.threshold import posterior

HOLDS, BREAKS = Answer.HOLDS, Answer.BREAKS
SEEMS_TO_HOLD, SEEMS_TO_BREAK = Answer.SEEMS_TO_HOLD, Answer.SEEMS_TO_BREAK
BOUNDS = Bounds(lowest=10, start=20, highest=1000, resolution=0.2)
LATENCY = Searched("latency_quantile", "latency_quantile", 0.95, "--peak", "starts/s", 20)


def said(level: float, says: Answer | Silence, waited_s: float = 0.0, reason: str = "", guard: str = "") -> Said:
    found = Finding("latency_quantile", "p95", Outcome.PASS, "", waited_s, "s", 0.5, (0.0, waited_s))
    return Said(level, says, reason, found, guard)


def tried(*each: tuple[float, Answer | Silence]) -> Tried:
    return Tried([said(*one) for one in each])


def search(answer: Callable[[float], Answer | Silence], bounds: Bounds = BOUNDS, most: int = 40) -> tuple[Tried, End]:
    """The whole search of a service that answers so."""
    found: list[Said] = []
    while len(found) < most:
        following = limit(Tried(found), None, bounds).next_level()
        if isinstance(following, End):
            return Tried(found), following
        found.append(said(following, answer(following)))
    raise AssertionError(f"no end after {most} steps: {[(each.level, each.says.value) for each in found]}")


def limit(found: Tried, ended: End | None, bounds: Bounds = BOUNDS, searched: Searched = LATENCY) -> Limit:
    return Limit(searched, found, bounds, ended, "")


@pytest.mark.parametrize("capacity", [23.0, 150.0, 700.0])
def test_a_service_that_always_breaks_at_one_level_is_found_in_a_dozen_steps(capacity: float) -> None:
    found, ended = search(lambda level: HOLDS if level <= capacity else BREAKS)
    low, high = limit(found, ended).interval or (0, 0)
    assert ended is End.FOUND
    assert low <= capacity <= high
    assert high <= 1.2 * low
    assert len(found.said) <= 13
    assert max(each.level for each in found.said) <= 2 * capacity


def test_levels_double_until_one_breaks() -> None:
    found, _ = search(lambda level: HOLDS if level <= 150 else BREAKS)
    assert [each.level for each in found.said[:4]] == [20, 40, 80, 160]


def test_one_run_that_goes_wrong_does_not_decide_the_limit() -> None:
    steps = [(20, HOLDS), (40, BREAKS), *[(level, HOLDS) for level in (28, 34, 40, 50, 60, 80, 90)]]
    late = [(160, BREAKS), (120, BREAKS), (110, BREAKS), (95, HOLDS), (105, BREAKS), (100, HOLDS)]
    found = posterior([(level, says is HOLDS) for level, says in (*steps, *late)])
    assert 90 < found.quantile(0.5) < 110


def test_contradictions_widen_the_interval() -> None:
    steady = [(80.0, HOLDS), (120.0, BREAKS), (98.0, HOLDS), (103.0, BREAKS), (99.0, HOLDS), (102.0, BREAKS)]
    wild = [(80.0, HOLDS), (120.0, BREAKS), (98.0, BREAKS), (103.0, HOLDS), (92.0, BREAKS), (108.0, HOLDS)]
    narrow, wide = (posterior([(level, says is HOLDS) for level, says in 2 * each]) for each in (steady, wild))
    widths = [math.log(each.quantile(0.975) / each.quantile(0.025)) for each in (narrow, wide)]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize(
    ("at_first", "later", "wanted", "words"),
    [
        (400.0, 200.0, None, "it held 320 starts/s at first, and broke at 203 starts/s later"),
        (120.0, 300.0, None, "it broke at 160 starts/s at first, and held 297 starts/s later"),
        (120.0, 300.0, 150.0, "it broke at 160 starts/s at first, and held 297 starts/s later"),
    ],
)
def test_steps_of_a_service_that_became_another_have_no_limit_together(
    at_first: float, later: float, wanted: float | None, words: str
) -> None:
    """One that keeps something of an overload for minutes, and one that was given replicas for it."""
    steps: list[Said] = []
    bounds = replace(BOUNDS, wanted=wanted)
    while len(steps) < 20 and not isinstance(level := limit(Tried(steps), None, bounds).next_level(), End):
        has_broken = any(each.says is BREAKS for each in steps)
        steps.append(said(level, HOLDS if level <= (later if has_broken else at_first) else BREAKS))
    found = limit(Tried(steps), level if isinstance(level, End) else None, bounds)
    assert (found.outcome, found.interval, found.figure) == (Outcome.INCONCLUSIVE, None, None)
    assert found.finding().reason.startswith(words), found.finding().reason


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_a_service_that_is_the_same_but_for_chance_has_not_changed(spread: float) -> None:
    chance = random.Random(7)
    for _ in range(12):
        found, ended = search(lambda level: HOLDS if level <= 150 * chance.lognormvariate(0, spread) else BREAKS)
        assert not limit(found, ended).change


def test_a_step_near_the_limit_counts_by_its_figure() -> None:
    bracket = [(80.0, HOLDS), (160.0, BREAKS)]
    holds, breaks = (estimate(tried(*bracket, (113.0, says))) for says in (SEEMS_TO_HOLD, SEEMS_TO_BREAK))
    assert holds is not None
    assert breaks is not None
    assert breaks.middle < 113 < holds.middle
    assert estimate(tried((80.0, SEEMS_TO_HOLD), (160.0, BREAKS))) is None  # nothing has held for sure


def test_a_saturated_generator_is_never_the_limit_of_the_service() -> None:
    found, ended = search(lambda level: Silence.GENERATOR if level > 330 else HOLDS)
    told = limit(found, ended)
    assert ended is End.GENERATOR
    assert told.outcome is Outcome.INCONCLUSIVE
    low, high = told.interval or (0, 0)
    assert 330 / 1.25 < low <= 330
    assert math.isinf(high)
    assert told.figure is None
    assert "the load generator ended at" in told.finding().reason
    assert "--processes" in told.finding().reason


def test_a_step_that_was_disturbed_once_is_made_again() -> None:
    disturbed = [True]

    def answer(level: float) -> Answer | Silence:
        if level >= 80 and disturbed:
            disturbed.clear()
            return Silence.GENERATOR
        return HOLDS if level <= 150 else BREAKS

    found, ended = search(answer)
    assert ended is End.FOUND
    assert [each.level for each in found.said[2:4]] == [80, 80]


def test_steps_that_say_nothing_end_the_search_and_say_why() -> None:
    found, ended = search(lambda level: HOLDS if level < 50 else BREAKS if level > 100 else Silence.UNUSABLE)
    assert ended is End.SILENT
    assert [each.says for each in found.said[-3:]] == [Silence.UNUSABLE] * 3
    assert limit(found, ended).outcome is Outcome.INCONCLUSIVE
    _, at_once = search(lambda _: Silence.UNUSABLE)
    assert at_once is End.SILENT


def test_a_level_with_too_few_requests_is_followed_by_a_higher_one() -> None:
    found, ended = search(lambda level: Silence.TOO_FEW if level < 70 else HOLDS if level <= 150 else BREAKS)
    assert ended is End.FOUND
    assert [each.level for each in found.said[:3]] == [20, 40, 80]


@pytest.mark.parametrize("silence", [Silence.TOO_FEW, Silence.GENERATOR, Silence.STOPPED, Silence.UNUSABLE])
def test_silence_below_the_level_that_broke_ends_the_search(silence: Silence) -> None:
    found, ended = search(lambda level: BREAKS if level >= 32 else silence, Bounds(10, 32, 1000, 0.2))
    assert ended is End.SILENT
    assert [each.level for each in found.said] == [32, 16, 16, 16]


def test_too_few_requests_below_the_level_at_which_the_generator_ends_end_the_search() -> None:
    found, ended = search(lambda level: Silence.GENERATOR if level >= 11 else Silence.TOO_FEW, Bounds(10, 11, 20, 0.01))
    assert ended is End.SILENT
    assert len(found.said) <= 6


def test_a_level_that_seems_to_break_is_not_overtaken_and_the_limit_lies_below_it() -> None:
    found, ended = search(lambda level: HOLDS if level <= 150 else SEEMS_TO_BREAK)
    low, high = limit(found, ended).interval or (0, 0)
    assert ended is End.FOUND
    assert low <= 150 <= high
    assert max(each.level for each in found.said) <= 300
    lowest, _ = search(lambda level: SEEMS_TO_HOLD if level <= 15 else SEEMS_TO_BREAK)
    assert max(each.level for each in lowest.said) == 20


def test_what_is_wanted_is_not_held_while_a_lower_level_seems_to_break() -> None:
    wanted = Bounds(10, 20, 1000, 0.2, wanted=100)
    found = tried((32, SEEMS_TO_HOLD), (64, SEEMS_TO_BREAK), (100, HOLDS))
    assert limit(found, None, wanted).outcome is Outcome.INCONCLUSIVE
    assert limit(tried((100, SEEMS_TO_BREAK), (100, HOLDS)), None, wanted).outcome is Outcome.INCONCLUSIVE
    assert limit(tried((32, SEEMS_TO_HOLD), (100, HOLDS)), None, wanted).outcome is Outcome.PASS


def test_what_is_wanted_is_not_missed_while_a_higher_level_seems_to_hold() -> None:
    wanted = Bounds(10, 20, 1000, 0.2, wanted=100)
    assert limit(tried((40, BREAKS), (80, SEEMS_TO_HOLD)), None, wanted).outcome is Outcome.INCONCLUSIVE
    assert limit(tried((40, BREAKS), (20, SEEMS_TO_HOLD)), None, wanted).outcome is Outcome.FAIL


def test_what_breaks_at_the_base_load_fails() -> None:
    found, ended = search(lambda _: BREAKS)
    assert ended is End.LOWEST
    assert limit(found, ended).outcome is Outcome.FAIL
    assert limit(found, ended).finding().reason.startswith("less than 10 starts/s: it breaks there")
    assert [each.level for each in found.said] == [20, 10, 10]


def test_where_nothing_holds_for_sure_the_search_goes_down_and_ends() -> None:
    found, ended = search(lambda level: BREAKS if level > 15 else SEEMS_TO_HOLD)
    assert ended is End.SILENT
    assert [each.level for each in found.said] == [20, 10, 10]
    assert limit(found, ended).outcome is Outcome.INCONCLUSIVE


def test_what_holds_at_the_highest_level_is_at_least_that() -> None:
    found, ended = search(lambda _: HOLDS)
    assert ended is End.HIGHEST
    assert limit(found, ended).outcome is Outcome.INCONCLUSIVE
    assert limit(found, ended).finding().reason.startswith("at least 1,000 starts/s: nothing broke up to --max-rate")


def test_a_run_that_was_stopped_early_bounds_the_search_from_above() -> None:
    found, ended = search(lambda level: Silence.STOPPED if level > 100 else HOLDS)
    assert ended is End.STOPPED
    assert limit(found, ended).outcome is Outcome.INCONCLUSIVE
    assert max(each.level for each in found.said if each.says is HOLDS) > 80


@pytest.mark.parametrize(
    ("wanted", "outcome"), [(100.0, Outcome.PASS), (250.0, Outcome.FAIL), (151.0, Outcome.INCONCLUSIVE)]
)
def test_what_is_wanted_decides_the_outcome_and_when_the_search_may_end(wanted: float, outcome: Outcome) -> None:
    bounds = Bounds(10, 20, 1000, 0.2, wanted=wanted)
    found, ended = search(lambda level: HOLDS if level <= 150 else BREAKS, bounds)
    whole, _ = search(lambda level: HOLDS if level <= 150 else BREAKS)
    told = limit(found, ended, bounds)
    assert told.outcome is outcome
    assert ended is (End.FOUND if outcome is Outcome.INCONCLUSIVE else End.WANTED)
    assert (len(found.said) < len(whole.said)) is (outcome is not Outcome.INCONCLUSIVE)
    assert f"the {wanted:g} starts/s that are wanted" in told.finding().reason


def test_what_is_wanted_has_to_be_kept_up_for_as_long_as_one_likes() -> None:
    # At half a second of latency after 20 s, 80/s may be no more than 78/s in the long run.
    held = [said(level, HOLDS, 0.5) for level in (20, 40, 80)]
    found = Tried([*held, *[said(level, BREAKS) for level in (160, 113, 98)]])
    herd = Searched("latency_quantile", "latency_quantile", 0.95, "--herd-users", "users", 0)
    lows = [(limit(found, None, searched=each).interval or (0, 0))[0] for each in (LATENCY, herd)]
    wanted = Bounds(10, 20, 1000, 0.2, wanted=sum(lows) / 2)
    assert limit(found, None, wanted, herd).next_level() is End.WANTED
    assert isinstance(limit(found, None, wanted).next_level(), float)


def test_a_queue_that_a_step_of_20_s_has_hidden_is_taken_off_the_lower_end() -> None:
    # 103/s asked for and 100/s answered: at 95 % of 20 s requests wait for 0.57 s.
    waited_s = 0.95 * 20 * 0.03
    held = [said(level, HOLDS, waited_s) for level in (60, 80, 100, *[102] * 4, *[103] * 4)]
    found = Tried([*held, *[said(level, BREAKS) for level in (*[104] * 4, *[105] * 4, 109, 112, 125, 160)]])
    low, high = limit(found, End.FOUND).interval or (0, 0)
    herd = Searched("latency_quantile", "latency_quantile", 0.95, "--herd-users", "users", 0)
    at_once = limit(found, End.FOUND, searched=herd).interval or (0, 0)
    assert at_once[0] > 100
    assert low == pytest.approx(at_once[0] / 1.03)
    assert low < 100 < high == at_once[1]


def test_a_search_that_was_broken_off_keeps_what_it_found() -> None:
    found = tried((20, HOLDS), (40, HOLDS), (80, BREAKS))
    told = Limit(LATENCY, found, BOUNDS, None, "the search was stopped")
    assert told.outcome is Outcome.INCONCLUSIVE
    low, high = told.interval or (0, 0)
    assert 30 < low <= 40 < 80 <= high
    assert told.finding().reason.endswith("with 95 % confidence: the search was stopped")
    nothing = Limit(LATENCY, Tried([]), BOUNDS, None, "the search was stopped")
    assert nothing.interval is None
    assert nothing.outcome is Outcome.INCONCLUSIVE


def test_a_search_that_was_broken_off_before_anything_was_said_tells_what_the_last_step_said() -> None:
    """Of a service that is not there, more time or steps would find no limit."""
    away = said(20, Silence.UNUSABLE, reason="connection refused")
    found = Limit(LATENCY, Tried([away, away]), BOUNDS, None, "all 2 steps are made")
    assert found.finding().reason == (
        "no step said anything for sure: all 2 steps are made; the last step: connection refused"
    )


def test_whether_what_is_wanted_is_kept_is_open_where_the_interval_ends_there() -> None:
    wanted = Bounds(10, 20, 1000, 0.2, wanted=40)
    assert limit(tried((40, BREAKS)), None, wanted).outcome is Outcome.INCONCLUSIVE
    assert limit(tried((39, BREAKS)), None, wanted).outcome is Outcome.FAIL
    herd = Searched("latency_quantile", "latency_quantile", 0.95, "--herd-users", "users", 0)
    assert limit(tried((40, HOLDS)), None, wanted, herd).outcome is Outcome.PASS
    assert limit(tried((39, HOLDS)), None, wanted, herd).outcome is Outcome.INCONCLUSIVE


def test_a_finding_says_what_was_counted_how_sure_it_is_and_which_way_it_went() -> None:
    steps = tried((20, HOLDS), (40, HOLDS), (80, BREAKS), (160, Silence.GENERATOR), (57, SEEMS_TO_HOLD))
    wanted = Bounds(10, 20, 1000, 0.2, wanted=10)
    told = limit(steps, End.WANTED, wanted).finding()
    assert told.evidence == {
        "steps": 5, "holds": 2, "seems to hold": 1, "seems to break": 0, "breaks": 1, "did not count": 1
    }  # fmt: skip
    assert (told.basis, told.confidence, told.limit) == (Basis.ESTIMATE, 0.95, 10)
    assert told.figure == limit(steps, None).figure == pytest.approx(math.sqrt(57 * 80), rel=0.05)
    assert told.outcome is Outcome.PASS
    assert told.reason.endswith("with 95 % confidence, so at least the 10 starts/s that are wanted")
    missed = limit(steps, End.WANTED, Bounds(10, 20, 1000, 0.2, wanted=200)).finding()
    assert missed.reason.endswith("with 95 % confidence, so less than the 200 starts/s that are wanted")
    nameless = Said(10, Silence.UNUSABLE, "", None, "")
    for each, name in (([nameless, said(20, HOLDS)], "p95"), ([nameless], "latency_quantile")):
        assert limit(Tried(each), None).finding().title == f"largest --peak that keeps the limit of: {name}"
    only = limit(tried((20, HOLDS)), None).finding()
    assert (only.basis, only.confidence, only.figure) == (Basis.MEASURED, None, None)


def test_the_queue_that_is_taken_off_is_that_of_the_next_level_that_held() -> None:
    # Of 95 % of 20 s, 0.19 s are a hundredth.
    steps = Tried([said(20, HOLDS, 1.9), said(40, HOLDS, 0.19), said(80, SEEMS_TO_HOLD, 0.57), said(90, BREAKS, 3)])
    assert Limit(LATENCY, Tried(steps.said[:3]), BOUNDS, None, "").interval == (pytest.approx(40 / 1.01), math.inf)
    found = estimate(steps)
    assert found is not None and 40 < found.low <= 80
    assert (limit(steps, None).interval or (0, 0))[0] == pytest.approx(found.low / 1.03)
    unknown = Finding("latency_quantile", "p95", Outcome.PASS, "")
    for nothing in (None, unknown):
        held = Tried([Said(40, HOLDS, "", nothing)])
        assert limit(held, None).interval == (40, math.inf)


@pytest.mark.parametrize(
    ("kind", "quantile", "plateau_s", "is_sustained"),
    [
        ("latency_quantile", 0.95, 20, True),
        ("latency_quantile", 0, 20, False),
        ("latency_quantile", 0.95, 0.5, True),
        ("latency_quantile", 0.95, 0, False),
        ("error_ratio", 0.95, 20, False),
    ],
)
def test_a_queue_can_hide_only_in_a_quantile_of_a_load_that_lasts(
    kind: str, quantile: float, plateau_s: float, is_sustained: bool
) -> None:
    assert Searched("it", kind, quantile, "--peak", "starts/s", plateau_s).is_sustained is is_sustained


def test_however_many_runs_contradict_each_other_the_limit_has_a_posterior() -> None:
    """The likelihood of 200 of them is smaller than the smallest number when it is squared: half are mishaps."""
    found = posterior([(1.0, False), (100.0, True)] * 100)
    assert found.probability.sum() == pytest.approx(1)


def test_only_what_holds_or_breaks_for_sure_is_a_pass_or_a_fail() -> None:
    known = {HOLDS: Outcome.PASS, BREAKS: Outcome.FAIL}
    for says in (*Answer, *Silence):
        assert said(80, says).outcome is known.get(says, Outcome.INCONCLUSIVE)  # type: ignore[call-overload]
    assert Step(80, "step-1").about("latency_quantile").outcome is Outcome.INCONCLUSIVE


def test_before_any_step_the_limit_may_lie_twice_beyond_those_that_held_and_broke() -> None:
    found = posterior([(80, True), (160, False)])
    assert math.exp(found.log_limit[0]) == pytest.approx(40)
    assert math.exp(found.log_limit[-1]) == pytest.approx(320)
    assert found.probability.sum() == pytest.approx(1)
    turned = posterior([(80, False), (160, True)])  # they contradict each other
    assert math.exp(turned.log_limit[0]) == pytest.approx(40)
    assert math.exp(turned.log_limit[-1]) == pytest.approx(320)
    assert found.quantile(0.5) == pytest.approx(math.sqrt(80 * 160), rel=0.01)


def test_the_level_at_which_the_generator_ends_is_known_after_two_steps_above_all_that_was_answered() -> None:
    def ceiling(*each: tuple[float, Answer | Silence]) -> float | None:
        return tried(*each).ceiling

    assert ceiling((0.5, Silence.GENERATOR)) is None
    assert ceiling((0.5, Silence.GENERATOR), (0.5, Silence.GENERATOR)) == 0.5
    assert ceiling((40, Silence.GENERATOR), (50, Silence.GENERATOR), (40, HOLDS)) is None
    assert ceiling((60, Silence.GENERATOR), (50, Silence.GENERATOR), (40, HOLDS)) == 60
    assert ceiling((60, Silence.GENERATOR), (55, Silence.GENERATOR), (50, Silence.GENERATOR)) == 55, "the second lowest"
    assert ceiling((60, Silence.STOPPED), (50, Silence.STOPPED)) == 50, "the lowest"
    assert ceiling((60, Silence.STOPPED), (40, HOLDS)) == 60
    assert ceiling((60, Silence.STOPPED), (50, Silence.GENERATOR), (55, Silence.GENERATOR)) == 55


def test_the_interval_never_ends_between_the_levels_that_held_and_broke() -> None:
    found = estimate(tried((80, HOLDS), (160, BREAKS)))
    assert found is not None and found.low <= 80 and found.high >= 160
    more = estimate(tried((80, HOLDS), (160, BREAKS), (100, HOLDS), (120, BREAKS)))
    assert more is not None and 80 < more.low <= 100 and 120 <= more.high < 160


def test_a_limit_that_is_known_to_be_enough_is_still_found() -> None:
    wanted = Bounds(10, 20, 1000, 0.2, wanted=40)
    herd = Searched("latency_quantile", "latency_quantile", 0.95, "--herd-users", "users", 0)
    enough = limit(tried((20, HOLDS), (40, HOLDS)), None, wanted, herd)
    assert enough.outcome is Outcome.PASS
    assert enough.next_level() == 80


@pytest.mark.parametrize(("at_last", "end"), [(BREAKS, End.LOWEST), (SEEMS_TO_BREAK, End.SILENT)])
def test_the_lowest_level_breaks_only_where_it_broke_for_sure_each_time(at_last: Answer, end: End) -> None:
    found = tried((20, BREAKS), (10, BREAKS), (10, at_last))
    assert limit(found, None).next_level() is end
    assert limit(found, end).outcome is (Outcome.FAIL if end is End.LOWEST else Outcome.INCONCLUSIVE)


def test_a_search_ends_where_the_generator_does_as_near_as_the_limit_has_to_be_known() -> None:
    def following(held: float) -> float | End:
        return limit(tried((held, HOLDS), (120, Silence.GENERATOR), (120, Silence.GENERATOR)), None).next_level()

    assert following(100) is End.GENERATOR
    assert following(99) == 109  # √(99 · 120)


def test_a_search_that_ends_says_what_the_last_step_or_the_first_that_was_spoilt_said() -> None:
    silent = Tried([said(20, HOLDS), said(40, BREAKS), *[said(30, Silence.UNUSABLE, reason="no answer")] * 3])
    assert limit(silent, End.SILENT).finding().reason.endswith(": the last steps said nothing of it: no answer")
    spoilt = [said(80, Silence.GENERATOR, reason="late"), said(60, Silence.GENERATOR, reason="no core")]
    told = limit(Tried([said(40, HOLDS), *spoilt]), End.GENERATOR).finding().reason
    assert "the load generator ended at 60 starts/s (no core): more load processes (--processes)" in told
    crowded = said(60, Silence.GENERATOR, reason="all busy", guard="enough_users")
    told = limit(Tried([said(40, HOLDS), crowded]), End.GENERATOR).finding().reason
    assert "at 60 starts/s (all busy): more users (--pool-users) would tell" in told
    stopped = [said(80, Silence.STOPPED, reason="too many errors"), said(90, Silence.STOPPED, reason="later")]
    told = limit(Tried([said(40, HOLDS), *stopped]), End.STOPPED).finding().reason
    assert told.endswith("the run at 80 starts/s was stopped early: too many errors")
    assert (
        limit(Tried([]), End.SILENT)
        .finding()
        .reason.endswith("more steps would narrow it (--max-steps, --max-duration)")
    )


@pytest.mark.parametrize(("high", "following"), [(120.0, End.FOUND), (120.1, 110.0)])
def test_an_interval_that_is_just_as_narrow_as_it_has_to_be_is_enough(high: float, following: float | End) -> None:
    """A fifth above its lower end."""
    assert _within(Estimate(110.0, 100.0, high), BOUNDS) == following


def test_levels_are_whole_where_the_option_is() -> None:
    bounds = Bounds(1, 16, 1000, 0.2, is_whole=True)
    found, _ = search(lambda level: HOLDS if level <= 37 else BREAKS, bounds)
    assert all(each.level == round(each.level) for each in found.said)


@pytest.mark.parametrize("capacity", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("resolution", [0.01, 0.2])
def test_the_limit_is_found_where_no_whole_number_lies_between(capacity: int, resolution: float) -> None:
    bounds = Bounds(1, 2, 1000, resolution, is_whole=True)
    found, ended = search(lambda level: HOLDS if level <= capacity else BREAKS, bounds, 14)
    told = limit(
        found, ended, bounds, Searched("latency_quantile", "latency_quantile", 0.95, "--herd-users", "users", 0)
    )
    low, high = told.interval or (0, 0)
    assert told.outcome is Outcome.PASS
    assert low <= capacity < high
    assert (round(low), round(high)) == (capacity, capacity + 1)


@pytest.mark.parametrize(("silence", "end"), [(Silence.GENERATOR, End.GENERATOR), (Silence.STOPPED, End.STOPPED)])
def test_no_level_is_tried_again_where_none_lies_below_the_end_of_the_generator(silence: Silence, end: End) -> None:
    found, ended = search(lambda level: HOLDS if level <= 10 else silence, Bounds(1, 11, 11, 0.01, is_whole=True))
    assert ended is end
    assert [each.level for each in found.said].count(10) <= 1


def finding(outcome: Outcome, name: str = "latency_quantile", **more: object) -> Finding:
    values = {"kind": name, "interval": (0.1, 0.2), "limit": 0.5, "basis": Basis.ESTIMATE, **more}
    return Finding(name, name, outcome, f"{name} {outcome.value}", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("findings", "says"),
    [
        ([finding(Outcome.PASS)], HOLDS),
        ([finding(Outcome.FAIL)], BREAKS),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, 0.6), figure=0.45)], SEEMS_TO_HOLD),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, 0.6), figure=0.55)], SEEMS_TO_BREAK),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, 0.6), figure=0.55, kind="hit_ratio")], SEEMS_TO_HOLD),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, math.inf))], Silence.TOO_FEW),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, math.inf), figure=0.45)], Silence.TOO_FEW),
        ([finding(Outcome.INCONCLUSIVE, interval=(-math.inf, 0.6), figure=0.55)], Silence.TOO_FEW),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, 0.6), figure=0.5)], SEEMS_TO_HOLD),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, 0.6), figure=0.45, limit=None)], Silence.TOO_FEW),
        ([finding(Outcome.INCONCLUSIVE, interval=(0.4, 0.6))], Silence.TOO_FEW),
        ([finding(Outcome.INCONCLUSIVE, interval=None, figure=0.45)], Silence.UNUSABLE),
        ([finding(Outcome.INCONCLUSIVE, voided_by="generator_health")], Silence.GENERATOR),
        ([finding(Outcome.INCONCLUSIVE, voided_by="machine_pressure")], Silence.GENERATOR),
        ([finding(Outcome.INCONCLUSIVE, voided_by="enough_users")], Silence.GENERATOR),
        ([finding(Outcome.INCONCLUSIVE, voided_by="spike_delivered")], Silence.GENERATOR),
        ([finding(Outcome.INCONCLUSIVE, voided_by="baseline_healthy")], Silence.UNUSABLE),
        ([finding(Outcome.INCONCLUSIVE), finding(Outcome.FAIL, "target_healthy", is_guard=True)], BREAKS),
        ([finding(Outcome.INCONCLUSIVE, basis=Basis.MEASURED)], Silence.UNUSABLE),
        ([finding(Outcome.INCONCLUSIVE), finding(Outcome.INCONCLUSIVE, "run_complete")], Silence.UNUSABLE),
        ([finding(Outcome.PASS), finding(Outcome.PASS, "shed_ratio")], HOLDS),
        ([finding(Outcome.PASS), finding(Outcome.FAIL, "shed_ratio")], BREAKS),
        ([finding(Outcome.PASS), finding(Outcome.INCONCLUSIVE, "shed_ratio", figure=0.45)], SEEMS_TO_HOLD),
        ([finding(Outcome.PASS), finding(Outcome.INCONCLUSIVE, "shed_ratio", figure=0.55)], SEEMS_TO_BREAK),
        ([finding(Outcome.PASS, basis=Basis.MEASURED), finding(Outcome.FAIL, "shed_ratio")], HOLDS),
        ([finding(Outcome.PASS), finding(Outcome.FAIL, "error_ratio")], HOLDS),  # that is another question
        ([finding(Outcome.FAIL), finding(Outcome.INCONCLUSIVE, "baseline_healthy", figure=1.0)], Silence.UNUSABLE),
        (
            [finding(Outcome.FAIL, name, figure=1.0) for name in ("latency_quantile", "target_healthy")]
            + [finding(Outcome.INCONCLUSIVE, "baseline_healthy", figure=1.0)],
            Silence.UNUSABLE,
        ),
        ([finding(Outcome.FAIL), finding(Outcome.INCONCLUSIVE, "baseline_healthy", figure=0.99)], BREAKS),
        ([], Silence.UNUSABLE),
    ],
)
def test_what_a_step_says(findings: Sequence[Finding], says: Answer | Silence) -> None:
    assert Step(100, "step-1", findings).about("latency_quantile").says is says


def test_a_service_that_answers_nobody_has_no_limit() -> None:
    """It is away at any level: that is not "less than 10/s", and no reason to look lower."""
    away = (finding(Outcome.FAIL), finding(Outcome.INCONCLUSIVE, "baseline_healthy", figure=1.0))
    steps = [Step(level, "step", away).about("latency_quantile") for level in (20, 20, 20)]
    following = limit(Tried(steps), None).next_level()
    assert following is End.SILENT
    found = limit(Tried(steps), following)
    assert (found.ended, found.interval, found.outcome) == (End.SILENT, None, Outcome.INCONCLUSIVE)
    assert "no request was answered well, nor any before the spike" in found.finding().reason


def test_what_was_turned_away_decides_and_is_no_latency() -> None:
    """Its interval is of a ratio; taken as seconds of waiting it would make the limit smaller."""
    latency = finding(Outcome.PASS, figure=0.15, unit="s")
    shed = finding(Outcome.INCONCLUSIVE, "shed_ratio", figure=0.45, interval=(0.4, 0.52), unit="ratio")
    step = Step(100, "step-1", [latency, shed]).about("latency_quantile")
    assert (step.says, step.reason, step.finding) == (SEEMS_TO_HOLD, shed.reason, latency)
    alone = Step(100, "step-1", [latency]).about("latency_quantile")
    assert [_longest_s(each) for each in (alone, step)] == [0.2, 0.2]


def test_a_step_that_was_stopped_early_counts_only_where_it_broke_before() -> None:
    def stopped(outcome: Outcome) -> Answer | Silence:
        return Step(100, "step-1", [finding(outcome)], stopped_early=True).about("latency_quantile").says

    assert stopped(Outcome.INCONCLUSIVE) is Silence.STOPPED
    assert stopped(Outcome.FAIL) is BREAKS


def test_a_spike_from_which_a_service_does_not_come_back_tells_whether_it_ever_would() -> None:
    down = finding(Outcome.FAIL, "recovery_time", basis=Basis.MEASURED)
    metastable = finding(Outcome.FAIL, "metastability", basis=Basis.MEASURED)
    said = Step(100, "step-1", [down, metastable]).about("recovery_time")
    assert said.says is BREAKS
    assert said.reason == "recovery_time FAIL; metastability: FAIL, metastability FAIL"
    assert Step(100, "step-1", [down]).about("recovery_time").reason == "recovery_time FAIL"
    of_readers = replace(down, criterion="readers"), replace(metastable, criterion="metastability of readers")
    both = [down, of_readers[0], metastable, of_readers[1]]
    assert "metastability FAIL" in Step(100, "step-1", both).about("readers").reason
    assert Step(100, "step-1", both[:3]).about("readers").reason == "recovery_time FAIL"
    late = [finding(Outcome.FAIL), metastable]
    assert Step(100, "step-1", late).about("latency_quantile").reason == "latency_quantile FAIL"


def test_levels_below_one_are_searched_as_others_are() -> None:
    """That nothing was answered yet, and that no step had too few requests, is no level of 1."""
    low = Bounds(lowest=0.05, start=0.1, highest=10, resolution=0.2)
    few, ended = search(lambda level: Silence.TOO_FEW if level < 0.3 else HOLDS if level <= 0.9 else BREAKS, low)
    assert ended is End.FOUND and [each.level for each in few.said[:3]] == pytest.approx([0.1, 0.2, 0.4])
    found, _ = search(lambda level: HOLDS if level <= 0.5 else BREAKS, low)
    assert [each.level for each in found.said[:4]] == pytest.approx([0.1, 0.2, 0.4, 0.8])


@pytest.mark.parametrize(("holds_at", "interval"), [(39, (0.0, 40)), (40, None), (41, None)])
def test_a_level_that_seems_to_hold_where_another_run_broke_is_a_contradiction(
    holds_at: float, interval: tuple[float, float] | None
) -> None:
    assert limit(tried((40, BREAKS), (holds_at, SEEMS_TO_HOLD)), None).interval == interval


def test_the_interval_begins_at_the_highest_level_that_held_below_its_middle() -> None:
    """Six runs at each of two levels leave no doubt of either; between them only the flat prior tells one place from
    another. One that held beyond the middle is no lower end.
    """
    found = estimate(tried(*[(80, HOLDS), (160, BREAKS)] * 6))
    assert found is not None and (found.low, found.high) == (80, 160) and 80 < found.middle < 160
    other = estimate(tried(*[(80, HOLDS), (160, BREAKS)] * 6, (155, HOLDS), *[(150, BREAKS)] * 6))
    assert other is not None and other.low == 80 and other.middle < 150


def test_between_whole_levels_that_follow_each_other_there_is_nothing_below_the_end_of_the_generator() -> None:
    whole = Bounds(lowest=1, start=10, highest=100, resolution=0.01, is_whole=True)
    found = limit(tried((10, HOLDS), (11, Silence.GENERATOR), (11, Silence.GENERATOR)), None, whole)
    assert found.next_level() is End.GENERATOR


def test_too_few_requests_at_the_highest_level_end_the_search() -> None:
    assert limit(tried((500, Silence.TOO_FEW)), None).next_level() == 1000
    assert limit(tried((1000, Silence.TOO_FEW)), None).next_level() is End.SILENT
