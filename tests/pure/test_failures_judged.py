"""The guard of failures that no criterion looks at."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness.criteria import load
from harness.criteria._seen import Seen
from harness.criteria.guards.failures_judged import _fault_times, _looked_at, _unseen
from harness.findings import Finding, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, PlannedClass
from harness.recording.marks import INJECTED, UNDONE, FaultMark
from harness.recording.values import OK, SHED, Scalar
from harness.verdict import judge
from tests import recordings
from tests.breakers import WITNESSES, simulate

GUARD = "failures_judged"
"""The recordings have 30 s of baseline, a spike of 1 s and 60 s of recovery, of 10 requests a second beside a herd."""


def criterion(name: str, **parameters: Scalar) -> CriterionSpec:
    return CriterionSpec(name, parameters)


def guarded(run: Recording, *criteria: CriterionSpec) -> Finding:
    specs = (*criteria, CriterionSpec(GUARD))
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=specs))
    (found,) = (each for each in judge(run).findings if each.kind == GUARD)
    return found


FAILS_AFTERWARDS = recordings.login_herd(recovery_error_ratio=0.4, errors_for_s=40)


@pytest.mark.parametrize(
    ("criteria", "outcome"),
    [
        pytest.param([criterion("error_ratio")], Outcome.INCONCLUSIVE, id="of the spike alone"),
        pytest.param(
            [criterion("latency_quantile"), criterion("throughput")], Outcome.INCONCLUSIVE, id="of two others"
        ),
        pytest.param([criterion("error_ratio", phase="recovery")], Outcome.PASS, id="of the recovery"),
        pytest.param(
            [criterion("error_ratio", phase="recovery", limit=1.0)], Outcome.INCONCLUSIVE, id="whatever becomes of it"
        ),
        pytest.param([criterion("error_ratio", phase="recovery", limit=0.99)], Outcome.PASS, id="nearly whatever"),
        pytest.param([criterion("scaling_errors")], Outcome.PASS, id="while it scales"),
        pytest.param([criterion("scaling_errors", limit=1.0)], Outcome.INCONCLUSIVE, id="whatever it scales"),
        pytest.param([criterion("latency_quantile", phase="recovery")], Outcome.PASS, id="which p95 shows"),
        pytest.param(
            [criterion("latency_quantile", phase="recovery", quantile=0.5)], Outcome.INCONCLUSIVE, id="not a median"
        ),
        pytest.param(
            [criterion("error_ratio", phase="recovery", requests="GET /other")],
            Outcome.INCONCLUSIVE,
            id="others' alone",
        ),
        pytest.param([criterion("recovery_time")], Outcome.PASS, id="the time of recovery"),
        pytest.param([criterion("error_budget")], Outcome.PASS, id="a budget"),
        pytest.param([criterion("throughput", phase="recovery")], Outcome.INCONCLUSIVE, id="answers that are enough"),
        pytest.param([criterion("no_such_criterion")], Outcome.INCONCLUSIVE, id="what cannot be loaded"),
    ],
)
def test_what_failed_has_to_be_in_somebodys_figure(criteria: list[CriterionSpec], outcome: Outcome) -> None:
    found = guarded(FAILS_AFTERWARDS, *criteria)
    assert found.outcome is outcome, found.reason
    assert ("in the recovery failed, all of them with http 503" in found.reason) is (outcome is Outcome.INCONCLUSIVE)
    assert not found.voids


def test_a_run_of_which_nobody_looks_at_the_recovery_does_not_pass() -> None:
    specs = (criterion("error_ratio"), criterion("latency_quantile"))
    for guards, outcome in (((), Outcome.PASS), ((CriterionSpec(GUARD),), Outcome.INCONCLUSIVE)):
        header = dataclasses.replace(FAILS_AFTERWARDS.header, criteria=(*specs, *guards))
        assert judge(dataclasses.replace(FAILS_AFTERWARDS, header=header)).outcome is outcome


def run(ok: int, failed: int) -> Recording:
    """So many requests of one name in the recovery, and a criterion of the spike alone."""
    added = [Slice(40, "worker-1", "POST /shop", outcome, n, 0, {}) for outcome, n in ((OK, ok), ("http 500", failed))]
    healthy = recordings.login_herd()
    header = dataclasses.replace(healthy.header, criteria=(criterion("error_ratio"),))
    return dataclasses.replace(healthy, header=header, slices=tuple(added))


@pytest.mark.parametrize(
    ("from_s", "undone_s", "outcome"),
    [
        pytest.param(31, 71, Outcome.PASS, id="all the time that they failed"),
        pytest.param(31, math.inf, Outcome.PASS, id="to the end"),
        pytest.param(31, 50, Outcome.INCONCLUSIVE, id="of which the service did not come back"),
        pytest.param(75, 85, Outcome.INCONCLUSIVE, id="that came later"),
    ],
)
def test_while_a_fault_is_there_failures_are_meant(from_s: float, undone_s: float, outcome: Outcome) -> None:
    marks = [FaultMark(from_s, "noop", INJECTED)]
    marks += [FaultMark(undone_s, "noop", UNDONE)] if undone_s < math.inf else []
    run = dataclasses.replace(FAILS_AFTERWARDS, marks=(*FAILS_AFTERWARDS.marks, *marks))
    assert guarded(run, criterion("error_ratio")).outcome is outcome


def of_two_classes(failing: str, failed: int) -> Recording:
    """In each second of the recovery ten requests of each class by one name, of which so many fail of one class."""
    run = recordings.login_herd()
    classes = (PlannedClass("Buyer", 10), PlannedClass("Login", 10))
    added = [
        Slice(t, "worker-1", "POST /shop", outcome, count, 0, {}, user_class=each.user_class)
        for t in range(31, 91)
        for each in classes
        for bad in (failed if each.user_class == failing else 0,)
        for outcome, count in ((OK, 10 - bad), ("http 500", bad))
        if count
    ]
    header = dataclasses.replace(run.header, classes=classes)
    return dataclasses.replace(run, header=header, slices=tuple(added))


@pytest.mark.parametrize(
    ("failing", "failed", "outcome"),
    [("Login", 3, Outcome.INCONCLUSIVE), ("Buyer", 3, Outcome.PASS), ("Login", 0, Outcome.PASS)],
)
def test_a_criterion_of_one_class_says_nothing_of_another(failing: str, failed: int, outcome: Outcome) -> None:
    found = guarded(of_two_classes(failing, failed), criterion("error_ratio", phase="recovery", requests="@Buyer"))
    assert found.outcome is outcome, found.reason
    if outcome is Outcome.INCONCLUSIVE:
        assert found.reason.startswith("180 of 600 requests @Login POST /shop in the recovery failed, all")


@pytest.mark.parametrize(("failed", "outcome"), [(1, Outcome.INCONCLUSIVE), (0, Outcome.PASS)])
def test_more_than_the_limit_have_to_have_failed_for_certain(failed: int, outcome: Outcome) -> None:
    """60 of 600 are more than 5 %, whatever chance did; of ten, one may be one of twenty as well."""
    assert guarded(of_two_classes("Login", failed), criterion("error_ratio")).outcome is outcome
    few = of_two_classes("Login", failed)
    few = dataclasses.replace(few, slices=tuple(piece for piece in few.slices if piece.t == 40))
    assert guarded(few, criterion("error_ratio")).outcome is Outcome.PASS


def test_attempts_to_come_back_are_only_kept_where_they_failed() -> None:
    healthy = recordings.login_herd()
    attempts = Slice(40, "worker-1", "attempt /feed reconnect", "connection refused", 200, 0, {})
    back = Slice(40, "worker-1", "WS /feed reconnect", OK, 100, 0, {})
    of_others = dataclasses.replace(attempts, name="WS /feed connect")
    of_users = dataclasses.replace(attempts, name="attempt /pay")
    for piece, outcome in (
        (attempts, Outcome.PASS),
        (of_others, Outcome.INCONCLUSIVE),
        (of_users, Outcome.INCONCLUSIVE),
    ):
        found = guarded(dataclasses.replace(healthy, slices=(piece, back)), criterion("error_ratio"))
        assert found.outcome is outcome, found.reason


@pytest.mark.parametrize(
    ("criteria", "outcome"),
    [
        ([criterion("shed_ratio"), criterion("error_ratio", phase="recovery")], Outcome.INCONCLUSIVE),
        ([criterion("shed_ratio", phase="recovery")], Outcome.PASS),
        ([criterion("shed_ratio", phase="recovery", limit=0.99)], Outcome.PASS),
        ([criterion("shed_ratio", phase="recovery", limit=1.0)], Outcome.INCONCLUSIVE),  # whoever is turned away
        ([criterion("shed_ratio", phase="recovery", limit=1.0), criterion("wrong_refusals")], Outcome.PASS),
        ([criterion("error_ratio", phase="recovery")], Outcome.PASS),  # to which what was shed has failed
        ([criterion("shed_ratio"), criterion("recovery_time")], Outcome.PASS),
        ([criterion("shed_ratio"), criterion("wrong_refusals")], Outcome.PASS),
    ],
)
def test_whoever_is_turned_away_has_to_be_in_somebodys_figure(criteria: list[CriterionSpec], outcome: Outcome) -> None:
    """What is shed in one phase is no failure there; whoever is turned away in another is in the share of neither."""
    healthy = recordings.login_herd()
    shed = dataclasses.replace(healthy, slices=(*healthy.slices, Slice(60, "worker-1", "POST /shop", SHED, 100, 0, {})))
    found = guarded(shed, *criteria)
    assert found.outcome is outcome, found.reason
    assert ("A shed_ratio of that phase" in found.reason) is (outcome is Outcome.INCONCLUSIVE)


def test_what_was_shed_and_is_judged_makes_no_other_failures_a_larger_share() -> None:
    healthy = recordings.login_herd()
    added = [
        Slice(60, "worker-1", "POST /shop", outcome, n, 0, {}) for outcome, n in ((OK, 900), (SHED, 3), ("http 500", 3))
    ]
    run = dataclasses.replace(healthy, slices=(*healthy.slices, *added))
    assert guarded(run, criterion("shed_ratio"), criterion("error_ratio", phase="recovery")).outcome is Outcome.PASS


def with_failures_of(phase_s: tuple[int, int]) -> Recording:
    """Half of the requests of one name fail in these seconds, and nothing else does."""
    healthy = recordings.login_herd()
    added = [
        Slice(t, "worker-1", "POST /shop", outcome, 10, 0, {}) for t in range(*phase_s) for outcome in (OK, "http 500")
    ]
    return dataclasses.replace(healthy, slices=(*healthy.slices, *added))


def test_the_time_of_recovery_does_not_show_what_failed_in_the_spike() -> None:
    run = with_failures_of((30, 31))
    assert [phase.name for phase in run.header.phases if phase.start_s == 30] == ["spike"]
    assert guarded(run, criterion("recovery_time")).outcome is Outcome.INCONCLUSIVE
    assert guarded(run, criterion("recovery_time"), criterion("error_ratio")).outcome is Outcome.PASS
    assert guarded(with_failures_of((31, 33)), criterion("recovery_time")).outcome is Outcome.PASS


def test_recovery_from_faults_does_not_show_what_failed_before_them() -> None:
    marks = (FaultMark(60, "noop", INJECTED), FaultMark(62, "noop", UNDONE))
    for phase_s, outcome in (((31, 50), Outcome.INCONCLUSIVE), ((65, 70), Outcome.PASS)):
        run = with_failures_of(phase_s)
        run = dataclasses.replace(run, marks=(*run.marks, *marks))
        assert guarded(run, criterion("recovers_from_each_fault")).outcome is outcome


@pytest.mark.parametrize("name", ["outage", "out_of_rotation"])
@pytest.mark.parametrize(("limit_s", "outcome"), [(10, Outcome.PASS), (3, Outcome.INCONCLUSIVE)])
def test_for_as_long_after_a_fault_as_a_criterion_accepts_failures_are_meant(
    name: str, limit_s: float, outcome: Outcome
) -> None:
    """A primary that is back after two seconds has been replaced by then, or after the eight that this takes."""
    run = with_failures_of((40, 48))
    marks = (FaultMark(40, "noop", INJECTED), FaultMark(42, "noop", UNDONE))
    run = dataclasses.replace(run, marks=(*run.marks, *marks))
    assert guarded(run, criterion(name, limit_s=limit_s)).outcome is outcome
    assert guarded(run, criterion(name, limit_s=limit_s, fault="another")).outcome is Outcome.INCONCLUSIVE


def test_of_many_names_some_have_two_failures_of_two_requests_by_chance() -> None:
    """Two of two are more than 5 % for certain, of one name; of five hundred, one is so by chance."""
    healthy = recordings.login_herd()

    def run(names: int, failed: int) -> Recording:
        """``failed`` of as many requests of the first name, two good ones of each of the others."""
        first = Slice(60, "worker-1", "GET /0", "http 500", failed, 0, {})
        others = (Slice(60, "worker-1", f"GET /{number}", OK, 2, 0, {}) for number in range(1, names))
        return dataclasses.replace(healthy, slices=(first, *others))

    assert guarded(run(1, 2), criterion("error_ratio")).outcome is Outcome.INCONCLUSIVE
    assert guarded(run(500, 2), criterion("error_ratio")).outcome is Outcome.PASS
    assert guarded(run(500, 4), criterion("error_ratio")).outcome is Outcome.INCONCLUSIVE


def test_a_breaker_may_stay_open_for_as_long_as_it_is_accepted() -> None:
    """Requests still fail fast when the dependency is well again, in a phase that nothing else is about."""
    recording = simulate(failing_s=(30.005, 40.007), rest_s=3.0).recording
    late, early = (
        guarded(recording, criterion("breaker_closes", **WITNESSES, limit_s=limit_s)) for limit_s in (30.0, 0.01)
    )
    assert (late.outcome, early.outcome) == (Outcome.PASS, Outcome.INCONCLUSIVE), early.reason


@pytest.mark.parametrize(("undone_s", "until_s"), [(50, 51), (None, math.inf)])
def test_a_second_after_a_fault_failures_are_meant_whatever_a_criterion_accepts(
    undone_s: float | None, until_s: float
) -> None:
    marks = [FaultMark(31, "noop", INJECTED), *([] if undone_s is None else [FaultMark(undone_s, "noop", UNDONE)])]
    run = dataclasses.replace(FAILS_AFTERWARDS, marks=(*FAILS_AFTERWARDS.marks, *marks))
    assert [(each.start_s, each.end_s) for each in _fault_times(run)] == [(31, until_s)]


@pytest.mark.parametrize(("t", "is_at"), [(8, False), (9, True), (10, True), (19, True), (20, True), (21, False)])
def test_a_second_of_which_a_part_is_looked_at_shows(t: int, is_at: bool) -> None:
    """From 9.5 s to 20.5 s; and one that ends where it begins has no part of it."""
    assert Seen(9.5, 20.5).is_at(t) is is_at
    assert not Seen(9.0, 20.0).is_at(20) and not Seen(9.0, 20.0).is_at(8) and Seen(9.0, 20.0).is_at(19)


@pytest.mark.parametrize(
    ("only", "but", "shown"),
    [((), (), {"http 500", SHED}), ((SHED,), (), {SHED}), ((), (SHED,), {"http 500"}), ((SHED,), (SHED,), {SHED})],
)
def test_outcomes_that_are_looked_at_show(only: tuple[str, ...], but: tuple[str, ...], shown: set[str]) -> None:
    seen = Seen(0, 1, "", frozenset(only), frozenset(but))
    assert {outcome for outcome in ("http 500", SHED) if seen.shows(outcome)} == shown
    assert seen.is_all is not bool(only or but)


WHOLE = ("connections_kept", "error_budget", "message_delivery", "reconnect_time", "wrong_refusals")


@pytest.mark.parametrize(
    ("name", "from_s", "until_s"),
    [
        *((name, 0, math.inf) for name in WHOLE),
        *((name, 30, 31) for name in ("error_ratio", "latency_quantile", "shed_ratio")),
        ("recovery_time", 31, 91),
        ("scaling_errors", 30, math.inf),
    ],
)
def test_where_failures_show_by_default(name: str, from_s: float, until_s: float) -> None:
    seen = load(criterion(name)).failures_seen(recordings.healthy())
    assert {(each.start_s, each.end_s) for each in seen} == {(from_s, until_s)}


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [
        (("http 500",), "An error_ratio of that phase"),
        ((SHED,), "A shed_ratio of that phase"),
        (("http 500", SHED), "An error_ratio and a shed_ratio of that phase"),
    ],
    ids=str,
)
def test_what_would_judge_them_is_named(outcomes: tuple[str, ...], wanted: str) -> None:
    failed = (Slice(60, "worker-1", "GET /x", outcome, 50, 0, {}) for outcome in outcomes)
    found = guarded(dataclasses.replace(recordings.healthy(), slices=tuple(failed)))
    assert (
        found.outcome is Outcome.INCONCLUSIVE and f". {wanted}, and of these requests, would judge it" in found.reason
    )


def test_seconds_in_which_every_failure_shows_are_left_out_and_those_after_them_count() -> None:
    run = recordings.healthy()
    pieces = [Slice(t, "w", "GET /x", outcome, 5, 0, {}) for t in (29, 30, 31) for outcome in (OK, "http 500")]
    found = _unseen(run, "GET /x", run.header.phases[0], pieces, [Seen(30, 31)])
    assert (found.requests, found.causes) == (20, {"http 500": 10})
    some = _unseen(run, "GET /x", run.header.phases[0], pieces, [Seen(30, 31, only=frozenset({"http 500"}))])
    assert (some.requests, some.causes) == (30, {"http 500": 10})


def test_a_criterion_that_cannot_be_loaded_hides_none_after_it() -> None:
    specs = (criterion("of another version"), criterion("error_ratio"), criterion("recovery_time"))
    run = recordings.healthy()
    run = dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=specs))
    assert [(each.start_s, each.end_s) for each in _looked_at(run)] == [(30, 31), (31, 91)]
