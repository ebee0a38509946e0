"""What the live state makes of a run so far: the recovery clock, the criteria against their limits, subjects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest

from harness.analysis.alerts import Limits
from harness.criteria import title_of, with_defaults
from harness.live.criteria_so_far import BEYOND, OPEN, WITHIN, CriterionSoFar
from harness.live.state import LiveState
from harness.live.subjects import (
    BREAKER,
    CONNECTIONS,
    CPU,
    GENERATOR_LAG,
    MEMORY,
    MEMORY_LIMIT,
    POOL,
    REPLICAS,
    THROTTLING,
    Subjects,
)
from harness.recording import ProbeSample, Slice, Unanswered
from harness.recording.header import CriterionSpec, Header
from harness.recording.values import OK
from tests.pure.test_live_state import HEADER

QUICK, SLOW = 1000, 6000
"""Buckets: 1 ms, and some 60 ms."""


def header(*criteria: CriterionSpec) -> Header:
    """Baseline to 20 s, spike to 25 s, recovery to 40 s."""
    return dataclasses.replace(HEADER, criteria=with_defaults(criteria))


RECOVERY = CriterionSpec("recovery_time", {"limit_s": 6.0, "hold_s": 5, "floor_s": 0.01})


def run_to(t: int, bad: Iterable[int], criteria: tuple[CriterionSpec, ...] = (RECOVERY,)) -> LiveState:
    live = LiveState(header(*criteria))
    for second in range(t):
        bucket = SLOW if second in bad else QUICK
        live.add(Slice(second, "local", "GET /", OK, 10, 0, {bucket: 10}))
        list(live.close_seconds(second + 2))
    return live


def test_what_is_judged_at_the_end_is_called_as_in_the_report() -> None:
    specs = (CriterionSpec("metastability"), CriterionSpec("cpu_throttling", {"name": "quota_of_api"}))
    titles = {spec.criterion: title_of(spec.criterion) for spec in specs}
    live = LiveState(header(*specs), titles=titles)
    assert [each.title for each in live.criteria_so_far()] == ["comes back by itself", "quota of api"]
    assert title_of("no_such") == ""


def test_the_clock_of_all_requests_is_no_figure_of_some_of_them() -> None:
    of_some = dataclasses.replace(RECOVERY, parameters={**RECOVERY.parameters, "requests": "GET /"})
    for criteria in ((RECOVERY, of_some), (of_some, RECOVERY)):
        live = run_to(30, range(10, 14), criteria)
        by_title = {each.title: each for each in live.criteria_so_far()}
        of_all, some = by_title["recovery after the spike"], by_title["recovery after the spike, GET /"]
        assert of_all.figure is not None
        assert (some.figure, some.state) == (None, OPEN)
    alone = run_to(30, (), (of_some,)).recovery
    assert alone is not None and alone.limit_s is None


def test_the_recovery_clock_starts_at_the_end_of_the_spike_and_stops_where_the_target_stays_normal() -> None:
    bad = {*range(20, 28), 30}
    assert run_to(25, bad).recovery is None
    going = run_to(28, bad).recovery
    assert going is not None
    assert (going.since_spike_s, going.normal_after_s, going.has_recovered) == (3, None, False)
    held = run_to(30, bad).recovery
    assert held is not None and (held.normal_after_s, held.has_recovered) == (3, False)
    relapsed = run_to(31, bad).recovery
    assert relapsed is not None and relapsed.normal_after_s is None
    back = run_to(36, bad).recovery
    assert back is not None
    assert (back.since_spike_s, back.normal_after_s, back.hold_s, back.limit_s) == (11, 6, 5, 6)
    assert back.has_recovered


def test_failures_keep_the_clock_going_as_slowness_does() -> None:
    live = LiveState(header(RECOVERY))
    for t in range(40):
        failed = 3 if t >= 20 else 0
        live.add(Slice(t, "local", "GET /", OK, 10 - failed, 0, {QUICK: 10 - failed}))
        live.add(Slice(t, "local", "GET /", "http 503", failed, 0, {QUICK: failed}))
        list(live.close_seconds(t + 2))
    assert live.recovery is not None and live.recovery.normal_after_s is None


def test_a_target_that_hangs_after_a_good_second_has_not_recovered() -> None:
    """Its requests have no answer for half a minute, and their failures belong to seconds that are long over."""
    live = run_to(28, range(20, 25))
    for t in range(28, 40):
        live.add(Unanswered("local", ((t, "GET /", "unfinished", 10, 10),)))
        list(live.close_seconds(t + 2))
        assert live.recovery is not None and not live.recovery.has_recovered
    assert live.recovery.normal_after_s is None
    for t in range(28, 40):
        live.add(Unanswered("local", ((t, "GET /", "unfinished", 0, 0),)))
        live.add(Slice(t, "local", "GET /", "timeout", 10, 0, {SLOW: 10}))
    list(live.close_seconds(42))
    assert live.recovery is not None and live.recovery.normal_after_s is None


def test_silence_is_no_recovery() -> None:
    live = run_to(27, range(20, 25))
    list(live.close_seconds(60))
    assert live.recovery is not None
    assert (live.recovery.since_spike_s, live.recovery.heard_s) == (34, 2)
    assert live.recovery.normal_after_s == 0 and not live.recovery.has_recovered


def state_of(expected: Iterable[CriterionSoFar]) -> dict[str, str]:
    return {each.title: each.state for each in expected}


def test_criteria_are_shown_against_their_limits_and_what_is_not_known_is_left_open() -> None:
    criteria = (
        CriterionSpec("error_ratio", {"limit": 0.1}),
        CriterionSpec("latency_quantile", {"quantile": 0.95, "limit_s": 0.01, "phase": "spike"}),
        CriterionSpec("latency_quantile", {"quantile": 0.5, "limit_s": 0.01, "phase": "spike", "requests": "POST *"}),
        RECOVERY,
        CriterionSpec("memory_growth"),
        CriterionSpec("linearizability", {"name": "one_history"}),
    )
    early = run_to(10, (), criteria)
    assert set(state_of(early.criteria_so_far()).values()) == {OPEN}
    live = run_to(24, range(20, 25), criteria)
    live.add(Slice(22, "local", "POST /", OK, 5, 0, {QUICK: 5}))
    for t in (10.0, 24.0):
        live.add(ProbeSample(t, "process", "api1", {"rss_bytes": 1e8 if t < 20 else 2e8}))
    list(live.close_seconds(26))
    assert state_of(live.criteria_so_far()) == {
        "error ratio in the spike": WITHIN,
        "p95 latency in the spike": BEYOND,
        "p50 latency in the spike, POST *": WITHIN,
        "recovery after the spike": OPEN,
        "memory growth of the target": WITHIN,
        "one history": OPEN,
    }
    growth = live.criteria_so_far()[4]
    assert (growth.figure, growth.limit, growth.unit) == (1e8, 200e6, "bytes")
    late = run_to(40, range(20, 40), criteria)
    assert state_of(late.criteria_so_far())["recovery after the spike"] == BEYOND


def test_more_failures_than_a_quantile_leaves_out_are_beyond_every_limit() -> None:
    live = LiveState(header(CriterionSpec("latency_quantile", {"limit_s": 5.0})))
    live.add(Slice(21, "local", "GET /", OK, 5, 0, {QUICK: 5}))
    live.add(Slice(21, "local", "GET /", "http 503", 5, 0, {}))
    (found,) = live.criteria_so_far()
    assert (found.figure, found.state) == (None, BEYOND)


@pytest.mark.parametrize(
    ("probe", "key", "subject"),
    [
        ("process", "rss_bytes", MEMORY),
        ("process", "cpu_ratio", CPU),
        ("process", "pid", ""),
        ("docker_container", "memory_working_set_bytes", MEMORY),
        ("docker_container", "memory_limit_bytes", MEMORY_LIMIT),
        ("kubernetes_pods", "cpu_throttled_ratio", THROTTLING),
        ("cgroup", "cpu_ratio", CPU),
        ("run_cpu", "cpu_ratio", ""),
        ("docker_container", "processes", ""),
        ("generator", "loop_lag_s", GENERATOR_LAG),
        ("generator", "rss_bytes", ""),
        ("pool", "in_use", POOL),
        ("pool", "size", POOL),
        ("prometheus", "hikaricp_in_use", POOL),
        ("prometheus", "target_breaker_state", BREAKER),
        ("prometheus", "my_state", BREAKER),
        ("kubernetes", "ready", REPLICAS),
        ("haproxy", "servers_up", REPLICAS),
        ("haproxy", "sessions", CONNECTIONS),
        ("postgres", "numbackends", CONNECTIONS),
        ("prometheus", "http_connections_total", ""),
        ("machine", "busy_cores", ""),
        ("prometheus", "page_size_bytes", ""),
    ],
)
def test_what_a_figure_is_about_is_known_by_its_name(probe: str, key: str, subject: str) -> None:
    criteria = (CriterionSpec("breaker_opens", {"state": "my_state"}),)
    assert Subjects(header(*criteria), Limits()).of(probe, key) == subject
