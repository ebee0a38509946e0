"""Every report says with which statuses each request name was answered, phase by phase."""

from __future__ import annotations

import dataclasses
import json
import xml.etree.ElementTree as ET

from harness.analysis import phases, tallies
from harness.recording import Recording, Slice
from harness.recording.file import decode, encode
from harness.recording.values import OK, UNFINISHED
from harness.verdict import judge
from reports import _phase_table, html, junit, markdown, terminal, verdict_json
from tests import recordings

SHOP, CART = "GET /shop", "POST /cart"


def answered() -> Recording:
    """The shop sends everybody to a login page in the spike; the cart answers 201 throughout."""
    slices = [
        Slice(5, "w", SHOP, OK, 20, 0, {900: 20}, status=200),
        Slice(60, "w", SHOP, OK, 9, 0, {900: 9}, status=200),
    ]
    slices += [Slice(30, node, SHOP, OK, 200, 0, {900: 200}, status=302) for node in "wx"]
    slices += [Slice(30, "w", SHOP, "http 503", 7, 0, {900: 7}, status=503), Slice(30, "w", SHOP, UNFINISHED, 3, 0, {})]
    slices += [Slice(t, "w", CART, OK, 4, 0, {900: 4}, status=201) for t in (5, 30, 60)]
    lines = "".join(encode(piece) for piece in slices).splitlines()
    read = tuple(piece for piece in map(decode, lines) if isinstance(piece, Slice))
    return dataclasses.replace(recordings.healthy(), slices=read)


def test_statuses_are_counted_by_phase_and_name() -> None:
    grouped = phases.by_phase_and_name(answered())
    assert tallies.statuses(grouped["spike"][SHOP]) == {302: 400, 503: 7}, "what had no answer has no status"
    assert tallies.statuses(grouped["baseline"][SHOP]) == {200: 20}


def test_the_tables_of_the_page_and_of_markdown_have_them() -> None:
    run = answered()
    rows = {(row.phase.partition(",")[0], row.name): row.cells[-1] for row in _phase_table.table(run).phases}
    assert rows["spike", SHOP] == "302 (400), 503 (7)"
    assert rows["recovery", CART] == "201"
    assert "<td>302 (400), 503 (7)</td>" in html.render(run, judge(run))
    assert "| 302 (400), 503 (7) |" in markdown.render(run, judge(run))


def test_programs_and_build_servers_get_them() -> None:
    run = answered()
    body = json.loads(verdict_json.render(run, judge(run)))
    assert {"phase": "spike", "name": SHOP, "statuses": {"302": 400, "503": 7}} in body["statuses"]
    properties = ET.fromstring(junit.render(run, judge(run))).iter("property")
    found = {each.get("name"): each.get("value") for each in properties}
    assert found[f"statuses of {SHOP}, spike"] == "302 (400), 503 (7)"
    assert found[f"statuses of {CART}, spike"] == "201"


def test_the_terminal_shows_only_names_with_more_than_one() -> None:
    text = terminal.render(answered(), judge(answered()))
    assert f"{SHOP}, spike: 302 (400), 503 (7)" in text
    assert f"{SHOP}, baseline: 200" in text, "another status than in the spike"
    assert CART not in text.partition("Statuses")[2]


def test_an_old_recording_without_statuses_is_shown_as_before() -> None:
    run = recordings.healthy()
    assert "Statuses" not in terminal.render(run, judge(run))
    assert json.loads(verdict_json.render(run, judge(run)))["statuses"] == []
    assert {row.cells[-1] for row in _phase_table.table(run).phases} == {"–"}


def test_a_connection_that_came_about_is_no_request_of_its_class_and_has_no_latency() -> None:
    users = (Slice(31, "local", "GET /", OK, 1, 0, {1000: 1}, user_class="Listener"),)
    instants = (Slice(31, "local", "connection /feed opened", OK, 5, 0, {0: 5}, user_class="Listener"),)
    run = dataclasses.replace(recordings.healthy(), slices=(*users, *instants))
    rows = {row.name: row.cells for row in _phase_table.table(run).phases}
    assert [rows[name][0] for name in ("", "@Listener", "GET /", "connection /feed opened")] == ["1", "1", "1", "5"]
    assert set(rows["connection /feed opened"][3:7]) == {"–"}
