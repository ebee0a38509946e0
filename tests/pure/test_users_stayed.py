"""Users of a closed model who are not there any more: what they would have asked, nobody asks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness import criteria, verdict
from harness.criteria.guards import users_stayed
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, ProbeSample, Recording
from harness.recording.header import Phase
from tests.recordings import healthy


def judged(run: Recording) -> Finding:
    return criteria.load(CriterionSpec("users_stayed")).judge(run)


def there(users: Callable[[float], float], base: int = 10, peak: int = 40) -> Recording:
    """A closed model of two load processes: baseline, 15 s of the peak, recovery; of each second who was there."""
    run = healthy()
    phases = (Phase("baseline", 0, 30), Phase("spike", 30, 45), Phase("recovery", 45, 91))
    level = ((0, base), (30, base), (30, peak), (45, peak), (45, base), (91, base))
    header = dataclasses.replace(run.header, phases=phases, level=level, level_unit="users", gates=())
    probes = tuple(
        dataclasses.replace(sample, values={**sample.values, "users": users(sample.t // 1) / 2})
        if sample.probe == "generator"
        else sample
        for sample in run.probes
    )
    return dataclasses.replace(run, header=header, probes=probes, marks=())


def as_planned(t: float) -> float:
    return 40 if 30 <= t < 45 else 10


@pytest.mark.parametrize(
    ("users", "ratios"),
    [
        (as_planned, (1, 1, 1)),
        (lambda t: as_planned(t) if t < 50 else 2, (1, 1, (5 * 10 + 41 * 2) / 460)),  # who was refused has left
        (lambda t: 20 if 30 <= t < 45 else 10, (1, (10 * 10 + 5 * 20) / (10 * 10 + 5 * 40), 1)),
        (lambda _: 40, (1, 1, 1)),  # who is no longer wanted ends its iteration first
        (lambda t: as_planned(t - 9) if t < 45 else 10, (1, 1, 1)),  # Locust takes its time to spawn them
    ],
)
def test_users_who_are_not_there_are_no_load(users: Callable[[float], float], ratios: tuple[float, ...]) -> None:
    run = there(users)
    assert [each.ratio for each in users_stayed.users(run)] == pytest.approx(ratios)
    finding = judged(run)
    assert (finding.outcome is Outcome.PASS) is (min(ratios) == 1)
    if min(ratios) < 1:
        assert finding.figure == pytest.approx(min(ratios)) and "planned users were there in the" in finding.reason


def test_what_fails_although_users_have_left_has_failed() -> None:
    few = there(lambda t: as_planned(t) if t < 31 else 1)
    pieces = tuple(dataclasses.replace(each, outcome="http 503") if each.t >= 30 else each for each in few.slices)
    decided = verdict.judge(dataclasses.replace(few, slices=pieces), [CriterionSpec("error_ratio")])
    (ratio,) = (each for each in decided.findings if each.kind == "error_ratio")
    assert (decided.outcome, ratio.outcome) == (Outcome.FAIL, Outcome.FAIL)


def silent(run: Recording, from_s: float, until_s: float = 1000) -> Recording:
    """One of the two load processes tells nothing in that stretch."""
    kept = tuple(each for each in run.probes if each.source != "worker-2" or not from_s <= each.t < until_s)
    return dataclasses.replace(run, probes=kept)


@pytest.mark.parametrize(
    ("from_s", "until_s", "told"),
    [
        (45, 1000, "is known of 3 of 46 s of the recovery"),
        (40, 1000, "is known of 0 of 46 s of the recovery"),
        (38, 48, "is known of 11 of 15 s of the spike"),
        (60, 67, ""),  # of 46 s so few are unknown
        (60, 69, "is known of 40 of 46 s of the recovery"),
        (88, 1000, ""),
        (-100, 1000, "is known of 0 of 20 s of the baseline"),
    ],
)
def test_of_a_phase_of_which_little_is_known_nobody_knows_that_they_stayed(
    from_s: float, until_s: float, told: str
) -> None:
    """Who left in it may have left unseen."""
    finding = judged(silent(there(as_planned), from_s, until_s))
    assert (finding.outcome is Outcome.PASS) is (not told), finding.reason
    assert told in finding.reason
    assert not told or (finding.figure is None and not criteria.is_about_target(finding)), "it is ours"
    left = judged(silent(there(lambda t: as_planned(t) if t < 12 else 1), 40))
    assert left.figure is not None and criteria.is_about_target(left)


def test_a_process_that_never_tells_its_users_is_not_one_without_any() -> None:
    run = there(as_planned)
    untold = tuple(
        dataclasses.replace(each, values={"cpu_ratio": 0.1})
        if (each.probe, each.source) == ("generator", "worker-2")
        else each
        for each in run.probes
    )
    finding = judged(dataclasses.replace(run, probes=untold))
    assert (finding.outcome, finding.figure) == (Outcome.INCONCLUSIVE, None), finding.reason


def test_of_load_processes_that_do_not_tell_nothing_is_known() -> None:
    run = there(as_planned)
    planned = [(each.phase, each.planned) for each in users_stayed.users(silent(run, 40))]
    assert planned[:2] == [("baseline", 10), ("spike", pytest.approx((10 * 10 + 3 * 40) / 13))]
    untold = tuple(ProbeSample(each.t, each.probe, each.source, {}) for each in run.probes)
    assert not list(users_stayed.users(dataclasses.replace(run, probes=untold)))
    arrivals = dataclasses.replace(run.header, level_unit="starts/s")
    assert not list(users_stayed.users(dataclasses.replace(run, header=arrivals)))
