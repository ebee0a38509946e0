"""The probe ``http_json`` against servers that answer well, badly, or not at all."""

from __future__ import annotations

import socket
import time

import pytest

from harness import probes
from harness.probes import Reading
from harness.probes.http_json import LIMIT_BYTES
from tests.ports import free_port
from tests.probes.loopback import Respond, answer, hanging, raw, serving
from tests.run.runs import naps


def sample(url: str, **parameters: object) -> list[Reading]:
    return list(probes.load("http_json", url=url, **parameters).sample())  # type: ignore[arg-type]


def error_of(respond: Respond, **parameters: object) -> str:
    with serving(respond) as url:
        (reading,) = sample(url, **parameters)
    assert reading.values == {}
    return reading.error or ""


DOCUMENT = '{"pool": {"busy": 3, "name": "main", "full": false}, "lag": [0.5, null, 2e0], "nan": NaN}'


def test_numbers_go_by_their_path() -> None:
    with serving(answer(DOCUMENT)) as url:
        (reading,) = sample(f"{url}/status")
    assert reading == Reading(f"{url}/status", {"pool.busy": 3.0, "pool.full": 0.0, "lag.0": 0.5, "lag.2": 2.0})


def test_keys_select_and_what_is_missing_is_said() -> None:
    with serving(answer(DOCUMENT)) as url:
        good, bad = sample(url, keys=("lag.*", "pool.size"))
    assert good.values == {"lag.0": 0.5, "lag.2": 2.0}
    assert bad.error == "no number at pool.size; numbers there: pool.busy, pool.full, lag.0, lag.2, nan"


def test_user_info_is_sent_and_never_recorded() -> None:
    seen: list[bytes] = []

    def respond(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        answer("1")(connection, request)

    with serving(respond) as url:
        (reading,) = sample(url.replace("//", "//me:secret@") + "/x?token=secret")
    assert b"Authorization: Basic bWU6c2VjcmV0\r\n" in seen[0]
    assert b"GET /x?token=secret HTTP/1.1\r\n" in seen[0] and b"me:secret" not in seen[0]
    assert reading == Reading(f"{url}/x", {"value": 1.0})


def test_an_answer_in_chunks_after_an_early_hint_is_read() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(raw(hint + head + b'3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n')) as url:
        (reading,) = sample(url)
    assert reading.values == {"a": 1.0}


def test_an_answer_that_ends_with_the_connection_is_read() -> None:
    with serving(raw(b"HTTP/1.0 200 OK\r\n\r\n[7]")) as url:
        (reading,) = sample(url)
    assert reading.values == {"0": 7.0}


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (answer("{", "500 Oh dear"), "HTTP 500 Oh dear"),
        (
            answer("", "302 Found", "Location: http://u:p@127.0.0.1/login?next=x\r\n"),
            "to http://127.0.0.1/login",
        ),
        (answer("<html>"), "not JSON"),
        (answer(""), "not JSON"),
        (answer(b"\xff\xfe\x00"), "not JSON"),
        (answer("[" * 100_000), "not JSON"),
        (answer('{"a": "text"}'), "no number in the document"),
        (answer(str(list(range(501)))), "choose some with keys"),
        (answer("1" * (LIMIT_BYTES + 1)), "longer than"),
        (raw(b""), "closed without an answer"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"), "closed in the middle"),
        (raw(b"HTTP/1.1 200"), "closed in the middle"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"),
        (raw(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"), "HTTP"),
    ],
)
def test_nonsense_is_an_error_reading(respond: Respond, words: str) -> None:
    assert words in error_of(respond)


def test_an_integer_too_long_for_a_float_is_left_out() -> None:
    with serving(answer(f'{{"a": 1{"0" * 400}, "b": 1}}')) as url:
        (reading,) = sample(url)
    assert reading.values == {"b": 1.0}


def test_a_target_that_is_away_is_an_error_reading() -> None:
    (reading,) = sample(f"http://127.0.0.1:{free_port()}/")
    assert "connection refused" in (reading.error or "")


def test_an_endpoint_that_hangs_is_given_up_in_time() -> None:
    with hanging() as url, naps() as clock:
        (reading,) = sample(url, timeout_s=0.2)
        assert clock.now_s < 1.5, "not what it has without being told"
    assert "timed out" in (reading.error or "")


def test_an_endpoint_that_drips_does_not_extend_the_deadline() -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _unused in range(100):
            connection.sendall(b"X-Drip: 1\r\n")
            time.sleep(0.05)

    with naps() as clock:
        assert "timed out" in error_of(drip, timeout_s=0.3)
        assert clock.now_s < 1.5, "it drips for 5 s"


@pytest.mark.parametrize("count", [500, 501])
def test_a_document_may_have_five_hundred_numbers(count: int) -> None:
    with serving(answer(str([0] * count))) as url:
        (reading,) = sample(url)
    assert (reading.error is None) is (count == 500)
    assert len(reading.values) == (500 if count == 500 else 0)
