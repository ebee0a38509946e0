"""Attempts beside the requests that they were made for, and the amplification that follows."""

from __future__ import annotations

import dataclasses

from harness.analysis import amplification
from harness.analysis.amplification import Amplification
from harness.load.attempts import MOST_NAMES, Attempts
from harness.recording.line import decode, encode
from harness.recording.marks import AttemptsMark
from harness.recording.values import OTHER_NAMES
from harness.verdict import judge
from reports import _facts, terminal, verdict_json
from tests import recordings


def test_attempts_are_counted_by_second_name_and_outcome_and_handed_out_once() -> None:
    counted = Attempts()
    for t, outcome in ((3.2, "timeout"), (3.9, "timeout"), (3.95, "ok"), (4.0, "ok")):
        counted.ended(t, "GET /", outcome, 0.001)
    first, second = counted.take("w1")
    assert first == AttemptsMark(3, "w1", "GET /", {"timeout": {1000: 2}, "ok": {1000: 1}})
    assert (second.t, second.attempts) == (4, {"ok": {1000: 1}})
    assert counted.take("w1") == []
    assert decode(encode(first)) == first


def test_names_without_end_do_not_fill_the_memory() -> None:
    counted = Attempts()
    for number in range(MOST_NAMES + 50):
        counted.ended(1, f"GET /{number}", "ok", 0.001)
    names = {mark.name for mark in counted.take("w1")}
    assert len(names) == MOST_NAMES + 1 and OTHER_NAMES in names


def test_amplification_is_attempts_sent_in_a_phase_for_each_request_intended_in_it() -> None:
    """Of the names that may be tried again alone; without any there is none."""
    run = recordings.healthy()
    assert amplification.by_phase(run) == {}
    marks = [AttemptsMark(t, "worker-1", recordings.CANARY, {"timeout": {9: 20}, "ok": {9: 10}}) for t in range(31, 41)]
    marks += [AttemptsMark(t, "worker-2", recordings.CANARY, {"ok": {9: 10}}) for t in range(30)]
    run = dataclasses.replace(run, marks=(*run.marks, *marks))
    found = amplification.by_phase(run)
    assert found["baseline"] == Amplification(300, 300) and found["baseline"].ratio == 1
    assert found["spike"] == Amplification(0, 10)
    assert found["recovery"] == Amplification(300, 600)
    between = amplification.between(run, 31, 41)
    assert between is not None and between.ratio == 3
    assert _facts.amplification(run)[0] == ("amplification, baseline", "1 (300 attempts, 300 requests)")
    verdict = judge(run)
    assert "amplification, recovery: 0.5 (300 attempts, 600 requests)" in terminal.render(run, verdict)
    assert '"ratio": 0.5' in verdict_json.render(run, verdict)
