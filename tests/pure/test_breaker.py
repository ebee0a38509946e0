"""Circuit breaker: what is measured lies where it really was; what cannot be known is said."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness import criteria
from harness.analysis.histogram import bucket_index
from harness.criteria.breaker import BREAKER_OPEN, _measure
from harness.criteria.breaker._criterion import BreakerCriterion
from harness.criteria.breaker._measure import BreakerBehaviour, Leak, measure
from harness.criteria.breaker._state import Sample
from harness.findings import Finding, Outcome
from harness.recording import CriterionSpec, Recording, Slice
from harness.recording.marks import FAILED, INJECTED, FaultMark
from harness.recording.values import ITERATION, OK, UNSERVED, USER_EXCEPTION, Scalar
from harness.verdict import judge
from tests.breakers import DEPENDENCY, FAST_S, NEVER_CLOSES, NEVER_OPENS, STATE, WITNESSES, Truth, simulate, without

FAIL, INCONCLUSIVE, PASS = Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS
BREAKER = ("breaker_opens", "breaker_leak_through", "fast_fail_latency", "breaker_closes", "breaker_flaps")


def measured(recording: Recording) -> BreakerBehaviour:
    return measure(recording, BreakerCriterion(**WITNESSES))


def judged(criterion: str, recording: Recording, **parameters: Scalar) -> Finding:
    return criteria.load(CriterionSpec(criterion, {**WITNESSES, **parameters})).judge(recording)


def outcomes(recording: Recording) -> dict[str, Outcome]:
    return {name: judged(name, recording).outcome for name in BREAKER}


@st.composite
def runs(draw: st.DrawFn, **fixed: Any) -> Truth:
    """Breakers of all kinds, with a failure that begins and ends anywhere within a second."""
    begin = 10 + draw(st.floats(0, 0.99))
    chosen: dict[str, Any] = {
        "seed": draw(st.integers(0, 10_000)),
        "instances": draw(st.integers(1, 3)),
        "per_s": draw(st.integers(15, 60)),
        "random_arrivals": draw(st.booleans()),
        "failing_s": (begin, begin + draw(st.floats(8, 12))),
        "phases": (10, 13, 12),
        "failure_takes_s": draw(st.sampled_from([0.003, 0.05, 0.5])),
        "threshold": draw(st.integers(1, 10)),
        "rest_s": draw(st.floats(0.3, 3)),
        "read_delay_s": draw(st.floats(0, 0.9)),
        **fixed,
    }
    return simulate(**chosen)


@settings(max_examples=60)
@given(runs())
def test_what_is_measured_lies_where_it_really_was(truth: Truth) -> None:
    found = measured(truth.recording)
    lie_within_their_intervals(found, truth)
    are_counted_exactly(found, truth)
    assume(found.leak is not None)
    assert found.leak is not None
    is_bounded_by_what_really_happened(found.leak, truth)


def lie_within_their_intervals(found: BreakerBehaviour, truth: Truth) -> None:
    """The openings and closings, of each instance and of the last of them."""
    assert found.opened.after_s <= truth.opened_s <= found.opened.by_s
    assert found.closed.after_s <= truth.closed_s <= found.closed.by_s
    assert found.opened.by_s - found.opened.after_s <= 3
    for instance, breaker in zip(found.instances, truth.breakers, strict=True):
        assert instance.source == breaker.source
        assert instance.opened.after_s <= breaker.opened_s <= instance.opened.by_s
        assert instance.closed is not None
        assert instance.closed.after_s <= breaker.closed_s <= instance.closed.by_s


def are_counted_exactly(found: BreakerBehaviour, truth: Truth) -> None:
    """Probes and half-open periods: one probe in each, however short it was between two samples."""
    for instance, breaker in zip(found.instances, truth.breakers, strict=True):
        assert instance.probes == len(breaker.probes) == instance.half_opens
        assert instance.openings == 1


def is_bounded_by_what_really_happened(found: Leak, truth: Truth) -> None:
    """The leak-through: calls ÷ requests between the very instants at which the counter was read."""
    samples = [sample for sample in truth.recording.probes if DEPENDENCY in sample.values]
    instants = dict(zip((sample.t for sample in samples), truth.reads_s, strict=True))
    first, last = instants[found.begin_s], instants[found.end_s]
    assert found.calls == sum(first < t <= last for t in truth.received_s)
    requests = sum(first < t <= last for t in truth.intended_s)
    assert found.fewest <= requests <= found.most
    low, high = found.interval
    assert low <= found.calls / requests <= high


@settings(max_examples=40)
@given(runs(instances=1))
def test_clients_alone_know_the_opening_and_the_closing_to_the_second(truth: Truth) -> None:
    """One breaker, whose state nobody reads."""
    found = measured(without(truth.recording, "target_breaker"))
    assert not found.instances
    assert found.opened.after_s <= truth.opened_s <= found.opened.by_s
    assert found.closed.after_s <= truth.closed_s <= found.closed.by_s
    assert found.opened.by_s - found.opened.after_s <= 2


@settings(max_examples=40)
@given(runs(failure_share=0.7, threshold=3, rest_s=0.5))
def test_flaps_are_counted_however_short_they_are(truth: Truth) -> None:
    """A dependency that fails for some calls only: a probe succeeds, the breaker closes, and opens again."""
    for instance, breaker in zip(measured(truth.recording).instances, truth.breakers, strict=True):
        before = ["closed", *(to for _, to in breaker.transitions)]
        real = sum(was == "closed" and to == "open" for was, (_, to) in zip(before, breaker.transitions, strict=False))
        assert instance.openings == real


@settings(max_examples=40)
@given(runs(defect=NEVER_OPENS))
def test_a_breaker_that_never_opens_is_never_called_open(truth: Truth) -> None:
    """With or without its own word, and although its errors come as fast as fast failures."""
    for recording in (truth.recording, without(truth.recording, "target_breaker")):
        assert judged("breaker_opens", recording).outcome is FAIL
        assert judged("breaker_leak_through", recording).outcome is FAIL


@settings(max_examples=40)
@given(runs(defect=NEVER_CLOSES))
def test_a_breaker_that_never_closes_is_never_called_closed(truth: Truth) -> None:
    for recording in (truth.recording, without(truth.recording, "target_breaker")):
        finding = judged("breaker_closes", recording, limit_s=5)
        assert finding.outcome is FAIL
        assert finding.interval is not None
        assert finding.interval[1] == math.inf


@pytest.mark.parametrize("takes_s", [0.004, 0.5], ids=["errors", "hang"])
@pytest.mark.parametrize("instances", [1, 2])
def test_a_good_breaker_passes_everything(takes_s: float, instances: int) -> None:
    truth = simulate(failure_takes_s=takes_s, instances=instances)
    assert outcomes(truth.recording) == dict.fromkeys(BREAKER, PASS)


@pytest.mark.parametrize("instances", [1, 2])
def test_the_figures_are_those_of_the_breakers(instances: int) -> None:
    """Each lies in its interval, and so does the truth; what is counted is counted exactly."""
    truth = simulate(instances=instances)
    opens, leak, fast, closes, flaps = (judged(name, truth.recording) for name in BREAKER)
    for found, real_s in ((opens, truth.opened_s - 30.005), (closes, truth.closed_s - 45.007)):
        assert found.interval is not None and found.figure == pytest.approx(sum(found.interval) / 2)
        assert found.interval[0] <= real_s <= found.interval[1] <= found.interval[0] + 2.5
        assert (found.unit, found.censored) == ("s", False)
    begin_s, end_s = leak.evidence["counted from (s)"], leak.evidence["counted until (s)"]
    assert isinstance(begin_s, float) and isinstance(end_s, float)
    requests = 20 * (end_s - begin_s)
    assert leak.figure == pytest.approx(float(leak.evidence["calls"] or 0) / requests, rel=0.05) and leak.figure > 0
    assert leak.evidence["probes per half-open"] == 1
    # Two milliseconds, to the width of a bucket.
    assert fast.figure == pytest.approx(FAST_S, rel=0.05)
    assert fast.interval is not None and fast.interval[0] <= FAST_S <= fast.interval[1]
    assert (flaps.figure, flaps.interval, flaps.unit) == (0, (0, 0), "times")
    seen = sum(piece.count for piece in truth.recording.slices if piece.outcome == BREAKER_OPEN)
    assert {found.evidence["requests that failed fast"] for found in (opens, leak, fast, closes, flaps)} == {seen}


def test_what_never_came_is_censored_and_has_no_figure() -> None:
    """Open upwards from how long it was waited for; a limit beyond that is not exceeded, and not kept."""
    never = simulate(defect=NEVER_OPENS).recording
    for limit_s, outcome in ((5, FAIL), (20, INCONCLUSIVE)):
        opens = judged("breaker_opens", never, limit_s=limit_s)
        assert (opens.outcome, opens.figure, opens.censored) == (outcome, None, True)
        assert opens.interval == (pytest.approx(15.002), math.inf)
    assert "a failure longer than the limit would settle it" in opens.reason
    leak = judged("breaker_leak_through", never)
    assert leak.figure == pytest.approx(1, abs=0.05) and not leak.censored
    stays = judged("breaker_closes", simulate(defect=NEVER_CLOSES).recording)
    assert (stays.outcome, stays.figure, stays.censored) == (FAIL, None, True)
    assert stays.interval is not None and 28.9 < stays.interval[0] < 31 and stays.interval[1] == math.inf
    # What was not counted was not waited for.
    unread = judged("breaker_flaps", without(simulate().recording, "target_breaker"), state_remedy="give --api-urls")
    assert (unread.outcome, unread.figure, unread.interval) == (INCONCLUSIVE, 0, (0, math.inf))
    assert not unread.censored
    assert unread.reason.endswith("would show short ones: give --api-urls")


def test_a_criterion_that_is_told_no_names_passes_on_no_witness_but_the_clients() -> None:
    """Whatever was probed: it knows no target's metrics by itself."""
    recording = simulate(instances=1).recording
    found = {name: criteria.load(CriterionSpec(name)).judge(recording) for name in BREAKER}
    assert {name: each.outcome for name, each in found.items()} == {
        "breaker_opens": INCONCLUSIVE,
        "breaker_leak_through": INCONCLUSIVE,
        "fast_fail_latency": PASS,
        "breaker_closes": PASS,
        "breaker_flaps": INCONCLUSIVE,
    }
    nothing = "not observable: nothing counts the calls that the dependency receives"
    assert found["breaker_leak_through"].reason == nothing
    assert found["breaker_opens"].reason.endswith(nothing)


def test_each_defect_fails_its_own_criteria_alone() -> None:
    """What cannot be judged any more is INCONCLUSIVE, and not a FAIL."""
    assert outcomes(simulate(defect=NEVER_OPENS).recording) == {
        "breaker_opens": FAIL,
        "breaker_leak_through": FAIL,
        "fast_fail_latency": INCONCLUSIVE,
        "breaker_closes": INCONCLUSIVE,
        "breaker_flaps": INCONCLUSIVE,
    }
    assert outcomes(simulate(defect=NEVER_CLOSES).recording) == {**dict.fromkeys(BREAKER, PASS), "breaker_closes": FAIL}


def test_a_limit_below_is_a_fail() -> None:
    """Each limit is really looked at."""
    assert judged("breaker_opens", simulate(threshold=50).recording, limit_s=2).outcome is FAIL
    recording = simulate(failure_takes_s=0.5, failure_share=0.9, threshold=3, rest_s=0.3, instances=1).recording
    assert judged("breaker_leak_through", recording, limit=0.001).outcome is FAIL
    assert judged("fast_fail_latency", recording, limit_s=0.001).outcome is FAIL
    assert judged("breaker_flaps", recording).outcome is FAIL
    late = simulate(rest_s=10, failing_s=(30, 36)).recording
    assert judged("breaker_closes", late, limit_s=2).outcome is FAIL


def test_without_the_dependencys_counter_clients_are_only_consistent_with_a_breaker() -> None:
    """And the remedy is named; the breakers' own word is taken where it is given, and said to be no more than that."""
    recording = without(simulate().recording, "upstream")
    alone = without(recording, "target_breaker")
    finding = judged("breaker_opens", alone, dependency_remedy="name it with --upstream")
    assert finding.outcome is INCONCLUSIVE
    unread = f"not observable: no probe read {DEPENDENCY}"
    assert finding.reason.endswith(
        f"consistent with a breaker, but whether they spared the dependency is {unread}: name it with --upstream"
    )
    leak = judged("breaker_leak_through", alone)
    assert (leak.outcome, leak.reason) == (INCONCLUSIVE, unread)
    own = judged("breaker_opens", recording)
    assert own.outcome is PASS
    assert "by its own word" in own.reason


def test_a_dependency_that_died_can_still_be_broken_off() -> None:
    """Its counter is silent from then on, so the breakers' own word is what there is."""
    recording = simulate().recording
    alive = tuple(sample for sample in recording.probes if DEPENDENCY not in sample.values or sample.t < 30)
    finding = judged("breaker_opens", replace(recording, probes=alive))
    assert finding.outcome is PASS
    assert "by its own word" in finding.reason
    assert judged("breaker_leak_through", replace(recording, probes=alive)).outcome is INCONCLUSIVE
    alone = judged("breaker_opens", without(replace(recording, probes=alive), "target_breaker"))
    assert alone.outcome is INCONCLUSIVE


def test_a_counter_that_does_not_move_in_the_baseline_proves_nothing() -> None:
    """It would be flat whatever the breaker does."""
    recording = without(simulate().recording, "target_breaker")
    still = tuple(replace(sample, values=dict.fromkeys(sample.values, 7.0)) for sample in recording.probes)
    finding = judged("breaker_leak_through", replace(recording, probes=still))
    assert finding.outcome is INCONCLUSIVE
    assert "do not call what it counts" in finding.reason


@pytest.mark.parametrize(("share", "is_its_own"), [(0.4, False), (0.6, True), (1.5, True)])
def test_a_counter_of_something_else_is_no_witness(share: float, is_its_own: bool) -> None:
    """Half of the requests of the baseline have to show in it: it is not that of the dependency that they call."""
    recording = simulate().recording
    scaled = tuple(
        replace(sample, values={DEPENDENCY: share * sample.values[DEPENDENCY]})
        if DEPENDENCY in sample.values
        else sample
        for sample in recording.probes
    )
    found = measured(replace(recording, probes=scaled))
    assert ("do not call what it counts" in found.unobserved) is not is_its_own
    assert (found.leak is not None) is is_its_own


def test_a_breaker_that_says_it_is_open_and_is_not_fails() -> None:
    """Its word against the dependency's: the calls arrive."""
    lying = simulate(defect=NEVER_OPENS).recording
    honest = simulate().recording
    told = [sample for sample in honest.probes if DEPENDENCY not in sample.values]
    counted = [sample for sample in lying.probes if DEPENDENCY in sample.values]
    finding = judged("breaker_opens", replace(lying, probes=(*told, *counted)))
    assert finding.outcome is FAIL
    assert "reached the dependency" in finding.reason


def test_fast_failures_are_told_by_their_speed_where_no_signature_is_known() -> None:
    """Found all the same; but that they are fast is then no finding."""
    recording = simulate(failure_takes_s=0.5).recording
    unnamed = tuple(
        replace(piece, outcome="http 503") if piece.outcome == BREAKER_OPEN else piece for piece in recording.slices
    )
    found = without(replace(recording, slices=unnamed), "target_breaker")
    assert judged("breaker_opens", found).outcome is PASS
    finding = judged("fast_fail_latency", found, signature_remedy="give --breaker-signature")
    assert finding.outcome is INCONCLUSIVE
    assert finding.reason.endswith("told by their speed, so they are fast by definition: give --breaker-signature")


def test_fast_errors_of_the_dependency_itself_are_no_breaker() -> None:
    """They come within 5 ms, like those of a breaker, and each of them reached the dependency."""
    recording = without(simulate(defect=NEVER_OPENS, failure_takes_s=0.003).recording, "target_breaker")
    finding = judged("breaker_opens", recording)
    assert finding.outcome is FAIL
    assert "reached the dependency" in finding.reason


def marked(recording: Recording, *marks: FaultMark) -> Recording:
    return replace(recording, marks=marks)


def test_what_did_not_happen_is_said() -> None:
    """No fault, a fault that failed, a failure that was not undone, a dependency that never worked."""
    recording = simulate().recording
    for name in BREAKER:
        spared = judged(name, marked(recording), fault_remedy="give --upstream-switch")
        assert (spared.outcome, spared.reason) == (
            INCONCLUSIVE,
            "a fault of the dependency was never injected, so no breaker had a reason to open: give --upstream-switch",
        )
        named = judged(name, recording, fault="kill")
        assert (named.outcome, "the fault kill was never injected" in named.reason) == (INCONCLUSIVE, True)
        failed = judged(name, marked(recording, FaultMark(30, "http_toggle", FAILED, "connection refused")))
        assert (failed.outcome, "connection refused" in failed.reason) == (INCONCLUSIVE, True)
        down = replace(recording, slices=tuple(replace(piece, outcome="http 503") for piece in recording.slices))
        never = judged(name, down)
        assert (never.outcome, "nothing to break" in never.reason) == (INCONCLUSIVE, True)
        assert "http 503" in never.reason
    left = marked(recording, FaultMark(30.005, "http_toggle", INJECTED))
    assert judged("breaker_closes", left).outcome is INCONCLUSIVE
    assert "not undone" in judged("breaker_closes", left).reason


def test_an_instance_that_went_silent_while_it_was_open_allows_no_pass() -> None:
    """Its closing was not seen; that of the others was."""
    recording = simulate().recording
    gone = "127.0.0.1:8002"
    kept = tuple(sample for sample in recording.probes if sample.source != gone or sample.t < 40)
    finding = judged("breaker_closes", replace(recording, probes=kept))
    assert finding.outcome is INCONCLUSIVE
    assert f"{gone} could not be read" in finding.reason
    assert judged("breaker_opens", replace(recording, probes=kept)).outcome is PASS
    assert judged("breaker_flaps", replace(recording, probes=kept)).outcome is INCONCLUSIVE


@pytest.mark.parametrize("last_s", [29.9, 31], ids=["unread in the failure", "read once"])
def test_an_instance_that_died_before_it_was_seen_to_open_is_unknown(last_s: float) -> None:
    """The other one opened and closed; of this one nobody knows, neither that it did nor that it did not."""
    recording = simulate(threshold=30).recording
    gone = "127.0.0.1:8002"
    kept = tuple(sample for sample in recording.probes if sample.source != gone or sample.t < last_s)
    for name in ("breaker_opens", "breaker_closes", "breaker_flaps"):
        assert judged(name, replace(recording, probes=kept)).outcome is INCONCLUSIVE, name


def test_silent_probes_leave_what_clients_see() -> None:
    """No state, no counter: an opening that is only consistent, a closing that clients see."""
    recording = replace(simulate().recording, probes=())
    assert outcomes(recording) == {
        "breaker_opens": INCONCLUSIVE,
        "breaker_leak_through": INCONCLUSIVE,
        "fast_fail_latency": PASS,
        "breaker_closes": PASS,
        "breaker_flaps": INCONCLUSIVE,
    }


def test_a_run_that_was_cut_off_while_it_failed() -> None:
    """Judged up to there: it opened; that it closes was not seen, because it was not healed."""
    truth = simulate()
    cut = replace(
        truth.recording,
        slices=tuple(piece for piece in truth.recording.slices if piece.t < 40),
        probes=tuple(sample for sample in truth.recording.probes if sample.t < 40),
        marks=truth.recording.marks[:1],
        end=None,
    )
    found = outcomes(cut)
    assert (found["breaker_opens"], found["breaker_closes"]) == (PASS, INCONCLUSIVE)


def test_closing_too_late_to_be_seen_is_censored() -> None:
    """Watched for less than the limit: INCONCLUSIVE with what would settle it."""
    truth = simulate(defect=NEVER_CLOSES, phases=(30, 15, 6))
    finding = judged("breaker_closes", truth.recording, limit_s=10)
    assert finding.outcome is INCONCLUSIVE
    assert "a recovery phase of 13 s would settle it" in finding.reason


def test_presets_follow_the_rate_of_the_run() -> None:
    """resilience4j needs 100 calls: at 10 a second and instance, 10 s; Envoy needs 5."""
    recording = simulate().recording
    slow, quick = (judged("breaker_opens", recording, preset=name).limit for name in ("resilience4j", "envoy"))
    assert slow == pytest.approx(10, abs=0.1)
    assert quick == pytest.approx(0.5, abs=0.1)
    assert judged("breaker_closes", recording, preset="resilience4j").limit == pytest.approx(61)
    unknown = judged("breaker_opens", recording, preset="hope")
    assert (unknown.outcome, unknown.reason) == (
        INCONCLUSIVE,
        "there is no preset 'hope'; there are resilience4j, envoy",
    )


def test_an_open_breaker_before_the_failure_is_no_opening() -> None:
    recording = simulate().recording
    open_before = tuple(
        replace(sample, values={**sample.values, STATE: 1.0}) if STATE in sample.values and sample.t < 30 else sample
        for sample in recording.probes
    )
    finding = judged("breaker_opens", replace(recording, probes=open_before))
    assert finding.outcome is INCONCLUSIVE
    assert "begin with a closed breaker" in finding.reason


@pytest.mark.parametrize(("begin_s", "outcome"), [(25, INCONCLUSIVE), (28.5, INCONCLUSIVE), (30, PASS)])
def test_fast_failures_that_began_before_the_failure_are_no_opening(begin_s: float, outcome: Outcome) -> None:
    """To clients alone the breaker is open from a little after ``begin_s`` on; the mark says 30 s."""
    run = simulate(failing_s=(begin_s, 45), failure_takes_s=0.5, instances=1).recording
    injected, undone = run.faults
    late = replace(run, marks=(replace(injected, t=30.0), undone))
    finding = judged("breaker_opens", without(late, "target_breaker"))
    assert finding.outcome is outcome
    assert ("open before the failure" in finding.reason) is (outcome is INCONCLUSIVE)


def refused(*, slow_first: bool = False, counted: bool = True) -> Recording:
    """No breaker at all: what the dependency's port refuses fails at once, and its counter stands still; or, for the
    first second, it hangs.
    """
    good = simulate(instances=1, defect=NEVER_OPENS, failure_takes_s=0.003).recording
    lines = []
    for piece in good.slices:
        if slow_first and piece.outcome != OK and piece.t == 30:
            piece = replace(piece, latency={bucket_index(500_000): piece.count}, outcome="http 504")
        lines.append(piece)
    calls = [sample.values[DEPENDENCY] for sample in good.probes if DEPENDENCY in sample.values and sample.t < 30]
    probes = [
        replace(sample, values={DEPENDENCY: min(sample.values[DEPENDENCY], calls[-1])})
        for sample in good.probes
        if counted and DEPENDENCY in sample.values
    ]
    return replace(good, slices=tuple(lines), probes=tuple(probes))


def test_a_fast_refusal_is_no_opening() -> None:
    """Without a failure before it nobody has learned that the dependency fails."""
    for recording in (refused(), refused(counted=False)):
        opens = judged("breaker_opens", recording)
        assert (opens.outcome, opens.figure, opens.interval) == (INCONCLUSIVE, None, None)
        assert "consistent with a breaker" in opens.reason and "a fast refusal alone is no evidence" in opens.reason
        closes = judged("breaker_closes", recording)
        assert (closes.outcome, closes.figure) == (INCONCLUSIVE, None)
        assert "no breaker was shown to do that" in closes.reason
        assert judged("breaker_flaps", recording).outcome is INCONCLUSIVE
    learned = judged("breaker_opens", refused(slow_first=True))
    assert learned.outcome is PASS, "the same after failures that took their time"
    assert learned.interval is not None and learned.interval[0] <= 1 <= learned.interval[1] <= 3


def test_what_calls_itself_open_and_spares_nobody_cannot_close() -> None:
    """Also where only the limit of the opening was missed: what follows a FAIL is no PASS."""
    truth = simulate(defect=NEVER_OPENS)
    lying = replace(
        truth.recording,
        probes=tuple(
            replace(sample, values={**sample.values, STATE: float(31 <= sample.t < 46)})
            if STATE in sample.values
            else sample
            for sample in truth.recording.probes
        ),
    )
    assert judged("breaker_opens", lying).outcome is FAIL
    assert judged("breaker_closes", lying).outcome is INCONCLUSIVE
    late = simulate(threshold=50).recording
    specs = [CriterionSpec("breaker_opens", {**WITNESSES, "limit_s": 2.0}), CriterionSpec("breaker_closes", WITNESSES)]
    found = {each.kind: each for each in judge(late, specs).findings}
    assert found["breaker_opens"].outcome is FAIL
    assert found["breaker_closes"].outcome is INCONCLUSIVE
    assert found["breaker_closes"].reason.startswith("follows breaker_opens, which failed")
    assert judged("breaker_closes", late).outcome is PASS


@pytest.mark.parametrize(
    ("samples", "requests", "told"),
    [
        ((), 100, "nothing counts the calls"),
        (((10.0, 5.0),), 100, "was not read in the baseline"),
        (((10.0, 5.0), (30.0, 99.0)), 100, "was not read in the baseline"),
        (((9.9, 0.0), (29.9, 55.0)), 100, "was not read in the baseline"),
        (((10.0, 0.0), (29.9, 6.0)), 200, ""),
        (((10.0, 0.0), (29.9, 4.0)), 200, "rose by 4 for 200 requests in the baseline"),
    ],
)
def test_a_counter_that_does_not_rise_with_the_requests_counts_something_else(
    samples: tuple[tuple[float, float], ...], requests: int, told: str
) -> None:
    """Of 200 in 20 s, half of those in the one second between two samples are 5."""
    counter = tuple(Sample(t, t, value) for t, value in samples)
    spec = CriterionSpec("breaker_opens", {**WITNESSES, **({} if counter else {"dependency": ""})})
    why = _measure._why_unobserved(counter, criteria.load(spec), (10, 30), requests)  # type: ignore[arg-type]
    assert (told in why) if told else not why


@given(st.data())
@settings(max_examples=40)
def test_the_failed_calls_until_it_is_open_are_counted(data: st.DataObject) -> None:
    """Each instance opens after so many; those of the seconds in which it may have opened are in doubt, and one call
    more may be under way.
    """
    threshold = data.draw(st.integers(1, 10))
    truth = data.draw(runs(failure_takes_s=0.003, threshold=threshold))
    found = judged("breaker_threshold", truth.recording, limit=1000)
    assert found.interval is not None, found.reason
    low, high = found.interval
    assert low <= threshold + 1 and threshold <= high, found.reason


def test_the_failed_calls_of_whole_seconds_before_it_opened_are_certain() -> None:
    """Of sixty, at 20 a second, those of the second in which it opens and of the one before are in doubt."""
    found = judged("breaker_threshold", simulate(threshold=60, instances=1).recording)
    assert found.interval is not None and 20 <= found.interval[0] <= 60 <= found.interval[1] <= 100, found.reason


@pytest.mark.parametrize("outcome", [UNSERVED, USER_EXCEPTION])
def test_what_was_never_sent_is_no_failed_call(outcome: str) -> None:
    """Arrivals that find no user, as a dependency that hangs makes, have not reached the service."""
    run = simulate(threshold=40, instances=1).recording
    unsent = tuple(Slice(t, "local", ITERATION, outcome, 200, 0, {}) for t in (30, 31))
    found = judged("breaker_threshold", replace(run, slices=(*run.slices, *unsent)), limit=100)
    assert found.interval == judged("breaker_threshold", run, limit=100).interval
    assert found.outcome is PASS, found.reason
    unsent = tuple(Slice(t, "local", ITERATION, outcome, 200, 0, {}) for t in range(30, 45))
    crowded = replace(run, slices=(*run.slices, *unsent))
    leaks = [judged("breaker_leak_through", each).interval for each in (run, crowded)]
    assert leaks[0] == leaks[1] is not None, "nor a request that was spared"


@pytest.mark.parametrize("outcome", ["connection refused", "timeout"])
def test_what_had_no_answer_may_have_been_tried_or_not(outcome: str) -> None:
    run = simulate(threshold=40, instances=1).recording
    more = tuple(Slice(t, "local", "GET /quote", outcome, 200, 0, {}) for t in (30, 31))
    known = judged("breaker_threshold", run, limit=100).interval
    found = judged("breaker_threshold", replace(run, slices=(*run.slices, *more)), limit=100)
    assert known is not None and found.interval == (known[0], known[1] + 400)
    assert found.outcome is INCONCLUSIVE and "400 of them had no answer" in found.reason, found.reason


def test_calls_until_it_is_open_are_held_against_the_limit() -> None:
    slow_breaker = simulate(threshold=60, instances=2).recording
    found = judged("breaker_threshold", slow_breaker)
    assert found.outcome is FAIL, found.reason
    assert (
        found.evidence["instances"] == 2 and "calls by each of 2 instances had failed when it was open" in found.reason
    )
    quick = judged("breaker_threshold", simulate(threshold=5, instances=2).recording)
    assert quick.outcome is PASS and quick.interval is not None and quick.interval[1] < 10, quick.reason


def test_one_that_never_opens_has_let_all_calls_through() -> None:
    found = judged("breaker_threshold", simulate(defect=NEVER_OPENS).recording)
    assert (found.outcome, found.figure, found.censored) == (FAIL, None, True)
    assert found.reason.endswith("to a dependency that failed, limit 10")
    uncounted = judged("breaker_threshold", without(simulate(defect=NEVER_OPENS).recording, DEPENDENCY))
    assert uncounted.outcome is INCONCLUSIVE
    assert "how many calls reached its dependency is not known" in uncounted.reason


def test_without_its_signature_nobody_knows_which_calls_were_tried() -> None:
    run = simulate().recording
    unsigned = replace(
        run, slices=tuple(replace(p, outcome="http 503") if p.outcome == BREAKER_OPEN else p for p in run.slices)
    )
    found = judged("breaker_threshold", unsigned, signature_remedy="say how")
    assert found.outcome is INCONCLUSIVE
    assert found.reason == "no answer had the signature of an open breaker, so nobody knows which calls failed: say how"
