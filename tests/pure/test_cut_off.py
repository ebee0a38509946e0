"""A run that was stopped or killed: what had no answer is no survivor's PASS, and what was not seen is not passed."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree

import pytest

from harness.analysis import tallies
from harness.findings import Finding, Outcome, Verdict
from harness.recording import End, ProbeSample, Recording, Slice, Unanswered
from harness.recording.file import parse
from harness.recording.header import FORMAT, CriterionSpec, Header
from harness.recording.values import OK, UNFINISHED, UNSERVED
from harness.verdict import judge
from reports import junit
from tests import recordings

LIMITS = (
    CriterionSpec("error_ratio", {"limit": 0.05}),
    CriterionSpec("latency_quantile", {"limit_s": 5.0}),
    CriterionSpec("latency_quantile", {"limit_s": 20.0, "name": "patient"}),
    CriterionSpec("error_ratio", {"phase": "baseline", "name": "baseline_errors"}),
    CriterionSpec("error_ratio", {"phase": "recovery", "name": "recovery_errors"}),
)
WAITED_S = 13


def header() -> Header:
    return dataclasses.replace(recordings.healthy().header, criteria=LIMITS, nodes=1)


def answered(t: int, count: int) -> Slice:
    return Slice(t, "w", recordings.LOGIN, OK, count, 0, {8_000: count})


def stopped(hung: int = 50, outcome: str = UNFINISHED, name: str = recordings.LOGIN) -> Recording:
    """100 users are released at 30 s; ``hung`` of them have had no answer when somebody stops the run 13 s later."""
    end_s = 30 + 1 + WAITED_S
    pieces = [answered(t, 10) for t in range(30)] + [answered(30, 200 - hung)]
    if hung:
        pieces.append(Slice(30, "w", name, outcome, hung, 0, {}))
    pieces += [answered(t, 10) for t in range(31, end_s)]
    return Recording(header(), tuple(pieces), end=End(end_s, "stopped by SIGINT", False, 590 - hung, hung))


def of(verdict: Verdict, name: str) -> Finding:
    return next(finding for finding in verdict.findings if finding.criterion == name)


@pytest.mark.parametrize("outcome", [UNFINISHED, UNSERVED])
def test_users_that_had_waited_when_the_run_was_stopped_are_no_survivors_pass(outcome: str) -> None:
    """25 % may have failed or not; p95 is longer than they had waited, and nobody knows how much."""
    found = judge(stopped(outcome=outcome), LIMITS)
    errors, latency, patient = (of(found, name) for name in ("error_ratio", "latency_quantile", "patient"))
    assert errors.outcome is Outcome.INCONCLUSIVE
    assert errors.figure == 0 and errors.interval is not None and errors.interval[1] > 0.25
    assert "50 had no answer when the run was cut off" in errors.reason
    assert latency.outcome is Outcome.FAIL
    assert latency.interval is not None and latency.interval[0] == pytest.approx(WAITED_S, rel=0.01)
    assert latency.figure is None
    assert patient.outcome is Outcome.INCONCLUSIVE


def test_what_may_have_been_a_request_of_that_name_is_not_left_out_by_the_filter() -> None:
    spec = CriterionSpec("error_ratio", {"requests": recordings.LOGIN})
    found = of(judge(stopped(name="(iteration)"), [spec]), "error_ratio")
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.evidence["requests"] == 200


def test_the_phases_that_were_seen_to_their_end_with_every_answer_stay_passed_and_no_other() -> None:
    found = judge(stopped(hung=0), LIMITS)
    assert of(found, "baseline_errors").outcome is Outcome.PASS
    assert of(found, "error_ratio").outcome is Outcome.PASS
    late = of(found, "recovery_errors")
    assert late.outcome is Outcome.INCONCLUSIVE
    assert late.reason.startswith("held until the run was cut off at 44 s, before the end of the recovery (91 s): 0 of")


def test_junit_has_no_passed_case_of_a_phase_that_was_not_seen() -> None:
    run = stopped()
    cases = ElementTree.fromstring(junit.render(run, judge(run))).iter("testcase")
    passed = {
        case.get("name", "").partition(":")[0] for case in cases if not {"error", "failure"} & {e.tag for e in case}
    }
    assert passed & {spec.parameters.get("name", spec.criterion) for spec in LIMITS} == {"baseline_errors"}


def torn(*, back: bool = False, of_format: int = FORMAT) -> Recording:
    """The same, killed: no end line, only what the load process had said of those that wait. Three reports: of 7 at 3 s
    and 20 at 30 s; of 50 at 30 s, and none at 3 s any more; and, with ``back``, of none at all.
    """
    whole = stopped()
    early, late = ((3, recordings.LOGIN, UNFINISHED), (30, recordings.LOGIN, UNFINISHED))
    if of_format >= 4:
        said = [((*early, 7, 7), (*late, 20, 20)), ((*late, 50, 40), (*early, 0, 0)), ((*late, 0, 0),)]
    else:  # each tells all of it, first requests of iterations and later ones apart
        said = [((*early, 7, 7), (*late, 20, 20)), ((*late, 40, 40), (*late, 10, 0)), ()]
    reports = [Unanswered("w", rows) for rows in (said if back else said[:2])]
    samples = [ProbeSample(t + 0.5, "generator", "w", {"loop_lag_s": 0.0, "cpu_ratio": 0.1}) for t in range(44)]
    answered_ones = [piece for piece in whole.slices if piece.outcome == OK]
    lines = [dataclasses.replace(whole.header, format=of_format), *answered_ones, *samples, *reports]
    return parse(recordings.texts(lines), "torn")


@pytest.mark.parametrize("of_format", [FORMAT, 3])
def test_a_killed_run_knows_what_had_no_answer_at_its_last_report(of_format: int) -> None:
    run = torn(of_format=of_format)
    (left,) = [piece for piece in run.slices if piece.outcome == UNFINISHED]
    assert (left.t, left.name, left.count, left.starts) == (30, recordings.LOGIN, 50, 40)
    found = judge(run, LIMITS)
    assert of(found, "error_ratio").outcome is Outcome.INCONCLUSIVE
    assert of(found, "latency_quantile").outcome is Outcome.FAIL
    assert of(found, "baseline_errors").outcome is Outcome.PASS, "what an earlier report said holds no more"


@pytest.mark.parametrize("of_format", [FORMAT, 3])
def test_what_a_later_report_takes_back_is_not_counted_twice(of_format: int) -> None:
    run = torn(back=True, of_format=of_format)
    assert tallies.tally(run.slices).causes == {}


def test_a_phase_whose_last_second_no_report_covers_is_not_seen_to_its_end() -> None:
    run = torn(back=True)
    late = tuple(sample for sample in run.probes if sample.t < 31)
    found = judge(dataclasses.replace(run, probes=late), LIMITS)
    assert of(found, "error_ratio").outcome is Outcome.INCONCLUSIVE
    assert of(found, "baseline_errors").outcome is Outcome.PASS


def test_a_criterion_that_names_no_phase_needs_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = CriterionSpec("stale_reads")
    from harness import criteria

    def passes(_: object, __: Recording) -> Finding:
        return Finding("stale_reads", "stale reads", Outcome.PASS, "none of 10 reads was stale")

    monkeypatch.setattr(type(criteria.load(spec)), "judge", passes)
    assert of(judge(stopped(hung=0), [spec]), "stale_reads").outcome is Outcome.INCONCLUSIVE
    assert of(judge(recordings.healthy(), [spec]), "stale_reads").outcome is Outcome.PASS


@pytest.mark.parametrize("criterion", ["error_budget", "scaling_errors"])
def test_a_run_that_was_cut_off_has_not_passed_what_is_asked_of_all_that_follows_the_baseline(criterion: str) -> None:
    """The baseline is named only to be compared with, and was recorded to its end."""
    spec = CriterionSpec(criterion, {"objective": 0.9} if criterion == "error_budget" else {})
    run = recordings.healthy()
    whole = dataclasses.replace(run, header=dataclasses.replace(run.header, criteria=(spec,)))
    assert of(judge(whole), criterion).outcome is Outcome.PASS
    end = End(60, "stopped by SIGINT", False, 1410, 0)
    cut = dataclasses.replace(whole, slices=tuple(piece for piece in run.slices if piece.t < 60), end=end)
    found = of(judge(cut), criterion)
    assert found.outcome is Outcome.INCONCLUSIVE and "before the end of the recovery" in found.reason
