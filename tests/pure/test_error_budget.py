"""The error budget: the workbook's own numbers, windows that fit the run, and an alert that sees the same."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import criteria
from harness.analysis import alerts
from harness.analysis.alert_episodes import in_words
from harness.analysis.error_budget import BurnRates, Objective, Rule, rules
from harness.analysis.histogram import bucket_index
from harness.analysis.intervals import clopper_pearson
from harness.analysis.tallies import Tally
from harness.criteria.requests import error_budget
from harness.criteria.requests.error_budget import ErrorBudget, _Burn
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Recording, Slice
from harness.recording.header import Phase
from harness.recording.values import OK
from tests import recordings

SIX_HOURS_S = 6 * 3600
LOW = {"objective": 0.99}
"""With 10 requests a second a run of a minute and a half says something about it."""


def found(run: Recording, **parameters: float | str) -> Finding:
    return criteria.load(CriterionSpec("error_budget", parameters)).judge(run)


def test_the_rules_are_those_of_the_workbook() -> None:
    """Table 5-8: 2 % in an hour and 5 % in six, each with a short window of a twelfth."""
    assert rules(Objective(0.999), SIX_HOURS_S) == (
        Rule("1 h", 3600, 300, pytest.approx(14.4)),
        Rule("6 h", 21600, 1800, pytest.approx(6)),
    )
    assert rules(Objective(0.999), 10 * SIX_HOURS_S) == rules(Objective(0.999), SIX_HOURS_S)
    assert [rule.burn_rate for rule in rules(Objective(0.999, 7), 90)] == pytest.approx([3.36, 1.4])


def test_windows_shrink_until_the_run_stands_for_six_hours() -> None:
    first, second = rules(Objective(0.999), 91)
    assert (first.long_s, first.short_s, second.long_s, second.short_s) == (15, 1, 91, 8)
    assert first.windows == "15 s and 1 s for 1 h and 5 min"
    assert rules(Objective(0.999), SIX_HOURS_S)[1].windows == "6 h and 30 min"


def test_what_an_outage_costs_of_the_months_budget() -> None:
    """Everything bad for 43.2 minutes is the whole budget of 99.9 % in 30 days."""
    assert Objective(0.999).spent(1.0, 43.2 * 60) == pytest.approx(1)


def test_a_healthy_run_passes_and_one_that_fails_in_spike_and_recovery_does_not() -> None:
    well = found(recordings.healthy(), **LOW)
    assert well.outcome is Outcome.PASS and well.limit in (14.4, 6) and well.figure == 0
    ill = found(recordings.failing(), **LOW)
    assert ill.outcome is Outcome.FAIL and ill.limit is not None
    assert ill.interval is not None and ill.interval[0] > ill.limit
    assert "of the budget of the period" in ill.reason


def test_a_few_failures_that_are_over_page_nobody() -> None:
    """The long window is above and the short one is not: a second of failures ends before there is evidence of more."""
    run = recordings.healthy()
    few = (Slice(60, "node1", "POST /auth/login", "http 503", 2, 0, {}),)
    assert found(recordings.ended(_with(run, few)), **LOW).outcome is not Outcome.FAIL


def test_too_few_requests_prove_nothing_and_the_reason_says_how_many_would() -> None:
    finding = found(recordings.healthy(), objective=0.9999)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "requests needed in each" in finding.reason


def test_a_slow_answer_is_bad_where_a_latency_is_asked_for() -> None:
    run = recordings.slow(3.0)
    assert found(run, **LOW).outcome is Outcome.PASS
    assert found(run, **LOW, latency_s=0.001).outcome is Outcome.FAIL


@pytest.mark.parametrize("objective", [0.5, 0.8])
def test_an_objective_that_no_page_can_ask_for_proves_nothing(objective: float) -> None:
    assert found(recordings.failing(), objective=objective).outcome is Outcome.INCONCLUSIVE


def test_a_run_that_was_cut_off_does_not_pass() -> None:
    assert found(recordings.cut_off(recordings.healthy(), 40), **LOW).outcome is not Outcome.PASS


@pytest.mark.parametrize("burn", [5.0, 7.2])
def test_beside_the_limit_a_verdict_is_seldom_wrong(burn: float) -> None:
    """Bad requests come by chance, 100 a second: at 5 times the budget a FAIL would be wrong, at 7.2 a PASS."""
    wrong = Outcome.FAIL if burn < 6 else Outcome.PASS
    outcomes = [found(_steady(burn * 0.01, seed), **LOW).outcome for seed in range(40)]
    assert sum(outcome is wrong for outcome in outcomes) <= 4


@given(
    pieces=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30), st.booleans()), max_size=60),
    late=st.randoms(use_true_random=False),
)
def test_rates_of_requests_that_come_late_are_those_of_the_windows(
    pieces: list[tuple[int, int, bool]], late: random.Random
) -> None:
    objective = Objective(0.99)
    followed = rules(objective, 40)
    kept = BurnRates(objective, followed)
    waiting = sorted(pieces, key=lambda piece: piece[0] + late.choice((0, 0, 1, 3)))
    given_so_far: list[tuple[int, int, bool]] = []
    for t in range(41):
        while waiting and waiting[0][0] <= t:
            second, count, is_ok = waiting.pop(0)
            given_so_far.append((second, count, is_ok))
            kept.add(_piece(second, count, OK if is_ok else "http 503"))
        kept.close_second(t)
        for rule in followed:
            assert kept.of(rule, 1) == _by_hand(rule, objective, given_so_far, t)


def test_the_alert_is_raised_in_the_report_and_live_where_both_windows_are_above() -> None:
    run = recordings.failing()
    assert not [each for each in alerts.episodes(run) if "budget" in each.alert]
    limits = {**run.header.alerts, "slo_objective": 0.99}
    watched = _with(run, (), limits)
    raised = [each for each in alerts.episodes(watched) if "budget" in each.alert]
    assert [each.alert for each in raised][:1] == ["error budget, 1 h"]
    assert raised[0].worst.figure > 14.4
    assert in_words(raised[0].worst).endswith("limit 14.4 times")
    assert not [each for each in alerts.episodes(_with(recordings.healthy(), (), limits)) if "budget" in each.alert]


def _by_hand(rule: Rule, objective: Objective, pieces: list[tuple[int, int, bool]], t: int) -> float | None:
    rates = []
    for length_s in (rule.long_s, rule.short_s):
        inside = [piece for piece in pieces if t - length_s < piece[0] <= t]
        requests = sum(count for _, count, _ in inside)
        if not requests or t + 1 < rule.short_s:
            return None
        elapsed_s = t + 1 - min(piece[0] for piece in pieces)
        before = max(1.0, length_s / elapsed_s)  # as many a second as since, all of them good
        rates.append(sum(count for _, count, is_ok in inside if not is_ok) / requests / before)
    return min(rates) / objective.budget


def _piece(t: int, count: int, outcome: str = OK) -> Slice:
    return Slice(t, "local", "GET /", outcome, count, 0, {bucket_index(100_000): count})


def _steady(bad_ratio: float, seed: int) -> Recording:
    run, chance = recordings.healthy(), random.Random(seed)
    pieces: list[Slice] = []
    for t in range(run.header.phases[0].start_s, run.header.phases[-1].end_s):
        bad = sum(chance.random() < bad_ratio for _ in range(100))
        pieces += [_piece(t, 100 - bad), *([_piece(t, bad, "http 503")] if bad else [])]
    return recordings.ended(dataclasses.replace(run, slices=tuple(pieces)))


def _with(run: Recording, more: tuple[Slice, ...], limits: dict[str, Any] | None = None) -> Recording:
    header = run.header if limits is None else dataclasses.replace(run.header, alerts=limits)
    return dataclasses.replace(run, header=header, slices=(*run.slices, *more))


def test_as_many_requests_are_needed_as_show_the_burn_rate_with_none_that_is_bad() -> None:
    """Of 99.9 %, 6 times the budget are 0.6 %: (1 − 0.006)ⁿ is below 2.5 % from 613 on, and of 1.44 % from 255 on."""
    reason = found(recordings.healthy(), objective=0.999).reason
    assert re.search(r"; (613 requests needed in each 91|255 requests needed in each 15) s to tell", reason), reason


@pytest.mark.parametrize(
    ("long_s", "short_s", "run_s", "ends"),
    [
        (15, 1, 3, [1, 2, 3]),
        (12, 5, 24, [9, 14, 19, 24]),
        (12, 5, 12, [7, 12]),
        (91, 8, 20, [12, 20]),
        (10, 5, 20, [5, 10, 15, 20]),
        (10, 5, 5, [5]),
    ],
)
def test_short_windows_end_with_the_run_and_lie_in_it(long_s: int, short_s: int, run_s: int, ends: list[int]) -> None:
    assert list(error_budget._ends(Rule("1 h", long_s, short_s, 14.4), run_s)) == ends


def test_of_two_rules_the_one_that_is_nearest_to_its_limit_is_told() -> None:
    """A failure in each second of 100 requests is 1 %, ten times the budget: less than 14.4 and more than 6."""
    run = recordings.healthy()
    one = [_piece(t, count, how) for t in range(91) for count, how in ((990, OK), (10, "http 503"))]
    burning = found(recordings.ended(dataclasses.replace(run, slices=tuple(one))), objective=0.999)
    assert (burning.outcome, burning.limit) == (Outcome.FAIL, 6) and burning.figure == pytest.approx(10)
    told = {key: str(value)[:10] for key, value in burning.evidence.items() if key.startswith("burn rate")}
    assert told == {"burn rate, 1 h, limit 14.4": "10 times (", "burn rate, 6 h, limit 6": "10 times ("}
    few = [_piece(t, count, how) for t in range(91) for count, how in ((997, OK), (3, "http 503"))]
    within = found(recordings.ended(dataclasses.replace(run, slices=tuple(few))), objective=0.999)
    assert (within.outcome, within.limit) == (Outcome.PASS, 6) and within.figure == pytest.approx(3)


def test_requests_that_nobody_knows_about_may_all_have_been_bad() -> None:
    seconds = [Tally(100, 95, {"http 503": 2}, 0, {}, {9: 3}), Tally(100, 100, {}, 0, {})]
    for times in (1.0, 2.5):
        low, high = error_budget._interval(seconds, times, 0.95)
        assert (low, high) == (clopper_pearson(2, 200 * times, 0.95)[0], clopper_pearson(5, 200 * times, 0.95)[1])
    assert error_budget._bad_ratio(seconds, 1.0) == 2 / 200 and error_budget._bad_ratio([], 1.0) == 0
    assert error_budget._bad_ratio(seconds, 4.0) == 2 / 800


OUTAGES = [
    (600, 40, 60, 1.0, 0.99, 14.4, 64),  # of a long window of 100 s 20 % are bad
    (91, 5, 10, 1.0, 0.99, 14.4, 10),  # of 15 s a third
    (91, 20, 80, 0.13, 0.99, 6, 83),  # 13 % is below 14.4 times, and 60 of 91 s of it are above 6
]


@pytest.mark.parametrize(("run_s", "from_s", "until_s", "bad_ratio", "objective", "limit", "at_s"), OUTAGES)
def test_a_page_is_due_before_the_first_long_window_is_over(
    run_s: int, from_s: int, until_s: int, bad_ratio: float, objective: float, limit: float, at_s: int
) -> None:
    """Nobody is spared a page because the alert has watched for less than six hours, or one: before it all was well."""
    bad = round(1000 * bad_ratio)
    pieces = []
    for t in range(run_s):
        failed = bad if from_s <= t < until_s else 0
        pieces += [_piece(t, count, how) for count, how in ((1000 - failed, OK), (failed, "http 503")) if count]
    well = recordings.healthy()
    planned = (Phase("baseline", 0, 30), Phase("spike", 30, 31), Phase("recovery", 31, run_s))
    run = dataclasses.replace(well, header=dataclasses.replace(well.header, phases=planned), slices=tuple(pieces))
    burning = found(recordings.ended(run), objective=objective)
    assert (burning.outcome, burning.limit) == (Outcome.FAIL, limit)
    assert f" at {at_s} s, over " in burning.reason
    limits = {**run.header.alerts, "slo_objective": objective}
    watched = _with(run, (), limits)
    assert [each for each in alerts.episodes(watched) if "budget" in each.alert and each.start_s < until_s]


def test_one_bad_request_of_the_first_second_pages_nobody() -> None:
    """Alone it is a tenth of all requests so far; before the run there were others."""
    few = [_piece(0, 9), _piece(0, 1, "http 503"), *(_piece(t, 10) for t in range(1, 91))]
    run = dataclasses.replace(recordings.healthy(), slices=tuple(few))
    assert found(recordings.ended(run), **LOW).outcome is Outcome.PASS


@pytest.mark.parametrize("first_s", [0, 1, 2, 9, 20])
def test_before_the_first_request_nothing_was_bad(first_s: int) -> None:
    """Users that log in first, or wait, leave the first short windows empty, which are then as long as the long one."""
    late = tuple(piece for piece in recordings.healthy().slices if piece.t >= first_s)
    run = dataclasses.replace(recordings.healthy(), slices=late)
    assert found(run, **LOW).outcome is Outcome.PASS, found(run, **LOW).reason
    bad = dataclasses.replace(
        recordings.failing(), slices=tuple(p for p in recordings.failing().slices if p.t >= first_s)
    )
    assert found(bad, **LOW).outcome is Outcome.FAIL


def test_the_highest_burn_rate_is_that_of_the_lower_window_and_each_end_has_its_own_confidence() -> None:
    """Of 100 requests a second 0, 0, 10, 10, 20 and 0 are bad. Four seconds and the last two of them have none bad at
    2 s, 5 and 10 % at 4 s, and 10 % both at 6 s: 10 times the budget, at least for one of so many instants, at most for
    each by itself.
    """
    seconds = [Tally(100, 100 - bad, {"http 503": bad}, 0, {}) for bad in (0, 0, 10, 10, 20, 0)]
    burn = error_budget.ErrorBudget()._highest(Rule("1 h", 4, 2, 6.0), seconds, Objective(0.99), 2)
    assert (burn.rate, burn.at_s) == (pytest.approx(10), 6)
    assert burn.low == pytest.approx(100 * clopper_pearson(20, 200, 0.975)[0])
    assert burn.high == pytest.approx(100 * clopper_pearson(40, 400, 0.95)[1])
    even = [Tally(100, 90, {"http 503": 10}, 0, {})] * 6
    of_several = error_budget.ErrorBudget()._highest(Rule("1 h", 4, 2, 6.0), even, Objective(0.99), 2)
    assert (of_several.rate, of_several.at_s) == (pytest.approx(10), 4), "the first of several that are as high"
    early = error_budget.ErrorBudget()._highest(Rule("1 h", 4, 2, 6.0), even[:2], Objective(0.99), 1)
    assert (early.rate, early.at_s) == (pytest.approx(5), 2), "before the run all was well"


def test_a_budget_is_that_of_all_the_run_and_says_what_of_it_is_spent() -> None:
    """1 % is ten times a budget of 0.1 %: in 91 of 2,592,000 s that is 0.035 % of what 30 days have."""
    run = recordings.healthy()
    one = [_piece(t, count, how) for t in range(91) for count, how in ((990, OK), (10, "http 503"))]
    burning = found(recordings.ended(dataclasses.replace(run, slices=tuple(one))), objective=0.999)
    assert burning.title == "error budget of 99.9 % in 30 days"
    spent = burning.evidence["of the budget of 30 days the run spent (ratio)"]
    assert spent == pytest.approx(10 * 91 / 2_592_000)
    budget = error_budget.ErrorBudget()
    assert budget._stretches(run) == (Phase("baseline", 0, 30), Phase("rest of the run", 0, 91))
    assert [(seen.is_at(0), seen.is_at(9999)) for seen in budget.failures_seen(run)] == [(True, True)]


def test_what_would_settle_it_is_a_rate() -> None:
    """4 bad of 45 in 15 s are up to 21 %, beyond 14.4: as many as show it of so bad a window, half as many again."""
    burn = _Burn(Rule("1 h", 15, 1, 14.4), 8.9, 0.1, 21.0, 20, 4 / 45, 45.0)
    rate = int(ErrorBudget(objective=0.99)._settled_by(burn, 0.144, 3.0).split()[0])
    needed = rate * 15 / 1.5
    assert clopper_pearson(needed * 4 / 45, needed)[1] < 0.144 < clopper_pearson(0.8 * needed * 4 / 45, 0.8 * needed)[1]
    near = ErrorBudget(objective=0.99)._settled_by(dataclasses.replace(burn, open_rate=0.12), 0.144, 3.0)
    assert near == "so near to its limit another run, or --repeat, would tell more than more requests in one"
