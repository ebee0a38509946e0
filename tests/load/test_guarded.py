"""Users of a service behind a circuit breaker: which answer counts as one of an open breaker."""

from __future__ import annotations

import pytest

from harness.criteria.breaker import BREAKER_OPEN
from harness.load.users.guarded import GuardedHttpUser
from harness.recording.values import OK
from tests.http.scripted import scripted
from tests.load.single_user import single_user
from tests.load.test_items import answer


def outcome_at(url: str, signature: str) -> str:
    user, node = single_user(GuardedHttpUser, url, quote_path="/quote", breaker_signature=signature)
    user.ask_for_quote()
    (piece,) = node.recorder.drain("n")
    return piece.outcome


@pytest.mark.parametrize(
    ("status", "body", "signature", "outcome"),
    [
        (200, b"12.50", "503 circuit open", OK),
        (503, b"Circuit OPEN, come later", "503 circuit open", BREAKER_OPEN),
        (503, b"upstream failed", "503 circuit open", "http 503"),
        (500, b"circuit open", "503 circuit open", "http 500"),
        (503, b"", "503 content-length: 0", BREAKER_OPEN),
        (503, b"anything", "503", BREAKER_OPEN),
    ],
)
def test_an_open_breaker_is_known_by_status_and_text(status: int, body: bytes, signature: str, outcome: str) -> None:
    with scripted(answer(status, body)) as service:
        assert outcome_at(service.url, signature) == outcome
