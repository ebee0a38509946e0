"""What cannot be run is refused, in words, and all at once."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shapes import flash_crowd
from tests.shapes import every

numbers = [
    (name, option)
    for name in every.NAMES
    for option in every.shape_class(name).parameters
    if every.shape_class(name).parameters[option].kind is not str
]


@pytest.mark.parametrize("name", every.NAMES)
def test_defaults_are_fine(name: str) -> None:
    """A concrete subclass without a line of its own can be run."""
    assert every.shape(name).problems() == []


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, 1e12, "many", None, True])
@pytest.mark.parametrize(("name", "option"), numbers)
def test_no_number_option_takes_nonsense(name: str, option: str, value: Any) -> None:
    """Negative, not a number, endless, absurdly many, text: one line that names the flag and the value."""
    problems = every.shape(name, **{option: value}).problems()
    assert len(problems) == 1
    assert problems[0].startswith(f"--{option.replace('_', '-')} {value}: give ")


@pytest.mark.parametrize("name", every.NAMES)
def test_seconds_are_whole(name: str) -> None:
    """Measuring is in slices of one second, and no phase may straddle one."""
    shape = every.shape(name)
    for option in shape.parameters:
        if option.endswith("_s") and not option.endswith("_per_s"):
            (problem,) = every.shape(name, **{option: 1.5}).problems()
            assert "whole" in problem


@pytest.mark.parametrize("name", every.NAMES)
def test_everything_wrong_is_told_at_once(name: str) -> None:
    """All number options negative: as many lines."""
    shape = every.shape(name)
    wrong = {option: -1 for option in shape.parameters if shape.parameters[option].kind is not str}
    assert len(every.shape(name, **wrong).problems()) == len(wrong)


def test_a_conflict_is_told_beside_a_fault_of_another_option() -> None:
    """One attempt shows both; what depends on a faulty value is left out."""
    found = every.shape("flash_crowd", peak=5.0, baseline_s=-3, pacing="fast").problems()
    assert found == [
        "--baseline-s -3: give a whole number from 0 to 604,800",
        "--pacing fast: give one of arrivals, users",
        "--peak 5 is below --base 10",
    ]
    assert every.shape("flash_crowd", base=-1.0, peak=-2.0).problems() == [
        "--base -1.0: give a number from 0 to 1,000,000",
        "--peak -2.0: give a number from 0 to 1,000,000",
    ]


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("flash_crowd", {"ramp_up_s": 0, "plateau_s": 0, "ramp_down_s": 0}, "no time at all"),
        ("flash_crowd", {"pacing": "users", "pool_users": 99}, "--pool-users 99 are fewer than the 100"),
        ("flash_crowd", {"peak": 6e5}, "would park 1,200,000 users"),
        ("flash_crowd", {"base": 0.0, "peak": 0.0}, "the level is 0 all the time"),
        ("flash_crowd", {"baseline_s": 604_800}, "604,890 s in all"),
        ("herd", {"herd_users": 0}, "--herd-users 0: give a whole number from 1"),
        ("herd", {"spike_s": 0}, "--spike-s 0: give a whole number from 1"),
        ("herd", {"canary_users": 0}, "--canary-users 0"),
        ("step", {"hold_s": 0}, "--hold-s 0"),
        ("step", {"peak": 9.0}, "--peak 9 is below --base 10"),
        ("ramp", {"ramp_s": 91}, "--ramp-s 91 is longer than --spike-s 90"),
        ("soak", {"ramp_s": 3601}, "--ramp-s 3601 is longer than --soak-s 3600"),
        ("staircase", {"steps": 0}, "--steps 0"),
        ("sawtooth", {"teeth": 0}, "--teeth 0"),
        ("pulse_train", {"duty_ratio": 1.1}, "--duty-ratio 1.1: give a number from 0 to 1"),
        ("pulse_train", {"duty_ratio": 0.0}, "--duty-ratio 0"),
        ("double_spike", {"gap_s": 0}, "--gap-s 0"),
        ("double_spike", {"spike_kind": "wave"}, "--spike-kind wave: give one of plateau, herd"),
        ("double_spike", {"spike_kind": "herd", "herd_users": 0}, "--herd-users 0"),
        ("double_spike", {"spike_kind": "herd", "pacing": "users"}, "choose --pacing arrivals"),
        ("diurnal", {"amplitude_ratio": 1.5}, "--amplitude-ratio 1.5"),
        ("diurnal", {"bursts": 2, "burst_s": 120}, "do not fit into 240 s"),
        ("diurnal", {"bursts": 2, "burst_s": 0}, "need --burst-s and --burst above 0"),
        ("diurnal", {"days": 200, "bursts": 1000, "burst_s": 1}, "make 23,200 points"),
        ("stress_peak", {"spike_s": 0}, "--spike-s 0"),
        ("trace", {"trace_file": ""}, "--trace-file is missing"),
        ("trace", {"trace_scale": 0.0}, "--trace-scale 0"),
        ("trace", {"trace_speed": 0.0}, "--trace-speed 0"),
        ("trace", {"trace_speed": 100.0}, "takes less than a second"),
        ("trace", {"trace_speed": 1e-6}, "9,500,000 s"),
        ("trace", {"trace_scale": 2e5}, "goes up to 2,000,000"),
    ],
)
def test_what_is_impossible_is_said(name: str, values: dict[str, Any], told: str) -> None:
    """Exactly one line for one mistake."""
    (problem,) = every.shape(name, **values).problems()
    assert told in problem


def test_a_herd_and_its_background_are_counted_together() -> None:
    """Each is fine alone, the pool is not."""
    problems = every.shape("herd", herd_users=1_000_000).problems()
    assert any("a pool of 1,000,050 users: at most 1,000,000" in problem for problem in problems)


def test_a_whole_number_in_a_scenario_leaves_the_option_a_number_with_fractions() -> None:
    """``peak = 200`` in a subclass, and ``--peak 2.5`` on the command line."""

    class Crowd(flash_crowd.FlashCrowd):
        abstract = True
        peak, base = 200, 2
        plateau_s = 7

    assert (type(Crowd.peak), type(Crowd.base), type(Crowd.plateau_s)) == (float, float, int)


def test_a_profile_is_drawn_again_when_an_option_changes() -> None:
    """The one instance serves every run of a session of the web UI."""
    shape: Any = every.shape("step", peak=50.0)
    assert shape.profile().starts.peak == 50
    assert shape.profile() is shape.profile()
    shape.peak = 70.0
    assert shape.profile().starts.peak == 70
