"""What holds for every shape, whatever its parameters."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.schedule import due_times
from harness.recording.header import STARTS_PER_S
from harness.run.level_chart import ASCII, BLOCKS, chart
from harness.run.plan_text import lines as plan_lines
from harness.run.plan_text import summary
from shapes._profile import ARRIVALS, USERS, Polyline
from tests.shapes import every

each_shape = pytest.mark.parametrize("name", every.NAMES)
few = settings(max_examples=25, deadline=None)


@each_shape
@few
@given(data=st.data())
def test_the_level_is_a_number_of_0_or_more_at_every_instant(name: str, data: st.DataObject) -> None:
    """Inside the run; outside of it the level is 0."""
    shape = data.draw(every.valid(name))
    duration_s = shape.profile().duration_s
    for t in data.draw(st.lists(st.floats(0, duration_s, exclude_max=True), min_size=20, max_size=20)):
        assert math.isfinite(shape.level(t)) and shape.level(t) >= 0
    assert shape.level(-0.001) == shape.level(duration_s) == 0


@each_shape
@few
@given(data=st.data())
def test_phases_cover_the_run_without_gaps_in_whole_seconds(name: str, data: st.DataObject) -> None:
    """Each with a name of its own, and one called spike, which criteria judge by default."""
    phases = data.draw(every.valid(name)).profile().phases
    assert phases[0].start_s == 0
    for phase, following in pairwise(phases):
        assert phase.end_s == following.start_s
    assert all(type(edge) is int for phase in phases for edge in (phase.start_s, phase.end_s))
    assert all(phase.end_s > phase.start_s for phase in phases)
    names = [phase.name for phase in phases]
    assert len(set(names)) == len(names) and "spike" in names


@each_shape
@few
@given(data=st.data(), shares=st.integers(1, 3))
def test_as_many_starts_come_as_the_area_under_the_level(name: str, data: st.DataObject, shares: int) -> None:
    """Dealt out to any number of nodes; and the level covers the run exactly, whichever way it is followed."""
    profile = data.draw(every.valid(name)).profile()
    arrivals = sum(1 for share in range(shares) for _ in due_times(profile.starts, share, shares))
    area = _area(profile.starts)
    assert abs(arrivals - area) <= 0.5 + 1e-6 * area
    assert abs(profile.total_starts - sum(herd.users for herd in profile.herds) - area) <= 0.5 + 1e-6 * area
    for level in (profile.users, profile.starts):
        assert (level.points[0][0], level.points[-1][0]) == (0, profile.duration_s)


@each_shape
@few
@given(data=st.data())
def test_the_pool_fits_what_it_is_for(name: str, data: st.DataObject) -> None:
    """Herds get their users to the last one, active users exist, and the pacing says which level is followed."""
    profile = data.draw(every.valid(name)).profile()
    crowd = max((herd.users for herd in profile.herds), default=0)
    assert profile.pool_users == profile.background_users + crowd
    assert profile.pool_users >= 1
    assert {herd.t for herd in profile.herds} <= {phase.start_s for phase in profile.phases}
    if profile.pacing == USERS:
        assert profile.background_users >= profile.users.peak
        assert profile.total_starts == 0 and not profile.herds
        assert profile.level_unit(True) == "users"
    else:
        assert profile.pacing == ARRIVALS
        assert profile.level_unit(True) == STARTS_PER_S
    assert profile.level_unit(False) == "users"


@each_shape
@few
@given(data=st.data())
def test_tick_is_constant_for_parked_users_and_follows_the_level_for_others(name: str, data: st.DataObject) -> None:
    """And it ends with the last phase, or when the harness says so."""
    shape = data.draw(every.valid(name))
    profile = shape.profile()
    now = data.draw(st.floats(0, profile.duration_s, exclude_max=True))
    shape.clock = lambda: now
    if shape.parked:
        assert shape.tick() == (profile.pool_users, profile.pool_users)
        shape.ended = True
        assert shape.tick() is None
        return
    assert shape.tick() == (round(shape.level(now)), max(1.0, profile.users.peak))
    shape.clock = lambda: None
    assert shape.tick() == (round(shape.level(0)), max(1.0, profile.users.peak))
    shape.clock = lambda: float(profile.duration_s)
    assert shape.tick() is None


@each_shape
@few
@given(data=st.data(), width=st.integers(40, 120), encoding=st.sampled_from(["utf-8", "ascii", "latin-1", "cp437"]))
def test_every_plan_can_be_printed(name: str, data: st.DataObject, width: int, encoding: str) -> None:
    """Within the width of the terminal, with every phase, and in two lines."""
    shape = data.draw(every.valid(name))
    lines = plan_lines("some-scenario", shape, width, encoding)
    assert all(len(line) <= width for line in lines), max(lines, key=len)
    text = "\n".join(lines)
    assert all(phase.name in text for phase in shape.profile().phases)
    shown = [option for option in shape.parameters if f"--{option.replace('_', '-')} " in f"{text} ".replace("\n", " ")]
    assert shown == list(shape.options_of(shape.parked))
    assert len(summary("some-scenario", shape)) == 2
    if encoding == "ascii":
        assert text.isascii()


def test_a_spike_shorter_than_a_column_is_still_drawn() -> None:
    """1 s of an hour, 20 columns wide: the column it falls into is full."""
    shape = every.shape("step", baseline_s=1800, hold_s=1, recovery_s=1799)
    profile = shape.profile()
    for marks in (BLOCKS, ASCII):
        first = chart(profile.starts, profile.phases, profile.herds, 24, marks)[0]
        assert first.count(marks.bars[-1]) == 1


def _area(level: Polyline) -> float:
    """By a rule of its own: Simpson's, exact for straight pieces."""
    area = 0.0
    for (t0, y0), (t1, y1) in zip(level.points, level.points[1:], strict=False):
        area += (t1 - t0) / 6 * (y0 + 4 * (y0 + y1) / 2 + y1)
    return area
