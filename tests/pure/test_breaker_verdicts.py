"""From what was measured of a breaker to its findings: outcomes from both sides of each limit, and every sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.breaker import (
    breaker_closes,
    breaker_flaps,
    breaker_leak_through,
    breaker_opens,
    fast_fail_latency,
)
from harness.criteria.breaker._measure import BreakerBehaviour, Leak
from harness.criteria.breaker._state import UNSEEN, Instance, Moment
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec
from tests.pure.test_breaker_clients import second
from tests.recordings import healthy

RUN = healthy()
PASS, INCONCLUSIVE, FAIL = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL
SPARED = Leak(3, 60, 40, 80, 32.5, 44.5)
LEAKING = Leak(50, 60, 40, 80, 30.5, 44.5)
GOOD = BreakerBehaviour(
    injected_s=30,
    healed_s=45,
    end_s=90,
    seconds=tuple(second(t, 20 if 32 <= t < 47 else 0) for t in range(30, 90)),
    signature=True,
    opened=Moment(31, 33),
    closed=Moment(47, 49),
    leak=SPARED,
    before_per_s=20,
    slowest_failure_s=0.5,
)
ONE = Instance("a", Moment(31, 33), Moment(47, 49), False, 1, 1, 4, True, None, 1)
NEVER = replace(GOOD, opened=Moment(45, math.inf), leak=LEAKING)
Judged = Callable[..., Finding]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Judged:
    def judge(name: str, measured: BreakerBehaviour, **parameters: Any) -> Finding:
        for module in (breaker_opens, breaker_closes, breaker_flaps, breaker_leak_through, fast_fail_latency):
            monkeypatch.setattr(module, "measure", lambda *_: measured)
        return criteria.load(CriterionSpec(name, parameters)).judge(RUN)

    return judge


@pytest.mark.parametrize(
    ("name", "limit", "outcome"),
    [
        ("breaker_opens", 3, PASS),
        ("breaker_opens", 2.9, INCONCLUSIVE),
        ("breaker_opens", 1, INCONCLUSIVE),
        ("breaker_opens", 0.9, FAIL),
        ("breaker_closes", 4, PASS),
        ("breaker_closes", 3.9, INCONCLUSIVE),
        ("breaker_closes", 2, INCONCLUSIVE),
        ("breaker_closes", 1.9, FAIL),
    ],
)
def test_the_whole_interval_is_held_against_the_limit(
    judged: Judged, name: str, limit: float, outcome: Outcome
) -> None:
    found = judged(name, GOOD, limit_s=limit)
    middle, interval = (2, (1, 3)) if name == "breaker_opens" else (3, (2, 4))
    assert (found.outcome, found.figure, found.interval, found.limit) == (outcome, middle, interval, limit)
    assert found.reason.endswith("; too close to tell with samples of a second") is (outcome is INCONCLUSIVE)
    assert not found.censored


def test_an_opening_is_told_with_its_witness(judged: Judged) -> None:
    between = "between 1 s and 3 s after its dependency began to fail"
    assert judged("breaker_opens", GOOD).reason == f"it was open {between}, and its dependency was spared, limit 5 s"
    several = judged("breaker_opens", replace(GOOD, instances=(ONE, replace(ONE, source="b"))))
    assert several.reason.startswith(f"the last of its instances was open {between}")
    assert several.evidence["b opened"] == "between 1 s and 3 s"
    own = judged("breaker_opens", replace(GOOD, instances=(ONE,), leak=None, unobserved="nobody counts"))
    assert own.outcome is PASS and f"it was open {between}, by its own word (nobody counts), limit" in own.reason
    unread = judged("breaker_opens", replace(GOOD, instances=(ONE,), leak=None))
    assert "by its own word (its dependency's counter was not read twice while it was open)" in unread.reason


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"missing": "no fault"}, "no fault"),
        ({"has_failed_before": False}, "consistent with a breaker, but requests failed fast from the first on, and a"),
        ({"has_failed_before": False, "leak": None}, "consistent with a breaker, but requests failed fast"),
        (
            {"open_before_s": 28},
            "open before the failure: requests failed fast from 28 s on, the dependency from 30.0 s",
        ),
        (
            {"leak": None, "unobserved": "nobody counts"},
            "fast failures that are consistent with a breaker, but whether",
        ),
        ({"leak": None}, "its dependency's counter was not read twice while requests failed fast: a longer failure"),
        ({"instances": (replace(ONE, was_open=True),)}, "a was open before its dependency failed: begin with a closed"),
    ],
)
def test_what_keeps_an_opening_from_being_known(judged: Judged, changes: dict[str, Any], told: str) -> None:
    found = judged("breaker_opens", replace(GOOD, **changes))
    assert found.outcome is INCONCLUSIVE and found.reason.startswith(told)


def test_what_looks_open_and_spares_nobody_was_never_open(judged: Judged) -> None:
    found = judged("breaker_opens", replace(GOOD, leak=LEAKING))
    assert (found.outcome, found.figure, found.interval, found.censored) == (FAIL, None, (15, math.inf), True)
    assert found.reason == (
        "never seen open in the 15 s that its dependency failed, limit 5 s: answers failed fast or the breaker said it "
        "was open, but 50 calls reached the dependency for 60 requests (83.3 %)"
    )
    # Also where nothing had failed before: the calls are proof enough.
    assert judged("breaker_opens", replace(GOOD, leak=LEAKING, has_failed_before=False)).outcome is FAIL


def test_never_having_opened_is_longer_than_the_failure_lasted(judged: Judged) -> None:
    found = judged("breaker_opens", NEVER)
    assert (found.outcome, found.interval) == (FAIL, (15, math.inf))
    assert found.reason == "never seen open in the 15 s that its dependency failed, limit 5 s"
    short = judged("breaker_opens", NEVER, limit_s=15)
    assert short.outcome is INCONCLUSIVE and short.reason.endswith("; a failure longer than the limit would settle it")
    shut = replace(ONE, source="b", opened=Moment(45, math.inf))
    one_of_two = judged("breaker_opens", replace(NEVER, instances=(ONE, shut)))
    assert one_of_two.reason.endswith("limit 5 s: b stayed closed, or went silent")
    both = judged("breaker_opens", replace(NEVER, instances=(shut, replace(shut, source="c"))))
    assert "stayed closed" not in both.reason
    silent = replace(NEVER, instances=(replace(shut, silent_from_s=33.0),))
    assert "would settle it" not in judged("breaker_opens", silent, limit_s=20).reason
    assert judged("breaker_opens", silent).evidence["b silent from (s)"] == 33


@pytest.mark.parametrize(("instances", "opens_s", "closes_s"), [(0, 100 / 20 + 0.5, 60 + 10 / 20), (2, 10.5, 61)])
def test_presets_count_the_calls_of_each_instance(
    judged: Judged, instances: int, opens_s: float, closes_s: float
) -> None:
    """Twenty requests a second in all, and a failure takes half a second to be learnt of."""
    measured = replace(GOOD, instances=tuple(replace(ONE, source=name) for name in "ab"[:instances]))
    assert judged("breaker_opens", measured, preset="resilience4j").limit == pytest.approx(opens_s)
    assert judged("breaker_closes", measured, preset="resilience4j").limit == pytest.approx(closes_s)
    assert judged("breaker_closes", measured, preset="envoy").limit == 40
    assert judged("breaker_closes", measured, preset="hope").outcome is INCONCLUSIVE


def test_a_closing_is_told_with_the_rate_that_it_took(judged: Judged) -> None:
    found = judged("breaker_closes", GOOD)
    after = "between 2 s and 4 s after its dependency was healed, at 20 requests a second and instance, limit 10 s"
    assert found.reason == f"it was closed {after}"
    assert found.evidence["requests per second and instance until then"] == 20
    two = replace(GOOD, instances=(ONE, replace(ONE, source="b", closed=Moment(46, 47))))
    several = judged("breaker_closes", two)
    assert several.reason.startswith("the last of its instances was closed between 2 s and 4 s")
    assert (several.evidence["a closed"], several.evidence["b closed"]) == (
        "between 2 s and 4 s",
        "between 1 s and 2 s",
    )
    unseen = judged("breaker_closes", replace(GOOD, instances=(ONE, replace(ONE, source="b", closed=None))))
    assert "b closed" not in unseen.evidence


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"missing": "no fault"}, "no fault"),
        ({"healed_s": None}, "the failure was not undone while the run was recorded, so the breaker had no reason to"),
        (
            {"leak": LEAKING},
            "it was never seen open, so there was nothing to close; requests failed fast, but no breaker",
        ),
        ({"opened": UNSEEN}, "it was never seen open, so there was nothing to close"),
    ],
)
def test_what_leaves_nothing_to_close(judged: Judged, changes: dict[str, Any], told: str) -> None:
    found = judged("breaker_closes", replace(GOOD, **changes))
    assert found.outcome is INCONCLUSIVE and found.reason.startswith(told)
    assert ("no breaker was shown" in found.reason) is (changes.get("leak") is LEAKING)


def test_never_having_closed_is_longer_than_was_watched(judged: Judged) -> None:
    never = replace(GOOD, closed=Moment(60, math.inf))
    found = judged("breaker_closes", never)
    assert (found.outcome, found.figure, found.censored) == (FAIL, None, True)
    assert found.reason == "not seen to close in the 15 s after its dependency was healed, limit 10 s"
    longer = judged("breaker_closes", never, limit_s=15)
    assert longer.outcome is INCONCLUSIVE and longer.reason.endswith("; a recovery phase of 18 s would settle it")
    silent = judged("breaker_closes", replace(never, instances=(replace(ONE, silent_from_s=50.0),)), limit_s=15)
    assert silent.reason.endswith("limit 15 s; a could not be read any more")


@pytest.mark.parametrize(
    ("instance", "flaps"),
    [
        (ONE, (0, 0)),
        (replace(ONE, closes=3), (2, 2)),
        (replace(ONE, closes=2, ends_closed=False), (2, 2)),
        (replace(ONE, closes=None), (0, math.inf)),
        (replace(ONE, closes=None, openings_seen=3), (2, math.inf)),
        (replace(ONE, silent_from_s=50.0), (0, math.inf)),
        (replace(ONE, closes=0), (0, 0)),
    ],
)
def test_flaps_are_openings_after_the_first(judged: Judged, instance: Instance, flaps: tuple[float, float]) -> None:
    found = judged("breaker_flaps", replace(GOOD, instances=(instance,)), state_remedy="count them")
    assert (found.figure, found.interval) == (flaps[0], flaps)
    assert found.outcome is (FAIL if flaps[0] else PASS if flaps[1] == 0 else INCONCLUSIVE)
    assert found.reason.startswith("seen to open again" if math.isinf(flaps[1]) else "opened again")
    assert (": count them" in found.reason) is (found.outcome is INCONCLUSIVE)
    assert found.evidence["a openings, half-open included"] == instance.opens
    worst = replace(GOOD, instances=(ONE, replace(instance, source="b")))
    assert judged("breaker_flaps", worst).interval == flaps


def test_clients_see_flaps_as_runs_of_fast_failures(judged: Judged) -> None:
    twice = tuple(second(t, 20 if t in (32, 33, 40, 41) else 0) for t in range(30, 90))
    found = judged("breaker_flaps", replace(GOOD, seconds=twice))
    assert (found.outcome, found.interval) == (FAIL, (1, math.inf))
    unopened = judged("breaker_flaps", replace(GOOD, leak=LEAKING))
    assert (unopened.outcome, unopened.reason) == (INCONCLUSIVE, "it was never seen open, so nothing could flap")
    unknown = judged("breaker_flaps", replace(GOOD, missing="no fault"))
    assert (unknown.outcome, unknown.reason) == (INCONCLUSIVE, "no fault")


@pytest.mark.parametrize(
    ("limit", "outcome"), [(0.075, PASS), (0.074, INCONCLUSIVE), (0.0375, INCONCLUSIVE), (0.037, FAIL)]
)
def test_what_gets_through_lies_between_the_fewest_and_the_most_requests(
    judged: Judged, limit: float, outcome: Outcome
) -> None:
    """Three calls for 40 to 80 requests."""
    found = judged("breaker_leak_through", GOOD, limit=limit)
    assert (found.outcome, found.figure, found.interval) == (outcome, 0.05, (3 / 80, 3 / 40))
    assert found.reason.startswith("3 calls reached the dependency for 60 requests while it was open")
    assert ("between 3.75 % and 7.5 %" in found.reason) is (outcome is INCONCLUSIVE)
    assert (found.evidence["counted from (s)"], found.evidence["calls"]) == (32.5, 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unobserved": "nobody counts", "leak": None}, "not observable: nobody counts"),
        (
            {"leak": None},
            "not two samples of the dependency's counter while it was open: a longer failure would settle",
        ),
        (
            {"leak": replace(SPARED, requests=19)},
            "19 requests while it was open, 20 are needed: send more, or for longer",
        ),
        (
            {"leak": Leak(3, 20, 0, 40, 32.5, 44.5)},
            "3 calls reached the dependency for 20 requests while it was open: too",
        ),
    ],
)
def test_what_keeps_a_share_from_being_known(judged: Judged, changes: dict[str, Any], told: str) -> None:
    found = judged("breaker_leak_through", replace(GOOD, **changes))
    assert found.outcome is INCONCLUSIVE and found.reason.startswith(told)


def test_where_it_never_opened_the_whole_failure_counts(judged: Judged) -> None:
    found = judged("breaker_leak_through", NEVER)
    assert found.outcome is FAIL
    assert "in the whole failure, as the breaker never opened (83.3 %), limit 10 %" in found.reason
    probes = replace(GOOD, instances=(ONE, replace(ONE, source="b", probes=2, opens=4, closes=1)))
    evidence = judged("breaker_leak_through", probes).evidence
    # One opening and one closing each, so that all other openings ended a period half-open.
    assert evidence["half-open probes in the whole run"] == 6 and evidence["half-open periods"] == 5
    assert evidence["probes per half-open"] == 1.2
    none = judged("breaker_leak_through", replace(GOOD, instances=(replace(ONE, opens=0, closes=0),)))
    assert none.evidence["probes per half-open"] is None
    unknown = judged("breaker_leak_through", replace(GOOD, instances=(replace(ONE, probes=None),))).evidence
    assert "half-open probes in the whole run" not in unknown and "half-open periods" not in unknown


def test_fast_failures_have_a_latency_of_their_own(judged: Judged) -> None:
    """300 of them, all of 2 ms."""
    found = judged("fast_fail_latency", GOOD)
    assert (found.outcome, found.unit, found.title) == (PASS, "s", "p95 latency of fast failures")
    assert found.figure == pytest.approx(0.002) and found.interval == (pytest.approx(0.002), pytest.approx(0.002))
    assert found.reason.startswith("p95 of 300 fast failures is at most 2 ms with 95 % confidence, limit 100 ms")
    assert found.evidence["samples needed"] == 59 and found.evidence["told by"] == "signature"
    slow = judged("fast_fail_latency", GOOD, limit_s=0.001)
    assert slow.outcome is FAIL and "p95 of 300 fast failures is at least 2 ms with 95 %" in slow.reason
    few = replace(GOOD, seconds=(second(32, 58, requests=60),))
    assert judged("fast_fail_latency", few).reason == (
        "59 fast failures needed for p95, 58 seen: send more, or let it fail for longer (of these requests only: 1 s "
        "with requests are too few to show how seconds differ)"
    )
    # One in twenty, 5 %, is slow: by chance the 95th of 100 is one of them, or not.
    mixed = tuple(replace(second(t, 20), fast={bucket_index(2_000): 19, bucket_index(200_000): 1}) for t in range(15))
    undecided = judged("fast_fail_latency", replace(GOOD, seconds=mixed))
    assert (undecided.outcome, undecided.figure) == (INCONCLUSIVE, pytest.approx(0.002, rel=0.01))
    assert undecided.reason.startswith(
        "p95 of 300 fast failures lies between 2 ms and 200 ms, limit 100 ms; more would tell"
    )
    by_speed = judged("fast_fail_latency", replace(GOOD, signature=False), signature_remedy="name it")
    assert by_speed.outcome is INCONCLUSIVE and by_speed.reason.endswith("by definition: name it")
    none = judged("fast_fail_latency", replace(GOOD, seconds=(second(32, 0),)))
    assert none.reason == "no request failed fast, so there is nothing to judge"
