"""What cannot be judged, and reports that cannot be written: said with a remedy, and never a PASS.

In this process, but for one command of each kind.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from harness import cli
from harness.recording.file import FILE_NAME
from harness.recording.header import FORMAT
from tests import recordings
from tests.reports.runs import draw_nothing_new
from tests.run import runs
from tests.run.runs import Finished
from tests.run.together import together

PATIENCE_S = 600.0
"""This part of the tests gives way to the others."""


@dataclass
class Said:
    """What a command did."""

    code: int
    out: str
    err: str

    def ended_well(self, code: int) -> None:
        assert "Traceback" not in self.out + self.err, self.err
        assert self.code == code, f"{self.out}\n{self.err}"


def in_process(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """As the command ``springback`` does it."""
    with mock.patch("sys.argv", ["springback", *arguments]), pytest.raises(SystemExit) as ending:
        cli.main()
    captured = capsys.readouterr()
    code = ending.value.code
    return Said(code if isinstance(code, int) else int(code is not None), captured.out, captured.err)


def spoilt(directory: Path, what: str) -> str:
    """A recording with something wrong, to be judged."""
    run = directory / "run"
    run.mkdir()
    whole = recordings.write(recordings.login_herd(), run).read_text()
    match what:
        case "missing":
            run = directory / "nowhere"
        case "empty directory":
            (run / FILE_NAME).unlink()
        case "empty file":
            (run / FILE_NAME).write_text("")
        case "no recording":
            (run / FILE_NAME).write_text("Dear diary\nit rained.\n")
        case "binary":
            (run / FILE_NAME).write_bytes(bytes(range(256)) * 40)
        case "pipe without a writer":
            (run / FILE_NAME).unlink()
            os.mkfifo(run / FILE_NAME)
        case "device":
            run = Path("/dev/zero")
        case "name that is too long":
            run = directory / ("x" * 300)
        case "newer":
            (run / FILE_NAME).write_text(whole.replace(f'"format":{FORMAT}', f'"format":{FORMAT + 1}', 1))
        case "truncated":
            lines = whole.splitlines(keepends=True)
            (run / FILE_NAME).write_text("".join(lines[: len(lines) // 2]) + lines[len(lines) // 2][:20])
    return str(run)


NO_FILE = ("missing", "empty directory", "pipe without a writer", "device", "name that is too long")


@pytest.mark.parametrize(
    ("command", "what"),
    [
        *((command, what) for command in ("check", "report", "dump") for what in NO_FILE),
        *(
            (command, what)
            for command in ("check", "report")
            for what in ("empty file", "no recording", "binary", "newer")
        ),
    ],
)
def test_what_is_no_recording_cannot_be_judged_and_the_remedy_is_named(
    command: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = in_process(capsys, command, spoilt(tmp_path, what))
    said.ended_well(code=2)
    assert said.err.startswith("springback: ")
    assert any(remedy in said.err for remedy in ("Name a run", "not a recording", "Use the version"))


def assert_judged_up_to_the_cut(outcome: Said | Finished) -> None:
    outcome.ended_well(code=4)
    assert "INCONCLUSIVE" in outcome.out
    words = " ".join(outcome.out.split())
    assert "is cut off and was left out" in words
    assert "the recording has no end: the run was killed" in words


def test_a_recording_cut_off_in_mid_line_is_judged_up_to_there_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_judged_up_to_the_cut(in_process(capsys, "check", spoilt(tmp_path, "truncated")))


def judged(directory: Path) -> Finished:
    return runs.springback(directory, "report", spoilt(directory, "truncated")).wait(PATIENCE_S)


@together(judged)
def test_the_real_command_judges_a_recording_that_was_cut_off_in_mid_line(outcome: Finished) -> None:
    assert_judged_up_to_the_cut(outcome)


def unwritable(directory: Path, *formats: str) -> None:
    """A run that passes, and a directory in the place of some of its reports."""
    recordings.write(recordings.healthy(), directory)
    for name in formats:
        (directory / name).mkdir()


def test_a_run_whose_reports_cannot_be_written_does_not_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_nothing_new(monkeypatch)
    unwritable(tmp_path)
    in_process(capsys, "report", str(tmp_path)).ended_well(code=0)
    for name in ("report.html", "report.md", "junit.xml", "verdict.json"):
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
    said = in_process(capsys, "report", str(tmp_path))
    said.ended_well(code=4)
    words = " ".join(said.out.split())
    assert words.startswith("INCONCLUSIVE")
    assert "Reports could not be written (html: Is a directory;" in words and "springback report" in words


def test_the_reports_that_can_be_written_say_the_same_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unwritable(tmp_path, "report.md")
    in_process(capsys, "report", str(tmp_path)).ended_well(code=4)
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert (verdict["outcome"], verdict["exit_code"]) == ("INCONCLUSIVE", 4)
    assert "<error" in (tmp_path / "junit.xml").read_text()
    assert "INCONCLUSIVE" in (tmp_path / "report.html").read_text()


def test_a_fail_stays_one_when_its_reports_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_nothing_new(monkeypatch)
    recordings.write(recordings.failing(), tmp_path)
    (tmp_path / "junit.xml").mkdir()
    said = in_process(capsys, "report", str(tmp_path))
    said.ended_well(code=3)
    assert "junit: Is a directory" in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("run", "/nonexistent/scenario.py"), "there is no such file; name a scenario file, or one of autoscaling"),
        (("check",), "--help` says"),
        (("run",), "--help` says"),
    ],
)
def test_the_command_line_refuses_what_it_does_not_know(
    arguments: tuple[str, ...], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = in_process(capsys, *arguments)
    said.ended_well(code=2)
    assert said.err.startswith("springback: ") and remedy in said.err and said.err.count("\n") == 1


def nonsense(directory: Path) -> Finished:
    return runs.springback(directory, "judge").wait(PATIENCE_S)


@together(nonsense)
def test_the_real_command_refuses_a_command_that_it_does_not_have(outcome: Finished) -> None:
    outcome.ended_well(code=2)
    assert outcome.err == "springback: No such command 'judge'. (`springback --help` says what there is)\n"
