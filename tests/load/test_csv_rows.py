"""Rows of a CSV file: read as spreadsheets write them, dealt out once, and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import safe_text
from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.user_exceptions import UserExceptions
from harness.load.users.csv_rows import CsvRows, RowDealer, RowsError
from harness.run.locust_output import hidden


@pytest.fixture(autouse=True)
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(safe_text, "_hidden", {})
    yield


def written(directory: Path, text: str | bytes) -> Any:
    """Options that name a file with this text."""
    path = directory / "tokens.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return SimpleNamespace(tokens=str(path), planned_users=2)


def user(options: Any, node: Node | None = None) -> Any:
    environment = SimpleNamespace(parsed_options=options)
    return SimpleNamespace(environment=environment, node=node or Node("r", Clock(exact=True)))


@pytest.mark.parametrize(
    "text",
    [
        "token,name\nt-one,a\nt-two,b\n",
        "name;token\r\na;t-one\r\nb;t-two\r\n",
        b"\xef\xbb\xbf token \tname\nt-one\ta\n\n\nt-two\tb",
        'name,token,more\n"a","t-one","x, y"\n"b","t-two","a ""quoted""\nline"\n',
    ],
    ids=["commas", "semicolons", "tabs and a byte order mark", "quotes"],
)
def test_rows_come_in_their_order_each_once(tmp_path: Path, text: str | bytes) -> None:
    options, rows = written(tmp_path, text), CsvRows("tokens", ["token"])
    assert not list(rows.problems(options))
    of_run = user(options)
    assert [rows.take(of_run)["token"], rows.take(of_run)["token"]] == ["t-one", "t-two"]
    with pytest.raises(RowsError, match=r"--tokens .*: all its 2 rows are taken; give it more rows, or the run fewer"):
        rows.take(of_run)


def test_a_row_is_used_again_as_often_as_was_asked_and_a_new_run_begins_anew(tmp_path: Path) -> None:
    options, rows = written(tmp_path, "token\nt-one\nt-two\n"), CsvRows("tokens", ["token"], uses=2)
    assert not list(rows.problems(options, takes=4))
    assert next(iter(rows.problems(options, takes=5))).endswith(
        "all its 2 rows, 2 times each, are too few, 5 are needed; give it more rows, or the run fewer users"
    )
    of_run = user(options)
    assert [rows.take(of_run)["token"] for _ in range(4)] == ["t-one", "t-two", "t-one", "t-two"]
    with pytest.raises(RowsError, match="2 times each, are taken"):
        rows.take(of_run)
    assert rows.take(user(options))["token"] == "t-one"


def test_one_dealer_serves_all_load_processes_however_unevenly_they_ask(tmp_path: Path) -> None:
    text = "token\n" + "".join(f"t-{number:02}\n" for number in range(10))
    options, dealer = written(tmp_path, text), RowDealer()
    nodes = [Node("r", Clock(exact=True)) for _ in range(3)]
    for node in nodes:
        node.deal_row = dealer.deal
    rows = [CsvRows("tokens", ["token"]) for _ in nodes]
    taken = [rows[each].take(user(options, nodes[each]))["token"] for each in (0, 0, 0, 0, 0, 0, 0, 1, 1, 2)]
    assert sorted(taken) == [f"t-{number:02}" for number in range(10)]
    with pytest.raises(RowsError, match="are taken"):
        rows[2].take(user(options, nodes[2]))


def test_a_load_process_with_another_file_gets_no_row() -> None:
    dealer = RowDealer()
    assert [dealer.deal("tokens", "aaa"), dealer.deal("tokens", "aaa"), dealer.deal("accounts", "bbb")] == [0, 1, 0]
    with pytest.raises(RowsError, match="has another file than others"):
        dealer.deal("tokens", "bbb")


SLIPS = {
    "": "has no rows below its first line|names none of the columns",
    "token\n": "has no rows below its first line; write one for each user",
    "tok\ns3cret-1\ns3cret-2\n": "the first line names none of the columns token; put their names there",
    "s3cret-1\ns3cret-2\n": "the first line names none of the columns token",
    "Token\ns3cret-1\ns3cret-2\n": r"there is no column token \(did you mean Token\?\)",
    "token\ns3cret-1\ns3cret-1\n": "lines 2, 3 have the same token; leave out all but one",
    "token,token\ns3cret-1,s3cret-2\n": "two columns are called token; rename one",
    "token,name\ns3cret-1,a\ns3cret-2\n": "line 3: has 1 values, and the first line 2 names",
    "token,name\n,s3cret-1\ns3cret-2,b\n": "token is empty in line 2; fill it in, or leave the row out",
    'token\n"s3cret-1\n': "line 2: .*; correct it",
    "token\ns3cret-\xff\n": "is not UTF-8; save it as that",
    "token\ns3cret-1\n": "all its 1 rows are too few, 2 are needed",
}


@pytest.mark.parametrize("text", SLIPS)
def test_what_cannot_be_used_is_told_in_one_line_without_a_value(tmp_path: Path, text: str) -> None:
    options = written(tmp_path, text.encode("latin-1"))
    (problem,) = CsvRows("tokens", ["token"]).problems(options)
    assert re.search(SLIPS[text], problem), problem
    assert problem.startswith("--tokens ") and "s3cret" not in problem


def test_a_missing_file_and_none_at_all() -> None:
    said = [*CsvRows("tokens", ["token"]).problems(SimpleNamespace(tokens="/no/such.csv", planned_users=1))]
    assert said == ["--tokens /no/such.csv: cannot be read (No such file or directory); correct the path"]
    said = [*CsvRows("tokens", ["token"]).problems(SimpleNamespace(tokens="", planned_users=1))]
    assert said == ["--tokens is empty: name a CSV file whose first line is token"]


def test_no_message_shows_a_value(tmp_path: Path) -> None:
    """Of all rows, taken or not, in exceptions and in what Locust writes; but those of columns that are shown."""
    options = written(tmp_path, "token,region\ns3cret-token,north\ns3cret-token-longer,south\nabc,east\n")
    CsvRows("tokens", ["token"], shown=["region"]).take(user(options))
    exceptions = UserExceptions(lambda: None)
    exceptions.note(KeyError("s3cret-token-longer of s3cret-token in north, abc"), "task")
    (mark,) = exceptions.take(lambda second: second, "n")
    assert mark.message == "'… of … in north, abc'"
    assert hidden("as3cret-tokenb in north", ()) == "a•••b in north"
