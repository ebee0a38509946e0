"""The probe ``prometheus`` against pages in the text format, and against what is none."""

from __future__ import annotations

import time

import pytest

from harness import probes
from harness.probes import Reading
from tests.ports import free_port
from tests.probes.loopback import Respond, answer, hanging, raw, serving

PAGE = """\
# HELP pool_in_use Connections in use.
# TYPE pool_in_use gauge
pool_in_use{role="main",db="a\\"b"} 3
pool_in_use{db="c",role="main"} 4.5
pool_size 10
# TYPE logins_total counter
logins_total 7
logins_created 1.7e9
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 1
took_seconds_bucket{le="+Inf"} 2
took_seconds_sum 0.3
took_seconds_count 2
nothing NaN
"""


def sample(*urls: str, **parameters: object) -> list[Reading]:
    return list(probes.load("prometheus", urls=urls, **parameters).sample())  # type: ignore[arg-type]


def names(*metrics: str) -> set[str]:
    with serving(answer(PAGE)) as url:
        (reading,) = sample(f"{url}/metrics", metrics=metrics)
    return set(reading.values)


def test_labels_are_part_of_the_key_in_alphabetical_order() -> None:
    with serving(answer(PAGE)) as url:
        (reading,) = sample(f"http://u:secret@{url[7:]}/metrics", metrics=("pool_*",))
    values = {'pool_in_use{db="a\\"b",role="main"}': 3.0, 'pool_in_use{db="c",role="main"}': 4.5}
    assert reading == Reading(url[7:], {**values, "pool_size": 10.0})


def test_without_a_choice_all_but_the_bulky_is_read() -> None:
    there = {key.partition("{")[0] for key in names()}
    assert there == {"pool_in_use", "pool_size", "logins_total", "took_seconds_sum", "took_seconds_count"}


def test_buckets_are_read_where_asked_for() -> None:
    assert names("took_*_bucket") == {'took_seconds_bucket{le="0.1"}', 'took_seconds_bucket{le="+Inf"}'}
    assert names("logins*") == {"logins_total"}


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (answer("", "503 Service Unavailable"), "HTTP 503 Service Unavailable"),
        (answer("", "301 Moved", "Location: /metrics/\r\n"), "to /metrics/, which is not followed"),
        (answer("<html><body>hello</body></html>"), "not Prometheus text"),
        (answer(b"\xff\xff"), "not Prometheus text"),
        (answer('a{b="c} 1'), "not Prometheus text"),
        (answer(""), "no metric named anything"),
        (answer("".join(f'a{{n="{n}"}} 1\n' for n in range(501))), "choose some with metrics"),
        (raw(b"garbage\r\n\r\n"), "not HTTP"),
    ],
)
def test_nonsense_is_an_error_reading(respond: Respond, words: str) -> None:
    with serving(respond) as url:
        (reading,) = sample(url)
    assert reading.values == {}
    assert words in (reading.error or "")


def test_of_several_instances_each_is_a_source_and_none_delays_another() -> None:
    with serving(answer("a 1")) as good, hanging() as slow, hanging() as slower:
        began_s = time.monotonic()
        away = f"http://127.0.0.1:{free_port()}"
        readings = sample(slow, good, slower, away, timeout_s=3)
        took_s = time.monotonic() - began_s
    assert [reading.source for reading in readings] == [url[7:] for url in (slow, good, slower, away)]
    assert [bool(reading.error) for reading in readings] == [True, False, True, True]
    assert took_s < 5.5  # one after the other it would be 6 s
