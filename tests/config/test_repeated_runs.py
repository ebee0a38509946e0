"""Which of several runs of one plan count, and what is said of those that were not made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.commands import repeat
from harness.findings import Finding, Outcome, Verdict
from reports.suite_part import NOT_RUN, Part

P, I, F = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL  # noqa: E741


@dataclasses.dataclass(frozen=True)
class Made:
    """What one run has ended as, and what its recording says when it is judged again; None where it left none."""

    ended_as: Outcome
    judged: Outcome | None
    stopped_early: bool = False


def repeated(runs: list[Made], times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[Part]]:
    """The exit code, and the parts of the last page."""
    coming = iter(runs)
    judged: dict[str, Verdict] = {}
    pages: list[list[Part]] = []

    def run_apart(scenario: Any, arguments: Any, directory: Path, signals: Any, label: str) -> Part:  # noqa: ARG001
        made = next(coming)
        if made.judged is not None:
            finding = Finding("error_ratio", "errors", made.judged, "counted", 0.0, kind="error_ratio")
            judged[label] = Verdict(made.judged, "counted", (finding,), stopped_early=made.stopped_early)
        return Part(label, made.ended_as, "so", 1.0, run=label if made.judged is not None else "")

    def write(_verdict: Verdict, parts: list[Part], _directory: Path) -> list[Path]:
        pages.append(list(parts))
        return []

    signals = SimpleNamespace(stopped=False)
    monkeypatch.setattr(repeat, "checked", lambda *_: (SimpleNamespace(name="herd", duration_s=60.0),))
    monkeypatch.setattr(repeat, "make_directory", lambda *_: tmp_path)
    monkeypatch.setattr(repeat, "Signals", lambda: signals)
    monkeypatch.setattr(repeat, "run_apart", run_apart)
    monkeypatch.setattr(repeat, "read", lambda path: path.name)
    monkeypatch.setattr(repeat, "judge", judged.__getitem__)
    monkeypatch.setattr(repeat.repeat_page, "write", write)
    monkeypatch.setattr(repeat.repeat_page, "text", lambda *_: "")
    code = repeat.repeat(tmp_path / "herd.py", (), tmp_path, times)
    return code, pages[-1]


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([Made(P, P)] * 3, 0),
        ([Made(F, F)] * 3, 3),
        ([Made(P, P), Made(I, P), Made(P, P)], 4),
        ([Made(P, P), Made(P, P), Made(I, None)], 4),
        ([Made(I, F), Made(F, F), Made(F, F)], 3),
        ([Made(I, I)] * 3, 4),
    ],
    ids=["all hold", "all fail", "one was killed after its verdict", "one left none", "killed, but failed", "unsure"],
)
def test_a_pass_of_a_run_that_did_not_end_so_is_no_pass_of_all(
    runs: list[Made], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repeated(runs, len(runs), tmp_path, monkeypatch)[0] == code


def test_after_a_run_that_was_stopped_early_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, parts = repeated([Made(P, P), Made(P, P, stopped_early=True)], 4, tmp_path, monkeypatch)
    assert code == 5
    assert [(part.scenario, part.word) for part in parts] == [
        ("herd-1", "PASS"),
        ("herd-2", "PASS"),
        ("herd-3", NOT_RUN),
        ("herd-4", NOT_RUN),
    ]
