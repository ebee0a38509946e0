"""Users under a rate limit: what of an answer is an admission, a refusal, or neither."""

from __future__ import annotations

import pytest

from harness.load.users.rate_limited import RateLimitedUser
from harness.recording import ADMITTED, BYPASS, REFUSED
from tests.http.scripted import scripted
from tests.load.single_user import single_user
from tests.load.test_items import answer

OPTIONS = {
    "limited_path": "/limited",
    "key_header": "X-API-Key",
    "instance_header": "X-Instance",
    "open_header": "X-RateLimit-State: fail-open",
}


@pytest.mark.parametrize(
    ("status", "headers", "verdict", "remaining"),
    [
        (200, 'RateLimit: "default";r=9;t=30\r\nX-Instance: a1\r\n', ADMITTED, 9),
        (204, "X-RateLimit-Remaining: 3\r\nX-Instance: a1\r\n", ADMITTED, 3),
        (200, "X-RateLimit-State: fail-open\r\nX-Instance: a1\r\n", BYPASS, None),
        (429, "Retry-After: 1\r\nX-Instance: a1\r\n", REFUSED, None),
        (302, "Location: http://127.0.0.1:9/slow-down\r\nX-Instance: a1\r\n", "", None),
        (503, "X-Instance: a1\r\n", "", None),
    ],
)
def test_only_a_good_answer_admits_and_only_429_refuses(
    status: int, headers: str, verdict: str, remaining: int | None
) -> None:
    with scripted(answer(status, b"", headers)) as service:
        user, node = single_user(RateLimitedUser, service.url, **OPTIONS)
        user.take("key 0", "secret", via="stream")
    (kept,) = node.operations
    assert (kept.key, kept.cache, kept.version, kept.source) == ("key 0", verdict, remaining, "a1")
    assert kept.return_s is not None
