"""What is read of logs, HAR files and series, on both sides of each bound, and what is said of it."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ConfigurationError
from harness.learn import har, source, traffic
from harness.learn.har import MOST_REQUESTS, read_har
from harness.learn.json_lines import moment
from harness.learn.log_file import read_logs
from harness.learn.log_formats import best, misses
from harness.learn.log_lines import COMMON, HAPROXY, Moment, common_moment
from harness.learn.paths import MOST_SAMPLES, Mix, path_of, sendable
from harness.learn.scenario_text import slug
from harness.learn.source import read_source
from harness.learn.traffic import DAY_S, Traffic
from shapes._points import Wanted
from tests.learn.logs import Seen, combined, common, haproxy
from tests.learn.test_har import entry
from tests.learn.test_har import har as har_file

START = 1_781_344_800
WANTED = Wanted(option="-")


def written(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def refused(*names: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_logs(names)
    return list(raised.value.messages)


def test_a_file_is_a_log_where_half_of_its_lines_are(tmp_path: Path) -> None:
    lines = [common(Seen(START)), common(Seen(START + 1)), "hush", "hush"]
    assert read_logs([written(tmp_path / "a.log", *lines)]).total == 2
    (message,) = refused(written(tmp_path / "b.log", *lines, "hush"))
    assert "3 of 5 lines are not nginx or Apache, common or combined, first line 3" in message


def test_a_file_that_is_named_twice_is_told_once(tmp_path: Path) -> None:
    name = written(tmp_path / "a.log", common(Seen(START)))
    assert refused(name, name, name) == [f"{name}: it is named twice"]
    (tmp_path / "other.log").symlink_to(tmp_path / "a.log")
    other = str(tmp_path / "other.log")
    assert refused(name, other) == [f"{other}: it is named twice, also as {name}"]


def test_what_is_said_of_a_log_that_is_whole_and_of_what_it_lacks(tmp_path: Path) -> None:
    title = "nginx or Apache, common or combined"
    seen = [common(Seen(START + n)) for n in (5, 3, 4, 1)]
    (note,) = read_logs([written(tmp_path / "a.log", *seen)]).notes
    backward = "2 lines are earlier than the line before, and each counts at its own time"
    assert note == f"{tmp_path}/a.log: 4 lines, {title}; {backward}"
    empty = '10.0.0.1 - - [13/Jun/2026:10:00:00 +0000] "-" 408 0'
    traffic = read_logs([written(tmp_path / "b.log", common(Seen(START)), empty)])
    assert traffic.notes == [f"{tmp_path}/b.log: 2 lines, {title}; left out 1 without a request"]
    assert (traffic.total, [kind.name for kind in traffic.mix.kinds()]) == (1, ["GET /"])
    odd = common(Seen(START, target="?q=1"))
    traffic = read_logs([written(tmp_path / "f.log", common(Seen(START)), odd)])
    assert traffic.notes == [f"{tmp_path}/f.log: 2 lines, {title}"], "a request, of no path"
    assert ([kind.name for kind in traffic.mix.kinds()], traffic.mix.without_path) == (["GET /"], 1)
    (note,) = read_logs([written(tmp_path / "c.log", common(Seen(START)), "", common(Seen(START + 1)))]).notes
    assert note == f"{tmp_path}/c.log: 3 lines, {title}"
    (tmp_path / "d.log").write_text(f"hush\n{common(Seen(START))}\n{common(Seen(START + 1))}")
    (note,) = read_logs([str(tmp_path / "d.log")]).notes
    assert note.endswith("left out 1 of no such format, the first is line 1")
    (note,) = read_logs([written(tmp_path / "e.log", common(Seen(START)), "hush")]).notes
    assert note.endswith("the first is line 2"), "its last line has an end, so it was not cut off"


@pytest.mark.parametrize(
    ("hours", "is_summer"),
    [
        *(((9.5, 10.5), True), ((-1, 0), True), ((-0.5, 0.5), True)),
        *(((9.5, 11), False), ((1, 2, 3), False), ((-1, 2), False)),
    ],
)
def test_zones_an_hour_apart_may_be_summer_time(tmp_path: Path, hours: tuple[float, ...], is_summer: bool) -> None:
    zones = [timezone(timedelta(hours=each)) for each in hours]
    name = written(tmp_path / "a.log", *(common(Seen(START), zone) for zone in zones))
    (note,) = read_logs([name]).notes
    assert ("summer time begins or ends" in note) is is_summer


def test_who_was_refused_counts_and_is_sent_no_more(tmp_path: Path) -> None:
    statuses = (200, 301, 399, 400, 404, 503, 599)
    lines = [combined(Seen(START, target=f"/{status}?q=1", status=status)) for status in statuses]
    found = read_logs([written(tmp_path / "a.log", *lines)])
    assert (found.total, found.refused, found.with_query) == (7, 4, 7)
    assert sorted(kind.count for kind in found.mix.kinds()) == [3]


def test_times_without_a_zone_are_said_with_what_they_were_taken_as(tmp_path: Path) -> None:
    name = written(tmp_path / "a.log", haproxy(Seen(START)))
    (utc,), (said,) = read_logs([name]).notes, read_logs([name], 3600).notes
    assert utc.endswith("taken as UTC (an hour is missing or doubled where summer time begins or ends)")
    assert "taken as they were said to be (an hour" in said
    both = read_logs([name, written(tmp_path / "b.log", common(Seen(START)))], 3600)
    assert both.span == (START - 3600, START + 1)


def test_the_best_format_is_that_of_most_lines_and_others_are_missed() -> None:
    lines = [
        haproxy(Seen(START)).encode(),
        b"",
        b" ",
        common(Seen(START)).encode(),
        haproxy(Seen(START)).encode(),
        b"x",
    ]
    found, count = best(lines)
    assert (found, count) == (HAPROXY, 2)
    assert list(misses(HAPROXY, lines)) == [3, 5] and list(misses(COMMON, lines)) == [0, 4, 5]


def test_seconds_of_a_log_fall_into_whole_windows() -> None:
    """From 07:59:50 on; the last window is whole only where the last request is in its last second."""
    found = Traffic()
    begins = 20_000 * DAY_S + 8 * 3600 - 10
    for second in (0, 5, 10, 11, 69, 70, 129):
        found.add(begins + second, 2)
    assert (found.span, found.total) == ((begins, begins + 130), 14)
    start, counts = found.counts(60)
    assert (start, counts.tolist()) == (begins + 10, [6, 4])
    found.add(begins + 130, 1)
    assert found.counts(60)[1].tolist() == [6, 4], "of the third window only a second is known"
    day, by_day = found.counts(DAY_S)
    assert (day, by_day.tolist()) == (20_001 * DAY_S, [0])
    later = Traffic()
    later.add(19_999 * DAY_S + DAY_S - 1, 3)
    later.add(20_002 * DAY_S + 59, 4)
    start, counts = later.counts(3600 * 12)
    assert (start, counts.tolist()) == (20_000 * DAY_S, [0, 0, 0, 0])
    assert later.counts(1)[1].sum() == 7 and len(later.counts(1)[1]) == 2 * DAY_S + 61
    midnight = Traffic()
    midnight.add(20_000 * DAY_S - 2, 3)
    midnight.add(20_000 * DAY_S, 4)
    assert midnight.counts(1)[1].tolist() == [3, 0, 4], "the last second is the first of a day"
    even = Traffic()
    even.add(20_000 * DAY_S, 1)
    even.add(20_000 * DAY_S + 119, 1)
    assert even.counts(60)[1].tolist() == [1, 1]


def test_as_many_days_as_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert traffic.MOST_DAYS == 800
    monkeypatch.setattr(traffic, "MOST_DAYS", 2)
    found = Traffic()
    found.add(0, 1)
    found.add(9 * DAY_S, 1)
    found.add(1, 1)
    with pytest.raises(ConfigurationError, match="more than 2 days in these logs"):
        found.add(3 * DAY_S, 1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"0", Moment(0, "+0000")),
        (b"1781344800.9", Moment(START, "+0000")),
        (b"1781344800123", Moment(START, "+0000")),
        (b"-1", None),
        (b"1e19", Moment(10**10, "+0000")),
        (b"1e20", None),
        (b"nan", None),
        (b"2000-10-10T20:55:36", Moment(971_211_336, None)),
        (b"10/Oct/2000:13:55:36", Moment(971_186_136, None)),
        (b"hush", None),
    ],
)
def test_a_time_of_a_log_in_json(text: bytes, wanted: Moment | None) -> None:
    assert moment(text) == wanted


def test_times_at_the_ends_of_a_day_and_of_all_zones() -> None:
    midnight_s = 971_136_000
    assert common_moment(b"10/Oct/2000:23:59:59") == Moment(midnight_s + DAY_S - 1, None)
    assert common_moment(b"10/Oct/2000:00:00:00 +1400") == Moment(midnight_s - 50_400, "+1400")
    assert common_moment(b"01/Jan/1970:00:00:00") == Moment(0, None)
    assert common_moment(b"31/Dec/2000:00:00:00") == Moment(978_220_800, None)


def test_of_a_visit_two_hundred_requests_are_kept_and_each_body_is_asked_for_once(tmp_path: Path) -> None:
    gets = [entry("get", f"https://shop.example/items/{n}") for n in range(MOST_REQUESTS + 3)]
    posts = [entry("POST", "https://shop.example/cart", postData={"text": "hush"}, queryString=[{"name": "a"}])] * 3
    odd = [entry("GE T", "https://shop.example/"), entry("GÉT", "https://shop.example/")]
    found = read_har(har_file(tmp_path / "a.har", *gets, *posts, *odd), "HTTPS://shop.example/")
    assert MOST_REQUESTS == len(found.steps) == 200
    assert found.steps[-1] == har.Step("GET", "/items/199", "/items/{id}")
    assert found.unsent == [("POST", "/cart", "json")]
    assert found.left_out == {
        "after the first 200": 3,
        "POST: its body was removed, and to send it may change data": 3,
        "no path that can be sent": 2,
    }
    kept = {what: count for what, count in found.removed.items() if count}
    assert kept == {"query strings": 3, "bodies": 3}


def test_a_har_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert har.MOST_BYTES == 256 * 2**20
    name = har_file(tmp_path / "a.har", entry("GET", "https://shop.example/"))
    size = Path(name).stat().st_size
    monkeypatch.setattr(har, "MOST_BYTES", size)
    assert read_har(name).host == "https://shop.example"
    with (tmp_path / "a.har").open("ab") as file:
        file.truncate(3 * 2**20 + 1)
    monkeypatch.setattr(har, "MOST_BYTES", 3 * 2**20)
    with pytest.raises(ConfigurationError, match="larger than 3 MB; export it without contents"):
        read_har(name)


def test_what_another_host_would_be_is_said(tmp_path: Path) -> None:
    name = har_file(tmp_path / "a.har", *(entry("GET", f"https://h{n}.example/") for n in range(10)))
    with pytest.raises(ConfigurationError) as raised:
        read_har(name, "https://shop.example")
    assert str(raised.value).endswith("it has " + ", ".join(f"https://h{n}.example" for n in range(8)))


def test_the_kinds_that_are_most_frequent_are_kept() -> None:
    mix = Mix()
    mix.add(Counter({(b"GET", f"/{name}".encode()): count for name, count in (("a", 9), ("b", 5), ("c", 2), ("d", 1))}))
    mix.add(Counter({(b"POST", b"/cart"): 3, (b"POST", b"/order"): 4}))
    kept, left_out = sendable(mix.kinds(), most=2)
    assert [kind.name for kind in kept] == ["GET /a", "GET /b"]
    why = "POST: a log has no bodies, and to send it may change data"
    assert left_out == {"rarer than the 2 most frequent": 3, why: 7}


def test_of_many_paths_of_a_kind_those_asked_for_most_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mix, "MOST_RAW", 0)  # each is folded at once
    mix = Mix()
    for number in range(10 * MOST_SAMPLES + 1):
        mix.add(Counter({(b"GET", f"/items/{number}".encode()): 1 + (number == 7)}))
    (kind,) = mix.kinds()
    assert len(kind.samples) == 2 * MOST_SAMPLES and kind.samples.most_common(1) == [("/items/7", 2)]
    assert kind.count == 10 * MOST_SAMPLES + 2 == 202


def test_a_path_may_have_two_thousand_characters() -> None:
    assert path_of("/" + "a" * 1999) is not None and path_of("/" + "a" * 2000) is None
    assert path_of("/see/http://other.example/x") is not None


@pytest.mark.parametrize(
    ("name", "wanted"), [("Shop.Access log!", "shop-access-log"), ("?", "traffic"), ("a" * 39 + " bc", "a" * 39)]
)
def test_a_name_for_a_file_has_forty_characters(name: str, wanted: str) -> None:
    assert slug(name) == wanted


def series(path: Path, rows: list[tuple[float, float]]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("time", "level"), *rows])
    return str(path)


def test_the_windows_of_a_series_are_its_steps_and_of_several_rows_the_mean(tmp_path: Path) -> None:
    """Rows 61 s apart take windows of two minutes; the first is not at the beginning of one."""
    rows = [(119.0 + 61 * n, float(n)) for n in range(40)]
    found = read_source([series(tmp_path / "a.csv", rows)], None, None, WANTED).observed
    assert (found.start_s, found.window_s, found.unit) == (0, 120, "level")
    assert found.values[:3].tolist() == [0.0, 1.0, 2.5] and len(found.values) == 21
    asked = read_source([series(tmp_path / "b.csv", rows)], 60, None, WANTED)
    assert asked.observed.window_s == 60 and asked.observed.start_s == 60
    assert asked.notes[-1] == "1 of 41 windows of 60 s have no row: nothing is learned from them"
    assert np.flatnonzero(np.isnan(asked.observed.values)).tolist() == [1], "119 s, then 180 s"
    minutes = [(60.04 * n, 1.0) for n in range(40)]
    assert read_source([series(tmp_path / "c.csv", minutes)], None, None, WANTED).observed.window_s == 60


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([(float(n), 1.0) for n in range(9)], "9 windows of 1 s, and 10 are needed"),
        ([(n * 60.0, 1e12) for n in range(10)], ""),
        ([(n * 60.0, 1.1e12) for n in range(10)], "too large to be any"),
        ([(n * 1e6, 1.0) for n in range(10)], ""),
        ([(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3_000_000.0, 1.0)], "3,000,001 windows of 1 s between"),
    ],
)
def test_what_is_no_series_to_learn_from_is_refused(tmp_path: Path, rows: list[tuple[float, float]], told: str) -> None:
    name = series(tmp_path / "a.csv", rows)
    if not told:
        assert np.isfinite(read_source([name], None, None, WANTED).observed.values).sum() == 10
        return
    with pytest.raises(ConfigurationError) as raised:
        read_source([name], None, None, WANTED)
    assert told in str(raised.value)


@pytest.mark.parametrize(("asked", "near"), [(7, 6), (3599, 3600), (90_000, 86_400)])
def test_the_nearest_window_is_told(asked: int, near: int) -> None:
    with pytest.raises(ConfigurationError, match=f"--window-s {asked}: it has to divide a day; the nearest is {near}"):
        read_source(["none.csv"], asked, None, WANTED)


def test_a_long_log_has_three_hundred_thousand_windows_at_most() -> None:
    """30 requests a second for so many seconds, and for one more."""
    assert source.MOST_WINDOWS == 300_000
    for length_s, window_s in ((300_000, 1), (300_001, 2)):
        found = Traffic()
        found.add(START, 1)
        found.add(START + length_s - 1, 30 * length_s)
        assert source._observed(found, None)[0].window_s == window_s
