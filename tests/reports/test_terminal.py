"""The verdict on the terminal, on a TTY and in a file, wide and narrow."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest

from harness.commands import check
from harness.findings import Outcome
from harness.verdict import judge
from reports import terminal
from tests import recordings
from tests.reports import runs


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_verdict_the_reason_and_the_reports_are_there() -> None:
    run = recordings.never_recovering()
    text = terminal.render(run, judge(run), [Path("runs/x/report.html")])
    lines = text.splitlines()
    assert lines[1] == "FAIL  login-herd against http://127.0.0.1:8080"
    assert "recovery after the spike: not recovered" in lines[2]
    assert "never recovered: > 60 s" in text
    assert lines[-1] == "  runs/x/report.html"


def test_a_run_without_any_request_says_once_why_and_nothing_else() -> None:
    """Findings and guards of a target that was down would say it fifteen times over."""
    run = recordings.healthy()
    assert run.end is not None
    why = "the target was not healthy before the start: TCP 127.0.0.1:8080: connection refused"
    down = dataclasses.replace(run, slices=(), end=dataclasses.replace(run.end, completed=False, reason=why))
    verdict = judge(down)
    text = terminal.render(down, verdict)
    assert " ".join(text.split()).count("connection refused") == 1
    assert "Guards of the measurement" not in text
    assert "not judged" not in text
    assert terminal.NOTHING_JUDGED in " ".join(text.split())
    damaged = terminal.render(dataclasses.replace(down, damage=("line 7 is cut off",)), verdict)
    assert "Recording: line 7 is cut off." in damaged
    stream = Tty()
    terminal.show(down, verdict, [], stream)
    assert "Guards of the measurement" not in stream.getvalue()


def test_of_the_guards_those_are_shown_that_object_and_the_others_are_counted() -> None:
    """Sixteen that hold, with three lines each, would hide what was found."""
    for run, objecting, words in (
        (recordings.healthy(), [], "All {} guards hold."),
        (recordings.lost_worker(), ["load generator healthy"], "{} other guards hold."),
    ):
        verdict = judge(run)
        guards = [finding for finding in verdict.findings if finding.is_guard]
        assert [each.title for each in guards if each.outcome is not Outcome.PASS] == objecting
        held = words.format(len(guards) - len(objecting))
        stream = Tty()
        terminal.show(run, verdict, [], stream)
        for text in (terminal.render(run, verdict), stream.getvalue()):
            assert held in text.splitlines() and ("Guards of the measurement" in text) is bool(objecting)
            shown = [each.title for each in guards if each.reason[:30] in text]
            assert shown == objecting


@pytest.mark.parametrize("width", [1, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    run = recordings.lost_worker()
    lines = terminal.render(run, judge(run), (), width).splitlines()
    assert max(len(line) for line in lines) <= max(width, terminal.NARROWEST)


def test_a_stream_that_is_no_tty_gets_no_escape_sequences() -> None:
    run = recordings.failing()
    stream = io.StringIO()
    terminal.show(run, judge(run), [], stream)
    assert "\x1b" not in stream.getvalue()


def test_an_old_encoding_does_not_end_in_a_traceback() -> None:
    run = recordings.failing()
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal.show(run, judge(run), [], stream)


@pytest.mark.parametrize("columns", ["40", "80", "160"])
def test_a_tty_gets_words_beside_its_colours(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    run = recordings.lost_worker()
    stream = Tty()
    terminal.show(run, judge(run), [Path("runs/x/report.html")], stream)
    assert "INCONCLUSIVE" in stream.getvalue()
    assert "runs/x/report.html" in stream.getvalue()


def test_escape_sequences_in_names_do_not_reach_the_terminal() -> None:
    run = runs.hostile()
    for stream in (Tty(), io.StringIO()):
        terminal.show(run, runs.verdict(run), [], stream)
        assert "\x1b[31m" not in stream.getvalue().replace("\x1b[1;31m", "")
        assert "\u202e" not in stream.getvalue()


def test_on_one_line_and_as_events_it_is_the_same_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As ``springback check --quiet`` and ``--json`` print it."""
    recordings.write(recordings.never_recovering(), tmp_path)
    assert check.check(tmp_path, check.LINE) == 3
    assert capsys.readouterr().out.startswith("FAIL  login-herd against http://127.0.0.1:8080: ")
    assert check.check(tmp_path, check.JSON) == 3
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"] for each in events] == ["finding"] * (len(events) - 1) + ["verdict"]
    assert (events[-1]["outcome"], events[-1]["exit_code"]) == ("FAIL", 3)
