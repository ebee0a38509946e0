"""The guard of the wind-down: what users ask when they are stopped is in no phase, and must not fail unseen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.analysis import phases
from harness.findings import Outcome
from harness.recording import CriterionSpec, Recording, Slice
from harness.recording.file import read
from harness.recording.marks import NodeMark
from harness.verdict import judge
from reports import _phase_table, html, markdown, terminal
from tests import recordings

CRITERIA = [*recordings.CRITERIA, CriterionSpec("wind_down_healthy")]


def logouts(good: int, failed: int, *, stopped: bool = True) -> tuple[Slice, ...]:
    """As users were stopped, or by themselves after the last phase."""
    end_s = recordings.healthy().header.phases[-1].end_s
    return tuple(
        Slice(end_s, "worker-1", "POST /logout", outcome, count, 0, {9: count}, starts=0, wind_down=stopped)
        for outcome, count in (("ok", good), ("http 500", failed))
        if count
    )


def run(good: int, failed: int, *, stopped: bool = True) -> Recording:
    healthy, late = recordings.healthy(), logouts(good, failed, stopped=stopped)
    slices = healthy.slices if stopped else (*healthy.slices, *late)
    return recordings.ended(dataclasses.replace(healthy, slices=slices, wind_down=late if stopped else ()))


@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.parametrize(
    ("good", "failed", "outcome"),
    [(0, 0, Outcome.PASS), (95, 5, Outcome.PASS), (90, 10, Outcome.INCONCLUSIVE), (0, 490, Outcome.INCONCLUSIVE)],
)
def test_logouts_that_fail_are_no_pass(good: int, failed: int, outcome: Outcome, stopped: bool) -> None:
    verdict = judge(run(good, failed, stopped=stopped), CRITERIA)
    assert verdict.outcome is outcome
    if outcome is not Outcome.PASS:
        assert f"most of them POST /logout ({failed}), with http 500" in verdict.reason
    assert not any(found.voided_by for found in verdict.findings), "what was measured stays measured"


def test_they_are_in_no_phase_and_in_every_report(tmp_path: Path) -> None:
    read_back = read(recordings.write(run(0, 490), tmp_path).parent)
    assert len(read_back.wind_down) == 1 and not any(piece.wind_down for piece in read_back.slices)
    verdict = judge(read_back, CRITERIA)
    (note,) = (note for note in verdict.notes if note.startswith("Wind-down"))
    assert "POST /logout (490); 490 of them failed: http 500 (490)" in note
    assert note in " ".join(terminal.render(read_back, verdict).split())
    (row,) = (row for row in _phase_table.table(read_back).phases if row.phase == phases.WIND_DOWN)
    assert row.cells[:2] == ("490", "0")
    for text in (html.render(read_back, verdict), markdown.render(read_back, verdict)):
        assert phases.WIND_DOWN in text


def test_users_that_were_still_stopping_leave_a_doubt() -> None:
    healthy = recordings.healthy()
    mark = NodeMark(95, "worker-2", "stopping", "what its users did then is not known")
    verdict = judge(dataclasses.replace(healthy, marks=(*healthy.marks, mark)), CRITERIA)
    assert verdict.outcome is Outcome.INCONCLUSIVE and "users of worker-2" in verdict.reason


def test_an_on_stop_that_was_cut_off_is_no_pass() -> None:
    """It has no request that tells of it."""
    healthy = recordings.healthy()
    cut_off = [NodeMark(95, f"worker-{n}", "cut off", "on_stop of users of Buyer") for n in range(7)] * 2
    (found,) = (
        each
        for each in judge(dataclasses.replace(healthy, marks=(*healthy.marks, *cut_off)), CRITERIA).findings
        if each.kind == "wind_down_healthy"
    )
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("on_stop of users of Buyer (worker-0), on_stop of users of Buyer (worker-1), ")
    assert "(worker-4) and 2 more was cut off before it had come to its end" in found.reason
