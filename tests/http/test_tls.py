"""TLS: verification, names, tickets, and requests encrypted while their user is parked."""

from __future__ import annotations

import time

import gevent
import pytest

from harness.clients.http_get import NoAnswerError, request
from harness.load.http import Timeouts, TlsSettings
from harness.load.http.gate_connections import WarmConnection
from harness.load.pacing import Start
from tests.http.conftest import Certificates, Make
from tests.http.scripted import CLOSE, END_SESSION, READ, scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def good(certificates: Certificates) -> tuple[str, str]:
    return certificates.certificate, certificates.key


def test_verified_against_our_own_authority(make: Make, certificates: Certificates) -> None:
    """By name, by IPv4 and by IPv6 address; the connection is kept, tickets after the handshake notwithstanding."""
    for ipv6, hosts in ((False, ("localhost", "127.0.0.1")), (True, ("[::1]",))):
        for host in hosts:
            with scripted([READ, OK] * 3, tls=good(certificates), ipv6=ipv6) as server:
                made = make(f"https://{host}:{server.port}", tls=TlsSettings(ca_file=certificates.ca))
                for _ in range(3):
                    assert made.get("/").text == "ok"
                    gevent.sleep(0.02)  # longer than the pool trusts a connection unasked
                assert made.outcomes == ["ok"] * 3
                assert len([one for one in server.seen() if one]) == 1


def test_bad_certificates_are_refused_by_default(make: Make, certificates: Certificates) -> None:
    """An unknown authority, or a certificate for another host: nothing is sent."""
    with scripted([READ, OK], tls=good(certificates)) as server:
        made = make(f"https://localhost:{server.port}")
        made.get("/secret")
        assert made.outcomes == ["tls certificate"] and not any(server.seen())
    with scripted([READ, OK], tls=(certificates.other_host, certificates.other_host)) as server:
        made = make(f"https://localhost:{server.port}", tls=TlsSettings(ca_file=certificates.ca))
        made.get("/secret")
        assert made.outcomes == ["tls certificate"] and not any(server.seen())


def test_verification_can_be_switched_off(make: Make, certificates: Certificates) -> None:
    """For a target with a certificate of its own making."""
    with scripted([READ, OK], tls=good(certificates)) as server:
        assert make(f"https://localhost:{server.port}", tls=TlsSettings(verify=False)).get("/").text == "ok"


def test_authorities_that_cannot_be_read(make: Make) -> None:
    """A mistake of the user, said at once; not an outcome of the target, again and again."""
    for path in ("/nowhere.pem", "/dev/null"):
        with pytest.raises(ValueError, match="ca_file"):
            make("https://localhost:1", tls=TlsSettings(ca_file=path))


def test_a_peer_without_tls(make: Make) -> None:
    """And one that never shakes hands."""
    with scripted([b"HTTP/1.1 400 Plain\r\n\r\n"]) as server:
        made = make(f"https://localhost:{server.port}")
        made.get("/")
    with scripted([5.0]) as server:
        silent = make(f"https://localhost:{server.port}", timeouts=Timeouts(connect_s=0.3))
        silent.get("/")
    with scripted([CLOSE]) as server:
        closing = make(f"https://localhost:{server.port}")
        closing.get("/")
    assert (made.outcomes, silent.outcomes) == (["tls"], ["connect timeout"])
    assert closing.outcomes[0] in ("tls", "connection reset")


def test_large_bodies_both_ways(make: Make, certificates: Certificates) -> None:
    """Many records, in chunks too."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"y" * 3_000_000
    with scripted([READ, answer, READ, OK], tls=good(certificates)) as server:
        made = make(f"https://localhost:{server.port}", tls=TlsSettings(ca_file=certificates.ca))
        assert made.post("/", data=b"x" * 3_000_000).body == b"y" * 3_000_000
        assert made.post("/", data=(b"x" * 100_000 for _ in range(10))).text == "ok"


@pytest.mark.parametrize(
    ("head", "end", "outcome"),
    [
        ("", END_SESSION, "ok"),
        ("", CLOSE, "truncated answer"),
        ("Content-Length: 9\r\n", CLOSE, "ok"),
        ("Content-Length: 99\r\n", END_SESSION, "truncated answer"),
        ("Content-Length: 99\r\n", CLOSE, "truncated answer"),
    ],
)
def test_an_answer_without_length_ends_with_the_session_and_not_with_the_connection(
    make: Make, certificates: Certificates, head: str, end: str, outcome: str
) -> None:
    """Who cuts a connection sends no close_notify, so without one nobody knows that all of it has come."""
    answer = f"HTTP/1.1 200 OK\r\n{head}\r\nall of it".encode()
    with scripted([READ, answer, end], tls=good(certificates)) as server:
        made = make(f"https://localhost:{server.port}", tls=TlsSettings(ca_file=certificates.ca))
        response = made.get("/")
        assert made.outcomes == [outcome] and (response.text == "all of it") == (outcome == "ok")


def test_half_a_page_is_none_for_a_probe_either(certificates: Certificates) -> None:
    page = b"HTTP/1.1 200 OK\r\n\r\npool_in_use 3\n"
    with scripted([READ, page, END_SESSION], [READ, page, CLOSE], tls=good(certificates)) as server:
        url = f"https://localhost:{server.port}/metrics"
        assert request(url, 5, 1000, ca_file=certificates.ca).body == b"pool_in_use 3\n"
        with pytest.raises(NoAnswerError, match=r"^closed without close_notify"):  # there was a session
            request(url, 5, 1000, ca_file=certificates.ca)


def test_session_tickets_are_no_first_byte(make: Make, certificates: Certificates) -> None:
    """A server of TLS 1.3 sends two of them after the handshake, and then nothing: no byte of an answer has come."""
    with scripted([READ], tls=good(certificates)) as server:
        timeouts = Timeouts(total_s=4, first_byte_s=0.3)
        made = make(f"https://localhost:{server.port}", tls=TlsSettings(ca_file=certificates.ca), timeouts=timeouts)
        begun_s = time.monotonic()
        made.get("/")
        assert made.outcomes == ["first byte timeout"] and time.monotonic() - begun_s < 3
        server.seen()
        assert server.handshakes == ["TLSv1.3"]


def test_the_first_byte_is_enough_for_its_time_limit(make: Make, certificates: Certificates) -> None:
    """From then on only the whole counts, however slowly the rest comes."""
    with scripted([READ, OK[:1], 1.3, OK[1:]] * 2, tls=good(certificates)) as server:
        timeouts = Timeouts(total_s=20, first_byte_s=1.0)
        made = make(f"https://localhost:{server.port}", tls=TlsSettings(ca_file=certificates.ca), timeouts=timeouts)
        assert made.get("/").text == "ok" and made.outcomes == ["ok"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_gate_sends_what_was_prepared(make: Make, certificates: Certificates, encrypted: bool) -> None:
    """The gate writes, the user reads: with TLS the bytes were encrypted while the user was parked."""
    with scripted([READ, OK] * 4, tls=good(certificates) if encrypted else None) as server:
        scheme = "https" if encrypted else "http"
        made = make(f"{scheme}://localhost:{server.port}", tls=TlsSettings(ca_file=certificates.ca), concurrency=1)
        for _ in range(2):
            request = made.prepare("GET", "/gate")
            wire = WarmConnection(made.warm_up(), made.payload(request))
            gevent.sleep(0.05)
            assert wire.is_alive()
            start = Start(0.0, 0.0)
            assert wire.note_begun(wire.begin())
            gevent.sleep(0.05)  # the answer is there before the user wakes
            start.sent_s = time.monotonic()
            assert made.send(request, start).text == "ok"
            assert made.send(request).text == "ok"  # and one that the user sends for itself
        assert server.seen()[0].count(b"GET /gate") == 4 and made.outcomes == ["ok"] * 4


def test_prepared_but_not_sent_by_the_gate(make: Make, certificates: Certificates) -> None:
    """The user sends the same request with the bytes that are encrypted; any other needs a new connection."""
    with scripted([READ, OK] * 4, tls=good(certificates)) as server:
        made = make(f"https://localhost:{server.port}", tls=TlsSettings(ca_file=certificates.ca), concurrency=1)
        request, other = made.prepare("GET", "/a"), made.prepare("GET", "/b")
        WarmConnection(made.warm_up(), made.payload(request))
        assert made.send(request).text == "ok"
        WarmConnection(made.warm_up(), made.payload(request))
        assert made.send(other).text == "ok" and made.send(request).text == "ok"
        seen = [one for one in server.seen() if one]
        assert [one.count(b"GET /") for one in seen] == [1, 2]
