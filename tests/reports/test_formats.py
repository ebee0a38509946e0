"""Every format renders every run, and the files are written whole or not at all."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import reports
from harness.findings import Outcome, Verdict
from harness.verdict import judge
from reports import html, markdown, terminal
from tests import recordings
from tests.reports import runs

OURS = ("html", "junit", "markdown", "verdict_json")
"""What others have put beside them need not have more than the outcome."""


def test_the_folder_is_the_list_of_formats() -> None:
    files = {form.FILE_NAME for form in reports.formats().values()}
    assert files >= {"report.html", "report.md", "junit.xml", "verdict.json"}
    assert len(files) == len(reports.available()), "no two write the same file"


def test_wanted_formats_are_written_and_always_the_verdict(tmp_path: Path) -> None:
    """Nothing is drawn that nobody wants; a name that is none is said with those that there are."""
    run = recordings.healthy()
    written, _ = reports.write(run, judge(run), tmp_path, ["markdown", "junit"])
    assert {path.name for path in written} == {"report.md", "junit.xml", "verdict.json"}
    program = "import reports, sys; reports.formats(['junit']); print({'bokeh', 'numpy', 'jinja2'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
    assert reports.problem(["html", "junit"]) is None
    assert reports.problem(["pdf"]) == f"no format pdf; there are {', '.join(reports.available())}"


@pytest.mark.parametrize("variant", runs.VARIANTS)
def test_every_format_renders_a_run_with_parts_missing(variant: str) -> None:
    run, verdict = runs.judged(variant)
    for name, form in reports.formats().items():
        text = runs.page(variant) if name == "html" else form.render(run, verdict)
        assert verdict.outcome.value in text
    assert verdict.outcome.value in terminal.render(run, verdict)


def test_the_headline_of_each_of_our_formats_says_that_only_the_demo_was_tested() -> None:
    """And that of a service of one's own does not."""
    own = recordings.healthy()
    demo = dataclasses.replace(own, header=dataclasses.replace(own.header, reference_target=True))
    for run, says in ((own, False), (demo, True)):
        verdict = judge(run)
        for form in reports.formats(OURS).values():
            text = runs.page("healthy") if form is html and run is own else form.render(run, verdict)
            assert ("built-in demo" in text) is says
        assert ("built-in demo" in terminal.render(run, verdict).strip().partition("\n")[0]) is says


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_verdict_without_findings_is_rendered(outcome: Outcome) -> None:
    verdict = Verdict(outcome, "nothing was judged", ())
    for form in reports.formats().values():
        assert outcome.value in form.render(recordings.healthy(), verdict)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_all_files_are_written_and_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int, mode: int
) -> None:
    """Whoever may read them is whom the umask lets, as of the recording beside them."""
    runs.draw_nothing_new(monkeypatch)
    run = recordings.healthy()
    directory = tmp_path / "deep" / "run"
    before = os.umask(umask)
    try:
        written, problems = reports.write(run, judge(run), directory)
    finally:
        os.umask(before)
    assert not problems
    assert sorted(written) == sorted(directory.iterdir())
    assert all(path.stat().st_mode & 0o777 == mode for path in written)


def test_a_full_disk_leaves_the_old_file_and_no_torn_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = recordings.healthy()
    verdict = judge(run)
    (tmp_path / "report.html").write_text("old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    runs.draw_nothing_new(monkeypatch)
    written, problems = reports.write(run, verdict, tmp_path)
    assert not written
    assert problems == [f"{name}: No space left on device" for name in reports.available()]
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"


def test_a_directory_that_cannot_be_made_is_a_problem_of_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.draw_nothing_new(monkeypatch)
    run = recordings.healthy()
    (tmp_path / "file").write_text("")
    written, problems = reports.write(run, judge(run), tmp_path / "file" / "run")
    assert not written
    assert len(problems) == len(reports.available())


def test_a_format_that_crashes_keeps_no_other_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markdown, "render", lambda *_: 1 // 0)
    runs.draw_nothing_new(monkeypatch)
    run = recordings.healthy()
    written, problems = reports.write(run, judge(run), tmp_path)
    names = {form.FILE_NAME for form in reports.formats().values()}
    assert {path.name for path in written} == names - {"report.md"}
    assert problems == ["markdown: ZeroDivisionError: integer division or modulo by zero, mend reports/markdown.py"]


def test_a_copy_with_the_same_file_name_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"chat": "verdict.json", "markdown": "report.md", "notes": "report.md", "verdict_json": "verdict.json"}
    monkeypatch.setattr(reports, "_files", lambda: named)
    run = recordings.healthy()
    written, problems = reports.write(run, judge(run), tmp_path)
    assert [path.name for path in written] == ["report.md", "verdict.json"]
    assert problems == [
        "chat: verdict.json is what verdict_json writes, give it a FILE_NAME of its own",
        "notes: report.md is what markdown writes, give it a FILE_NAME of its own",
    ]


def test_hostile_names_are_written_too(tmp_path: Path) -> None:
    run = runs.hostile()
    written, _ = reports.write(run, runs.verdict(run), tmp_path)
    assert len(written) == len(reports.available())
