"""The probe ``queue``: the length of a queue, from a page of either kind."""

from __future__ import annotations

import pytest

from harness import probes
from harness.probes import Reading
from tests.probes.loopback import answer, serving

METRICS = """# TYPE waiting gauge
waiting{pool="a",kind="x"} 3
waiting{pool="b",kind="x"} 4
# TYPE received counter
received_total 120
# TYPE handled counter
handled_total 100
"""
DOCUMENT = '\n {"queue": {"waiting": 7}, "received": 12, "handled": 10}'


@pytest.mark.parametrize(
    ("page", "length", "handled", "expected"),
    [
        (METRICS, "waiting", "", 7),
        (METRICS, 'waiting{pool="b"}', "", 4),
        (METRICS, "received_total", "handled_total", 20),
        (DOCUMENT, "queue.waiting", "", 7),
        (DOCUMENT, "received", "handled", 2),
    ],
)
def test_a_gauge_or_two_counters_of_either_page(page: str, length: str, handled: str, expected: float) -> None:
    with serving(answer(page)) as url:
        (reading,) = probes.load("queue", url=f"{url}/page", length=length, handled=handled).sample()
    assert reading == Reading(f"{url}/page#{length}", {"length": expected})


@pytest.mark.parametrize(
    ("page", "status", "error"),
    [
        (METRICS, "200 OK", "no number is called queue, handled; there are waiting{"),
        (DOCUMENT, "200 OK", "no number is called queue, handled_total; there are queue.waiting, received, handled"),
        ("", "404 Not Found", "HTTP 404 Not Found"),
        ("{", "200 OK", "the answer is neither JSON nor Prometheus text (JSONDecodeError: "),
        ("[" * 100_000, "200 OK", "the answer is neither JSON nor Prometheus text (RecursionError: "),
        ("<html>no</html>", "200 OK", ""),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(page: str, status: str, error: str) -> None:
    handled = "handled" if page is METRICS else "handled_total"
    with serving(answer(page, status)) as url:
        (reading,) = probes.load("queue", url=url, length="queue", handled=handled).sample()
    assert reading.values == {} and reading.error is not None
    assert reading.error.startswith(error) and "\n" not in reading.error
    assert not reading.may_come, "a gauge that is not there is a mistake, and is said before any load"


def test_of_many_numbers_ten_are_named() -> None:
    page = "".join(f"number_{n} {n}\n" for n in range(12))
    with serving(answer(page)) as url:
        (reading,) = probes.load("queue", url=url, length="waiting").sample()
    assert str(reading.error).endswith("there are " + ", ".join(f"number_{n}" for n in range(10)))
