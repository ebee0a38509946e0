"""A file of somebody's own that cannot be loaded is one line with its place, and hides no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import reports
from harness.command_line import cli
from harness.commands.plugins import KINDS, Entry, listing
from harness.errors import ConfigurationError
from harness.plugins import loaded
from harness.verdict import judge
from tests import recordings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "\nimport nothing_like_that\n",
            "mine_{}.py, line 2: ModuleNotFoundError: No module named 'nothing_like_that'",
        ),
        ("x = (\n", "mine_{}.py, line 1: '(' was never closed"),
        ("def f():\n    return 1 / 0\n\nf()\n", "mine_{}.py, line 2: ZeroDivisionError: division by zero"),
    ],
)
def test_the_line_is_named(text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = len(text)
    (tmp_path / f"mine_{number}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as found:
        loaded(f"mine_{number}")
    assert str(found.value) == f"{words.format(number)}; mend the file, or take it out of the folder"


def test_a_listing_has_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(name: str) -> Entry:
        if name == "broken":
            raise ConfigurationError("shapes/broken.py, line 1: of all things")
        return Entry(name, "what it is")

    monkeypatch.setitem(KINDS, "shapes", (lambda: ["a", "broken", "c"], entry))
    assert listing("shapes").split("\n\n") == [
        "a\n    what it is",
        "broken\n    cannot be loaded: shapes/broken.py, line 1: of all things",
        "c\n    what it is\n",
    ]


def test_without_a_kind_the_names_of_all_kinds_are_listed() -> None:
    told = CliRunner().invoke(cli, ["plugins"])
    assert told.exit_code == 0
    for kind, (names, _) in KINDS.items():
        assert f"{kind}:\n    " in told.output
        assert set(names()) <= set(re.findall(r"[\w-]+", told.output))


def test_a_report_format_that_crashes_is_mended_and_not_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recordings.healthy()

    def crash(*_: object) -> str:
        raise RuntimeError("no paper")

    monkeypatch.setattr(reports.formats(["junit"])["junit"], "render", crash)
    (tmp_path / "report.md").mkdir()
    _, problems = reports.write(run, judge(run), tmp_path, ["junit", "markdown"])
    assert problems == [
        "junit: RuntimeError: no paper, mend reports/junit.py",
        "markdown: Is a directory",
    ]
