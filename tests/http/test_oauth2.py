"""OAuth2 tokens of one user: what is sent, what is kept of the answers, and when they are renewed."""

from __future__ import annotations

import json
import math
import time
from typing import Any
from urllib.parse import parse_qsl

import pytest

from harness.load.http.oauth2 import OAuth2Tokens
from harness.load.pacing import NotReadyError
from tests.http.conftest import Make
from tests.http.scripted import READ, scripted


def answer(document: object, status: str = "200 OK") -> bytes:
    body = json.dumps(document)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def granted(number: int, **more: Any) -> bytes:
    return answer({"access_token": f"access-{number}", "token_type": "Bearer", "expires_in": 100, **more})


def asked(sent: bytes) -> list[tuple[str, dict[str, str]]]:
    """Head and form of each request on a connection."""
    heads = [part for part in sent.decode().split("POST ") if part]
    return [(head, dict(parse_qsl(form))) for head, _, form in (part.partition("\r\n\r\n") for part in heads)]


def test_a_login_and_then_a_refresh_with_the_newest_token(make: Make) -> None:
    first, second = granted(1, refresh_token="refresh-1"), granted(2, refresh_token="refresh-2")
    with scripted([READ, first, READ, second, READ, granted(3)]) as server:
        client = make(server.url)
        tokens = OAuth2Tokens(client, "/token", client_id="app", scope="read write")
        with pytest.raises(NotReadyError):
            tokens.refresh_request()
        tokens.renew("me", "p w")
        assert tokens.header == {"Authorization": "Bearer access-1"}
        assert tokens.renew_at_s == pytest.approx(time.monotonic() + 95, abs=2)
        tokens.renew("me", "p w")  # nothing is due
        tokens.renew_at_s = time.monotonic()
        tokens.renew("me", "p w")
        assert tokens.header == {"Authorization": "Bearer access-2"}
        tokens.refresh()  # its answer has no other refresh token, so the old one stays good
        assert tokens.header == {"Authorization": "Bearer access-3"}
        (sent,) = server.seen()
    forms = [form for _, form in asked(sent)]
    of_all = {"scope": "read write", "client_id": "app"}
    assert forms == [
        {"grant_type": "password", "username": "me", "password": "p w", **of_all},
        {"grant_type": "refresh_token", "refresh_token": "refresh-1", **of_all},
        {"grant_type": "refresh_token", "refresh_token": "refresh-2", **of_all},
    ]
    assert [event["name"] for event in client.events] == ["/token [password]", "/token [refresh]", "/token [refresh]"]


def test_a_client_with_a_secret_shows_it_by_basic(make: Make) -> None:
    with scripted([READ, granted(1)]) as server:
        OAuth2Tokens(make(server.url), "/token", client_id="app", client_secret="s3cret").log_in("me", "pw")
        ((head, form),) = asked(server.seen()[0])
    assert "Authorization: Basic YXBwOnMzY3JldA==" in head and "client_id" not in form


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (answer({"error": "invalid_grant"}, "400 Bad Request"), "http 400"),
        (answer({"error": "invalid_grant"}), "no token"),
        (answer([1]), "no token"),
        (answer({"access_token": ""}), "no token"),
        (answer({"access_token": "a", "token_type": "mac"}), "no token"),
        (answer({"access_token": "a", "expires_in": "soon"}), "no token"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "no token"),
    ],
)
def test_an_answer_without_a_token_is_a_failed_request_and_said(make: Make, sent: bytes, outcome: str) -> None:
    with scripted([READ, sent]) as server:
        client = make(server.url)
        tokens = OAuth2Tokens(client, "/token?key=secret")
        with pytest.raises(NotReadyError, match=rf"^/token \[password\] was answered with {outcome}$"):
            tokens.log_in("me", "pw")
        assert client.outcomes == [outcome]
        with pytest.raises(NotReadyError, match="nobody has logged in yet"):
            _ = tokens.header


def test_who_is_refused_a_refresh_logs_in_the_next_time(make: Make) -> None:
    refused = answer({"error": "invalid_grant"}, "401 Unauthorized")
    with scripted([READ, granted(1, refresh_token="r"), READ, refused, READ, granted(2)]) as server:
        client = make(server.url)
        tokens = OAuth2Tokens(client, "/token")
        tokens.renew("me", "pw")
        tokens.renew_at_s = 0.0
        with pytest.raises(NotReadyError):
            tokens.renew("me", "pw")
        tokens.renew("me", "pw")
        assert tokens.header == {"Authorization": "Bearer access-2"}
    assert client.outcomes == ["ok", "http 401", "ok"]


@pytest.mark.parametrize(
    ("life", "renewed_after_s"),
    [(3, 1.5), (8, 4), (20, 15), ("60", 55), (None, math.inf), (0, math.inf), (-1, math.inf)],
)
def test_a_token_is_renewed_before_it_runs_out_but_not_in_its_first_half(
    make: Make, life: object, renewed_after_s: float
) -> None:
    with scripted([READ, granted(1, expires_in=life)]) as server:
        tokens = OAuth2Tokens(make(server.url), "/token")
        before_s = time.monotonic()
        tokens.log_in("me", "pw")
        assert before_s + renewed_after_s <= tokens.renew_at_s <= time.monotonic() + renewed_after_s
