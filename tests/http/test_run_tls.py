"""TLS of a run: every client of it trusts the same authorities and shows the same certificate, to a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment

from harness.clients import tls
from harness.clients.http_get import NoAnswerError, get
from harness.clients.remedies import with_remedy
from harness.clients.tls import RunTls
from harness.load.http.request import parse_base_url
from harness.load.http.settings import TlsSettings
from harness.load.stock_clients import use_run_tls
from harness.load.websocket.connection import Connection
from harness.load.websocket.handshake import ConnectionFailedError, Opening
from harness.load.websocket.transport import PendingWebSocket
from harness.run import health_check
from tests.certificates import Certificates
from tests.http.conftest import Make
from tests.run.echo_service import echoing, with_tls


@pytest.fixture(scope="module")
def server(certificates: Certificates) -> Iterator[str]:
    """Wants a certificate of its clients."""
    with echoing(*with_tls(certificates), scheme="https") as url:
        until_s = time.monotonic() + 20
        tls.arm(of(certificates))
        while not health_check.check(url).ok and time.monotonic() < until_s:
            time.sleep(0.05)
        yield url


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    tls.arm(RunTls())


def of(certificates: Certificates, **other: Any) -> RunTls:
    whole = {"ca_file": certificates.ca, "client_cert": certificates.client, "client_key": certificates.client_key}
    return RunTls(**{**whole, **other})


def websocket(url: str) -> str:
    base, deadline_s = parse_base_url(url), time.monotonic() + 5
    try:
        pending = PendingWebSocket(base.origin, deadline_s)
        Connection(pending, Opening(base, "/feed"), TlsSettings(True, None), 1 << 20, deadline_s).close(0.0)
    except ConnectionFailedError as error:
        return error.outcome
    return "ok"


def stock(session: type[Any], url: str) -> str:
    environment = Environment()
    told: list[Any] = []
    environment.events.request.add_listener(lambda **event: told.append(event["exception"]))
    user = SimpleNamespace(context=dict, environment=environment)
    session(base_url=url, request_event=environment.events.request, user=user, **_pools(session)).get("/page")
    return "ok" if told == [None] else "failed"


def _pools(session: type[Any]) -> dict[str, Any]:
    return {"pool_manager": None} if session is HttpSession else {}


def probe(url: str) -> str:
    try:
        return "ok" if get(f"{url}/page", 5, 10_000).status == 200 else "failed"
    except NoAnswerError as error:
        return str(error)


def test_every_client_of_a_run_is_let_in(make: Make, server: str, certificates: Certificates) -> None:
    """Users, WebSockets, Locust's own users, probes and the health check."""
    use_run_tls()
    tls.arm(of(certificates))
    made = make(server)
    made.get("/page")
    assert made.outcomes == ["ok"]
    assert websocket(server) == "ok"
    assert [stock(session, server) for session in (HttpSession, FastHttpSession)] == ["ok", "ok"]
    assert probe(server) == "ok"
    assert health_check.check(f"{server}/page").ok


def test_without_an_authority_nobody_trusts_the_server(make: Make, server: str) -> None:
    made = make(server)
    made.get("/page")
    assert made.outcomes == ["tls certificate"]
    assert websocket(server).startswith("tls")
    assert stock(HttpSession, server) == "failed"
    assert with_remedy(probe(server)).endswith("name its authority with --ca-file, or correct the host name")


def test_without_a_certificate_the_server_lets_nobody_in(make: Make, server: str, certificates: Certificates) -> None:
    use_run_tls()
    tls.arm(RunTls(ca_file=certificates.ca))
    made = make(server)
    made.get("/page")
    assert made.outcomes[0] in ("tls", "connection reset")  # whichever comes first, its word or its end
    assert websocket(server) != "ok"
    assert [stock(session, server) for session in (HttpSession, FastHttpSession)] == ["failed", "failed"]
    assert with_remedy("TLS failed: tlsv13 alert certificate required").endswith(
        "it wants a certificate; show one with --client-cert"
    )
    assert probe(server) != "ok"


def test_a_run_that_nobody_would_answer_is_not_begun(server: str, certificates: Certificates) -> None:
    """Where there is no health path, the port alone says nothing of it. Users that verify nothing may go on."""
    told: list[Any] = []
    assert not health_check.TargetHealth(server, "", 5, told.append, verified=True).check_before(0).ok
    assert told[-1].detail.startswith("TLS failed: the certificate is not valid")
    assert health_check.TargetHealth(server, "", 5, told.append).check_before(0).ok
    tls.arm(of(certificates))
    assert health_check.TargetHealth(server, "", 5, told.append, verified=True).check_before(0).ok


def test_insecure_verifies_nothing_and_still_shows_who_it_is(
    make: Make, server: str, certificates: Certificates
) -> None:
    use_run_tls()
    tls.arm(of(certificates, ca_file="", insecure=True))
    made = make(server)
    made.get("/page")
    assert made.outcomes == ["ok"]
    assert websocket(server) == probe(server) == "ok"
    assert [stock(session, server) for session in (HttpSession, FastHttpSession)] == ["ok", "ok"]


def test_an_authority_of_a_users_own_goes_before_insecure(make: Make, server: str, certificates: Certificates) -> None:
    tls.arm(of(certificates, ca_file="", insecure=True))
    made = make(server, tls=TlsSettings(ca_file=certificates.other_host))
    made.get("/page")
    assert made.outcomes == ["tls certificate"]


def test_every_problem_names_its_option_and_its_remedy(certificates: Certificates, tmp_path: Any) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    both = f"{certificates.certificate}: no key in it; name the one that has it with --client-key"
    cases = {
        f"--ca-file {empty}: no certificate in it; name a file in PEM": {"ca_file": str(empty)},
        "--ca-file /no/where: cannot be read (No such file or directory); correct the path": {"ca_file": "/no/where"},
        "--insecure and --ca-file: with the one no certificate is verified; leave out one of them": {"insecure": True},
        f"--client-key {certificates.client_key}: name its certificate, too, with --client-cert": {"client_cert": ""},
        f"--client-cert {both}": {"client_cert": certificates.certificate, "client_key": ""},
        f"--client-cert {empty}: no certificate in it; name a file in PEM": {"client_cert": str(empty)},
        f"--client-key {empty}: no key in it; name a file in PEM": {"client_key": str(empty)},
        f"--client-key {certificates.key}: does not belong to the certificate; name its own": {
            "client_key": certificates.key
        },
        f"--client-key {certificates.encrypted_key}: the key has a passphrase, which nobody can give; "
        "name one without": {"client_key": certificates.encrypted_key},
    }
    for problem, other in cases.items():
        assert list(of(certificates, **other).problems()) == [problem]
    assert list(of(certificates).problems()) == []
    assert list(RunTls(certificates.ca, certificates.other_host).problems()) == []


def test_what_the_report_says_names_no_file(certificates: Certificates) -> None:
    for each in (of(certificates), of(certificates, ca_file="", insecure=True)):
        notes = list(each.notes())
        assert len(notes) == 2
        assert not any("/" in note.replace("https://", "") for note in notes)


def test_options_are_read_as_text_and_as_what_they_are() -> None:
    for given, meant in ((True, True), ("yes", True), ("true", True), ("no", False), (False, False), ("odd", False)):
        assert RunTls.of(SimpleNamespace(insecure=given, ca_file=" a ")) == RunTls("a", insecure=meant)
