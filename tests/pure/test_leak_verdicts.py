"""From what memory did to the finding of ``memory_leak``: each course of it, and what keeps it from being a pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.criteria.recovery import memory_leak
from harness.criteria.recovery._leak import Growth, LeakTest
from harness.criteria.recovery._memory import MemoryGain
from harness.criteria.recovery._trend import Trend
from harness.criteria.recovery.memory_leak import MemoryLeak
from harness.findings import Finding, Outcome
from tests.recordings import healthy

PASS, INCONCLUSIVE, FAIL = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL
MB = 1e6
TREND = Trend(45, 0.9, 0.001, 0.004, 1.5, 1 * MB, (0.5 * MB, 2 * MB))
RISING = LeakTest(Growth.RISING, "steady growth", TREND, (22 * MB, 90 * MB), 45 * MB, 5 * MB, 3, 45.0, 100 * MB)
RUN = healthy()


def measured(growth: Growth = Growth.RISING, **changes: Any) -> MemoryGain:
    return MemoryGain(
        1.0, "", processes=("api", "db"), leak=replace(RISING, growth=growth, reason="so it was"), **changes
    )


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finding]:
    def judge(found: MemoryGain, **parameters: Any) -> Finding:
        monkeypatch.setattr(memory_leak, "growth", lambda *_: found)
        return MemoryLeak(**parameters).judge(RUN)

    return judge


@pytest.mark.parametrize(
    ("growth", "outcome", "said"),
    [
        (Growth.NONE, PASS, "no steady growth: so it was"),
        (Growth.STOPPED, PASS, "no leak: so it was"),
        (Growth.PROVEN, FAIL, "a leak: so it was"),
        (
            Growth.SUSPECTED,
            INCONCLUSIVE,
            "a leak is suspected: so it was; whether it comes back would show in a longer",
        ),
        (Growth.RISING, INCONCLUSIVE, "memory goes on growing: so it was; a leak, a cache that fills and a collector"),
        (Growth.UNCLEAR, INCONCLUSIVE, "memory moves too much to tell: so it was; a recovery of 240 s would tell"),
        (Growth.UNKNOWN, INCONCLUSIVE, "so it was"),
    ],
)
def test_each_course_has_its_outcome(
    judged: Callable[..., Finding], growth: Growth, outcome: Outcome, said: str
) -> None:
    """Of 45 s after the warm-up, four times 60 s would tell."""
    found = judged(measured(growth))
    assert found.outcome is outcome and found.reason.startswith(said)
    if growth is Growth.RISING:
        assert found.reason.endswith("a phase of another load and one without any, or a recovery of 240 s")
    if growth is not Growth.UNKNOWN:
        figures = (None, None) if growth is Growth.STOPPED else (45 * MB, (22 * MB, 90 * MB))
        assert (found.figure, found.interval, found.limit) == (*figures, 5 * MB)


def test_the_evidence_tells_what_could_be_seen(judged: Callable[..., Finding]) -> None:
    assert judged(measured()).evidence == {
        "duration (s)": 45,
        "p of the trend": 0.004,
        "segments of three that grow": 3,
        "processes": "api, db",
        "least rate that is seen (bytes per minute)": round(5 * MB / 45 * 60),
    }
    bare = replace(measured(), leak=LeakTest(Growth.NONE, "nothing", None))
    assert judged(bare).evidence["p of the trend"] is None
    assert "least rate that is seen (bytes per minute)" not in judged(bare).evidence


@pytest.mark.parametrize(
    ("growth", "above", "outcome"),
    [
        (Growth.RISING, 21.9 * MB, FAIL),
        (Growth.RISING, 22 * MB, INCONCLUSIVE),
        (Growth.SUSPECTED, 21.9 * MB, FAIL),
        (Growth.NONE, 21.9 * MB, PASS),
        (Growth.RISING, 0.0, INCONCLUSIVE),
    ],
)
def test_a_rise_that_is_surely_beyond_what_is_accepted_fails(
    judged: Callable[..., Finding], growth: Growth, above: float, outcome: Outcome
) -> None:
    found = judged(measured(growth), fail_above_bytes=above)
    assert found.outcome is outcome
    assert ("at least 22.0 MB: a leak, or memory without a bound" in found.reason) is (outcome is FAIL)


@pytest.mark.parametrize("field", ["went", "interrupted"])
def test_who_went_away_may_have_hidden_growth(judged: Callable[..., Finding], field: str) -> None:
    away = measured(Growth.NONE, **{field: ("old",)})
    found = judged(away)
    assert found.outcome is INCONCLUSIVE
    assert found.reason.endswith("; old went away or could not be read, and may have hidden growth")
    assert judged(away, only_where_measured=True).outcome is PASS
    assert judged(measured(Growth.PROVEN, **{field: ("old",)})).outcome is FAIL


def test_nothing_measured_says_why(judged: Callable[..., Finding]) -> None:
    assert judged(MemoryGain(None, "not sampled")).reason == "not sampled"


def test_by_default_it_applies_where_something_could_tell() -> None:
    assert not MemoryLeak(only_where_measured=True).applies(replace(RUN, probes=()))
    assert MemoryLeak(only_where_measured=True).applies(RUN) and MemoryLeak().applies(replace(RUN, probes=()))
    assert "the run has no phase 'calm'" in MemoryLeak(recovery="calm").judge(RUN).reason
    assert "the run has no phase 'before'" in MemoryLeak(baseline="before").judge(RUN).reason
