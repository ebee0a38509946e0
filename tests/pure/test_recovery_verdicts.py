"""From what was measured of a recovery to its finding: the outcome by the interval, what puts it in doubt, and what is
said.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from harness.criteria.recovery import recovery_time
from harness.criteria.recovery._recovery import Recovery, Slowdown, State
from harness.criteria.recovery.recovery_time import RecoveryTime
from harness.findings import Finding, Outcome
from tests.pure.test_baseline_band import learned
from tests.recordings import healthy

RUN = healthy()
BAND = learned([0] * 30)
"""Nothing was bad before, so a twentieth may be, and a tenth is the threshold."""
BACK = Recovery(
    State.RECOVERED,
    "",
    observed_s=60,
    recovery_s=10,
    interval_s=(9, 11),
    failed_interval_s=(0, math.inf),
    degraded_at_s=30,
    detect_s=1,
    degraded_s=11,
    depth_ratio=0.5,
    area_lost_requests=110,
    since=(0, 500),
    canary_per_s=10,
    band=BAND,
)
WELL = replace(BACK, state=State.NOT_DEGRADED, recovery_s=0, interval_s=(0, 0), degraded_at_s=None, detect_s=None)
AWAY = replace(BACK, state=State.NOT_RECOVERED, recovery_s=None, interval_s=(60, math.inf), since=None)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Any:
    def judge(measured: Recovery, **parameters: Any) -> Finding:
        monkeypatch.setattr(recovery_time, "measure", lambda *_: measured)
        return RecoveryTime(**parameters).judge(RUN)

    return judge


@pytest.mark.parametrize(
    ("limit_s", "outcome"),
    [(11, Outcome.PASS), (10.9, Outcome.INCONCLUSIVE), (9, Outcome.INCONCLUSIVE), (8.9, Outcome.FAIL)],
)
def test_the_whole_interval_has_to_be_within_the_limit_or_beyond(judged: Any, limit_s: float, outcome: Outcome) -> None:
    found = judged(BACK, limit_s=limit_s)
    assert (found.outcome, found.figure, found.interval, found.unit) == (outcome, 10, (9, 11), "s")
    told = "recovered 10 s ± 1 s after the spike, limit "
    assert found.reason.startswith(told) and found.title == "recovery after the spike" and not found.censored
    assert ("too close to tell with windows of 1 s" in found.reason) is (outcome is Outcome.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (BACK, "recovered 10 s ± 1 s after the spike, limit 30 s"),
        (replace(BACK, interval_s=(5, 14)), "recovered 10 s (5 to 14 s) after the spike, limit 30 s"),
        (replace(BACK, interval_s=(8, 11)), "recovered 10 s (8 to 11 s) after the spike, limit 30 s"),
        (replace(BACK, recovery_s=0, interval_s=(0, 1)), "recovered 0 s ± 1 s after the spike, limit 30 s"),
        (
            replace(BACK, relapses_s=(20.0,), passed_over=True),
            "recovered 10 s ± 1 s after the spike; single windows left the band afterwards at 20 s, limit 30 s",
        ),
        (
            replace(BACK, relapses_s=(5.0, 8.0)),
            "recovered 10 s ± 1 s after the spike; it had left the band again at 5, 8 s, 2 times, limit 30 s",
        ),
        (WELL, "not degraded: no window of the spike or after it left the band of the baseline"),
        (
            replace(WELL, relapses_s=(29.0,), degraded_s=1),
            "not degraded: only single windows left the band of the baseline, 1 s in all, at 29 s after the spike",
        ),
        (
            replace(BACK, lasting=Slowdown(1.25, 0.0125)),
            "recovered 10 s ± 1 s after the spike, limit 30 s; the latency stays 1.2 times as long as in the "
            "baseline, its p95 12 ms longer, within floor_s 100 ms",
        ),
        (replace(BACK, lasting=Slowdown(1.24, 0.012)), "recovered 10 s ± 1 s after the spike, limit 30 s"),
    ],
)
def test_a_pass_is_told_as_it_is(judged: Any, measured: Recovery, told: str) -> None:
    found = judged(measured)
    assert (found.outcome, found.reason) == (Outcome.PASS, told)
    assert ("latency stays (times)" in found.evidence) is ("latency stays" in told)


@pytest.mark.parametrize(
    ("measured", "parameters", "told"),
    [
        (
            # 1.5 · 10/s · max(1, (16 − 10 − 1) ÷ (12 − 10 − 1))
            replace(BACK, interval_s=(7, 16)),
            {"limit_s": 12},
            "recovered 10 s (7 to 16 s) after the spike, limit 12 s: a canary stream of 75 requests/s would settle it "
            "(10/s seen)",
        ),
        (
            replace(BACK, interval_s=(7, 13)),
            {"limit_s": 12.9},
            "limit 12.9 s: a canary stream of 16 requests/s would settle it (10/s seen)",
        ),
        (
            replace(BACK, interval_s=(9, math.inf)),
            {},
            "recovered 10 s (9 s or more) after the spike, limit 30 s: not seen to last to the end; a longer recovery "
            "phase would settle it",
        ),
        (
            replace(WELL, interval_s=(0, 40)),
            {},
            "not degraded, as it seems: a canary stream of 21 requests/s would settle it (10/s seen)",
        ),
        (
            AWAY,
            {"limit_s": 70},
            "not recovered in the 60 s that it was watched, limit 70 s; a recovery phase of 82 s would settle it",
        ),
        (
            replace(AWAY, interval_s=(3, math.inf), relapses_s=(3.0, 13.0)),
            {},
            "not recovered in the 60 s that it was watched, limit 30 s; it returned but left the band again at 3, 13 "
            "s, 2 times after the spike; a recovery phase of 72 s would settle it",
        ),
        (AWAY, {"limit_s": 70.5}, "limit 70.5 s; a recovery phase of 83 s would settle it"),
        (Recovery(State.UNKNOWN, "the baseline is too short"), {}, "the baseline is too short"),
    ],
)
def test_what_would_settle_it_is_told(judged: Any, measured: Recovery, parameters: Any, told: str) -> None:
    found = judged(measured, **parameters)
    assert found.outcome is Outcome.INCONCLUSIVE and found.reason.endswith(told)
    assert found.censored is (measured.state is State.NOT_RECOVERED)


def test_what_fails_says_for_how_long_it_was_watched(judged: Any) -> None:
    found = judged(AWAY)
    assert (found.outcome, found.figure, found.censored) == (Outcome.FAIL, None, True)
    assert found.reason == "not recovered in the 60 s that it was watched, limit 30 s"
    many = judged(replace(AWAY, relapses_s=tuple(float(at) for at in range(1, 10))))
    assert "left the band again at 1, 2, 3, 4, 5, 6, 7, 8 … s, 9 times after the spike" in many.reason


@pytest.mark.parametrize(
    ("changes", "outcome", "told"),
    [
        (
            {"doubt": "the baseline wanders"},
            Outcome.PASS,
            "the baseline wanders: a longer baseline, or less load in it",
        ),
        ({"slower_ratio": 1.66}, Outcome.PASS, "the latency stays 1.7 times as long as in the baseline: that few"),
        (
            {"lasting": Slowdown(1.5, 0.02)},
            Outcome.PASS,
            "1.5 times as long as in the baseline, its p95 20 ms longer: no",
        ),
        ({"lasting": Slowdown(1.5, 0.005)}, Outcome.PASS, "its p95 5 ms longer: no harm by floor_s = 100 ms"),
        (
            {"since": (100, 500)},
            Outcome.PASS,
            "100 of 500 requests since the recovery failed or were too slow, against 0",
        ),
        (
            {"bursts_s": ()},
            Outcome.PASS,
            "0 of 500 requests since the recovery failed or were too slow, against",
        ),
        (
            {"since": (0, 20)},
            Outcome.PASS,
            "0 of 20 requests since the recovery failed or were too slow, so up to 13.9 %",
        ),
    ],
)
def test_what_puts_a_pass_in_doubt(judged: Any, changes: dict[str, Any], outcome: Outcome, told: str) -> None:
    assert judged(BACK).outcome is outcome
    found = judged(replace(BACK, **changes))
    assert found.outcome is Outcome.INCONCLUSIVE and told in found.reason, found.reason


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({"lasting": Slowdown(1.49, 0.02)}, {}),
        ({"lasting": Slowdown(1.5, 0.0049)}, {}),
        ({"lasting": Slowdown(9.0, 0.02)}, {"slower_ratio": 0}),
        ({"lasting": Slowdown(9.0, 0.02)}, {"slo_s": 0.5}),
        ({"since": (34, 500)}, {}),
        ({"since": (0, 60)}, {}),
        ({"since": None}, {}),
        ({"is_shifted": False}, {}),
    ],
)
def test_what_does_not(judged: Any, changes: dict[str, Any], parameters: dict[str, Any]) -> None:
    """34 of 500 are more than 5 %, and it is not proven: the lower bound, at 99 %, is 4.5 %."""
    found = judged(replace(BACK, **changes), **parameters)
    assert found.outcome is Outcome.PASS, found.reason
    if "slo_s" in parameters:
        assert found.reason.endswith("within SLO 500 ms")


def test_a_fail_by_failures_alone_is_in_no_doubt(judged: Any) -> None:
    """The latency of a baseline that varies may leave its band by chance; failures do not."""
    late = replace(BACK, recovery_s=40, interval_s=(39, 41))
    assert judged(late).outcome is Outcome.FAIL
    for doubt, told in (
        (
            {"is_shifted": False},
            "varies so much that this may be chance: a longer baseline, or less load in it, would settle it",
        ),
        ({"doubt": "the baseline wanders"}, "the baseline wanders: a longer baseline"),
    ):
        doubtful = judged(replace(late, **doubt))
        assert doubtful.outcome is Outcome.INCONCLUSIVE and told in doubtful.reason
        by_failures = replace(late, failed_interval_s=(31.0, math.inf), **doubt)
        assert judged(by_failures).outcome is Outcome.FAIL
        assert judged(replace(by_failures, failed_interval_s=(30.0, math.inf))).outcome is Outcome.INCONCLUSIVE
    # What is INCONCLUSIVE by itself says why, and not what else could be doubted.
    assert "too close" in judged(replace(BACK, doubt="the baseline wanders"), limit_s=10).reason


def test_since_when_requests_are_counted_is_told(judged: Any) -> None:
    assert "requests since the spike failed" in judged(replace(WELL, since=(0, 20))).reason


def test_the_evidence_is_what_was_measured(judged: Any) -> None:
    assert judged(replace(BACK, relapses_s=(5.0, 8.5))).evidence == {
        "state": "recovered",
        "watched (s)": 60,
        "detected after (s)": 1,
        "degraded (s)": 11,
        "relapses": 2,
        "left the band again (s)": "5, 8.5",
        "depth": "50 %",
        "requests lost": 110,
    }
    assert judged(replace(WELL, depth_ratio=None)).evidence == {"state": "not degraded", "watched (s)": 60}
    assert judged(Recovery(State.UNKNOWN, "why", observed_s=3)).evidence == {"state": "unknown"}
    assert judged(replace(BACK, lasting=Slowdown(1.2567, 0.1))).evidence["latency stays (times)"] == 1.26


@pytest.mark.parametrize(("until_s", "outcome"), [(58, Outcome.PASS), (64, Outcome.INCONCLUSIVE)])
def test_a_target_that_nobody_asked_may_have_been_away(until_s: int, outcome: Outcome) -> None:
    """From the end of the spike at 31 s on; the limit is 30 s, and half of the probability lies before 17 s."""
    run = healthy()
    slices = tuple(piece for piece in run.slices if not 31 <= piece.t < until_s)
    found = RecoveryTime().judge(replace(run, slices=slices))
    assert found.outcome is outcome
    told = "nobody asked for 16 s of that time; a canary stream all along would settle it"
    assert (told in found.reason) is (outcome is Outcome.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [({}, [(31, 91)]), ({"spike": "rush"}, []), ({"recovery": "night"}, []), ({"spike": "baseline"}, [(30, 91)])],
    ids=str,
)
def test_failures_show_from_the_end_of_the_spike_to_that_of_the_recovery(
    parameters: dict[str, str], seen: list[tuple[float, float]]
) -> None:
    found = RecoveryTime(requests="GET *", **parameters).failures_seen(RUN)
    assert [(each.start_s, each.end_s, each.requests) for each in found] == [(*each, "GET *") for each in seen]
