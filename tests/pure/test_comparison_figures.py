"""What a comparison of runs says, worked out by hand: of single names, of guards that object, of two runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.analysis.quantile_shift import DRAWS, Draws
from harness.comparison import by_name, groups, plan, runs, words
from harness.comparison.by_name import FEWEST_REQUESTS, MOST_NAMES, Judged
from harness.comparison.metric import Margin, Metric, made, margin_of, metric_of, turned
from harness.comparison.plan import _load
from harness.comparison.runs import _interval, _of_guards, _whole, compared
from harness.errors import ConfigurationError
from harness.findings import Basis, Finding, Outcome, Verdict
from harness.recording.header import CriterionSpec, Phase, PlannedGate
from harness.recording.values import ITERATION, OK
from harness.verdict import judge
from tests import recordings, stored_runs
from tests.recordings import Request

EMPTY = recordings.login_herd(baseline_s=10, recovery_s=30, herd_users=0)
BASELINE, RECOVERY = Phase("baseline", 0, 10), Phase("recovery", 10, 40)
OF_ALL = CriterionSpec("latency_quantile", {"phase": "recovery", "name": "p95"})


def named(counts: dict[str, int], begin_s: float = 10.0) -> list[Request]:
    return [Request(begin_s, "worker-1", name, OK, 0.02) for name, count in counts.items() for _ in range(count)]


def run(requests: Sequence[Request]) -> Judged:
    header = replace(EMPTY.header, phases=(BASELINE, RECOVERY), criteria=(OF_ALL,))
    return replace(EMPTY, header=header, slices=recordings.slices(requests)), Verdict(Outcome.PASS, "", ())


class Asked:
    """In place of the comparison of two groups: what it was asked, and that the first figure is worse."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.number = 0

    def __call__(self, first: Sequence[Judged], second: Sequence[Judged], number: int) -> list[Finding]:
        assert len(first) == len(second)
        self.number = number
        findings = first[0][1].findings
        self.names = [each.criterion for each in findings]
        return [replace(findings[0], outcome=Outcome.FAIL, reason="it is worse")]


def test_of_a_request_that_is_worse_by_itself_nothing_is_passed_and_nothing_fails() -> None:
    asked = Asked()
    one = run(named({"GET /a": 70, "GET /b": 60}))
    (found,) = by_name.compared([one], [one], asked)
    assert (asked.names, asked.number) == (["p95 of GET /a", "p95 of GET /b"], 2)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("it is worse; no criterion is about this request alone")


def test_a_phase_with_too_few_requests_does_not_hide_the_next() -> None:
    asked = Asked()
    one = run([*named({"GET /a": FEWEST_REQUESTS - 1}, 5.0), *named({"GET /a": FEWEST_REQUESTS, "GET /b": 1})])
    by_name.compared([one], [one], asked)
    assert asked.names == ["p95 of GET /a"], "of the other there are too few"


def test_a_request_that_only_one_of_two_groups_makes_is_another_beside_those_of_both() -> None:
    asked, alone = Asked(), Asked()
    first, second = run(named({"GET /a": 60, "GET /b": 60})), run(named({"GET /a": 60}))
    by_name.compared([first], [second], asked)
    assert asked.names == ["p95 of GET /a"]
    by_name.compared([second], [second], alone)
    assert not alone.names, "the criterion is about it already"


def test_iterations_are_no_requests() -> None:
    asked = Asked()
    first, second = run(named({"GET /a": 60, ITERATION: 60})), run(named({"GET /a": 60, ITERATION: 600}))
    assert not by_name.compared([first], [second], asked)
    assert not asked.names, "there is one request"


def test_the_fifty_names_with_the_most_requests_are_looked_at() -> None:
    asked = Asked()
    one = run(named({f"GET /{number}": FEWEST_REQUESTS + number for number in range(MOST_NAMES + 1)}))
    by_name.compared([one], [one], asked)
    assert len(asked.names) == MOST_NAMES == 50
    assert "p95 of GET /0" not in asked.names and "p95 of GET /1" in asked.names


def test_another_mix_is_told_with_the_shares_of_what_changed_most() -> None:
    first, second = run(named({"GET /a": 600, "GET /b": 400})), run(named({"GET /a": 900, "GET /b": 100}))
    (found,) = by_name.compared([first], [second], lambda *_: [])
    assert (found.criterion, found.outcome) == ("mix_in_recovery", Outcome.INCONCLUSIVE)
    assert "GET /a is 60 % of them in the first and 90 % in the second" in found.reason


@pytest.mark.parametrize(("moved", "is_told"), [(70, False), (90, True)])
def test_a_mix_is_another_beyond_a_twentieth_and_what_chance_makes(moved: int, is_told: bool) -> None:
    # Of 1,000 and 1,000 in halves chance makes √(2/π) · 2 · √(½ · ½ · 2/1,000) = 3.6 %; that and 5 % is 8.6 %.
    first, second = (
        run(named({"GET /a": 500, "GET /b": 500})),
        run(named({"GET /a": 500 + moved, "GET /b": 500 - moved})),
    )
    assert bool(by_name.compared([first], [second], lambda *_: [])) is is_told


def test_a_figure_that_is_judged_alone_says_so() -> None:
    def verdicts(value: float) -> list[Verdict]:
        found = [replace(stored_runs.finding(value), criterion=each, title=each) for each in ("one", "other")]
        return [Verdict(Outcome.PASS, "", tuple(found))] * 4

    for each in groups.compared(verdicts(1.0), verdicts(1.5), 0.1, alone=True):
        assert each.outcome is Outcome.FAIL
        assert "p (Mann–Whitney, Holm over 1)" in each.evidence
        assert each.reason.endswith("by Mann–Whitney, by itself)")
    for each in groups.compared(verdicts(1.0), verdicts(1.5), 0.1):
        assert "p (Mann–Whitney, Holm over 2)" in each.evidence
        assert each.reason.endswith("by Mann–Whitney, 2 figures together)")


def test_the_margin_is_wider_by_what_was_measured_and_not_by_what_was_estimated() -> None:
    wide = replace(stored_runs.finding(1.0), interval=(0.0, 10.0))
    assert margin_of([wide], 0.1) == Margin(0.1, 0.0)
    assert margin_of([replace(wide, basis=Basis.MEASURED)], 0.1) == Margin(0.1, 5.0)
    assert margin_of([replace(wide, basis=Basis.MEASURED, interval=None)], 0.1) == Margin(0.1, 0.0)


def guarded(*outcomes: Outcome) -> list[Verdict]:
    found = [Finding("target_healthy", "it", each, f"said {each.value}", is_guard=True) for each in outcomes]
    return [Verdict(each.outcome, "", (each,)) for each in found]


def test_of_a_guard_that_objects_the_worst_counts_in_whichever_run_it_was() -> None:
    well, doubt, gone = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL
    (found,) = _of_guards(guarded(doubt, well, well, well), guarded(gone, gone, gone, gone))
    assert found.outcome is Outcome.FAIL
    assert found.reason == "in 1 of 4 runs in the first and 4 of 4 in the second: said FAIL"
    (open_,) = _of_guards(guarded(doubt, well, well, well), guarded(doubt, well, well, gone))
    assert open_.outcome is Outcome.INCONCLUSIVE
    assert open_.reason.endswith("and 2 of 4 in the second: said FAIL; runs without that would tell")
    assert not _of_guards(guarded(well), guarded(well))


def steady(seed: int, latency_s: float = 0.02, kind: str = "latency_quantile", recovery_s: int = 60) -> Judged:
    made = recordings.login_herd(
        seed=seed, herd_users=0, canary_per_s=20, poisson=True, base_latency_s=latency_s, recovery_s=recovery_s,
        criteria=(CriterionSpec(kind, {"phase": "recovery", "name": "it"}),),
    )  # fmt: skip
    made = replace(made, header=replace(made.header, gates=()))
    return made, judge(made)


def only(first: Judged, second: Judged, ratio: float = 0.1) -> Finding:
    return next(each for each in compared([first], [second], ratio).findings if each.criterion == "it")


def with_basis(judged: Judged, basis: Basis) -> Judged:
    found = tuple(replace(each, basis=basis) if each.criterion == "it" else each for each in judged[1].findings)
    return judged[0], replace(judged[1], findings=found)


def test_of_two_runs_both_have_to_be_estimates() -> None:
    quick, slow = steady(1), steady(2, 0.04)
    worse = only(quick, slow)
    assert worse.outcome is Outcome.FAIL and worse.figure is not None and worse.interval is not None
    assert worse.interval[0] < worse.figure < worse.interval[1], "it is the shift itself, and not what exceeds a margin"
    for first, second in ((with_basis(quick, Basis.MEASURED), slow), (quick, with_basis(slow, Basis.MEASURED))):
        found = only(first, second)
        assert found.outcome is Outcome.INCONCLUSIVE and found.interval is None
        assert found.reason.endswith("one run each is one observation each, 4 against 4 would tell")


def test_of_two_runs_the_margin_in_words_is_that_of_the_first() -> None:
    found = only(steady(2, 0.04), steady(1))
    assert found.outcome is Outcome.PASS
    assert found.reason.endswith("; not worse by more than 10 %, as far as the requests of two runs tell")
    assert found.figure is not None and found.limit is not None and found.limit > 0 > found.figure


def test_of_two_runs_a_figure_that_ought_to_be_high_falls_below_zero() -> None:
    many, few = steady(1, kind="throughput"), steady(2, kind="throughput")
    few = (replace(few[0], slices=tuple(each for each in few[0].slices if each.t % 2)), few[1])
    found = only(many, (few[0], judge(few[0])))
    assert found.figure == pytest.approx(-10, abs=1.5)
    assert found.limit == pytest.approx(-2, abs=0.2)
    assert (found.outcome, found.interval) == (Outcome.INCONCLUSIVE, None), "it is measured once a run"


def without(judged: Judged) -> Judged:
    return judged[0], replace(judged[1], findings=tuple(each for each in judged[1].findings if each.criterion != "it"))


def with_finding(judged: Judged, **changed: object) -> Judged:
    found = (replace(each, **changed) if each.criterion == "it" else each for each in judged[1].findings)  # type: ignore[arg-type]
    return judged[0], replace(judged[1], findings=tuple(found))


def test_of_two_runs_each_has_to_have_the_figure() -> None:
    one, other = steady(1), steady(2)
    void = with_finding(other, voided_by="generator_health", reason="it was late (had been PASS: 0 of 9 (all) failed)")
    for first, second, told in (
        (one, without(other), "the second has no figure to compare"),
        (without(one), other, "the first has no figure to compare"),
        (one, void, "the second has no figure to compare: it was late"),
        (void, void, "neither has a figure to compare: it was late"),
    ):
        found = only(first, second)
        assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, told)
        assert found.figure is None and found.interval is None


def test_of_two_runs_there_is_no_shift_to_where_too_many_failed() -> None:
    one = steady(1)
    failed = with_finding(steady(2), figure=None, interval=(math.inf, math.inf), basis=Basis.MEASURED)
    found = only(one, failed)
    assert (found.outcome, found.figure) == (Outcome.INCONCLUSIVE, None)
    assert "in the first, too many failed in the second; one run each" in found.reason


def test_how_many_more_are_as_bad_is_said_of_the_whole() -> None:
    (worse,) = groups.compared([Verdict(Outcome.PASS, "", (stored_runs.finding(1.0),))], [], 0.1)
    assert worse.outcome is Outcome.INCONCLUSIVE
    outcome, reason = _whole([worse, worse])
    assert outcome is Outcome.INCONCLUSIVE and reason == f"{worse.title}: {worse.reason} (1 more INCONCLUSIVE)."
    assert _whole([worse])[1] == f"{worse.title}: {worse.reason}."
    well = replace(worse, outcome=Outcome.PASS)
    assert _whole([well, well]) == (Outcome.PASS, "Nothing is worse: all 2 figures keep their margin.")


def test_figures_and_margins_in_words() -> None:
    assert words.bounds((60.0, math.inf), "s") == "not seen to end in 60 s"
    assert words.bounds((2.0, 2.0), "s") == "2 s"
    assert words.bounds((math.inf, math.inf), "s") == "too many failed"
    assert words.allowed(0.1, 0.3, 2.0, "s") == "300 ms"
    assert words.allowed(0.1, 0.200001, 2.0, "s") == "200 ms"


def test_a_margin_is_a_share_of_a_thousand_percent_at_most() -> None:
    assert (words.share_of("0"), words.share_of("1000%")) == (0.0, 10.0)
    for text in ("1000.1", "-0.1"):
        with pytest.raises(ConfigurationError, match="from 0 to 1000"):
            words.share_of(text)


def test_of_two_runs_the_interval_is_the_wider_of_what_was_drawn_and_of_their_own() -> None:
    first, second = steady(1), steady(2)
    metric = metric_of(next(each for each in first[1].findings if each.criterion == "it"))
    own = _interval(metric, first, second, Margin(0.0), 0.95, None)
    assert own[0] < 0 < own[1]

    def drawn(low_s: float, high_s: float) -> tuple[float, float]:
        after = np.repeat([low_s, high_s], [DRAWS // 2, DRAWS - DRAWS // 2]) * 1e6
        return _interval(metric, first, second, Margin(0.0), 0.95, Draws(np.zeros(DRAWS), after))

    assert drawn(-5.0, 5.0) == (-5, 5) and drawn(0.0, 0.0) == own
    assert drawn(-5.0, 0.0) == (-5, own[1]) and drawn(0.0, 5.0) == (own[0], 5)


@pytest.mark.parametrize(("kind", "told"), [("latency_quantile", True), ("error_ratio", True), ("throughput", False)])
def test_of_two_runs_whose_seconds_are_alike_for_no_others_one_each_is_not_enough(kind: str, told: bool) -> None:
    """A phase of 9 s is too short to know how seconds of it differ from those of another run."""
    short = [steady(seed, kind=kind, recovery_s=9) for seed in (1, 2)]
    found = only(*short)
    assert (found.outcome, found.interval) == (Outcome.INCONCLUSIVE, None)
    assert ("of these requests only" in found.reason) is told
    assert found.reason.endswith("4 against 4 would tell")


def test_of_two_runs_a_minute_each_tells_as_far_as_two_runs_do() -> None:
    """That a minute may have missed what comes once in some minutes is what differs from run to run, as is said."""
    well = [steady(seed, kind="error_ratio") for seed in (1, 3)]
    assert "120 s would" in well[0][1].findings[0].reason
    assert only(*well).outcome is Outcome.PASS and "as far as the requests of two runs tell" in only(*well).reason
    slices = tuple(
        replace(piece, outcome="http 503") if piece.t > 31 and piece.t % 3 == 0 else piece
        for piece in well[1][0].slices
    )
    failing = replace(well[1][0], slices=slices)
    assert only(well[0], (failing, judge(failing))).outcome is Outcome.FAIL


@pytest.mark.parametrize(("low_s", "is_chance"), [(-0.1, True), (0.0, True), (0.1, False), (None, True)])
def test_a_phase_that_is_slower_may_be_so_by_chance_unless_its_interval_says_no(
    low_s: float | None, is_chance: bool
) -> None:
    interval = None if low_s is None else (low_s, 1.0)

    def compare(*_: object) -> list[Finding]:
        return [replace(stored_runs.finding(1.0), interval=interval)]

    quick, slow = (
        run([Request(t / 10, "worker-1", "GET /a", OK, latency_s) for t in range(100)]) for latency_s in (0.02, 0.5)
    )
    (found,) = by_name._slower(BASELINE, [quick], [slow], compare)
    assert found.outcome is Outcome.INCONCLUSIVE and found.interval == interval
    assert ("it may be chance" in found.reason) is is_chance


def test_of_many_herds_three_are_told_of_a_plan() -> None:
    """The number stands for all of them."""
    gates = tuple(PlannedGate("herd", t, 100) for t in (5.0, 10.0, 15.0, 20.0))
    loads = [_load(replace(EMPTY.header, level=(), level_unit="users", gates=gates[:count])) for count in (3, 4)]
    assert [each.rpartition(" (")[0] for each in loads] == [
        "up to 0 users, 100 users at 5 s, 100 users at 10 s, 100 users at 15 s"
    ] * 2
    assert loads[0] != loads[1]


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        ((OF_ALL,), ["p95 of GET /a", "p95 of GET /b"]),
        ((CriterionSpec("throughput", {"phase": "recovery"}),), []),
        ((CriterionSpec("error_ratio", {"phase": "baseline"}),), []),
        ((CriterionSpec("error_ratio", {"phase": "recovery", "requests": "GET /a"}),), []),
        ((CriterionSpec("throughput", {"phase": "recovery"}), OF_ALL), ["p95 of GET /a", "p95 of GET /b"]),
    ],
)
def test_names_are_looked_at_by_what_is_judged_of_all_requests_of_their_phase(
    specs: tuple[CriterionSpec, ...], names: list[str]
) -> None:
    asked = Asked()
    recording, verdict = run(named({"GET /a": 70, "GET /b": 60}))
    one = replace(recording, header=replace(recording.header, criteria=specs)), verdict
    by_name.compared([one], [one], asked)
    assert asked.names == names


@pytest.mark.parametrize(
    ("specs", "is_looked_at"),
    [((), True), ((OF_ALL,), False), ((CriterionSpec("error_ratio"), OF_ALL), False), ((CriterionSpec("x"),), True)],
)
def test_a_phase_is_slower_only_where_no_criterion_is_about_its_latency(
    specs: tuple[CriterionSpec, ...], is_looked_at: bool
) -> None:
    quick, slow = (
        run([Request(10 + t / 10, "worker-1", "GET /a", OK, latency_s) for t in range(100)])
        for latency_s in (0.02, 0.5)
    )
    quick = replace(quick[0], header=replace(quick[0].header, criteria=specs)), quick[1]
    assert bool(by_name._slower(RECOVERY, [quick], [slow], lambda *_: [])) is is_looked_at


@pytest.mark.parametrize(("of_second", "confidence"), [((True, True), 0.975), ((True, False), 0.95), ((), 0.95)])
def test_chance_is_shared_by_the_estimates_that_both_runs_have(
    monkeypatch: pytest.MonkeyPatch, of_second: tuple[bool, ...], confidence: float
) -> None:
    """Of two that both have, each gets half of it."""
    used: list[float] = []
    made = stored_runs.finding(1.0)

    def verdict(*are_estimates: bool) -> Judged:
        kinds = (Basis.ESTIMATE if is_one else Basis.MEASURED for is_one in are_estimates)
        found = tuple(replace(made, criterion=str(n), basis=kind) for n, kind in enumerate(kinds))
        return EMPTY, Verdict(Outcome.PASS, "", found)

    def of_two(*given: object) -> Finding:
        used.append(float(str(given[-1])))
        return made

    monkeypatch.setattr(runs, "_of_two", of_two)
    runs._two_runs(verdict(True, True), verdict(*of_second), 0.1)
    assert used == [pytest.approx(confidence)] * 2


@pytest.mark.parametrize(
    ("basis", "interval", "given", "confidence"),
    [
        (Basis.ESTIMATE, (1.0, 2.0), None, 0.95),
        (Basis.ESTIMATE, None, None, None),
        (Basis.MEASURED, (1.0, 2.0), None, None),
        (Basis.MEASURED, None, 0.9, 0.9),
    ],
)
def test_an_estimate_with_an_interval_has_its_confidence(
    basis: Basis, interval: tuple[float, float] | None, given: float | None, confidence: float | None
) -> None:
    metric = metric_of(stored_runs.finding(1.0))
    found = made(metric, Outcome.PASS, "", 1.0, interval, basis=basis, confidence=given)
    assert found.confidence == confidence


def test_bounds_are_turned_where_more_is_better() -> None:
    metric = metric_of(stored_runs.finding(1.0))
    assert turned((1.0, 3.0), replace(metric, kind="latency_quantile")) == (1.0, 3.0)
    assert turned((1.0, 3.0), replace(metric, kind="throughput")) == (-3.0, -1.0)


def test_the_interval_of_a_figure_that_ought_to_be_high_is_made_worse_downwards() -> None:
    """10 (9 to 11) before and after: turned it is −10, a tenth worse −9 (−9.9 to −8.1), so it falls by 1 less than may
    be, and the ends are as far apart as both together: √(1 + 0.9²).
    """
    it: dict[str, object] = {"kind": "throughput", "figure": 10.0, "interval": (9.0, 11.0), "confidence": 0.95}
    first, second = (with_finding(steady(seed), **it) for seed in (1, 2))
    metric = metric_of(next(each for each in first[1].findings if each.criterion == "it"))
    apart = math.sqrt(1 + 0.81)
    assert _interval(metric, first, second, Margin(0.1), 0.95, None) == pytest.approx((-1 - apart, -1 + apart))


@pytest.mark.parametrize("wide", [(math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan)])
def test_an_interval_of_which_an_end_is_not_known_is_open(
    wide: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = steady(1), steady(2)
    metric = metric_of(next(each for each in first[1].findings if each.criterion == "it"))
    monkeypatch.setattr(runs.quantile_shift, "from_intervals", lambda *_: wide)
    assert _interval(metric, first, second, Margin(0.1), 0.95, None) == (-math.inf, math.inf)


@pytest.mark.parametrize(("before", "after", "is_told"), [(100, 100, True), (3, 100, False), (100, 3, False)])
def test_a_phase_with_too_few_requests_in_either_run_is_not_slower(before: int, after: int, is_told: bool) -> None:
    quick, slow = (
        run([Request(10 + t / 10, "worker-1", "GET /a", OK, latency_s) for t in range(count)])
        for count, latency_s in ((before, 0.02), (after, 0.5))
    )
    quick = replace(quick[0], header=replace(quick[0].header, criteria=())), quick[1]
    assert bool(by_name._slower(RECOVERY, [quick], [slow], lambda *_: [])) is is_told


@pytest.mark.parametrize(("count", "is_known"), [(FEWEST_REQUESTS - 1, False), (FEWEST_REQUESTS, True)])
def test_a_p95_of_a_phase_needs_59_requests(count: int, is_known: bool) -> None:
    recording, _ = run(named({"GET /a": count}))
    found = by_name._p95_s(recording, RECOVERY)
    assert found == pytest.approx(0.02, rel=0.01) if is_known else math.isnan(found)


@pytest.mark.parametrize(("runs_each", "can_fail"), [(2, False), (3, True), (4, True)])
def test_three_against_three_can_just_fail(runs_each: int, can_fail: bool) -> None:
    """One of 20 ways to tell six runs into two groups is as extreme: 5 %, which is what is accepted."""
    told = tuple((float(n), float(n)) for n in range(2 * runs_each))
    of = groups._Compared(
        Metric("it", "latency_quantile", "p95", "s"), told[:runs_each], told[runs_each:], Margin(0.1), None
    )
    assert of.can_fail is can_fail


@pytest.mark.parametrize(
    ("description", "told"),
    [
        ("kill_process port=8000", "kill_process from 3 to 5 s"),
        ("tcp_proxy to=127.0.0.1:5432 delay_ms=40", "tcp_proxy delay_ms=40 from 3 to 5 s"),
        ("systemd_unit unit=/etc/a.service", "systemd_unit from 3 to 5 s"),
        ("noop", "noop from 3 to 5 s"),
    ],
)
def test_a_fault_of_a_plan_is_told_without_addresses_files_and_ports(description: str, told: str) -> None:
    fault: Any = SimpleNamespace(description=description, start_s=3.0, end_s=5.0)
    assert plan._fault(fault) == told
