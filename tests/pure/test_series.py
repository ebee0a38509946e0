"""Series for charts: one value a second, keyed by intended start, adding up to the phases."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.analysis import phases, time_series
from harness.recording import End, Recording, Slice
from harness.recording.header import Phase
from tests.recordings import CANARY, LOGIN, failing, healthy, login_herd


def test_series_have_a_value_for_each_second_of_the_run() -> None:
    found = time_series.of(healthy())
    assert list(found.t) == list(range(91))
    for values in (found.planned_level, found.requests.intended, found.requests.p95_s):
        assert len(values) == 91


def test_requests_stand_where_they_should_have_begun() -> None:
    """500 logins of which the last is answered 2 s later all stand at the instant of the herd."""
    found = time_series.of(healthy())
    assert found.requests.intended[30] == 510
    assert set(found.requests.intended[:30]) | set(found.requests.intended[31:]) == {10}
    assert 1.8 < found.requests.p95_s[30] < 2.0


@pytest.mark.parametrize("run", [healthy(), failing(), login_herd(poisson=True, canary_per_s=2)])
def test_seconds_and_names_add_up_to_the_phases(run: Recording) -> None:
    found = time_series.of(run)
    for phase in run.header.phases:
        chosen = (found.t >= phase.start_s) & (found.t < phase.end_s)
        tally = phases.of_phase(run, phase)
        assert found.requests.intended[chosen].sum() == tally.intended
        assert found.requests.ok[chosen].sum() == tally.ok
        assert {
            cause: sum(values[chosen]) for cause, values in found.requests.errors.items() if any(values[chosen])
        } == (tally.causes)
        assert sum(intended[chosen].sum() for intended in found.intended_by_name.values()) == tally.intended
    assert set(found.intended_by_name) == {CANARY, LOGIN}


def test_a_tally_names_the_failures_of_its_phase() -> None:
    run = failing(1.0)
    causes = {phase.name: phases.of_phase(run, phase).causes for phase in run.header.phases}
    assert causes == {"baseline": {}, "spike": {"http 503": 510}, "recovery": {}}


def test_a_second_without_answers_has_no_latency() -> None:
    run = healthy()
    gap = dataclasses.replace(run, slices=tuple(piece for piece in run.slices if piece.t != 50))
    found = time_series.of(gap)
    assert found.requests.intended[50] == 0
    assert np.isnan(found.requests.p50_s[50])


def test_seconds_go_to_the_end_of_the_last_phase_or_an_hour_beyond_what_was_recorded() -> None:
    run = healthy()
    bare = dataclasses.replace(run, slices=(), probes=(), marks=(), end=End(5, "stopped", False, 0, 0))
    for end_s, last in ((91, 90), (3605, 3604), (3606, 3605), (3700, 3605)):
        header = dataclasses.replace(run.header, phases=(Phase("baseline", 0, 30), Phase("spike", 30, end_s)))
        found = time_series.of(dataclasses.replace(bare, header=header))
        assert (found.t[0], found.t[-1]) == (0, last)


def test_the_planned_level_is_that_of_the_middle_of_a_second() -> None:
    run = healthy()
    ramp = dataclasses.replace(run.header, level=((0, 0), (10, 100), (91, 100)))
    found = time_series.of(dataclasses.replace(run, header=ramp))
    assert found.planned_level[:12].tolist() == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95, 100, 100]


def test_causes_stand_in_the_order_of_their_number_and_answers_with_their_bytes() -> None:
    run = healthy()
    more = [Slice(40 + t, "w", CANARY, cause, 1, 7, {5: 1}) for t, cause in enumerate(["a", "unfinished", "b", "b"])]
    more[1] = dataclasses.replace(more[1], latency={}, bytes=0)
    found = time_series.of(dataclasses.replace(run, slices=tuple(more)))
    assert list(found.requests.errors) == ["b", "a", "unfinished"]
    assert found.requests.unfinished[40:44].tolist() == [0, 1, 0, 0]
    assert found.requests.bytes[40:44].tolist() == [7, 0, 7, 7] and found.requests.ok.sum() == 0
    quick = [Slice(50, "w", CANARY, "ok", 100, 0, {1000: 50, 1500: 45, 1900: 4, 2000: 1})]
    found = time_series.of(dataclasses.replace(run, slices=tuple(quick)))
    of_second = (found.requests.p50_s[50], found.requests.p95_s[50], found.requests.p99_s[50])
    assert of_second == pytest.approx((0.001, 0.0015, 0.0019))


def test_requests_before_the_first_phase_have_negative_times() -> None:
    run = healthy()
    early = Slice(-3, "worker-1", CANARY, "ok", 1, 0, {5: 1})
    found = time_series.of(dataclasses.replace(run, slices=(*run.slices, early)))
    assert (found.t[0], found.requests.intended[0], len(found.t)) == (-3, 1, 94)


def test_probes_are_found_by_name_and_source() -> None:
    found = time_series.of(healthy())
    memory = found.probe("process", "rss_bytes")
    assert [one.source for one in memory] == ["api1", "api2", "postgres"]
    assert all(np.all(np.diff(one.t) > 0) for one in memory)
    assert [one.source for one in found.probe("generator", "loop_lag_s")] == ["worker-1", "worker-2"]


@pytest.mark.parametrize(("t", "expected"), [(-1, 0), (0, 0), (5, 50), (10, 200), (15, 200), (20, 200), (21, 0)])
def test_the_level_is_a_polyline_with_steps(t: float, expected: float) -> None:
    assert time_series.level_at(((0, 0), (10, 100), (10, 200), (20, 200)), t) == expected


def test_an_empty_recording_has_empty_series() -> None:
    bare = Recording(dataclasses.replace(healthy().header, phases=(), level=()))
    found = time_series.of(bare)
    assert len(found.t) == 0
    assert len(found.requests.intended) == 0
