"""Recordings of real runs, made before the criteria got their rooms (format 1), and before slices were added up and
packed (format 3, with seals), are judged as they were then.
"""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness import criteria
from harness.findings import Finding
from harness.recording import Recording
from harness.recording.file import parse
from harness.verdict import judge

KEPT = Path(__file__).parents[1] / "kept"
VERDICTS: dict[str, Any] = json.loads((KEPT / "verdicts.json").read_text(encoding="utf-8"))


@cache
def kept(name: str) -> Recording:
    text = lzma.decompress((KEPT / f"{name}.jsonl.xz").read_bytes()).decode()
    return parse(text.splitlines(keepends=True), name)


def as_kept(finding: Finding) -> list[Any]:
    interval = None if finding.interval is None else list(finding.interval)
    return [finding.outcome.value, finding.figure, interval]


@pytest.mark.parametrize("name", VERDICTS)
def test_an_old_recording_is_judged_as_before(name: str) -> None:
    """Same outcomes, same figures, same intervals."""
    found = judge(kept(name))
    assert found.outcome.value == VERDICTS[name]["outcome"]
    mine = {each.criterion: as_kept(each) for each in found.findings}
    assert mine.keys() == VERDICTS[name]["findings"].keys()
    for criterion, (outcome, figure, interval) in VERDICTS[name]["findings"].items():
        told = [pytest.approx(each, rel=1e-9) if each is not None else None for each in (figure, interval)]
        assert mine[criterion] == [outcome, *told], criterion


def test_every_room_of_criteria_that_there_was_is_in_one_of_them() -> None:
    """A room that came later, or is a reader's own, can be in no recording of then."""
    judged = (criteria.load(spec) for name in VERDICTS for spec in kept(name).header.criteria)
    rooms = {type(each).__module__.split(".")[2] for each in judged}
    assert rooms == {"breaker", "cache", "guards", "pool", "recovery", "requests", "scaling", "websocket"}


def test_one_of_the_last_format_is_among_them() -> None:
    assert {kept(name).header.format for name in VERDICTS} == {1, 3}
    assert not any(kept(name).damage for name in VERDICTS)
