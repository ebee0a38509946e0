"""Traces: files that can be replayed, and what is said of those that cannot."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clients import connection_guard
from harness.run import header, plan_text
from shapes._points import Series, Wanted
from shapes._series import read
from shapes.trace import Trace
from tests import service
from tests.shapes import every


def trace(path: Path, text: str | bytes, scale: float = 1.0, speed: float = 1.0) -> Trace:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    made = every.shape("trace", trace_file=str(path), trace_scale=scale, trace_speed=speed, baseline_s=10)
    assert isinstance(made, Trace)
    return made


def test_a_trace_is_replayed_at_a_scale_and_a_speed(tmp_path: Path) -> None:
    """Times count from the first row; between rows the level goes straight; two rows of one time are a step."""
    text = "\ufefftime,level\n# seen on a Monday\n\n1700000000,100\n1700000060,300\n1700000060,200\n1700000120,400\n"
    shape = trace(tmp_path / "t.csv", text, scale=0.1, speed=6)
    assert shape.problems() == []
    assert [shape.level(t) for t in (0, 10, 15, 20, 25, 29.99, 30, 80)] == pytest.approx(
        [10, 10, 20, 20, 30, 40, 40, 40], abs=0.05
    )
    assert [phase.end_s for phase in shape.profile().phases] == [10, 30, 90]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["0 rows of time,level; a trace needs two or more"]),
        ("time,level\n", ["0 rows of time,level; a trace needs two or more"]),
        ("0,1\n", ["1 rows of time,level; a trace needs two or more"]),
        ("5,1\n5,2\n", ["all rows are of one time"]),
        ("0,1\n5,2\n3,2\n9,1\n", ["line 3: the time goes back, from 5"]),
        ("0,1\n1,-2\nx,3\n3,y\n4\n5,6,7\n6,nan\n", [
            "line 2: the level is below 0",
            "line 3: the time is neither a number nor in ISO 8601",
            "line 4: the level is not a number",
            "line 5: 1 fields instead of time,level",
            "line 6: 3 fields instead of time,level",
            "line 7: the level is not a number",
        ]),
        ("hello,world\n0,1\n1,1\n", ["line 1: neither two numbers nor the heading time,level"]),
        (b"\xff\xfe\x00\x01", ["cannot be read: not a CSV file"]),
        (b"0,1\n1,\x00\n", ["the level is not a number"]),
        ("0,1\n" + "0,x\n" * 30, [f"line {n}: the level is not a number" for n in range(2, 12)] + ["20 more problems"]),
        ("0,1\n" * 20_001, ["line 20001: more than 20,000 rows; thin the trace out"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_line_by_line(tmp_path: Path, text: str | bytes, told: list[str]) -> None:
    """All of it at once, with the file's name."""
    shape = trace(tmp_path / "t.csv", text)
    problems = shape.problems()
    assert len(problems) == len(told), problems
    for problem, expected in zip(problems, told, strict=True):
        assert expected in problem and "t.csv" in problem


def test_the_text_of_a_file_is_never_repeated(tmp_path: Path) -> None:
    """Whoever can name a file in the web form must not be able to read it there."""
    shape = trace(tmp_path / "t.csv", "root:x:0:0:secret\nword,hunter2\n")
    assert not any(word in " ".join(shape.problems()) for word in ("secret", "hunter2", "root:"))


@pytest.mark.parametrize(
    ("name", "told"), [("none.csv", "no such file"), (".", "not a file"), ("/dev/zero", "not a file")]
)
def test_only_a_file_is_read(tmp_path: Path, name: str, told: str) -> None:
    """A device would never end."""
    shape = every.shape("trace", trace_file=str(tmp_path / name))
    (problem,) = shape.problems()
    assert told in problem


def test_a_file_is_read_afresh_at_every_check(tmp_path: Path) -> None:
    """Between two runs of one session it may have been mended."""
    shape = trace(tmp_path / "t.csv", "0,1\n9,x\n")
    assert shape.problems()
    (tmp_path / "t.csv").write_text("0,1\n9,8\n")
    assert shape.problems() == [] and shape.profile().users.peak == 8


def series(path: Path, text: str, **wanted: Any) -> Series:
    path.write_bytes(text.encode())
    return read(str(path), Wanted(**wanted))


ISO = "2026-06-13T10:00:00"
LOCUST = (
    "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%\n"
    "1781344800,0,,Aggregated,0.0,0.0,N/A\n"
    "1781344800,5,GET,/cart,20.0,0.0,120\n"
    "1781344801,9,,Aggregated,25.5,0.1,120\n"
)


@pytest.mark.parametrize(
    ("text", "wanted", "points"),
    [
        ("time;level\n0;10\n10;20\n", {}, [(0, 10), (10, 20)]),
        ("time;level\n0;10,5\n10;20\n", {}, [(0, 10.5), (10, 20)]),
        ("0\t1\n1\t2\n", {}, [(0, 1), (1, 2)]),
        (
            'sep=,\n"Time","Value"\n"1781344800000","10"\n"1781344810000","20"\n',
            {},
            [(1781344800, 10), (1781344810, 20)],
        ),
        ("1781344800000000000,1\n1781344801000000000,2\n", {}, [(1781344800, 1), (1781344801, 2)]),
        (f"Time,api\n{ISO}Z,1\n2026-06-13T12:00:10+02:00,2\n", {}, [(1781344800, 1), (1781344810, 2)]),
        ("time,value\n2026/06/13 10:00:00,1\n2026/06/13 10:00:10,2\n", {}, [(1781344800, 1), (1781344810, 2)]),
        (LOCUST, {}, [(1781344800, 0), (1781344801, 25.5)]),
        (LOCUST, {"users": True}, [(1781344800, 0), (1781344801, 9)]),
        (LOCUST, {"level_column": "50%"}, [(1781344801, 120)]),
        ("a,b,c\n7,0,1\n8,9,2\n", {"time_column": "b", "level_column": "3"}, [(0, 1), (9, 2)]),
        ("time,a,b\n0,,1\n1,null,2\n2,5,3\n3,6,4\n", {"level_column": "a"}, [(2, 5), (3, 6)]),
    ],
)  # fmt: skip
def test_what_other_programs_write_is_read(
    tmp_path: Path, text: str, wanted: dict[str, Any], points: list[tuple[float, float]]
) -> None:
    found = series(tmp_path / "t.csv", text, **wanted)
    assert found.points == points
    assert found.problems == [] or len(points) < 2


@pytest.mark.parametrize(
    "text",
    [
        "time,level,note\n0,5,before\n5,5,at\n5,20,after\n9,20,end\n",
        "time,level,what\n0,5,calm\n5,20,rush\n9,20,rush\n12,5,calm\n",
        "time,level,what\n0,10,base\n60,10,base\n60,100,spike\n120,100,spike\n",
        "time,level,what\n0,10,base\n60,10,base \n60,100,spike\n120,100,spike\n120,10,base\n180,10,base\n",
        "time,level,other\n0,5,1\n0,6,2\n9,20,1\n9,21,2\n",
    ],
)
def test_words_beside_one_series_tell_nothing_apart(tmp_path: Path, text: str) -> None:
    found = series(tmp_path / "t.csv", text, level_column="level")
    assert len(found.points) == text.count("\n") - 1 and not found.problems


@pytest.mark.parametrize(
    ("values", "is_read"),
    [
        ((5, 9, 9, 40, 12, 6, 8, 5), True),
        ((5, 9, 9, 40, 40, 40, 60, 70), False),
        ((50, 60, 70, 80, 90, 5, 15, 25, 35), False),
        ((5, 5, 5), False),
    ],
)
def test_a_gauge_that_is_called_as_a_counter_is_told_by_its_falls(
    tmp_path: Path, values: tuple[int, ...], is_read: bool
) -> None:
    """A counter falls where its program begins anew, and seldom."""
    pairs = [[15 * place, str(value)] for place, value in enumerate(values)]
    one = {"metric": {"__name__": "active_users_total"}, "values": pairs}
    found = series(tmp_path / "t.json", json.dumps({"data": {"resultType": "matrix", "result": [one]}}))
    assert bool(found.points) is is_read
    assert any("it is a counter" in problem for problem in found.problems) is not is_read


def test_a_series_of_an_answer_is_named_where_it_has_a_name(tmp_path: Path) -> None:
    """A gauge whose name ends as that of a counter may be, is none."""
    metrics = ({"path": "/a", "code": "200"}, {"__name__": "active_users_count"})
    first, second = (series(tmp_path / "t.json", answer_of(*metrics), level_column=f"{n}") for n in (1, 2))
    assert 'read 2 rows: the answer of Prometheus, {path="/a", code="200"}, times in seconds' in first.notes
    assert "read 2 rows: the answer of Prometheus, active_users_count, times in seconds" in second.notes


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("query=up&hush=1", "it answers 400; correct"),
        ("query=up&start=1&end=2&step=5&status=400", "it answers 400; correct"),
        ("query=up&status=302", "it answers 302, and leads elsewhere;"),
        ("query=up&status=503", "it answers 503; correct"),
    ],
)
def test_an_address_that_is_refused_shows_one_that_is_not(query: str, told: str) -> None:
    with service.running(status=400) as site:
        (problem,) = read(f"{site.url}/api/v1/query_range?{query}", Wanted()).problems
    assert told in problem and "hush" not in problem


def test_it_says_what_was_read_and_what_was_left_out(tmp_path: Path) -> None:
    """Every row is either a point or named."""
    text = "time,a,b\n" + "".join(f"{t},{'' if t == 4 else t},0\n" for t in (*range(10), 100))
    assert series(tmp_path / "t.csv", text, level_column="a").notes == [
        "read 10 rows: time as the time, a as the level, times in seconds",
        "left out 1 rows without a level, the first of them line 6",
        "left out the column b",
        "bridged 1 gap with a straight level, the longest of 91 s where a row comes each 1 s",
    ]
    (one, two, three) = series(tmp_path / "t.csv", LOCUST).notes
    assert "Requests/s as the level of Locust's history" in one and "50%" in two and "1 rows of single" in three


LONG = "Series;Time;Value\napi;0;5\napi;15;20\nweb;0;3\nweb;15;8\n"
BY_TIME = "0,5,api\n0,3,web\n15,20,api\n15,8,web\n"
"""As steps of one series it would be another load."""


def answer_of(*metrics: dict[str, str]) -> str:
    result = [{"metric": metric, "values": [[0, "1"], [15, "2"]]} for metric in metrics]
    return json.dumps({"data": {"resultType": "matrix", "result": result}})


@pytest.mark.parametrize(
    ("text", "wanted", "told"),
    [
        ("time,a,b\n0,1,2\n1,2,3\n", {}, "line 1: 3 columns, and none of them alone is the level: choose one by"),
        ("time,a\n0,1\n", {"level_column": "c"}, "line 1: there is no column c for --trace-level-column; it has 2"),
        (f"{ISO},1\n{ISO}Z,2\n", {}, "line 2: the time has a zone, other than those before it; use UTC in all"),
        (f"{ISO},1\n2026-06-13T09:30:00,2\n", {}, "line 2: the time goes back, from 1781344800 (by an hour or less"),
        (f"{ISO},1\n7,2\n", {}, "line 2: the time is not as those before it, in ISO 8601"),
        ("time,a\n0,nan\n1,2\n2,3\n", {}, "line 2: the level is not a number"),
        ('{"status":"error","error":"bad"}', {}, "no answer of Prometheus to query_range, but its error"),
        ('{"data":{"resultType":"vector","result":[]}}', {}, "the answer to a query of one instant; ask query_range"),
        ('{"data":{"resultType":"matrix","result":[{},{}]}}', {}, "2 series in the answer; ask for one, as sum(…)"),
        ('{"data":{"resultType":"matrix","result":[]}}', {}, "no series in the answer; check the name"),
        ("# HELP up x\n# TYPE up gauge\nup 1\n", {}, "the metrics of a program as they are now; ask the Prometheus"),
        ('{"data":{"resultType":"matrix","result":[{"values":[[0,"NaN"],[1]]}]}}', {}, "value 1: the level is not a"),
        ("Time,a\n0,5 req/s\n", {}, "line 2: the level is not a number; it has a unit: export it without (Grafana"),
        ("Time,a\n0,1.2K\n", {}, "it has a unit"),
        ("06/13/2026 10:00,1\n", {}, "line 1: the time is neither a number nor in ISO 8601, as 2026"),
        (LONG, {}, "t.csv: rows of 2 series, which Series tells apart: keep those of one, or export a column for each"),
        (BY_TIME, {"level_column": "2"}, "t.csv: rows of 2 series, which number 3 tells apart"),
        ("time,level,what\n0,5,a\n15,6,a\n30,7,a\n30,90,b\n45,8,a\n60,91,b\n", {"level_column": "2"}, "rows of 2"),
        (answer_of({"__name__": "http_requests_total"}), {}, "it is a counter, which only rises; ask for its rate("),
        (answer_of({"__name__": "took_seconds_count", "path": "/"}), {}, "it is a counter"),
        (
            answer_of({"__name__": "up", "path": "/a"}, {}),
            {},
            '2 series in the answer; ask for one, as sum(…) makes it, or choose it by its number with '
            '--trace-level-column (1: up{path="/a"})',
        ),
        ('{"data":', {}, "not JSON to its end"),
        ("[" * 100_000, {}, "not JSON to its end"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(
    tmp_path: Path, text: str, wanted: dict[str, Any], told: str
) -> None:
    problems = series(tmp_path / "t.csv", text, **wanted).problems
    assert told in problems[0] and "t.csv" in problems[0]


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    """The address of a service that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_answer_of_prometheus_is_read_from_a_file_and_from_its_address(tmp_path: Path) -> None:
    """What is in the query of the address may be secret; the path is not."""
    answer = {"data": {"resultType": "matrix", "result": [{"values": [[0, "1"], [15.5, "2"]]}, {"values": []}]}}
    found = series(tmp_path / "t.json", json.dumps(answer), level_column="1")
    assert found.points == [(0, 1), (15.5, 2)] and not found.problems
    assert "left out 1 other series" in found.notes[-1]
    with answering(json.dumps(answer).encode()) as url:
        address = f"{url}/api/v1/query_range?query=hush"
        assert read(address, Wanted(level_column="1")).points == found.points
        made = every.shape("trace", trace_file=address, trace_level_column="1", baseline_s=1)
        assert made.problems() == []
        told = " ".join(plan_text.lines("traced", made, 100, "utf-8"))
    assert "read 2 rows: the answer of Prometheus" in told and "query_range" in told and "hush" not in told
    assert header.without_secrets(address) == f"{url}/api/v1/query_range"
    with service.running() as site:
        shape = every.shape("trace", trace_file=f"{site.url}/api/v1/query_range?query=hush", baseline_s=1)
        (problem,) = shape.problems()
    assert "/api/v1/query_range: " in problem and "hush" not in problem


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"status": "error", "errorType": "bad_data", "error": 'invalid parameter "start": cannot parse ""'},
            'it answers 400 (invalid parameter "start": cannot parse "")',
        ),
        (
            {"status": "error", "errorType": "bad_data", "error": '1:1: parse error: unexpected "hush"\nhere'},
            'it answers 400 (1:1: parse error: unexpected "…" here)',
        ),
        ({"status": "error", "message": "hush"}, "it answers 400; "),
        ("hush", "it answers 400; "),
        (["errorType", "error"], "it answers 400; "),
    ],
)
def test_why_prometheus_refuses_a_query_is_said_in_its_words(body: object, told: str) -> None:
    """And how its address has to be; of what is asked, and of whatever else answers, nothing is repeated."""
    with answering(json.dumps(body).encode(), 400) as url:
        (problem,) = read(f"{url}/api/v1/query_range?query=hush", Wanted()).problems
    assert told in problem and "hush" not in problem
    assert "&start=" in problem and "&step=" in problem


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://192.0.2.1/api?key=hush", "--allow-host 192.0.2.1"),
        ("file:///etc/passwd", "Use http:// or https://"),
        ("http://u:hush@127.0.0.1:1/x", "onnection"),
    ],
)
def test_only_an_address_that_load_may_go_to_is_read(url: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_guard, "_guard", connection_guard._Guard())  # armed by nobody before
    (problem,) = read(url, Wanted()).problems
    assert told in problem and "hush" not in problem


NUMBERS = st.floats(0, 1e9, allow_nan=False)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), NUMBERS), min_size=2, max_size=30),
    st.sampled_from(",;\t"),
    st.booleans(),
    st.integers(0, 2),
)
def test_whatever_was_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, float]],
    delimiter: str,
    has_heading: bool,
    before: int,
) -> None:
    """Any delimiter, with or without a heading, with other columns before."""
    rows = sorted({t: (t, level) for t, level in rows}.values())
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    if has_heading:
        writer.writerow([*(f"x{n}" for n in range(before)), "Time", "Anything"])
    writer.writerows([*range(before), t, level] for t, level in rows)
    path = tmp_path_factory.mktemp("traces") / "t.csv"
    found = series(path, text.getvalue(), time_column=str(before + 1), level_column=str(before + 2))
    assert found.points == rows
    assert len(found.problems) == (len(rows) < 2)


@given(st.text(max_size=200), st.sampled_from(["", "1", "2", "time", "é"]))
def test_any_text_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: str, column: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode(errors="surrogatepass"))
    found = read(str(path), Wanted(level_column=column))
    assert found.problems or len(found.points) >= 2
    assert all("any.csv" in problem and "\n" not in problem for problem in found.problems)
