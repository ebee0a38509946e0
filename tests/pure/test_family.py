"""Many criteria in one run: what fails by itself, and what makes the run fail."""

from __future__ import annotations

import dataclasses

import pytest

from harness.findings import Basis, Outcome
from harness.recording import Recording, Slice
from harness.recording.header import CriterionSpec, Phase
from harness.verdict import judge
from tests.recordings import ended, healthy


def named(*failed: int, of: int = 20, seconds: int = 60) -> tuple[Recording, list[CriterionSpec]]:
    """One request name a figure: so many of its 20 requests a second fail in the first second, then none, in turn of
    three seconds, so that the seconds are no more alike than chance makes them.
    """
    phases = (Phase("baseline", 0, 30), Phase("spike", 30, 30 + seconds))
    slices = []
    for number, bad in enumerate(failed):
        for t in range(seconds):
            now = bad // seconds + (t < bad % seconds)
            slices.append(Slice(30 + t, "worker-1", f"GET /{number}", "ok", of - now, 0, {1000: of - now}))
            slices.append(Slice(30 + t, "worker-1", f"GET /{number}", "http 503", now, 0, {}))
    run = healthy()
    header = dataclasses.replace(run.header, phases=phases, gates=())
    run = dataclasses.replace(run, header=header, slices=tuple(slices), marks=())
    names = [f"GET /{number}" for number in range(len(failed))]
    return ended(run), [CriterionSpec("error_ratio", {"name": each, "requests": each}) for each in names]


def outcomes(*failed: int) -> tuple[list[str], str]:
    run, specs = named(*failed)
    verdict = judge(run, specs)
    found = {finding.criterion: finding for finding in verdict.findings}
    told = [found[str(spec.parameters["name"])] for spec in specs]
    return [finding.outcome.value for finding in told], " ".join(finding.reason for finding in told)


# Of 1,200 requests, 5 % are 60. Clopper and Pearson's lower end passes 5 % at 77 failures with 95 % confidence, and at
# 81 with the 99.17 % of one among twelve.
@pytest.mark.parametrize(("failed", "alone"), [(75, "INCONCLUSIVE"), (79, "FAIL"), (90, "FAIL")])
def test_one_criterion_fails_at_its_own_confidence(failed: int, alone: str) -> None:
    assert outcomes(failed)[0] == [alone]
    assert outcomes(failed, 0)[0] == [alone, "PASS"], "two may: twice 2.5 % are 5 %"


def test_what_fails_by_itself_is_not_enough_among_twelve() -> None:
    found, reasons = outcomes(79, *[0] * 11)
    assert found[0] == "INCONCLUSIVE"
    assert "one of 12 estimates has to fail with 99.2 % confidence" in reasons
    assert outcomes(90, *[0] * 11)[0][0] == "FAIL"


def test_what_is_confirmed_makes_room_for_the_next() -> None:
    """Holm, not Bonferroni: ten that surely fail leave two, which need no more than their own confidence."""
    assert outcomes(79, 0, *[300] * 10)[0] == ["FAIL", "PASS", *["FAIL"] * 10]


def test_a_census_is_no_matter_of_chance() -> None:
    """26 of 510 in a herd are more than 5 %, among however many others."""
    run = healthy()
    herd = (
        Slice(30, "worker-1", "POST /auth/login", "ok", 484, 0, {1000: 484}),
        Slice(30, "worker-1", "POST /auth/login", "http 503", 26, 0, {}),
    )
    others = [CriterionSpec("error_ratio", {"name": f"b{n}", "phase": "baseline", "limit": 0.9}) for n in range(12)]
    before = tuple(piece for piece in run.slices if piece.t < 30)
    run = ended(dataclasses.replace(run, slices=(*before, *herd)))
    verdict = judge(run, [CriterionSpec("error_ratio"), *others])
    (found,) = (finding for finding in verdict.findings if finding.criterion == "error_ratio")
    assert (found.outcome, found.basis) == (Outcome.FAIL, Basis.CENSUS)


def test_a_note_says_what_holds_for_all_of_them() -> None:
    run, specs = named(*[0] * 12)
    notes = " ".join(judge(run, specs).notes)
    assert "12 findings are estimates" in notes
    assert "in at most 5 % of runs" in notes
    assert "findings are estimates" not in " ".join(judge(run, specs[:2]).notes)
