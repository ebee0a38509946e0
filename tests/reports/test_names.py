"""No request name is without a row, however many there are, and one that always fails is not hidden by the others."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

import pytest

from harness.analysis import phases
from harness.recording import CriterionSpec, Recording, Slice
from harness.recording.file import read
from harness.recording.values import OK, OTHER_NAMES
from harness.verdict import judge
from reports import _phase_table, html, markdown, terminal, verdict_json
from tests import recordings
from tests.reports import runs as reported

BROKEN = "GET /rarely/asked/for"
CRITERIA = (CriterionSpec("error_ratio", {"limit": 0.05}),)


def many(names: int = 61) -> Recording:
    """So many names of which the rarest fails always: 3 requests of thousands."""
    run = recordings.healthy()
    good = [Slice(t, "w", f"GET /{n:02}", OK, 20 + n, 0, {900: 20 + n}) for n in range(names - 1) for t in (5, 30, 60)]
    bad = [Slice(t, "w", BROKEN, "http 500", 1, 0, {900: 1}) for t in (5, 30, 60)]
    header = dataclasses.replace(run.header, criteria=CRITERIA)
    return dataclasses.replace(run, header=header, slices=(*good, *bad))


@functools.cache
def page_of_many() -> str:
    return html.render(many(), judge(many()))


def test_every_name_has_a_row_in_the_page_and_what_fails_comes_first() -> None:
    run = many()
    table = _phase_table.table(run)
    assert len(table.names) == 61 * 3
    assert {row.name for row in table.names[:3]} == {BROKEN}
    assert table.names[0].cause == "http 500 (1)"
    for phase in run.header.phases:
        rows = [row for row in table.phases if row.phase.startswith(phase.name)]
        assert [row.name for row in rows[:2]] == ["", BROKEN]
        assert len(rows) == 1 + _phase_table.FIRST_NAMES
    page = page_of_many()
    assert page.count('<th scope="row" class="name">') == 61 * 3
    assert 'id="name-filter"' in page


def test_markdown_has_every_name_that_failed() -> None:
    text = markdown.render(many(), judge(many()))
    section = text.partition("### Names that failed")[2].partition("###")[0]
    assert section.count("GET /rarely/asked/for") == 3
    assert "http 500" in section


def test_a_run_with_few_names_has_one_table_of_them() -> None:
    run = recordings.failing()
    assert not _phase_table.table(run).names
    assert 'id="name-filter"' not in reported.page("failing")


def test_requests_outside_of_the_phases_have_rows_too() -> None:
    run = many()
    early = Slice(-2, "w", "GET /login-form", "http 500", 4, 0, {})
    late = Slice(1000, "w", "GET /logout", "ok", 4, 0, {10: 4})
    table = _phase_table.table(dataclasses.replace(run, slices=(*run.slices, early, late)))
    rows = {(row.name, row.phase) for row in table.names}
    assert {("GET /login-form", phases.WARM_UP), ("GET /logout", phases.WIND_DOWN)} <= rows


def test_what_users_asked_for_to_get_ready_stands_apart_in_every_report(tmp_path: Path) -> None:
    """Whenever that was, and whatever became of it: it is in no phase, and in no figure."""
    run = recordings.healthy()
    form = Slice(31, "worker-1", "GET /login-form", "ok", 490, 0, {20_000: 490}, warm_up=True)
    broken = dataclasses.replace(form, outcome="http 500", count=10, latency={})
    run = recordings.ended(dataclasses.replace(run, warm_up=(form, broken)))
    run = read(recordings.write(run, tmp_path).parent)
    assert (run.slices, len(run.warm_up)) == (read(recordings.write(recordings.healthy(), tmp_path)).slices, 2)
    verdict, without = judge(run), judge(recordings.healthy())
    assert verdict.findings == without.findings
    (note,) = set(verdict.notes) - set(without.notes)
    assert "500 requests" in note and "GET /login-form" in note and "10 of them failed: http 500 (10)" in note
    assert note in json.loads(verdict_json.render(run, verdict))["notes"]
    assert note in " ".join(terminal.render(run, verdict).split())
    (row,) = (row for row in _phase_table.table(run).phases if row.phase == phases.WARM_UP)
    assert row.cells[:2] == ("500", "490")
    assert _phase_table.table(recordings.healthy()).phases == _phase_table.table(run).phases[1:]
    for text in (html.render(run, verdict), markdown.render(run, verdict)):
        assert phases.WARM_UP in text


def test_a_name_that_always_fails_is_said_beside_the_verdict() -> None:
    run = many()
    verdict = judge(run)
    note = f"All requests failed of {BROKEN} (3)."
    assert note in verdict.notes
    assert note in json.loads(verdict_json.render(run, verdict))["notes"]
    assert note in " ".join(terminal.render(run, verdict).split())
    assert note in page_of_many()


@pytest.mark.parametrize("run", [recordings.healthy(), recordings.failing()])
def test_nothing_is_said_where_no_name_always_fails(run: Recording) -> None:
    assert not [note for note in judge(run).notes if "All requests failed" in note]


def test_names_that_were_not_kept_apart_are_said() -> None:
    run = many()
    other = Slice(30, "w", f"GET {OTHER_NAMES}", OK, 700, 0, {900: 700})
    notes = judge(dataclasses.replace(run, slices=(*run.slices, other))).notes
    assert any(note.startswith(f"700 requests are counted together as {OTHER_NAMES}") for note in notes)
