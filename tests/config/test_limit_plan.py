"""What `find-limit` makes of what it was asked for, and what it refuses."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from harness.commands import adjustable
from harness.commands.adjustable import Adjustable
from harness.commands.limit_plan import LimitPlan, Wanted, made
from harness.errors import ConfigurationError
from harness.load import descriptors
from harness.recording.header import CriterionSpec
from shapes import diurnal, double_spike, herd, step
from shapes._classes import pool_for
from shapes._phased import PhasedShape
from shapes._profile import ARRIVALS

WANTED = Wanted(
    criteria=("latency_quantile",),
    vary="",
    first=None,
    highest=None,
    at_least=None,
    resolution=0.2,
    most_steps=14,
    most_s=1800,
    cool_down_s=120,
    reset="",
    is_short=False,
)
SPECS = (
    CriterionSpec("latency_quantile", {"limit_s": 0.5}),
    CriterionSpec("recovery_time", {"limit_s": 20.0}),
    CriterionSpec("error_ratio"),
    CriterionSpec("generator_health"),
)


class Stepped(step.Step):
    base, peak, baseline_s, hold_s, recovery_s = 10, 100, 45, 60, 60


class Herded(herd.Herd):
    baseline_s, herd_users, recovery_s = 30, 500, 45


class Days(diurnal.Diurnal):
    pass


class Twice(double_spike.DoubleSpike):
    spike_kind = "herd"


def of(kind: type[PhasedShape], **options: object) -> Adjustable:
    shape = parked(kind, **options)
    return Adjustable.read(asdict(adjustable.of(shape, SPECS)))


def parked(kind: type[PhasedShape], **options: object) -> PhasedShape:
    shape: PhasedShape = kind()
    shape.parked = True
    for name, value in options.items():
        setattr(shape, name, value)
    return shape


def plan(kind: type[PhasedShape], arguments: tuple[str, ...] = (), **wanted: object) -> LimitPlan:
    return made(replace(WANTED, **wanted), of(kind), arguments)  # type: ignore[arg-type]


def given(found: LimitPlan, level: float) -> dict[str, str]:
    words = found.arguments(level)
    return dict(zip(words[::2], words[1::2], strict=True))


def test_each_shape_says_which_option_is_its_size() -> None:
    assert of(Stepped).size_option == "peak"
    assert of(Herded).size_option == "herd_users"
    assert of(Twice).size_option == "herd_users"
    assert of(Days).size_option == "burst"


def test_a_step_has_the_level_and_is_shorter_than_the_scenario() -> None:
    found = plan(Stepped)
    assert given(found, 160) == {
        "--peak": "160",
        "--baseline-s": "10",
        "--hold-s": "20",
        "--recovery-s": "10",
        "--pool-users": "320",
    }
    assert (found.bounds.lowest, found.bounds.start, found.bounds.highest) == (10, 20, 1000)
    assert given(plan(Stepped, is_short=True), 160)["--hold-s"] == "10"


def test_as_many_users_wait_as_the_shape_would_have_at_least() -> None:
    assert given(plan(Stepped), 1)["--pool-users"] == str(pool_for(1, ARRIVALS)) == "10"


def test_what_was_given_as_an_option_stays_as_it_was_given() -> None:
    found = made(WANTED, of(Stepped, hold_s=90), ())
    assert "--hold-s" not in given(found, 160)


def test_a_recovery_gets_the_baseline_and_the_time_that_it_needs() -> None:
    found = given(plan(Stepped, criteria=("recovery_time",)), 160)
    assert found["--baseline-s"] == "30"
    assert found["--recovery-s"] == "35"  # limit 20 s, hold 10 s, and 5 s


def test_a_baseline_is_as_long_as_what_compares_with_it_needs() -> None:
    """With less no step would say anything of it."""
    short = of(Stepped)
    short = replace(
        short,
        options=tuple(replace(each, value=10, own=10) if each.name == "baseline_s" else each for each in short.options),
    )
    assert given(made(replace(WANTED, criteria=("recovery_time",)), short, ()), 160)["--baseline-s"] == "30"
    assert "--baseline-s" not in given(made(WANTED, short, ()), 160)
    wide = (CriterionSpec("recovery_time", {"limit_s": 20.0, "window_s": 2}),)
    found = made(replace(WANTED, criteria=("recovery_time",)), adjustable.of(parked(Stepped, baseline_s=45), wide), ())
    assert given(found, 160)["--baseline-s"] == "60"


def test_a_baseline_that_is_given_as_too_short_is_refused_and_another_is_kept() -> None:
    with pytest.raises(ConfigurationError) as refused:
        made(replace(WANTED, criteria=("recovery_time",)), of(Stepped, baseline_s=20), ())
    assert list(refused.value.messages) == [
        "--baseline-s 20: recovery_time compares with 30 s of baseline; give as much, or leave it out"
    ]
    assert "--baseline-s" not in given(made(WANTED, of(Stepped, baseline_s=20), ()), 160)
    enough = made(replace(WANTED, criteria=("recovery_time",)), of(Stepped, baseline_s=30), ())
    assert "--baseline-s" not in given(enough, 160)


def test_more_users_wait_where_the_latency_may_be_long() -> None:
    slow = (CriterionSpec("latency_quantile", {"limit_s": 4.0}),)
    found = made(WANTED, adjustable.of(parked(Stepped), slow), ())
    assert given(found, 100)["--pool-users"] == "600"
    assert "--hold-s" not in given(found, 100)  # 80 s would do, and the scenario has 60
    assert "--pool-users" not in given(made(WANTED, of(Stepped, pool_users=50), ()), 100)


def test_users_wait_for_all_of_a_spike_from_which_a_service_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """160/s for the 20 s of the step, and 10/s for the 20 s that the recovery may take."""
    monkeypatch.setattr(descriptors, "raise_limit", lambda: None)
    assert given(plan(Stepped, criteria=("recovery_time",)), 160)["--pool-users"] == "3400"
    both = ("latency_quantile", "recovery_time")
    assert given(plan(Stepped, criteria=both), 160)["--pool-users"] == "3400"
    assert given(plan(Stepped, criteria=("recovery_time",)), 900)["--pool-users"] == "10000", "each is a connection"
    longer = made(replace(WANTED, criteria=("recovery_time",)), of(Stepped, hold_s=30), ())
    assert given(longer, 100)["--pool-users"] == "3200"


def test_no_more_users_wait_than_this_machine_can_open_connections_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "raise_limit", lambda: 4096)
    wanted = {"criteria": ("recovery_time",)}
    found = plan(Stepped, **wanted)
    assert given(found, 900)["--pool-users"] == str(4096 - descriptors.SPARE)
    assert descriptors.shortage(int(given(found, 900)["--pool-users"])) is None
    assert found.pool is not None and found.pool.lacking(160) == ""
    told = found.pool.lacking(900)
    assert told.startswith("only 3,796 of 10,000 users who may wait are parked: 10,000 connections in 1 load process")
    assert "ulimit -Hn" in told and "--processes 3" in told
    for words in (("--processes", "3"), ("--processes=3",), ("--master",)):
        enough = plan(Stepped, words, **wanted)
        assert given(enough, 900)["--pool-users"] == "10000"
        assert enough.pool is not None and enough.pool.lacking(900) == ""


def test_herds_are_whole_numbers_of_users() -> None:
    found = plan(Herded)
    assert given(found, 160.0)["--herd-users"] == "160"
    assert found.unit == "users"
    assert found.bounds.is_whole
    assert found.searched(found.judged[0], 0.0).is_sustained is False


def test_the_plateau_is_how_long_the_peak_is_held() -> None:
    assert of(Stepped).plateau_s == 60
    assert of(Herded).plateau_s == 0


@pytest.mark.parametrize(
    ("wanted", "arguments", "words"),
    [
        ({"criteria": ("latency",)}, (), ["--criterion latency: the scenario is not judged by it; did you mean"]),
        ({"criteria": ("generator_health",)}, (), ["--criterion generator_health: the scenario is not judged by it"]),
        ({"criteria": ()}, (), ["--criterion: its value is empty; name one of latency_quantile, recovery_time"]),
        (
            {"highest": float("nan"), "cool_down_s": float("inf")},
            (),
            ["--max-rate nan: give a number", "--cool-down inf: give a number"],
        ),
        ({"vary": "--hold"}, (), ["--vary --hold: no number of the shape"]),
        ({}, ("--peak", "5"), ["--peak: the search sets it; leave it out"]),
        ({"highest": 10.0}, (), ["--max-rate 10: give more than the 10"]),
        ({"first": 5.0}, (), ["--from 5: give a level from 10 to 1000"]),
        ({"at_least": 5.0}, (), ["--at-least 5: give a level from 10 to 1000"]),
        ({"at_least": 50.0, "criteria": ("latency_quantile", "error_ratio")}, (), ["--at-least and several criteria"]),
        ({"reset": "no-such-command now"}, (), ["--reset: there is no command no-such-command"]),
        ({"reset": "echo 'open"}, (), ["--reset: cannot be read as a command"]),
        (
            {"criteria": ("latency", "recover"), "first": 5.0},
            ("--peak=5",),
            ["--criterion latency", "--criterion recover", "--peak: the search", "--from 5"],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_all_at_once(
    wanted: dict[str, object], arguments: tuple[str, ...], words: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        plan(Stepped, arguments, **wanted)
    assert len(refused.value.messages) == len(words)
    for message, beginning in zip(refused.value.messages, words, strict=True):
        assert message.startswith(beginning)


def test_a_shape_without_a_size_asks_for_one() -> None:
    with pytest.raises(ConfigurationError) as refused:
        made(WANTED, replace(of(Stepped), size_option=""), ())
    assert "name it with --vary" in str(refused.value)
    assert plan(Stepped, vary="hold_s").option.name == "hold_s"
