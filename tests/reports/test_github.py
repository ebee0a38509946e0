"""Annotations and the job's summary: whatever a target and users call things, GitHub reads what we say and no more."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.commands import check
from harness.findings import Finding, Outcome, Verdict
from harness.safe_text import one_line
from reports import github
from reports.suite_part import Part
from tests import recordings

REASON = "too many\n::add-mask::x"
HOSTILE = "POST /a,b:c%0A::set-output name=x::y\r\n::error::z\u202e"


def failed(count: int = 1) -> Verdict:
    findings = tuple(
        Finding(
            "error_ratio", f"{HOSTILE} {number}", Outcome.FAIL, f"too many\n::add-mask::{HOSTILE}", 0.5, "ratio", 0.1
        )
        for number in range(count)
    )
    doubtful = Finding("latency", "p95 latency", Outcome.INCONCLUSIVE, "59 samples needed, 31 seen")
    passed = Finding("other", "fine", Outcome.PASS, "all is well")
    return Verdict(Outcome.FAIL, "error ratio is above its limit", (*findings, doubtful, passed))


def printed(capsys: pytest.CaptureFixture[str], annotations: Iterable[github.Annotation]) -> list[str]:
    github.show(annotations, lambda: "", sys.stdout, {github.ACTIONS: "true"})
    return capsys.readouterr().out.split("\n")[:-1]


def test_each_finding_that_did_not_pass_is_one_line_and_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What GitHub reads back is the text, whatever is in it; and it reads nothing else."""
    lines = printed(capsys, github.of_verdict("shop", failed()))
    commands = [re.fullmatch(r"::(error|warning) title=([^:,]*)::(.*)", line) for line in lines]
    assert [found and found[1] for found in commands] == ["error", "error", "warning"]
    assert commands[1] is not None
    title = commands[1][2].replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    assert title == f"FAIL: shop: {one_line(HOSTILE)} 0"
    assert commands[1][3].replace("%25", "%").startswith("50 % (limit 10 %): too many ::add-mask::")
    assert lines[2].endswith("::59 samples needed, 31 seen"), "no figure that there is not"
    assert "\u202e" not in "".join(lines)


def test_no_more_annotations_than_github_shows(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, github.of_verdict("shop", failed(50)))
    assert [sum(line.startswith(f"::{level} ") for line in lines) for level in ("error", "warning")] == [10, 1]


def test_a_pass_has_none_and_of_a_suite_each_scenario_has_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, github.of_verdict("shop", Verdict(Outcome.PASS, "fine", ()))) == []
    parts = [Part("a", Outcome.PASS, "", 1), Part("b", Outcome.FAIL, "slow", 1), Part.not_run("c", "no database")]
    assert printed(capsys, github.of_parts(parts)) == [
        "::error title=FAIL%3A b::slow",
        "::warning title=NOT RUN%3A c::no database",
    ]


def test_elsewhere_nothing_is_printed_or_written(capsys: pytest.CaptureFixture[str]) -> None:
    github.show(github.of_verdict("shop", failed()), lambda: "# FAIL", sys.stdout, {})
    with github.quoted(sys.stdout, {}):
        pass
    assert capsys.readouterr() == ("", "")


def test_what_is_quoted_is_no_command_until_the_token_which_nobody_knows() -> None:
    stream = io.StringIO()
    with github.quoted(stream, {github.ACTIONS: "true"}):
        stream.write("::error::made up\n")
    first, inside, last = stream.getvalue().splitlines()
    assert inside == "::error::made up"
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert last == f"::{token}::"


def test_the_summary_is_appended_and_what_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "summary.md"
    path.write_text("of the step before\n")
    github.show((), lambda: "# FAIL\n", sys.stdout, {github.SUMMARY: str(path)})
    github.show((), lambda: "# PASS\n", sys.stdout, {github.SUMMARY: str(path)})
    assert path.read_text().splitlines() == ["of the step before", "# FAIL", "", "# PASS", ""]
    github.show((), lambda: "# FAIL", sys.stdout, {github.SUMMARY: str(tmp_path / "none" / "summary.md")})
    assert "the verdict is not in the job's summary" in capsys.readouterr().err


def test_a_name_that_is_no_text_costs_no_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    github.show((), lambda: "# FAIL: spike-\udcff", sys.stdout, {github.SUMMARY: str(path)})
    assert path.read_text() == "# FAIL: spike-?\n\n"


def test_a_run_of_several_tells_github_nothing_by_itself() -> None:
    assert github.without_variables({"PATH": "/bin", github.ACTIONS: "true", github.SUMMARY: "x"}) == {"PATH": "/bin"}


def test_the_report_of_a_recording_goes_to_github(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ``springback report`` does it, which is how every run ends."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv(github.ACTIONS, "true")
    monkeypatch.setenv(github.SUMMARY, str(summary))
    recordings.write(recordings.never_recovering(), tmp_path)
    assert check.report(tmp_path, ["verdict_json"]) == Outcome.FAIL.exit_code
    out = capsys.readouterr().out
    assert out.startswith("::stop-commands::")
    assert [line for line in out.splitlines() if line.startswith("::error title=FAIL%3A login-herd::")]
    assert summary.read_text().startswith("## ❌ FAIL: login-herd")
